package codes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/oath"
)

// ResyncRequest is two consecutive codes of one token.
type ResyncRequest struct {
	Lookup     store.Lookup // by serial
	OTP1, OTP2 string
	// Counter, when set, is where the search begins (HOTP) or its centre
	// (TOTP), instead of where the token stands. It may not lie below that.
	Counter *uint64
	// Steps widens the TOTP search; 0 takes the default, Policy.MaxSteps is
	// the most.
	Steps int
	// Ahead narrows the HOTP search; 0 takes the default.
	Ahead  int
	Origin audit.Origin
}

// Resync finds two consecutive codes and moves the token behind them: both are
// used up. It is for callers who may list tokens, so what cannot be decided is
// said: NotFound, Conflict (ambiguous, revoked, locked, delayed, without a secret
// yet), Invalid (a code's form, a counter already used). Codes that are not found
// in reach count one failure, as any wrong code does. Further applications are left
// aside.
func (e *Engine) Resync(ctx context.Context, r ResyncRequest) (valid bool, err error) {
	r.OTP1, r.OTP2 = Typed(r.OTP1), Typed(r.OTP2)
	if !isCode(r.OTP1) || !isCode(r.OTP2) {
		return false, errNotACode()
	}
	if r.Steps < 0 || r.Steps > e.policy.MaxSteps {
		return false, fault.New(fault.Invalid, "steps", fmt.Sprintf("Steps must be 1 to %d.", e.policy.MaxSteps))
	}
	v, err := e.decide(ctx, Request{Lookup: r.Lookup, Origin: r.Origin, MayList: true},
		func(now time.Time, found store.Found) (judgement, error) {
			j := judgement{action: audit.TokenResynced}
			if len(found.Candidates) == 0 {
				return j, token.NotFoundError(r.Lookup.Serial)
			}
			c := &found.Candidates[0]
			if !found.Fresh {
				return j, nil // what is said openly is said of fresh rows
			}
			if c.Forged {
				k := ownKey(c)
				j.add(&k.proposal, token.RowForged)
				return j, nil
			}
			if err := e.mayResync(c.Token, r, now); err != nil {
				return j, err
			}
			p, err := e.judgePair(c, r, now)
			if errors.Is(err, oath.ErrKeyLength) {
				return j, awaitsActivation(c.Token, err)
			} else if err != nil {
				return j, err
			}
			j.add(&p, token.NotConsecutive)
			return j, nil
		})
	return v.Valid, err
}

func (e *Engine) mayResync(t token.Token, r ResyncRequest, now time.Time) error {
	if err := e.refuses(t, now); err != nil {
		return err
	}
	spec := t.Spec
	switch {
	case spec.Algorithm == token.OCRA:
		return fault.New(fault.Invalid, "needs_challenge", "This is an OCRA token: it answers challenges and has no "+
			"codes to resynchronize it.")
	case len(r.OTP1) != spec.Digits || len(r.OTP2) != spec.Digits:
		return fault.New(fault.Invalid, "otp_length", fmt.Sprintf("The token shows codes of %d digits.", spec.Digits))
	case r.Steps != 0 && spec.Algorithm == token.HOTP:
		return fault.New(fault.Invalid, "steps", "Steps are only for tokens that count time.")
	case r.Counter != nil && *r.Counter < t.Condition.Next:
		return fault.New(fault.Invalid, "counter_used",
			fmt.Sprintf("Counter %d is already used: the counter of the token is %d and never decreases.", *r.Counter,
				t.Condition.Next)).
			WithHint("Begin the search there or above, or give no counter.")
	case r.Counter != nil && *r.Counter > token.MaxCounter:
		return fault.New(fault.Invalid, "counter_range",
			fmt.Sprintf("The counter is above %d.", uint64(token.MaxCounter)))
	}
	return nil
}

