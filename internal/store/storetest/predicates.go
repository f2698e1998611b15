package storetest

import (
	"fmt"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// scene is a token whose next counter is 10, of user alice, and an attempt with
// the right code for it that a test then spoils in one way. Or it is a further
// application that is at 10, and the code is of that.
type scene struct {
	*rig
	alice       store.User
	token       token.Token
	other       token.Token // of the same secret; the zero token if there is none
	application int         // 0 for the token itself
	attempt     store.Attempt
}

// about is what a scene is about beside a plain token.
type about struct {
	application int  // a further application; 0 for the token itself
	twin        bool // the token shares its secret with another, which is nobody's
}

// right proposes that the code is the one for counter of what the scene is about.
func (s *scene) right(counter uint64) store.Proposal {
	p := right(s.token, counter)
	if s.application != 0 {
		p.Application, p.SeenNext = s.application, 10
	}
	return p
}

// next is where what the scene is about stands now.
func (s *scene) next() uint64 {
	s.Helper()
	if s.application != 0 {
		return s.applicationNow(s.token.ID, s.application).Next
	}
	return s.condition(s.token.ID).Next
}

// fail presents n wrong codes of a token an hour before the attempt; the last
// causes a delay.
func (s *scene) fail(n int, delay time.Duration, user int64, of token.Token) {
	s.Helper()
	for i := range n {
		of.Condition = s.condition(of.ID)
		a := attempt(wrong(of))
		a.Now, a.Lock.Limit, a.UserID = start.Add(-time.Hour), 1000, user
		if i == n-1 {
			a.Delay = func(int) time.Duration { return delay }
		}
		if o := s.try(a); !o.Counted {
			s.Fatalf("a wrong code was not counted: %+v", o)
		}
	}
}

// lasts bounds the delay after one failure, and no other.
func lasts(longest time.Duration) func(int) time.Duration {
	return func(failures int) time.Duration {
		if failures == 1 {
			return longest
		}
		return 1000 * time.Hour
	}
}

// predicate is one condition of acceptance: prepare spoils or keeps it.
type predicate struct {
	name    string
	edit    func(*store.Candidate)
	prepare func(*scene)
	want    store.Verdict
	refusal token.Reason
}

// predicates has each condition of acceptance alone: the scene is right but for
// one thing.
var predicates = []predicate{
	{name: "Nothing", want: store.Accepted},
	{name: "EpochAhead", prepare: func(s *scene) { s.attempt.Proposals[0].Seen.Epoch++ }, want: store.Stale},
	{name: "EpochBehind", prepare: func(s *scene) { s.attempt.Proposals[0].Seen.Epoch-- }, want: store.Stale},
	{name: "CounterBelow", prepare: func(s *scene) { s.attempt.Proposals[0].Counter = 9 }, want: store.Stale},
	{name: "CounterFarBelow", prepare: func(s *scene) { s.attempt.Proposals[0].Counter = 0 }, want: store.Stale},
	{name: "CounterAbove", prepare: func(s *scene) { s.attempt.Proposals[0].Counter = 11 }, want: store.Accepted},
	{name: "CounterHighest", prepare: func(s *scene) { s.attempt.Proposals[0].Counter = token.MaxCounter },
		want: store.Accepted},
	{name: "CounterUsedMeanwhile", prepare: func(s *scene) { s.accepted(attempt(s.right(10))) }, want: store.Stale},
	{name: "LowerCounterUsedMeanwhile", prepare: func(s *scene) {
		s.accepted(attempt(s.right(10)))
		s.attempt.Proposals[0].Counter = 11
	}, want: store.Accepted},
	{name: "HigherCounterUsedMeanwhile", prepare: func(s *scene) { s.accepted(attempt(s.right(15))) },
		want: store.Stale},
	{name: "Lost", prepare: revoke(token.RevokedLost), want: store.Refused, refusal: token.Revoked},
	{name: "Broken", prepare: revoke(token.RevokedBroken), want: store.Refused, refusal: token.Revoked},
	{name: "Other", prepare: revoke(token.RevokedOther), want: store.Refused, refusal: token.Revoked},
	{name: "Pending", edit: func(c *store.Candidate) { c.Token.Condition.State = token.Pending }, want: store.Refused,
		refusal: token.NotProven},
	{name: "NeverProvenAndPending",
		edit: func(c *store.Candidate) { c.Token.Condition.State, c.Token.Condition.Epoch = token.Pending, 0 },
		want: store.Refused, refusal: token.NotProven},
	{name: "ProvenMeanwhile", edit: func(c *store.Candidate) { c.Token.Condition.State = token.Pending },
		prepare: func(s *scene) { s.accepted(first(right(s.token, s.token.Condition.Next))) }, want: store.Stale},
	{name: "RevokedAndValidAgain", prepare: func(s *scene) {
		revoke(token.RevokedLost)(s)
		s.update(func(tx store.Tx) error { return tx.SetState(s.token.ID, token.RevokedLost, token.Valid, "") })
	}, want: store.Accepted},
	{name: "FailuresBelowLimit", prepare: func(s *scene) { s.fail(limit-1, 0, 0, s.token) }, want: store.Accepted},
	{name: "FailuresAtLimit", prepare: func(s *scene) { s.fail(limit, 0, 0, s.token) }, want: store.Refused,
		refusal: token.Locked},
	{name: "FailuresAboveLimit", prepare: func(s *scene) { s.fail(limit+1, 0, 0, s.token) }, want: store.Refused,
		refusal: token.Locked},
	{name: "Unlocked", prepare: func(s *scene) {
		s.fail(limit, time.Hour*2, 0, s.token)
		s.update(func(tx store.Tx) error { return tx.ResetFailures(s.token.ID) })
	}, want: store.Accepted},
	{name: "DelayRunning", prepare: func(s *scene) { s.fail(1, time.Hour+time.Millisecond, 0, s.token) },
		want: store.Refused, refusal: token.Delayed},
	{name: "DelayOver", prepare: func(s *scene) { s.fail(1, time.Hour, 0, s.token) }, want: store.Accepted},
	{name: "BeforeItsStart",
		edit: func(c *store.Candidate) { c.Token.Condition.NotBefore = start.Add(time.Millisecond) },
		want: store.Refused, refusal: token.NotYetValid},
	{name: "AtItsStart", edit: func(c *store.Candidate) { c.Token.Condition.NotBefore = start }, want: store.Accepted},
	{name: "BeforeItsEnd", edit: func(c *store.Candidate) { c.Token.Condition.NotAfter = start.Add(time.Millisecond) },
		want: store.Accepted},
	{name: "AtItsEnd", edit: func(c *store.Candidate) { c.Token.Condition.NotAfter = start }, want: store.Refused,
		refusal: token.Expired},
	{name: "AfterItsEnd", edit: func(c *store.Candidate) { c.Token.Condition.NotAfter = start.Add(-time.Hour) },
		want: store.Refused, refusal: token.Expired},
	{name: "EndedMeanwhile", prepare: newDates(store.Dates{NotAfter: start}), want: store.Refused,
		refusal: token.Expired},
	{name: "BeginsLaterMeanwhile", prepare: newDates(store.Dates{NotBefore: start.Add(time.Millisecond)}),
		want: store.Refused, refusal: token.NotYetValid},
	{name: "Deleted", prepare: func(s *scene) {
		s.update(func(tx store.Tx) error { return tx.DeleteToken(s.token.ID) })
	}, want: store.Stale},
	{name: "OwnerLeftAside", prepare: func(s *scene) { s.attempt.UserID = 0 }, want: store.Accepted},
	{name: "OwnerChanged", prepare: func(s *scene) {
		bob := s.user("bob")
		s.update(func(tx store.Tx) error { return tx.SetOwner(s.token.ID, s.alice.ID, bob.ID) })
	}, want: store.Stale},
	{name: "Unassigned", prepare: func(s *scene) {
		s.update(func(tx store.Tx) error { return tx.SetOwner(s.token.ID, s.alice.ID, 0) })
	}, want: store.Stale},
	{name: "UserDeleted", prepare: func(s *scene) {
		s.update(func(tx store.Tx) error {
			if err := tx.SetOwner(s.token.ID, s.alice.ID, 0); err != nil {
				return err
			}
			return tx.DeleteUser(s.alice.ID)
		})
	}, want: store.Stale},
	{name: "UserFailuresBelowLimit",
		prepare: func(s *scene) { s.fail(limit-1, 0, s.alice.ID, s.several(1, s.alice.ID)[0]) }, want: store.Accepted},
	{name: "DelayOfAWrongClock", prepare: func(s *scene) {
		s.fail(1, 4*time.Hour, 0, s.token) // it ends 3 hours from now
		s.attempt.MaxDelay = lasts(3*time.Hour - time.Millisecond)
	}, want: store.Accepted},
	{name: "DelayThatMayLast", prepare: func(s *scene) {
		s.fail(1, 4*time.Hour, 0, s.token)
		s.attempt.MaxDelay = lasts(3 * time.Hour)
	}, want: store.Refused, refusal: token.Delayed},
	{name: "UserDelayOfAWrongClock", prepare: func(s *scene) {
		s.fail(1, 4*time.Hour, s.alice.ID, s.several(1, s.alice.ID)[0])
		s.attempt.MaxDelay = lasts(3*time.Hour - time.Millisecond)
	}, want: store.Accepted},
	{name: "UserDelayThatMayLast", prepare: func(s *scene) {
		s.fail(1, 4*time.Hour, s.alice.ID, s.several(1, s.alice.ID)[0])
		s.attempt.MaxDelay = lasts(3 * time.Hour)
	}, want: store.Refused, refusal: token.UserDelayed},
	{name: "LockThatEndsRuns", prepare: func(s *scene) {
		s.fail(limit, time.Hour+time.Millisecond, 0, s.token)
		s.attempt.Lock.Ends = true
	}, want: store.Refused, refusal: token.Locked},
	{name: "LockThatEndsIsOver", prepare: func(s *scene) {
		s.fail(limit+1, time.Hour, 0, s.token)
		s.attempt.Lock.Ends = true
	}, want: store.Accepted},
	{name: "UserLockThatEndsRuns", prepare: func(s *scene) {
		s.fail(limit, time.Hour+time.Millisecond, s.alice.ID, s.several(1, s.alice.ID)[0])
		s.attempt.Lock.Ends = true
	}, want: store.Refused, refusal: token.UserLocked},
	{name: "UserLockThatEndsIsOver", prepare: func(s *scene) {
		s.fail(limit, time.Hour, s.alice.ID, s.several(1, s.alice.ID)[0])
		s.attempt.Lock.Ends = true
	}, want: store.Accepted},
	{name: "UserLocked", prepare: func(s *scene) { s.fail(limit, 0, s.alice.ID, s.several(1, s.alice.ID)[0]) },
		want: store.Refused, refusal: token.UserLocked},
	{name: "UserLockedBySerial", prepare: func(s *scene) {
		s.fail(limit, 0, s.alice.ID, s.several(1, s.alice.ID)[0])
		s.attempt.UserID = 0
	}, want: store.Accepted},
	{name: "UserUnlocked", prepare: func(s *scene) {
		s.fail(limit, 2*time.Hour, s.alice.ID, s.several(1, s.alice.ID)[0])
		s.update(func(tx store.Tx) error { return tx.ResetUserFailures(s.alice.ID) })
	}, want: store.Accepted},
	{name: "UserDelayed", prepare: func(s *scene) {
		s.fail(1, time.Hour+time.Millisecond, s.alice.ID, s.several(1, s.alice.ID)[0])
	}, want: store.Refused, refusal: token.UserDelayed},
	{name: "UserDelayOver", prepare: func(s *scene) { s.fail(1, time.Hour, s.alice.ID, s.several(1, s.alice.ID)[0]) },
		want: store.Accepted},
}

// newDates gives the token dates after it was seen without any.
func newDates(d store.Dates) func(*scene) {
	return func(s *scene) {
		s.update(func(tx store.Tx) error { return tx.SetDates(s.token.ID, store.Dates{}, d) })
	}
}

func revoke(to token.State) func(*scene) {
	return func(s *scene) {
		s.update(func(tx store.Tx) error { return tx.SetState(s.token.ID, token.Valid, to, "test") })
	}
}

// predicateTests makes two tests of each predicate: of a code that is right,
// which is accepted or changes nothing at all, and of one that is wrong, which
// is never accepted and counts only where codes are taken. Of a token that has
// further applications its own counter is far above.
func predicateTests(predicates []predicate, about about) (tests []test) {
	application := about.application
	for _, p := range predicates {
		set := func(r *rig) *scene {
			s := &scene{rig: r, alice: r.user("alice"), application: application}
			next := uint64(10)
			if application != 0 {
				next = 1000
			}
			s.token = r.one(func(c *store.Candidate) {
				c.Token.Condition.Next, c.Token.Condition.Epoch, c.Token.Condition.Owner = next, 5, s.alice.ID
				if p.edit != nil {
					p.edit(c)
				}
			})
			if application != 0 {
				s.apply(s.token.ID, oneTime(1, 2000), oneTime(application, 10))
			}
			if about.twin {
				s.token, s.other = s.twins(s.token)
			}
			s.attempt = attempt(s.right(10))
			s.attempt.UserID = s.alice.ID
			if p.prepare != nil {
				p.prepare(s)
			}
			return s
		}
		tests = append(tests,
			test{p.name + "/Right", func(r *rig) {
				s := set(r)
				before := s.everyCondition()
				o := r.try(s.attempt)
				if o.Verdict != p.want || o.Refusal != p.refusal || o.Counted != (p.want == store.Accepted) {
					r.Fatalf("outcome %+v, want verdict %d, refusal %q", o, p.want, p.refusal)
				}
				if o.Verdict == store.Accepted {
					r.same("next counter", s.next(), s.attempt.Proposals[0].Counter+1)
					return
				}
				r.same("conditions after a refusal", s.everyCondition(), before)
			}},
			test{p.name + "/Wrong", func(r *rig) {
				s := set(r)
				s.attempt.Proposals[0].Matched = false
				before := s.everyCondition()
				o := r.try(s.attempt)
				if o.Verdict == store.Accepted {
					r.Fatalf("a wrong code was accepted: %+v", o)
				}
				if o.Refusal != p.refusal {
					r.Errorf("refusal %q, want %q", o.Refusal, p.refusal)
				}
				if p.refusal != token.NoReason && o.Counted {
					r.Error("a row that takes no codes counted a failure")
				}
				if !o.Counted {
					r.same("conditions after a refusal", s.everyCondition(), before)
				}
				if p.want == store.Accepted && o.Verdict == store.Refused && !o.Counted {
					r.Error("a wrong code was not counted")
				}
			}})
	}
	return tests
}

// everyCondition is what an attempt could change.
func (s *scene) everyCondition() map[string]any {
	s.Helper()
	all := map[string]any{}
	s.view(func(rd store.Reader) error {
		tokens, err := rd.Tokens(store.TokenFilter{})
		if err != nil {
			return err
		}
		for _, t := range tokens {
			if all[fmt.Sprint("applications of ", t.ID)], err = rd.Applications(t.ID); err != nil {
				return err
			}
		}
		users, err := rd.Users("", 100)
		all["tokens"], all["users"] = tokens, users
		return err
	})
	return all
}
