package storetest

import (
	"errors"
	"testing"

	"ostiary/internal/store"
)

// RunMoved has one handle of a database that proves itself say that it is moved: from then on
// another writes nothing, of codes and of changes. Where there is one server at a time, both
// are the same.
func RunMoved(t *testing.T, handles ...store.DB) {
	r := &rig{T: t, db: handles[0]}
	defer r.checkLog()
	moveAway(r, handles)
}

func moveAway(r *rig, handles []store.DB) {
	r.Helper()
	t := r.one(nil)
	r.accepted(attempt(right(t, 0)))
	for _, db := range handles { // each has seen the head, and has a stream
		_, err := db.Attempt(r.ctx(), attempt(right(t, 0)))
		r.must(err)
	}
	moved := func() (what string) {
		r.view(func(rd store.Reader) error {
			text, err := rd.Moved()
			if what = string(text); errors.Is(err, store.ErrNotFound) {
				what, err = "not moved", nil
			}
			record, rerr := rd.Record()
			if record.Moved != (what != "not moved") {
				r.Errorf("it is %s, and the record says moved: %t", what, record.Moved)
			}
			return errors.Join(err, rerr)
		})
		return what
	}
	r.same("at first", moved(), "not moved")
	r.is(store.ErrConflict, "taking back what was not said", func(tx store.Tx) error { return tx.SetMoved(nil) })
	r.update(func(tx store.Tx) error { return tx.SetMoved([]byte("there")) })
	r.same("then", moved(), "there")
	if handles[0] != handles[1] {
		_, err := handles[1].Attempt(r.ctx(), attempt(right(t, 1)))
		if !errors.Is(err, store.ErrMoved) || !errors.Is(err, store.ErrUnavailable) {
			r.Errorf("a code at another node: %v", err)
		}
		if err := handles[1].Update(r.ctx(), func(store.Tx) error { return nil }); !errors.Is(err, store.ErrUnavailable) {
			r.Errorf("a change at another node: %v", err)
		}
		if err := handles[1].Check(r.ctx()); err == nil {
			r.Error("another node says that it is ready")
		}
		if next := r.condition(t.ID).Next; next != 1 {
			r.Errorf("the next code is %d after one at a node that was left behind", next)
		}
	}
	r.update(func(tx store.Tx) error { return tx.SetMoved([]byte("elsewhere")) })
	r.same("later", moved(), "elsewhere")
	r.update(func(tx store.Tx) error { return tx.SetMoved(nil) })
	r.same("in the end", moved(), "not moved")
}
