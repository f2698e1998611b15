package credentials

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/peer"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// Kind is what a session is for. The store keeps it, and the proof of the row is over it: a
// program's token opens no page, and a cookie no REST operation.
type Kind string

// The kinds.
const (
	Bearer Kind = "bearer" // of a program, which sends the token as a credential
	Page   Kind = "page"   // of a browser, which has it in a cookie
)

const (
	sessionPrefix = "ostiary_session_" // ROOT's, of a program
	accountPrefix = "ostiary_account_" // of another administrator, of a program
	pagePrefix    = "ostiary_page_"    // of a browser

	idleLimit    = 30 * time.Minute
	totalLimit   = 8 * time.Hour // of ROOT
	accountLimit = 12 * time.Hour
	unprovenFor  = 5 * time.Minute // without the second factor
	maxSessions  = 16
	// A use of a session is written when the one that is written is so old: not each
	// request is to be a commit.
	usedEvery = time.Minute
)

// sessionHasher knows sessions. The database has a keyed hash of a session's token, so that
// nobody who reads it has a session, and one of the row, so that nobody who writes to it
// makes one, or prolongs one beyond totalLimit. That is also over the stored password: with
// another password no row of before is a session, even if somebody puts it back.
type sessionHasher struct{ *seal.Hasher }

func (h sessionHasher) id(token string) []byte {
	sum := h.Sum([]byte("token"), []byte(token))
	return sum[:]
}

// unknown stands for a name that nobody has.
func (h sessionHasher) unknown(name string) string {
	sum := h.Sum([]byte("unknown"), []byte(name))
	return "unknown " + hex.EncodeToString(sum[:8])
}

func (h sessionHasher) proof(s store.Session, password []byte) []byte {
	sum := h.Sum(sessionParts(s, password)...)
	return sum[:]
}

func (h sessionHasher) proves(s store.Session, password []byte) bool {
	return len(s.Proof) == sha256.Size && h.Check(s.Proof, sessionParts(s, password)...)
}

func sessionParts(s store.Session, password []byte) [][]byte {
	return [][]byte{[]byte("session 2"), s.ID, []byte(s.Name), []byte(s.Admin), []byte(s.Kind), []byte(s.Source),
		[]byte(s.Agent), []byte(s.Factor), binary.BigEndian.AppendUint64(nil, uint64(s.Fresh.UnixMilli())),
		binary.BigEndian.AppendUint64(nil, uint64(s.Started.UnixMilli())), password}
}

// over reports whether a session has ended by itself.
func over(s store.Session, now time.Time) bool {
	return now.Sub(s.Used) >= idleLimit || !now.Before(endOf(s))
}

// endOf is when a session ends at the latest.
func endOf(s store.Session) time.Time {
	switch {
	case s.Admin == "":
		return s.Started.Add(totalLimit)
	case s.Factor == factorNeeded:
		return s.Started.Add(unprovenFor)
	}
	return s.Started.Add(accountLimit)
}

// newSession draws the token of a session that begins now, without its proof.
func (h sessionHasher) newSession(prefix string, kind Kind, from, agent string, now time.Time) (token string,
	s store.Session) {
	token = prefix + rand.Text()
	return token, store.Session{ID: h.id(token), Started: now, Used: now, Kind: string(kind), Source: from,
		Agent: agent}
}

// Start checks ROOT's password and starts a session. It returns the session's
// token and when it ends at the latest.
func (r *Root) Start(ctx context.Context, password string, origin audit.Origin) (token string, ends time.Time,
	err error) {
	token, s, err := r.start(ctx, SignIn{Name: RootName, Password: password, Kind: Bearer}, origin)
	if err != nil {
		return "", ends, err
	}
	return token, endOf(s), nil
}

func (r *Root) start(ctx context.Context, in SignIn, origin audit.Origin) (token string, s store.Session, err error) {
	if err := r.mayTry(ctx, origin.Source); err != nil {
		return "", s, err
	}
	// Held until the password is counted: others of this source wait for that.
	select {
	case r.hashing <- struct{}{}:
		defer func() { <-r.hashing }()
	case <-ctx.Done():
		return "", s, ctx.Err()
	}
	if err := r.mayTry(ctx, origin.Source); err != nil {
		return "", s, err
	}
	stored, right, err := r.check(ctx, in.Password)
	if err != nil {
		return "", s, err
	}
	now := r.now().UTC().Truncate(time.Millisecond)
	prefix := sessionPrefix
	if in.Kind == Page {
		prefix = pagePrefix
	}
	token, s = r.sessions.newSession(prefix, in.Kind, peer.Name(origin.Source), in.Agent, now)
	s.Name, s.Factor = RootName, factorNone
	if in.Kind == Page {
		s.Fresh = now
	}
	s.Proof = r.sessions.proof(s, stored)
	err = r.db.Update(ctx, func(tx store.Tx) error {
		entry := audit.Entry{Time: now, Action: audit.SessionStarted, Outcome: audit.Done, Origin: origin,
			Subject: audit.Subject{Other: RootName}}
		if !right {
			entry.Outcome, entry.Reason = audit.Refused, "wrong password"
		} else if err := begin(tx, s); err != nil {
			return err
		}
		return errors.Join(countSignIn(tx, origin.Source, RootName, right, now), tx.AppendAudit(entry.Canonical()))
	})
	if err != nil {
		return "", s, err
	}
	if !right {
		return "", s, errWrongPassword()
	}
	return token, s, nil
}

