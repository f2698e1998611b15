// Package credentials knows who is calling: machines by API keys, and administrators, the
// built-in ROOT among them, by a password that starts a session.
//
// Keys are for programs. Root is the account that is always there. Accounts are the
// administrators beside it, and what pages in a browser stand on:
//
//	text, s, err := accounts.SignIn(ctx, SignIn{…, Kind: Page}, origin)  // text goes into the cookie
//	s, ok, err := accounts.Session(ctx, text, Page)                      // at each request
//	err = s.Opens()                  // the second factor, or another password, is needed first
//	err = accounts.MayNow(s, op, n)  // a fresh proof is needed first
//
// A session that waits for the second factor is proven by ProveCode or ProvePasskey, and a
// password that somebody else gave is changed by ChangePassword; both give another text for
// the cookie. The first two, or ProvePassword for whoever has no second factor, also renew the
// proof that MayNow asks for. What a session may do is decided by authz, as for any other
// Principal. Session.Factor says FactorMissing where pages must say so.
//
// A session is looked at as often as it is used, and nothing of it is kept in memory: its
// row proves itself only with the account as it is (vouch), and only as long as the token or
// passkey that proved it is the account's. So it ends with all of these, whoever takes them
// away, on all nodes at once. A Bearer session is no Page, nor the other way round.
//
// Accounts and passkeys are in the small tables, whose digest is compared before they are
// believed, and audit verify derives them from the log.
package credentials

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// RootName is the built-in administrator.
const RootName = "ROOT"

const rootSetting = "root_password"

// Root is the account of the built-in administrator and its sessions. These are in the
// database: one that was begun at one node is known, and ended, at all of them.
type Root struct {
	db       store.DB
	hasher   *seal.Hasher
	sessions sessionHasher
	now      func() time.Time

	// hashing bounds concurrent password hashes, each of which takes memory.
	hashing chan struct{}
}

// NewRoot makes the account's keeper. passwords makes keyed hashes of seal.Password, sessions
// of seal.Session.
func NewRoot(db store.DB, passwords, sessions *seal.Hasher, now func() time.Time) *Root {
	return &Root{db: db, hasher: passwords, sessions: sessionHasher{sessions}, now: now,
		hashing: make(chan struct{}, 2)}
}

// hash runs what hashes a password, when there is a place for it.
func (r *Root) hash(ctx context.Context, do func() error) error {
	select {
	case r.hashing <- struct{}{}:
		defer func() { <-r.hashing }()
		return do()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// HasPassword reports whether ROOT has a password yet.
func (r *Root) HasPassword(ctx context.Context) (bool, error) {
	err := r.db.View(ctx, func(rd store.Reader) error {
		_, err := rd.Setting(rootSetting)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// SetPassword gives ROOT a new random password, ends its sessions, and returns
// the password, which cannot be had again.
func (r *Root) SetPassword(ctx context.Context, origin audit.Origin) (string, error) {
	password := rand.Text()
	if err := r.setPassword(ctx, password, origin, always); err != nil {
		return "", err
	}
	return password, nil
}

// FirstPassword gives ROOT the password that somebody chose, or a random one, which it
// returns, if chosen is nil. ErrConflict if ROOT has a password by now: another node was
// faster.
func (r *Root) FirstPassword(ctx context.Context, chosen *string, origin audit.Origin) (drawn string, err error) {
	if chosen != nil {
		return "", r.choosePassword(ctx, *chosen, origin, ifNone)
	}
	drawn = rand.Text()
	if err := r.setPassword(ctx, drawn, origin, ifNone); err != nil {
		return "", err
	}
	return drawn, nil
}

// When a password is set.
const (
	always = false
	ifNone = true // ErrConflict otherwise
)

// setPassword stores a password and ends the sessions; more is what else its entry tells.
func (r *Root) setPassword(ctx context.Context, password string, origin audit.Origin, onlyFirst bool,
	more ...audit.Field) error {
	hash, err := hashPassword(r.hasher, RootName, password)
	if err != nil {
		return err
	}
	return r.db.Update(ctx, func(tx store.Tx) error {
		if _, err := tx.Setting(rootSetting); onlyFirst && err == nil {
			return store.ErrConflict
		} else if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err := errors.Join(tx.SetSetting(rootSetting, []byte(hash)), tx.EndSessions(RootName)); err != nil {
			return err
		}
		mark, err := PasswordMark(tx)
		if err != nil {
			return err
		}
		return tx.AppendAudit(audit.Entry{Time: r.now(), Action: audit.RootPasswordSet, Outcome: audit.Done,
			Origin: origin, After: append([]audit.Field{{Name: "hash", Value: mark}}, more...)}.Canonical())
	})
}

// PasswordMark is what the audit log tells the stored password of ROOT by; empty if
// there is none.
func PasswordMark(r store.Reader) (string, error) {
	stored, err := r.Setting(rootSetting)
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	return PasswordMarkOf(string(stored)), err
}
