package client

import (
	"context"
	"net/http"

	"ostiary/internal/doors/wire"
)

// Profiles gives all profiles of software authenticators.
func (c *Client) Profiles(ctx context.Context) (list wire.ProfileList, err error) {
	err = c.call(ctx, request{method: http.MethodGet, path: []string{"profiles"}, answer: &list})
	return list, err
}

// Profile gives one profile.
func (c *Client) Profile(ctx context.Context, name string) (p wire.Profile, err error) {
	err = c.call(ctx, request{method: http.MethodGet, path: []string{"profiles", name}, answer: &p})
	return p, err
}

// CreateProfile makes a profile from its TOML.
func (c *Client) CreateProfile(ctx context.Context, r wire.ProfileRequest) (p wire.Profile, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"profiles"}, body: r, answer: &p})
	return p, err
}

// RetireProfile ends a profile for new tokens and first activations.
func (c *Client) RetireProfile(ctx context.Context, name string) (p wire.Profile, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"profiles", name, "retire"}, answer: &p})
	return p, err
}

// RestoreProfile undoes RetireProfile.
func (c *Client) RestoreProfile(ctx context.Context, name string) (p wire.Profile, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"profiles", name, "restore"}, answer: &p})
	return p, err
}

// ProfileLimits gives the limits of a profile's activations.
func (c *Client) ProfileLimits(ctx context.Context, name string) (l wire.ProfileLimits, err error) {
	err = c.call(ctx, request{method: http.MethodGet, path: []string{"profiles", name, "limits"}, answer: &l})
	return l, err
}

// ChangeProfileLimits changes what is given of a profile's limits.
func (c *Client) ChangeProfileLimits(ctx context.Context, name string, change wire.ProfileLimitsChange) (
	l wire.ProfileLimits, err error) {
	err = c.call(ctx, request{method: http.MethodPatch, path: []string{"profiles", name, "limits"}, body: change,
		answer: &l})
	return l, err
}
