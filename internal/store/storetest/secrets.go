package storetest

import (
	"math"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// aMark is a mark of tests; marks use all 64 bits.
const aMark = token.Mark(math.MinInt64 + 77)

// marked is the edit that gives a token a mark.
func marked(m token.Mark) func(*store.Candidate) {
	return func(c *store.Candidate) { c.Token.Mark = m }
}

func (r *rig) remember(w store.Secret) {
	r.Helper()
	r.update(func(tx store.Tx) error { return tx.Remember(w) })
}

func (r *rig) secrets(marks ...token.Mark) (all []store.Secret) {
	r.Helper()
	r.view(func(rd store.Reader) (err error) {
		all, err = rd.Secrets(marks...)
		return err
	})
	return all
}

func (r *rig) share(run int64, m token.Mark) {
	r.Helper()
	r.update(func(tx store.Tx) error { return tx.ShareSecret(run, m) })
}

var secretTests = []test{
	{"MarksAreKept", func(r *rig) {
		a, none := r.one(marked(aMark)), r.one(nil)
		created := r.created(marked(7))
		r.view(func(rd store.Reader) error {
			found, err := rd.Tokens(store.TokenFilter{})
			var marks []token.Mark
			for _, t := range found {
				marks = append(marks, t.Mark)
			}
			r.same("marks", marks, []token.Mark{aMark, 0, 7})
			return err
		})
		r.same("text", aMark.String(), "800000000000004d")
		r.is(store.ErrConflict, "a second mark", func(tx store.Tx) error { return tx.SetMark(a.ID, 8) })
		r.is(store.ErrConflict, "of no token", func(tx store.Tx) error { return tx.SetMark(created.ID+1, 8) })
		r.view(func(rd store.Reader) error {
			all, err := rd.Unmarked(0, 10)
			r.same("unmarked", len(all), 1)
			r.same("the unmarked one", all[0].Token, none)
			r.same("its secret", all[0].Sealed, []byte("sealed secret of "+none.Identity.Serial))
			behind, berr := rd.Unmarked(none.ID, 10)
			r.must(berr)
			r.same("behind it", len(behind), 0)
			return err
		})
		r.update(func(tx store.Tx) error { return tx.SetMark(none.ID, 8) })
		r.view(func(rd store.Reader) error {
			all, err := rd.Unmarked(0, 10)
			r.same("unmarked then", len(all), 0)
			return err
		})
	}},
	{"HoldersOfAMark", func(r *rig) {
		a, b := r.one(marked(aMark)), r.one(marked(9))
		staged := r.hotp()
		staged.Token.Mark = aMark
		run := r.stage(&staged)
		holders := func(run int64, marks ...token.Mark) (ids []token.ID) {
			r.view(func(rd store.Reader) error {
				all, err := rd.Holders(run, marks...)
				for _, t := range all {
					ids = append(ids, t.ID)
				}
				return err
			})
			return ids
		}
		r.same("published", holders(0, aMark), []token.ID{a.ID})
		r.same("of the run, too", holders(run, aMark, 9, 12), []token.ID{a.ID, b.ID, staged.Token.ID})
		r.same("of none", len(holders(run)), 0)
		shared := func(after token.Mark) (marks []token.Mark) {
			r.view(func(rd store.Reader) (err error) {
				marks, err = rd.SharedMarks(after, 10)
				return err
			})
			return marks
		}
		r.same("shared before", len(shared(math.MinInt64)), 0)
		r.update(func(tx store.Tx) error { return tx.PublishRun(run, start) })
		r.same("shared then", shared(math.MinInt64), []token.Mark{aMark})
		r.same("behind it", len(shared(aMark)), 0)
	}},
	{"FloorsNeverFall", func(r *rig) {
		r.same("before", len(r.secrets(aMark)), 0)
		for _, step := range []struct{ say, want store.Secret }{
			{store.Secret{Floor: token.Floor{Events: 7}}, store.Secret{Floor: token.Floor{Events: 7}}},
			{store.Secret{Floor: token.Floor{Events: 3, Seconds: 60}, MovedAway: true},
				store.Secret{Floor: token.Floor{Events: 7, Seconds: 60}, MovedAway: true}},
			{store.Secret{Floor: token.Floor{Events: token.MaxCounter, Seconds: 30}},
				store.Secret{Floor: token.Floor{Events: token.MaxCounter, Seconds: 60}}},
			{store.Secret{Fenced: true},
				store.Secret{Floor: token.Floor{Events: token.MaxCounter, Seconds: 60}, Fenced: true}},
			{store.Secret{}, store.Secret{Floor: token.Floor{Events: token.MaxCounter, Seconds: 60}, Fenced: true}},
		} {
			step.say.Mark, step.want.Mark = aMark, aMark
			r.remember(step.say)
			r.same("then", r.secrets(1, aMark), []store.Secret{step.want})
		}
		if err := r.db.Update(r.ctx(), func(tx store.Tx) error { return tx.Remember(store.Secret{}) }); err == nil {
			r.Error("a secret without a mark was remembered")
		}
	}},
	{"NoneIsRetired", func(r *rig) {
		r.absent("of a new database", func(rd store.Reader) error {
			any, err := rd.AnyRetired()
			r.same("any", any, false)
			r.must(err)
			_, _, err = rd.Retired([]byte("fingerprint"))
			return err
		})
	}},
	{"MarkGoesWithTheSecret", func(r *rig) {
		t := r.one(func(c *store.Candidate) { c.Token.Mark, c.Token.Condition.Next = aMark, 5 })
		twin := r.one(marked(aMark))
		r.share(0, aMark)
		c := r.hotp()
		c.Token.ID, c.Token.Condition, c.Token.Mark, c.Token.Spec = t.ID, token.Condition{Epoch: 1}, 9, t.Spec
		r.update(func(tx store.Tx) error {
			run, err := tx.BeginRun(store.Run{Opened: start})
			if err != nil {
				return err
			}
			if err := tx.StageReplacement(run, c); err != nil {
				return err
			}
			if err := tx.RecordRun(run, store.RunProgress{Counts: store.RunCounts{Replaced: 1, Twin: 3, Difference: 2}},
				nil); err != nil {
				return err
			}
			return tx.PublishRun(run, start)
		})
		r.view(func(rd store.Reader) error {
			found, err := rd.Tokens(store.TokenFilter{ID: t.ID})
			r.same("mark", found[0].Mark, token.Mark(9))
			runs, rerr := rd.Runs(0, 1)
			r.must(rerr)
			r.same("twins of the run", runs[0].Counts.Twin, 3)
			r.same("differences of the run", runs[0].Counts.Difference, 2)
			return err
		})
		r.same("its new secret is its own", r.condition(t.ID).Shared, token.Shared{})
		r.same("the other", r.condition(twin.ID).Shared, token.Shared{Mark: aMark, Floor: 5})
	}},
}
