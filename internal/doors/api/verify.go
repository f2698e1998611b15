package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/peer"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/users"
	"ostiary/internal/store"
)

type verifyInput struct{ Body wire.VerifyRequest }
type verifyOutput struct{ Body wire.VerifyResponse }

func (a *API) verifyRoutes() {
	a.used = append(a.used, authz.VerifyWide)
	register(a, authz.Verify, huma.Operation{
		OperationID: "verify", Method: http.MethodPost, Path: verifyPath, Tags: []string{"Codes"},
		Summary: "Check a code",
		Description: "Checks one code against a token (serial) or against all tokens of a user. A right code is " +
			"used up: it is never accepted again. " +
			"All refusals look the same; the audit log has the reason, and explain asks for it. Called by the role verifier, an acceptance " +
			"is an authentication and sets last_used; " +
			"called by an administrator it is a check. " +
			"503: the code was not checked and is not used. 500 with the code outcome_unknown, or a connection " +
			"that breaks without an answer: the code may be used up; ask for the next one.",
		MaxBodyBytes: verifyBody, BodyReadTimeout: verifyWait,
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusConflict,
			http.StatusInternalServerError, http.StatusServiceUnavailable},
	}, a.verify)
}

func (a *API) verify(ctx context.Context, c caller, in *verifyInput) (*verifyOutput, error) {
	req := in.Body
	if req.Resynchronize {
		if err := c.may(authz.VerifyWide); err != nil {
			return nil, err
		}
	}
	if req.Explain {
		if err := c.may(authz.TokenView); err != nil {
			return nil, err
		}
	}
	lookup := store.Lookup{Serial: req.Serial, Type: req.Type, Manufacturer: req.Manufacturer, KeyID: req.KeyID}
	if req.User != "" {
		name, err := users.Canonical(req.User)
		if err != nil {
			return nil, err
		}
		lookup.User = name
	}
	client, err := clientOf(req.Client)
	if err != nil {
		return nil, err
	}
	verdict, err := a.cfg.Verifier.Explain(ctx, codes.Request{
		Lookup: lookup, OTP: req.OTP, Wide: req.Resynchronize,
		Authentication: c.principal.Role == authz.Verifier,
		MayList:        authz.Allows(c.principal, authz.TokenView),
		Client:         client,
		Origin:         c.origin(),
	})
	if err != nil {
		return nil, err
	}
	a.metrics.verified(verdict.Valid)
	out := &verifyOutput{wire.VerifyResponse{Valid: verdict.Valid}}
	if req.Explain {
		out.Body.Reason, out.Body.Ahead = string(verdict.Reason), verdict.Ahead
	}
	return out, nil
}

// clientOf reads the client that a caller speaks for; it is empty where the caller names
// none.
func clientOf(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	client, err := peer.Client(text)
	if err != nil {
		err = fault.New(fault.Invalid, "client", fmt.Sprintf("The client is not valid: %v.", err)).
			WithHint("Send the IP address that presents the code, or a name of 1 to 64 bytes.")
	}
	return client, err
}
