package client

import (
	"context"
	"net/http"

	"ostiary/internal/doors/wire"
)

// CreateTokens makes software tokens. The answer is the only one that shows
// their links, or the secret of one, if that was asked for.
func (c *Client) CreateTokens(ctx context.Context, r wire.TokenRequest) (made wire.NewTokens, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"tokens"}, body: r, answer: &made,
		unbounded: true})
	return made, err
}

// RenewEnrolment gives a new enrolment link for a PENDING token.
func (c *Client) RenewEnrolment(ctx context.Context, s Selector) (e wire.Enrolment, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"tokens", s.Serial, "enrolment"},
		query: s.query(), answer: &e})
	return e, err
}

// Confirm makes a PENDING token VALID by its first code; valid is false if it is
// not the right one.
func (c *Client) Confirm(ctx context.Context, s Selector, otp string) (valid bool, err error) {
	var answer wire.VerifyResponse
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"tokens", s.Serial, "confirm"}, query: s.query(),
		body: wire.ConfirmRequest{OTP: otp}, answer: &answer})
	return answer.Valid, err
}
