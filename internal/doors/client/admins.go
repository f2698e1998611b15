package client

import (
	"context"
	"net/http"

	"ostiary/internal/doors/wire"
)

// Admins gives all administrators.
func (c *Client) Admins(ctx context.Context) (list wire.AdminList, err error) {
	err = c.call(ctx, request{method: http.MethodGet, path: []string{"admins"}, answer: &list})
	return list, err
}

// AddAdmin adds an administrator. The answer is the only one that shows the first password.
func (c *Client) AddAdmin(ctx context.Context, r wire.AdminRequest) (is wire.NewAdmin, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"admins"}, body: r, answer: &is})
	return is, err
}

// SetAdminRole gives an administrator another role.
func (c *Client) SetAdminRole(ctx context.Context, name string, r wire.AdminRole) (is wire.Admin, err error) {
	err = c.call(ctx, request{method: http.MethodPut, path: []string{"admins", name, "role"}, body: r, answer: &is})
	return is, err
}

// DisableAdmin keeps an administrator from signing in.
func (c *Client) DisableAdmin(ctx context.Context, name string) (is wire.Admin, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"admins", name, "disable"}, answer: &is})
	return is, err
}

// EnableAdmin lets a disabled administrator sign in again.
func (c *Client) EnableAdmin(ctx context.Context, name string) (is wire.Admin, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"admins", name, "enable"}, answer: &is})
	return is, err
}

// ResetAdminPassword gives an administrator a new password. The answer is the only one that
// shows it.
func (c *Client) ResetAdminPassword(ctx context.Context, name string, r wire.AdminReset) (p wire.Password, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"admins", name, "password"}, body: r, answer: &p})
	return p, err
}

// AdminSessions gives the sessions of an administrator.
func (c *Client) AdminSessions(ctx context.Context, name string) (list wire.AdminSessionList, err error) {
	err = c.call(ctx, request{method: http.MethodGet, path: []string{"admins", name, "sessions"}, answer: &list})
	return list, err
}

// EndAdminSessions ends a session of an administrator, or all if none is named.
func (c *Client) EndAdminSessions(ctx context.Context, name, session string) (ended wire.SessionsEnded, err error) {
	path := []string{"admins", name, "sessions"}
	if session != "" {
		path = append(path, session)
	}
	err = c.call(ctx, request{method: http.MethodDelete, path: path, answer: &ended})
	return ended, err
}
