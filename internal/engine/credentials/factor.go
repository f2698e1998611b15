package credentials

import (
	"context"
	"errors"
	"strconv"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/peer"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/codes"
	"ostiary/internal/store"
)

// FreshFor is how long a proof holds for what needs one.
const FreshFor = 5 * time.Minute

// MayNow returns the error, a fault, if the administrator of a session must prove again who
// it is before op is done with so many things.
func (a *Accounts) MayNow(s Session, op authz.Operation, things int) error {
	if !authz.NeedsFresh(op, things) || a.now().Sub(s.Fresh) < FreshFor {
		return nil
	}
	return errNotFresh(s)
}

func errNotFresh(s Session) error {
	hint := "Give a code of your token, or use your passkey."
	if s.Factor == FactorMissing || s.Factor == FactorNone {
		hint = "Give your password again."
	}
	return fault.New(fault.Forbidden, "proof_needed", "This needs a proof from the last "+fault.Span(FreshFor)+
		" that it is you.").WithHint(hint)
}

// ProveCode proves a session by a code of a token that is assigned to the user of the
// account's name; the code is used up. A session that waits for the second factor ends and
// another one begins, whose token it gives. Temporary codes prove nothing here: a help desk
// issues them.
func (a *Accounts) ProveCode(ctx context.Context, s Session, otp string, origin audit.Origin) (text string,
	after Session, err error) {
	if s.row.Admin == "" {
		return "", s, errNoFactorOfRoot()
	}
	var took token.ID
	valid, err := a.codes.Verify(ctx, codes.Request{Lookup: store.Lookup{User: s.admin.Name}, OTP: otp,
		TokensOnly: true, Took: &took, Authentication: true, Client: peer.Name(origin.Source), Origin: origin})
	if err != nil {
		return "", s, err
	}
	factor := factorToken + strconv.FormatInt(int64(took), 10)
	if !valid {
		factor = ""
	}
	return a.prove(ctx, s, factor, "wrong code", origin, nil)
}

func errNoFactorOfRoot() error {
	return fault.New(fault.Conflict, "no_second_factor", "ROOT has no second factor.").
		WithHint("Give the password again.")
}

// ProvePassword proves a session of ROOT, or of an account without a second factor, by the
// password.
func (a *Accounts) ProvePassword(ctx context.Context, s Session, password string, origin audit.Origin) (Session,
	error) {
	if s.Factor != FactorMissing && s.Factor != FactorNone {
		return s, errFactorNeeded()
	}
	if s.Factor == FactorMissing { // it may have one since the session began
		var now string
		if err := a.db.View(ctx, func(r store.Reader) (err error) {
			now, err = a.factorAtFirst(r, s.admin)
			return err
		}); err != nil {
			return s, err
		}
		if now != factorMissing {
			return s, errFactorNeeded()
		}
	}
	right, err := a.passwordAgain(ctx, s, password, origin)
	if err != nil {
		return s, err
	}
	factor := s.row.Factor
	if !right {
		factor = ""
	}
	_, after, err := a.prove(ctx, s, factor, "wrong password", origin, nil)
	return after, err
}

func errFactorNeeded() error {
	return fault.New(fault.Conflict, "second_factor_needed", "The password alone proves nothing here.").
		WithHint("Give a code of your token, or use your passkey.")
}

// passwordAgain checks the password of a session's account.
func (a *Accounts) passwordAgain(ctx context.Context, s Session, password string, origin audit.Origin) (right bool,
	err error) {
	name := s.row.Name
	if s.row.Admin == "" {
		if err := a.root.mayTry(ctx, origin.Source); err != nil {
			return false, err
		}
		err = a.root.hash(ctx, func() error {
			_, right, err = a.root.check(ctx, password)
			return err
		})
	} else {
		var v verdict
		_, _, v, err = a.tried(ctx, name, password, origin.Source)
		right = v.is()
	}
	if err == nil {
		err = a.db.Update(ctx, func(tx store.Tx) error {
			return countSignIn(tx, origin.Source, name, right, a.time())
		})
	}
	return right, err
}

