package credentials

import (
	"context"
	"errors"
	"strings"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/peer"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/users"
	"ostiary/internal/store"
)

// SignIn is an attempt to sign in.
type SignIn struct {
	Name, Password string
	Kind           Kind
	Agent          string // what the browser calls itself
}

// SignIn checks the password of an administrator, ROOT among them, and starts a session. One
// of an account that has a second factor opens nothing before it (Session.Opens). The error
// is the same one, a fault, for an unknown name, a wrong password, a disabled account and one
// that is locked, and the same is done before it; but for the entry of the log.
func (a *Accounts) SignIn(ctx context.Context, in SignIn, origin audit.Origin) (text string, s Session, err error) {
	in.Agent = agentOf(in.Agent)
	if strings.EqualFold(in.Name, RootName) {
		text, row, err := a.root.start(ctx, in, origin)
		if err != nil {
			return "", s, err
		}
		s, err = newSession(row, store.Admin{})
		return text, s, err
	}
	admin, who, right, err := a.tried(ctx, in.Name, in.Password, origin.Source)
	if err != nil {
		return "", s, err
	}
	now := a.time()
	var row store.Session
	refused := error(nil)
	err = a.db.Update(ctx, func(tx store.Tx) error {
		entry := audit.Entry{Time: now, Action: audit.SessionStarted, Outcome: audit.Refused, Origin: origin,
			Reason: right.reason, Subject: audit.Subject{Other: admin.Name}}
		if !right.is() {
			refused = errWrongPassword()
			return errors.Join(countSignIn(tx, origin.Source, who, false, now), record(tx, entry, right.locked))
		}
		factor, err := a.factorAtFirst(tx, admin)
		if err != nil {
			return err
		}
		if refused = nil; factor == factorMissing && a.required {
			refused = errNoFactor(admin.Name)
			entry.Reason = "no second factor"
			return record(tx, entry, false)
		}
		text, row = a.root.sessions.newSession(prefixOf(in.Kind), in.Kind, peer.Name(origin.Source), in.Agent, now)
		row.Name, row.Admin, row.Factor = admin.Name, admin.ID, factor
		if factor == factorMissing {
			row.Fresh = now // nothing else can prove more
			err = tx.NoteSignIn(admin.ID, now)
		}
		row.Proof = a.root.sessions.proof(row, vouch(admin))
		entry.Outcome = audit.Done
		entry.After = []audit.Field{{Name: "second_factor", Value: factor}, {Name: "session", Value: sessionName(row.ID)}}
		return errors.Join(err, begin(tx, row), countSignIn(tx, origin.Source, who, true, now), record(tx, entry, false))
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		return "", s, err
	}
	s, err = newSession(row, admin)
	return text, s, err
}

// record appends an entry. Of a locked account none is: others could fill the log.
func record(tx store.Tx, e audit.Entry, locked bool) error {
	if locked {
		return nil
	}
	return tx.AppendAudit(e.Canonical())
}

func prefixOf(k Kind) string {
	if k == Page {
		return pagePrefix
	}
	return accountPrefix
}

// maxAgent bounds what is kept of the name of a browser, in bytes.
const maxAgent = 200

func agentOf(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, text)
	return text[:min(len(text), maxAgent)]
}

// verdict is what became of a password.
type verdict struct {
	reason string // why it is not accepted, for the log; empty if it is
	locked bool
}

func (v verdict) is() bool { return v.reason == "" && !v.locked }

// tried checks a password under a name. Whatever is wrong, one password is hashed: that of
// nobody, if there is no such account. who is by whom the try is counted.
func (a *Accounts) tried(ctx context.Context, name, password, source string) (admin store.Admin, who string,
	v verdict, err error) {
	err = a.root.hash(ctx, func() error {
		var signs signIns
		stored, account := a.nobodys, ""
		if err := a.db.View(ctx, func(r store.Reader) error {
			canonical, bad := users.Canonical(name)
			if bad != nil {
				canonical = ""
			}
			admin, err = r.Admin(canonical)
			switch {
			case err == nil:
				who, stored, account = admin.Name, admin.Password, passwordOf(admin)
			case errors.Is(err, store.ErrNotFound):
				// It may be a password in the wrong field, so it is not kept as it is.
				who = a.root.sessions.unknown(canonical)
			default:
				return err
			}
			signs, err = readSignIns(r, peer.Name(source), who)
			return err
		}); err != nil {
			return err
		}
		right, err := checkPassword(a.root.hasher, account, stored, password)
		switch {
		case err != nil:
			return err
		case !signs.may(a.now()):
			v = verdict{reason: "locked", locked: true}
		case admin.ID == "":
			v.reason = "unknown name"
		case !right:
			v.reason = "wrong password"
		case !admin.Disabled.IsZero():
			v.reason = "disabled"
		}
		return nil
	})
	return admin, who, v, err
}

// factorAtFirst is how a session begins that was opened by a password.
func (a *Accounts) factorAtFirst(r store.Reader, admin store.Admin) (string, error) {
	passkeys, err := r.Passkeys(admin.ID)
	if err != nil || len(passkeys) > 0 {
		return factorNeeded, err
	}
	tokens, err := tokensOf(r, admin, 0, token.Valid)
	if err != nil || len(tokens) > 0 {
		return factorNeeded, err
	}
	// Whoever looks after tokens may mark one as lost: the password alone opens nothing then.
	tokens, err = tokensOf(r, admin, 0, token.RevokedLost)
	if err != nil || len(tokens) > 0 {
		return factorNeeded, err
	}
	return factorMissing, nil
}

func errNoFactor(name string) error {
	return fault.New(fault.Forbidden, "second_factor_missing", "The account has no second factor, and this server "+
		"requires one.").WithHint("Have a token assigned to the user " + name + ", and sign in again.")
}
