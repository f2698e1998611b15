package client

import (
	"context"
	"net/http"

	"ostiary/internal/doors/wire"
)

// IssueLink makes a link that lets a user do one thing in self-service.
func (c *Client) IssueLink(ctx context.Context, user string, r wire.UserLinkRequest) (l wire.UserLink, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"users", user, "link"}, body: r, answer: &l})
	return l, err
}
