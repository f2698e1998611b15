package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/internal/core/authz"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/seal"
)

type createTokensInput struct{ Body wire.TokenRequest }
type createTokensOutput struct{ Body wire.NewTokens }
type enrolmentOutput struct{ Body wire.Enrolment }
type confirmInput struct {
	Selector
	Body wire.ConfirmRequest
}

func (a *API) creationRoutes() {
	op := func(id, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: http.MethodPost, Path: path, Summary: summary,
			Tags:   []string{"Tokens"},
			Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict}}
	}
	create := op("create-tokens", "/api/v1/tokens", "Create software tokens")
	create.DefaultStatus = http.StatusCreated
	create.Description = "Creates tokens of a software type, PENDING until their first code. Those of types without " +
		"an activation come with a link, " +
		"good once, at which their users enrol an authenticator app."
	register(a, authz.TokenCreate, create, a.createTokens)
	register(a, authz.TokenCreate, op("renew-enrolment", "/api/v1/tokens/{serial}/enrolment",
		"Create a new enrolment link for a PENDING token whose secret was not shown yet"),
		func(ctx context.Context, c caller, in *Selector) (*enrolmentOutput, error) {
			link, expires, err := a.cfg.Lifecycle.RenewLink(ctx, in.selector(), c.origin())
			if err != nil {
				return nil, err
			}
			return &enrolmentOutput{a.Enrolment(link, expires)}, nil
		})
	register(a, authz.TokenConfirm, op("confirm-token", "/api/v1/tokens/{serial}/confirm",
		"Make a PENDING token VALID by its first code"),
		func(ctx context.Context, c caller, in *confirmInput) (*verifyOutput, error) {
			valid, err := a.cfg.Verifier.Confirm(
				ctx, codes.ConfirmRequest{Lookup: in.lookup(), OTP: in.Body.OTP, Origin: c.origin()})
			return &verifyOutput{wire.VerifyResponse{Valid: valid}}, err
		})
}

func (a *API) createTokens(ctx context.Context, c caller, in *createTokensInput) (*createTokensOutput, error) {
	req := lifecycle.CreateRequest{Type: in.Body.Type, Count: 1, User: in.Body.User, Label: in.Body.Label,
		Profile: in.Body.Profile, Reveal: in.Body.Reveal, Origin: c.origin()}
	set(&req.Count, in.Body.Count)
	made, err := a.cfg.Lifecycle.Create(ctx, req)
	if err != nil {
		return nil, err
	}
	out := &createTokensOutput{wire.NewTokens{Tokens: make([]wire.NewToken, len(made.Tokens)), Missing: made.Missing}}
	if made.Why != nil {
		out.Body.Problem = a.problem(ctx, c, made.Why).Detail
	}
	for i, t := range made.Tokens {
		out.Body.Tokens[i] = a.newToken(t)
	}
	return out, nil
}

func (a *API) newToken(t lifecycle.Created) wire.NewToken {
	n := wire.NewToken{Token: a.wireToken(t.Token), URI: string(t.URI.Bytes())}
	if t.Link.Len() > 0 {
		n.Enrolment = new(a.Enrolment(t.Link, t.Expires))
	}
	return n
}

// Enrolment makes the link of which a user gets the secret part behind the #,
// which browsers do not send and servers do not log.
func (a *API) Enrolment(link seal.Secret, expires time.Time) wire.Enrolment {
	return wire.Enrolment{URL: strings.TrimSuffix(a.cfg.PublicURL, "/") + "/enrol#" + string(link.Bytes()),
		Expires: expires}
}

// Listening tells where the server can be reached, for links, unless it was
// configured. It is called before the first request is served.
func (a *API) Listening(url string) {
	if a.cfg.PublicURL == "" {
		a.cfg.PublicURL = url
	}
}
