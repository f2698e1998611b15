package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/storetest"
)

// forge changes a database past the program, as somebody with the file alone does.
func forge(t *testing.T, path, stmt string, args ...any) {
	t.Helper()
	raw, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	res, err := raw.ExecContext(t.Context(), stmt, args...)
	if err != nil {
		t.Fatalf("%s: %v", stmt, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		t.Fatalf("%s: %d rows, %v", stmt, n, err)
	}
}

// scene is a protected database with a token of alice's, and mallory.
type scene struct {
	*testing.T
	db      *DB
	path    string
	raised  *alarms
	id      token.ID
	alice   store.User
	mallory store.User
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{T: t, path: filepath.Join(t.TempDir(), "ostiary.db")}
	s.db = open(t, Config{Path: s.path})
	s.raised = protect(t, s.db)
	update(t, s.db, func(tx store.Tx) error { return tx.BeginIntegrity() })
	s.id = tokens(t, s.db, 1)[0]
	update(t, s.db, func(tx store.Tx) (err error) {
		if s.alice, err = tx.AddUser("alice", time.Now()); err != nil {
			return err
		}
		if s.mallory, err = tx.AddUser("mallory", time.Now()); err != nil {
			return err
		}
		return errors.Join(tx.SetOwner(s.id, 0, s.alice.ID), tx.SetSetting("name", []byte("value")))
	})
	return s
}

// right is the right code for counter, judged on alice's token as it is.
func (s *scene) right(counter uint64) store.Attempt {
	a := right(s.id, counter)
	a.Proposals[0].Seen.Owner = s.alice.ID
	return a
}

func (s *scene) find(l store.Lookup) store.Found {
	s.Helper()
	f, err := s.db.Candidates(s.Context(), l, true)
	if err != nil {
		s.Fatal(err)
	}
	return f
}

func (s *scene) problems() (all []string) {
	s.Helper()
	view(s.T, s.db, func(r store.Reader) error {
		c, err := r.CheckIntegrity()
		all = c.Problems
		for _, row := range c.Forged {
			all = append(all, row.String()+"; "+row.Of)
		}
		return err
	})
	return all
}

// A row that says who gets in and was changed in the file is refused wherever it is
// judged, raises the alarm, is changed by no command, and audit verify names it.
func TestForgedRowsAreRefused(t *testing.T) {
	t.Parallel()
	for name, stmt := range map[string]string{
		"owner":         "UPDATE condition SET owner = (SELECT id FROM user WHERE name = 'mallory')",
		"state":         "UPDATE condition SET state = 1",
		"epoch":         "UPDATE condition SET epoch = epoch + 1",
		"not before":    "UPDATE condition SET not_before = 1",
		"not after":     "UPDATE condition SET not_after = 99999999999999",
		"serial":        "UPDATE token SET serial = 'B'",
		"digits":        "UPDATE token SET digits = 8",
		"secret":        "UPDATE token SET secret = x'00'",
		"tag":           "UPDATE token SET tag = NULL",
		"another tag":   "UPDATE token SET tag = (SELECT tag FROM user)",
		"a cut-off tag": "UPDATE token SET tag = substr(tag, 1, 8)",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			if f := s.find(store.Lookup{User: "alice"}); len(f.Candidates) != 1 || f.Candidates[0].Forged {
				t.Fatalf("before: %+v", f)
			}
			if p := s.problems(); len(p) > 0 {
				t.Fatalf("before: %q", p)
			}
			forge(t, s.path, stmt)
			f := store.Found{}
			for _, l := range []store.Lookup{{Serial: "A"}, {Serial: "B"}} {
				if f = s.find(l); len(f.Candidates) == 1 {
					break
				}
			}
			if len(f.Candidates) != 1 || !f.Candidates[0].Forged {
				t.Errorf("a forged token is found as %+v", f)
			}
			// It is not kept either, so that nobody takes it for checked.
			for _, l := range []store.Lookup{{Serial: "A"}, {Serial: "B"}} {
				if again, err := s.db.Candidates(t.Context(), l, false); err != nil ||
					len(again.Candidates) == 1 && (!again.Candidates[0].Forged || !again.Fresh) {
					t.Errorf("found again as %+v, %v", again, err)
				}
			}
			for change, fn := range map[string]func(store.Tx) error{
				"SetState": func(tx store.Tx) error { return tx.SetState(s.id, token.Valid, token.RevokedLost, "") },
				"SetDates": func(tx store.Tx) error { return tx.SetDates(s.id, store.Dates{}, store.Dates{}) },
				"SetOwner": func(tx store.Tx) error { return tx.SetOwner(s.id, s.alice.ID, 0) },
				"Expire":   func(tx store.Tx) error { return tx.Expire(s.id, time.Now(), "") },
			} {
				if err := s.db.Update(t.Context(), fn); !errors.Is(err, store.ErrForged) {
					t.Errorf("%s on a forged token: %v, want ErrForged", change, err)
				}
			}
			row := fmt.Sprintf("token %d", s.id)
			if rows := s.raised.rows(); !slices.Contains(rows, row) {
				t.Errorf("alarms %q, want one about %s", rows, row)
			}
			if p := s.problems(); len(p) != 1 || !strings.Contains(p[0], fmt.Sprintf("row %d of table token", s.id)) ||
				!strings.Contains(p[0], "; token hotp ") {
				t.Errorf("verify says %q", p)
			}
			update(t, s.db, func(tx store.Tx) error { return tx.DeleteToken(s.id) }) // the way out
			if p := s.problems(); len(p) > 0 {
				t.Errorf("without it: %q", p)
			}
		})
	}
}

