package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/activation"
	"ostiary/internal/core/authz"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/activations"
	"ostiary/internal/engine/selfservice"
)

type issueLinkInput struct {
	Name string `path:"name" maxLength:"128"`
	Body wire.UserLinkRequest
}
type issueLinkOutput struct{ Body wire.UserLink }

func (a *API) linkRoutes() {
	op := huma.Operation{OperationID: "issue-link", Method: http.MethodPost, Path: "/api/v1/users/{name}/link",
		Summary: "Make a link that lets a user do one thing in self-service", Tags: []string{"Users"},
		DefaultStatus: http.StatusCreated,
		Description: "The link works once, within 30 minutes. For an activation it begins the activation, by the route " +
			"online, and its password is in the answer; whoever may not begin it, or create a token for an app, gets no link.",
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict}}
	register(a, authz.UserLink, op, a.issueLink)
}

func (a *API) issueLink(ctx context.Context, c caller, in *issueLinkInput) (*issueLinkOutput, error) {
	r := in.Body
	needs := authz.ActivationStart
	if r.For == string(selfservice.ForApp) {
		needs = authz.TokenCreate
	}
	if err := c.may(needs); err != nil {
		return nil, err
	}
	l, err := a.cfg.SelfService.IssueLink(ctx, selfservice.LinkRequest{User: in.Name, For: selfservice.Purpose(r.For),
		Serial: r.Serial, Reason: activations.Reason(r.Reason), By: c.principal, Origin: c.origin()})
	if err != nil {
		return nil, err
	}
	return &issueLinkOutput{wire.UserLink{User: l.User, For: r.For, Serial: r.Serial, Expires: l.Expires,
		Link:     a.server() + "/me/link#" + string(l.Text.Bytes()),
		Password: activation.Group(string(l.Password.Bytes()))}}, nil
}
