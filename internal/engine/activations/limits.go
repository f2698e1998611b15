package activations

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/profiles"
	"ostiary/internal/store"
)

// Limits are those of a profile's activations. What the profile sets counts; the rest is
// the server's.
type Limits struct {
	Profile string
	Own     token.ActivationLimits // of the profile; a zero field is the server's
	Server  token.ActivationLimits // of the server's command line
}

// InForce are the limits that count.
func (l Limits) InForce() token.ActivationLimits { return l.Own.Or(l.Server) }

// inForce reads the limits that count for activations by a profile. Whoever decides by
// them reads them in the transaction of the decision, so that a change binds at once.
func (s *Service) inForce(rd store.ProfileReader, profile string) (token.ActivationLimits, error) {
	own, err := profiles.LimitsIn(rd, profile)
	return own.Or(s.policy.ActivationLimits), err
}

// Limits gives the limits of a profile. The error is a fault, NotFound, if there is none
// of the name.
func (s *Service) Limits(ctx context.Context, profile string) (l Limits, err error) {
	err = s.db.View(ctx, func(rd store.Reader) (err error) {
		l = Limits{Profile: profile, Server: s.policy.ActivationLimits}
		l.Own, err = profiles.LimitsIn(rd, profile)
		return err
	})
	return l, err
}

// SetLimits changes a profile's own limits; edit sets a field to zero to give it back to
// the server. They bind from the commit on: whatever is begun, and how many wrong
// confirmations end what is open. The error is a fault: NotFound, Invalid for a limit
// that is out of bounds, Conflict if nothing changes.
func (s *Service) SetLimits(ctx context.Context, profile string, edit func(*token.ActivationLimits),
	origin audit.Origin) (l Limits, err error) {
	err = s.db.Update(ctx, func(tx store.Tx) error {
		before, err := profiles.LimitsIn(tx, profile)
		if err != nil {
			return err
		}
		l = Limits{Profile: profile, Own: before, Server: s.policy.ActivationLimits}
		if edit(&l.Own); l.Own == before {
			return fault.New(fault.Conflict, "limits_unchanged", fmt.Sprintf("Profile %s already has these limits.",
				profile))
		}
		if err := errors.Join(wholeSeconds(l.Own), checkLimits(l.InForce())); err != nil {
			return fault.New(fault.Invalid, "limit_bounds", fault.Sentence(err.Error())).
				WithHint("ostiary profile limits " + profile + " shows the limits.").Because(err)
		}
		if err := tx.SetProfileLimits(profile, before, l.Own); err != nil {
			return err
		}
		was, is := audit.Changed(audit.LimitFields(before), audit.LimitFields(l.Own))
		return tx.AppendAudit(audit.Entry{Time: s.now(), Action: audit.ProfileLimited, Outcome: audit.Done,
			Origin: origin, Subject: audit.Subject{Other: profile}, Before: was, After: is}.Canonical())
	})
	return l, err
}

// wholeSeconds refuses what the database would cut off.
func wholeSeconds(l token.ActivationLimits) error {
	for _, d := range []time.Duration{l.Expiry, l.Window, l.Interval} {
		if d%time.Second != 0 {
			return errors.New("the times of limits must be whole seconds")
		}
	}
	return nil
}

// checkLimits says which limit is out of bounds. None may be zero.
func checkLimits(l token.ActivationLimits) error {
	switch {
	case l.Expiry < time.Minute || l.Expiry > maxExpiry:
		return errors.New("an activation must be open for 1 minute to 365 days")
	case l.Tries < 1 || l.Tries > 99: // what an answer to a device can say
		return errors.New("the number of wrong confirmations that end an activation must be 1 to 99")
	case l.Window < 24*time.Hour || l.Window > maxExpiry:
		return errors.New("the time over which activations are counted must be 24 hours to 365 days")
	case l.Successes < 1 || l.Failures < 1:
		return errors.New("at least 1 activation and 1 wrong confirmation must be allowed")
	case l.Interval < time.Minute || l.Interval > l.Window:
		return errors.New("the time from an activation to the next must be at least 1 minute, and at most the time over " +
			"which they are counted")
	}
	return nil
}
