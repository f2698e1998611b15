package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/authz"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/activations"
	"ostiary/internal/engine/tokens"
)

type deviceInput struct {
	RawBody []byte `contentType:"application/cbor" required:"true"`
}
type deviceOutput struct {
	ContentType string `header:"Content-Type"`
	Body        []byte `contentType:"application/cbor"`
}
type startOwnInput struct{ Body wire.OwnActivationRequest }
type confirmOwnInput struct{ Body wire.OwnActivationConfirm }

// deviceRoutes are for apps. They need no key: the registration code is what gives
// the right, and proves both sides to each other.
func (a *API) deviceRoutes() {
	open := func(id, path, summary string, do func(context.Context, []byte, audit.Origin) ([]byte, error)) {
		op := huma.Operation{OperationID: id, Method: http.MethodPost, Path: path, Summary: summary,
			Tags: []string{"Activation by an app"}, MaxBodyBytes: 4 << 10,
			Description: "docs/protocol.md, Online exchange, says what is sent and answered.",
			Security:    []map[string][]string{},
			Errors: []int{http.StatusForbidden, http.StatusConflict, http.StatusUnprocessableEntity,
				http.StatusTooManyRequests},
			Responses: map[string]*huma.Response{"200": {Description: "The answer", Content: map[string]*huma.MediaType{
				"application/cbor": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}}}
		huma.Register(a.huma, op, func(ctx context.Context, in *deviceInput) (*deviceOutput, error) {
			c := callerOf(ctx)
			answer, err := do(ctx, in.RawBody, audit.Origin{Actor: "device", Source: c.source, Request: c.request})
			if err != nil {
				return nil, a.problem(ctx, c, err)
			}
			return &deviceOutput{"application/cbor", answer}, nil
		})
	}
	open("activate", "/api/v1/activate", "Take an offer", a.cfg.Activations.Take)
	open("activate-confirm", "/api/v1/activate/confirm", "Confirm an activation", a.cfg.Activations.ConfirmOnline)
}

// selfServiceRoutes are for a portal that has signed a user in.
func (a *API) selfServiceRoutes() {
	op := func(id, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: http.MethodPost, Path: path, Summary: summary,
			Tags:   []string{"Self-service"},
			Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict}}
	}
	start := op("start-own-activation", "/api/v1/self-service/activation", "Begin an activation that a user asks for")
	start.Description = "The user presents a code of another token, so that a password alone is not enough to create a second " +
		"factor. It is used up."
	start.DefaultStatus = http.StatusCreated
	register(a, authz.SelfService, start, func(ctx context.Context, c caller, in *startOwnInput) (*activationOutput,
		error) {
		started, err := a.cfg.Activations.StartOwn(
			ctx, activations.OwnRequest{User: in.Body.User, Serial: in.Body.Serial,
				Reason: activations.Reason(in.Body.Reason), Code: in.Body.Code, Origin: c.origin()})
		if err != nil {
			return nil, err
		}
		out, err := a.wireActivation(started, string(activations.Online))
		return &activationOutput{out}, err
	})
	register(a, authz.SelfService, op("confirm-own-activation", "/api/v1/self-service/activation/confirm",
		"Confirm the open activation of a user's token"),
		func(ctx context.Context, c caller, in *confirmOwnInput) (*activationResultOutput, error) {
			return activationResult(
				a.cfg.Activations.ConfirmOwn(ctx, in.Body.User,
					activations.Typed{Token: tokens.Selector{Serial: in.Body.Serial},
						OTP: in.Body.OTP, NextOTP: in.Body.NextOTP, Derivation: in.Body.Derivation,
						Origin: c.origin()}))
		})
}
