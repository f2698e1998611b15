package sqlite

import (
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/storetest"
	"ostiary/internal/store/tables"
)

// alter runs statements on the file past the program.
func alter(t *testing.T, path, stmt string) {
	t.Helper()
	raw, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	if err == nil {
		_, err = raw.ExecContext(t.Context(), stmt)
	}
	if err := errors.Join(err, raw.Close()); err != nil {
		t.Fatalf("%s: %v", stmt, err)
	}
}

// A trigger or a view that is put in while the server runs never runs: the next
// transaction finds another schema, and nothing is written any more.
func TestSchemaThatChangesWhileItRunsEndsAcceptance(t *testing.T) {
	t.Parallel()
	for name, stmt := range map[string]string{
		"trigger": "CREATE TRIGGER evil AFTER UPDATE ON audit_head BEGIN UPDATE condition SET next = 0; END",
		"view":    "CREATE VIEW v AS SELECT 1",
		"index":   "DROP INDEX token_mark",
		"a name like those of SQLite": `CREATE TRIGGER "sqlite-stat1" AFTER UPDATE ON audit_head
			BEGIN UPDATE condition SET next = 0; END`,
	} {
		for first, do := range map[string]func(s *scene) error{
			"a code": func(s *scene) error {
				_, err := s.db.Attempt(s.Context(), s.right(7))
				return err
			},
			"an update": func(s *scene) error {
				return s.db.Update(s.Context(), func(tx store.Tx) error { return tx.ResetFailures(s.id) })
			},
		} {
			s := newScene(t)
			if o := s.try(s.right(3)); o.Verdict != store.Accepted {
				t.Fatalf("before: %+v", o)
			}
			alter(t, s.path, stmt)
			for range 2 {
				if err := do(s); !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, store.ErrTampered) {
					t.Errorf("%s, then %s: %v", name, first, err)
				}
			}
			if err := s.db.Check(t.Context()); !errors.Is(err, store.ErrTampered) {
				t.Errorf("%s: Check: %v", name, err)
			}
			if rows := s.raised.rows(); !slices.Equal(rows, []string{"head"}) {
				t.Errorf("%s: alarms %q", name, rows)
			}
			if c := s.find(store.Lookup{Serial: "A"}).Candidates[0].Token.Condition; c.Next != 4 {
				t.Errorf("%s: the token stands at %d", name, c.Next)
			}
		}
	}
}

// What changes the number of the schema and nothing in it is no tampering.
func TestVacuumBesideTheServerIsNoTampering(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.try(s.right(3))
	alter(t, s.path, "VACUUM; ANALYZE")
	s.db.names.Found.Forget(tables.Touched{All: true})
	f := s.find(store.Lookup{Serial: "A"})
	a := s.right(4)
	a.Proposals[0].Seen = f.Candidates[0].Token.Condition
	if o := s.try(a); o.Verdict != store.Accepted {
		t.Errorf("after it: %+v", o)
	}
	if rows := s.raised.rows(); len(rows) > 0 {
		t.Errorf("alarms %q", rows)
	}
}

// The floor of a secret that several tokens hold is taken away: no code of it is
// accepted, each is refused as forged and none as a fault, and the alarm names it.
func TestFloorThatIsGoneIsForged(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	const mark = token.Mark(77)
	update(t, s.db, func(tx store.Tx) error {
		return errors.Join(tx.SetMark(s.id, mark), tx.ShareSecret(0, mark))
	})
	f := s.find(store.Lookup{Serial: "A"})
	a := s.right(0)
	a.Proposals[0].Seen = f.Candidates[0].Token.Condition
	if a.Proposals[0].Seen.Shared.Mark != mark {
		t.Fatalf("found %+v", f)
	}
	forge(t, s.path, "DELETE FROM secret")
	// The judge saw the floor that was there.
	if o := s.try(a); o.Verdict != store.Stale {
		t.Errorf("judged before: %+v, want Stale", o)
	}
	if f = s.find(store.Lookup{Serial: "A"}); !f.Candidates[0].Forged {
		t.Errorf("found %+v", f.Candidates)
	}
	a.Proposals[0].Seen, a.Proposals[0].Matched = f.Candidates[0].Token.Condition, false
	a.Proposals[0].Tested = false
	if o := s.try(a); o.Verdict != store.Refused || o.Counted {
		t.Errorf("judged anew: %+v, want it refused", o)
	}
	if rows := s.raised.rows(); !slices.Contains(rows, "secret "+mark.String()) {
		t.Errorf("alarms %q", rows)
	}
	if p := s.problems(); len(p) != 1 || !strings.Contains(p[0], mark.String()) {
		t.Errorf("verify says %q", p)
	}
}

