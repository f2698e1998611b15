package client

import (
	"context"
	"net/http"

	"ostiary/internal/doors/wire"
)

// Events lists events that were not sent: those that wait, or those that were given up.
func (c *Client) Events(ctx context.Context, dead bool, p Page) (list wire.EventList, err error) {
	q := values()
	if dead {
		q = values("dead", "true")
	}
	err = c.call(ctx, request{method: http.MethodGet, path: []string{"events"}, query: p.add(q), answer: &list})
	return list, err
}

// RetryEvent sends an event again.
func (c *Client) RetryEvent(ctx context.Context, id string) (r wire.EventRetry, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"events", id, "retry"}, answer: &r})
	return r, err
}

// RetryEvents sends all events again that were given up.
func (c *Client) RetryEvents(ctx context.Context) (r wire.EventRetry, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"events", "retry"}, answer: &r})
	return r, err
}

// TestEvents sends a message that tests the receiver.
func (c *Client) TestEvents(ctx context.Context) (list wire.EventTestList, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"events", "test"}, answer: &list})
	return list, err
}
