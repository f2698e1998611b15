package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/credentials"
)

type startSessionInput struct{ Body wire.SessionRequest }
type sessionOutput struct{ Body wire.Session }
type setPasswordInput struct{ Body wire.PasswordRequest }
type passwordOutput struct{ Body wire.Password }

func (a *API) sessionRoutes() {
	// The one operation that needs no right: it is where rights come from.
	huma.Register(a.huma, huma.Operation{
		OperationID: "start-session", Method: http.MethodPost, Path: "/api/v1/session", Tags: []string{"Sessions"},
		Summary: "Sign in as an administrator with the password", DefaultStatus: http.StatusCreated, MaxBodyBytes: 4 << 10,
		Security: []map[string][]string{}, Errors: []int{http.StatusUnauthorized, http.StatusTooManyRequests},
	}, func(ctx context.Context, in *startSessionInput) (*sessionOutput, error) {
		c := callerOf(ctx)
		if strings.EqualFold(in.Body.Name, credentials.RootName) {
			token, until, err := a.cfg.Root.Start(ctx, in.Body.Password, c.origin())
			if err != nil {
				return nil, a.problem(ctx, c, err)
			}
			return &sessionOutput{wire.Session{Token: token, Until: until,
				SecondFactor: string(credentials.FactorNone)}}, nil
		}
		token, s, err := a.cfg.Accounts.SignIn(ctx, credentials.SignIn{Name: in.Body.Name, Password: in.Body.Password,
			Kind: credentials.Bearer}, c.origin())
		if err != nil {
			return nil, a.problem(ctx, c, err)
		}
		return wireSession(token, s), nil
	})
	register(a, authz.SessionManage, huma.Operation{
		OperationID: "end-session", Method: http.MethodDelete, Path: "/api/v1/session", Tags: []string{"Sessions"},
		Summary: "Sign out", DefaultStatus: http.StatusNoContent,
	}, func(ctx context.Context, c caller, _ *struct{}) (*struct{}, error) {
		if c.session != nil {
			return &struct{}{}, a.cfg.Accounts.SignOut(ctx, *c.session, c.origin())
		}
		ended, err := a.cfg.Root.End(ctx, c.bearer, c.origin())
		if err == nil && !ended {
			err = fault.New(fault.Conflict, "no_session", "The request was made with an API key, which has no "+
				"session to end.")
		}
		return &struct{}{}, err
	})
	register(a, authz.RootPassword, huma.Operation{
		OperationID: "reset-root-password", Method: http.MethodPost, Path: "/api/v1/root-password",
		Tags:    []string{"Sessions"},
		Summary: "Give ROOT a new random password; it is shown this once and ends ROOT's sessions",
	}, func(ctx context.Context, c caller, _ *struct{}) (*passwordOutput, error) {
		password, err := a.cfg.Root.SetPassword(ctx, c.origin())
		return &passwordOutput{wire.Password{Password: password}}, err
	})
	register(a, authz.RootPassword, huma.Operation{
		OperationID: "set-root-password", Method: http.MethodPut, Path: "/api/v1/root-password",
		Tags: []string{"Sessions"}, DefaultStatus: http.StatusNoContent,
		Summary: "Set the password of ROOT; it ends ROOT's sessions",
	}, func(ctx context.Context, c caller, in *setPasswordInput) (*struct{}, error) {
		return &struct{}{}, a.cfg.Root.ChoosePassword(ctx, in.Body.Password, c.origin())
	})
}