// begin adds a session. It removes those that have ended, and the oldest when there are too
// many.
func begin(tx store.Tx, s store.Session) error {
	all, err := tx.Sessions(s.Name)
	if err != nil {
		return err
	}
	alive := all[:0]
	for _, old := range all {
		if !over(old, s.Started) {
			alive = append(alive, old)
		} else if err := tx.EndSession(old.ID); err != nil {
			return err
		}
	}
	for ; len(alive) >= maxSessions; alive = alive[1:] {
		if err := tx.EndSession(alive[0].ID); err != nil {
			return err
		}
	}
	return tx.AddSession(s)
}

func errWrongPassword() error {
	return fault.New(fault.Unauthenticated, "wrong_password", "The name or the password is wrong.")
}

// mayTry refuses a source that may not try a password now, as a fault.Error of kind
// Throttled.
func (r *Root) mayTry(ctx context.Context, source string) error {
	var s signIns
	err := r.db.View(ctx, func(rd store.Reader) (err error) {
		s, err = readSignIns(rd, peer.Name(source), RootName)
		return err
	})
	if err == nil && !s.may(r.now()) {
		err = fault.New(fault.Throttled, "too_many_tries", "Too many sign-in attempts.").WithHint("Wait a minute and " +
			"try again; or use the command line with --data on the server itself, which needs no password.")
	}
	return err
}

// check looks at a password, and gives what is stored of the right one.
func (r *Root) check(ctx context.Context, password string) (stored []byte, right bool, err error) {
	err = r.db.View(ctx, func(rd store.Reader) (err error) {
		stored, err = rd.Setting(rootSetting)
		return err
	})
	if err == nil {
		right, err = checkPassword(r.hasher, RootName, string(stored), password)
	}
	return stored, right, err
}

// Principal tells whether token is a running session, and prolongs it. With ok the error is
// only of the prolonging.
func (r *Root) Principal(ctx context.Context, token string) (p authz.Principal, ok bool, err error) {
	if !strings.HasPrefix(token, sessionPrefix) {
		return p, false, nil // most who ask bring an API key, for which no database is asked
	}
	now := r.now()
	s, err := r.session(ctx, token)
	if errors.Is(err, store.ErrNotFound) {
		return p, false, nil
	} else if err != nil {
		return p, false, err
	}
	if over(s, now) {
		return p, false, nil
	}
	ok, err = prolong(ctx, r.db, s, now)
	if !ok {
		return p, false, nil
	}
	return rootPrincipal, true, err
}

var rootPrincipal = authz.Principal{Name: RootName, Role: authz.Root}

// prolong remembers that a session is used. It is none any more if ok is false; with ok the
// error is only of the remembering.
func prolong(ctx context.Context, db store.DB, s store.Session, now time.Time) (ok bool, err error) {
	if now.Sub(s.Used) >= usedEvery {
		err = db.Update(ctx, func(tx store.Tx) error { return tx.UseSession(s.ID, now) })
	}
	if errors.Is(err, store.ErrConflict) {
		return false, nil // it was ended meanwhile
	}
	return true, err
}

// session gives that of a token. ErrNotFound if there is none, or it does not prove itself.
func (r *Root) session(ctx context.Context, token string) (s store.Session, err error) {
	err = r.db.View(ctx, func(rd store.Reader) error {
		if s, err = rd.Session(r.sessions.id(token)); err != nil {
			return err
		}
		stored, err := rd.Setting(rootSetting)
		if err == nil && (s.Name != RootName || s.Kind != string(Bearer) || !r.sessions.proves(s, stored)) {
			err = store.ErrNotFound
		}
		return err
	})
	return s, err
}

// End ends a session. It reports whether there was one.
func (r *Root) End(ctx context.Context, token string, origin audit.Origin) (bool, error) {
	id := r.sessions.id(token)
	err := r.db.Update(ctx, func(tx store.Tx) error {
		if err := tx.EndSession(id); err != nil {
			return err
		}
		return tx.AppendAudit(audit.Entry{Time: r.now(), Action: audit.SessionEnded, Outcome: audit.Done,
			Origin:  origin,
			Subject: audit.Subject{Other: RootName},
			Before:  []audit.Field{{Name: "session", Value: sessionName(id)}}}.Canonical())
	})
	if errors.Is(err, store.ErrConflict) {
		return false, nil
	}
	return err == nil, err
}

// sessionName is what people and the log tell a session by.
func sessionName(id []byte) string { return hex.EncodeToString(id[:4]) }
