package client

import (
	"context"
	"net/http"

	"ostiary/internal/doors/wire"
)

// IssueCodes gives a user temporary codes. The answer is the only one that shows
// them.
func (c *Client) IssueCodes(ctx context.Context, user string, r wire.TemporaryCodeRequest) (codes wire.TemporaryCodes,
	err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"users", user, "codes"}, body: r, answer: &codes})
	return codes, err
}

// RevokeCodes ends the temporary codes that a user has not used.
func (c *Client) RevokeCodes(ctx context.Context, user string) (r wire.RevokedCodes, err error) {
	err = c.call(ctx, request{method: http.MethodDelete, path: []string{"users", user, "codes"}, answer: &r})
	return r, err
}

// Replace gives the user of a token another one. The answer is the only one that
// shows the link of a new token.
func (c *Client) Replace(ctx context.Context, s Selector, r wire.ReplaceRequest) (made wire.NewTokens, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"tokens", s.Serial, "replace"}, query: s.query(),
		body: r, answer: &made})
	return made, err
}

// SetLabel changes the label of a token; an empty one is none.
func (c *Client) SetLabel(ctx context.Context, s Selector, label string) (wire.Token, error) {
	return c.token(ctx, http.MethodPost, s, "label", wire.LabelRequest{Label: label})
}

// SetDates changes when a token is valid.
func (c *Client) SetDates(ctx context.Context, s Selector, r wire.DatesRequest) (wire.Token, error) {
	return c.token(ctx, http.MethodPost, s, "dates", r)
}
