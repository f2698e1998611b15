package client

import (
	"context"
	"net/http"

	"ostiary/internal/doors/wire"
)

// Activate begins an activation of a token. The answer is the only one that shows
// its codes.
func (c *Client) Activate(ctx context.Context, s Selector, r wire.ActivationRequest) (a wire.Activation, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"tokens", s.Serial, "activation"},
		query: s.query(), body: r, answer: &a})
	return a, err
}

// Activations tells how those of a token stand.
func (c *Client) Activations(ctx context.Context, s Selector) (o wire.ActivationOverview, err error) {
	err = c.call(ctx, request{method: http.MethodGet, path: []string{"tokens", s.Serial, "activation"},
		query: s.query(), answer: &o})
	return o, err
}

// ConfirmActivation presents what a device shows.
func (c *Client) ConfirmActivation(ctx context.Context, s Selector, r wire.ActivationConfirm) (
	result wire.ActivationResult, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"tokens", s.Serial, "activation", "confirm"},
		query: s.query(), body: r, answer: &result})
	return result, err
}

// CancelActivation ends the open one.
func (c *Client) CancelActivation(ctx context.Context, s Selector) (t wire.Token, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"tokens", s.Serial, "activation", "cancel"},
		query: s.query(), answer: &t})
	return t, err
}

// ResetActivation lets counts begin anew.
func (c *Client) ResetActivation(ctx context.Context, s Selector, which wire.ActivationReset) (
	t wire.Token, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"tokens", s.Serial, "activation", "reset"},
		query: s.query(), body: which, answer: &t})
	return t, err
}

// Unbind discards the secret of a token.
func (c *Client) Unbind(ctx context.Context, s Selector) (t wire.Token, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"tokens", s.Serial, "activation", "unbind"},
		query: s.query(), answer: &t})
	return t, err
}

// ActivateAhead makes tokens with activations for nobody yet.
func (c *Client) ActivateAhead(ctx context.Context, r wire.ActivationsRequest) (made wire.Activations, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"activations"}, body: r, answer: &made,
		unbounded: true})
	return made, err
}
