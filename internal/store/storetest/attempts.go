package storetest

import (
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// doubling is a delay as the engine has one: none for the first two failures.
func doubling(failures int) time.Duration {
	if failures < 3 {
		return 0
	}
	return time.Second << (failures - 3)
}

var acceptanceTests = []test{
	{"MovesCounterAndDrift", func(r *rig) {
		t := r.one(func(c *store.Candidate) {
			c.Token.Condition.Next, c.Token.Condition.Drift, c.Token.Condition.Epoch = 10, 1, 2
		})
		a := attempt(right(t, 13))
		a.Proposals[0].Drift = -2
		o := r.accepted(a)
		r.same("outcome", o, store.Outcome{Verdict: store.Accepted, Index: 0, Before: t.Condition, Counted: true})
		want := t.Condition
		want.Next, want.Drift, want.LastUsed = 14, -2, start
		r.same("condition", r.condition(t.ID), want)
	}},
	{"IsSeenByTheNextView", func(r *rig) {
		t := r.one(nil)
		for n := range 10 {
			r.accepted(attempt(right(t, uint64(n))))
			r.same("next counter", r.condition(t.ID).Next, uint64(n+1))
		}
	}},
	{"ResetsFailuresAndDelay", func(r *rig) {
		t := r.one(nil)
		a := attempt(wrong(t))
		a.Delay = func(int) time.Duration { return time.Minute }
		r.try(a)
		failed := r.condition(t.ID)
		if failed.Failures != 1 || !failed.RetryAt.Equal(start.Add(time.Minute)) {
			r.Fatalf("after a wrong code: %+v", failed)
		}
		t.Condition = failed
		good := attempt(right(t, 0))
		good.Now = start.Add(time.Minute)
		o := r.accepted(good)
		r.same("before", o.Before, failed)
		r.same("failures after", o.Failures, 0)
		if c := r.condition(t.ID); c.Failures != 0 || !c.RetryAt.IsZero() {
			r.Errorf("after the right code: %+v", c)
		}
	}},
	{"LastUsedOnlyWithAuthentication", func(r *rig) {
		t := r.one(nil)
		use := func(counter uint64, at time.Time, authentication bool, want time.Time) {
			r.Helper()
			a := attempt(right(t, counter))
			a.Now, a.Authentication = at, authentication
			r.accepted(a)
			r.same("last used", r.condition(t.ID).LastUsed, want)
		}
		use(0, start, false, time.Time{})
		use(1, start.Add(time.Second), true, start.Add(time.Second))
		use(2, start.Add(time.Hour), false, start.Add(time.Second))
		use(3, start.Add(-time.Hour), true, start.Add(time.Second)) // never backwards
		use(4, start.Add(time.Hour), true, start.Add(time.Hour))
	}},
	{"FailureLeavesLastUsed", func(r *rig) {
		t := r.one(nil)
		r.try(attempt(wrong(t)))
		r.same("last used", r.condition(t.ID).LastUsed, time.Time{})
	}},
	// The row may have moved on since it was seen, and the code still be good.
	// The audit log must then tell what the transaction found.
	{"BeforeIsWhatTheTransactionFound", func(r *rig) {
		t := r.one(func(c *store.Candidate) { c.Token.Condition.Next = 5 })
		r.accepted(attempt(right(t, 5)))
		seen := t
		seen.Condition = r.condition(t.ID)
		r.try(attempt(wrong(seen)))
		found := r.condition(t.ID)
		o := r.accepted(attempt(right(t, 9)))
		r.same("before", o.Before, found)
	}},
	{"OnceOnly", func(r *rig) {
		t := r.one(nil)
		r.accepted(attempt(right(t, 0)))
		for range 3 {
			r.unchanged(func() {
				if o := r.try(attempt(right(t, 0))); o.Verdict == store.Accepted {
					r.Errorf("accepted again: %+v", o)
				}
			}, t.ID)
		}
	}},
	{"NeedsNoTestedMark", func(r *rig) {
		t := r.one(nil)
		p := right(t, 0)
		p.Tested = false
		r.accepted(attempt(p))
	}},
	{"TwoTokensOfOneSerial", func(r *rig) {
		a, b := r.hotp(), r.hotp()
		b.Token.Identity.Serial = a.Token.Identity.Serial
		r.publish(&a, &b)
		o := r.accepted(attempt(wrong(a.Token), right(b.Token, 4)))
		r.same("index", o.Index, 1)
		r.same("before", o.Before, b.Token.Condition)
		r.same("the other", r.condition(a.Token.ID), a.Token.Condition)
		r.same("next", r.condition(b.Token.ID).Next, uint64(5))
	}},
}

var failureTests = []test{
	{"AreCounted", func(r *rig) {
		t := r.one(func(c *store.Candidate) { c.Token.Condition.Next, c.Token.Condition.Drift = 4, 3 })
		for n := 1; n <= limit; n++ {
			before := r.condition(t.ID)
			o := r.try(attempt(wrong(t)))
			r.same("outcome", o, store.Outcome{Verdict: store.Refused, Before: before, Failures: n, Counted: true})
			want := t.Condition
			want.Failures = n
			r.same("condition", r.condition(t.ID), want)
		}
	}},
	{"StopCountingAtTheLimit", func(r *rig) {
		t := r.one(nil)
		a := attempt(wrong(t))
		a.Lock.Limit = 3
		for range 3 {
			r.try(a)
		}
		r.unchanged(func() {
			o := r.try(a)
			r.same("outcome", o, store.Outcome{Verdict: store.Refused, Before: r.condition(t.ID), Failures: 3,
				Refusal: token.Locked})
		}, t.ID)
	}},
	{"Delay", func(r *rig) {
		t := r.one(nil)
		now := start
		for n := 1; n <= 6; n++ {
			a := attempt(wrong(t))
			a.Now, a.Delay = now, doubling
			if o := r.try(a); !o.Counted || o.Failures != n {
				r.Fatalf("failure %d: %+v", n, o)
			}
			wait := doubling(n)
			want := time.Time{}
			if wait > 0 {
				want = now.Add(wait)
			}
			r.same("retry at", r.condition(t.ID).RetryAt, want)
			if wait > 0 {
				// A try during the delay is not tested and does not count, nor
				// does it prolong the delay.
				early := a
				early.Now = now.Add(wait - time.Millisecond)
				r.unchanged(func() {
					o := r.try(early)
					if o.Verdict != store.Refused || o.Counted || o.Refusal != token.Delayed || o.Failures != n {
						r.Errorf("during the delay: %+v", o)
					}
				}, t.ID)
			}
			now = now.Add(wait)
		}
	}},
	{"DelayIsAskedForTheNewCount", func(r *rig) {
		t := r.one(nil)
		var asked []int
		a := attempt(wrong(t))
		a.Delay = func(failures int) time.Duration {
			asked = append(asked, failures)
			return 0
		}
		r.try(a)
		r.try(a)
		r.same("asked for", asked, []int{1, 2})
	}},
	{"NotTestedIsNotCounted", func(r *rig) {
		t := r.one(nil)
		r.unchanged(func() {
			o := r.try(attempt(store.Proposal{ID: t.ID, Seen: t.Condition}))
			r.same("outcome", o, store.Outcome{Verdict: store.Refused, Before: t.Condition})
		}, t.ID)
	}},
	{"NoProposal", func(r *rig) {
		o := r.try(attempt())
		r.same("outcome", o, store.Outcome{Verdict: store.Refused, Index: -1})
	}},
	// What a failure was judged by must still be so when it is counted.
	{"StaleWhenTheRowChanged", func(r *rig) {
		seen := token.Condition{Epoch: 5, Next: 10, Drift: 2}
		for _, tt := range []struct {
			name string
			edit func(*token.Condition)
		}{
			{"epoch", func(c *token.Condition) { c.Epoch-- }},
			{"counter", func(c *token.Condition) { c.Next-- }},
			{"drift", func(c *token.Condition) { c.Drift++ }},
		} {
			t := r.one(func(c *store.Candidate) { c.Token.Condition = seen })
			tt.edit(&t.Condition)
			r.unchanged(func() {
				o := r.try(attempt(wrong(t)))
				r.same("verdict after a change of "+tt.name, o.Verdict, store.Stale)
			}, t.ID)
		}
	}},
	{"CountedWhenOnlyFailuresChanged", func(r *rig) {
		t := r.one(nil)
		for n := 1; n <= 3; n++ { // all seen with no failure
			o := r.try(attempt(wrong(t)))
			r.same("failures", o.Failures, n)
		}
		r.same("failures", r.condition(t.ID).Failures, 3)
	}},
	{"ManyTokensOfOneSerial", func(r *rig) {
		ts := r.several(3, 0)
		r.update(func(tx store.Tx) error { return tx.SetState(ts[0].ID, token.Valid, token.RevokedLost, "") })
		ts[0].Condition = r.condition(ts[0].ID)
		o := r.try(attempt(wrong(ts[0]), wrong(ts[1]), store.Proposal{ID: ts[2].ID, Seen: ts[2].Condition}))
		r.same("outcome", o, store.Outcome{Verdict: store.Refused, Index: 1, Before: ts[1].Condition, Failures: 1,
			Counted: true})
		r.same("failures of the revoked one", r.condition(ts[0].ID).Failures, 0)
		r.same("failures of the tested one", r.condition(ts[1].ID).Failures, 1)
		r.same("failures of the one not tested", r.condition(ts[2].ID).Failures, 0)
	}},
	{"RefusedByEveryRow", func(r *rig) {
		ts := r.several(2, 0)
		for _, t := range ts {
			r.update(func(tx store.Tx) error { return tx.SetState(t.ID, token.Valid, token.RevokedLost, "") })
		}
		o := r.try(attempt(wrong(ts[0]), wrong(ts[1])))
		r.same("outcome", o, store.Outcome{Verdict: store.Refused, Index: 0, Before: r.condition(ts[0].ID),
			Refusal: token.Revoked})
	}},
	// Nothing is written if any row is out of date, not even for the others.
	{"StaleAsAWhole", func(r *rig) {
		ts := r.several(2, 0)
		old := ts[1]
		r.accepted(attempt(right(ts[1], 0)))
		r.unchanged(func() {
			o := r.try(attempt(wrong(ts[0]), wrong(old)))
			r.same("verdict", o.Verdict, store.Stale)
		}, ts[0].ID, ts[1].ID)
	}},
}

// forUser makes an attempt under alice's name.
func forUser(u store.User, ps ...store.Proposal) store.Attempt {
	a := attempt(ps...)
	a.UserID = u.ID
	return a
}

var userAttemptTests = []test{
	{"FailureCountsOnceOnEachAndOnTheUser", func(r *rig) {
		u := r.user("alice")
		ts := r.several(3, u.ID)
		for n := 1; n <= 3; n++ {
			a := forUser(u, wrong(ts[0]), wrong(ts[1]), wrong(ts[2]))
			a.Now, a.Delay = start.Add(time.Duration(n)*time.Minute), doubling
			o := r.try(a)
			if o.Verdict != store.Refused || !o.Counted || o.Index != 0 || o.Failures != n {
				r.Errorf("outcome %+v", o)
			}
			want := time.Time{}
			if wait := doubling(n); wait > 0 {
				want = a.Now.Add(wait)
			}
			for _, t := range ts {
				c := r.condition(t.ID)
				r.same("the token's failures", c.Failures, n)
				r.same("the token's delay", c.RetryAt, want)
			}
			now := r.userNow("alice")
			r.same("the user's failures", now.Failures, n)
			r.same("the user's delay", now.RetryAt, want)
		}
	}},
	{"FailureOfNothingTestedCountsNothing", func(r *rig) {
		u := r.user("alice")
		r.several(1, u.ID)
		o := r.try(forUser(u))
		r.same("outcome without proposals", o, store.Outcome{Verdict: store.Refused, Index: -1})
		t := r.several(1, u.ID)[0]
		r.unchanged(func() {
			o = r.try(forUser(u, store.Proposal{ID: t.ID, Seen: t.Condition}))
			r.same("outcome with one not tested", o.Counted, false)
		}, t.ID)
		r.same("the user's failures", r.userNow("alice").Failures, 0)
	}},
	{"FailureOfRevokedTokensCountsNothing", func(r *rig) {
		u := r.user("alice")
		t := r.several(1, u.ID)[0]
		r.update(func(tx store.Tx) error { return tx.SetState(t.ID, token.Valid, token.RevokedOther, "") })
		o := r.try(forUser(u, wrong(t)))
		if o.Counted || o.Refusal != token.Revoked {
			r.Errorf("outcome %+v", o)
		}
		r.same("the user's failures", r.userNow("alice").Failures, 0)
	}},
	{"SuccessResetsTheTokenAndTheUserOnly", func(r *rig) {
		u := r.user("alice")
		ts := r.several(3, u.ID)
		bad := forUser(u, wrong(ts[0]), wrong(ts[1]), wrong(ts[2]))
		bad.Delay = func(int) time.Duration { return time.Second }
		r.try(bad)
		good := forUser(u, wrong(ts[0]), right(ts[1], 6), wrong(ts[2]))
		good.Now = start.Add(time.Second)
		o := r.accepted(good)
		r.same("index", o.Index, 1)
		for i, want := range []int{1, 0, 1} {
			r.same("failures", r.condition(ts[i].ID).Failures, want)
		}
		r.same("next counter", r.condition(ts[1].ID).Next, uint64(7))
		now := r.userNow("alice")
		if now.Failures != 0 || !now.RetryAt.IsZero() {
			r.Errorf("user %+v", now)
		}
	}},
	{"SuccessBySerialLeavesTheUser", func(r *rig) {
		u := r.user("alice")
		t := r.several(1, u.ID)[0]
		r.try(forUser(u, wrong(t)))
		r.accepted(attempt(right(t, 0)))
		r.same("the user's failures", r.userNow("alice").Failures, 1)
	}},
	{"FailureBySerialLeavesTheUser", func(r *rig) {
		u := r.user("alice")
		t := r.several(1, u.ID)[0]
		r.try(attempt(wrong(t)))
		r.same("the user's failures", r.userNow("alice").Failures, 0)
		r.same("the token's failures", r.condition(t.ID).Failures, 1)
	}},
	{"EveryMatchAdvances", func(r *rig) {
		u := r.user("alice")
		ts := r.several(3, u.ID)
		o := r.accepted(forUser(u, wrong(ts[0]), right(ts[1], 2), right(ts[2], 5)))
		r.same("index", o.Index, 1)
		for i, want := range []uint64{0, 3, 6} {
			r.same("next counter", r.condition(ts[i].ID).Next, want)
		}
		// Neither takes the code again.
		r.unchanged(func() {
			if o := r.try(forUser(u, right(ts[1], 2), right(ts[2], 5))); o.Verdict == store.Accepted {
				r.Errorf("outcome %+v", o)
			}
		}, ts[1].ID, ts[2].ID)
	}},
	{"OneMatchOfTwoIsEnough", func(r *rig) {
		u := r.user("alice")
		ts := r.several(2, u.ID)
		r.update(func(tx store.Tx) error { return tx.SetState(ts[0].ID, token.Valid, token.RevokedLost, "") })
		o := r.accepted(forUser(u, right(ts[0], 2), right(ts[1], 5)))
		r.same("index", o.Index, 1)
		r.same("the revoked one", r.condition(ts[0].ID).Next, uint64(0))
		r.same("the other", r.condition(ts[1].ID).Next, uint64(6))
	}},
	{"AnotherUsersTokenIsNotTaken", func(r *rig) {
		alice, bob := r.user("alice"), r.user("bob")
		t := r.several(1, bob.ID)[0]
		for _, p := range []store.Proposal{right(t, 0), wrong(t)} {
			r.unchanged(func() {
				o := r.try(forUser(alice, p))
				r.same("verdict", o.Verdict, store.Stale)
			}, t.ID)
		}
		r.same("alice's failures", r.userNow("alice").Failures, 0)
	}},
	{"LockedUserCountsNothing", func(r *rig) {
		u := r.user("alice")
		ts := r.several(2, u.ID)
		for range limit {
			r.try(forUser(u, wrong(ts[0])))
		}
		r.same("failures", r.userNow("alice").Failures, limit)
		r.unchanged(func() {
			o := r.try(forUser(u, wrong(ts[0]), wrong(ts[1])))
			if o.Verdict != store.Refused || o.Counted || o.Refusal != token.UserLocked {
				r.Errorf("outcome %+v", o)
			}
		}, ts[0].ID, ts[1].ID)
		r.same("failures", r.userNow("alice").Failures, limit)
	}},
	{"DelayedUserCountsNothing", func(r *rig) {
		u := r.user("alice")
		ts := r.several(2, u.ID)
		first := forUser(u, wrong(ts[0]))
		first.Delay = func(int) time.Duration { return time.Second }
		r.try(first)
		before := r.userNow("alice")
		r.unchanged(func() {
			early := forUser(u, wrong(ts[1]))
			early.Now = start.Add(999 * time.Millisecond)
			o := r.try(early)
			if o.Verdict != store.Refused || o.Counted || o.Refusal != token.UserDelayed {
				r.Errorf("outcome %+v", o)
			}
		}, ts[1].ID)
		r.same("the user", r.userNow("alice"), before)
	}},
}

var quietTests = []test{
	{"RefusalWithoutChangeIsCounted", func(r *rig) {
		t := r.one(func(c *store.Candidate) { c.Token.Condition.State = token.RevokedLost })
		a := attempt(wrong(t))
		a.QuietFor = "key:radius@10.0.0.1"
		for range 3 {
			if o := r.try(a); o.Verdict != store.Refused || o.Counted {
				r.Errorf("outcome %+v", o)
			}
		}
		r.same("log", r.log(), []string(nil))
		r.same("quiet", r.quiet(), map[string]int64{"key:radius@10.0.0.1": 3})
	}},
	{"RefusalWithoutCandidateIsCounted", func(r *rig) {
		a := attempt()
		a.QuietFor = "caller"
		r.try(a)
		r.same("quiet", r.quiet(), map[string]int64{"caller": 1})
	}},
	// An entry is made as for any other refusal, so that this takes as long.
	{"EntryIsMadeAndForgotten", func(r *rig) {
		a, made := attempt(), 0
		a.QuietFor = "caller"
		a.Record = func(store.Outcome) []byte {
			made++
			return entry("x")
		}
		r.try(a)
		r.same("entries made", made, 1)
		r.same("log", r.log(), []string(nil))
	}},
	{"AcceptanceIsRecorded", func(r *rig) {
		t := r.one(nil)
		a := attempt(right(t, 0))
		a.QuietFor = "caller"
		r.accepted(a)
		r.same("entries", len(r.log()), 1)
		r.same("quiet", r.quiet(), map[string]int64{})
	}},
	{"CountedFailureIsRecorded", func(r *rig) {
		t := r.one(nil)
		a := attempt(wrong(t))
		a.QuietFor = "caller"
		r.try(a)
		r.same("entries", len(r.log()), 1)
		r.same("quiet", r.quiet(), map[string]int64{})
	}},
	{"StaleIsNotCounted", func(r *rig) {
		t := r.one(nil)
		r.accepted(attempt(right(t, 3)))
		a := attempt(right(t, 1))
		a.QuietFor = "caller"
		r.same("verdict", r.try(a).Verdict, store.Stale)
		r.same("quiet", r.quiet(), map[string]int64{})
	}},
}
