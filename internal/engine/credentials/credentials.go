// Package credentials knows who is calling: machines by API keys, and the built-in
// administrator ROOT by a password that starts a session.
package credentials

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sync"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// RootName is the built-in administrator.
const RootName = "ROOT"

const (
	sessionPrefix = "ostiary_session_"
	idleLimit     = 30 * time.Minute
	totalLimit    = 8 * time.Hour
	maxSessions   = 16
	rootSetting   = "root_password"
)

// Root is the account of the built-in administrator and its sessions. Sessions
// live in memory: a restart ends them.
type Root struct {
	db     store.DB
	hasher *seal.Hasher
	now    func() time.Time

	// hashing bounds concurrent password hashes, each of which takes memory; signIns
	// slows down guessing.
	hashing chan struct{}
	signIns *signIns

	mu       sync.Mutex
	sessions map[[32]byte]rootSession
}

type rootSession struct{ started, used time.Time }

// NewRoot makes the account's keeper. hasher makes keyed hashes of seal.Password.
func NewRoot(db store.DB, hasher *seal.Hasher, now func() time.Time) *Root {
	return &Root{db: db, hasher: hasher, now: now, hashing: make(chan struct{}, 2),
		signIns: newSignIns(), sessions: map[[32]byte]rootSession{}}
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
	if err := r.setPassword(ctx, password, origin); err != nil {
		return "", err
	}
	return password, nil
}

// setPassword stores a password and ends the sessions; more is what else its entry tells.
func (r *Root) setPassword(ctx context.Context, password string, origin audit.Origin, more ...audit.Field) error {
	hash, err := hashPassword(r.hasher, RootName, password)
	if err != nil {
		return err
	}
	err = r.db.Update(ctx, func(tx store.Tx) error {
		if err := tx.SetSetting(rootSetting, []byte(hash)); err != nil {
			return err
		}
		mark, err := PasswordMark(tx)
		if err != nil {
			return err
		}
		return tx.AppendAudit(audit.Entry{Time: r.now(), Action: audit.RootPasswordSet, Outcome: audit.Done,
			Origin: origin, After: append([]audit.Field{{Name: "hash", Value: mark}}, more...)}.Canonical())
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	clear(r.sessions)
	r.mu.Unlock()
	return nil
}

// PasswordMark is what the audit log tells the stored password of ROOT by; empty if
// there is none.
func PasswordMark(r store.Reader) (string, error) {
	stored, err := r.Setting(rootSetting)
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	sum := sha256.Sum256(stored)
	return audit.Mark(sum[:]), err
}

// Start checks ROOT's password and starts a session. It returns the session's
// token and when it ends at the latest.
func (r *Root) Start(ctx context.Context, password string, origin audit.Origin) (token string, until time.Time,
	err error) {
	now := r.now()
	right, err := r.check(ctx, password, origin.Source)
	if err != nil {
		return "", until, err
	}
	entry := audit.Entry{Time: now, Action: audit.SessionStarted, Outcome: audit.Done, Origin: origin,
		Subject: audit.Subject{Other: RootName}}
	if !right {
		entry.Outcome, entry.Reason = audit.Refused, "wrong password"
	}
	if err := r.db.Update(ctx, func(tx store.Tx) error { return tx.AppendAudit(entry.Canonical()) }); err != nil {
		return "", until, err
	}
	if !right {
		return "", until, fault.New(fault.Unauthenticated, "wrong_password", "The name or the password is wrong.")
	}
	token = sessionPrefix + rand.Text()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop(now)
	r.sessions[sha256.Sum256([]byte(token))] = rootSession{started: now, used: now}
	return token, now.Add(totalLimit), nil
}

// drop forgets sessions that have ended, and the oldest when there are too many.
func (r *Root) drop(now time.Time) {
	var oldest [32]byte
	for id, s := range r.sessions {
		if s.over(now) {
			delete(r.sessions, id)
			continue
		}
		if o, ok := r.sessions[oldest]; !ok || s.started.Before(o.started) {
			oldest = id
		}
	}
	if len(r.sessions) >= maxSessions {
		delete(r.sessions, oldest)
	}
}

func (s rootSession) over(now time.Time) bool {
	return now.Sub(s.used) >= idleLimit || now.Sub(s.started) >= totalLimit
}

// check looks at a password. What may not be tried now is a fault.Error of kind
// Throttled.
func (r *Root) check(ctx context.Context, password, source string) (right bool, err error) {
	if !r.signIns.may(source, RootName, r.now()) {
		return false, errTooMany()
	}
	select {
	case r.hashing <- struct{}{}:
		defer func() { <-r.hashing }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	// Others of this source were looked at while this one waited.
	if !r.signIns.may(source, RootName, r.now()) {
		return false, errTooMany()
	}
	var stored []byte
	err = r.db.View(ctx, func(rd store.Reader) (err error) {
		stored, err = rd.Setting(rootSetting)
		return err
	})
	if err != nil {
		return false, err
	}
	if right, err = checkPassword(r.hasher, RootName, string(stored), password); err == nil {
		r.signIns.tell(source, RootName, right, r.now())
	}
	return right, err
}

func errTooMany() error {
	return fault.New(fault.Throttled, "too_many_tries", "Too many sign-in attempts.").WithHint("Wait a minute and try " +
		"again; or use the command line with --data on the server itself, which needs no password.")
}

// Principal tells whether token is a running session, and prolongs it.
func (r *Root) Principal(token string) (authz.Principal, bool) {
	id, now := sha256.Sum256([]byte(token)), r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.sessions[id]
	if !ok || s.over(now) {
		delete(r.sessions, id)
		return authz.Principal{}, false
	}
	s.used = now
	r.sessions[id] = s
	return authz.Principal{Name: RootName, Role: authz.Root}, true
}

// End ends a session. It reports whether there was one.
func (r *Root) End(ctx context.Context, token string, origin audit.Origin) (bool, error) {
	id := sha256.Sum256([]byte(token))
	r.mu.Lock()
	_, ok := r.sessions[id]
	delete(r.sessions, id)
	r.mu.Unlock()
	if !ok {
		return false, nil
	}
	return true, r.db.Update(ctx, func(tx store.Tx) error {
		return tx.AppendAudit(audit.Entry{Time: r.now(), Action: audit.SessionEnded, Outcome: audit.Done,
			Origin:  origin,
			Subject: audit.Subject{Other: RootName},
			Before:  []audit.Field{{Name: "session", Value: hex.EncodeToString(id[:4])}}}.Canonical())
	})
}
