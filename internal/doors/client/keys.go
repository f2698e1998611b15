package client

import (
	"context"
	"net/http"

	"ostiary/internal/doors/wire"
)

// Keys gives all API keys, without their secrets.
func (c *Client) Keys(ctx context.Context) (list wire.KeyList, err error) {
	err = c.call(ctx, request{method: http.MethodGet, path: []string{"keys"}, answer: &list})
	return list, err
}

// CreateKey makes an API key. The answer is the only one that shows it.
func (c *Client) CreateKey(ctx context.Context, r wire.KeyRequest) (k wire.NewKey, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"keys"}, body: r, answer: &k})
	return k, err
}

// RevokeKey ends an API key.
func (c *Client) RevokeKey(ctx context.Context, name string) error {
	return c.call(ctx, request{method: http.MethodDelete, path: []string{"keys", name}})
}

// SetRootPassword gives ROOT a password of one's own choice.
func (c *Client) SetRootPassword(ctx context.Context, password string) error {
	return c.call(ctx, request{method: http.MethodPut, path: []string{"root-password"},
		body: wire.PasswordRequest{Password: password}})
}

// ResetRootPassword gives ROOT a new password. The answer is the only one that
// shows it.
func (c *Client) ResetRootPassword(ctx context.Context) (p wire.Password, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"root-password"}, answer: &p})
	return p, err
}
