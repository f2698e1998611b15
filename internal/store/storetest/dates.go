package storetest

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// ending is a token that ends at a time.
func ending(at time.Time) func(*store.Candidate) {
	return func(c *store.Candidate) { c.Token.Condition.NotAfter = at }
}

var dateTests = []test{
	{"SetIfStillAsBefore", func(r *rig) {
		t := r.one(ending(start))
		was := store.Dates{NotAfter: start}
		is := store.Dates{NotBefore: start.Add(-time.Hour), NotAfter: start.Add(time.Hour)}
		r.same("refused before", r.try(attempt(right(t, 0))).Refusal, token.Expired)
		r.update(func(tx store.Tx) error { return tx.SetDates(t.ID, was, is) })
		want := t.Condition
		want.NotBefore, want.NotAfter = is.NotBefore, is.NotAfter
		r.same("condition", r.condition(t.ID), want)
		for name, other := range map[string]store.Dates{"as they were": was,
			"another begin": {NotBefore: start, NotAfter: is.NotAfter}, "another end": {NotBefore: is.NotBefore}} {
			r.unchanged(func() {
				r.is(store.ErrConflict, name,
					func(tx store.Tx) error { return tx.SetDates(t.ID, other, store.Dates{}) })
			}, t.ID)
		}
		t.Condition = want
		r.accepted(attempt(right(t, 0)))
		r.update(func(tx store.Tx) error { return tx.SetDates(t.ID, is, store.Dates{}) })
		want = r.condition(t.ID)
		if !want.NotBefore.IsZero() || !want.NotAfter.IsZero() {
			r.Errorf("without dates: %+v", want)
		}
		r.is(store.ErrConflict, "of none", func(tx store.Tx) error { return tx.SetDates(t.ID+1, store.Dates{}, is) })
	}},
	{"Expire", func(r *rig) {
		for name, c := range map[string]struct {
			edit func(*store.Candidate)
			want bool
		}{
			"ends later": {ending(start.Add(time.Millisecond)), false},
			"ends now":   {ending(start), true},
			"ended":      {ending(start.Add(-time.Hour)), true},
			"ends never": {nil, false},
			"is pending": {func(c *store.Candidate) { ending(start)(c); c.Token.Condition.State = token.Pending },
				false},
			"is lost": {func(c *store.Candidate) { ending(start)(c); c.Token.Condition.State = token.RevokedLost },
				false},
			"is revoked": {func(c *store.Candidate) {
				ending(start)(
					c)
				c.Token.Condition.State = token.RevokedOther
			}, false},
			"has an owner": {func(c *store.Candidate) {
				ending(start)(c)
				c.Token.Condition.Owner = r.user(
					"alice").ID
			}, true},
		} {
			t := r.one(c.edit)
			expire := func(tx store.Tx) error { return tx.Expire(t.ID, start, "the end") }
			if !c.want {
				r.unchanged(func() { r.is(store.ErrConflict, name, expire) }, t.ID)
				continue
			}
			r.is(nil, name, expire)
			want := t.Condition
			want.State = token.RevokedOther
			r.same("a token that "+name, r.condition(t.ID), want)
			r.view(func(rd store.Reader) error {
				found, err := rd.Tokens(store.TokenFilter{ID: t.ID})
				r.same("reason", found[0].StateReason, "the end")
				return err
			})
			r.unchanged(func() { r.is(store.ErrConflict, name+", once more", expire) }, t.ID)
		}
	}},
	// What was seen before does not open a token that has been revoked since.
	{"ExpiredIsSeenAtOnce", func(r *rig) {
		t := r.one(ending(start.Add(time.Hour)))
		r.finds("before", store.Lookup{Serial: t.Identity.Serial}, t.ID)
		r.update(func(tx store.Tx) error { return tx.Expire(t.ID, start.Add(time.Hour), "") })
		r.same("the cached one", r.candidates(store.Lookup{Serial: t.Identity.Serial},
			false).Candidates[0].Token.Condition.State, token.RevokedOther)
		r.same("refused", r.try(attempt(right(t, 0))).Refusal, token.Revoked)
	}},
	{"Filter", func(r *rig) {
		r.one(nil) // ends never
		first, second, third := r.one(ending(start)), r.one(ending(start.Add(time.Hour))),
			r.one(ending(start.Add(2*time.Hour)))
		for _, c := range []struct {
			after, by time.Time
			want      []token.ID
		}{
			{time.Time{}, start.Add(-time.Millisecond), nil},
			{time.Time{}, start, []token.ID{first.ID}},
			{time.Time{}, start.Add(time.Hour), []token.ID{first.ID, second.ID}},
			{start, start.Add(time.Hour), []token.ID{second.ID}},
			{start.Add(-time.Millisecond), start.Add(3 * time.Hour), []token.ID{first.ID, second.ID, third.ID}},
			{start.Add(time.Hour), start.Add(2*time.Hour - time.Millisecond), nil},
		} {
			r.same("tokens that end", r.list(store.TokenFilter{EndsAfter: c.after, EndsBy: c.by}), c.want)
		}
		// They come by their ends; a page begins behind a token and its end.
		early, alike := r.one(ending(start.Add(-time.Hour))), r.one(ending(start.Add(time.Hour)))
		order := []token.ID{early.ID, first.ID, second.ID, alike.ID, third.ID}
		f := store.TokenFilter{EndsBy: start.Add(3 * time.Hour)}
		r.same("by their ends", r.list(f), order)
		f.Limit = 1
		for _, id := range order {
			r.same("the next", r.list(f), []token.ID{id})
			f.After, f.AfterEnd = id, r.condition(id).NotAfter
		}
		r.same("behind the last", r.list(f), []token.ID(nil))
	}},
	{"ParallelExpiry", func(r *rig) { expireTogether(r, r.db) }},
}

// expireTogether revokes the same tokens through every handle at once: each is
// revoked once.
func expireTogether(r *rig, handles ...store.DB) {
	r.Helper()
	var ids []token.ID
	for range 5 {
		ids = append(ids, r.one(ending(start)).ID)
	}
	var done atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for _, id := range ids {
				err := handles[i%len(handles)].Update(
					r.ctx(), func(tx store.Tx) error { return tx.Expire(id, start, "the end") })
				if err == nil {
					done.Add(1)
				} else if !errors.Is(err, store.ErrConflict) {
					r.Errorf("expire: %v, want ErrConflict", err)
				}
			}
		})
	}
	wg.Wait()
	r.same("revoked", done.Load(), int64(len(ids)))
}
