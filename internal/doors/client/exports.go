package client

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"

	"ostiary/internal/doors/wire"
)

// Export writes the file of the tokens that r chooses to w. After an error
// there may be the beginning of a file, which nobody takes for a whole one.
// move is the number of the move, if r asks for one and it has begun; ended is how many
// open activations end by it.
func (c *Client) Export(ctx context.Context, r wire.ExportRequest, w io.Writer) (move string, ended int, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"exports"}, body: r, unbounded: true,
		accept: "application/pskc+xml",
		read: func(resp *http.Response) error {
			if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind != "application/pskc+xml" {
				return errors.New("the answer is not a key file: is this the address of an Ostiary server?")
			}
			move = resp.Header.Get("X-Ostiary-Move")
			ended, _ = strconv.Atoi(resp.Header.Get("X-Ostiary-Activations-Ended")) // an older server says nothing
			_, err := io.Copy(w, resp.Body)
			return err
		}})
	return move, ended, err
}

// Moves lists moves to other servers, the newest first.
func (c *Client) Moves(ctx context.Context, p Page) (list wire.MoveList, err error) {
	err = c.call(ctx, request{method: http.MethodGet, path: []string{"moves"}, query: p.add(url.Values{}),
		answer: &list})
	return list, err
}

// ConfirmMove hands in a receipt.
func (c *Client) ConfirmMove(ctx context.Context, r wire.Receipt) (m wire.Move, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"moves", "confirm"}, body: r, answer: &m,
		unbounded: true})
	return m, err
}

// CancelMove takes back the tokens of a move.
func (c *Client) CancelMove(ctx context.Context, id string) (m wire.Move, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"moves", id, "cancel"}, answer: &m,
		unbounded: true})
	return m, err
}

// Receipt gives the receipt of an import.
func (c *Client) Receipt(ctx context.Context, id int64) (r wire.Receipt, err error) {
	err = c.call(ctx, request{method: http.MethodGet, path: []string{"imports", strconv.FormatInt(id, 10), "receipt"},
		answer: &r})
	return r, err
}
