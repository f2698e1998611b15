package client

import (
	"context"
	"net/http"

	"ostiary/internal/doors/wire"
)

// UserFilter chooses users. Empty fields do not restrict.
type UserFilter struct {
	Search               string // anywhere in the name
	Locked, WithoutToken bool
}

// Users gives one page of users.
func (c *Client) Users(ctx context.Context, f UserFilter, p Page) (list wire.UserList, err error) {
	q := p.add(values("search", f.Search, "locked", yes(f.Locked), "without_token", yes(f.WithoutToken)))
	err = c.call(ctx, request{method: http.MethodGet, path: []string{"users"}, query: q, answer: &list})
	return list, err
}

// AddUser makes a user.
func (c *Client) AddUser(ctx context.Context, name string) (u wire.User, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"users"}, body: wire.UserRequest{Name: name},
		answer: &u})
	return u, err
}

// RenameUser gives a user another name.
func (c *Client) RenameUser(ctx context.Context, from, to string) (u wire.User, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"users", from, "rename"},
		body: wire.RenameRequest{Name: to}, answer: &u})
	return u, err
}

// User gives one user.
func (c *Client) User(ctx context.Context, name string) (u wire.ShownUser, err error) {
	err = c.call(ctx, request{method: http.MethodGet, path: []string{"users", name}, answer: &u})
	return u, err
}

// UnlockUser forgets the wrong codes under a user's name and those of the user's tokens.
func (c *Client) UnlockUser(ctx context.Context, name string) (u wire.UnlockedUser, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"users", name, "unlock"}, answer: &u})
	return u, err
}

// DeleteUser removes a user who holds no token.
func (c *Client) DeleteUser(ctx context.Context, name string) error {
	return c.call(ctx, request{method: http.MethodDelete, path: []string{"users", name}})
}
