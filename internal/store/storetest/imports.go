package storetest

import (
	"errors"
	"fmt"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// replacement is a new secret for a token, as an import brings it.
func replacement(t token.Token) store.Candidate {
	c := store.Candidate{Token: t, Sealed: []byte("another sealed secret of " + t.Identity.Serial)}
	c.Token.Spec = token.Spec{Algorithm: token.HOTP, Hash: "SHA256", Digits: 8}
	c.Token.Condition.Next = 77
	return c
}

// stageReplacements opens a run that replaces secrets, with its counts recorded.
func (r *rig) stageReplacements(counts store.RunCounts, cs ...store.Candidate) (run int64) {
	r.Helper()
	run = r.stage()
	r.update(func(tx store.Tx) error {
		var errs []error
		for _, c := range cs {
			errs = append(errs, tx.StageReplacement(run, c))
		}
		return errors.Join(append(errs, tx.RecordRun(run, store.RunProgress{Counts: counts}, nil))...)
	})
	return run
}

func (r *rig) run(id int64) (run store.Run) {
	r.Helper()
	r.view(func(rd store.Reader) (err error) {
		run, err = rd.Run(id)
		return err
	})
	return run
}

var importTests = []test{
	{"RunIsAReport", func(r *rig) {
		var id int64
		want := store.Run{Label: "tokens.pskc", Batch: "order 1", Note: "box 1", Supplier: "ACME", Format: "pskc",
			Actor: "key:admin", Opened: start}
		r.update(func(tx store.Tx) (err error) {
			id, err = tx.BeginRun(want)
			return err
		})
		want.ID = id
		r.same("the run", r.run(id), want)
		want.Counts = store.RunCounts{Imported: 1, Duplicate: 2, Conflict: 3, Refused: 4, HeldBack: 5, Renumbered: 8,
			Assigned: 6, Users: 7}
		want.Remarks = []string{"One.", "Two."}
		want.Series = []store.RunSeries{{Type: "app-totp", Incoming: 3, HighestIncoming: "AT10000103",
			HighestPresent: "AT10000006", Collisions: 1, NextBefore: "AT10000007", NextAfter: "AT10000104"}}
		rows := []store.RunRow{{N: 1, Line: 5, Serial: "1", KeyID: "k", Type: "hotp", Manufacturer: "ACME",
			Outcome: "refused", Reason: "why"}, {N: 3, Outcome: "duplicate"}, {N: 7}}
		r.update(func(tx store.Tx) error { return tx.RecordRun(id, want.RunProgress, rows[:1]) })
		r.update(func(tx store.Tx) error { return tx.RecordRun(id, want.RunProgress, rows[1:]) })
		r.same("the run", r.run(id), want)
		read := func(after, limit int) (got []store.RunRow) {
			r.view(func(rd store.Reader) (err error) {
				got, err = rd.RunRows(id, after, limit)
				return err
			})
			return got
		}
		r.same("rows", read(0, 10), rows)
		r.same("rows behind", read(1, 1), rows[1:2])
		r.update(func(tx store.Tx) error {
			_, err := tx.SweepRun(id, start, "it broke", 10)
			return err
		})
		want.Closed, want.Failure = start, "it broke"
		r.same("the run", r.run(id), want)
		r.same("rows", read(0, 10), rows)
		r.is(store.ErrConflict, "record of a closed run",
			func(tx store.Tx) error { return tx.RecordRun(id, store.RunProgress{}, nil) })
		if err := r.db.View(r.ctx(), func(rd store.Reader) error { _, err := rd.Run(id + 1); return err }); !errors.Is(
			err, store.ErrNotFound) {
			r.Errorf("a run that is none: %v", err)
		}
	}},
	{"RunsNewestFirst", func(r *rig) {
		var ids []int64
		for range 3 {
			ids = append([]int64{r.publish()}, ids...)
		}
		list := func(before int64, limit int) (got []int64) {
			r.view(func(rd store.Reader) error {
				runs, err := rd.Runs(before, limit)
				for _, run := range runs {
					got = append(got, run.ID)
				}
				return err
			})
			return got
		}
		r.same("runs", list(0, 10), ids)
		r.same("the first", list(0, 1), ids[:1])
		r.same("before it", list(ids[0], 10), ids[1:])
	}},
	{"DryRunIsNotInTheWay", func(r *rig) {
		begin := func(dry bool) func(store.Tx) error {
			return func(tx store.Tx) error {
				_, err := tx.BeginRun(store.Run{Opened: start, DryRun: dry})
				return err
			}
		}
		r.update(begin(true))
		r.update(begin(true))
		r.update(begin(false))
		r.update(begin(true))
		r.is(store.ErrBusy, "a second run", begin(false))
		r.same("open runs", len(r.openRuns()), 4)
	}},
	{"ReplacedWhenPublished", func(r *rig) {
		t := r.one(nil)
		r.try(attempt(wrong(t)))
		t.Condition = r.condition(t.ID)
		run := r.stageReplacements(store.RunCounts{Replaced: 1}, replacement(t))
		r.same("condition before", r.condition(t.ID), t.Condition)
		r.is(store.ErrConflict, "replace twice",
			func(tx store.Tx) error { return tx.StageReplacement(run, replacement(t)) })
		old := attempt(right(t, 0))
		r.update(func(tx store.Tx) error { return tx.PublishRun(run, start) })
		want := t.Condition
		want.Epoch, want.Next, want.Failures, want.RetryAt = want.Epoch+1, 77, 0, time.Time{}
		r.same("condition", r.condition(t.ID), want)
		c, err := r.identity(t.Identity, 0)
		r.must(err)
		r.same("spec", c.Token.Spec, replacement(t).Token.Spec)
		r.same("secret", string(c.Sealed), string(replacement(t).Sealed))
		if o := r.try(old); o.Verdict != store.Stale {
			r.Errorf("a code proposed under the old secret: %+v", o)
		}
		if found := r.candidates(store.Lookup{Serial: t.Identity.Serial}, false); string(
			found.Candidates[0].Sealed) != string(c.Sealed) {
			r.Error("the old secret is still proposed from")
		}
	}},
	{"ReplacementSweptAway", func(r *rig) {
		t := r.one(nil)
		run := r.stageReplacements(store.RunCounts{Replaced: 1}, replacement(t))
		r.update(func(tx store.Tx) error {
			closed, err := tx.SweepRun(run, start, "swept", 10)
			if !closed {
				r.Error("not closed")
			}
			return err
		})
		r.same("condition", r.condition(t.ID), t.Condition)
		again := r.stageReplacements(store.RunCounts{Replaced: 1}, replacement(t))
		r.update(func(tx store.Tx) error { return tx.PublishRun(again, start) })
		r.same("epoch", r.condition(t.ID).Epoch, t.Condition.Epoch+1)
	}},
	{"ReplacementOvertaken", func(r *rig) {
		t, kept := r.one(nil), r.one(nil)
		c := r.hotp()
		run := r.stage(&c)
		r.update(func(tx store.Tx) error {
			return errors.Join(tx.StageReplacement(run, replacement(t)), tx.StageReplacement(run, replacement(kept)),
				tx.RecordRun(run, store.RunProgress{Counts: store.RunCounts{Imported: 1, Replaced: 2}}, nil))
		})
		r.update(func(tx store.Tx) error { return tx.DeleteToken(t.ID) })
		r.is(store.ErrConflict, "publish without the deleted token",
			func(tx store.Tx) error { return tx.PublishRun(run, start) })
		r.same("tokens of the run", r.list(store.TokenFilter{Run: run}), []token.ID(nil))
		r.same("condition", r.condition(kept.ID), kept.Condition)
	}},
	{"ReplacementOfAnotherEpoch", func(r *rig) {
		t := r.one(func(c *store.Candidate) { c.Token.Condition.State, c.Token.Condition.Epoch = token.Pending, 0 })
		run := r.stageReplacements(store.RunCounts{Replaced: 1}, replacement(t))
		r.accepted(first(right(t, t.Condition.Next)))
		proven := r.condition(t.ID)
		r.is(store.ErrConflict, "publish for a token that was proven meanwhile",
			func(tx store.Tx) error { return tx.PublishRun(run, start) })
		r.same("condition", r.condition(t.ID), proven)
	}},
	{"UsersOfARun", func(r *rig) {
		r.user("there")
		run := r.stage()
		stage := func(name string) (id int64, made bool) {
			r.update(func(tx store.Tx) (err error) {
				id, made, err = tx.StageUser(run, name, start)
				return err
			})
			return id, made
		}
		id, made := stage("new")
		again, second := stage("new")
		if !made || second || id != again {
			r.Errorf("user %d made %v, then %d made %v", id, made, again, second)
		}
		r.is(store.ErrConflict, "a name that is taken", func(tx store.Tx) error {
			_, _, err := tx.StageUser(run, "there", start)
			return err
		})
		known := func() (names []string) {
			r.view(func(rd store.Reader) error {
				users, err := rd.Users("", 10)
				for _, u := range users {
					names = append(names, u.Name)
				}
				if _, nerr := rd.User("new"); (nerr == nil) != (len(names) == 2) {
					r.Errorf("users %v, and of the new one %v", names, nerr)
				}
				return err
			})
			return names
		}
		r.same("users", known(), []string{"there"})
		r.is(store.ErrConflict, "a name that the run has taken", func(tx store.Tx) error {
			_, err := tx.AddUser("new", start)
			return err
		})
		c := r.hotp()
		c.Token.Condition.Owner = id
		r.update(func(tx store.Tx) (err error) {
			if c.Token.ID, err = tx.NextTokenID(1); err != nil {
				return err
			}
			c.Token.Run = run
			return tx.StageToken(run, c)
		})
		var holding int
		r.view(func(rd store.Reader) (err error) {
			holding, err = rd.Holding(id, "")
			return err
		})
		r.same("tokens that the user will hold", holding, 1)
		r.update(func(tx store.Tx) error { return tx.PublishRun(run, start) })
		r.same("users", known(), []string{"new", "there"})
		r.same("tokens of the user", len(r.candidates(store.Lookup{User: "new"}, true).Candidates), 1)
	}},
	{"UsersSweptWithTheirRun", func(r *rig) {
		run := r.stage()
		for i := range 5 {
			r.update(func(tx store.Tx) error {
				_, _, err := tx.StageUser(run, fmt.Sprint("new", i), start)
				return err
			})
		}
		kept := r.user("kept")
		for closed, n := false, 0; !closed; n++ {
			r.update(func(tx store.Tx) (err error) {
				closed, err = tx.SweepRun(run, start, "", 2)
				return err
			})
			if n > 10 {
				r.Fatal("never swept")
			}
		}
		r.user("new3")
		r.same("the other user", r.userNow("kept").ID, kept.ID)
	}},
	{"PolicyOfAToken", func(r *rig) {
		c := r.hotp()
		run := r.stage(&c)
		want := store.Policy{Text: `{"a":1}`, Sealed: []byte("sealed pin")}
		r.update(func(tx store.Tx) error {
			return errors.Join(tx.StagePolicy(run, c.Token.ID, store.Policy{Text: `{}`}), tx.StagePolicy(run, c.Token.ID, want), tx.PublishRun(run, start))
		})
		read := func() (p store.Policy, err error) {
			err = r.db.View(r.ctx(), func(rd store.Reader) error {
				p, err = rd.Policy(c.Token.ID)
				return err
			})
			return p, err
		}
		got, err := read()
		r.must(err)
		r.same("policy", got, want)
		r.is(store.ErrConflict, "policy of a published token",
			func(tx store.Tx) error { return tx.StagePolicy(run, c.Token.ID, want) })
		r.update(func(tx store.Tx) error { return tx.DeleteToken(c.Token.ID) })
		if _, err := read(); !errors.Is(err, store.ErrNotFound) {
			r.Errorf("the policy of a deleted token: %v", err)
		}
	}},
	{"SealedListsSecrets", func(r *rig) {
		t := r.one(nil)
		r.stage(func() *store.Candidate { c := r.hotp(); return &c }())
		var got []store.Candidate
		r.view(func(rd store.Reader) (err error) {
			got, err = rd.Sealed(store.TokenFilter{})
			return err
		})
		if len(got) != 1 || got[0].Token.ID != t.ID || string(got[0].Sealed) != "sealed secret of "+t.Identity.Serial {
			r.Errorf("sealed tokens: %+v", got)
		}
	}},
}
