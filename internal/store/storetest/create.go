package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

var creationTests = []test{
	{"EverythingIsKept", func(r *rig) {
		c := r.full(r.user("alice"))
		c.Token.Label, c.Token.Condition.State, c.Token.Condition.Epoch = "Änne's \"second\"", token.Pending, 0
		r.add(&c)
		c.Token.OwnerName = "alice"
		r.view(func(rd store.Reader) error {
			got, err := rd.Tokens(store.TokenFilter{})
			r.same("token", got, []token.Token{c.Token})
			return err
		})
		got, err := r.identity(c.Token.Identity, 0)
		r.must(err)
		r.same("with its secret", got, c)
	}},
	// It counts at once, also for whoever looked before.
	{"CountsAtOnce", func(r *rig) {
		alice := r.user("alice")
		before := r.several(1, alice.ID)[0]
		byUser, bySerial := store.Lookup{User: "alice"}, store.Lookup{Serial: before.Identity.Serial}
		r.finds("alice's", byUser, before.ID)
		r.finds("of the serial", bySerial, before.ID)
		c := r.hotp()
		c.Token.Identity.Type, c.Token.Identity.Serial, c.Token.Condition.Owner = "app-hotp", before.Identity.Serial,
			alice.ID
		r.add(&c)
		for _, l := range []store.Lookup{byUser, bySerial} {
			r.same("found without asking anew", candidateIDs(r.candidates(l, false)), []token.ID{before.ID, c.Token.ID})
		}
		r.finds("alice's", byUser, before.ID, c.Token.ID)
		r.finds("of the serial", bySerial, before.ID, c.Token.ID)
		r.same("the user's tokens", r.userNow("alice").Tokens, 2)
		r.accepted(attempt(right(c.Token, 0)))
	}},
	{"IdentityIsUnique", func(r *rig) {
		staged, published := r.hotp(), r.one(nil)
		run := r.stage(&staged)
		for _, taken := range []token.Identity{staged.Token.Identity, published.Identity} {
			c, other := r.hotp(), r.hotp()
			c.Token.Identity = taken
			r.update(func(tx store.Tx) (err error) {
				if c.Token.ID, err = tx.NextTokenID(2); err != nil {
					return err
				}
				other.Token.ID = c.Token.ID + 1
				if err := tx.AddToken(c); !errors.Is(err, store.ErrConflict) {
					return fmt.Errorf("a taken identity: %v, want ErrConflict", err)
				}
				return tx.AddToken(other) // the transaction goes on
			})
			if _, err := r.identity(other.Token.Identity, 0); err != nil {
				r.Errorf("what came after the conflict: %v", err)
			}
		}
		r.update(func(tx store.Tx) error { return tx.PublishRun(run, start) })
	}},
	// An import that is under way keeps nobody from creating, nor is what was
	// created swept with it.
	{"BesideAnImport", func(r *rig) {
		staged := r.hotp()
		run := r.stage(&staged)
		created := r.created(nil)
		r.same("tokens", r.list(store.TokenFilter{}), []token.ID{created.ID})
		r.update(func(tx store.Tx) error {
			_, err := tx.SweepRun(run, start, "swept", 100)
			return err
		})
		r.same("tokens", r.list(store.TokenFilter{}), []token.ID{created.ID})
		r.same("open runs", r.openRuns(), []int64(nil))
	}},
}

// hash is what a text would hash to; to the store it is bytes.
func hash(text string) []byte { return []byte("hash of " + text) }

// enrolling is a PENDING token with a link of an hour.
func (r *rig) enrolling(link string) token.Token {
	r.Helper()
	t := r.created(nil)
	r.update(func(tx store.Tx) error {
		return tx.AddEnrolment(store.Enrolment{Token: t.ID, Hash: hash(link), Expires: start.Add(time.Hour)})
	})
	return t
}

// show uses up a link.
func (r *rig) show(link string, at time.Time, ticket string) (id token.ID, err error) {
	err = r.db.Update(r.ctx(), func(tx store.Tx) (err error) {
		id, err = tx.ShowEnrolment(hash(link), at, hash(ticket), at.Add(2*time.Hour))
		return err
	})
	return id, err
}

func (r *rig) enrolment(text string) (e store.Enrolment, err error) {
	err = r.db.View(r.ctx(), func(rd store.Reader) (err error) {
		e, err = rd.Enrolment(hash(text))
		return err
	})
	return e, err
}

// notShown demands that a link shows nothing, and stays as it is.
func (r *rig) notShown(what, link string, at time.Time) {
	r.Helper()
	before, errBefore := r.enrolment(link)
	if _, err := r.show(link, at, "new ticket"); !errors.Is(err, store.ErrConflict) {
		r.Errorf("%s: %v, want ErrConflict", what, err)
	}
	after, errAfter := r.enrolment(link)
	r.same("the enrolment after: "+what, after, before)
	if !errors.Is(errAfter, errBefore) {
		r.Errorf("the link after: %s: %v, was %v", what, errAfter, errBefore)
	}
}

