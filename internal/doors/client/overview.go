package client

import (
	"context"
	"net/http"
	"time"

	"ostiary/internal/doors/wire"
)

// CountTokens gives how many tokens there are.
func (c *Client) CountTokens(ctx context.Context) (counts wire.TokenOverview, err error) {
	err = c.call(ctx, request{method: http.MethodGet, path: []string{"overview", "tokens"}, answer: &counts})
	return counts, err
}

// CountCodes gives how many codes were accepted and refused from one time to another, by the
// hour or by the day.
func (c *Client) CountCodes(ctx context.Context, from, to time.Time, by string) (counts wire.CodeOverview, err error) {
	q := values("by", by, "from", from.UTC().Format(time.RFC3339), "to", to.UTC().Format(time.RFC3339))
	err = c.call(ctx, request{method: http.MethodGet, path: []string{"overview", "codes"}, query: q, answer: &counts})
	return counts, err
}