// Names that were exchanged let nobody in as somebody else.
func TestForgedUserIsRefused(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	forge(t, s.path, "UPDATE user SET name = CASE name WHEN 'alice' THEN 'mallory!' ELSE 'alice!' END")
	f := s.find(store.Lookup{User: "mallory!"})
	if !f.Forged || len(f.Candidates) != 1 || !f.Candidates[0].Forged {
		t.Errorf("found %+v", f)
	}
	if p := s.problems(); len(p) != 2 {
		t.Errorf("verify says %q", p)
	}
}

// Names that are exchanged while a command gives somebody a token or a temporary code, and
// put back afterwards, give it to nobody else: the row of the user is checked as well.
func TestForgedUserGetsNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	forge(t, s.path, "UPDATE user SET name = CASE name WHEN 'alice' THEN 'mallory!' ELSE 'alice' END")
	for name, give := range map[string]func(tx store.Tx, user int64) error{
		"a token": func(tx store.Tx, user int64) error { return tx.SetOwner(s.id, s.alice.ID, user) },
		"a temporary code": func(tx store.Tx, user int64) error {
			return tx.AddTemporaryCode(store.TemporaryCode{User: user})
		},
		"a new token": func(tx store.Tx, user int64) error {
			id, err := tx.NextTokenID(1)
			return errors.Join(err, tx.AddToken(store.Candidate{Token: token.Token{ID: id,
				Condition: token.Condition{Owner: user}}}))
		},
	} {
		if err := s.db.Update(t.Context(), func(tx store.Tx) error {
			u, err := tx.User("alice")
			if err != nil {
				return err
			}
			return give(tx, u.ID)
		}); !errors.Is(err, store.ErrForged) {
			t.Errorf("%s: %v, want ErrForged", name, err)
		}
	}
	if rows := s.raised.rows(); !slices.Contains(rows, "user 2") {
		t.Errorf("alarms %q", rows)
	}
}

// A token that is nobody's, whose owner is written as 0, is not that of a name which nobody
// has: 0 is the number under which the tokens of such a name are looked up, and its tag is
// as that of a token without an owner.
func TestOwnerZeroIsNoUnknownUser(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	update(t, s.db, func(tx store.Tx) error { return tx.SetOwner(s.id, s.alice.ID, 0) })
	forge(t, s.path, "PRAGMA foreign_keys = OFF; UPDATE condition SET owner = 0")
	for range 2 {
		f, err := s.db.Candidates(t.Context(), store.Lookup{User: "nobody"}, false)
		if err != nil || f.User != nil || len(f.Candidates) != 0 || !f.Fresh {
			t.Errorf("a name that nobody has finds %+v, %v", f, err)
		}
		if f.StandIn.Candidate.Token.ID != s.id {
			t.Errorf("%+v stands in", f.StandIn)
		}
	}
	if f := s.find(store.Lookup{User: "alice"}); f.User == nil || len(f.Candidates) != 0 {
		t.Errorf("alice has %+v", f)
	}
}