// rightDelay forgets a delay that no clock of ours can have meant.
func (e *Engine) rightDelay(c *token.Condition, now time.Time) {
	if a := (store.Attempt{Now: now, MaxDelay: e.lasts}); !a.Holds(c.Failures, c.RetryAt) {
		c.RetryAt = time.Time{}
	}
}

// refuses says openly why a token takes no codes now.
func (e *Engine) refuses(t token.Token, now time.Time) error {
	conflict := func(text, hint string) error {
		return fault.New(fault.Conflict, "token_refuses", text).WithHint(hint)
	}
	c, serial := t.Condition, t.Identity.Serial
	e.rightDelay(&c, now)
	reason := c.Refusal(now, e.policy.Lock())
	if reason == token.NotProven {
		if reason = c.ProofRefusal(now, e.policy.Lock()); reason == token.NoReason {
			return conflict("Token "+serial+" is PENDING: its first code must confirm it first.",
				"Confirm it first: ostiary token confirm "+serial+" CODE.")
		}
	}
	switch reason {
	case token.Revoked:
		return conflict("Token "+serial+" is "+c.State.String()+".",
			"Make it VALID first: ostiary token state "+serial+" VALID.")
	case token.OnItsWay:
		return conflict("Token "+serial+" is on its way to another server.",
			"Its codes are checked there. To take it back: ostiary move cancel; ostiary move list shows the moves.")
	case token.Locked:
		return conflict("Token "+serial+" is locked after too many wrong codes.",
			"Unlock it first: ostiary token unlock "+serial+".")
	case token.Delayed:
		return conflict("Token "+serial+" accepts no code until "+c.RetryAt.Format(time.RFC3339)+", because of wrong codes.",
			"Wait, or unlock it: ostiary token unlock "+serial+".")
	case token.NotYetValid, token.Expired:
		return conflict("Token "+serial+" is outside its validity dates.",
			"Change the dates: ostiary token dates "+serial+" --until DATE.")
	}
	return nil
}

func (e *Engine) judgePair(c *store.Candidate, r ResyncRequest, now time.Time) (store.Proposal, error) {
	k := ownKey(c)
	p := k.proposal
	p.Tested = true
	w, err := e.pairWindow(c.Token, r, now)
	if err != nil {
		return p, err
	}
	scanner, err := e.scanner(&k)
	if err != nil {
		return p, err
	}
	defer scanner.Wipe()
	if first, ok := scanner.FindPair(r.OTP1, r.OTP2, w.from, w.n); ok {
		p.Matched, p.Counter = true, first+1
		p.Drift = int64(first+1) - int64(w.step) // two codes prove it
		if !w.timed {
			p.Drift = 0
		}
	}
	return p, nil
}

func (e *Engine) pairWindow(t token.Token, r ResyncRequest, now time.Time) (window, error) {
	c := t.Condition
	if t.Spec.Algorithm == token.HOTP {
		w := window{from: c.Next, n: e.policy.PairLookAhead}
		if r.Ahead > 0 {
			w.n = min(w.n, r.Ahead)
		}
		if r.Counter != nil {
			w.from = *r.Counter
		}
		return w.below(c.End(t.Spec) - 1), nil // the second code is one further
	}
	step, err := oath.Step(now.Unix(), t.Spec.Period, t.Spec.T0)
	if err != nil {
		return window{}, fmt.Errorf("time step: %w", err)
	}
	centre := shift(step, e.drift(c))
	if r.Counter != nil {
		centre = *r.Counter
		if centre > shift(step, int64(e.policy.MaxSteps)) || centre < shift(step, -int64(e.policy.MaxSteps)) {
			return window{}, fault.New(fault.Invalid, "counter_range",
				fmt.Sprintf("Step %d is more than %d steps away from the current step %d.", centre, e.policy.MaxSteps,
					step))
		}
	}
	steps := e.policy.WideSteps
	if r.Steps != 0 {
		steps = r.Steps
	}
	return e.around(step, c, centre, steps), nil
}
