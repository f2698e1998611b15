package activations

import (
	"context"
	"fmt"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/engine/users"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// Cancel ends the open activation of a token. What was given out for it is worth
// nothing then; the epoch before goes on. Conflict if none is open.
func (s *Service) Cancel(ctx context.Context, sel tokens.Selector, origin audit.Origin) (t token.Token, err error) {
	err = s.db.Update(ctx, func(tx store.Tx) error {
		if t, err = tokens.Find(tx, sel); err != nil {
			return err
		}
		if _, err := s.open(tx, t); err != nil {
			return err
		}
		return s.endOpen(tx, t, store.ActivationCancelled, origin)
	})
	return t, err
}

// Counts names what Reset clears.
type Counts struct{ Successes, Failures, Interval bool }

// Reset lets the counts named begin anew, and nothing else.
func (s *Service) Reset(ctx context.Context, sel tokens.Selector, which Counts, origin audit.Origin) (
	t token.Token, err error) {
	if which == (Counts{}) {
		return t, fault.New(fault.Invalid, "nothing_to_reset", "Name what is to be reset: successes, "+
			"failures, interval.")
	}
	err = s.db.Update(ctx, func(tx store.Tx) error {
		if t, err = tokens.Find(tx, sel); err != nil {
			return err
		}
		switch {
		case t.Profile == "":
			return s.mayActivate(t)
		case t.Condition.State == token.Moving: // its file has the counts as they were
			return tokens.OnItsWay(t)
		}
		limits, err := s.inForce(tx, t.Profile)
		if err != nil {
			return err
		}
		before, err := s.standing(tx, t.ID, limits)
		if err != nil {
			return err
		}
		since, err := tx.ActivationReset(t.ID)
		if err != nil {
			return err
		}
		// What happened until now, this millisecond included, counts no more.
		at := s.stamp().Add(time.Millisecond)
		for _, c := range []struct {
			named bool
			since *time.Time
		}{{which.Successes, &since.Successes}, {which.Failures, &since.Failures}, {which.Interval, &since.Interval}} {
			if c.named {
				*c.since = at
			}
		}
		if err := tx.SetActivationReset(t.ID, since); err != nil {
			return err
		}
		return tx.AppendAudit(audit.Entry{Time: s.now(), Action: audit.ActivationReset, Outcome: audit.Done,
			Origin: origin, Subject: audit.SubjectOf(t),
			Before: []audit.Field{{Name: "failures", Value: int64(before.Failures)},
				{Name: "successes", Value: int64(before.Successes)}},
			After: []audit.Field{{Name: "failures", Value: which.Failures}, {Name: "interval", Value: which.Interval},
				{Name: "successes", Value: which.Successes}}}.Canonical())
	})
	return t, err
}

// Unbind discards the secret of a token: no code of it is right until another
// activation is confirmed, and never again one of the device that it was bound to.
// Conflict if it has no secret, or is on its way to another server, which has its secret.
func (s *Service) Unbind(ctx context.Context, sel tokens.Selector, origin audit.Origin) (t token.Token, err error) {
	var a store.Activation
	err = s.db.Update(ctx, func(tx store.Tx) error {
		if t, err = tokens.Find(tx, sel); err != nil {
			return err
		}
		if err := users.MayArm(tx, t.OwnerName, origin); err != nil {
			return err
		}
		if t.Condition.State == token.Moving {
			return tokens.OnItsWay(t).
				WithHint("Unbind it there. To have it back: ostiary move cancel; ostiary move list shows the moves.")
		}
		var ok bool
		if a, ok, err = live(tx, t.ID); err != nil {
			return err
		}
		if !ok {
			return fault.New(fault.Conflict, "not_activated",
				fmt.Sprintf("Token %s has no activated device.", t.Identity.Serial)).
				WithHint("ostiary activation show " + t.Identity.Serial + " shows its activations.")
		}
		if err := s.discard(tx, t, a); err != nil {
			return err
		}
		before := t
		if t, err = tokens.ByID(tx, t.ID); err != nil {
			return err
		}
		return tx.AppendAudit(audit.Entry{Time: s.now(), Action: audit.TokenUnbound, Outcome: audit.Done,
			Origin:  origin,
			Subject: audit.SubjectOf(t),
			Before: []audit.Field{{Name: "epoch", Value: before.Condition.Epoch},
				{Name: "state", Value: before.Condition.State.String()}},
			After: []audit.Field{{Name: "activation", Value: a.ID}, {Name: "device", Value: a.DeviceMark},
				{Name: "state", Value: t.Condition.State.String()}}}.Canonical())
	})
	return t, err
}

// discard takes the secrets from a token and all its applications; their counters
// stay.
func (s *Service) discard(tx store.Tx, t token.Token, a store.Activation) error {
	device, err := s.opened(a.ID, store.ActivationDevice, a.Device)
	if err != nil {
		return err
	}
	defer clear(device)
	var bound []byte
	if len(device) > 0 {
		bound = fingerprint(device)
	}
	empty, err := s.keys.Seal(store.SecretBinding(t.ID), seal.Secret{})
	if err != nil {
		return err
	}
	applications, err := tx.Applications(t.ID)
	if err != nil {
		return err
	}
	for i := range applications {
		if applications[i].Sealed, err = s.keys.Seal(store.ApplicationBinding(t.ID, applications[i].Index),
			seal.Secret{}); err != nil {
			return err
		}
	}
	return tx.Unbind(t.ID, t.Condition.Epoch, empty, applications, bound)
}

// Expire ends the open activations whose time is over, and forgets what was kept to
// answer devices again and is of no more use. It gives the number of those that it ended.
func (s *Service) Expire(ctx context.Context) (n int, err error) {
	for {
		var ended []store.Activation
		err := s.db.Update(ctx, func(tx store.Tx) error {
			now := s.stamp()
			if ended, err = tx.ExpireActivations(now, now.Add(-answerAgain)); err != nil {
				return err
			}
			for _, a := range ended {
				t, err := tokens.ByID(tx, a.Token)
				if err != nil {
					return err
				}
				if err := s.record(tx, audit.ActivationEnded, audit.Done, StatusWord(store.ActivationExpired),
					audit.Origin{Actor: "system"}, t, number(a.ID)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || len(ended) == 0 {
			return n, err
		}
		n += len(ended)
	}
}
