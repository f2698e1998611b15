package serve

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/integrity"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/seal/filekek"
	"ostiary/internal/store"
	"ostiary/internal/store/migrate"
	"ostiary/internal/store/postgres"
	"ostiary/internal/test/cluster"
	"ostiary/internal/test/testkit"
)

func TestMain(m *testing.M) {
	if os.Getenv(killAt) != "" {
		killed()
	}
	os.Exit(cluster.Run(m))
}

// servers are two whole servers on one PostgreSQL database, but for their listeners. They
// share the key file.
func servers(t *testing.T) (a, b *Server) {
	t.Helper()
	open := opener(t)
	return open(nil), open(nil)
}

// opener makes a database, and opens servers on it, of this version or of one with further
// migrations.
func opener(t *testing.T) func(further []migrate.Migration) *Server {
	t.Helper()
	url, dir := cluster.Schema(t), t.TempDir()
	path := filepath.Join(dir, "kek")
	if err := filekek.Create(path); err != nil {
		t.Fatal(err)
	}
	kek, err := filekek.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return func(further []migrate.Migration) *Server {
		t.Helper()
		s := newServer(Config{Data: t.TempDir(), Now: func() time.Time { return testkit.Start }})
		db, err := postgres.Open(t.Context(), postgres.Config{URL: url, TestOnlyFurther: further})
		if err != nil {
			t.Fatal(err)
		}
		s.db, s.newer = db, db.Newer
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		if s.database, err = integrity.Open(t.Context(), integrity.Config{DB: db, KEK: kek,
			Marks: markFile(markPath(path)), Now: s.cfg.Now, Alarm: s.alarms.raise}); err != nil {
			t.Fatal(err)
		}
		if err := s.wire(t.Context()); err != nil {
			t.Fatal(err)
		}
		return s
	}
}

// turn is what follow does each second.
func (s *Server) turn(t *testing.T) {
	t.Helper()
	if err := s.follower.Turn(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.engine.Exchange(t.Context(), s.db); err != nil {
		t.Fatal(err)
	}
}

// asks sends a request to a server, and gives the status.
func (s *Server) asks(t *testing.T, method, path, bearer, body string) int {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+bearer)
	w := httptest.NewRecorder()
	s.api.ServeHTTP(w, r)
	return w.Code
}

// What one server changes holds at the other: codes and sessions at once, keys after its next
// turn. Nothing of it raises an alarm, and the log of both is whole.
func TestTwoServersOnOneDatabase(t *testing.T) {
	t.Parallel()
	a, b := servers(t)
	ctx := t.Context()
	status := func(when string, s *Server, method, path, bearer, body string, want int) {
		t.Helper()
		if got := s.asks(t, method, path, bearer, body); got != want {
			t.Errorf("%s: %s %s is answered %d, want %d", when, method, path, got, want)
		}
	}
	_, key, err := a.keys.Create(ctx, authz.Principal{Role: authz.Root},
		credentials.KeyRequest{Name: "gateway", Role: authz.Admin}, origin)
	if err != nil {
		t.Fatal(err)
	}
	b.turn(t)
	const users, session = "/api/v1/users", "/api/v1/session"
	status("a key of server A", b, http.MethodGet, users, key, "", http.StatusOK)

	hotp := testkit.HOTP("900001")
	_, err = a.imports.Import(ctx, imports.Request{Keys: testkit.Keys(hotp), Label: "one", Origin: origin})
	if err != nil {
		t.Fatal(err)
	}
	serial := store.Lookup{Serial: "900001"}
	code := testkit.Code(t, hotp, 0)
	if !b.verify(t, serial, code) || a.verify(t, serial, code) || b.verify(t, serial, code) {
		t.Error("a code is not accepted once")
	}
	if _, err := b.lifecycle.SetState(ctx, tokens.Selector{Serial: "900001"}, token.RevokedLost, "", origin); err != nil {
		t.Fatal(err)
	}
	if a.verify(t, serial, testkit.Code(t, hotp, 1)) {
		t.Error("a code of a token is accepted that was revoked at server B")
	}

	password, err := a.root.SetPassword(ctx, origin)
	if err != nil {
		t.Fatal(err)
	}
	signedIn, _, err := a.root.Start(ctx, password, origin)
	if err != nil {
		t.Fatal(err)
	}
	status("a session of server A", b, http.MethodGet, users, signedIn, "", http.StatusOK)
	status("signing out at server B", b, http.MethodDelete, session, signedIn, "", http.StatusNoContent)
	status("after that", a, http.MethodGet, users, signedIn, "", http.StatusUnauthorized)

	if err := b.keys.Revoke(ctx, authz.Principal{Role: authz.Root}, "gateway", origin); err != nil {
		t.Fatal(err)
	}
	a.turn(t)
	status("a key that server B revoked", a, http.MethodGet, users, key, "", http.StatusUnauthorized)

	for name, s := range map[string]*Server{"A": a, "B": b} {
		if s.degraded() {
			t.Errorf("server %s is degraded", name)
		}
		rep, err := s.ledger.Verify(ctx)
		if err != nil || !rep.Whole() {
			t.Errorf("server %s verifies: %+v, %v", name, rep, err)
		}
	}
}

// A server that was killed is known to be gone when the next one starts in its data directory:
// that one sweeps its import at once, and no other server does so.
func TestImportOfAServerThatWasKilled(t *testing.T) {
	t.Parallel()
	a, b := servers(t)
	err := a.db.Update(t.Context(), func(tx store.Tx) error {
		_, err := tx.BeginRun(store.Run{Opened: testkit.Start, Label: "killed", Node: a.node.ID()})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	open := func() (n int) {
		t.Helper()
		err := b.db.View(t.Context(), func(r store.Reader) error {
			runs, err := r.OpenRuns()
			n = len(runs)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	again := func(s *Server) {
		t.Helper()
		if err := s.wire(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	again(b)
	if open() != 1 {
		t.Error("another server's import was swept at a start")
	}
	again(a)
	if open() != 0 {
		t.Error("the import of the server before is there after a start")
	}
}