// A row that somebody else put in opens nothing.
func TestInsertedRowsOpenNothing(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	forge(t, s.path, `INSERT INTO token (kind, type, manufacturer, serial, key_id, algorithm, hash, digits, period, t0, suite, model,
		issuer, run, created, secret, tag) SELECT kind, type, manufacturer, 'Z', key_id, algorithm, hash, digits, period, t0, suite, model,
		issuer, run, created, secret, tag FROM token`)
	forge(t, s.path, `INSERT INTO condition (token, run, owner, epoch, next, drift, failures, retry_at,
		state, not_before, not_after, last_used) SELECT (SELECT max(id) FROM token), run, owner, epoch, next, drift, failures, retry_at,
		state, not_before, not_after, last_used FROM condition`)
	if f := s.find(store.Lookup{Serial: "Z"}); len(f.Candidates) != 1 || !f.Candidates[0].Forged {
		t.Errorf("an inserted token: %+v", f)
	}
	forge(t, s.path, "INSERT INTO enrolment (token, hash, expires) VALUES (?, x'01', 99999999999999)", int64(s.id))
	view(t, s.db, func(r store.Reader) error {
		if _, err := r.Enrolment([]byte{1}); !errors.Is(err, store.ErrForged) {
			t.Errorf("an inserted enrolment: %v", err)
		}
		return nil
	})
	err := s.db.Update(t.Context(), func(tx store.Tx) error {
		_, err := tx.ShowEnrolment([]byte{1}, time.Now(), []byte{2}, time.Now().Add(time.Hour))
		return err
	})
	if !errors.Is(err, store.ErrForged) {
		t.Errorf("an inserted enrolment is shown: %v", err)
	}
	forge(t, s.path, "INSERT INTO user (name, created) VALUES ('root', 1)")
	if f := s.find(store.Lookup{User: "root"}); !f.Forged {
		t.Errorf("an inserted user: %+v", f)
	}
	forge(t, s.path, "INSERT INTO temporary_code (user, fingerprint, expires) VALUES (?, x'0102', 99999999999999)",
		s.alice.ID)
	a := right(s.id, 0)
	a.Proposals, a.UserID, a.Temporary = nil, s.alice.ID, []byte{1, 2}
	if o, err := s.db.Attempt(t.Context(), a); err != nil || o.Verdict != store.Refused ||
		o.Refusal != token.RowForged {
		t.Errorf("an inserted temporary code: %+v, %v", o, err)
	}
	forge(t, s.path, `INSERT INTO application (token, idx, mode, algorithm, hash, digits, period, suite, next, drift, secret)
		VALUES (?, 2, 1, 'HOTP', 'SHA1', 6, 0, '', 0, 0, x'00')`, int64(s.id))
	if f := s.find(store.Lookup{Serial: "A"}); !f.Candidates[0].Forged {
		t.Errorf("an inserted application: %+v", f)
	}
}

// A used temporary code does not come back by a changed row, nor an ended one.
func TestForgedTemporaryCodes(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	end := time.Now().Add(time.Hour)
	update(t, s.db, func(tx store.Tx) error {
		return tx.AddTemporaryCode(store.TemporaryCode{User: s.alice.ID, Fingerprint: []byte{1, 2}, Expires: end})
	})
	a := right(s.id, 0)
	a.Proposals, a.UserID, a.Temporary = nil, s.alice.ID, []byte{1, 2}
	a.Now = end.Add(time.Second)
	forge(t, s.path, "UPDATE temporary_code SET expires = expires + 3600000")
	if o, err := s.db.Attempt(t.Context(), a); err != nil || o.Verdict != store.Refused {
		t.Errorf("a code with another end: %+v, %v", o, err)
	}
	forge(t, s.path, "UPDATE temporary_code SET expires = expires - 3600000")
	a.Now = end.Add(-time.Second)
	if o, err := s.db.Attempt(t.Context(), a); err != nil || o.Verdict != store.Accepted {
		t.Fatalf("the right code: %+v, %v", o, err)
	}
	forge(t, s.path, "UPDATE temporary_code SET used = 0")
	if o, err := s.db.Attempt(t.Context(), a); err != nil || o.Verdict != store.Refused ||
		o.Refusal != token.RowForged {
		t.Errorf("a used code again: %+v, %v", o, err)
	}
}

