package lifecycle

import (
	"context"
	"fmt"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/engine/users"
	"ostiary/internal/store"
)

// ReplaceRequest asks for another token in place of one that a user holds.
type ReplaceRequest struct {
	Selector tokens.Selector // the one that is replaced
	// By is the serial of a free token of the same type, for hardware; software
	// tokens are made anew, and it is empty.
	By string
	// State is what the old token becomes, one of the revoked states. Zero leaves
	// it as it is if it is revoked already, and else means RevokedOther.
	State  token.State
	Reason string
	Origin audit.Origin
}

// Replacement is what became of a request: the old token, and the new one with
// its link as Create gives it. A hardware token has no link.
type Replacement struct {
	Old token.Token
	New Created
}

// Replace gives the user of a token another one of the same type, and revokes
// the old one and takes it from the user, all in one transaction. The old one
// does not count in what the user may hold.
func (s *Service) Replace(ctx context.Context, req ReplaceRequest) (r Replacement, err error) {
	if err := tokens.CheckText("reason", req.Reason, tokens.MaxReason); err != nil {
		return r, fault.New(fault.Invalid, "reason", fault.Sentence(err.Error()))
	}
	if req.State == token.Pending {
		return r, fault.New(fault.Invalid, "state", "What is replaced is revoked, and not PENDING.")
	}
	err = s.db.Update(ctx, func(tx store.Tx) error {
		r, err = s.replace(tx, req)
		return err
	})
	if err != nil {
		return Replacement{}, err
	}
	return r, nil
}

func (s *Service) replace(tx store.Tx, req ReplaceRequest) (r Replacement, err error) {
	old, err := tokens.Find(tx, req.Selector)
	if err != nil {
		return r, err
	}
	typ, err := replaceable(tx, old)
	if err != nil {
		return r, err
	}
	spare, err := s.spareFor(tx, old, req.By)
	if err != nil {
		return r, err
	}
	was, is, err := release(tx, old, req)
	if err != nil {
		return r, err
	}
	user, err := users.In(tx, old.OwnerName)
	if err != nil {
		return r, err
	}
	var id token.ID
	if old.Kind == token.Hardware {
		id, err = spare.ID, s.give(tx, spare, user, req.Origin)
	} else {
		r.New, err = s.createInstead(tx, typ, old, user, req.Origin)
		id = r.New.Token.ID
	}
	if err != nil {
		return r, err
	}
	gone, err := tokens.WithSecret(tx, old.ID)
	if err != nil {
		return r, err
	}
	there, err := tokens.WithSecret(tx, id)
	if err != nil {
		return r, err
	}
	r.Old, r.New.Token = gone.Token, there.Token
	is = append(is, audit.Field{Name: "replaced_by", Value: r.New.Token.Identity.Serial})
	return r,
		tx.AppendAudit(audit.Entry{Time: s.now(), Action: audit.TokenReplaced, Outcome: audit.Done, Reason: req.Reason,
			Origin:  req.Origin,
			Subject: audit.SubjectOf(old), Before: was, After: is}.Canonical())
}

// replaceable gives the type of a token that may be replaced.
func replaceable(r store.TypeReader, old token.Token) (token.Type, error) {
	if old.Condition.Owner == 0 {
		return token.Type{}, fault.New(fault.Conflict, "token_free",
			fmt.Sprintf("Token %s is not assigned to anyone, so that nobody needs another one in its place.",
				old.Identity.Serial)).
			WithHint("Revoke it: ostiary token state " + old.Identity.Serial)
	}
	typ, err := tokens.TypeIn(r, old.Identity.Type)
	if err == nil && !typ.Retired.IsZero() {
		err = fault.New(fault.Conflict, "type_retired", fmt.Sprintf("Type %s is retired: nothing is replaced by a "+
			"token of it.", typ.Name)).
			WithHint(fmt.Sprintf("Give %s a token of another type and revoke this one, or restore the type: ostiary "+
				"type restore %s.", old.OwnerName, typ.Name))
	}
	return typ, err
}

