package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/fault"
	"ostiary/internal/doors/api"
	"ostiary/internal/engine/codes"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
)

// troubled decides no code: it panics or fails.
type troubled struct{ do func() error }

func (v troubled) Explain(context.Context, codes.Request) (codes.Verdict, error) {
	return codes.Verdict{}, v.do()
}
func (v troubled) Resync(context.Context, codes.ResyncRequest) (bool, error) { return false, v.do() }
func (v troubled) Confirm(context.Context, codes.ConfirmRequest) (bool, error) {
	return false, v.do()
}
func (v troubled) Locked(int, time.Time) bool { return false }

func (v troubled) Holds() (int, store.Span) { return 10, store.Span{} }
func (v troubled) Policy() codes.Policy     { return codes.Policy{FailureLimit: 10} }

// What goes wrong inside stays inside: the caller gets a request id, the log
// the cause.
func TestInnerTrouble(t *testing.T) {
	t.Parallel()
	const inside = "secret detail 4711"
	for name, c := range map[string]struct {
		do     func() error
		status int
		code   string
	}{
		"panic":       {func() error { panic(inside) }, 500, "internal"},
		"panic error": {func() error { panic(errors.New(inside)) }, 500, "internal"},
		"error":       {func() error { return errors.New(inside) }, 500, "internal"},
		"unavailable": {func() error {
			return fault.New(fault.Unavailable, "unavailable", "The code was not decided.").Because(
				fmt.Errorf("%w: %s", store.ErrUnavailable, inside))
		}, 503, "unavailable"},
	} {
		s := testkit.NewServer(t, func(cfg *api.Config) { cfg.Verifier = troubled{c.do} })
		a := verify(t, s, testkit.Verifier, "1", "123456")
		status(t, a, c.status, c.code)
		if strings.Contains(a.Body+fmt.Sprint(a.Header), inside) || strings.Contains(a.Body, ".go") {
			t.Errorf("%s: the answer shows the inside: %s", name, a.Body)
		}
		if log := s.Log.String(); !strings.Contains(log, inside) ||
			!strings.Contains(log, a.Header.Get("X-Request-Id")) {
			t.Errorf("%s: the log does not say what happened in request %s: %s", name, a.Header.Get("X-Request-Id"),
				log)
		}
		if strings.Contains(s.Log.String(), "123456") {
			t.Errorf("%s: the log holds the code", name)
		}
		// The server goes on.
		status(t, s.Do(t, testkit.Admin, http.MethodGet, "/api/v1/tokens", nil), http.StatusOK, "")
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	ready, degraded, lacks := error(nil), false, []string(nil)
	s := testkit.NewServer(t, func(c *api.Config) {
		c.Ready, c.Degraded = func(context.Context) error { return ready }, func() bool { return degraded }
		c.Lacks = func() []string { return lacks }
	})
	s.Import(t, testkit.HOTP("SERIAL-1"))
	verify(t, s, testkit.Verifier, "SERIAL-1", "123456")
	for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ready\n"} {
		if a := s.Do(t, testkit.Nobody, http.MethodGet, path, nil); a.Status != http.StatusOK || a.Body != want {
			t.Errorf("%s: %d %q", path, a.Status, a.Body)
		}
	}
	degraded = true // somebody has to look, and it goes on serving
	for path, want := range map[string]string{"/healthz": "degraded\n", "/readyz": "ready\n"} {
		if a := s.Do(t, testkit.Nobody, http.MethodGet, path, nil); a.Status != http.StatusOK || a.Body != want {
			t.Errorf("degraded, %s: %d %q", path, a.Status, a.Body)
		}
	}
	lacks = []string{"a standby", "a disk"} // what is missing has a line of its own
	for path, want := range map[string]string{"/healthz": "degraded\na standby\na disk\n",
		"/readyz": "ready\na standby\na disk\n"} {
		if a := s.Do(t, testkit.Nobody, http.MethodGet, path, nil); a.Status != http.StatusOK || a.Body != want {
			t.Errorf("with something missing, %s: %d %q", path, a.Status, a.Body)
		}
	}
	for says, err := range map[string]error{
		"the database does not answer, or takes no changes": errors.New("the disk is on fire"),
		"a newer version of Ostiary has upgraded the database: this server stops": fmt.Errorf("%w: of the test's own",
			store.ErrOvertaken),
		"the database was changed by another program": store.ErrTampered,
	} {
		ready = err
		if a := s.Do(t, testkit.Nobody, http.MethodGet, "/readyz", nil); a.Status != http.StatusServiceUnavailable ||
			a.Body != "not ready\n"+says+"\na standby\na disk\n" {
			t.Errorf("/readyz: %d %q", a.Status, a.Body)
		}
	}
	s.Do(t, testkit.Admin, http.MethodGet, "/api/v1/tokens/SERIAL-1", nil)
	s.Do(t, testkit.Admin, http.MethodGet, "/api/v1/SERIAL-1", nil)
	a := s.Do(t, testkit.Nobody, http.MethodGet, "/metrics", nil)
	if a.Status != http.StatusOK || !strings.Contains(a.Body, `ostiary_codes_total{verdict="refused"} 1`) ||
		!strings.Contains(a.Body, `ostiary_http_requests_total{route="POST /api/v1/verify",status="200"} 1`) {
		t.Errorf("/metrics: %d %s", a.Status, a.Body)
	}
	if strings.Contains(a.Body, "SERIAL-1") {
		t.Error("the metrics name a token")
	}
}

// An answer is JSON whatever the caller says it would like.
func TestAccept(t *testing.T) {
	t.Parallel()
	s := server(t)
	for _, accept := range []string{"text/html", "application/xml", "application/cbor", "*/*", "nonsense",
		"application/json;q=0"} {
		a := s.Do(t, testkit.Verifier, http.MethodPost, "/api/v1/verify", object{"serial": "1", "otp": "123456"},
			"Accept", accept)
		if a.Status == http.StatusOK {
			valid(t, a, false)
		} else {
			t.Errorf("Accept %s: %d %s", accept, a.Status, a.Body)
		}
		a = s.Do(t, testkit.Verifier, http.MethodPost, "/api/v1/verify", object{"serial": "1"}, "Accept", accept)
		status(t, a, http.StatusUnprocessableEntity, "invalid_request")
	}
}

func TestNewNeedsItsParts(t *testing.T) {
	t.Parallel()
	if _, err := api.New(api.Config{}); err == nil {
		t.Error("an API without its parts is made")
	}
}

// Request ids are never the same twice, and are those of the audit log.
func TestRequestIDs(t *testing.T) {
	t.Parallel()
	s := server(t)
	seen := map[string]bool{}
	for range 20 {
		a := verify(t, s, testkit.Verifier, "1", "123456")
		id := a.Header.Get("X-Request-Id")
		if id == "" || seen[id] {
			t.Errorf("request id %q again", id)
		}
		seen[id] = true
		if e := s.LastEntry(t); e.Request != id {
			t.Errorf("the log says request %s, the answer %s", e.Request, id)
		}
	}
	// A caller cannot choose it.
	if a := s.Do(t, testkit.Nobody, http.MethodGet, "/healthz", nil, "X-Request-Id", "mine"); a.Header.Get(
		"X-Request-Id") == "mine" {
		t.Error("the caller's request id is taken over")
	}
}
