package credentials

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// What a row says of the second factor; a token and a passkey are named behind their words.
const (
	factorNone    = "none"    // of ROOT, who has none
	factorNeeded  = "needed"  // and not there yet
	factorMissing = "missing" // the account had none
	factorToken   = "token:"
	factorPasskey = "passkey:"
)

// Factor is how a session stands with the second factor.
type Factor string

// The states.
const (
	FactorNone    Factor = "none"    // ROOT has none
	FactorNeeded  Factor = "needed"  // the session opens nothing before it
	FactorMissing Factor = "missing" // the account has none: people are told on every page
	FactorCode    Factor = "code"
	FactorPasskey Factor = "passkey"
)

// Session is a stay of an administrator.
type Session struct {
	Name      string // as lists and the log name it, not its token
	Principal authz.Principal
	Kind      Kind
	Source    string
	Agent     string
	Started   time.Time
	Used      time.Time
	Until     time.Time // at the latest
	Factor    Factor
	// Fresh is when it was proven last who it is.
	Fresh time.Time
	// MustChange says that the session opens nothing before the password is changed.
	MustChange bool

	row   store.Session
	admin store.Admin // zero for ROOT
}

// newSession tells of a row that was proven; admin is its account, zero for ROOT.
func newSession(row store.Session, admin store.Admin) (s Session, err error) {
	s = Session{Name: sessionName(row.ID), Principal: rootPrincipal, Kind: Kind(row.Kind), Source: row.Source,
		Agent: row.Agent, Started: row.Started, Used: row.Used, Until: endOf(row), Factor: Factor(row.Factor),
		Fresh: row.Fresh, MustChange: admin.MustChange, row: row, admin: admin}
	switch {
	case strings.HasPrefix(row.Factor, factorToken):
		s.Factor = FactorCode
	case strings.HasPrefix(row.Factor, factorPasskey):
		s.Factor = FactorPasskey
	}
	if row.Admin != "" {
		s.Principal = authz.Principal{Name: "account:" + admin.Name, ID: admin.ID, HelpDesk: admin.HelpDesk}
		s.Principal.Role, err = authz.ParseRole(admin.Role)
	}
	return s, err
}

// Opens returns the error, a fault, of a session that opens nothing yet.
func (s Session) Opens() error {
	switch {
	case s.Factor == FactorNeeded:
		return fault.New(fault.Forbidden, "second_factor_needed", "The second factor is missing.").
			WithHint("Give a code of your token, or use your passkey.")
	case s.MustChange:
		return fault.New(fault.Forbidden, "password_change_needed", "The password was given by somebody else.").
			WithHint("Choose a new one first.")
	}
	return nil
}

// vouch is what the proof of an account's session is over: with another password, another
// role, or disabled, no row of before is a session.
func vouch(a store.Admin) []byte {
	return []byte(strings.Join([]string{a.ID, a.Role, strconv.FormatBool(a.HelpDesk), strconv.FormatBool(a.MustChange),
		strconv.FormatInt(a.Disabled.UnixMilli(), 10), a.Password}, "\n"))
}

// vouched gives the account of a row, zero for ROOT, and what its proof is over; ErrNotFound
// if there is none that may have a session.
func vouched(r store.Reader, row store.Session) (admin store.Admin, over []byte, err error) {
	if row.Admin == "" && row.Name == RootName {
		over, err = r.Setting(rootSetting)
		return admin, over, err
	}
	admin, err = r.Admin(row.Name)
	if err == nil && (admin.ID != row.Admin || !admin.Disabled.IsZero()) {
		err = store.ErrNotFound
	}
	return admin, vouch(admin), err
}

// proven gives the session of a row that proves itself and whose second factor is still the
// account's; ErrNotFound for any other.
func (a *Accounts) proven(r store.Reader, row store.Session) (s Session, err error) {
	admin, over, err := vouched(r, row)
	if err == nil && !a.root.sessions.proves(row, over) {
		err = store.ErrNotFound
	}
	if err == nil {
		err = hasFactor(r, admin, row.Factor)
	}
	if err != nil {
		return s, err
	}
	return newSession(row, admin)
}

// hasFactor returns ErrNotFound if an account does not have the factor of a session any more.
func hasFactor(r store.Reader, admin store.Admin, factor string) error {
	if id, ok := strings.CutPrefix(factor, factorToken); ok {
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			return store.ErrNotFound
		}
		held, err := tokensOf(r, admin, token.ID(n), token.Valid)
		if err == nil && len(held) == 0 {
			err = store.ErrNotFound
		}
		return err
	}
	if id, ok := strings.CutPrefix(factor, factorPasskey); ok {
		all, err := r.Passkeys(admin.ID)
		for _, p := range all {
			if passkeyID(p.ID) == id {
				return nil
			}
		}
		return errors.Join(err, store.ErrNotFound)
	}
	return nil
}

