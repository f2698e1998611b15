package lifecycle

import (
	"context"
	"errors"
	"fmt"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/engine/users"
	"ostiary/internal/store"
)

// Edit is what is done to one of many tokens: exactly one of its fields is set.
type Edit struct {
	State    *token.State // with Reason
	Reason   string
	Label    *string
	User     string // who gets it
	Unassign bool
	Delete   bool
}

// ErrUnchanged: a token is as the edit would make it.
var ErrUnchanged = errors.New("the token is so already")

// Check refuses an edit that no token can have.
func (e Edit) Check() error {
	if s := e.State; s != nil {
		if *s == token.Pending || *s == token.Moving {
			return fault.New(fault.Invalid, "state", fmt.Sprintf("No command can make a token %s.", *s))
		}
		if err := tokens.CheckText("reason", e.Reason, tokens.MaxReason); err != nil {
			return fault.New(fault.Invalid, "reason", fault.Sentence(err.Error()))
		}
	}
	if e.Label != nil {
		if err := tokens.CheckText("label", *e.Label, tokens.MaxText); err != nil {
			return fault.New(fault.Invalid, "label", fault.Sentence(err.Error()))
		}
	}
	return nil
}

// Edit changes a token in a transaction that does more, with its entry in the log, as the
// operation for one token does. ErrUnchanged if nothing is to be done. A fault of an edit that
// does not delete has written nothing.
func (s *Service) Edit(tx store.Tx, t token.Token, e Edit, origin audit.Origin) error {
	do := unassigning(origin)
	switch {
	case e.State != nil && *e.State == t.Condition.State, e.Label != nil && *e.Label == t.Label,
		e.Unassign && t.Condition.Owner == 0:
		return ErrUnchanged
	case e.State != nil:
		// Also as lost: what one may do for one token that was stolen is not for many at once.
		if err := users.MayArm(tx, t.OwnerName, origin); err != nil {
			return err
		}
		do = s.becoming(*e.State, e.Reason, origin)
	case e.Label != nil:
		do = labelling(*e.Label)
	case e.User != "":
		name, err := users.Canonical(e.User)
		if err != nil {
			return err
		}
		if t.Condition.Owner != 0 && t.OwnerName == name {
			return ErrUnchanged
		}
		do = assigning(name, origin)
	case e.Delete:
		do = s.removing(origin)
	}
	return s.in(tx, t, origin, do)
}

// Chosen is a filter as the store understands it, with the user's number and the times of now,
// so that the same filter can be asked again later.
func (s *Service) Chosen(ctx context.Context, f Filter) (store.TokenFilter, error) {
	return s.filter(ctx, f)
}