// prove writes that a session was proven by a factor, or by none if it is empty, and why
// not. with is done in the same transaction.
func (a *Accounts) prove(ctx context.Context, s Session, factor, why string, origin audit.Origin,
	with func(store.Tx) error) (text string, after Session, err error) {
	now := a.time()
	entry := audit.Entry{Time: now, Action: audit.SessionProven, Outcome: audit.Refused, Reason: why, Origin: origin,
		Subject: audit.Subject{Other: s.row.Name}, Before: []audit.Field{{Name: "session", Value: s.Name}}}
	if factor == "" {
		err := a.db.Update(ctx, func(tx store.Tx) error { return tx.AppendAudit(entry.Canonical()) })
		if err == nil {
			err = fault.New(fault.Unauthenticated, "not_proven", "That was not right.")
		}
		return "", s, err
	}
	var row store.Session
	var admin store.Admin
	err = a.db.Update(ctx, func(tx store.Tx) error {
		before, err := tx.Session(s.row.ID)
		if err == nil {
			_, err = a.proven(tx, before)
		}
		if err != nil || over(before, now) {
			return errors.Join(err, store.ErrNotFound)
		}
		var vouch []byte
		if admin, vouch, err = vouched(tx, before); err != nil {
			return err
		}
		if with != nil {
			if err := with(tx); err != nil {
				return err
			}
		}
		row = before
		if before.Factor == factorNeeded { // another token, as this one opens more
			text, row = a.root.sessions.newSession(prefixOf(s.Kind), s.Kind, before.Source, before.Agent, now)
			row.Name, row.Admin = before.Name, before.Admin
			err = tx.NoteSignIn(before.Admin, now)
		}
		row.Factor, row.Fresh, row.Challenge = factor, now, ""
		row.Proof = a.root.sessions.proof(row, vouch)
		if before.Factor == factorNeeded {
			err = errors.Join(err, tx.EndSession(before.ID), begin(tx, row))
		} else {
			err = tx.ProveSession(before.Proof, row)
		}
		entry.Outcome, entry.Reason = audit.Accepted, ""
		entry.After = []audit.Field{{Name: "second_factor", Value: factor}, {Name: "session", Value: sessionName(row.ID)}}
		return errors.Join(err, tx.AppendAudit(entry.Canonical()))
	})
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
		err = errEnded(err)
	}
	if err != nil {
		return "", s, err
	}
	after, err = newSession(row, admin)
	return text, after, err
}

func errEnded(cause error) error {
	return fault.New(fault.Unauthenticated, "session_ended", "The session has ended.").WithHint("Sign in again.").
		Because(cause)
}

// ChangePassword gives the account of a session another password, after the one before. It
// ends all of its sessions and begins another one, whose token it gives. The error is a
// fault, Invalid, for a password that is easily guessed.
func (a *Accounts) ChangePassword(ctx context.Context, s Session, before, password string, origin audit.Origin) (
	text string, after Session, err error) {
	switch {
	case s.row.Admin == "":
		return "", s, fault.New(fault.Conflict, "password_of_root", "ROOT's password is not changed here.").
			WithHint("Use: ostiary root set-password.")
	case s.Factor == FactorNeeded:
		return "", s, s.Opens()
	case asTyped(before) == asTyped(password):
		return "", s, fault.New(fault.Invalid, "weak_password", "The password is the one before.")
	}
	if err := checkChosen(s.admin.Name, asTyped(password), "Use several unrelated words."); err != nil {
		return "", s, err
	}
	right, err := a.passwordAgain(ctx, s, before, origin)
	if err == nil && !right {
		_, _, err = a.prove(ctx, s, "", "wrong password", origin, nil)
	}
	if err != nil {
		return "", s, err
	}
	var stored string
	if err = a.root.hash(ctx, func() error {
		stored, err = hashPassword(a.root.hasher, passwordOf(s.admin), password)
		return err
	}); err != nil {
		return "", s, err
	}
	now := a.time()
	is := s.admin
	is.Password, is.MustChange = stored, false
	var row store.Session
	err = a.db.Update(ctx, func(tx store.Tx) error {
		text, row = a.root.sessions.newSession(prefixOf(s.Kind), s.Kind, s.row.Source, s.row.Agent, now)
		row.Name, row.Admin, row.Factor, row.Fresh, row.Started = s.row.Name, s.row.Admin, s.row.Factor, s.row.Fresh,
			s.row.Started
		row.Proof = a.root.sessions.proof(row, vouch(is))
		if before, err := tx.Session(s.row.ID); err != nil {
			return err
		} else if _, err = a.proven(tx, before); err != nil {
			return err
		}
		was, now := audit.Changed(AdminFields(s.admin), AdminFields(is))
		// The account must still be what the session was proven by.
		return errors.Join(tx.ChangeAdmin(s.admin, is), tx.EndSessions(is.Name), tx.AddSession(row),
			tx.AppendAudit(audit.Entry{Time: a.time(), Action: audit.AdminPasswordSet, Outcome: audit.Done, Origin: origin,
				Subject: audit.Subject{Other: is.Name}, Before: was,
				After: append(now, audit.Field{Name: "id", Value: is.ID})}.Canonical()))
	})
	if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
		err = errEnded(err)
	}
	if err != nil {
		return "", s, err
	}
	after, err = newSession(row, is)
	return text, after, err
}