// spareFor finds the hardware token that is to take the place of old; of
// software there is none.
func (s *Service) spareFor(r store.TokenReader, old token.Token, serial string) (token.Token, error) {
	typ := old.Identity.Type
	switch {
	case old.Kind == token.Software && serial == "":
		return token.Token{}, nil
	case old.Kind == token.Software:
		return token.Token{}, fault.New(fault.Invalid, "by", "A software token is replaced by a new one, not by one "+
			"that is there.")
	case serial == "":
		return token.Token{}, fault.New(fault.Invalid, "by", fmt.Sprintf("Token %s is hardware: which free token "+
			"takes its place?", old.Identity.Serial)).
			WithHint("Say it: ostiary token replace " + old.Identity.Serial + " --by SERIAL.")
	}
	spare, err := tokens.Find(r, tokens.Selector{Serial: serial, Type: typ})
	if err != nil && fault.Of(err).Code == "token_not_found" {
		return spare, fault.New(fault.NotFound, "token_not_found", fmt.Sprintf("There is no token of type %s "+
			"with serial %s.", typ, serial)).
			WithHint("ostiary token list --type " + typ + " shows those there are.").Because(err)
	}
	if err != nil {
		return spare, err
	}
	switch c := spare.Condition; {
	case c.Owner != 0:
		err = fault.New(fault.Conflict, "token_taken",
			fmt.Sprintf("Token %s is assigned to %s.", serial, spare.OwnerName))
	case c.State != token.Valid:
		err = fault.New(fault.Conflict, "token_refuses", fmt.Sprintf("Token %s is %s.", serial, c.State)).WithHint(
			"Take one that is VALID.")
	case c.Ended(s.now()):
		err = endedFault(spare)
	case spare.Mark != 0 && spare.Mark == old.Mark:
		err = fault.New(fault.Conflict, "twin", fmt.Sprintf("Token %s has the same secret as %s, which would go on "+
			"making its codes.", serial, old.Identity.Serial)).WithHint("Take another one.")
	}
	return spare, err
}

// release takes a token from its user and revokes it, and says for the log what
// that changed.
func release(tx store.Tx, old token.Token, req ReplaceRequest) (was, is []audit.Field, err error) {
	from, to := old.Condition.State, req.State
	switch {
	case to != token.Valid:
	case from == token.Valid || from == token.Pending:
		to = token.RevokedOther
	default:
		to = from
	}
	if to != from {
		if err := tx.SetState(old.ID, from, to, req.Reason); err != nil {
			return nil, nil, err
		}
	}
	return []audit.Field{{Name: "owner", Value: old.OwnerName}, {Name: "state", Value: from.String()}},
		[]audit.Field{{Name: "owner", Value: ""}, {Name: "state", Value: to.String()}},
		tx.SetOwner(old.ID, old.Condition.Owner, 0)
}

// give assigns a free token.
func (s *Service) give(tx store.Tx, t token.Token, user store.User, origin audit.Origin) error {
	if err := mayHold(tx, user, t.Identity.Type, 1); err != nil {
		return err
	}
	if err := tx.SetOwner(t.ID, 0, user.ID); err != nil {
		return err
	}
	e := audit.Entry{Time: s.now(), Action: audit.TokenAssigned, Outcome: audit.Done, Origin: origin,
		Subject: audit.SubjectOf(t),
		Before:  []audit.Field{{Name: "owner", Value: ""}},
		After:   []audit.Field{{Name: "owner", Value: user.Name}}}
	e.Subject.User = user.Name
	return tx.AppendAudit(e.Canonical())
}

// createInstead makes a token of the same type, profile and label.
func (s *Service) createInstead(tx store.Tx, typ token.Type, old token.Token, user store.User, origin audit.Origin) (
	Created, error) {
	req := CreateRequest{Type: typ.Name, Count: 1, User: user.Name, Label: old.Label, Origin: origin}
	typ, err := withProfile(tx, typ, old.Profile)
	if err != nil {
		return Created{}, err
	}
	n, err := s.reserve(tx, req, user)
	if err != nil {
		return Created{}, err
	}
	t := s.newToken(typ, typ.Serial(n), user, old.Label)
	if t.ID, err = tx.NextTokenID(1); err != nil {
		return Created{}, err
	}
	return s.createOne(tx, typ, t, req)
}
