package client

import (
	"context"
	"net/http"

	"ostiary/internal/doors/wire"
)

// AddUsers adds the users of a list.
func (c *Client) AddUsers(ctx context.Context, r wire.UserListRequest) (report wire.UserListReport, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"user-lists"}, body: r, answer: &report})
	return report, err
}