var enrolmentTests = []test{
	{"ShownOnce", func(r *rig) {
		t, other := r.enrolling("link"), r.enrolling("other")
		e, err := r.enrolment("link")
		r.must(err)
		r.same("enrolment", e, store.Enrolment{Token: t.ID, Hash: hash("link"), Expires: start.Add(time.Hour)})
		id, err := r.show("link", start, "ticket")
		r.must(err)
		r.same("token", id, t.ID)
		e, err = r.enrolment("ticket")
		r.must(err)
		r.same("enrolment", e, store.Enrolment{Token: t.ID, Hash: hash("ticket"), Expires: start.Add(2 * time.Hour),
			Shown: start})
		r.notShown("the link once more", "link", start)
		r.notShown("by the ticket", "ticket", start)
		r.notShown("by what nobody gave out", "nonesuch", start)
		e, err = r.enrolment("other")
		r.must(err)
		r.same("the other enrolment", e, store.Enrolment{Token: other.ID, Hash: hash("other"),
			Expires: start.Add(time.Hour)})
	}},
	{"Expired", func(r *rig) {
		r.enrolling("link")
		r.notShown("at its end", "link", start.Add(time.Hour))
		r.notShown("after its end", "link", start.Add(2*time.Hour))
		if _, err := r.show("link", start.Add(time.Hour-time.Millisecond), "ticket"); err != nil {
			r.Errorf("before its end: %v", err)
		}
	}},
	{"OfAPendingTokenOnly", func(r *rig) {
		proven, lost, gone := r.enrolling("proven"), r.enrolling("lost"), r.enrolling("gone")
		r.accepted(first(right(proven, 0)))
		r.update(func(tx store.Tx) error { return tx.SetState(lost.ID, token.Pending, token.RevokedLost, "") })
		r.update(func(tx store.Tx) error { return tx.DeleteToken(gone.ID) })
		for _, link := range []string{"proven", "lost", "gone"} {
			r.notShown("of a token that is "+link, link, start)
		}
		for _, t := range []token.Token{proven, lost, gone} {
			r.is(store.ErrConflict, "renew",
				func(tx store.Tx) error { return tx.RenewEnrolment(t.ID, hash("new"), start.Add(time.Hour)) })
		}
	}},
	{"Renewed", func(r *rig) {
		t := r.enrolling("link")
		renew := func(link string) func(store.Tx) error {
			return func(tx store.Tx) error { return tx.RenewEnrolment(t.ID, hash(link), start.Add(3*time.Hour)) }
		}
		r.update(renew("second"))
		r.notShown("the link before", "link", start)
		if _, err := r.show("second", start.Add(2*time.Hour), "ticket"); err != nil {
			r.Errorf("the new link: %v", err)
		}
		r.is(store.ErrConflict, "renew what was shown", renew("third"))
		r.notShown("a link that was refused", "third", start)
	}},
	{"ShownAtCreation", func(r *rig) {
		t := r.created(nil)
		add := func(tx store.Tx) error { return tx.AddEnrolment(store.Enrolment{Token: t.ID, Shown: start}) }
		r.update(add)
		r.is(store.ErrConflict, "add a second one", add)
		r.is(store.ErrConflict, "renew it",
			func(tx store.Tx) error { return tx.RenewEnrolment(t.ID, hash("link"), start.Add(time.Hour)) })
		other := r.created(nil)
		r.update(func(tx store.Tx) error { return tx.AddEnrolment(store.Enrolment{Token: other.ID, Shown: start}) })
		r.notShown("by nothing", "", start)
	}},
	{"RolledBack", func(r *rig) {
		r.enrolling("link")
		failed := errors.New("of the test's own")
		r.is(failed, "show in an update that fails", func(tx store.Tx) error {
			if _, err := tx.ShowEnrolment(hash("link"), start, hash("ticket"), start.Add(time.Hour)); err != nil {
				return err
			}
			return failed
		})
		if _, err := r.show("link", start, "ticket"); err != nil {
			r.Errorf("after an update that failed: %v", err)
		}
	}},
	{"ParallelUses", func(r *rig) { showTogether(r, r.db) }},
}

// showTogether uses one link many times at once through every handle: once it
// shows the secret.
func showTogether(r *rig, handles ...store.DB) {
	r.Helper()
	r.enrolling("link")
	var shown atomic.Int64
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			err := handles[i%len(handles)].Update(r.ctx(), func(tx store.Tx) error {
				_, err := tx.ShowEnrolment(hash("link"), start, hash(fmt.Sprint("ticket ", i)), start.Add(time.Hour))
				return err
			})
			if err == nil {
				shown.Add(1)
			} else if !errors.Is(err, store.ErrConflict) {
				r.Errorf("show: %v, want ErrConflict", err)
			}
		})
	}
	wg.Wait()
	r.same("uses of one link", shown.Load(), int64(1))
}
