package api_test

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"testing"

	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// server starts an API with the tokens of these keys.
func server(t *testing.T, keys ...*pskc.Key) *testkit.Server {
	t.Helper()
	s := testkit.NewServer(t)
	if len(keys) > 0 {
		s.Import(t, keys...)
	}
	return s
}

// localServer serves the same API as the socket does.
func localServer(t *testing.T, s *testkit.Server) *testkit.Server {
	t.Helper()
	l := httptest.NewServer(s.API.Local(func(*http.Request) string { return "1000" }))
	t.Cleanup(l.Close)
	local := *s
	local.URL = l.URL
	return &local
}

// verify presents a code and gives the answer.
func verify(t *testing.T, s *testkit.Server, caller, serial, otp string) testkit.Answer {
	t.Helper()
	return s.Do(t, caller, http.MethodPost, "/api/v1/verify", object{"serial": serial, "otp": otp})
}

// valid checks the verdict of an answer.
func valid(t *testing.T, a testkit.Answer, want bool) {
	t.Helper()
	if body := map[bool]string{true: `{"valid":true}` + "\n", false: `{"valid":false}` + "\n"}[want]; a.Status != http.StatusOK || a.Body != body {
		t.Errorf("answer %d %s, want %s", a.Status, a.Body, body)
	}
}

// status checks an answer's status and, of a problem, its code.
func status(t *testing.T, a testkit.Answer, want int, code string) {
	t.Helper()
	if a.Status != want {
		t.Errorf("answer %d, want %d: %s", a.Status, want, a.Body)
		return
	}
	if want >= 400 {
		if p := a.Problem(t); p.Code != code {
			t.Errorf("code %s, want %s: %s", p.Code, code, a.Body)
		}
	}
}

// unchanged runs do and checks that it changed nothing in the database, but for
// the tables named.
func unchanged(t *testing.T, s *testkit.Server, do func(), except ...string) {
	t.Helper()
	before := s.Dump(t, except...)
	do()
	if after := s.Dump(t, except...); after != before {
		t.Errorf("the database changed:\n%s", testkit.Changes(before, after))
	}
}

// secretForms is how a secret could look in a text.
func secretForms(secret []byte) []string {
	return []string{string(secret), hex.EncodeToString(secret), base64.StdEncoding.EncodeToString(secret),
		base32.StdEncoding.EncodeToString(secret)}
}
