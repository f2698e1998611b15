package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"ostiary/internal/doors/wire"
)

// Selector names one token: its serial, narrowed where several tokens carry
// it. A Manufacturer or KeyID that is not nil counts, even when it is empty.
type Selector struct {
	Serial       string
	Type         string
	Manufacturer *string
	KeyID        *string
}

func (s Selector) query() url.Values {
	q := values("type", s.Type)
	if s.Manufacturer != nil {
		q.Set("manufacturer", *s.Manufacturer)
	}
	if s.KeyID != nil {
		q.Set("key_id", *s.KeyID)
	}
	return q
}

// Page chooses a part of a list. A zero Limit leaves the size to the server; an
// empty After begins at the beginning.
type Page struct {
	Limit int
	After string
	Count bool // also count what matches, where the list has that
}

func (p Page) add(q url.Values) url.Values {
	if p.Limit != 0 {
		q.Set("limit", strconv.Itoa(p.Limit))
	}
	if p.After != "" {
		q.Set("after", p.After)
	}
	if p.Count {
		q.Set("count", "true")
	}
	return q
}

// values makes a query of names and values, without the empty ones.
func values(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}

// yes is a switch of a query: absent when it is off.
func yes(on bool) string {
	if on {
		return "true"
	}
	return ""
}

// TokenFilter chooses tokens. Empty fields do not restrict.
type TokenFilter struct {
	Kind, State, User, Serial, Type, Manufacturer, Batch, Import string
	Twins                                                        bool // whose secret others hold, too
	Fenced                                                       bool // that wait for two codes in a row
	Expiring                                                     int  // days; 0 does not restrict
	Free, Assigned, Locked, NeverUsed                            bool
	SerialPrefix, Label                                          string
	UnusedSince                                                  time.Time
	Search                                                       string // anywhere in serial, label or user
	Sort                                                         string // empty: the server's choice
	Desc                                                         bool
}

// Chosen is the filter without what chooses nothing: its order, and all kinds.
func (f TokenFilter) Chosen() TokenFilter {
	f.Sort, f.Desc = "", false
	if f.Kind == "all" {
		f.Kind = ""
	}
	return f
}

// Verify asks whether a code is right.
func (c *Client) Verify(ctx context.Context, r wire.VerifyRequest) (valid bool, err error) {
	var answer wire.VerifyResponse
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"verify"}, body: r, answer: &answer})
	return answer.Valid, err
}

// Explain is Verify that says why; for callers who may see tokens.
func (c *Client) Explain(ctx context.Context, r wire.VerifyRequest) (answer wire.VerifyResponse, err error) {
	r.Explain = true
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"verify"}, body: r, answer: &answer})
	return answer, err
}

// Tokens gives one page of tokens.
func (c *Client) Tokens(ctx context.Context, f TokenFilter, p Page) (list wire.TokenList, err error) {
	q := p.add(values("kind", f.Kind, "state", f.State, "user", f.User, "serial", f.Serial, "type", f.Type,
		"manufacturer", f.Manufacturer, "batch", f.Batch, "import", f.Import, "search", f.Search, "sort", f.Sort,
		"twins", yes(f.Twins), "fenced", yes(f.Fenced), "free", yes(f.Free), "locked", yes(f.Locked), "desc", yes(f.Desc),
		"assigned", yes(f.Assigned), "never_used", yes(f.NeverUsed), "serial_prefix", f.SerialPrefix, "label", f.Label))
	if !f.UnusedSince.IsZero() {
		q.Set("unused_since", f.UnusedSince.UTC().Format(time.RFC3339Nano))
	}
	if f.Expiring != 0 {
		q.Set("expiring", strconv.Itoa(f.Expiring))
	}
	err = c.call(ctx, request{method: http.MethodGet, path: []string{"tokens"}, query: q, answer: &list})
	return list, err
}

// Token gives one token.
func (c *Client) Token(ctx context.Context, s Selector) (wire.Token, error) {
	return c.token(ctx, http.MethodGet, s, "", nil)
}

// Assign gives a free token to a user.
func (c *Client) Assign(ctx context.Context, s Selector, user string) (wire.Token, error) {
	return c.token(ctx, http.MethodPost, s, "assign", wire.AssignRequest{User: user})
}

// Unassign takes a token back into stock.
func (c *Client) Unassign(ctx context.Context, s Selector) (wire.Token, error) {
	return c.token(ctx, http.MethodPost, s, "unassign", nil)
}

// Resync moves a token to two consecutive codes; valid is false if they were
// not found.
func (c *Client) Resync(ctx context.Context, s Selector, r wire.ResyncRequest) (valid bool, err error) {
	var answer wire.VerifyResponse
	err = c.call(ctx, request{method: http.MethodPost, path: []string{"tokens", s.Serial, "resync"}, query: s.query(),
		body: r, answer: &answer})
	return answer.Valid, err
}

// SetState changes a token's state.
func (c *Client) SetState(ctx context.Context, s Selector, r wire.StateRequest) (wire.Token, error) {
	return c.token(ctx, http.MethodPost, s, "state", r)
}

// UnlockToken forgets a token's failures.
func (c *Client) UnlockToken(ctx context.Context, s Selector) (wire.Token, error) {
	return c.token(ctx, http.MethodPost, s, "unlock", nil)
}

// DeleteToken destroys a token and its secret, and gives what it was.
func (c *Client) DeleteToken(ctx context.Context, s Selector) (wire.Token, error) {
	return c.token(ctx, http.MethodDelete, s, "", nil)
}

// token calls an operation on one token that answers with the token.
func (c *Client) token(ctx context.Context, method string, s Selector, verb string, body any) (
	t wire.Token, err error) {
	path := []string{"tokens", s.Serial}
	if verb != "" {
		path = append(path, verb)
	}
	err = c.call(ctx, request{method: method, path: path, query: s.query(), body: body, answer: &t})
	return t, err
}
