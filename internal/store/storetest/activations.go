package storetest

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// activated is a token that may have activations, changed by edit where that is not
// nil: VALID under epoch 3, at counter 10.
func (r *rig) activated(edit func(*store.Candidate)) token.Token {
	r.Helper()
	r.update(func(tx store.Tx) error {
		err := tx.AddProfile(store.Profile{Name: "bank", Vector: []byte("vector"), Issuer: []byte("issuer"),
			Created: start})
		if errors.Is(err, store.ErrConflict) {
			err = nil
		}
		return err
	})
	return r.created(func(c *store.Candidate) {
		c.Token.Profile = "bank"
		c.Token.Condition = token.Condition{Epoch: 3, Next: 10, Failures: 2}
		if edit != nil {
			edit(c)
		}
	})
}

// begin adds an activation of a token, open for a week, changed by edit where that is
// not nil; its ID is filled in.
func (r *rig) begin(t token.Token, edit func(*store.Activation)) (a store.Activation) {
	r.Helper()
	r.must(r.tryBegin(t, edit, &a))
	return a
}

func (r *rig) tryBegin(t token.Token, edit func(*store.Activation), a *store.Activation) error {
	return r.db.Update(r.ctx(), func(tx store.Tx) (err error) {
		*a = store.Activation{Token: t.ID, Profile: "bank", Owner: t.Condition.Owner, Route: "offline",
			Reason: "device-lost", Actor: "key:desk", Opened: start,
			Expires: start.Add(7 * 24 * time.Hour), Again: true, Counters: []uint64{10, 1 << 40},
			Secret: []byte("sealed S")}
		if a.ID, err = tx.NextActivationID(); err != nil {
			return err
		}
		if edit != nil {
			edit(a)
		}
		return tx.AddActivation(*a)
	})
}

// offer makes an activation an online one.
func offer(a *store.Activation) {
	a.Route, a.Counters = "online", nil
	a.Offer = store.Offer{Locator: fmt.Sprintf("LOC%02d", a.ID), Registration: []byte("sealed R"),
		Password: []byte("sealed password")}
}

func (r *rig) activation(a store.Activation) (now store.Activation) {
	r.Helper()
	r.view(func(rd store.Reader) error {
		all, err := rd.Activations(a.Token, 100)
		for _, one := range all {
			if one.ID == a.ID {
				now = one
				return err
			}
		}
		return fmt.Errorf("activation %d: %w", a.ID, errors.Join(err, store.ErrNotFound))
	})
	return now
}

// epochOf is what a right confirmation makes of a token.
func (r *rig) epochOf(a store.Activation) store.Epoch {
	r.Helper()
	return store.Epoch{Activation: a.ID, Token: a.Token, Now: start.Add(time.Minute), Tries: 5,
		Seen:       r.condition(a.Token),
		SameSecret: a.SameSecret, Next: 12, Drift: -3,
		Sealed: []byte("sealed new key"), Device: []byte("sealed D"), DeviceMark: "ABCDEFGH",
		Fingerprint: []byte("device 1"), Confirm: []byte("hash")}
}

func (r *rig) confirm(e store.Epoch) error {
	return r.db.Update(r.ctx(), func(tx store.Tx) error { return tx.ConfirmActivation(e) })
}

