package storetest

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"ostiary/activation"
	"ostiary/internal/core/token"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// fixedKEK opens everything to one key, so that a database can be opened again.
type fixedKEK byte

func (fixedKEK) ID() string { return "fixed" }

func (fixedKEK) Wrap(context.Context, []byte, seal.Secret) ([]byte, error) {
	return []byte("wrapped"), nil
}

func (k fixedKEK) Unwrap(context.Context, []byte, []byte) (seal.Secret, error) {
	return seal.NewSecret(bytes.Repeat([]byte{byte(k)}, 32)), nil
}

// IntegrityKey gives the integrity key number n of the tests, which is the same each
// time.
func IntegrityKey(t testing.TB, n byte) *seal.Integrity {
	t.Helper()
	key, err := seal.OpenIntegrity(context.Background(), fixedKEK(n), seal.Genesis{n},
		seal.WrappedIntegrity{ID: uint32(n), KEK: "fixed"})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// RunIntegrity holds a database to what the contract says of databases that prove
// themselves. open gives a new, empty one that Protect was not called on.
func RunIntegrity(t *testing.T, open func(t *testing.T) store.DB) {
	for _, tt := range integrityTests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := &rig{T: t, db: open(t)}
			defer r.checkLog()
			tt.run(r)
		})
	}
}

// protect calls Protect on a database without a record.
func (r *rig) protect() {
	r.Helper()
	begun, err := r.db.Protect(r.ctx(), IntegrityKey(r, 1), nil)
	r.must(err)
	if begun {
		r.Fatal("a database without a record is said to have one")
	}
}

func (r *rig) firstRecord() {
	r.Helper()
	r.update(func(tx store.Tx) error { return tx.BeginIntegrity() })
}

