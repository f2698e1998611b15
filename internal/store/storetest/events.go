package storetest

import (
	"time"

	"ostiary/internal/store"
)

// event adds one about a subject, some minutes after the start.
func (r *rig) event(way, subject string, minutes int, secret ...byte) (e store.Event) {
	r.Helper()
	at := start.Add(time.Duration(minutes) * time.Minute)
	r.update(func(tx store.Tx) (err error) {
		id, err := tx.NextEventID()
		if err != nil {
			return err
		}
		e = store.Event{ID: id, Message: "message of " + subject, Way: way, Subject: subject, Created: at,
			Expires: at.Add(time.Hour), Due: at, Body: []byte("sealed"), Secret: secret}
		return tx.AddEvent(e)
	})
	return e
}

func (r *rig) events(dead bool, before int64) (found []store.Event) {
	r.Helper()
	r.view(func(rd store.Reader) (err error) {
		found, err = rd.Events(dead, before, 10)
		return err
	})
	return found
}

// due gives the numbers of the events that are to be tried some minutes after the start.
func (r *rig) due(way string, minutes int) (ids []int64) {
	r.Helper()
	r.view(func(rd store.Reader) error {
		found, err := rd.DueEvents(way, start.Add(time.Duration(minutes)*time.Minute), 2, 10)
		for _, e := range found {
			ids = append(ids, e.ID)
		}
		return err
	})
	return ids
}

