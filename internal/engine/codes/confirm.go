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

// ConfirmRequest is the first code of a PENDING token.
type ConfirmRequest struct {
	Lookup store.Lookup // by serial
	OTP    string
	Origin audit.Origin
}

// Confirm makes a PENDING token VALID by its first right code, searched in the
// ordinary window. The write that does it uses the code up. A wrong code counts
// as a failure, with the delays and the lock of Verify.
//
// It is for callers to whom the token is no secret, so what cannot be decided is
// said: NotFound, Conflict (ambiguous, confirmed already, revoked, locked,
// delayed, without a secret yet), Invalid (a code's form).
func (e *Engine) Confirm(ctx context.Context, r ConfirmRequest) (valid bool, err error) {
	if r.OTP = Typed(r.OTP); !isCode(r.OTP) {
		return false, errNotACode()
	}
	v, err := e.decide(ctx, Request{Lookup: r.Lookup, Origin: r.Origin, MayList: true},
		func(now time.Time, found store.Found) (judgement, error) {
			j := judgement{action: audit.TokenConfirmed, proof: true}
			if len(found.Candidates) == 0 {
				return j, token.NotFoundError(r.Lookup.Serial)
			}
			if !found.Fresh {
				return j, nil // what is said openly is said of fresh rows
			}
			c := &found.Candidates[0]
			switch own := ownKey(c).proposal; {
			case c.Forged:
				j.add(&own, token.RowForged)
				return j, nil
			case c.Token.Condition.Fenced():
				j.add(&own, token.NeedsTwo)
				return j, nil
			}
			if err := e.mayConfirm(c.Token, r.OTP, now); err != nil {
				return j, err
			}
			k := ownKey(c)
			reason, err := e.compare(&k, look{otp: r.OTP, now: now, final: true, proof: true})
			if errors.Is(err, oath.ErrKeyLength) {
				return j, awaitsActivation(c.Token, err)
			} else if err != nil {
				return j, err
			}
			j.add(&k.proposal, reason)
			return j, nil
		})
	return v.Valid, err
}

// awaitsActivation is the error for a token without a secret.
func awaitsActivation(t token.Token, cause error) error {
	return fault.New(fault.Conflict, "awaits_activation",
		fmt.Sprintf("Token %s has no secret yet: its activation creates one.", t.Identity.Serial)).
		WithHint("Activate it: ostiary activation offer " + t.Identity.Serial + ".").Because(cause)
}

func (e *Engine) mayConfirm(t token.Token, otp string, now time.Time) error {
	serial, c := t.Identity.Serial, t.Condition
	switch e.rightDelay(&c, now); c.ProofRefusal(now, e.policy.Lock()) {
	case token.AlreadyProven:
		return fault.New(fault.Conflict, "token_confirmed", fmt.Sprintf("Token %s is already confirmed.", serial)).
			WithHint("Check a code of it with: ostiary token verify " + serial + " CODE.")
	case token.Revoked:
		return fault.New(fault.Conflict, "token_refuses", fmt.Sprintf("Token %s is %s.", serial, c.State)).
			WithHint("Delete it and create another.")
	case token.NoReason:
	default:
		return e.refuses(t, now)
	}
	switch {
	case t.Spec.Algorithm == token.OCRA:
		return fault.New(fault.Invalid, "needs_challenge", "This is an OCRA token: it answers challenges and has no "+
			"code to confirm it.")
	case len(otp) != t.Spec.Digits:
		return fault.New(fault.Invalid, "otp_length", fmt.Sprintf("The token shows codes of %d digits.", t.Spec.Digits))
	}
	return nil
}
