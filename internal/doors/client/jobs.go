package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"ostiary/internal/doors/wire"
)

// Jobs gives one page of changes of many tokens, the newest first.
func (c *Client) Jobs(ctx context.Context, p Page) (list wire.JobList, err error) {
	err = c.call(ctx, request{method: http.MethodGet, path: []string{"jobs"}, query: p.add(url.Values{}), answer: &list})
	return list, err
}

// Job gives a change of many tokens.
func (c *Client) Job(ctx context.Context, id int64) (j wire.Job, err error) {
	err = c.call(ctx, request{method: http.MethodGet, path: []string{"jobs", strconv.FormatInt(id, 10)}, answer: &j})
	return j, err
}

// JobRows gives one page of what became of single tokens.
func (c *Client) JobRows(ctx context.Context, id int64, p Page) (rows wire.JobRows, err error) {
	err = c.call(ctx, request{method: http.MethodGet, path: []string{"jobs", strconv.FormatInt(id, 10), "rows"},
		query: p.add(url.Values{}), answer: &rows})
	return rows, err
}

// CancelJob ends a change of many tokens that is under way.
func (c *Client) CancelJob(ctx context.Context, id int64) (j wire.Job, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"jobs", strconv.FormatInt(id, 10), "cancel"},
		answer: &j})
	return j, err
}
