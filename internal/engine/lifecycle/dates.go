package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/engine/users"
	"ostiary/internal/store"
)

// expired is the reason that a token is revoked with when it ended.
const expired = "expired"

// ExpireTokens revokes the VALID tokens whose end has passed, as
// REVOKED_TOKEN_OTHER, in short transactions, so that lists show what codes are
// refused for anyhow. It gives their number. Another server may do the same.
//
// A PENDING token stays: with a later date it can still be confirmed, but once
// revoked never.
func (s *Service) ExpireTokens(ctx context.Context) (n int, err error) {
	valid := token.Valid
	after, afterEnd := token.ID(0), time.Time{}
	for {
		now := s.stamp()
		var ended []token.Token
		err := s.db.View(ctx, func(r store.Reader) (err error) {
			ended, err = r.Tokens(store.TokenFilter{State: &valid, EndsBy: now, After: after,
				AfterEnd: afterEnd, Limit: tokens.Chunk})
			return err
		})
		if err != nil || len(ended) == 0 {
			return n, err
		}
		done, err := s.expire(ctx, ended, now)
		if err != nil {
			return n, err
		}
		last := ended[len(ended)-1]
		n, after, afterEnd = n+done, last.ID, last.Condition.NotAfter
	}
}

func (s *Service) expire(ctx context.Context, ended []token.Token, now time.Time) (n int, err error) {
	err = s.db.Update(ctx, func(tx store.Tx) error {
		n = 0 // fn may run again
		var entries [][]byte
		for _, t := range ended {
			err := tx.Expire(t.ID, now, expired)
			if errors.Is(err, store.ErrConflict) {
				continue // changed, deleted or revoked meanwhile
			} else if err != nil {
				return err
			}
			n++
			entries = append(entries, stateEntry(t, token.Valid, token.RevokedOther, expired, now,
				audit.Origin{Actor: "system"}))
		}
		return tx.AppendAudit(entries...)
	})
	return n, err
}

// DatesRequest changes when a token is valid: from From on, until before Until.
// Nil leaves a date as it is, the zero time removes it.
type DatesRequest struct {
	From, Until *time.Time
}

// SetDates changes when a token is valid. Its state stays: a token that was
// revoked because it ended is made VALID by SetState.
func (s *Service) SetDates(ctx context.Context, sel tokens.Selector, req DatesRequest, origin audit.Origin) (
	token.Token, error) {
	bad := func(text string) (token.Token, error) { return token.Token{}, fault.New(fault.Invalid, "dates", text) }
	if req.From == nil && req.Until == nil {
		return bad("No date is given.")
	}
	for _, at := range []*time.Time{req.From, req.Until} {
		if at != nil && !at.IsZero() && at.UnixMilli() <= 0 {
			return bad("The dates of a token cannot be before 1970.")
		}
	}
	return s.change(ctx, sel, origin, func(tx store.Tx, t *token.Token) (audit.Entry, error) {
		if err := errors.Join(users.MayArm(tx, t.OwnerName, origin), notMoving(*t)); err != nil {
			return audit.Entry{}, err
		}
		before := store.Dates{NotBefore: t.Condition.NotBefore, NotAfter: t.Condition.NotAfter}
		after := before
		if req.From != nil {
			after.NotBefore = req.From.UTC().Truncate(time.Millisecond)
		}
		if req.Until != nil {
			after.NotAfter = req.Until.UTC().Truncate(time.Millisecond)
		}
		if !after.NotAfter.IsZero() && !after.NotBefore.Before(after.NotAfter) {
			return audit.Entry{}, fault.New(fault.Invalid, "dates", fmt.Sprintf("Token %s would end before it "+
				"begins: from %s until %s.",
				t.Identity.Serial, dateText(after.NotBefore), dateText(after.NotAfter)))
		}
		e := audit.Entry{Action: audit.TokenDatesSet, Subject: audit.SubjectOf(*t),
			Before: audit.DateFields(t.Condition),
			After:  audit.DateFields(token.Condition{NotBefore: after.NotBefore, NotAfter: after.NotAfter})}
		return e, tx.SetDates(t.ID, before, after)
	})
}

func dateText(at time.Time) string {
	if at.IsZero() {
		return "none"
	}
	return at.Format(time.RFC3339)
}

// endedFault refuses to make a token VALID that would be refused all the same.
func endedFault(t token.Token) error {
	return fault.New(fault.Conflict, "token_expired", fmt.Sprintf("Token %s ended on %s.", t.Identity.Serial,
		dateText(t.Condition.NotAfter))).
		WithHint("Give it a later date first: ostiary token dates " + t.Identity.Serial + " --until DATE")
}
