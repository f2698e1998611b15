package storetest

import (
	"fmt"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// created is a PENDING token of a new serial, as creation leaves it.
func (r *rig) created(edit func(*store.Candidate)) token.Token {
	r.Helper()
	c := r.hotp()
	c.Token.Kind, c.Token.Identity = token.Software, token.Identity{Type: "app-hotp", Serial: c.Token.Identity.Serial}
	c.Token.Condition = token.Condition{State: token.Pending}
	if edit != nil {
		edit(&c)
	}
	r.add(&c)
	return c.Token
}

// add inserts a token that no import brings; its ID is filled in.
func (r *rig) add(c *store.Candidate) {
	r.Helper()
	r.update(func(tx store.Tx) (err error) {
		if c.Token.ID, err = tx.NextTokenID(1); err != nil {
			return err
		}
		return tx.AddToken(*c)
	})
}

// first is an attempt to prove a token by its first code.
func first(p store.Proposal) store.Attempt {
	a := attempt(p)
	a.Proof, a.Authentication = true, false
	return a
}

// failFirst presents n wrong first codes an hour earlier; the last causes a delay.
func (r *rig) failFirst(t token.Token, n int, delay time.Duration) {
	r.Helper()
	for i := range n {
		t.Condition = r.condition(t.ID)
		a := first(wrong(t))
		a.Now, a.Lock.Limit = start.Add(-time.Hour), 1000
		if i == n-1 {
			a.Delay = func(int) time.Duration { return delay }
		}
		if o := r.try(a); !o.Counted {
			r.Fatalf("a wrong first code was not counted: %+v", o)
		}
	}
}

// proofs has each condition of a proof alone: the scene is right but for one
// thing. The token's next counter is 10.
var proofs = []struct {
	name    string
	edit    func(*token.Condition)
	prepare func(*rig, token.Token, *store.Attempt)
	want    store.Verdict
	refusal token.Reason
}{
	{name: "Nothing", want: store.Accepted},
	{name: "CounterAbove", prepare: func(_ *rig, _ token.Token, a *store.Attempt) { a.Proposals[0].Counter = 19 },
		want: store.Accepted},
	{name: "CounterBelow", prepare: func(_ *rig, _ token.Token, a *store.Attempt) { a.Proposals[0].Counter = 9 },
		want: store.Stale},
	{name: "AnotherEpoch", prepare: func(_ *rig, _ token.Token, a *store.Attempt) { a.Proposals[0].Seen.Epoch++ },
		want: store.Stale},
	{name: "NoProof", prepare: func(_ *rig, _ token.Token, a *store.Attempt) { a.Proof = false }, want: store.Refused,
		refusal: token.NotProven},
	{name: "Valid", edit: func(c *token.Condition) { c.State, c.Epoch = token.Valid, 1 }, want: store.Refused,
		refusal: token.AlreadyProven},
	{name: "ValidNeverProven", edit: func(c *token.Condition) { c.State = token.Valid }, want: store.Refused,
		refusal: token.AlreadyProven},
	{name: "Lost", edit: func(c *token.Condition) { c.State = token.RevokedLost }, want: store.Refused,
		refusal: token.Revoked},
	{name: "Broken", edit: func(c *token.Condition) { c.State = token.RevokedBroken }, want: store.Refused,
		refusal: token.Revoked},
	{name: "Other", edit: func(c *token.Condition) { c.State = token.RevokedOther }, want: store.Refused,
		refusal: token.Revoked},
	{name: "RevokedMeanwhile", prepare: func(r *rig, t token.Token, _ *store.Attempt) {
		r.update(func(tx store.Tx) error { return tx.SetState(t.ID, token.Pending, token.RevokedLost, "test") })
	}, want: store.Refused, refusal: token.Revoked},
	{name: "FailuresBelowLimit", prepare: func(r *rig, t token.Token, _ *store.Attempt) { r.failFirst(t, limit-1, 0) },
		want: store.Accepted},
	{name: "FailuresAtLimit", prepare: func(r *rig, t token.Token, _ *store.Attempt) { r.failFirst(t, limit, 0) },
		want: store.Refused, refusal: token.Locked},
	{name: "Unlocked", prepare: func(r *rig, t token.Token, _ *store.Attempt) {
		r.failFirst(t, limit, 2*time.Hour)
		r.update(func(tx store.Tx) error { return tx.ResetFailures(t.ID) })
	}, want: store.Accepted},
	{name: "DelayRunning",
		prepare: func(r *rig, t token.Token, _ *store.Attempt) { r.failFirst(t, 1, time.Hour+time.Millisecond) },
		want:    store.Refused, refusal: token.Delayed},
	{name: "DelayOver", prepare: func(r *rig, t token.Token, _ *store.Attempt) { r.failFirst(t, 1, time.Hour) },
		want: store.Accepted},
	{name: "BeforeItsStart", edit: func(c *token.Condition) { c.NotBefore = start.Add(time.Millisecond) },
		want: store.Refused, refusal: token.NotYetValid},
	{name: "AtItsEnd", edit: func(c *token.Condition) { c.NotAfter = start }, want: store.Refused,
		refusal: token.Expired},
	{name: "Deleted", prepare: func(r *rig, t token.Token, _ *store.Attempt) {
		r.update(func(tx store.Tx) error { return tx.DeleteToken(t.ID) })
	}, want: store.Stale},
}

// proofTests makes two tests of each: of a code that is right, and of one that
// is wrong, which proves nothing and counts only where codes are taken.
func proofTests() (tests []test) {
	for _, p := range proofs {
		set := func(r *rig) (token.Token, store.Attempt) {
			t := r.created(func(c *store.Candidate) {
				c.Token.Condition.Next = 10
				if p.edit != nil {
					p.edit(&c.Token.Condition)
				}
			})
			a := first(right(t, 10))
			if p.prepare != nil {
				p.prepare(r, t, &a)
			}
			return t, a
		}
		tests = append(tests,
			test{p.name + "/Right", func(r *rig) {
				t, a := set(r)
				s := &scene{rig: r}
				before := s.everyCondition()
				o := r.try(a)
				if o.Verdict != p.want || o.Refusal != p.refusal || o.Counted != (p.want == store.Accepted) {
					r.Fatalf("outcome %+v, want verdict %d, refusal %q", o, p.want, p.refusal)
				}
				if o.Verdict != store.Accepted {
					r.same("conditions after a refusal", s.everyCondition(), before)
					return
				}
				r.same("what was before", o.Before.State, token.Pending)
				r.same("the proven token", r.condition(t.ID),
					token.Condition{Epoch: 1, Next: a.Proposals[0].Counter + 1, State: token.Valid})
			}},
			test{p.name + "/Wrong", func(r *rig) {
				_, a := set(r)
				a.Proposals[0].Matched = false
				s := &scene{rig: r}
				before := s.everyCondition()
				o := r.try(a)
				if o.Verdict == store.Accepted || o.Refusal != p.refusal || p.refusal != token.NoReason && o.Counted {
					r.Fatalf("outcome %+v, want refusal %q", o, p.refusal)
				}
				if !o.Counted {
					r.same("conditions after a refusal", s.everyCondition(), before)
				}
				if p.name == "Nothing" && !o.Counted {
					r.Error("a wrong first code was not counted")
				}
			}})
	}
	return append(tests, proofUses...)
}

var proofUses = []test{
	// The code that proves is used up, for proofs and for verification.
	{"UsedUp", func(r *rig) {
		pending := r.created(nil)
		r.candidates(store.Lookup{Serial: pending.Identity.Serial}, true) // into the cache
		r.accepted(first(right(pending, 3)))
		if o := r.try(first(right(pending, 3))); o.Verdict != store.Refused || o.Refusal != token.AlreadyProven {
			r.Errorf("the first code once more: %+v", o)
		}
		if o := r.try(first(right(pending, 4))); o.Verdict != store.Refused || o.Refusal != token.AlreadyProven {
			r.Errorf("another first code: %+v", o)
		}
		// What a lookup gives now is the proven token, cached or not.
		for _, fresh := range []bool{false, true} {
			f := r.candidates(store.Lookup{Serial: pending.Identity.Serial}, fresh)
			if len(f.Candidates) != 1 || f.Candidates[0].Token.Condition != r.condition(pending.ID) {
				r.Fatalf("after the proof a lookup gives %+v", f.Candidates)
			}
		}
		valid := pending
		valid.Condition = r.condition(pending.ID)
		for counter := range uint64(4) {
			if o := r.try(attempt(right(valid, counter))); o.Verdict == store.Accepted {
				r.Errorf("counter %d is accepted after the proof by 3", counter)
			}
		}
		if o := r.try(attempt(right(pending, 4))); o.Verdict == store.Accepted {
			r.Error("a code seen under the epoch before is accepted")
		}
		r.accepted(attempt(right(valid, 4)))
	}},
	// Who looked while the token was PENDING compared nothing; once it is proven,
	// that judgement is out of date.
	{"SeenPending", func(r *rig) {
		pending := r.created(nil)
		r.accepted(first(right(pending, 0)))
		if o := r.try(attempt(store.Proposal{ID: pending.ID, Seen: pending.Condition})); o.Verdict != store.Stale {
			r.Errorf("outcome %+v, want Stale", o)
		}
	}},
	{"DriftIsLearned", func(r *rig) {
		pending := r.created(nil)
		a := first(right(pending, 100))
		a.Proposals[0].Drift = -1
		r.accepted(a)
		r.same("condition", r.condition(pending.ID),
			token.Condition{Epoch: 1, Next: 101, Drift: -1, State: token.Valid})
	}},
	// An administrator's command never makes a token VALID that was not proven.
	{"NotByCommand", func(r *rig) {
		pending := r.created(nil)
		set := func(from, to token.State) func(store.Tx) error {
			return func(tx store.Tx) error { return tx.SetState(pending.ID, from, to, "") }
		}
		r.is(store.ErrConflict, "PENDING to VALID", set(token.Pending, token.Valid))
		for _, revoked := range []token.State{token.RevokedLost, token.RevokedBroken, token.RevokedOther} {
			r.update(set(r.condition(pending.ID).State, revoked))
			r.is(store.ErrConflict, revoked.String()+" to VALID", set(revoked, token.Valid))
			r.same("state", r.condition(pending.ID).State, revoked)
		}
		proven := r.created(nil)
		r.accepted(first(right(proven, 0)))
		r.update(func(tx store.Tx) error { return tx.SetState(proven.ID, token.Valid, token.RevokedLost, "") })
		r.update(func(tx store.Tx) error { return tx.SetState(proven.ID, token.RevokedLost, token.Valid, "") })
		r.same("a proven one, found again", r.condition(proven.ID),
			token.Condition{Epoch: 1, Next: 1, State: token.Valid})
	}},
	{"ParallelProofs", func(r *rig) { proveTogether(r, r.db) }},
}

// proveTogether presents one code many times at once through every handle, as a
// first code and in the ordinary way: it is accepted once.
func proveTogether(r *rig, handles ...store.DB) {
	r.Helper()
	const callers = 64
	for round := range 5 {
		pending := r.created(nil)
		// Some look before the proof, some after: they see it as it will be.
		valid := pending
		valid.Condition.State, valid.Condition.Epoch = token.Valid, 1
		as := make([]store.Attempt, callers)
		for i := range as {
			as[i] = first(right(pending, 7))
			if i%4 == 3 {
				as[i] = attempt(right(valid, 7))
			}
			as[i].Record = func(store.Outcome) []byte { return entry(fmt.Sprint("round ", round)) }
		}
		outcomes, errs := r.together(as, handles...)
		accepted := 0
		for i := range as {
			r.must(errs[i])
			if outcomes[i].Verdict == store.Accepted {
				accepted++
			}
		}
		r.same("accepted", accepted, 1)
		r.same("condition", r.condition(pending.ID), token.Condition{Epoch: 1, Next: 8, State: token.Valid})
	}
}
