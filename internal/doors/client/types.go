package client

import (
	"context"
	"net/http"

	"ostiary/internal/doors/wire"
)

// Types gives all token types.
func (c *Client) Types(ctx context.Context) (list wire.TokenTypeList, err error) {
	err = c.call(ctx, request{method: http.MethodGet, path: []string{"types"}, answer: &list})
	return list, err
}

// Type gives one token type.
func (c *Client) Type(ctx context.Context, name string) (wire.TokenType, error) {
	return c.tokenType(ctx, request{method: http.MethodGet, path: []string{"types", name}})
}

// CreateType adds a token type.
func (c *Client) CreateType(ctx context.Context, r wire.TokenTypeRequest) (wire.TokenType, error) {
	return c.tokenType(ctx, request{method: http.MethodPost, path: []string{"types"}, body: r})
}

// ChangeType changes what is given of a token type.
func (c *Client) ChangeType(ctx context.Context, name string, r wire.TokenTypeChange) (wire.TokenType, error) {
	return c.tokenType(ctx, request{method: http.MethodPatch, path: []string{"types", name}, body: r})
}

// RetireType allows no new tokens of a type.
func (c *Client) RetireType(ctx context.Context, name string) (wire.TokenType, error) {
	return c.tokenType(ctx, request{method: http.MethodPost, path: []string{"types", name, "retire"}})
}

// RestoreType allows new tokens of a retired type again.
func (c *Client) RestoreType(ctx context.Context, name string) (wire.TokenType, error) {
	return c.tokenType(ctx, request{method: http.MethodPost, path: []string{"types", name, "restore"}})
}

func (c *Client) tokenType(ctx context.Context, r request) (t wire.TokenType, err error) {
	r.answer = &t
	err = c.call(ctx, r)
	return t, err
}

// Series gives the serial series of all software types.
func (c *Client) Series(ctx context.Context) (list wire.SeriesList, err error) {
	err = c.call(ctx, request{method: http.MethodGet, path: []string{"series"}, answer: &list})
	return list, err
}

// SetSeries sets the next serial of a software type.
func (c *Client) SetSeries(ctx context.Context, typeName, next string) (s wire.Series, err error) {
	err = c.call(ctx, request{method: http.MethodPut, path: []string{"series", typeName},
		body: wire.SeriesRequest{Next: next}, answer: &s})
	return s, err
}
