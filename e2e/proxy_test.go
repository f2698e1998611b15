package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"ostiary/internal/doors/wire"
)

// TestClientsBehindAProxyAreThemselves guesses ROOT's password through a trusted proxy:
// the log names the client, its guesses close the sign-in for itself alone, and a
// client cannot pass for another.
func TestClientsBehindAProxyAreThemselves(t *testing.T) {
	t.Parallel()
	s := start(t, newData(t), "--trusted-proxy", "127.0.0.0/8,::1")
	signIn := func(password string, forwarded ...string) int {
		t.Helper()
		body := encode(t, wire.SessionRequest{Name: "ROOT", Password: password})
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/api/v1/session",
			strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		for _, f := range forwarded {
			r.Header.Add("X-Forwarded-For", f)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		return res.StatusCode
	}
	for i := range 5 {
		// It writes another address each time; the proxy appends its own.
		if code := signIn("wrong", fmt.Sprintf("203.0.113.%d", i), "198.51.100.7"); code != http.StatusUnauthorized {
			t.Errorf("guess %d: %d", i, code)
		}
	}
	if code := signIn("wrong", "203.0.113.9, 198.51.100.7"); code != http.StatusTooManyRequests {
		t.Errorf("the sixth guess: %d", code)
	}
	if code := signIn(passwordIn(t, s.out.String()), "198.51.100.8"); code != http.StatusCreated {
		t.Errorf("another client with the right password: %d", code)
	}
	sources := map[string]int{}
	for _, e := range s.entries("session.started") {
		sources[fmt.Sprint(e["source"])]++
	}
	if len(sources) != 2 || sources["198.51.100.7"] != 5 || sources["198.51.100.8"] != 1 {
		t.Errorf("sources in the log: %v", sources)
	}
}