// The proof writes a tag; it does not do so over a row that was forged meanwhile.
func TestProofDoesNotBlessAForgedRow(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	update(t, s.db, func(tx store.Tx) error { return tx.SetState(s.id, token.Valid, token.Pending, "") })
	f := s.find(store.Lookup{Serial: "A"})
	forge(t, s.path, "UPDATE token SET serial = 'B'")
	a := right(s.id, 0)
	a.Proof, a.Proposals[0].Seen = true, f.Candidates[0].Token.Condition
	if o, err := s.db.Attempt(t.Context(), a); err != nil || o.Verdict == store.Accepted {
		t.Errorf("the first code of a token that was forged meanwhile: %+v, %v", o, err)
	}
	if f := s.find(store.Lookup{Serial: "B"}); !f.Candidates[0].Forged {
		t.Error("the forged row carries a tag now")
	}
	forge(t, s.path, "UPDATE token SET serial = 'A'")
	if o, err := s.db.Attempt(t.Context(), a); err != nil || o.Verdict != store.Accepted {
		t.Errorf("the first code: %+v, %v", o, err)
	}
	if f := s.find(store.Lookup{Serial: "A"}); f.Candidates[0].Forged {
		t.Error("a proven token carries no tag")
	}
}

// Another head than the one that was written last ends all writing; so does a small
// table that is not as the head says.
func TestAnotherHeadEndsAcceptance(t *testing.T) {
	t.Parallel()
	for name, stmt := range map[string]string{
		"an older record": "UPDATE audit_head SET record = zeroblob(length(record))",
		"no record":       "UPDATE audit_head SET record = NULL, mac = NULL",
		"another head":    "UPDATE audit_head SET frontier = x'0000000000000000'",
		"another MAC":     "UPDATE audit_head SET mac = zeroblob(32)",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			if o, err := s.db.Attempt(t.Context(), s.right(0)); err != nil || o.Verdict != store.Accepted {
				t.Fatalf("before: %+v, %v", o, err)
			}
			forge(t, s.path, stmt)
			for range 2 {
				if o, err := s.db.Attempt(t.Context(), s.right(5)); !errors.Is(err, store.ErrUnavailable) ||
					o.Verdict == store.Accepted {
					t.Errorf("a code: %+v, %v", o, err)
				}
			}
			if err := s.db.Update(t.Context(), func(store.Tx) error { return nil }); !errors.Is(
				err, store.ErrUnavailable) {
				t.Errorf("an update: %v", err)
			}
			if err := s.db.Check(t.Context()); !errors.Is(err, store.ErrTampered) {
				t.Errorf("Check: %v", err)
			}
			if rows := s.raised.rows(); !slices.Equal(rows, []string{"head"}) {
				t.Errorf("alarms %q", rows)
			}
			reopened(t, s)
		})
	}
}

func TestForgedSmallTables(t *testing.T) {
	t.Parallel()
	for name, stmt := range map[string]string{
		"a key": "INSERT INTO api_key (id, name, role, help_desk, hash, created) VALUES ('x', 'x', " +
			"'super_admin', 0, x'00', 1)",
		"a setting": "DELETE FROM setting",
		"a type":    "UPDATE token_type SET max_per_user = 9 WHERE name = 'hotp'",
		"a limit":   "UPDATE profile SET limit_tries = 99 WHERE name = 'limited'",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			if err := s.db.Update(t.Context(), func(tx store.Tx) error {
				return errors.Join(tx.AddProfile(store.Profile{Name: "limited", Vector: []byte("v"), Issuer: []byte("i")}),
					tx.SetProfileLimits("limited", token.ActivationLimits{}, token.ActivationLimits{Tries: 3}))
			}); err != nil {
				t.Fatal(err)
			}
			if p := s.problems(); len(p) != 0 {
				t.Fatalf("before it verify says %q", p)
			}
			forge(t, s.path, stmt)
			if p := s.problems(); len(p) != 1 {
				t.Errorf("verify says %q", p)
			}
			for what, read := range map[string]func(r store.Reader) error{
				"the type":    func(r store.Reader) error { _, err := r.Type("hotp"); return err },
				"the profile": func(r store.Reader) error { _, err := r.Profile("limited"); return err },
			} {
				if err := s.db.View(t.Context(), read); !errors.Is(err, store.ErrTampered) {
					t.Errorf("%s is obeyed: %v", what, err)
				}
			}
			err := s.db.Update(t.Context(), func(tx store.Tx) error { return tx.SetSetting("other", []byte("x")) })
			if !errors.Is(err, store.ErrTampered) {
				t.Errorf("a change that would vouch for it: %v", err)
			}
			reopened(t, s)
		})
	}
}

