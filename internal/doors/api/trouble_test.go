package api_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ostiary/internal/core/fault"
	"ostiary/internal/doors/api"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
)

// What the database says of its disk is told to those who may read the audit log,
// and to nobody else; 503 promises that nothing was changed, and so an outcome that
// nobody knows is no 503.
func TestTroubleOfTheDisk(t *testing.T) {
	t.Parallel()
	const inside = "sqlite: 4711 /var/lib"
	code := func(kind fault.Kind, code string) func(error) error {
		return func(err error) error { return fault.New(kind, code, "The code.").WithHint("Do.").Because(err) }
	}
	plain := func(err error) error { return err }
	for _, c := range []struct {
		name            string
		outcome, cause  error
		as              func(error) error
		status          int
		verifier, admin string // codes
		says            string // to the administrator
	}{
		{"full", store.ErrUnavailable, store.ErrDiskFull, plain, 503, "unavailable", "disk_full",
			"disk of the server is full"},
		{"full, of a code", store.ErrUnavailable, store.ErrDiskFull, code(fault.Unavailable, "unavailable"), 503,
			"unavailable", "disk_full", "The code. The disk of the server is full."},
		{"read-only", store.ErrUnavailable, store.ErrReadOnly, plain, 503, "unavailable", "disk_read_only",
			"read-only"},
		{"broken", store.ErrUnavailable, store.ErrDisk, plain, 503, "unavailable", "disk_error",
			"cannot read or write"},
		{"held", store.ErrUnavailable, store.ErrHeld, plain, 503, "unavailable", "database_held", "Another program"},
		{"other", store.ErrUnavailable, errors.New("other"), plain, 503, "unavailable", "unavailable", "not done"},
		{"uncertain", store.ErrUncertain, store.ErrDisk, plain, 500, "outcome_unknown", "outcome_unknown",
			"not known whether this was done"},
		{"uncertain, of a code", store.ErrUncertain, store.ErrDisk, code(fault.Uncertain, "outcome_unknown"), 500,
			"outcome_unknown", "outcome_unknown", "cannot read or write"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := c.as(fmt.Errorf("%w: %w: %s", c.outcome, c.cause, inside))
			s := testkit.NewServer(t, func(cfg *api.Config) { cfg.Verifier = troubled{func() error { return err }} })
			for caller, want := range map[string]string{testkit.Verifier: c.verifier, testkit.Admin: c.admin,
				testkit.HelpDesk: c.admin} {
				a := verify(t, s, caller, "1", "123456")
				status(t, a, c.status, want)
				if got := a.Header.Get("Retry-After"); (got != "") != (c.status == 503) {
					t.Errorf("%s: %d with Retry-After %q", caller, a.Status, got)
				}
				if strings.Contains(a.Body, "4711") {
					t.Errorf("%s: the answer shows the inside: %s", caller, a.Body)
				}
				if knows := strings.Contains(strings.ToLower(a.Body), "disk") ||
					strings.Contains(a.Body, "program"); knows &&
					caller == testkit.Verifier {
					t.Errorf("the verifier is told what ails the server: %s", a.Body)
				}
				if caller == testkit.Admin && !strings.Contains(a.Body, c.says) {
					t.Errorf("the administrator is not told %q: %s", c.says, a.Body)
				}
			}
			if log := s.Log.String(); !strings.Contains(log, inside) {
				t.Errorf("the log does not say what happened: %s", log)
			}
		})
	}
}

// leaving decides no code before its caller has left.
type leaving struct {
	troubled
	wait func(context.Context) error
}

func (v leaving) Explain(ctx context.Context, _ codes.Request) (codes.Verdict, error) {
	return codes.Verdict{}, v.wait(ctx)
}

// A client that goes away is no ERROR in the log.
func TestClientThatGoesAwayIsNoError(t *testing.T) {
	t.Parallel()
	began := make(chan struct{})
	wait := func(ctx context.Context) error {
		close(began)
		<-ctx.Done()
		return fault.New(fault.Unavailable, "unavailable", "Not decided.").Because(ctx.Err())
	}
	s := testkit.NewServer(t, func(cfg *api.Config) { cfg.Verifier = leaving{troubled{}, wait} })
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	body := `{"serial":"1","otp":"123456"}`
	fmt.Fprintf(conn, "POST /api/v1/verify HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", s.Bearer[testkit.Verifier], len(body), body)
	<-began
	_ = conn.Close()
	for deadline := time.Now().Add(time.Minute); !strings.Contains(s.Log.String(), "client has disconn"); time.Sleep(
		10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the log never says that the client has disconnected: %s", s.Log.String())
		}
	}
	if log := s.Log.String(); strings.Contains(log, "level=ERROR") || strings.Contains(log, "level=WARN") {
		t.Errorf("a client that went away is an error: %s", log)
	}
}