// swaps has each condition of a confirmation alone: the scene is right but for one
// thing. The token is VALID under epoch 4 at counter 10, with the secret sent again.
var swaps = []struct {
	name  string
	spoil func(*rig, *store.Activation, *store.Epoch)
}{
	{"Epoch", func(_ *rig, _ *store.Activation, e *store.Epoch) { e.Seen.Epoch = 2 }},
	{"Counter", func(_ *rig, _ *store.Activation, e *store.Epoch) { e.Seen.Next = 9 }},
	{"State", func(_ *rig, _ *store.Activation, e *store.Epoch) { e.Seen.State = token.Pending }},
	{"Owner", func(_ *rig, _ *store.Activation, e *store.Epoch) { e.Seen.Owner = 7 }},
	{"CounterUsed", func(_ *rig, _ *store.Activation, e *store.Epoch) { e.Next = 10 }},
	{"Lost", func(r *rig, a *store.Activation, e *store.Epoch) {
		r.setState(a.Token, token.Valid, token.RevokedLost)
		e.Seen.State = token.RevokedLost
	}},
	{"Broken", func(r *rig, a *store.Activation, e *store.Epoch) {
		r.setState(a.Token, token.Valid, token.RevokedBroken)
		e.Seen.State = token.RevokedBroken
	}},
	{"Ended", func(r *rig, a *store.Activation, e *store.Epoch) {
		r.update(func(tx store.Tx) error { return tx.SetDates(a.Token, store.Dates{}, store.Dates{NotAfter: e.Now}) })
	}},
	{"OtherActivation", func(_ *rig, _ *store.Activation, e *store.Epoch) { e.Activation++ }},
	{"OtherToken", func(r *rig, _ *store.Activation, e *store.Epoch) {
		other := r.activated(nil)
		e.Token = other.ID
	}},
	{"ActivationEnded", func(r *rig, a *store.Activation, _ *store.Epoch) {
		r.update(func(tx store.Tx) error { return tx.EndActivation(a.ID, store.ActivationCancelled, start) })
	}},
	{"Expired", func(_ *rig, a *store.Activation, e *store.Epoch) { e.Now = a.Expires }},
	{"TriesUsed", func(r *rig, a *store.Activation, e *store.Epoch) {
		r.update(func(tx store.Tx) error { // one of five is used, and then only one is allowed
			_, err := tx.FailActivation(a.ID, nil, start, 5)
			return err
		})
		e.Tries = 1
	}},
	{"OtherSecret", func(_ *rig, _ *store.Activation, e *store.Epoch) { e.SameSecret = false }},
	{"UnboundDevice", func(r *rig, a *store.Activation, e *store.Epoch) {
		r.update(func(tx store.Tx) error { return tx.Unbind(a.Token, 4, []byte("empty"), nil, e.Fingerprint) })
		r.setState(a.Token, token.Pending, token.RevokedLost)
		r.setState(a.Token, token.RevokedLost, token.Valid)
	}},
	{"AnotherOwner", func(r *rig, a *store.Activation, e *store.Epoch) {
		u := r.user("bob")
		r.update(func(tx store.Tx) error { return tx.SetOwner(a.Token, a.Owner, u.ID) })
		e.Seen.Owner = u.ID
	}},
}

func (r *rig) setState(id token.ID, from, to token.State) {
	r.Helper()
	r.update(func(tx store.Tx) error { return tx.SetState(id, from, to, "") })
}

// openActivations checks how many are open, of all tokens.
func (r *rig) openActivations(want int) {
	r.Helper()
	r.view(func(rd store.Reader) error {
		n, err := rd.CountOpenActivations()
		r.same("those that are open", n, store.Count{Number: want})
		return err
	})
}

