package storetest

import (
	"errors"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

func (r *rig) openRuns() (runs []int64) {
	r.Helper()
	r.update(func(tx store.Tx) error {
		runs = nil
		all, err := tx.OpenRuns()
		for _, o := range all {
			runs = append(runs, o.ID)
		}
		return err
	})
	return runs
}

var runTests = []test{
	{"StagedTokensAreInvisible", func(r *rig) {
		u := r.user("alice")
		c := r.hotp()
		c.Token.Condition.Owner = u.ID
		run := r.stage(&c)
		lookups := []store.Lookup{{Serial: c.Token.Identity.Serial}, {User: "alice"}}
		r.same("tokens", r.list(store.TokenFilter{}), []token.ID(nil))
		r.same("tokens by number", r.list(store.TokenFilter{ID: c.Token.ID}), []token.ID(nil))
		r.same("tokens by run", r.list(store.TokenFilter{Run: run}), []token.ID(nil))
		for _, l := range lookups {
			for _, fresh := range []bool{true, false} {
				r.same("candidates", len(r.candidates(l, fresh).Candidates), 0)
			}
		}
		if o := r.try(attempt(right(c.Token, 0))); o.Verdict == store.Accepted {
			r.Error("a code of a staged token was accepted")
		}
		r.update(func(tx store.Tx) error { return tx.PublishRun(run, start) })
		r.same("tokens", r.list(store.TokenFilter{}), []token.ID{c.Token.ID})
		for _, l := range lookups {
			r.same("candidates", len(r.candidates(l, false).Candidates), 1)
		}
		r.same("condition", r.condition(c.Token.ID), c.Token.Condition)
		r.accepted(attempt(right(c.Token, 0)))
	}},
	{"OneRunIsOpenAtATime", func(r *rig) {
		c := r.hotp()
		run := r.stage(&c)
		begin := func(tx store.Tx) error {
			_, err := tx.BeginRun(store.Run{Opened: start, Label: "second"})
			return err
		}
		r.is(store.ErrBusy, "a second run", begin)
		r.same("open runs", r.openRuns(), []int64{run})
		r.update(func(tx store.Tx) error { return tx.PublishRun(run, start) })
		r.same("open runs", r.openRuns(), []int64(nil))
		r.update(begin)
		runs := r.openRuns()
		if len(runs) != 1 || runs[0] == run {
			r.Errorf("open runs %v after run %d", runs, run)
		}
	}},
	{"NothingIsWrittenToARunThatIsSwept", func(r *rig) {
		t := r.one(nil)
		cs := []*store.Candidate{new(r.hotp()), new(r.hotp()), new(r.hotp())}
		run := r.stage(cs...)
		sweep := func(why string, limit int) (closed bool) {
			r.update(func(tx store.Tx) (err error) {
				closed, err = tx.SweepRun(run, start, why, limit)
				return err
			})
			return closed
		}
		if sweep("the first reason", 2) {
			r.Fatal("closed with rows left")
		}
		r.same("open runs", r.openRuns(), []int64{run})
		late := r.hotp()
		for what, write := range map[string]func(store.Tx) error{
			"publish": func(tx store.Tx) error { return tx.PublishRun(run, start) },
			"record":  func(tx store.Tx) error { return tx.RecordRun(run, store.RunProgress{}, nil) },
			"stage a token": func(tx store.Tx) (err error) {
				late.Token.Run = run
				if late.Token.ID, err = tx.NextTokenID(1); err != nil {
					return err
				}
				return tx.StageToken(run, late)
			},
			"stage a policy": func(tx store.Tx) error {
				return tx.StagePolicy(run, cs[2].Token.ID, store.Policy{Text: "{}"})
			},
			"stage a replacement": func(tx store.Tx) error { return tx.StageReplacement(run, replacement(t)) },
			"stage a user": func(tx store.Tx) error {
				_, _, err := tx.StageUser(run, "late", start)
				return err
			},
		} {
			r.is(store.ErrConflict, what, write)
		}
		for n := 0; !sweep("another reason", 2); n++ {
			if n > 5 {
				r.Fatal("never swept")
			}
		}
		if got := r.run(run); got.Failure != "the first reason" || got.Closed.IsZero() {
			r.Errorf("the run ended as %+v", got)
		}
	}},
	{"RowsOfEndedRunsAreRemovedAndTheSumsStay", func(r *rig) {
		rows := func(run int64) (found []store.RunRow) {
			r.update(func(tx store.Tx) (err error) {
				found, err = tx.RunRows(run, 0, 100)
				return err
			})
			return found
		}
		record := func(run int64, n int) {
			r.update(func(tx store.Tx) error {
				var told []store.RunRow
				for i := range n {
					told = append(told, store.RunRow{N: i + 1, Outcome: "refused"})
				}
				return tx.RecordRun(run, store.RunProgress{Counts: store.RunCounts{Refused: n}}, told)
			})
		}
		with := func(before time.Time) (runs []int64) {
			r.update(func(tx store.Tx) (err error) {
				runs, err = tx.RunsWithRows(before, 10)
				return err
			})
			return runs
		}
		remove := func(run int64, limit int) (n int) {
			r.update(func(tx store.Tx) (err error) {
				n, err = tx.RemoveRows(run, start.Add(time.Hour), limit)
				return err
			})
			return n
		}
		c, other := r.hotp(), r.hotp()
		first := r.stage(&c)
		record(first, 3)
		r.same("an open run", with(start.Add(time.Minute)), []int64(nil))
		r.same("removed of an open run", remove(first, 10), 0)
		r.update(func(tx store.Tx) error { return tx.PublishRun(first, start) })
		second := r.stage(&other)
		record(second, 1)
		r.update(func(tx store.Tx) error {
			_, err := tx.SweepRun(second, start.Add(time.Minute), "", 10)
			return err
		})
		r.same("too early", with(start), []int64(nil))
		r.same("the older one", with(start.Add(time.Second)), []int64{first})
		r.same("removed", remove(first, 2), 2)
		r.same("left over", with(start.Add(time.Hour)), []int64{first, second})
		r.same("removed", remove(first, 2), 1)
		r.same("nothing is left", remove(first, 2), 0)
		r.same("the other", with(start.Add(time.Hour)), []int64{second})
		r.same("rows", len(rows(first))*10+len(rows(second)), 1)
		r.update(func(tx store.Tx) error {
			run, err := tx.Run(first)
			r.same("sums", run.Counts, store.RunCounts{Refused: 3})
			r.same("removed at", run.Removed, start.Add(time.Hour))
			return err
		})
		r.accepted(attempt(right(c.Token, 0)))
	}},
	{"PublishedOnce", func(r *rig) {
		c := r.hotp()
		run := r.publish(&c)
		r.is(store.ErrConflict, "publish again", func(tx store.Tx) error { return tx.PublishRun(run, start) })
		r.is(store.ErrConflict, "publish what is not there",
			func(tx store.Tx) error { return tx.PublishRun(run+1, start) })
		r.same("tokens", r.list(store.TokenFilter{}), []token.ID{c.Token.ID})
	}},
	{"StagingNeedsAnOpenRun", func(r *rig) {
		c := r.hotp()
		run := r.publish(&c)
		late := r.hotp()
		stage := func(run int64) error {
			return r.db.Update(r.ctx(), func(tx store.Tx) (err error) {
				if late.Token.ID, err = tx.NextTokenID(1); err != nil {
					return err
				}
				return tx.StageToken(run, late)
			})
		}
		if err := stage(run); !errors.Is(err, store.ErrConflict) {
			r.Errorf("under a published run: %v, want ErrConflict", err)
		}
		if err := stage(run + 1); err == nil {
			r.Error("a token was staged under no run")
		}
		r.same("tokens", r.list(store.TokenFilter{}), []token.ID{c.Token.ID})
	}},
	{"EmptyRunIsPublished", func(r *rig) {
		run := r.stage()
		r.update(func(tx store.Tx) error { return tx.PublishRun(run, start) })
		r.same("open runs", r.openRuns(), []int64(nil))
	}},
	{"SweptInChunks", func(r *rig) {
		const n = 7
		var cs []*store.Candidate
		for range n {
			c := r.hotp()
			cs = append(cs, &c)
		}
		kept := r.one(nil)
		run := r.stage(cs...)
		left := func() (left int) {
			for _, c := range cs {
				if _, err := r.identity(c.Token.Identity, run); err == nil {
					left++
				} else if !errors.Is(err, store.ErrNotFound) {
					r.Fatal(err)
				}
			}
			return left
		}
		for chunk := 1; ; chunk++ {
			var gone bool
			r.update(func(tx store.Tx) (err error) {
				gone, err = tx.SweepRun(run, start, "swept", 3)
				return err
			})
			if want := max(0, n-3*chunk); left() != want {
				r.Errorf("%d tokens are left after chunk %d, want %d", left(), chunk, want)
			}
			if gone {
				break
			}
			r.same("open runs", r.openRuns(), []int64{run})
			if chunk > n {
				r.Fatal("the run is never gone")
			}
		}
		r.same("open runs", r.openRuns(), []int64(nil))
		r.same("published tokens", r.list(store.TokenFilter{}), []token.ID{kept.ID})
		r.is(store.ErrConflict, "publish what was swept", func(tx store.Tx) error { return tx.PublishRun(run, start) })
		// The identities are free again, and a new run can begin.
		r.publish(cs...)
	}},
	{"PublishedRunIsNotSwept", func(r *rig) {
		c := r.hotp()
		run := r.publish(&c)
		// Whether this is an error is the database's choice.
		_ = r.db.Update(r.ctx(), func(tx store.Tx) error {
			_, err := tx.SweepRun(run, start, "swept", 100)
			return err
		})
		r.same("tokens", r.list(store.TokenFilter{}), []token.ID{c.Token.ID})
		r.accepted(attempt(right(c.Token, 0)))
	}},
}
