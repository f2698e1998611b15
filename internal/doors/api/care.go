package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/lifecycle"
)

type replaceInput struct {
	Selector
	Body wire.ReplaceRequest
}

type datesInput struct {
	Selector
	Body wire.DatesRequest
}

type labelInput struct {
	Selector
	Body wire.LabelRequest
}

func (a *API) careRoutes() {
	op := func(id, verb, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: http.MethodPost, Path: "/api/v1/tokens/{serial}/" + verb,
			Summary: summary, Tags: []string{"Tokens"},
			Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict}}
	}
	replace := op("replace-token", "replace", "Give a user another token instead of this one")
	replace.DefaultStatus = http.StatusCreated
	replace.Description = "Revokes and unassigns the token, and gives the user another one, of the same " +
		"type or of another: a new software token, which the answer shows as " +
		"create-tokens does, or the free hardware token that the request names. All of this happens, or nothing."
	register(a, authz.TokenReplace, replace, a.replaceToken)
	register(a, authz.TokenDates, op("set-token-dates", "dates", "Change when a token is valid"), a.setDates)
	register(a, authz.TokenLabel, op("set-token-label", "label", "Change the label of a token"),
		func(ctx context.Context, c caller, in *labelInput) (*tokenOutput, error) {
			return a.token(a.cfg.Lifecycle.SetLabel(ctx, in.selector(), in.Body.Label, c.origin()))
		})
}

func (a *API) replaceToken(ctx context.Context, c caller, in *replaceInput) (*createTokensOutput, error) {
	req := lifecycle.ReplaceRequest{Selector: in.selector(), By: in.Body.By, Type: in.Body.Type, Reason: in.Body.Reason,
		Origin: c.origin()}
	if in.Body.State != "" {
		var err error
		if req.State, err = token.ParseState(in.Body.State); err != nil {
			return nil, fault.New(fault.Invalid, "state", err.Error())
		}
	}
	r, err := a.cfg.Lifecycle.Replace(ctx, req)
	if err != nil {
		return nil, err
	}
	return &createTokensOutput{wire.NewTokens{Tokens: []wire.NewToken{a.newToken(r.New)}}}, nil
}

func (a *API) setDates(ctx context.Context, c caller, in *datesInput) (*tokenOutput, error) {
	var req lifecycle.DatesRequest
	for _, d := range []struct {
		name string
		text *string
		at   **time.Time
	}{{"valid_from", in.Body.ValidFrom, &req.From}, {"valid_until", in.Body.ValidUntil, &req.Until}} {
		if d.text == nil {
			continue
		}
		at, err := time.Parse(time.RFC3339, *d.text)
		if err != nil && *d.text != "none" {
			return nil, fault.New(fault.Invalid, "dates", "The date "+d.name+" is not a time in RFC 3339, such as "+
				"2027-01-31T00:00:00Z, or none.")
		}
		*d.at = &at
	}
	return a.token(a.cfg.Lifecycle.SetDates(ctx, in.selector(), req, c.origin()))
}
