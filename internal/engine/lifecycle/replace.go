package lifecycle

import (
	"cmp"
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
	// By is the serial of a free hardware token, of any type. Empty makes a software
	// token.
	By string
	// Type is that of the new token. Empty makes a software token of the old one's type;
	// beside By it is needed only where the serial stands under several, none of them
	// the old one's.
	Type string
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

// Replace gives the user of a token another one, and revokes the old one and takes
// it from the user, all in one transaction. The new one may be of another type, such
// as a time-based one in place of one that counts presses. The old one does not count
// in what the user may hold.
func (s *Service) Replace(ctx context.Context, req ReplaceRequest) (r Replacement, err error) {
	if err := tokens.CheckText("reason", req.Reason, tokens.MaxReason); err != nil {
		return r, fault.New(fault.Invalid, "reason", fault.Sentence(err.Error()))
	}
	if req.State == token.Pending {
		return r, fault.New(fault.Invalid, "state", "A token that is replaced is revoked, and cannot become PENDING.")
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
	if err := users.MayArm(tx, old.OwnerName, req.Origin); err != nil {
		return r, err
	}
	if err := notMoving(old); err != nil {
		return r, err
	}
	spare, typ, err := s.successor(tx, old, req)
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
	if req.By != "" {
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

// successor finds what is to take the place of a token: a free hardware token, or the
// type of a software token that is to be made.
func (s *Service) successor(r store.Reader, old token.Token, req ReplaceRequest) (spare token.Token, typ token.Type,
	err error) {
	serial := old.Identity.Serial
	if old.Condition.Owner == 0 {
		return spare, typ, fault.New(fault.Conflict, "token_free",
			fmt.Sprintf("Token %s is not assigned to anyone, so nobody needs a replacement.", serial)).
			WithHint("Give a user a token: ostiary token assign SERIAL USER. Revoke this one: ostiary token state " +
				serial + " " + token.RevokedOther.String())
	}
	name := cmp.Or(req.Type, old.Identity.Type)
	if req.By != "" {
		if spare, err = s.spareFor(r, old, req); err != nil {
			return spare, typ, err
		}
		name = spare.Identity.Type
	}
	if typ, err = tokens.TypeIn(r, name); err != nil {
		return spare, typ, err
	}
	switch {
	case req.By == "" && typ.Kind == token.Hardware && req.Type == "":
		err = fault.New(fault.Invalid, "by", fmt.Sprintf("Token %s is hardware: which free token replaces it?",
			serial)).
			WithHint("Name it: ostiary token replace " + serial + " --by SERIAL. Or name a software type: --new-type " +
				"TYPE.")
	case req.By == "" && typ.Kind == token.Hardware:
		err = fault.New(fault.Invalid, "by", fmt.Sprintf("Tokens of type %s are hardware: which free token replaces "+
			"%s?", typ.Name, serial)).
			WithHint("Name it: ostiary token replace " + serial + " --by SERIAL.")
	case !typ.Retired.IsZero():
		err = fault.New(fault.Conflict, "type_retired", fmt.Sprintf("Type %s is retired: its tokens cannot replace "+
			"others.", typ.Name)).
			WithHint("Choose another type: --new-type TYPE; or undo that: ostiary type retire " + typ.Name + " --undo.")
	}
	return spare, typ, err
}

// spareFor finds the free hardware token that is to take the place of old. Of several
// that have the serial, one of the old one's type is meant, if the request says
// nothing else.
func (s *Service) spareFor(r store.TokenReader, old token.Token, req ReplaceRequest) (token.Token, error) {
	spare, err := tokens.Find(r, tokens.Selector{Serial: req.By, Type: cmp.Or(req.Type, old.Identity.Type)})
	if err != nil && req.Type == "" && fault.Of(err).Code == "token_not_found" {
		spare, err = tokens.Find(r, tokens.Selector{Serial: req.By})
	}
	if err != nil {
		return spare, err
	}
	switch c := spare.Condition; {
	case spare.Kind != token.Hardware:
		err = fault.New(fault.Invalid, "by", fmt.Sprintf("Token %s is a software token: only a free hardware token "+
			"can replace another.", req.By)).
			WithHint("Create a new one: omit --by, and name the type with --new-type.")
	case c.Owner != 0:
		err = fault.New(fault.Conflict, "token_taken",
			fmt.Sprintf("Token %s is assigned to %s.", req.By, spare.OwnerName))
	case c.State != token.Valid:
		err = fault.New(fault.Conflict, "token_refuses", fmt.Sprintf("Token %s is %s.", req.By, c.State)).WithHint(
			"Choose one that is VALID.")
	case c.Ended(s.now()):
		err = endedFault(spare)
	case spare.Mark != 0 && spare.Mark == old.Mark:
		err = fault.New(fault.Conflict, "twin", fmt.Sprintf("Token %s has the same secret as %s, and would continue "+
			"to generate its codes.", req.By, old.Identity.Serial)).WithHint("Choose another one.")
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

// createInstead makes a token of that type and the same label; one of the same type has
// the same profile, too.
func (s *Service) createInstead(tx store.Tx, typ token.Type, old token.Token, user store.User, origin audit.Origin) (
	Created, error) {
	req := CreateRequest{Type: typ.Name, Count: 1, User: user.Name, Label: old.Label, Origin: origin}
	profile := ""
	if typ.Name == old.Identity.Type {
		profile = old.Profile
	}
	typ, err := withProfile(tx, typ, profile)
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