// reopened demands that the database of a scene is refused when it is opened again.
func reopened(t *testing.T, s *scene) {
	t.Helper()
	if err := s.db.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, Config{Path: s.path})
	begun, err := again.Protect(t.Context(), storetest.IntegrityKey(t, 1), nil)
	if begun && err == nil || err != nil && !errors.Is(err, store.ErrTampered) {
		t.Errorf("opened again: %t, %v", begun, err)
	}
}

// A commit whose outcome nobody knows is no tampering, whichever way it went.
func TestHeadAfterAFailedCommit(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	commitFails(t, s.db)
	for range 2 {
		if _, err := s.db.Attempt(t.Context(), right(s.id, 0)); !errors.Is(err, store.ErrUncertain) {
			t.Fatalf("Attempt = %v, want ErrUncertain", err)
		}
	}
	commitWorks(t, s.db)
	if o, err := s.db.Attempt(t.Context(), s.right(1)); err != nil || o.Verdict != store.Accepted {
		t.Errorf("after it: %+v, %v", o, err)
	}
	if p := s.problems(); len(p) > 0 || len(s.raised.rows()) > 0 {
		t.Errorf("verify says %q, alarms %q", p, s.raised.rows())
	}
}

// A commit that is told to have failed, but is in the file, is no tampering either.
func TestHeadAfterACommitThatOnlySeemedToFail(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	onCommit(t, s.db, func() error {
		_, err := s.db.writer.conn.ExecContext(context.Background(), "COMMIT")
		return errors.Join(err, errDisk)
	})
	if err := s.db.Update(t.Context(), func(tx store.Tx) error {
		return tx.AppendAudit([]byte("{}"))
	}); !errors.Is(err, store.ErrUncertain) {
		t.Fatalf("Update = %v, want ErrUncertain", err)
	}
	commitWorks(t, s.db)
	view(t, s.db, func(r store.Reader) error {
		if rows, err := r.AuditEntries(0, 10); err != nil || len(rows) != 1 {
			t.Fatalf("%d entries, %v: the commit is not in the file", len(rows), err)
		}
		return nil
	})
	if o, err := s.db.Attempt(t.Context(), s.right(0)); err != nil || o.Verdict != store.Accepted {
		t.Errorf("after it: %+v, %v", o, err)
	}
	if p := s.problems(); len(p) > 0 || len(s.raised.rows()) > 0 {
		t.Errorf("verify says %q, alarms %q", p, s.raised.rows())
	}
}

// A trigger, or another schema than the program's, is seen when the database is opened.
func TestOpeningChecksTheSchema(t *testing.T) {
	t.Parallel()
	for _, stmt := range []string{"DROP INDEX token_mark", "CREATE VIEW v AS SELECT 1",
		"CREATE TRIGGER SQLITE1STAT AFTER UPDATE OF state ON condition BEGIN UPDATE condition SET owner = 1; END",
		"CREATE TRIGGER evil AFTER UPDATE OF state ON condition BEGIN UPDATE condition SET owner = 1; END"} {
		s := newScene(t)
		if err := s.db.Close(); err != nil {
			t.Fatal(err)
		}
		raw, err := sql.Open("sqlite", s.path)
		if err == nil {
			_, err = raw.Exec(stmt)
		}
		if err := errors.Join(err, raw.Close()); err != nil {
			t.Fatal(err)
		}
		again := open(t, Config{Path: s.path})
		if _, err := again.Protect(t.Context(), storetest.IntegrityKey(t, 1), nil); !errors.Is(err, store.ErrTampered) {
			t.Errorf("%s: %v", stmt, err)
		}
	}
}