var integrityTests = []test{
	{"RecordIsMadeAnewWithEachCommit", func(r *rig) {
		r.view(func(rd store.Reader) error {
			if _, err := rd.Record(); !errors.Is(err, store.ErrNotFound) {
				r.Errorf("Record of a new database: %v", err)
			}
			if _, err := rd.CheckIntegrity(); !errors.Is(err, store.ErrNotFound) {
				r.Errorf("CheckIntegrity without a key: %v", err)
			}
			return nil
		})
		r.is(store.ErrConflict, "the first record without a key",
			func(tx store.Tx) error { return tx.BeginIntegrity() })
		r.protect()
		r.update(func(tx store.Tx) error { return tx.AppendAudit(entry("before")) })
		r.update(func(tx store.Tx) error { return errors.Join(tx.BeginIntegrity(), tx.AppendAudit(entry("first"))) })
		r.is(store.ErrConflict, "a second first record", func(tx store.Tx) error { return tx.BeginIntegrity() })
		t := r.one(nil)
		r.accepted(attempt(right(t, 0)))
		r.update(func(tx store.Tx) error { return tx.AddCheckpoint(2, "note") })
		var commit uint64
		r.view(func(rd store.Reader) error {
			record, err := rd.Record()
			head, herr := rd.AuditHead()
			// The first, the run's two, the code and the checkpoint; of several nodes, a code
			// may have one of its own for its entry.
			commit = record.Commit
			if commit < 5 || commit > 6 || record.Genesis != (seal.Genesis{1}) || record.Key != 1 ||
				record.Checkpoints != 1 ||
				record.Frontier.Size() != 3 || record.Frontier.Root() != head.Root() || record.First != 0 {
				r.Errorf("record %+v, head of %d", record, head.Size())
			}
			return errors.Join(err, herr)
		})
		r.is(errTest, "nothing", func(store.Tx) error { return errTest })
		r.view(func(rd store.Reader) error {
			record, err := rd.Record()
			if record.Commit != commit {
				r.Errorf("commit %d after %d and a transaction that was undone", record.Commit, commit)
			}
			return err
		})
	}},
	{"Used", func(r *rig) {
		used := func() (used bool) {
			r.view(func(rd store.Reader) (err error) {
				used, err = rd.Used()
				return err
			})
			return used
		}
		if used() {
			r.Error("a new database is used")
		}
		r.user("alice")
		if !used() {
			r.Error("a database with a user is not used")
		}
	}},
	{"Keys", func(r *rig) {
		one := seal.WrappedIntegrity{ID: 1, KEK: "kek", Wrapped: []byte("one")}
		r.update(func(tx store.Tx) error { return tx.AddIntegrityKey(one, start) })
		r.is(store.ErrConflict, "the key again", func(tx store.Tx) error { return tx.AddIntegrityKey(one, start) })
		r.view(func(rd store.Reader) error {
			got, err := rd.IntegrityKeys()
			r.same("keys", got, []seal.WrappedIntegrity{one})
			return err
		})
	}},
	{"SettingsAndHashes", func(r *rig) {
		r.protect()
		r.firstRecord()
		r.update(func(tx store.Tx) error {
			return errors.Join(tx.SetSetting("n", []byte("v")),
				tx.AddAPIKey(store.APIKey{ID: "id", Name: "radius", Role: "verifier", Hash: []byte("old"),
					Created: start}))
		})
		r.update(func(tx store.Tx) error {
			return errors.Join(tx.DeleteSetting("n"), tx.SetAPIKeyHash("id", []byte("old"), []byte("new")))
		})
		r.is(store.ErrConflict, "a setting that is not there", func(tx store.Tx) error { return tx.DeleteSetting("n") })
		r.is(store.ErrConflict, "another hash than was seen",
			func(tx store.Tx) error { return tx.SetAPIKeyHash("id", []byte("old"), []byte("newer")) })
		r.same("hash", r.keys()[0].Hash, []byte("new"))
		r.absent("the setting", func(rd store.Reader) error {
			_, err := rd.Setting("n")
			return err
		})
	}},
	{"TagRowsTagsWhatIsThere", func(r *rig) {
		alice := r.user("alice")
		all := r.several(3, alice.ID)
		hash, none := bytes.Repeat([]byte{7}, 32), []byte(nil)
		r.update(func(tx store.Tx) error {
			return errors.Join(tx.AddEnrolment(store.Enrolment{Token: all[0].ID, Hash: hash, Expires: start}),
				tx.AddEnrolment(store.Enrolment{Token: all[1].ID, Hash: none, Shown: start}),
				tx.SetApplications(all[2].ID, []store.Application{{Index: 2, Mode: activation.ResponseOnly,
					Sealed: []byte("sealed")}}),
				tx.AddTemporaryCode(store.TemporaryCode{User: alice.ID, Fingerprint: []byte("old"), Expires: start}))
		})
		r.is(store.ErrConflict, "tag rows without a key", func(tx store.Tx) error {
			_, err := tx.TagRows(2)
			return err
		})
		r.protect()
		var steps []int
		for len(steps) == 0 || steps[len(steps)-1] == 2 {
			r.update(func(tx store.Tx) error {
				n, err := tx.TagRows(2)
				steps = append(steps, n)
				return err
			})
		}
		r.same("rows tagged in each step", steps, []int{2, 2, 2, 1}) // 3 tokens, alice, 2 enrolments, an application
		r.firstRecord()
		r.is(store.ErrConflict, "tag rows after the first record", func(tx store.Tx) error {
			_, err := tx.TagRows(2)
			return err
		})
		link, err := IntegrityKey(r, 1).Hasher(seal.Link)
		r.must(err)
		keyed := link.Sum(hash)
		r.view(func(rd store.Reader) error {
			e, err := rd.Enrolment(keyed[:])
			r.same("the token of the keyed hash", e.Token, all[0].ID)
			return err
		})
		a := attempt()
		a.UserID, a.Temporary = alice.ID, []byte("old")
		a.Now = start.Add(-time.Second)
		if o := r.try(a); o.Verdict != store.Refused || o.Refusal != token.NoReason {
			r.Errorf("a temporary code from before: %+v", o)
		}
	}},
	{"FenceLeavesNoCodeThatMayHaveBeenUsed", func(r *rig) {
		r.protect()
		r.firstRecord()
		alice := r.user("alice")
		totp := func(next uint64, drift, period, t0 int64) token.Token {
			return r.one(func(c *store.Candidate) {
				c.Token.Spec.Algorithm, c.Token.Spec.Period, c.Token.Spec.T0 = token.TOTP, period, t0
				c.Token.Condition.Next, c.Token.Condition.Drift = next, drift
			})
		}
		now := start.Unix()
		plain, ahead, minute, later := totp(5, 0, 30, 0), totp(5, 3, 30, 0), totp(5, -2, 60, 60), totp(1<<40, 0, 30, 0)
		hotp := r.one(func(c *store.Candidate) { c.Token.Condition.Next = 9 })
		r.one(func(c *store.Candidate) { // awaits its activation, and has no code until then
			c.Token.Profile, c.Token.Condition.State = "mobile-hotp", token.Pending
		})
		apps := []store.Application{
			{Index: 2, Mode: activation.ResponseOnly, Spec: token.Spec{Algorithm: token.HOTP}, Next: 4,
				Sealed: []byte("a")},
			{Index: 3, Mode: activation.ResponseOnly, Spec: token.Spec{Algorithm: token.TOTP, Period: 30},
				Sealed: []byte("b")}}
		r.update(func(tx store.Tx) error {
			return errors.Join(tx.SetApplications(hotp.ID, apps),
				tx.AddTemporaryCode(store.TemporaryCode{User: alice.ID,
					Fingerprint: []byte("code"), Expires: start.Add(time.Hour)}),
				tx.AddEnrolment(store.Enrolment{Token: hotp.ID, Hash: []byte("link"), Expires: start.Add(time.Hour)}),
				tx.AddEnrolment(store.Enrolment{Token: plain.ID, Shown: start}))
		})
		var fenced store.Fenced
		r.update(func(tx store.Tx) (err error) {
			fenced, err = tx.Fence(start)
			return err
		})
		r.same("fenced", fenced, store.Fenced{Time: 4, Events: 1, Codes: 1, Links: 1})
		r.absent("a link that may have been opened", func(rd store.Reader) error {
			_, err := rd.Enrolment([]byte("link"))
			return err
		})
		for i, want := range []uint64{uint64(now/30 + 2), uint64(now/30 + 5), uint64((now-60)/60 + 2), 1 << 40} {
			t := []token.Token{plain, ahead, minute, later}[i]
			r.same("next counter", r.condition(t.ID).Next, want)
		}
		c := r.condition(hotp.ID)
		r.same("drift and next of what counts events", []int64{c.Drift, int64(c.Next)}, []int64{token.TwoCodes, 9})
		r.same("an application", r.applicationNow(hotp.ID, 2).Drift, int64(token.TwoCodes))
		r.same("another", r.applicationNow(hotp.ID, 3).Next, uint64(now/30+2))
		valid, lost := token.Valid, token.RevokedLost
		r.same("what waits for two codes", r.list(store.TokenFilter{Fenced: true}), []token.ID{hotp.ID})
		r.view(func(rd store.Reader) error { // in another order, too
			sorted, _, err := rd.SortedTokens(store.TokenFilter{Fenced: true, Limit: 10}, store.TokenOrder{By: store.BySerial})
			r.same("sorted", len(sorted), 1)
			return err
		})
		r.same("of those that are VALID", r.list(store.TokenFilter{Fenced: true, State: &valid}), []token.ID{hotp.ID})
		r.same("of those that are lost", r.list(store.TokenFilter{Fenced: true, State: &lost}), []token.ID(nil))
		r.same("behind it", r.list(store.TokenFilter{Fenced: true, After: hotp.ID}), []token.ID(nil))
		// Who saw the row before does not take a single code.
		o := r.try(attempt(right(hotp, 9)))
		r.same("a code that was judged before", o.Verdict, store.Stale)
		seen := hotp
		seen.Condition = c
		r.accepted(attempt(right(seen, 9)))
		r.same("drift after two codes", r.condition(hotp.ID).Drift, int64(0))
		r.same("what waits after two codes", r.list(store.TokenFilter{Fenced: true}), []token.ID(nil))
	}},
	// What was checked are the state and the dates that were seen; the row may have
	// been changed since by somebody who cannot make tags.
	{"WhatWasSeenMustAllowTheCode", func(r *rig) {
		t := r.one(nil)
		for name, spoil := range map[string]func(*token.Condition){
			"revoked": func(c *token.Condition) { c.State = token.RevokedLost },
			"ended":   func(c *token.Condition) { c.NotAfter = start },
			"early":   func(c *token.Condition) { c.NotBefore = start.Add(time.Second) },
			"pending": func(c *token.Condition) { c.State = token.Pending },
		} {
			seen := t
			spoil(&seen.Condition)
			if o := r.try(attempt(right(seen, 0))); o.Verdict != store.Stale {
				r.Errorf("%s when it was seen: %+v, want Stale", name, o)
			}
		}
		r.same("next counter", r.condition(t.ID).Next, uint64(0))
	}},
}
