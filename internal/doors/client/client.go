// Package client is the Go client of the REST API. A Client made by New speaks
// to a server over the network with an API key; one made by Local speaks to the
// server of a data directory through its socket, as that server's own user.
//
// What a server refuses comes back as *Error, which holds the problem document.
// Any other error means that there was no answer, or none that this package can
// read; it names the request and the server that was tried.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// defaultTimeout is longer than a server needs for anything that is not
	// as long as its input.
	defaultTimeout = 30 * time.Second
	dialTimeout    = 10 * time.Second
	maxAnswer      = 64 << 20 // the largest page: 1000 audit entries
	maxProblem     = 1 << 20
)

// Config says which server to speak to, and as whom. Server and Key are
// required.
type Config struct {
	// Server is the address, such as https://tokens.example.com. The paths of
	// the API are added to it.
	Server string
	// Key is an API key or the token of a session.
	Key string
	// Timeout bounds every request but an import and the check of the audit
	// log, which take as long as they need. Zero means 30 seconds.
	Timeout time.Duration
	// AllowInsecure lets http reach beyond this machine, with keys and codes
	// readable on the way.
	AllowInsecure bool
}

// ErrInsecure is what New returns for an address that would carry the key in
// the clear over a network.
var ErrInsecure = errors.New("the address is http and not on this machine: the API key and every code would be sent over " +
	"the network unencrypted")

// Client speaks to one server. It may be used concurrently.
type Client struct {
	base    *url.URL
	name    string // the server, for errors
	key     string
	timeout time.Duration
	http    *http.Client
	upload  *http.Client // for requests that are streams
}

// New makes a Client for a server on the network. It does not connect yet.
func New(cfg Config) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(cfg.Server, "/"))
	switch {
	case err != nil:
		// the error would quote it, with a password if it has one
		return nil, errors.New("the server address is not a URL")
	case base.Scheme != "https" && base.Scheme != "http" || base.Hostname() == "":
		return nil, errors.New("the server address must begin with https:// and name a host")
	case base.User != nil || base.RawQuery != "" || base.Fragment != "":
		return nil, errors.New("the server address may hold a host, a port and a path, nothing else")
	case base.Scheme == "http" && !cfg.AllowInsecure && !loopback(base.Hostname()):
		return nil, ErrInsecure
	case cfg.Key == "":
		return nil, errors.New("no API key")
	case strings.ContainsFunc(cfg.Key, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, errors.New("the API key contains characters that no key has, such as a space or a line break")
	}
	dialer := &net.Dialer{Timeout: dialTimeout}
	return newClient(cfg, base, base.String(), http.ProxyFromEnvironment, dialer.DialContext), nil
}

// Local makes a Client for the server that listens on a socket in its data
// directory. It does not connect yet.
func Local(socketPath string) *Client {
	var dialer net.Dialer
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, "unix", socketPath)
	}
	return newClient(Config{}, &url.URL{Scheme: "http", Host: "ostiary"}, socketPath, nil, dial)
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

func newClient(cfg Config, base *url.URL, name string, proxy func(*http.Request) (*url.URL, error),
	dial dialFunc) *Client {
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	transport := &http.Transport{Proxy: proxy, DialContext: dial, TLSHandshakeTimeout: dialTimeout,
		IdleConnTimeout: time.Minute}
	upload := &http.Transport{Proxy: proxy, DialContext: dial.preferAnswer, TLSHandshakeTimeout: dialTimeout,
		DisableKeepAlives: true}
	// A redirect would send codes and keys to wherever it points.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{base: base, name: name, key: cfg.Key, timeout: cfg.Timeout,
		http:   &http.Client{Transport: transport, CheckRedirect: stay},
		upload: &http.Client{Transport: upload, CheckRedirect: stay},
	}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Close gives idle connections back.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// request is one call of the API.
type request struct {
	method string
	path   []string // segments behind /api/v1
	query  url.Values
	body   any // sent as JSON
	answer any // where the JSON answer goes; nil if none is expected

	stream      io.Reader                  // sent as it is, instead of body
	contentType string                     // of stream
	unbounded   bool                       // takes as long as it needs
	accept      string                     // what the answer may be, beside JSON
	read        func(*http.Response) error // reads the answer, instead of answer
	limit       int64                      // most bytes of the answer; 0 means maxAnswer
}

// call sends a request and reads its answer.
func (c *Client) call(ctx context.Context, r request) error {
	parent := ctx
	if !r.unbounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.timeout)
		defer cancel()
	}
	err := c.exchange(ctx, r)
	if _, refused := errors.AsType[*Error](err); err == nil || refused {
		return err
	}
	switch {
	case parent.Err() != nil:
		err = parent.Err()
	case ctx.Err() != nil:
		err = fmt.Errorf("no answer within %s", c.timeout)
	}
	return fmt.Errorf("%s %s at %s: %w", r.method, c.target(r).Path, c.name, err)
}

func (c *Client) exchange(ctx context.Context, r request) error {
	req, err := c.newRequest(ctx, r)
	if err != nil {
		return err
	}
	do := c.http.Do
	if r.stream != nil {
		do = c.upload.Do
	}
	resp, err := do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // the rest of it, call says
		}
		return err
	}
	defer func() { _ = resp.Body.Close() }() // nothing is written any more
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return readProblem(resp)
	}
	if r.read != nil {
		return r.read(resp)
	}
	if r.answer == nil {
		return nil
	}
	return readAnswer(resp, r)
}

func (c *Client) newRequest(ctx context.Context, r request) (*http.Request, error) {
	body, contentType := r.stream, r.contentType
	if r.body != nil {
		raw, err := json.Marshal(r.body)
		if err != nil {
			return nil, err
		}
		body, contentType = bytes.NewReader(raw), "application/json"
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.target(r).String(), body)
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	req.Header.Set("Accept", strings.TrimPrefix(r.accept+", application/json, application/problem+json", ", "))
	return req, nil
}

// target puts the address of a request together. A segment may hold any text:
// slashes are escaped, and so are the dots of "." and "..", which a server
// would take for steps in the path.
func (c *Client) target(r request) *url.URL {
	path := append([]string{"api", "v1"}, r.path...)
	for i, segment := range path {
		if path[i] = url.PathEscape(segment); segment == "." || segment == ".." {
			path[i] = strings.ReplaceAll(segment, ".", "%2E")
		}
	}
	u := *c.base
	u.RawPath = u.EscapedPath() + "/" + strings.Join(path, "/")
	u.Path, _ = url.PathUnescape(u.RawPath) // escaped just above
	u.RawQuery = r.query.Encode()
	return &u
}

// readAnswer decodes a successful answer.
func readAnswer(resp *http.Response, r request) error {
	limit := r.limit
	if limit == 0 {
		limit = maxAnswer
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind != "application/json" {
		return errors.New("the answer is not JSON: is this the address of an Ostiary server?")
	}
	body := &io.LimitedReader{R: resp.Body, N: limit + 1}
	dec := json.NewDecoder(body)
	dec.UseNumber() // counters in audit entries are larger than a float64 keeps
	err := dec.Decode(r.answer)
	switch {
	case body.N <= 0:
		return fmt.Errorf("the answer is larger than %d bytes", limit)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("the answer was cut off")
	case err != nil:
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}
