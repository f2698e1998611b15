package client

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"

	"ostiary/internal/wire"
)

// Export writes the file of the tokens that r chooses to w. After an error
// there may be the beginning of a file, which nobody takes for a whole one.
func (c *Client) Export(ctx context.Context, r wire.ExportRequest, w io.Writer) error {
	return c.call(ctx, request{method: http.MethodPost, path: []string{"exports"}, body: r, unbounded: true, accept: "application/pskc+xml",
		read: func(resp *http.Response) error {
			if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind != "application/pskc+xml" {
				return errors.New("the answer is no key file: is this the address of an Ostiary server?")
			}
			_, err := io.Copy(w, resp.Body)
			return err
		}})
}
