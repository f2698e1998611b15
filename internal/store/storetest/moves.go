package storetest

import (
	"errors"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// moving opens a move and puts tokens on their way.
func (r *rig) moving(id string, tokens ...token.Token) {
	r.Helper()
	r.update(func(tx store.Tx) error {
		errs := []error{tx.AddMove(store.Move{ID: id, Opened: start, Actor: "key:admin", Sealed: []byte("sealed key")})}
		for _, t := range tokens {
			errs = append(errs, tx.Depart(id, t))
		}
		return errors.Join(errs...)
	})
}

func (r *rig) move(id string) (m store.Move) {
	r.Helper()
	r.view(func(rd store.Reader) (err error) {
		m, err = rd.Move(id)
		return err
	})
	return m
}

var moveTests = []test{
	{"OnTheirWayNothingOpens", func(r *rig) {
		u := r.user("alice")
		ts := r.several(2, u.ID)
		found := r.candidates(store.Lookup{User: "alice"}, true) // now in the cache
		r.moving("m1", ts[0])
		r.same("state", r.condition(ts[0].ID).State, token.Moving)
		if o := r.try(attempt(right(ts[0], 0))); o.Verdict == store.Accepted {
			r.Errorf("a code of a token on its way: %+v", o)
		}
		fresh := r.candidates(store.Lookup{User: "alice"}, false)
		if len(found.Candidates) != 2 || fresh.Candidates[0].Token.Condition.State != token.Moving {
			r.Error("the cache proposes from what was before")
		}
		r.accepted(attempt(right(ts[1], 0)))
		r.same("the move", r.move("m1"), store.Move{ID: "m1", Opened: start, Actor: "key:admin",
			Sealed: []byte("sealed key"), Moving: 1})
	}},
	{"DepartsFromTheStateThatWasSeen", func(r *rig) {
		t := r.one(nil)
		r.moving("m1")
		r.update(func(tx store.Tx) error { return tx.SetState(t.ID, token.Valid, token.RevokedLost, "") })
		r.is(store.ErrConflict, "depart as seen before", func(tx store.Tx) error { return tx.Depart("m1", t) })
		t.Condition.State = token.RevokedLost
		r.update(func(tx store.Tx) error { return tx.Depart("m1", t) })
		t.Condition.State = token.Moving
		r.is(store.ErrConflict, "depart twice", func(tx store.Tx) error { return tx.Depart("m1", t) })
	}},
	{"ArrivesOnce", func(r *rig) {
		t, other := r.one(nil), r.one(nil)
		r.moving("m1", t)
		r.moving("m2")
		r.is(store.ErrConflict, "arrive in another move", func(tx store.Tx) error { return tx.Arrive("m2", t.ID) })
		r.is(store.ErrConflict, "arrive what never left", func(tx store.Tx) error { return tx.Arrive("m1", other.ID) })
		r.update(func(tx store.Tx) error { return errors.Join(tx.Arrive("m1", t.ID), tx.DeleteToken(t.ID)) })
		r.is(store.ErrConflict, "arrive again", func(tx store.Tx) error { return tx.Arrive("m1", t.ID) })
		r.is(store.ErrConflict, "come back after all", func(tx store.Tx) error { return tx.Return("m1", t.ID) })
		m := r.move("m1")
		r.same("moving, moved, back", []int{m.Moving, m.Moved, m.Back}, []int{0, 1, 0})
		r.same("tokens", r.list(store.TokenFilter{}), []token.ID{other.ID})
	}},
	{"ComesBackAsItWas", func(r *rig) {
		valid, lost := r.one(nil),
			r.one(func(c *store.Candidate) { c.Token.Condition.State = token.RevokedLost })
		r.moving("m1", valid, lost)
		var left []store.Movement
		r.view(func(rd store.Reader) (err error) {
			left, err = rd.Movements("m1", 0, 10)
			return err
		})
		r.same("on their way", left, []store.Movement{{Token: valid.ID, Before: token.Valid},
			{Token: lost.ID, Before: token.RevokedLost}})
		r.is(store.ErrConflict, "forget what is there", func(tx store.Tx) error { return tx.Forget("m1", valid.ID) })
		r.update(func(tx store.Tx) error { return errors.Join(tx.Return("m1", valid.ID), tx.Return("m1", lost.ID)) })
		r.same("condition", r.condition(valid.ID), valid.Condition)
		r.same("condition", r.condition(lost.ID), lost.Condition)
		r.is(store.ErrConflict, "back twice", func(tx store.Tx) error { return tx.Return("m1", valid.ID) })
		m := r.move("m1")
		r.same("moving, moved, back", []int{m.Moving, m.Moved, m.Back}, []int{0, 0, 2})
		r.accepted(attempt(right(valid, 0)))
		again := r.condition(valid.ID)
		valid.Condition = again
		r.moving("m2", valid)
		r.is(store.ErrConflict, "arrive by the move that ended",
			func(tx store.Tx) error { return tx.Arrive("m1", valid.ID) })
		if _, err := r.identity(valid.Identity, 0); err != nil {
			r.Error(err)
		}
	}},
	{"IsNotDeletedOnItsWay", func(r *rig) {
		named, other := r.one(nil), r.one(nil)
		r.moving("m1", named, other)
		deleted := func(id token.ID) func(store.Tx) error {
			return func(tx store.Tx) error { return tx.DeleteToken(id) }
		}
		r.is(store.ErrConflict, "delete it", deleted(other.ID))
		r.update(func(tx store.Tx) error {
			_, err := tx.TakeReceipt(store.MoveReceipt{Move: "m1", Digest: []byte("digest"), Import: 1, Taken: start},
				[]token.ID{named.ID})
			return err
		})
		r.is(store.ErrConflict, "delete what a receipt names", deleted(named.ID))
		r.same("tokens", r.list(store.TokenFilter{}), []token.ID{named.ID, other.ID})
		r.update(func(tx store.Tx) error { return tx.Return("m1", other.ID) })
		r.update(deleted(other.ID)) // it is back
		r.update(func(tx store.Tx) error { return errors.Join(tx.Arrive("m1", named.ID), tx.DeleteToken(named.ID)) })
	}},
	{"DoesNotComeBackOnceAReceiptNamesIt", func(r *rig) {
		named, other := r.one(nil), r.one(nil)
		r.moving("m1", named, other)
		r.update(func(tx store.Tx) error {
			_, err := tx.TakeReceipt(store.MoveReceipt{Move: "m1", Digest: []byte("digest"), Import: 1, Taken: start},
				[]token.ID{named.ID})
			return err
		})
		var left []store.Movement
		r.view(func(rd store.Reader) (err error) {
			left, err = rd.Movements("m1", 0, 10)
			return err
		})
		r.same("on their way", left, []store.Movement{{Token: named.ID, Before: token.Valid, Arrived: true},
			{Token: other.ID, Before: token.Valid}})
		r.is(store.ErrConflict, "come back", func(tx store.Tx) error { return tx.Return("m1", named.ID) })
		r.update(func(tx store.Tx) error { return tx.Return("m1", other.ID) })
		r.same("state", r.condition(named.ID).State, token.Moving)
		r.update(func(tx store.Tx) error { return errors.Join(tx.Arrive("m1", named.ID), tx.DeleteToken(named.ID)) })
	}},
	{"NewestMoveFirst", func(r *rig) {
		r.moving("a")
		r.moving("b")
		list := func(before string, limit int) (ids []string) {
			r.view(func(rd store.Reader) error {
				moves, err := rd.Moves(before, limit)
				for _, m := range moves {
					ids = append(ids, m.ID)
				}
				return err
			})
			return ids
		}
		r.same("moves", list("", 10), []string{"b", "a"})
		r.same("moves", list("b", 10), []string{"a"})
		r.is(store.ErrConflict, "an ID twice",
			func(tx store.Tx) error { return tx.AddMove(store.Move{ID: "a", Opened: start, Sealed: []byte("key")}) })
	}},
	{"ReceiptOfARun", func(r *rig) {
		run := r.publish()
		r.absent("a receipt", func(rd store.Reader) error { _, err := rd.Receipt(run); return err })
		r.update(func(tx store.Tx) error { return tx.AddReceipt(run, "m1", []byte("text")) })
		r.view(func(rd store.Reader) error {
			text, err := rd.Receipt(run)
			r.same("receipt", string(text), "text")
			for move, want := range map[string]bool{"m1": true, "m2": false} {
				got, rerr := rd.Received(move)
				r.same("received "+move, got, want)
				err = errors.Join(err, rerr)
			}
			return err
		})
	}},
}
