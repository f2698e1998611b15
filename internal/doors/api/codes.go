package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/internal/core/authz"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/tempcodes"
)

type issueCodesInput struct {
	Name string `path:"name" maxLength:"128"`
	Body wire.TemporaryCodeRequest
}
type issueCodesOutput struct{ Body wire.TemporaryCodes }
type revokeCodesOutput struct{ Body wire.RevokedCodes }

func (a *API) codeRoutes() {
	op := func(id, method, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: "/api/v1/users/{name}/codes", Summary: summary,
			Tags:   []string{"Users"},
			Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict}}
	}
	issue := op("issue-codes", http.MethodPost, "Issue temporary codes for a user")
	issue.DefaultStatus = http.StatusCreated
	issue.Description = "Creates codes that the user may present once each, where the login asks by user, instead of " +
		"a token's. " +
		"Unused codes issued before are revoked."
	register(a, authz.UserCode, issue, a.issueCodes)
	register(a, authz.UserCode, op("revoke-codes", http.MethodDelete, "Revoke a user's unused temporary codes"),
		func(ctx context.Context, c caller, in *userInput) (*revokeCodesOutput, error) {
			name, n, err := a.cfg.Temporary.Revoke(ctx, in.Name, c.origin())
			return &revokeCodesOutput{wire.RevokedCodes{User: name, Revoked: n}}, err
		})
}

func (a *API) issueCodes(ctx context.Context, c caller, in *issueCodesInput) (*issueCodesOutput, error) {
	req := tempcodes.Request{User: in.Name, Count: tempcodes.DefaultCount, Hours: tempcodes.DefaultHours,
		Origin: c.origin()}
	set(&req.Count, in.Body.Count)
	set(&req.Hours, in.Body.Hours)
	issued, err := a.cfg.Temporary.Issue(ctx, req)
	if err != nil {
		return nil, err
	}
	out := &issueCodesOutput{wire.TemporaryCodes{User: issued.User, Codes: make([]string, len(issued.Codes)),
		Expires: issued.Expires}}
	for i, code := range issued.Codes {
		out.Body.Codes[i] = string(code.Bytes())
	}
	return out, nil
}