// deaf is a client that has gone when its answer is written.
type deaf struct{ header http.Header }

func (d deaf) Header() http.Header       { return d.header }
func (d deaf) WriteHeader(int)           {}
func (d deaf) Write([]byte) (int, error) { return 0, syscall.EPIPE }

// An answer that finds nobody is no ERROR, whichever way it is written.
func TestAnswerToNobodyIsNoError(t *testing.T) {
	t.Parallel()
	s := server(t, testkit.HOTP("1"))
	for _, op := range []struct{ method, path, body string }{
		{"GET", "/api/v1/tokens", ""},
		{"GET", "/api/v1/tokens/none", ""},
		{"GET", "/nothing", ""},
		{"POST", "/api/v1/exports", `{"all":true,"passphrase":"long enough for a file"}`},
	} {
		r := httptest.NewRequest(op.method, op.path, strings.NewReader(op.body))
		r.Header.Set("Authorization", "Bearer "+s.Bearer[testkit.Root])
		r.Header.Set("Content-Type", "application/json")
		func() {
			defer func() {
				if p := recover(); p != nil && p != http.ErrAbortHandler {
					t.Errorf("%s %s panics: %v", op.method, op.path, p)
				}
			}()
			s.API.ServeHTTP(deaf{http.Header{}}, r)
		}()
	}
	if log := s.Log.String(); strings.Contains(log, "level=ERROR") || !strings.Contains(log, "client has disconnected") {
		t.Errorf("an answer to nobody is an error: %s", log)
	}
}

// A body that breaks its own form is the client's fault.
func TestMalformedChunkIsABadRequest(t *testing.T) {
	t.Parallel()
	s := server(t)
	for name, chunks := range map[string]string{
		"no size": "zz\r\n{}\r\n0\r\n\r\n", "no end of a chunk": "2\r\n{}xx\r\n0\r\n\r\n",
		"a size that is too large": "fffffffffffffffff\r\n{}\r\n0\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST /api/v1/verify HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"+
			"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n%s", s.Bearer[testkit.Verifier],
			chunks)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil) //nolint:bodyclose // ReadAnswer closes it
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		a := testkit.ReadAnswer(t, res)
		status(t, a, http.StatusBadRequest, "malformed_request")
		_ = conn.Close()
	}
	if log := s.Log.String(); strings.Contains(log, "level=ERROR") {
		t.Errorf("a malformed body is an error of the server: %s", log)
	}
}

// What the log stands on was changed: whoever reads the log is told so, and by what
// command to find out more.
func TestChangedDatabaseIsSaid(t *testing.T) {
	t.Parallel()
	s := server(t, testkit.HOTP("1"))
	s.Exec(t, "INSERT INTO audit_seam (size, frontier, note, lines, state, file) VALUES (1, x'00', '', 0, x'00', x'00')")
	a := s.Do(t, testkit.Admin, http.MethodGet, "/api/v1/audit", nil)
	status(t, a, http.StatusInternalServerError, "database_changed")
	if p := a.Problem(t); !strings.Contains(p.Hint, "ostiary audit verify") {
		t.Errorf("the hint is %q", p.Hint)
	}
	var rep wire.AuditReport
	a = s.Do(t, testkit.Operator, http.MethodPost, "/api/v1/audit/verify", object{})
	status(t, a, http.StatusOK, "")
	a.JSON(t, &rep)
	if rep.OK || !strings.Contains(rep.Problem, "not as this server wrote it") {
		t.Errorf("the verification says %+v", rep)
	}
}

// silent is a database that does not answer.
type silent struct{ store.DB }

func (silent) View(context.Context, func(store.Reader) error) error { return store.ErrUnavailable }

// Whether somebody has a session is not known while the database does not answer: that is no
// 401, after which a program would sign in again. An API key is known all the same.
func TestSessionsWhileTheDatabaseDoesNotAnswer(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	cfg := s.Config
	cfg.Metrics = prometheus.NewRegistry()
	cfg.Root = credentials.NewRoot(silent{s.DB}, s.Hasher(seal.Password), s.Hasher(seal.Session), s.Clock.Now)
	a, err := api.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for bearer, want := range map[string]int{s.Bearer[testkit.Root]: 503, s.Bearer[testkit.Admin]: 200, "ostiary_x": 401} {
		r := httptest.NewRequest(http.MethodGet, "/api/v1/users", nil)
		r.Header.Set("Authorization", "Bearer "+bearer)
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%.16s… is answered %d, want %d: %s", bearer, w.Code, want, w.Body)
		}
	}
}
