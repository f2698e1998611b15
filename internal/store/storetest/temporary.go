package storetest

import (
	"errors"
	"sync/atomic"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// issue gives a user temporary codes that are good for an hour. To the store a
// fingerprint is bytes.
func (r *rig) issue(u store.User, codes ...string) {
	r.Helper()
	r.update(func(tx store.Tx) error {
		for _, code := range codes {
			if err := tx.AddTemporaryCode(
				store.TemporaryCode{User: u.ID, Fingerprint: hash(code), Expires: start.Add(time.Hour)}); err != nil {
				return err
			}
		}
		return nil
	})
}

// presents makes an attempt under a user's name with a code that may be a
// temporary one.
func presents(u store.User, code string, ps ...store.Proposal) store.Attempt {
	a := forUser(u, ps...)
	a.Temporary = hash(code)
	return a
}

// temporaryPredicates has each condition of acceptance alone: alice presents
// "code", which is one of hers, beside a token that does not match.
var temporaryPredicates = []struct {
	name    string
	prepare func(*scene)
	want    store.Verdict
	refusal token.Reason
	counts  bool // a failure, although no token was tested
}{
	{name: "Nothing", want: store.Accepted},
	{name: "AnotherCode", prepare: func(s *scene) { s.attempt.Temporary = hash("other") }, refusal: token.Wrong,
		counts: true},
	{name: "NotPresentedAsOne", prepare: func(s *scene) { s.attempt.Temporary = nil }},
	{name: "NoUser", prepare: func(s *scene) { s.attempt.UserID = 0 }},
	{name: "AnotherUser", prepare: func(s *scene) {
		s.attempt = presents(s.user("bob"), "code")
	}},
	{name: "AnotherUserWhoHasCodes", prepare: func(s *scene) {
		bob := s.user("bob")
		s.issue(bob, "his")
		s.attempt = presents(bob, "code")
	}, refusal: token.Wrong, counts: true},
	{name: "Used", prepare: func(s *scene) { s.accepted(s.attempt) }, refusal: token.Replayed, counts: true},
	{name: "AnotherWasUsed", prepare: func(s *scene) { s.accepted(presents(s.alice, "second")) }, want: store.Accepted},
	{name: "BeforeItsEnd", prepare: func(s *scene) { s.attempt.Now = start.Add(time.Hour - time.Millisecond) },
		want: store.Accepted},
	{name: "AtItsEnd", prepare: func(s *scene) { s.attempt.Now = start.Add(time.Hour) }, refusal: token.Expired},
	{name: "AfterItsEnd", prepare: func(s *scene) { s.attempt.Now = start.Add(48 * time.Hour) },
		refusal: token.Expired},
	{name: "AnotherAfterItsEnd", prepare: func(s *scene) {
		s.attempt = presents(s.alice, "other")
		s.attempt.Now = start.Add(time.Hour)
	}},
	{name: "Revoked", prepare: func(s *scene) { s.revokes(s.alice, 2) }},
	{name: "RevokedAndIssuedAnew", prepare: func(s *scene) {
		s.revokes(s.alice, 2)
		s.issue(s.alice, "third")
	}, refusal: token.Wrong, counts: true},
	{name: "UserBelowLimit", prepare: func(s *scene) { s.guess(limit-1, 0) }, want: store.Accepted},
	{name: "UserLocked", prepare: func(s *scene) { s.guess(limit, 0) }, refusal: token.UserLocked},
	{name: "UserDelayOfAWrongClock", prepare: func(s *scene) {
		s.guess(1, time.Hour+time.Minute) // it ends an hour from now
		s.attempt.MaxDelay = lasts(time.Hour - time.Millisecond)
	}, want: store.Accepted},
	{name: "UserDelayThatMayLast", prepare: func(s *scene) {
		s.guess(1, time.Hour+time.Minute)
		s.attempt.MaxDelay = lasts(time.Hour)
	}, refusal: token.UserDelayed},
	{name: "UserLockThatEndsRuns", prepare: func(s *scene) {
		s.guess(limit, time.Minute+time.Millisecond)
		s.attempt.Lock.Ends = true
	}, refusal: token.UserLocked},
	{name: "UserLockThatEndsIsOver", prepare: func(s *scene) {
		s.guess(limit, time.Minute)
		s.attempt.Lock.Ends = true
	}, want: store.Accepted},
	{name: "UserUnlocked", prepare: func(s *scene) {
		s.guess(limit, 2*time.Hour)
		s.update(func(tx store.Tx) error { return tx.ResetUserFailures(s.alice.ID) })
	}, want: store.Accepted},
	{name: "UserDelayed", prepare: func(s *scene) { s.guess(1, time.Minute+time.Millisecond) },
		refusal: token.UserDelayed},
	{name: "UserDelayOver", prepare: func(s *scene) { s.guess(1, time.Minute) }, want: store.Accepted},
	{name: "UserDeleted", prepare: func(s *scene) {
		s.update(func(tx store.Tx) error { return tx.DeleteUser(s.alice.ID) })
	}, want: store.Stale},
	{name: "UserDeletedAndAddedAgain", prepare: func(s *scene) {
		s.update(func(tx store.Tx) error { return tx.DeleteUser(s.alice.ID) })
		s.attempt = presents(s.user("alice"), "code")
	}},
}

// guess presents n wrong codes under alice's name a minute before the attempt;
// the last causes a delay.
func (s *scene) guess(n int, delay time.Duration) {
	s.Helper()
	for i := range n {
		a := presents(s.alice, "guess")
		a.Now, a.Lock.Limit = start.Add(-time.Minute), 1000
		if i == n-1 {
			a.Delay = func(int) time.Duration { return delay }
		}
		if o := s.try(a); !o.Counted || o.UserFailures != i+1 {
			s.Fatalf("guess %d was not counted: %+v", i, o)
		}
	}
}

// revokes demands that a user has n unused codes, and ends them.
func (r *rig) revokes(u store.User, want int) {
	r.Helper()
	r.update(func(tx store.Tx) error {
		n, err := tx.RevokeTemporaryCodes(u.ID)
		r.same("revoked codes", n, want)
		return err
	})
}

func temporaryTests() (tests []test) {
	for _, p := range temporaryPredicates {
		tests = append(tests, test{p.name, func(r *rig) {
			s := &scene{rig: r, alice: r.user("alice")}
			r.issue(s.alice, "code", "second")
			s.attempt = presents(s.alice, "code")
			if p.prepare != nil {
				p.prepare(s)
			}
			before := s.everyCondition()
			o := r.try(s.attempt)
			if o.Verdict != p.want || o.Refusal != p.refusal || o.Index != -1 && o.Verdict != store.Stale ||
				o.Temporary != (p.want == store.Accepted) {
				r.Fatalf("outcome %+v, want verdict %d, refusal %q", o, p.want, p.refusal)
			}
			switch {
			case p.want == store.Accepted:
				r.same("the user's failures", r.userNow("alice").Failures, 0)
				again := r.try(s.attempt)
				if again.Verdict != store.Refused || again.Refusal != token.Replayed {
					r.Errorf("a second time: %+v", again)
				}
			case p.counts:
				if !o.Counted || o.UserFailures != 1 {
					r.Errorf("the guess was not counted: %+v", o)
				}
			default:
				r.same("counted", o.Counted, false)
				r.same("conditions after a refusal", s.everyCondition(), before)
			}
		}})
	}
	return append(tests, besideTokens...)
}

// besideTokens are users who have both.
var besideTokens = []test{
	{"TouchesNoToken", func(r *rig) {
		u := r.user("alice")
		ts := r.several(2, u.ID)
		r.issue(u, "code")
		r.try(forUser(u, wrong(ts[0]), wrong(ts[1]))) // one failure on each
		for i := range ts {
			ts[i].Condition = r.condition(ts[i].ID)
		}
		r.unchanged(func() {
			o := r.accepted(presents(u, "code", wrong(ts[0]), wrong(ts[1])))
			r.same("outcome", o, store.Outcome{Verdict: store.Accepted, Index: -1, Temporary: true, Counted: true})
		}, ts[0].ID, ts[1].ID)
		r.same("the user's failures", r.userNow("alice").Failures, 0)
	}},
	// What a token accepts leaves the temporary codes alone.
	{"TokensComeFirst", func(r *rig) {
		u := r.user("alice")
		t := r.several(1, u.ID)[0]
		r.issue(u, "code")
		o := r.accepted(presents(u, "code", right(t, 3)))
		r.same("accepted by", o.Index, 0)
		r.same("as a temporary code", o.Temporary, false)
		r.revokes(u, 1)
	}},
	{"AWrongCodeCountsOnce", func(r *rig) {
		u := r.user("alice")
		t := r.several(1, u.ID)[0]
		r.issue(u, "code")
		o := r.try(presents(u, "guess", wrong(t)))
		r.same("outcome", o, store.Outcome{Verdict: store.Refused, Index: 0, Before: t.Condition, Failures: 1,
			Counted: true})
		r.same("the token's failures", r.condition(t.ID).Failures, 1)
		r.same("the user's failures", r.userNow("alice").Failures, 1)
	}},
	// A token of another length, or one that takes no codes, is not tested; the
	// temporary codes still must not be guessed at for ever.
	{"AGuessCountsWhereTokensDoNot", func(r *rig) {
		u := r.user("alice")
		ts := r.several(2, u.ID)
		r.update(func(tx store.Tx) error { return tx.SetState(ts[1].ID, token.Valid, token.RevokedLost, "") })
		ts[1].Condition = r.condition(ts[1].ID)
		guess := presents(u, "guess", store.Proposal{ID: ts[0].ID, Seen: ts[0].Condition}, wrong(ts[1]))
		r.unchanged(func() {
			r.same("counted without codes", r.try(guess).Counted, false)
			r.issue(u, "code")
			for n := 1; n <= limit; n++ {
				o := r.try(guess)
				if !o.Counted || o.UserFailures != n || o.Refusal != token.Wrong {
					r.Errorf("guess %d: %+v", n, o)
				}
			}
		}, ts[0].ID, ts[1].ID)
		r.same("once locked", r.try(presents(u, "code")).Refusal, token.UserLocked)
	}},
	{"RevokedTokensDoNotMatter", func(r *rig) {
		u := r.user("alice")
		t := r.several(1, u.ID)[0]
		r.update(func(tx store.Tx) error { return tx.SetState(t.ID, token.Valid, token.RevokedLost, "") })
		t.Condition = r.condition(t.ID)
		r.issue(u, "code")
		r.accepted(presents(u, "code", wrong(t)))
	}},
	// A row that has changed since does not keep the code from being decided.
	{"StaleTokensDoNotMatter", func(r *rig) {
		u := r.user("alice")
		t := r.several(1, u.ID)[0]
		r.issue(u, "code")
		r.accepted(forUser(u, right(t, 0)))
		r.accepted(presents(u, "code", wrong(t)))
		r.same("verdict on a wrong one", r.try(presents(u, "guess", wrong(t))).Verdict, store.Stale)
	}},
	{"IssuedOnce", func(r *rig) {
		u, other := r.user("alice"), r.user("bob")
		r.issue(u, "unused", "used")
		r.accepted(presents(u, "used"))
		r.update(func(tx store.Tx) error {
			for _, code := range []string{"unused", "used"} {
				err := tx.AddTemporaryCode(
					store.TemporaryCode{User: u.ID, Fingerprint: hash(code), Expires: start.Add(time.Hour)})
				if !errors.Is(err, store.ErrConflict) {
					r.Errorf("%s: %v, want ErrConflict", code, err)
				}
			}
			return nil // the transaction goes on
		})
		r.issue(other, "unused", "used")
		r.revokes(u, 1)
		r.revokes(u, 0)
		r.revokes(other, 2)
		r.same("the used one", r.try(presents(u, "used")).Refusal, token.Replayed)
	}},
	{"QuietlyCounted", func(r *rig) {
		u := r.user("alice")
		a := presents(u, "guess")
		a.QuietFor = "caller"
		r.try(a)
		r.same("quiet", r.quiet(), map[string]int64{"caller": 1})
		r.issue(u, "code")
		r.try(a) // it counts, so it is recorded
		r.same("quiet", r.quiet(), map[string]int64{"caller": 1})
	}},
	{"ParallelUses", func(r *rig) { useTogether(r, r.db) }},
}

// useTogether presents one code 64 times at once through every handle: it is
// accepted once.
func useTogether(r *rig, handles ...store.DB) {
	r.Helper()
	const callers = 64
	for _, name := range []string{"alice", "bob"} {
		u := r.user(name)
		r.issue(u, "code")
		var ps []store.Proposal
		if name == "bob" {
			ps = append(ps, wrong(r.several(1, u.ID)[0]))
		}
		var accepted atomic.Int64
		done := make(chan struct{})
		for i := range callers {
			go func() {
				defer func() { done <- struct{}{} }()
				a := presents(u, "code", ps...)
				a.Lock.Limit = 2 * callers
				o, err := handles[i%len(handles)].Attempt(r.ctx(), a)
				if err != nil {
					r.Error(err)
				}
				if o.Verdict == store.Accepted {
					accepted.Add(1)
				}
			}()
		}
		for range callers {
			<-done
		}
		r.same("uses of one code", accepted.Load(), int64(1))
	}
	r.same("audit entries", len(r.log()), 2*callers)
}
