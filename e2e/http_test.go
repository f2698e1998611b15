package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ostiary/internal/doors/wire"
)

// caller speaks HTTP to a server.
type caller struct {
	t      testing.TB
	url    string
	key    string
	client *http.Client
}

// answer is a response, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// as is a caller over the network with an API key.
func (s *server) as(key string) *caller {
	return newCaller(s.t, s.url, key, (&net.Dialer{}).DialContext)
}

// local is a caller through the socket in the data directory.
func (s *server) local() *caller {
	socket := filepath.Join(s.data, "ostiary.sock")
	return newCaller(s.t, "http://local", "", func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	})
}

func newCaller(t testing.TB, url, key string, dial func(context.Context, string, string) (net.Conn, error)) *caller {
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 64}}
	t.Cleanup(client.CloseIdleConnections)
	return &caller{t: t, url: url, key: key, client: client}
}

// try sends a request; the error is one of the connection.
func (c *caller) try(method, path, contentType string, body []byte) (a answer, err error) {
	req, err := http.NewRequest(method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	resp, err := c.client.Do(req)
	if err != nil {
		return a, err
	}
	defer func() { _ = resp.Body.Close() }()
	a.status, a.header = resp.StatusCode, resp.Header
	a.body, err = io.ReadAll(resp.Body)
	return a, err
}

// raw sends a body as it is.
func (c *caller) raw(method, path, contentType, body string) answer {
	c.t.Helper()
	a, err := c.try(method, path, contentType, []byte(body))
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

// json sends a value as JSON, or nothing for nil.
func (c *caller) json(method, path string, body any) answer {
	c.t.Helper()
	if body == nil {
		return c.raw(method, path, "", "")
	}
	return c.raw(method, path, "application/json", string(encode(c.t, body)))
}

func encode(t testing.TB, body any) []byte {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// verify presents a code; who is "serial" or "user".
func (c *caller) verify(who, name, otp string) bool {
	c.t.Helper()
	a := c.json(http.MethodPost, "/api/v1/verify", map[string]string{who: name, "otp": otp})
	valid, err := a.verdict()
	if err != nil {
		c.t.Fatalf("verify %s %s: %v", who, name, err)
	}
	return valid
}

// tryVerify is verify where the connection may break.
func (c *caller) tryVerify(serial, otp string) (valid bool, err error) {
	body := fmt.Sprintf(`{"serial":%q,"otp":%q}`, serial, otp)
	a, err := c.try(http.MethodPost, "/api/v1/verify", "application/json", []byte(body))
	if err != nil {
		return false, err
	}
	return a.verdict()
}

func (a answer) verdict() (bool, error) {
	switch text := strings.TrimSpace(string(a.body)); {
	case a.status == http.StatusOK && text == `{"valid":true}`:
		return true, nil
	case a.status == http.StatusOK && text == `{"valid":false}`:
		return false, nil
	}
	return false, fmt.Errorf("the answer is no verdict: %d %s", a.status, a.body)
}

// problem reads a problem document and fails if the answer is none that helps.
func (a answer) problem(t testing.TB) wire.Problem {
	t.Helper()
	var p wire.Problem
	if err := json.Unmarshal(a.body, &p); err != nil || a.header.Get("Content-Type") != "application/problem+json" ||
		p.Status != a.status || p.Code == "" || p.Detail == "" {
		t.Errorf("the answer is no problem document: %d %v %s", a.status, a.header, a.body)
	}
	return p
}

// into reads a successful answer.
func into[T any](t testing.TB, a answer) (v T) {
	t.Helper()
	if a.status/100 != 2 {
		t.Fatalf("status %d: %s", a.status, a.body)
	}
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	return v
}

// token gives a token as the server shows it.
func (s *server) token(serial string) wire.Token {
	s.t.Helper()
	return into[wire.Token](s.t, s.local().json(http.MethodGet, "/api/v1/tokens/"+url.PathEscape(serial), nil))
}

// tokens gives all tokens, by serial.
func (s *server) tokens() map[string]wire.Token {
	s.t.Helper()
	local, all, after := s.local(), map[string]wire.Token{}, ""
	for {
		page := into[wire.TokenList](s.t, local.json(http.MethodGet, "/api/v1/tokens?limit=1000"+after, nil))
		for _, tok := range page.Tokens {
			all[tok.Serial] = tok
		}
		if page.Next == nil {
			return all
		}
		after = "&after=" + *page.Next
	}
}

// logSize is the number of entries in the audit log.
func (s *server) logSize() int64 {
	s.t.Helper()
	rep := into[wire.AuditReport](s.t, s.local().json(http.MethodPost, "/api/v1/audit/verify", struct{}{}))
	if !rep.OK {
		s.t.Fatalf("the audit log does not verify: %+v", rep)
	}
	return rep.Entries
}

// entries reads the whole audit log and gives the entries of some actions.
func (s *server) entries(actions ...string) (found []map[string]any) {
	s.t.Helper()
	local, after := s.local(), ""
	for {
		page := into[wire.AuditList](s.t, local.json(http.MethodGet, "/api/v1/audit?limit=1000"+after, nil))
		for _, e := range page.Entries {
			if action, _ := e.Entry["action"].(string); slices.Contains(actions, action) {
				found = append(found, e.Entry)
			}
		}
		if page.Next == nil {
			return found
		}
		after = "&after=" + *page.Next
	}
}

// serialOf is the serial that an entry is about.
func serialOf(entry map[string]any) string {
	subject, _ := entry["subject"].(map[string]any)
	return fmt.Sprint(subject["serial"])
}