func activationTests() []test {
	tests := []test{
		{"EverythingIsKept", func(r *rig) {
			t := r.activated(nil)
			a := r.begin(t, func(a *store.Activation) { a.Owner, a.Self, a.SameSecret = 5, true, true })
			r.same("as it was added", r.activation(a), a)
			r.view(func(rd store.Reader) error {
				open, err := rd.OpenActivation(t.ID)
				r.same("open", open, a)
				if _, err := rd.LiveActivation(t.ID); !errors.Is(err, store.ErrNotFound) {
					r.Errorf("live: %v", err)
				}
				return err
			})
		}},
		{"OneIsOpen", func(r *rig) {
			t := r.activated(nil)
			a := r.begin(t, nil)
			var second store.Activation
			if err := r.tryBegin(t, nil, &second); !errors.Is(err, store.ErrConflict) {
				r.Errorf("a second one: %v", err)
			}
			r.update(func(tx store.Tx) error { return tx.EndActivation(a.ID, store.ActivationSuperseded, start) })
			r.openActivations(0)
			second = r.begin(t, nil)
			r.openActivations(1)
			if second.ID <= a.ID {
				r.Errorf("number %d after %d", second.ID, a.ID)
			}
			ended := r.activation(a)
			if ended.Status != store.ActivationSuperseded || !ended.Ended.Equal(start) || ended.Secret != nil {
				r.Errorf("ended: %+v", ended)
			}
			err := r.db.Update(
				r.ctx(), func(tx store.Tx) error { return tx.EndActivation(a.ID, store.ActivationCancelled, start) })
			if !errors.Is(err, store.ErrConflict) {
				r.Errorf("ended twice: %v", err)
			}
		}},
		{"OfferIsTakenOnce", func(r *rig) {
			a := r.begin(r.activated(nil), offer)
			by := store.Taking{Request: []byte("request 1"), At: start.Add(time.Minute), DeviceType: 2,
				DeviceName: "Änne's", Counters: []uint64{3}, Answer: []byte("answer"), Tries: 2}
			take := func(by store.Taking) error {
				return r.db.Update(r.ctx(), func(tx store.Tx) error { return tx.TakeActivation(a.ID, by) })
			}
			late := by
			late.At = a.Expires
			if err := take(late); !errors.Is(err, store.ErrConflict) {
				r.Errorf("when it has expired: %v", err)
			}
			r.update(func(tx store.Tx) error {
				_, err := tx.FailActivation(a.ID, nil, start, by.Tries)
				return err
			})
			lower := by
			lower.Tries = 1
			if err := take(lower); !errors.Is(err, store.ErrConflict) {
				r.Errorf("when its tries are used up: %v", err)
			}
			r.must(take(by))
			want := a
			want.Tries, want.LastTry = 1, start
			want.DeviceType, want.DeviceName, want.Counters = 2, "Änne's", []uint64{3}
			want.Offer.Request, want.Offer.Taken, want.Offer.Answer, want.Offer.Password = by.Request, by.At, by.Answer,
				nil
			r.view(func(rd store.Reader) error {
				found, err := rd.OfferedActivation(a.Offer.Locator)
				r.same("taken", found, want)
				return err
			})
			if err := take(by); !errors.Is(err, store.ErrConflict) {
				r.Errorf("taken twice: %v", err)
			}
			typed := r.begin(r.activated(nil), nil)
			if err := r.db.Update(
				r.ctx(), func(tx store.Tx) error { return tx.TakeActivation(typed.ID, by) }); !errors.Is(
				err, store.ErrConflict) {
				r.Errorf("one that is not online: %v", err)
			}
		}},
		{"TriesEnd", func(r *rig) {
			a := r.begin(r.activated(nil), offer)
			for i, want := range []int{2, 1, 0} {
				at := start.Add(time.Duration(i) * time.Minute)
				r.update(func(tx store.Tx) error {
					left, err := tx.FailActivation(a.ID, fmt.Appendf(nil, "confirm %d", i), at, 3)
					r.same("tries left", left, want)
					return err
				})
				now := r.activation(a)
				if now.Tries != i+1 || !now.LastTry.Equal(at) || now.Offer.TriesLeft != want ||
					string(now.Offer.Confirm) != fmt.Sprintf("confirm %d", i) {
					r.Errorf("after try %d: %+v", i, now)
				}
			}
			now := r.activation(a)
			if now.Status != store.ActivationTriesUsed || now.Secret != nil || now.Offer.Registration == nil {
				r.Errorf("after the last try: %+v", now)
			}
			err := r.db.Update(r.ctx(), func(tx store.Tx) error {
				_, err := tx.FailActivation(a.ID, nil, start, 3)
				return err
			})
			if !errors.Is(err, store.ErrConflict) {
				r.Errorf("a try more: %v", err)
			}
		}},
		// A typed try leaves what the device was answered.
		{"TypedTry", func(r *rig) {
			a := r.begin(r.activated(nil), offer)
			for _, confirm := range [][]byte{[]byte("first"), nil} {
				r.update(func(tx store.Tx) error {
					_, err := tx.FailActivation(a.ID, confirm, start, 5)
					return err
				})
			}
			if now := r.activation(a); string(now.Offer.Confirm) != "first" || now.Offer.TriesLeft != 4 ||
				now.Tries != 2 {
				r.Errorf("%+v", now)
			}
		}},
		// A limit that was set lower than what is used up lets no try through.
		{"LowerLimitCountsNoTry", func(r *rig) {
			a := r.begin(r.activated(nil), nil)
			for _, c := range []struct {
				limit int
				err   error
			}{{5, nil}, {5, nil}, {2, store.ErrConflict}, {1, store.ErrConflict}, {3, nil}} {
				err := r.db.Update(r.ctx(), func(tx store.Tx) error {
					_, err := tx.FailActivation(a.ID, nil, start, c.limit)
					return err
				})
				if !errors.Is(err, c.err) {
					r.Errorf("limit %d: %v, want %v", c.limit, err, c.err)
				}
			}
			now := r.activation(a)
			if now.Tries != 3 || now.Status != store.ActivationTriesUsed {
				r.Errorf("%+v", now)
			}
		}},
		{"ParallelTriesAllCount", func(r *rig) {
			a := r.begin(r.activated(nil), nil)
			var wg sync.WaitGroup
			counted := make(chan int, 64)
			for range 64 {
				wg.Go(func() {
					err := r.db.Update(r.ctx(), func(tx store.Tx) error {
						left, err := tx.FailActivation(a.ID, nil, start, 5)
						if err == nil {
							counted <- left
						}
						return err
					})
					if err != nil && !errors.Is(err, store.ErrConflict) {
						r.Error(err)
					}
				})
			}
			wg.Wait()
			r.same("tries", len(counted), 5)
			r.same("status", r.activation(a).Status, store.ActivationTriesUsed)
		}},
		{"Confirmed", func(r *rig) {
			alice := r.user("alice")
			t := r.activated(func(c *store.Candidate) {
				c.Token.Condition.Owner, c.Token.Condition.State = alice.ID, token.RevokedLost
			})
			r.apply(t.ID, oneTime(1, 2000))
			r.finds("before", store.Lookup{User: "alice"}, t.ID)
			a := r.begin(t, offer)
			e := r.epochOf(a)
			e.Applications = []store.Application{oneTime(4, 77)}
			r.must(r.confirm(e))
			c := r.condition(t.ID)
			want := t.Condition
			want.Epoch, want.Next, want.Drift, want.State, want.Failures = 4, 12, -3, token.Valid, 0
			r.same("condition", c, want)
			f := r.candidates(store.Lookup{User: "alice"}, false)
			if len(f.Candidates) != 1 || string(f.Candidates[0].Sealed) != "sealed new key" ||
				f.Candidates[0].Token.Condition.Epoch != 4 {
				r.Errorf("what a code is compared with: %+v", f)
			}
			r.same("applications", len(r.applications(t.ID)), 1)
			r.same("application", r.applicationNow(t.ID, 4).Next, uint64(77))
			now := r.activation(a)
			if now.Status != store.ActivationConfirmed || !now.Ended.Equal(e.Now) || string(now.Device) != "sealed D" ||
				now.DeviceMark != "ABCDEFGH" ||
				string(now.Secret) != "sealed S" || string(now.Offer.Confirm) != "hash" || now.Offer.Password != nil {
				r.Errorf("activation: %+v", now)
			}
			if err := r.confirm(e); !errors.Is(err, store.ErrConflict) {
				r.Errorf("confirmed twice: %v", err)
			}
			// A code that was judged under the old epoch is not accepted any more.
			t.Condition.State = token.Valid
			if o := r.try(attempt(right(t, 500))); o.Verdict == store.Accepted {
				r.Errorf("a code of the old epoch: %+v", o)
			}
		}},
		{"TheOneBeforeIsGone", func(r *rig) {
			t := r.activated(nil)
			first := r.begin(t, nil)
			r.must(r.confirm(r.epochOf(first)))
			second := r.begin(t, nil)
			e := r.epochOf(second)
			e.Next, e.Fingerprint, e.Former = 20, []byte("device 2"), []byte("device 1")
			r.must(r.confirm(e))
			if now := r.activation(first); now.Secret != nil || now.Device != nil ||
				now.Status != store.ActivationConfirmed {
				r.Errorf("the first one: %+v", now)
			}
			r.view(func(rd store.Reader) error {
				live, err := rd.LiveActivation(t.ID)
				r.same("live", live.ID, second.ID)
				for device, want := range map[string]bool{"device 1": true, "device 2": false} {
					got, err := rd.Unbound(t.ID, []byte(device))
					r.must(err)
					r.same(device+" unbound", got, want)
				}
				return err
			})
			third := r.begin(t, nil)
			again := r.epochOf(third) // of device 1
			again.Next = 30
			if err := r.confirm(again); !errors.Is(err, store.ErrConflict) {
				r.Errorf("a device that was unbound: %v", err)
			}
		}},
		{"ConfirmedOnce", func(r *rig) {
			t := r.activated(nil)
			a := r.begin(t, nil)
			e := r.epochOf(a)
			won := make(chan bool, 64)
			var wg sync.WaitGroup
			for range 64 {
				wg.Go(func() {
					err := r.confirm(e)
					if err == nil {
						won <- true
					} else if !errors.Is(err, store.ErrConflict) {
						r.Error(err)
					}
				})
			}
			wg.Wait()
			r.same("confirmations", len(won), 1)
			r.same("epoch", r.condition(t.ID).Epoch, int64(4))
		}},
		{"Unbind", func(r *rig) {
			t := r.activated(nil)
			a := r.begin(t, nil)
			r.must(r.confirm(r.epochOf(a)))
			unbind := func(epoch int64) error {
				return r.db.Update(r.ctx(), func(tx store.Tx) error {
					return tx.Unbind(t.ID, epoch, []byte("empty"), []store.Application{oneTime(1, 9)},
						[]byte("device 1"))
				})
			}
			if err := unbind(3); !errors.Is(err, store.ErrConflict) {
				r.Errorf("of an epoch that is over: %v", err)
			}
			r.must(unbind(4))
			if c := r.condition(t.ID); c.State != token.Pending || c.Epoch != 4 || c.Next != 12 {
				r.Errorf("%+v", c)
			}
			if now := r.activation(a); now.Secret != nil || now.Device != nil {
				r.Errorf("%+v", now)
			}
			found, err := r.identity(t.Identity, 0)
			r.must(err)
			r.same("secret", string(found.Sealed), "empty")
			if err := unbind(4); !errors.Is(err, store.ErrConflict) {
				r.Errorf("unbound twice: %v", err)
			}
		}},
		{"UnbindLost", func(r *rig) {
			t := r.activated(nil)
			r.must(r.confirm(r.epochOf(r.begin(t, nil))))
			r.setState(t.ID, token.Valid, token.RevokedLost)
			r.update(func(tx store.Tx) error { return tx.Unbind(t.ID, 4, []byte("empty"), nil, nil) })
			r.same("state", r.condition(t.ID).State, token.RevokedLost)
		}},
		{"Counts", func(r *rig) {
			t := r.activated(nil)
			day := func(n int) time.Time { return start.Add(time.Duration(n) * 24 * time.Hour) }
			for i := range 4 {
				a := r.begin(t, func(a *store.Activation) { a.Again, a.Expires = i > 0, day(30) })
				r.update(func(tx store.Tx) error {
					_, err := tx.FailActivation(a.ID, nil, day(i), 5)
					return err
				})
				e := r.epochOf(a)
				e.Now, e.Next, e.Fingerprint = day(i), uint64(20+i), nil
				r.must(r.confirm(e))
			}
			for name, c := range map[string]struct {
				since store.CountedSince
				want  store.ActivationCounts
			}{
				"from ever": {store.CountedSince{},
					store.ActivationCounts{Successes: 3, Failures: 4, LastSuccess: day(3)}},
				"successes": {store.CountedSince{Successes: day(2)},
					store.ActivationCounts{Successes: 2, Failures: 4, LastSuccess: day(3)}},
				"failures": {store.CountedSince{Failures: day(2).Add(time.Millisecond)},
					store.ActivationCounts{Successes: 3, Failures: 1, LastSuccess: day(3)}},
				"the interval": {store.CountedSince{Interval: day(3).Add(time.Millisecond)},
					store.ActivationCounts{Successes: 3, Failures: 4}},
				"none of a long": {store.CountedSince{Successes: day(9), Failures: day(9), Interval: day(9)},
					store.ActivationCounts{}},
			} {
				r.view(func(rd store.Reader) error {
					got, err := rd.CountActivations(t.ID, c.since)
					r.same(name, got, c.want)
					return err
				})
			}
			r.view(func(rd store.Reader) error {
				got, err := rd.CountActivations(r.activated(nil).ID, store.CountedSince{})
				r.same("of another", got, store.ActivationCounts{})
				return err
			})
		}},
		{"Reset", func(r *rig) {
			t, other := r.activated(nil), r.activated(nil)
			for i := range 2 {
				want := store.CountedSince{Successes: start, Failures: start.Add(time.Duration(i) * time.Hour),
					Interval: time.Time{}}
				r.update(func(tx store.Tx) error { return tx.SetActivationReset(t.ID, want) })
				r.view(func(rd store.Reader) error {
					got, err := rd.ActivationReset(t.ID)
					r.same("as set", got, want)
					return err
				})
			}
			r.view(func(rd store.Reader) error {
				got, err := rd.ActivationReset(other.ID)
				r.same("of another", got, store.CountedSince{})
				return err
			})
		}},
		{"Expire", func(r *rig) {
			over := r.begin(r.activated(nil), func(a *store.Activation) { a.Expires = start })
			later := r.begin(r.activated(nil), func(a *store.Activation) { a.Expires = start.Add(time.Millisecond) })
			done := r.begin(r.activated(nil), offer)
			e := r.epochOf(done)
			e.Now = start.Add(-time.Minute)
			r.must(r.confirm(e))
			r.update(func(tx store.Tx) error {
				ended, err := tx.ExpireActivations(start, start.Add(-time.Hour))
				r.same("ended", len(ended) == 1 && ended[0].ID == over.ID, true)
				return err
			})
			if now := r.activation(over); now.Status != store.ActivationExpired || now.Secret != nil {
				r.Errorf("over: %+v", now)
			}
			r.same("later", r.activation(later), later)
			if r.activation(done).Offer.Registration == nil {
				r.Error("what answers the device again is gone too early")
			}
			r.update(func(tx store.Tx) error {
				ended, err := tx.ExpireActivations(start, start.Add(-time.Minute))
				r.same("ended", len(ended), 0)
				return err
			})
			if now := r.activation(done); now.Offer.Registration == nil || now.Offer.Answer != nil ||
				now.Secret == nil {
				r.Errorf("done: %+v", now)
			}
		}},
		{"RememberAsLongAsTheEpochLives", func(r *rig) {
			t := r.activated(nil)
			confirmed := r.begin(t, offer)
			e := r.epochOf(confirmed)
			e.Now = start
			r.must(r.confirm(e))
			used := r.begin(r.activated(nil), offer)
			cancelled := r.begin(r.activated(nil), offer)
			r.update(func(tx store.Tx) error {
				if _, err := tx.FailActivation(used.ID, []byte("hash"), start, 1); err != nil {
					return err
				}
				return tx.EndActivation(cancelled.ID, store.ActivationCancelled, start)
			})
			known := func(now time.Time) [3]bool {
				r.update(func(tx store.Tx) error {
					_, err := tx.ExpireActivations(now, now.Add(-time.Minute))
					return err
				})
				var all [3]bool
				for i, a := range []store.Activation{confirmed, used, cancelled} {
					all[i] = r.activation(a).Offer.Registration != nil
				}
				return all
			}
			r.same("an hour later", known(start.Add(time.Hour)), [3]bool{true, true, false})
			r.same("when they would have expired", known(used.Expires), [3]bool{true, false, false})
			r.same("a year later", known(start.AddDate(1, 0, 0)), [3]bool{true, false, false})
			e = r.epochOf(r.begin(t, func(a *store.Activation) { a.Expires = start.AddDate(2, 0, 0) }))
			e.Now = start.AddDate(1, 0, 0)
			r.must(r.confirm(e))
			r.same("when another is confirmed", known(start.AddDate(1, 0, 1)), [3]bool{})
		}},
		{"GoWithTheToken", func(r *rig) {
			t := r.activated(nil)
			a := r.begin(t, offer)
			r.update(func(tx store.Tx) error { return tx.DeleteToken(t.ID) })
			r.view(func(rd store.Reader) error {
				if _, err := rd.OfferedActivation(a.Offer.Locator); !errors.Is(err, store.ErrNotFound) {
					r.Errorf("of a deleted token: %v", err)
				}
				return nil
			})
		}},
	}
	for _, s := range swaps {
		tests = append(tests, test{"Swap" + s.name, func(r *rig) {
			alice := r.user("alice")
			t := r.activated(func(c *store.Candidate) { c.Token.Condition.Owner = alice.ID })
			e := r.epochOf(r.begin(t, nil))
			e.Next, e.Fingerprint = 10, nil
			r.must(r.confirm(e))
			a := r.begin(t, func(a *store.Activation) { a.SameSecret = true })
			e = r.epochOf(a)
			e.Sealed = []byte("sealed newer key")
			s.spoil(r, &a, &e)
			before := r.condition(t.ID)
			if err := r.confirm(e); !errors.Is(err, store.ErrConflict) {
				r.Errorf("%v, want ErrConflict", err)
			}
			r.same("condition", r.condition(t.ID), before)
			if found, err := r.identity(t.Identity, 0); err != nil || string(found.Sealed) == "sealed newer key" {
				r.Errorf("the secret was replaced, %v", err)
			}
		}})
	}
	return append(tests, test{"SwapRight", func(r *rig) {
		alice := r.user("alice")
		t := r.activated(func(c *store.Candidate) { c.Token.Condition.Owner = alice.ID })
		r.must(r.confirm(r.epochOf(r.begin(t, func(a *store.Activation) { a.SameSecret = true }))))
	}})
}