// tokensOf gives one of the tokens that the user of an account's name may use: the one of
// id, if that is not 0.
func tokensOf(r store.Reader, admin store.Admin, id token.ID, state token.State) ([]token.Token, error) {
	user, err := r.User(admin.Name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return r.Tokens(store.TokenFilter{ID: id, Owner: user.ID, State: &state, Limit: 1})
}

// Session tells whose session a token is of, and prolongs it. It must be of that kind. With ok
// the error is only of the prolonging.
func (a *Accounts) Session(ctx context.Context, text string, kind Kind) (s Session, ok bool, err error) {
	if !strings.HasPrefix(text, prefixOf(kind)) {
		return s, false, nil
	}
	err = a.db.View(ctx, func(r store.Reader) error {
		row, err := r.Session(a.root.sessions.id(text))
		if err == nil && (row.Kind != string(kind) || over(row, a.now())) {
			err = store.ErrNotFound
		}
		if err == nil {
			s, err = a.proven(r, row)
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return Session{}, false, nil
	} else if err != nil {
		return Session{}, false, err
	}
	if ok, err = prolong(ctx, a.db, s.row, a.now()); !ok {
		return Session{}, false, nil
	}
	return s, true, err
}

// Sessions lists the sessions of an administrator that run, the oldest first.
func (a *Accounts) Sessions(ctx context.Context, name string) (all []Session, err error) {
	err = a.db.View(ctx, func(r store.Reader) error {
		all = nil
		rows, err := a.sessionsOf(r, name)
		for _, row := range rows {
			if over(row, a.now()) {
				continue
			}
			s, err := a.proven(r, row)
			if errors.Is(err, store.ErrNotFound) {
				continue
			} else if err != nil {
				return err
			}
			all = append(all, s)
		}
		return err
	})
	return all, err
}

// OwnSessions is Sessions for whose session it is, once it opens something: a password alone
// tells nobody from where the administrator signs in.
func (a *Accounts) OwnSessions(ctx context.Context, s Session) ([]Session, error) {
	if err := s.Opens(); err != nil {
		return nil, err
	}
	return a.Sessions(ctx, s.row.Name)
}

func (a *Accounts) sessionsOf(r store.Reader, name string) ([]store.Session, error) {
	if strings.EqualFold(name, RootName) {
		return r.Sessions(RootName)
	}
	admin, err := findAdmin(r, name)
	if err != nil {
		return nil, err
	}
	return r.Sessions(admin.Name)
}

// SignOut ends a session.
func (a *Accounts) SignOut(ctx context.Context, s Session, origin audit.Origin) error {
	_, err := a.end(ctx, s.row.Name, origin, func(row store.Session) bool { return string(row.ID) == string(s.row.ID) })
	return err
}

// EndSessions ends the session of an administrator that has a name, or all if it is empty; it
// gives their number. by ends those of roles below its own, and its own.
func (a *Accounts) EndSessions(ctx context.Context, by authz.Principal, of, session string, origin audit.Origin) (
	ended int, err error) {
	name, role := RootName, authz.Root
	own := by.Role == authz.Root
	if !strings.EqualFold(of, RootName) {
		admin, err := a.Find(ctx, of)
		if err != nil {
			return 0, err
		}
		if role, err = authz.ParseRole(admin.Role); err != nil {
			return 0, err
		}
		name, own = admin.Name, admin.ID == by.ID
	}
	if !own {
		if err := mayManage(by, role); err != nil {
			return 0, err
		}
	}
	return a.endNamed(ctx, name, session, origin)
}

// EndOwnSessions is EndSessions for whose session it is, once it opens something.
func (a *Accounts) EndOwnSessions(ctx context.Context, s Session, session string, origin audit.Origin) (ended int,
	err error) {
	if err = s.Opens(); err == nil {
		ended, err = a.endNamed(ctx, s.row.Name, session, origin)
	}
	return ended, err
}

// endNamed ends the session of an administrator that has a name, or all if it is empty.
func (a *Accounts) endNamed(ctx context.Context, of, session string, origin audit.Origin) (ended int, err error) {
	ended, err = a.end(ctx, of, origin, func(row store.Session) bool {
		return session == "" || sessionName(row.ID) == session
	})
	if err == nil && ended == 0 && session != "" {
		err = fault.New(fault.NotFound, "session_not_found", "There is no such session.").
			WithHint("ostiary admin sessions list NAME lists them.")
	}
	return ended, err
}

func (a *Accounts) end(ctx context.Context, name string, origin audit.Origin, which func(store.Session) bool) (
	ended int, err error) {
	err = a.db.Update(ctx, func(tx store.Tx) error {
		ended = 0
		all, err := tx.Sessions(name)
		if err != nil {
			return err
		}
		entry := audit.Entry{Time: a.time(), Action: audit.SessionEnded, Outcome: audit.Done, Origin: origin,
			Subject: audit.Subject{Other: name}}
		for _, row := range all {
			if !which(row) {
				continue
			}
			if err := tx.EndSession(row.ID); err != nil {
				return err
			}
			ended++
			entry.Before = []audit.Field{{Name: "session", Value: sessionName(row.ID)}}
		}
		switch {
		case ended == 0:
			return nil
		case ended > 1:
			entry.Before = []audit.Field{{Name: "sessions", Value: int64(ended)}}
		}
		return tx.AppendAudit(entry.Canonical())
	})
	return ended, err
}
