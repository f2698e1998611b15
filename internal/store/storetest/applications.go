package storetest

import (
	"fmt"
	"time"

	"ostiary/activation"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

var noApplications []store.Application

// oneTime is a further application for one-time passwords that stands at next.
func oneTime(index int, next uint64) store.Application {
	return store.Application{Index: index, Mode: activation.ResponseOnly, Next: next,
		Sealed: fmt.Appendf(nil, "sealed key %d", index),
		Spec:   token.Spec{Algorithm: token.HOTP, Hash: "SHA1", Digits: 8}}
}

// apply gives a token its further applications.
func (r *rig) apply(id token.ID, all ...store.Application) {
	r.Helper()
	r.update(func(tx store.Tx) error { return tx.SetApplications(id, all) })
}

func (r *rig) applications(id token.ID) (all []store.Application) {
	r.Helper()
	r.view(func(rd store.Reader) (err error) {
		all, err = rd.Applications(id)
		return err
	})
	return all
}

func (r *rig) applicationNow(id token.ID, index int) store.Application {
	r.Helper()
	for _, a := range r.applications(id) {
		if a.Index == index {
			return a
		}
	}
	r.Fatalf("token %d has no application %d", id, index)
	return store.Application{}
}

// multi is a token at 1000 with the applications 1 at 2000 and 3 at 10.
func (r *rig) multi(owner int64) token.Token {
	r.Helper()
	t := r.one(func(c *store.Candidate) { c.Token.Condition.Next, c.Token.Condition.Owner = 1000, owner })
	r.apply(t.ID, oneTime(1, 2000), oneTime(3, 10))
	return t
}

// of makes a proposal one of an application as it is now.
func (r *rig) of(index int, p store.Proposal) store.Proposal {
	r.Helper()
	a := r.applicationNow(p.ID, index)
	p.Application, p.SeenNext, p.SeenDrift = index, a.Next, a.Drift
	return p
}

// applicationPredicates are the conditions that only a further application has.
// The scene is about application 3, which is at 10.
var applicationPredicates = []predicate{
	{name: "ApplicationRemoved", prepare: func(s *scene) { s.apply(s.token.ID) }, want: store.Stale},
	{name: "AnotherIndex", prepare: func(s *scene) { s.attempt.Proposals[0].Application = 4 }, want: store.Stale},
	{name: "ForChallenges", prepare: ofMode(activation.ChallengeResponse), want: store.Stale},
	{name: "ForSignatures", prepare: ofMode(activation.Signature), want: store.Stale},
	{name: "ApplicationAhead", prepare: func(s *scene) { s.apply(s.token.ID, oneTime(3, 11)) }, want: store.Stale},
	{name: "ApplicationBehind", prepare: func(s *scene) { s.apply(s.token.ID, oneTime(3, 9)) }, want: store.Accepted},
	{name: "DriftLearnedMeanwhile", prepare: func(s *scene) {
		a := oneTime(3, 10)
		a.Drift = -4
		s.apply(s.token.ID, a)
	}, want: store.Accepted},
	{name: "TheTokensOwnCodeUsedMeanwhile", prepare: func(s *scene) { s.accepted(attempt(right(s.token, 1000))) },
		want: store.Accepted},
	{name: "AnotherApplicationUsedMeanwhile",
		prepare: func(s *scene) { s.accepted(attempt(s.of(1, right(s.token, 2000)))) }, want: store.Accepted},
	{name: "AnotherTokensApplication", prepare: func(s *scene) {
		s.apply(s.token.ID)
		s.apply(s.several(1, s.alice.ID)[0].ID, oneTime(3, 10))
	}, want: store.Stale},
}

func ofMode(m activation.Mode) func(*scene) {
	return func(s *scene) {
		a := oneTime(3, 10)
		a.Mode = m
		s.apply(s.token.ID, a)
	}
}

var applicationTests = []test{
	{"EverythingIsKept", func(r *rig) {
		t, other := r.one(nil), r.one(nil)
		r.same("of a token without any", r.applications(t.ID), noApplications)
		r.same("of no token", r.applications(other.ID+1), noApplications)
		all := []store.Application{
			{Index: 2, Mode: activation.ResponseOnly, Spec: token.Spec{Algorithm: token.TOTP, Hash: "SHA512",
				Digits: 10, Period: 60}, Next: 5, Drift: -3, Sealed: []byte("a")},
			{Index: 5, Mode: activation.ChallengeResponse, Spec: token.Spec{Algorithm: token.OCRA, Digits: 8,
				Suite: "OCRA-1:HOTP-SHA256-8:C-QN08"}, Next: token.MaxCounter, Sealed: []byte("b")},
			{Index: 8, Mode: activation.Signature, Spec: token.Spec{Algorithm: token.OCRA, Digits: 6,
				Suite: "OCRA-1:HOTP-SHA1-6:QH64"}, Sealed: []byte("c")},
		}
		r.apply(t.ID, all[2], all[0], all[1])
		for i := range all {
			all[i].Token = t.ID
		}
		r.same("in the order of their indexes", r.applications(t.ID), all)
		r.same("of the other token", r.applications(other.ID), noApplications)
		foreign := all[1]
		foreign.Token = other.ID
		r.apply(t.ID, foreign)
		r.same("after another list", r.applications(t.ID), all[1:2])
		r.same("of the other token", r.applications(other.ID), noApplications)
		r.apply(t.ID)
		r.same("after an empty list", r.applications(t.ID), noApplications)
	}},
	{"OfNoToken", func(r *rig) {
		t := r.one(nil)
		r.is(store.ErrNotFound, "of no token",
			func(tx store.Tx) error { return tx.SetApplications(t.ID+1, []store.Application{oneTime(1, 0)}) })
		r.is(store.ErrNotFound, "none of no token", func(tx store.Tx) error { return tx.SetApplications(t.ID+1, nil) })
		r.is(store.ErrConflict, "two of one index", func(tx store.Tx) error {
			return tx.SetApplications(t.ID, []store.Application{oneTime(1, 0), oneTime(1, 5)})
		})
		r.same("after that", r.applications(t.ID), noApplications)
	}},
	{"GoWithTheToken", func(r *rig) {
		t := r.multi(0)
		r.update(func(tx store.Tx) error { return tx.DeleteToken(t.ID) })
		r.same("of a deleted token", r.applications(t.ID), noApplications)
	}},
	// A lookup has them all, whoever asked before; and only a lookup has.
	{"ComeWithCandidates", func(r *rig) {
		alice := r.user("alice")
		plain, t := r.several(1, alice.ID)[0], r.multi(alice.ID)
		challenge := oneTime(4, 7)
		challenge.Mode = activation.ChallengeResponse
		r.apply(t.ID, oneTime(3, 10), challenge)
		for _, l := range []store.Lookup{{User: "alice"}, {Serial: t.Identity.Serial}, {User: "alice", Type: "hotp"}} {
			for _, fresh := range []bool{false, true, false} {
				for _, c := range r.candidates(l, fresh).Candidates {
					if c.Token.ID == plain.ID {
						r.same("of a plain token", c.Applications, noApplications)
						continue
					}
					r.same("of a candidate", c.Applications, r.applications(t.ID))
				}
			}
		}
		c, err := r.identity(t.Identity, 0)
		r.must(err)
		r.same("of an identity", c.Applications, noApplications)
	}},
	{"AreCopies", func(r *rig) {
		t := r.multi(0)
		l := store.Lookup{Serial: t.Identity.Serial}
		for _, fresh := range []bool{true, false} {
			f := r.candidates(l, fresh)
			f.Candidates[0].Applications[1].Next = 99
			r.same("the next one's", r.candidates(l, false).Candidates[0].Applications, r.applications(t.ID))
		}
		// Nor does what was given change later.
		f := r.candidates(l, false)
		r.accepted(attempt(r.of(3, right(t, 20))))
		r.same("what was given before", f.Candidates[0].Applications[1].Next, uint64(10))
	}},
	{"MovesTheApplication", func(r *rig) {
		t := r.multi(0)
		a := attempt(wrong(t))
		a.Delay = func(int) time.Duration { return time.Minute }
		r.try(a)
		was, others := r.condition(t.ID), r.applications(t.ID)
		good := attempt(r.of(3, right(t, 13)))
		good.Now, good.Proposals[0].Drift = start.Add(time.Minute), -2
		o := r.accepted(good)
		told := was
		told.Next = 10
		r.same("outcome", o, store.Outcome{Verdict: store.Accepted, Before: told, Counted: true})
		want := t.Condition
		want.LastUsed = good.Now
		r.same("condition", r.condition(t.ID), want)
		others[1].Next, others[1].Drift = 14, -2
		r.same("applications", r.applications(t.ID), others)
	}},
	{"LastUsedOnlyWithAuthentication", func(r *rig) {
		t := r.multi(0)
		a := attempt(r.of(3, right(t, 10)))
		a.Authentication = false
		r.accepted(a)
		r.same("last used", r.condition(t.ID).LastUsed, time.Time{})
	}},
	{"OnceOnly", func(r *rig) {
		t := r.multi(0)
		once := attempt(r.of(3, right(t, 20)))
		r.accepted(once)
		again := attempt(r.of(3, right(t, 20)))
		below := attempt(r.of(3, right(t, 19)))
		for _, a := range []store.Attempt{once, again, below} {
			r.unchanged(func() { r.same("verdict", r.try(a).Verdict, store.Stale) }, t.ID)
			r.same("next counter", r.applicationNow(t.ID, 3).Next, uint64(21))
		}
	}},
	{"BeforeIsWhatTheTransactionFound", func(r *rig) {
		t := r.multi(0)
		late := attempt(r.of(3, right(t, 19)))
		early := attempt(r.of(3, right(t, 15)))
		early.Proposals[0].Drift = 2
		r.accepted(early)
		t.Condition = r.condition(t.ID)
		r.try(attempt(wrong(t)))
		want := r.condition(t.ID)
		want.Next, want.Drift = 16, 2
		r.same("before", r.accepted(late).Before, want)
	}},
	{"EveryMatchAdvances", func(r *rig) {
		alice := r.user("alice")
		t, other := r.multi(alice.ID), r.several(1, alice.ID)[0]
		all := []store.Proposal{r.of(1, right(t, 2001)), right(t, 1002), r.of(3, right(t, 13)), right(other, 4)}
		o := r.accepted(forUser(alice, all...))
		r.same("index", o.Index, 0)
		stand := []uint64{r.applicationNow(t.ID, 1).Next, r.condition(t.ID).Next, r.applicationNow(t.ID, 3).Next,
			r.condition(other.ID).Next}
		r.same("next counters", stand, []uint64{2002, 1003, 14, 5})
		r.unchanged(func() { r.same("verdict on the code again", r.try(forUser(alice, all...)).Verdict, store.Stale) },
			t.ID, other.ID)
	}},
	{"OneMatchIsEnough", func(r *rig) {
		t := r.multi(0)
		o := r.accepted(attempt(wrong(t), r.of(1, wrong(t)), r.of(3, right(t, 10))))
		r.same("index", o.Index, 2)
		r.same("the token's own counter", r.condition(t.ID).Next, uint64(1000))
		r.same("the other application", r.applicationNow(t.ID, 1).Next, uint64(2000))
	}},
	// However many keys of a token a code was compared with, it was one guess.
	{"FailureCountsOncePerToken", func(r *rig) {
		alice := r.user("alice")
		t, other := r.multi(alice.ID), r.multi(alice.ID)
		n := 0
		for _, ps := range [][]store.Proposal{
			{wrong(t), r.of(1, wrong(t)), r.of(3, wrong(t))},
			{r.of(1, wrong(t)), r.of(3, wrong(t))},
			{{ID: t.ID, Seen: t.Condition}, r.of(3, wrong(t))}, // the token's own was not compared
			{wrong(t), r.of(3, wrong(t)), wrong(other), r.of(1, wrong(other))},
		} {
			n++
			before := r.condition(t.ID)
			o := r.try(forUser(alice, ps...))
			if before.Next = ps[0].SeenNext; ps[0].Application == 0 {
				before.Next = 1000
			}
			r.same("outcome", o, store.Outcome{Verdict: store.Refused, Before: before, Failures: n, Counted: true})
			r.same("the token's failures", r.condition(t.ID).Failures, n)
			r.same("the user's failures", r.userNow("alice").Failures, n)
		}
		r.same("the other token's failures", r.condition(other.ID).Failures, 1)
		r.same("the applications", []uint64{r.applicationNow(t.ID, 1).Next, r.applicationNow(t.ID, 3).Next},
			[]uint64{2000, 10})
	}},
	{"LockHoldsForAll", func(r *rig) {
		t := r.multi(0)
		for range limit {
			r.try(attempt(r.of(1, wrong(t)), r.of(3, wrong(t))))
		}
		for _, p := range []store.Proposal{right(t, 1000), r.of(1, right(t, 2000)), r.of(3, right(t, 10))} {
			r.unchanged(func() {
				if o := r.try(attempt(p)); o.Verdict != store.Refused || o.Refusal != token.Locked ||
					o.Failures != limit {
					r.Errorf("outcome %+v", o)
				}
			}, t.ID)
		}
	}},
	// What a failure was judged by must still be so when it is counted.
	{"StaleWhenTheApplicationChanged", func(r *rig) {
		for name, change := range map[string]func(*store.Application){
			"counter": func(a *store.Application) { a.Next++ },
			"drift":   func(a *store.Application) { a.Drift++ },
			"index":   func(a *store.Application) { a.Index++ },
			"mode":    func(a *store.Application) { a.Mode = activation.ChallengeResponse },
		} {
			t := r.multi(0)
			a := attempt(wrong(t), r.of(3, wrong(t)))
			app := oneTime(3, 10)
			change(&app)
			r.apply(t.ID, app)
			r.unchanged(func() { r.same("verdict after a change of "+name, r.try(a).Verdict, store.Stale) }, t.ID)
		}
		// The token's own counter is not what the application was judged by.
		t := r.multi(0)
		r.accepted(attempt(right(t, 1000)))
		r.same("counted", r.try(attempt(r.of(3, wrong(t)))).Counted, true)
	}},
	{"PlayNoPartInAProof", func(r *rig) {
		pending := r.created(nil)
		r.apply(pending.ID, oneTime(3, 10))
		a := first(r.of(3, right(pending, 10)))
		r.unchanged(func() { r.same("verdict", r.try(a).Verdict, store.Stale) }, pending.ID)
		r.same("next counter", r.applicationNow(pending.ID, 3).Next, uint64(10))
		r.accepted(first(right(pending, 0)))
		r.same("next counter after the token's own", r.applicationNow(pending.ID, 3).Next, uint64(10))
		valid := r.multi(0)
		o := r.try(first(r.of(3, right(valid, 10))))
		if o.Verdict != store.Refused || o.Refusal != token.AlreadyProven {
			r.Errorf("the first code of a VALID token's application: %+v", o)
		}
		r.same("next counter of a VALID token's", r.applicationNow(valid.ID, 3).Next, uint64(10))
	}},
	{"OfAStagedToken", func(r *rig) {
		c := r.hotp()
		run := r.stage(&c)
		r.apply(c.Token.ID, oneTime(3, 10))
		a := attempt(r.of(3, right(c.Token, 10)))
		r.same("verdict", r.try(a).Verdict, store.Stale)
		r.same("next counter", r.applicationNow(c.Token.ID, 3).Next, uint64(10))
		r.update(func(tx store.Tx) error { return tx.PublishRun(run, start) })
		r.accepted(a)
	}},
	{"Coherence", func(r *rig) {
		c := newCoherence(r)
		c.change("given applications", func(tx store.Tx) error {
			return tx.SetApplications(c.token.ID, []store.Application{oneTime(1, 2000), oneTime(3, 10)})
		})
		for n := range uint64(3) {
			a := attempt(wrong(c.token), c.of(1, wrong(c.token)), c.of(3, right(c.token, 10+2*n)))
			a.Proposals[2].Drift = int64(n)
			c.accepted(a)
			c.check("a code of an application")
		}
		both := attempt(right(c.token, 5), c.of(1, right(c.token, 2000)), c.of(3, right(c.token, 30)))
		both.UserID = c.alice.ID
		c.accepted(both)
		c.check("a code of all three")
		seen := c.token
		seen.Condition = c.condition(seen.ID)
		c.try(attempt(c.of(3, wrong(seen))))
		c.check("a wrong code")
		c.change("given others", func(tx store.Tx) error {
			return tx.SetApplications(c.token.ID, []store.Application{oneTime(2, 3)})
		})
		_ = r.db.Update(r.ctx(), func(tx store.Tx) error {
			if err := tx.SetApplications(c.token.ID, nil); err != nil {
				return err
			}
			return errTest
		})
		c.check("rolled back")
		c.change("left without", func(tx store.Tx) error { return tx.SetApplications(c.token.ID, nil) })
	}},
	{"ParallelUses", func(r *rig) { useApplicationsTogether(r, r.db) }},
}

// useApplicationsTogether presents codes of one token many times at once through
// every handle: one that is right for two keys is accepted once over both, and so
// is one of a single application.
func useApplicationsTogether(r *rig, handles ...store.DB) {
	r.Helper()
	const callers = 64
	alice := r.user("alice")
	for round := range uint64(5) {
		t := r.multi(alice.ID)
		single := r.of(3, right(t, 10+round))
		double := []store.Proposal{right(t, 1000+round), r.of(1, right(t, 2000+round))}
		as := make([]store.Attempt, callers)
		for i := range as {
			switch i % 4 {
			case 0:
				as[i] = attempt(single)
			case 1:
				as[i] = forUser(alice, single)
			case 2:
				as[i] = attempt(double...)
			default:
				as[i] = forUser(alice, double[1], double[0])
			}
		}
		outcomes, errs := r.together(as, handles...)
		accepted := map[bool]int{}
		for i := range as {
			r.must(errs[i])
			if outcomes[i].Verdict == store.Accepted {
				accepted[i%4 < 2]++
			}
		}
		r.same("accepted", accepted, map[bool]int{true: 1, false: 1})
		stand := []uint64{r.condition(t.ID).Next, r.applicationNow(t.ID, 1).Next, r.applicationNow(t.ID, 3).Next}
		r.same("next counters", stand, []uint64{1001 + round, 2001 + round, 11 + round})
		r.same("failures", r.condition(t.ID).Failures, 0)
	}
}
