package client

import (
	"context"
	"net/http"

	"ostiary/internal/wire"
)

// IssueCodes gives a user temporary codes. The answer is the only one that shows
// them.
func (c *Client) IssueCodes(ctx context.Context, user string, r wire.TemporaryCodeRequest) (codes wire.TemporaryCodes, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"users", user, "codes"}, body: r, answer: &codes})
	return codes, err
}

// RevokeCodes ends the temporary codes that a user has not used.
func (c *Client) RevokeCodes(ctx context.Context, user string) (r wire.RevokedCodes, err error) {
	err = c.call(ctx, request{method: http.MethodDelete, path: []string{"users", user, "codes"}, answer: &r})
	return r, err
}