// Every way of taking something away is seen when the database is opened.
func TestOpeningChecksWhatTheHeadVouchesFor(t *testing.T) {
	t.Parallel()
	for name, stmt := range map[string]string{
		"":                   "",
		"a checkpoint":       "DELETE FROM checkpoint",
		"the last entry":     "DELETE FROM audit_entry WHERE seq = (SELECT max(seq) FROM audit_entry)",
		"an entry behind it": "INSERT INTO audit_entry SELECT max(seq) + 1, x'7b7d' FROM audit_entry",
		"the integrity key":  "DELETE FROM setting",
		"the head's row":     "DELETE FROM audit_head",
		"the head's MAC":     "UPDATE audit_head SET mac = zeroblob(32)",
		"the number of the commit": "UPDATE audit_head SET record = CAST(substr(record, 1, 21) || zeroblob(8) || " +
			"substr(record, 30) AS BLOB)",
	} {
		s := newScene(t)
		update(t, s.db, func(tx store.Tx) error {
			return errors.Join(tx.AppendAudit([]byte("{}")), tx.AddCheckpoint(1, "note"))
		})
		if err := s.db.Close(); err != nil {
			t.Fatal(err)
		}
		if stmt != "" {
			forge(t, s.path, stmt)
		}
		again, err := Open(t.Context(), Config{Path: s.path})
		if errors.Is(err, store.ErrTampered) && stmt != "" {
			continue // it is seen before there is a key
		} else if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = again.Close() })
		begun, err := again.Protect(t.Context(), storetest.IntegrityKey(t, 1), nil)
		if whole := err == nil; whole != (stmt == "") || whole != begun {
			t.Errorf("%q gone: begun %t, %v", name, begun, err)
		}
		if stmt != "" {
			continue
		}
		other := open(t, Config{Path: s.path})
		if _, err := other.Protect(t.Context(), storetest.IntegrityKey(t, 2), nil); !errors.Is(err, store.ErrTampered) {
			t.Errorf("under another key: %v", err)
		}
	}
}

// A row that is in the cache was checked once; what is changed in the file afterwards
// lets nobody in, and is found out.
func TestForgeryBehindTheCache(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		stmt    string
		prepare func(*scene) error
	}{
		"owner": {stmt: "UPDATE condition SET owner = (SELECT id FROM user WHERE name = 'mallory')"},
		"epoch": {stmt: "UPDATE condition SET epoch = epoch + 1"},
		"state": {stmt: "UPDATE condition SET state = 0", prepare: func(s *scene) error {
			return s.db.Update(s.Context(), func(tx store.Tx) error {
				return tx.SetState(s.id, token.Valid, token.RevokedLost, "")
			})
		}},
		"end": {stmt: "UPDATE condition SET not_after = 0", prepare: func(s *scene) error {
			return s.db.Update(s.Context(), func(tx store.Tx) error {
				return tx.SetDates(s.id, store.Dates{}, store.Dates{NotAfter: time.Now().Add(-time.Hour)})
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			if tt.prepare != nil {
				if err := tt.prepare(s); err != nil {
					t.Fatal(err)
				}
			}
			s.find(store.Lookup{Serial: "A"})
			forge(t, s.path, tt.stmt)
			cached, err := s.db.Candidates(t.Context(), store.Lookup{Serial: "A"}, false)
			if err != nil || cached.Fresh || cached.Candidates[0].Forged {
				t.Fatalf("found %+v, %v", cached, err)
			}
			a := right(s.id, 0)
			a.Proposals[0].Seen = cached.Candidates[0].Token.Condition
			if o, err := s.db.Attempt(t.Context(), a); err != nil || o.Verdict != store.Stale {
				t.Errorf("a code that was judged on the cached row: %+v, %v; want Stale", o, err)
			}
			if f := s.find(store.Lookup{Serial: "A"}); !f.Candidates[0].Forged {
				t.Error("judged anew, the row is not forged")
			}
		})
	}
}