var eventTests = []test{
	{"EventsAreFound", func(r *rig) {
		a, b := r.event("web", "anna", 0, 7), r.event("mail", "anna", 1)
		c := r.event("web", "bert", 2)
		r.same("newest first", r.events(false, 0), []store.Event{c, b, a})
		r.same("below one", r.events(false, b.ID), []store.Event{a})
		r.same("dead", r.events(true, 0), []store.Event(nil))
		r.view(func(rd store.Reader) error {
			of, err := rd.Event(a.Message)
			r.same("of a message", of, []store.Event{a, b})
			return err
		})
		for most, want := range map[int]int{1: 1, 2: 2, 9: 2} {
			r.view(func(rd store.Reader) error {
				n, err := rd.WaitingEvents("web", most)
				r.same("waiting", n, want)
				return err
			})
		}
		r.view(func(rd store.Reader) error {
			n, err := rd.CountEvents(9)
			r.same("all", n, store.EventCount{Waiting: 3, Oldest: a.Created})
			return err
		})
	}},
	{"EventsOfASubjectComeInTheirOrder", func(r *rig) {
		a1, a2, b := r.event("web", "anna", 0), r.event("web", "anna", 0), r.event("web", "bert", 1)
		mail := r.event("mail", "anna", 0)
		r.same("not yet", r.due("web", -1), []int64(nil))
		r.same("the first of each that is due", r.due("web", 0), []int64{a1.ID})
		r.same("the first of each", r.due("web", 1), []int64{a1.ID, b.ID})
		r.same("another way", r.due("mail", 1), []int64{mail.ID})
		r.update(func(tx store.Tx) error { return tx.ClaimEvent(a1, start.Add(5*time.Minute)) })
		r.same("while it is tried", r.due("web", 4), []int64{b.ID})
		a1.Due, a1.Tries = start.Add(5*time.Minute), 1
		r.update(func(tx store.Tx) error { return tx.ClaimEvent(a1, start.Add(9*time.Minute)) })
		r.same("patience has an end", r.due("web", 8), []int64{a2.ID, b.ID})
		r.update(func(tx store.Tx) error { return tx.ToldEvent(a2.ID) })
		r.update(func(tx store.Tx) error { return tx.ToldEvent(a2.ID) }) // whoever was late
		r.same("told", r.due("web", 8), []int64{b.ID})
	}},
	{"AnEventIsClaimedOnce", func(r *rig) {
		e := r.event("web", "anna", 0)
		until := start.Add(time.Minute)
		r.update(func(tx store.Tx) error { return tx.ClaimEvent(e, until) })
		r.is(store.ErrConflict, "again", func(tx store.Tx) error { return tx.ClaimEvent(e, until) })
		e.Due = until
		r.is(store.ErrConflict, "of other tries", func(tx store.Tx) error { return tx.ClaimEvent(e, until) })
		e.Tries = 1
		r.same("as it is", r.events(false, 0), []store.Event{e})
		r.update(func(tx store.Tx) error { return tx.PutOffEvent(e.ID, start.Add(time.Hour), "it is down") })
		r.is(store.ErrConflict, "as it was", func(tx store.Tx) error { return tx.ClaimEvent(e, until) })
		e.Due, e.Problem = start.Add(time.Hour), "it is down"
		r.same("put off", r.events(false, 0), []store.Event{e})
		r.update(func(tx store.Tx) error { return tx.ToldEvent(e.ID) })
		r.is(store.ErrConflict, "one that is gone", func(tx store.Tx) error { return tx.ClaimEvent(e, until) })
	}},
	{"DeadEventsHaveNoSecret", func(r *rig) {
		a, b, c := r.event("web", "anna", 0, 1), r.event("web", "bert", 1, 2), r.event("web", "carl", 2, 3)
		overdue := func(now, before time.Duration, want bool) {
			r.Helper()
			r.view(func(rd store.Reader) error {
				is, err := rd.EventsOverdue(start.Add(now), start.Add(before))
				r.same("overdue", is, want)
				return err
			})
		}
		overdue(59*time.Minute, 0, false)
		overdue(time.Hour, 0, true)
		now := start.Add(time.Hour)
		r.update(func(tx store.Tx) error {
			n, err := tx.GiveUpEvents(now, 10)
			r.same("given up", n, int64(1))
			return err
		})
		r.update(func(tx store.Tx) error { return tx.EndEvent(c.ID, now, "forged") })
		a.Dead, a.Ended, a.Secret = true, now, nil
		c.Dead, c.Ended, c.Secret, c.Problem = true, now, nil, "forged"
		r.same("dead", r.events(true, 0), []store.Event{c, a})
		r.same("not dead", r.events(false, 0), []store.Event{b})
		r.same("due", r.due("web", 90), []int64{b.ID})
		r.is(store.ErrConflict, "claim one", func(tx store.Tx) error { return tx.ClaimEvent(a, now) })
		r.update(func(tx store.Tx) error { return tx.PutOffEvent(a.ID, now, "late") })
		r.update(func(tx store.Tx) error { return tx.EndEvent(a.ID, now.Add(1), "late") })
		r.same("dead as before", r.events(true, 0), []store.Event{c, a})
		r.is(store.ErrConflict, "retry one that waits", func(tx store.Tx) error { return tx.RetryEvent(b.ID, now, now) })
		r.update(func(tx store.Tx) error { return tx.RetryEvent(c.ID, now, now.Add(time.Hour)) })
		c.Dead, c.Ended, c.Problem, c.Due, c.Expires = false, time.Time{}, "", now, now.Add(time.Hour)
		r.same("alive again", r.events(false, 0), []store.Event{c, b})
		overdue(0, time.Hour, false)
		overdue(0, time.Hour+time.Millisecond, true)
		r.update(func(tx store.Tx) error { return tx.RemoveEvents(now, 10) })
		r.same("not before its time", r.events(true, 0), []store.Event{a})
		r.update(func(tx store.Tx) error { return tx.RemoveEvents(now.Add(time.Millisecond), 10) })
		r.same("removed", r.events(true, 0), []store.Event(nil))
	}},
	{"SoManyEventsAtOnce", func(r *rig) {
		for i := range 3 {
			r.event("web", "anna", i)
		}
		r.update(func(tx store.Tx) error {
			n, err := tx.GiveUpEvents(start.Add(2*time.Hour), 2)
			r.same("given up", n, int64(2))
			return err
		})
		r.update(func(tx store.Tx) error { return tx.RemoveEvents(start.Add(3*time.Hour), 1) })
		r.same("dead", len(r.events(true, 0)), 1)
		r.same("waiting", len(r.events(false, 0)), 1)
	}},
	{"NumbersOfEventsAreNotUsedAgain", func(r *rig) {
		e := r.event("web", "anna", 0)
		r.update(func(tx store.Tx) error { return tx.ToldEvent(e.ID) })
		if next := r.event("web", "anna", 0); next.ID <= e.ID {
			r.Errorf("%d follows %d", next.ID, e.ID)
		}
	}},
}
