package serve

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/audit/derive"
	"ostiary/internal/core/authz"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/ledger"
	"ostiary/internal/store"
	"ostiary/internal/store/migrate"
	"ostiary/internal/test/testkit"
)

// nextVersion are the migrations of a next version, which only adds.
func nextVersion(t *testing.T) []migrate.Migration {
	t.Helper()
	own, err := filepath.Glob("../../store/postgres/migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	return []migrate.Migration{{Number: len(own) + 1, Name: "next", Sum: "next", SQL: `
		ALTER TABLE token ADD COLUMN colour text COLLATE "C" NOT NULL DEFAULT '';
		ALTER TABLE condition ADD COLUMN warned bigint NOT NULL DEFAULT 0;
		ALTER TABLE audit_head ADD COLUMN further bytea;
		ALTER TABLE profile ADD COLUMN colour text COLLATE "C" NOT NULL DEFAULT '';
		ALTER TABLE api_key ADD COLUMN rate bigint NOT NULL DEFAULT 0;
		CREATE TABLE colour (name text COLLATE "C" PRIMARY KEY)`}}
}

// An upgrade with two servers: one after the other is replaced by one of the next version. A
// code is accepted once, whichever is asked, and all of them find the log and the state whole.
func TestUpgradeServerByServer(t *testing.T) {
	t.Parallel()
	open, next := opener(t), nextVersion(t)
	a, b := open(nil), open(nil)
	hotp := testkit.HOTP("900001")
	_, err := a.imports.Import(t.Context(), imports.Request{Keys: testkit.Keys(hotp), Label: "one", Origin: origin})
	if err != nil {
		t.Fatal(err)
	}
	counter, keys := uint64(0), 0
	check := func(when string, all ...*Server) {
		t.Helper()
		for range 4 {
			code := testkit.Code(t, hotp, counter)
			counter++
			var accepted atomic.Int32
			var wg sync.WaitGroup
			for _, s := range all {
				wg.Go(func() {
					if s.verify(t, store.Lookup{Serial: "900001"}, code) {
						accepted.Add(1)
					}
				})
			}
			wg.Wait()
			if n := accepted.Load(); n != 1 {
				t.Errorf("%s: a code is accepted %d times", when, n)
			}
		}
		// Each changes the small tables, which the others hold against the record.
		for _, s := range all {
			keys++
			if _, _, err := s.keys.Create(t.Context(), authz.Principal{Role: authz.Root},
				credentials.KeyRequest{Name: fmt.Sprint("key", keys), Role: authz.Verifier}, origin); err != nil {
				t.Errorf("%s: %v", when, err)
			}
		}
		for _, s := range all {
			s.turn(t)
			if s.degraded() {
				t.Errorf("%s: a server is degraded", when)
			}
			if rep, err := s.ledger.Verify(t.Context()); err != nil || !rep.Whole() {
				t.Errorf("%s: audit verify: %+v, %v", when, rep, err)
			}
		}
	}
	end := func(s *Server) {
		t.Helper()
		if err := s.database.KeepMark(t.Context()); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	check("both of this version", a, b)
	end(b)
	b = open(next)
	check("one of the next", a, b)
	end(a)
	a = open(nil) // it may start again
	if a.newer() != next[0].Number || b.newer() != 0 {
		t.Errorf("the schema is newer by %d and %d", a.newer(), b.newer())
	}
	check("the older one restarted", a, b)
	end(b)
	b = open(next)
	check("the next one restarted", a, b)
	end(a)
	check("both of the next", open(next), b)
}

// What a server finds in the state is no finding where a newer version has written entries
// that it does not know. A log that is not intact is one.
func TestVerificationBesideANewerVersion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		newer, unknown int
		problem        string
		want           float64
	}{{0, 0, "", 3}, {0, 2, "", 3}, {99, 0, "", 3}, {99, 2, "", 0}, {99, 2, "broken", 1}} {
		s := newServer(Config{})
		s.newer = func() int { return c.newer }
		s.verified(ledger.Report{Report: audit.Report{Problem: c.problem},
			State: derive.Result{Count: 3, Unknown: c.unknown}}, nil)
		if got := value(t, s.watch.findings); got != c.want || s.watch.degraded.Load() != (c.want > 0) {
			t.Errorf("%+v: %v findings, degraded %t", c, got, s.watch.degraded.Load())
		}
	}
}

// An overtaken server ends with the reason, which is told once.
func TestOvertakenServerEnds(t *testing.T) {
	t.Parallel()
	s := newServer(Config{})
	if s.overtaken.is() {
		t.Error("it is overtaken at first")
	}
	s.overtaken.are(migrate.ErrNewer)
	s.overtaken.are(errors.New("another one"))
	over := make(chan struct{})
	close(over)
	if err := s.drain(over); !errors.Is(err, migrate.ErrNewer) || !s.overtaken.is() {
		t.Errorf("it ends with %v", err)
	}
}
