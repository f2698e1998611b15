package sqlite

import (
	"slices"
	"testing"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/query"
)

// issue gives alice a temporary code, and gives the attempt with it and what puts its
// row back in the file as it is now.
func (s *scene) issue() (a store.Attempt, putBack func()) {
	s.Helper()
	end := time.Now().Add(time.Hour)
	update(s.T, s.db, func(tx store.Tx) error {
		return tx.AddTemporaryCode(store.TemporaryCode{User: s.alice.ID, Fingerprint: []byte{1, 2}, Expires: end})
	})
	var tag []byte
	if err := s.db.reads.QueryRowContext(s.Context(), "SELECT tag FROM temporary_code").Scan(&tag); err != nil {
		s.Fatal(err)
	}
	a = right(s.id, 0)
	a.Proposals, a.UserID, a.Temporary, a.Now = nil, s.alice.ID, []byte{1, 2}, time.Now()
	return a, func() {
		forge(s.T, s.path, "INSERT OR REPLACE INTO temporary_code (user, fingerprint, expires, tag) VALUES (?, ?, ?, ?)",
			s.alice.ID, []byte{1, 2}, query.Millis(end), tag)
	}
}

func (s *scene) try(a store.Attempt) store.Outcome {
	s.Helper()
	o, err := s.db.Attempt(s.Context(), a)
	if err != nil {
		s.Fatal(err)
	}
	return o
}

// A temporary code that was used or revoked stays so while the server runs, whatever row
// is put back in the file: the old one with its tag above all.
func TestPastTemporaryCodeDoesNotComeBack(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*scene, store.Attempt){
		"used": func(s *scene, a store.Attempt) {
			if o := s.try(a); o.Verdict != store.Accepted {
				s.Fatalf("the right code: %+v", o)
			}
		},
		"used before the start": func(s *scene, a store.Attempt) {
			s.try(a)
			if err := s.db.Close(); err != nil {
				s.Fatal(err)
			}
			s.db = open(s.T, Config{Path: s.path})
			s.raised = protect(s.T, s.db)
		},
		"revoked": func(s *scene, _ store.Attempt) {
			update(s.T, s.db, func(tx store.Tx) error {
				_, err := tx.RevokeTemporaryCodes(s.alice.ID)
				return err
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			a, putBack := s.issue()
			end(s, a)
			putBack()
			if o := s.try(a); o.Verdict != store.Refused || o.Refusal != token.RowForged {
				t.Errorf("again: %+v, want it refused as forged", o)
			}
			if rows := s.raised.rows(); !slices.Contains(rows, "temporary_code 1") {
				t.Errorf("alarms %q", rows)
			}
		})
	}
}

// A code that is issued again after it was revoked works: memory does not outlive it.
func TestRevokedCodeThatIsIssuedAgain(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	a, _ := s.issue()
	update(t, s.db, func(tx store.Tx) error {
		_, err := tx.RevokeTemporaryCodes(s.alice.ID)
		return err
	})
	s.issue()
	if o := s.try(a); o.Verdict != store.Accepted {
		t.Errorf("issued again: %+v", o)
	}
}