// Each column of what a person gets in by, and that no entry tells, is under a tag.
func TestFurtherColumnsAreTagged(t *testing.T) {
	t.Parallel()
	for _, set := range []string{"tries = 0", "last_try = 1", "answer = x'00'"} {
		s := withActivation(t)
		forge(t, s.path, "UPDATE activation SET "+set)
		view(t, s.db, func(r store.Reader) error {
			if _, err := r.OpenActivation(s.id); !errors.Is(err, store.ErrForged) {
				t.Errorf("%s: %v", set, err)
			}
			return nil
		})
	}
	for _, set := range []string{"run = 0", "epoch = 9", "hash = 'SHA512'", "digits = 8", "period = 9", "suite = 'x'",
		"next = 0", "drift = 9", "not_before = 1", "not_after = 1", "secret = x'00'", "mark = 1"} {
		s := newScene(t)
		var run int64
		update(t, s.db, func(tx store.Tx) (err error) {
			if run, err = tx.BeginRun(store.Run{Label: "l", Opened: time.Now()}); err != nil {
				return err
			}
			found, err := tx.Tokens(store.TokenFilter{ID: s.id})
			if err != nil {
				return err
			}
			found[0].Condition.Next, found[0].Mark = 5, 7
			return errors.Join(tx.StageReplacement(run, store.Candidate{Token: found[0], Sealed: []byte("new")}),
				tx.RecordRun(run, store.RunProgress{Counts: store.RunCounts{Replaced: 1}}, nil))
		})
		forge(t, s.path, "UPDATE import_replacement SET "+set)
		err := s.db.Update(t.Context(), func(tx store.Tx) error { return tx.PublishRun(run, time.Now()) })
		if !errors.Is(err, store.ErrForged) && !(set == "run = 0" && errors.Is(err, store.ErrConflict)) {
			t.Errorf("a staged replacement with %s: %v", set, err)
		}
	}
}

// withActivation is a scene with an open activation of which a try failed.
func withActivation(t *testing.T) *scene {
	t.Helper()
	s := newScene(t)
	now := time.Now()
	update(t, s.db, func(tx store.Tx) error {
		if err := tx.AddProfile(store.Profile{Name: "p", Vector: []byte("v"), Issuer: []byte("i"),
			Created: now}); err != nil {
			return err
		}
		id, err := tx.NextActivationID()
		if err != nil {
			return err
		}
		if err := tx.AddActivation(store.Activation{ID: id, Token: s.id, Profile: "p", Route: "offline", Opened: now,
			Expires: now.Add(time.Hour), Secret: []byte("s")}); err != nil {
			return err
		}
		_, err = tx.FailActivation(id, nil, now, 5)
		return err
	})
	view(t, s.db, func(r store.Reader) error {
		_, err := r.OpenActivation(s.id)
		return err
	})
	return s
}

// The tags of activations that an older version made are made anew once, and a forged
// one is not.
func TestFormerTagsAreMadeAnew(t *testing.T) {
	t.Parallel()
	for _, forged := range []bool{false, true} {
		s := withActivation(t)
		update(t, s.db, func(tx store.Tx) error { return tx.DeleteSetting("further_tags") })
		keys := s.db.guard.Keys()
		former := &proof.Table{Name: "activation", Key: proof.ActivationTable.Key, Columns: proof.ActivationTable.Former,
			From: proof.ActivationTable.From}
		var tag []byte
		view(t, s.db, func(r store.Reader) error {
			_, text, err := proof.Row{Table: former, ID: 1}.Read(t.Context(), r.(*tables.Reader).Conn())
			tag = keys.Tag(former.Name, text)
			return err
		})
		forge(t, s.path, "UPDATE activation SET tag = ?", tag)
		if forged {
			forge(t, s.path, "UPDATE activation SET expires = expires + 1")
		}
		if err := s.db.Close(); err != nil {
			t.Fatal(err)
		}
		s.db = open(t, Config{Path: s.path})
		protect(t, s.db)
		if p := s.problems(); (len(p) > 0) != forged {
			t.Errorf("forged %t: verify says %q", forged, p)
		}
	}
}

func TestForgedAmongOthers(t *testing.T) {
	t.Parallel()
	storetest.RunForgedLookups(t, func(t *testing.T, alarm func(store.Alarm)) (store.DB, func(string)) {
		path := filepath.Join(t.TempDir(), "a.db")
		db := open(t, Config{Path: path})
		if _, err := db.Protect(t.Context(), storetest.IntegrityKey(t, 1), alarm); err != nil {
			t.Fatal(err)
		}
		return db, func(statement string) { forge(t, path, statement) }
	})
}
