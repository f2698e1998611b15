package storetest

import (
	"fmt"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// twins gives a token a twin that is nobody's, and both as they are then.
func (r *rig) twins(t token.Token) (one, other token.Token) {
	r.Helper()
	other = r.one(func(c *store.Candidate) { c.Token.Mark, c.Token.Spec = aMark, t.Spec })
	r.update(func(tx store.Tx) error {
		if err := tx.SetMark(t.ID, aMark); err != nil {
			return err
		}
		return tx.ShareSecret(0, aMark)
	})
	return r.now(t), r.now(other)
}

// now is a token as it is.
func (r *rig) now(t token.Token) token.Token {
	r.Helper()
	t.Condition = r.condition(t.ID)
	t.Mark = aMark
	return t
}

// holders publishes tokens of one secret, one for each spec, and gives them as they
// are then.
func (r *rig) holders(owner int64, specs ...token.Spec) []token.Token {
	r.Helper()
	var cs []*store.Candidate
	for _, s := range specs {
		c := r.hotp()
		c.Token.Spec, c.Token.Mark, c.Token.Condition.Owner = s, aMark, owner
		cs = append(cs, &c)
	}
	run := r.stage(cs...)
	r.update(func(tx store.Tx) error {
		if err := tx.PublishRun(run, start); err != nil {
			return err
		}
		return tx.ShareSecret(run, aMark)
	})
	all := make([]token.Token, len(cs))
	for i := range cs {
		all[i] = r.now(cs[i].Token)
	}
	return all
}

var (
	events   = token.Spec{Algorithm: token.HOTP, Hash: "SHA1", Digits: 6}
	eight    = token.Spec{Algorithm: token.HOTP, Hash: "SHA256", Digits: 8}
	halfMins = token.Spec{Algorithm: token.TOTP, Hash: "SHA1", Digits: 6, Period: 30}
	minutes  = token.Spec{Algorithm: token.TOTP, Hash: "SHA1", Digits: 6, Period: 60}
	later    = token.Spec{Algorithm: token.TOTP, Hash: "SHA1", Digits: 6, Period: 60, T0: 45}
)

// lonePredicates are those of a token that has its secret to itself.
var lonePredicates = []predicate{
	{name: "GotATwinMeanwhile", prepare: func(s *scene) { s.twins(s.token) }, want: store.Accepted},
	{name: "GotATwinThatUsedTheCode", prepare: func(s *scene) {
		_, other := s.twins(s.token)
		s.accepted(attempt(right(other, 10)))
	}, want: store.Stale},
	{name: "GotATwinThatIsFurther", prepare: func(s *scene) {
		s.remember(store.Secret{Mark: aMark, Floor: token.Floor{Events: 11}})
		s.twins(s.token)
	}, want: store.Stale},
}

// twinPredicates are the conditions that only a token has whose secret others hold.
var twinPredicates = []predicate{
	{name: "TwinUsedTheCode", prepare: func(s *scene) { s.accepted(attempt(right(s.other, 10))) }, want: store.Stale},
	{name: "TwinUsedTheCodeBefore", prepare: func(s *scene) {
		s.accepted(attempt(right(s.other, 10)))
		s.attempt.Proposals[0].Counter = 11
	}, want: store.Accepted},
	{name: "TwinIsFarther", prepare: func(s *scene) { s.accepted(attempt(right(s.other, 15))) }, want: store.Stale},
	{name: "TwinDeleted", prepare: func(s *scene) {
		s.update(func(tx store.Tx) error { return tx.DeleteToken(s.other.ID) })
	}, want: store.Accepted},
	{name: "TwinDeletedAfterItsCode", prepare: func(s *scene) {
		s.accepted(attempt(right(s.other, 10)))
		s.update(func(tx store.Tx) error { return tx.DeleteToken(s.other.ID) })
	}, want: store.Stale},
	{name: "TwinRevoked", prepare: func(s *scene) {
		s.update(func(tx store.Tx) error { return tx.SetState(s.other.ID, token.Valid, token.RevokedLost, "") })
	}, want: store.Accepted},
	{name: "FloorRaised", prepare: func(s *scene) {
		s.remember(store.Secret{Mark: aMark, Floor: token.Floor{Events: 11}})
	}, want: store.Stale},
	{name: "FloorAtTheCode", prepare: func(s *scene) {
		s.remember(store.Secret{Mark: aMark, Floor: token.Floor{Events: 10}})
	}, want: store.Accepted},
	{name: "FloorOfTheOtherKind", prepare: func(s *scene) {
		s.remember(store.Secret{Mark: aMark, Floor: token.Floor{Seconds: 4_000_000_000}})
	}, want: store.Accepted},
}

var twinTests = []test{
	// A code of one is used for all, in both orders.
	{"AcceptedOnce", func(r *rig) {
		for n, pair := range [][2]token.Spec{{events, eight}, {eight, events}, {halfMins, halfMins}} {
			all := r.holders(0, pair[0], pair[1])
			for i, t := range all {
				counter := r.condition(t.ID).Next + uint64(3+i)
				if t.Spec.Timed() {
					counter = max(counter, token.PairLimit)
				}
				r.accepted(attempt(right(t, counter)))
				other := all[1-i]
				if o := r.try(attempt(right(other, counter))); o.Verdict != store.Stale {
					r.Errorf("%d: judged as before: %+v", n, o)
				}
				now := r.now(other)
				r.same("where the other stands", now.Condition.Next, counter+1)
				if o := r.try(attempt(right(now, counter))); o.Verdict == store.Accepted {
					r.Errorf("%d: a used code: %+v", n, o)
				}
				r.update(func(tx store.Tx) error { return tx.ResetFailures(other.ID) })
			}
			for _, t := range all {
				r.update(func(tx store.Tx) error { return tx.DeleteToken(t.ID) })
			}
		}
	}},
	// What is remembered of a secret never falls, whoever remembers less.
	{"FloorsNeverFall", func(r *rig) {
		want := store.Secret{Mark: aMark, Floor: token.Floor{Events: 11, Seconds: 4000}}
		for _, f := range []token.Floor{want.Floor, {Events: 3, Seconds: 10}, {Events: 11}, {Seconds: 4000}, {}} {
			r.remember(store.Secret{Mark: aMark, Floor: f})
			r.view(func(rd store.Reader) error {
				got, err := rd.Secrets(aMark)
				r.same("what is remembered", got, []store.Secret{want})
				return err
			})
		}
		all := r.holders(0, events, eight)
		r.same("where its tokens stand", []uint64{all[0].Condition.Next, all[1].Condition.Next}, []uint64{11, 11})
	}},
	// A code that is right for two tokens of a user is one acceptance, and one entry.
	{"OneOfSeveralProposals", func(r *rig) {
		alice := r.user("alice")
		all := r.holders(alice.ID, events, events, events)
		a := attempt(right(all[1], 4), right(all[0], 4), right(all[2], 4))
		a.UserID = alice.ID
		before := len(r.log())
		if o := r.accepted(a); o.Index != 0 || o.Before.Next != 0 {
			r.Errorf("outcome %+v", o)
		}
		r.same("entries", len(r.log()), before+1)
		for i, want := range []uint64{0, 5, 0} {
			c := r.condition(all[i].ID)
			r.same(fmt.Sprintf("token %d", i), [2]uint64{c.Own(), c.Next}, [2]uint64{want, 5})
		}
		r.same("the floor", r.secrets(aMark)[0].Floor, token.Floor{Events: 5})
	}},
	// Of time it is the second that counts, whatever the period.
	{"TimeSurvivesAnotherPeriod", func(r *rig) {
		all := r.holders(0, halfMins, minutes, later)
		r.accepted(attempt(right(all[0], 101))) // ends at 3060
		r.same("in minutes", r.condition(all[1].ID).Next, uint64(51))
		r.same("from another beginning", r.condition(all[2].ID).Next, uint64(51)) // begins at 3105
		if o := r.try(attempt(right(r.now(all[1]), 50))); o.Verdict == store.Accepted {
			r.Errorf("a minute of which half is used: %+v", o)
		}
		r.update(func(tx store.Tx) error { return tx.ResetFailures(all[1].ID) })
		r.accepted(attempt(right(r.now(all[1]), 51))) // ends at 3120
		r.same("in half minutes", r.condition(all[0].ID).Next, uint64(104))
		r.same("from another beginning", r.condition(all[2].ID).Next, uint64(52)) // begins at 3165
	}},
	// Counter v and step v are one code, so the two kinds never meet.
	{"BothKindsOfOneSecret", func(r *rig) {
		all := r.holders(0, events, halfMins)
		hotp, totp := all[0], all[1]
		for _, c := range []struct {
			token   token.Token
			counter uint64
			want    store.Verdict
		}{
			{totp, token.PairLimit - 1, store.Stale}, {totp, token.PairLimit, store.Accepted},
			{hotp, token.PairLimit, store.Stale}, {hotp, token.PairLimit + 1, store.Stale},
			{hotp, token.PairLimit - 1, store.Accepted},
		} {
			if o := r.try(attempt(right(r.now(c.token), c.counter))); o.Verdict != c.want {
				r.Errorf("%s %d: %+v", c.token.Spec.Algorithm, c.counter, o)
			}
		}
		r.same("floors of their own", r.secrets(aMark)[0].Floor,
			token.Floor{Events: token.PairLimit, Seconds: 30 * (token.PairLimit + 1), Both: true})
		r.same("end of the counters", hotp.Condition.End(hotp.Spec), uint64(token.PairLimit))
		r.same("beginning of the steps", totp.Condition.Next, uint64(token.PairLimit))
	}},
	{"ThePastIsOfTheOtherKind", func(r *rig) {
		r.remember(store.Secret{Mark: aMark, Floor: token.Floor{Seconds: 1_700_000_000}})
		hotp := r.holders(0, events)[0]
		if o := r.try(attempt(right(hotp, token.PairLimit))); o.Verdict != store.Stale {
			r.Errorf("a counter among the steps: %+v", o)
		}
		r.accepted(attempt(right(hotp, 5)))
	}},
	// A proof uses the code up for all, and a used one proves nothing.
	{"Proof", func(r *rig) {
		all := r.holders(0, events)
		pending := r.created(func(c *store.Candidate) { c.Token.Mark = aMark })
		r.share(0, aMark)
		r.accepted(attempt(right(r.now(all[0]), 3)))
		if o := r.try(first(right(pending, 3))); o.Verdict != store.Stale {
			r.Errorf("a first code that the twin has used: %+v", o)
		}
		r.accepted(first(right(r.now(pending), 4)))
		if o := r.try(attempt(right(r.now(all[0]), 4))); o.Verdict == store.Accepted {
			r.Errorf("a code that has proven the twin: %+v", o)
		}
	}},
	// A failure is the token's own.
	{"FailuresAreTheirOwn", func(r *rig) {
		all := r.holders(0, events, events)
		r.accepted(attempt(right(all[0], 7)))
		if o := r.try(attempt(wrong(r.now(all[1])))); !o.Counted || o.Failures != 1 {
			r.Errorf("outcome %+v", o)
		}
		r.same("of the other", r.condition(all[0].ID).Failures, 0)
	}},
	// A cache knows of the twin's codes; were it not so, the write would refuse.
	{"CachedTwins", func(r *rig) {
		all := r.holders(0, events, events)
		lookup := func(t token.Token) token.Token {
			f := r.candidates(store.Lookup{Serial: t.Identity.Serial}, false)
			r.same("found", len(f.Candidates), 1)
			return f.Candidates[0].Token
		}
		for n := range uint64(3) {
			for i := range all {
				r.same("as cached", lookup(all[i]).Condition, r.condition(all[i].ID))
				r.accepted(attempt(right(lookup(all[i]), 10*n+uint64(i))))
			}
		}
	}},
	{"Parallel", func(r *rig) {
		all := r.holders(0, events, eight, events)
		for round := range uint64(20) {
			as := make([]store.Attempt, 64)
			for i := range as {
				as[i] = attempt(right(r.now(all[i%len(all)]), round))
				as[i].Lock.Limit = 1_000_000
			}
			outcomes, errs := r.together(as)
			n := 0
			for i, o := range outcomes {
				r.must(errs[i])
				if o.Verdict == store.Accepted {
					n++
				}
			}
			r.same(fmt.Sprintf("acceptances in round %d", round), n, 1)
		}
	}},
	// An activation that keeps its secret uses its code up for all; with a new one the
	// token is alone.
	{"Activation", func(r *rig) {
		for _, same := range []bool{true, false} {
			t := r.activated(nil)
			r.must(r.confirm(r.epochOf(r.begin(t, nil))))
			m := token.Mark(t.ID)
			twin := r.one(marked(m))
			r.update(func(tx store.Tx) error {
				if err := tx.SetMark(t.ID, m); err != nil {
					return err
				}
				return tx.ShareSecret(0, m)
			})
			e := r.epochOf(r.begin(t, func(a *store.Activation) { a.SameSecret = same }))
			e.SameSecret, e.Spec, e.Mark, e.Seen = same, t.Spec, m, r.condition(t.ID)
			e.Next = e.Seen.Next + 5
			if !same {
				e.Mark = 99
			}
			if same {
				twin.Condition = r.condition(twin.ID)
				r.accepted(attempt(right(twin, e.Next-1)))
				if err := r.confirm(e); err == nil {
					r.Error("an activation took a code that the twin has used")
				}
				e.Seen = r.condition(t.ID)
				if err := r.confirm(e); err == nil {
					r.Error("an activation took a code that it saw as used")
				}
				e.Next++
			}
			r.must(r.confirm(e))
			now := r.condition(t.ID)
			r.same("shared", now.Shared.Mark != 0, same)
			if same {
				r.same("where the twin stands", r.condition(twin.ID).Next, e.Next)
			}
		}
	}},
}
