package serve

import (
	"errors"
	"path/filepath"
	"testing"

	"ostiary/internal/core/audit"
	"ostiary/internal/engine/codes"
	"ostiary/internal/store"
	"ostiary/internal/test/cluster"
	"ostiary/internal/test/testkit"
)

// After a fence no code works that may have been used before, of any kind, and the state
// still follows from the log: here on PostgreSQL, put back to before the last codes by a copy
// of the file.
func TestFenceOfAMovedDatabase(t *testing.T) {
	t.Parallel()
	m := newMoved(t)
	m.data = copyOf(t, m.data) // it has the mark of then, as if a standby had taken over
	at := m.in(Config{Database: cluster.Schema(t)})
	if _, err := m.copy(m.from(), at, nil); err != nil {
		t.Fatal(err)
	}
	at.Data = m.data
	r, err := Accept(t.Context(), at, "a standby that was not in step", true)
	if err != nil {
		t.Fatal(err)
	}
	if f := r.Fenced; f == nil || f.Time != 2 || f.Events < 5 || f.Codes != 1 || f.Links != 1 || f.Activations != 1 {
		t.Fatalf("fenced %+v", f)
	}
	s := m.open(at)
	defer m.close(s)
	timed := testkit.TOTP("900004")
	for name, valid := range map[string]bool{
		"an event":         m.verify(s, m.hotp, m.next),
		"a time step":      m.verify(s, timed, testkit.Step(t, timed, m.now)),
		"the step after":   m.verify(s, timed, testkit.Step(t, timed, m.now)+1),
		"a temporary code": s.verify(t, store.Lookup{User: "alice"}, m.temporary[1]),
		"a phone":          s.verify(t, store.Lookup{Serial: m.phone.Serial}, m.phone.Code(t, 1, m.now)),
	} {
		if valid {
			t.Errorf("%s is accepted, and may have been used before", name)
		}
	}
	if c, err := s.activations.Confirm(t.Context(), m.confirmation); err == nil || c.Accepted {
		t.Errorf("an activation is confirmed that may have been confirmed before: %+v", c)
	}
	valid, err := s.engine.Resync(t.Context(), codes.ResyncRequest{Lookup: store.Lookup{Serial: m.hotp.Serial},
		OTP1: testkit.Code(t, m.hotp, m.next+1), OTP2: testkit.Code(t, m.hotp, m.next+2), Origin: origin})
	if err != nil || !valid {
		t.Errorf("two codes in a row: %t, %v", valid, err)
	}
	if !m.verify(s, m.hotp, m.next+3) {
		t.Error("the code after two in a row is refused")
	}
	rep, err := s.ledger.Verify(t.Context())
	if err != nil || !rep.Whole() {
		t.Errorf("audit verify: %+v, %v", rep, err)
	}
}

// A database that was moved is taken back by those who say that they know, with a fence: then
// no code works that was used at the other one, and that is said.
func TestMovedDatabaseIsTakenBack(t *testing.T) {
	t.Parallel()
	m := newMoved(t)
	to := m.in(Config{Data: filepath.Join(t.TempDir(), "data")})
	done, err := m.copy(m.from(), to, nil)
	if err != nil {
		t.Fatal(err)
	}
	m.works(to)
	if _, err := Accept(t.Context(), m.from(), "the other one was lost", true); !errors.Is(err, ErrRefused) {
		t.Fatalf("without saying so: %v", err)
	}
	back := m.from()
	back.TakeBack = true
	r, err := Accept(t.Context(), back, "the other one was lost", true)
	if err != nil || r.From != done.To || r.Fenced == nil {
		t.Fatalf("taken back: %+v, %v", r, err)
	}
	s := m.open(m.from())
	defer m.close(s)
	if m.verify(s, m.hotp, m.next-1) {
		t.Error("a code works that was used at the other one")
	}
	if rep, err := s.ledger.Verify(t.Context()); err != nil || !rep.Whole() {
		t.Errorf("audit verify: %+v, %v", rep, err)
	}
	if e := s.entry(t, audit.DatabaseMoved); e["reason"] != "taken back" {
		t.Errorf("database.moved is %v", e)
	}
}
