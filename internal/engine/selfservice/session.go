package selfservice

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/peer"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/users"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// By is what opened a session.
type By string

// The ways in.
const (
	ByToken By = "token" // a code of a token
	ByCode  By = "code"  // a temporary code
	ByLink  By = "link"  // a link of the help desk
)

// Session is a stay of a user.
type Session struct {
	User  store.User
	By    By
	Token token.ID // whose code opened it; 0 for none
	// For and Serial are what a link is for.
	For     Purpose
	Serial  string
	Started time.Time
	Until   time.Time // at the latest

	row store.Session
}

// The kinds of rows, and how long they live.
const (
	kindSession = "self"
	kindLink    = "self-link"

	prefix = "ostiary_me_"

	idleLimit  = 10 * time.Minute
	totalLimit = 15 * time.Minute
	linkLife   = 30 * time.Minute
	// A use is written when the one that is written is so old.
	usedEvery   = time.Minute
	maxSessions = 8 // of a user
)

// hasher knows the rows. The database has a keyed hash of what a browser brings, and one of
// the row, so that nobody who reads or writes there has a session.
type hasher struct{ *seal.Hasher }

func (h hasher) id(kind, text string) []byte {
	sum := h.Sum([]byte(kind), []byte(text))
	return sum[:]
}

func parts(s store.Session) [][]byte {
	return [][]byte{[]byte("self 1"), s.ID, []byte(s.Name), []byte(s.Admin), []byte(s.Kind), []byte(s.Source),
		[]byte(s.Factor), binary.BigEndian.AppendUint64(nil, uint64(s.Started.UnixMilli()))}
}

func (h hasher) proven(s store.Session) store.Session {
	sum := h.Sum(parts(s)...)
	s.Proof = sum[:]
	return s
}

func (h hasher) proves(s store.Session) bool {
	return len(s.Proof) == sha256.Size && h.Check(s.Proof, parts(s)...)
}

// nameOf is what the rows of a user are listed by. No administrator's name begins with a space.
func nameOf(user store.User) string { return " " + user.Name }

// newRow is a row that begins now. Factor says what opened it.
func (s *Service) newRow(kind, text string, user store.User, factor, source string) store.Session {
	now := s.stamp()
	return s.hasher.proven(store.Session{ID: s.hasher.id(kind, text), Name: nameOf(user), Kind: kind,
		Admin: strconv.FormatInt(user.ID, 10), Factor: factor, Source: peer.Name(source), Started: now, Used: now})
}

// over reports whether a row has ended by itself.
func over(row store.Session, now time.Time) bool {
	if row.Kind == kindLink {
		return now.Sub(row.Started) >= linkLife
	}
	return now.Sub(row.Used) >= idleLimit || now.Sub(row.Started) >= totalLimit
}

// session tells of a row.
func session(row store.Session, user store.User) (v Session, err error) {
	v = Session{User: user, Started: row.Started, Until: row.Started.Add(totalLimit), row: row}
	words := strings.SplitN(row.Factor, " ", 3)
	switch v.By = By(words[0]); {
	case v.By == ByToken && len(words) == 2:
		n, err := strconv.ParseInt(words[1], 10, 64)
		v.Token = token.ID(n)
		return v, err
	case v.By == ByCode && len(words) == 1:
		return v, nil
	case v.By == ByLink && len(words) == 3:
		v.For, v.Serial = Purpose(words[1]), words[2]
		return v, nil
	}
	return v, errors.New("a session of self-service is opened by " + strconv.Quote(row.Factor))
}

// begin adds a row to those of a user. It removes what has ended, and the oldest when there
// are too many.
func begin(tx store.Tx, row store.Session) error {
	all, err := tx.Sessions(row.Name)
	if err != nil {
		return err
	}
	alive := all[:0]
	for _, old := range all {
		if !over(old, row.Started) {
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
	return tx.AddSession(row)
}

// SignIn is what a user types.
type SignIn struct {
	User, Code      string
	Source, Request string
}

// errRefused is the one answer to all that is wrong with a sign-in.
func errRefused() error {
	return fault.New(fault.Unauthenticated, "self_sign_in", "That did not work.").
		WithHint("Check the name and the code, or ask the help desk.")
}

func (s *Service) throttled(source string) error {
	if !s.wrong.Exhausted(peer.Name(source), s.cfg.Now()) {
		return nil
	}
	return fault.New(fault.Throttled, "too_many_tries", "Too many tries came from this address.").
		WithHint("Wait a minute and try again.")
}

// refused counts a refusal against its source.
func (s *Service) refused(source string) error {
	s.wrong.Spend(peer.Name(source), s.cfg.Now())
	return errRefused()
}

// SignIn begins a session by a code, which is used up, and gives what goes into the cookie.
// Whatever is wrong, the error is one and the same.
func (s *Service) SignIn(ctx context.Context, in SignIn) (text string, v Session, err error) {
	if err := s.throttled(in.Source); err != nil {
		return "", v, err
	}
	name, err := users.Canonical(in.User)
	if err != nil {
		return "", v, s.refused(in.Source)
	}
	client, err := peer.Client(peer.Name(in.Source))
	if err != nil {
		client = "" // it is counted under the name alone
	}
	from := origin(in.Source, in.Request)
	var took token.ID
	verdict, err := s.cfg.Codes.Explain(ctx, codes.Request{Lookup: store.Lookup{User: name}, OTP: in.Code,
		Took: &took, Authentication: true, Client: client, Origin: from})
	if err != nil && fault.Of(err).Kind == fault.Invalid || err == nil && !verdict.Valid {
		return "", v, s.refused(in.Source)
	} else if err != nil {
		return "", v, err
	}
	factor := string(ByCode)
	if took != 0 {
		factor = string(ByToken) + " " + strconv.FormatInt(int64(took), 10)
	}
	text = prefix + rand.Text()
	err = s.cfg.DB.Update(ctx, func(tx store.Tx) error {
		user, err := tx.User(name)
		if err != nil {
			return err
		}
		row := s.newRow(kindSession, text, user, factor, in.Source)
		if v, err = session(row, user); err != nil {
			return err
		}
		return errors.Join(begin(tx, row), s.record(tx, audit.SelfSignedIn, v, from))
	})
	if errors.Is(err, store.ErrNotFound) { // renamed or deleted meanwhile
		return "", Session{}, errRefused()
	} else if err != nil {
		return "", Session{}, err
	}
	return text, v, nil
}

// record tells the log of a session.
func (s *Service) record(tx store.AuditWriter, what audit.Action, v Session, from audit.Origin) error {
	return tx.AppendAudit(audit.Entry{Time: s.cfg.Now(), Action: what, Outcome: audit.Done, Origin: from,
		Subject: audit.Subject{User: v.User.Name}, After: []audit.Field{{Name: "by", Value: string(v.By)}}}.Canonical())
}

// Session tells whose session a text is of, and prolongs it. With ok the error is only of the
// prolonging.
func (s *Service) Session(ctx context.Context, text string) (v Session, ok bool, err error) {
	if !strings.HasPrefix(text, prefix) {
		return v, false, nil
	}
	now := s.cfg.Now()
	err = s.cfg.DB.View(ctx, func(r store.Reader) error {
		row, err := r.Session(s.hasher.id(kindSession, text))
		if err == nil && (row.Kind != kindSession || over(row, now)) {
			err = store.ErrNotFound
		}
		if err == nil {
			v, err = s.alive(r, row)
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return Session{}, false, nil
	} else if err != nil {
		return Session{}, false, err
	}
	if now.Sub(v.row.Used) >= usedEvery {
		err = s.cfg.DB.Update(ctx, func(tx store.Tx) error { return tx.UseSession(v.row.ID, now) })
	}
	if errors.Is(err, store.ErrConflict) { // it was ended meanwhile
		return Session{}, false, nil
	}
	return v, true, err
}

// alive gives the session of a row; ErrNotFound if it does not prove itself, or what it stands
// on is gone: the user, or the token that opened it.
func (s *Service) alive(r store.Reader, row store.Session) (v Session, err error) {
	if !s.hasher.proves(row) {
		return v, store.ErrNotFound
	}
	user, err := r.User(strings.TrimPrefix(row.Name, " "))
	if err != nil {
		return v, err
	}
	if strconv.FormatInt(user.ID, 10) != row.Admin || s.cfg.Codes.Locked(user.Failures, user.RetryAt) {
		return v, store.ErrNotFound
	}
	if v, err = session(row, user); err != nil || v.By != ByToken {
		return v, err
	}
	valid := token.Valid
	held, err := r.Tokens(store.TokenFilter{ID: v.Token, Owner: user.ID, State: &valid, Limit: 1})
	if err == nil && len(held) == 0 {
		err = store.ErrNotFound
	}
	return v, err
}

// SignOut ends a session.
func (s *Service) SignOut(ctx context.Context, v Session, source, request string) error {
	err := s.cfg.DB.Update(ctx, func(tx store.Tx) error {
		if err := tx.EndSession(v.row.ID); err != nil {
			return err
		}
		return s.record(tx, audit.SelfSignedOut, v, origin(source, request))
	})
	if errors.Is(err, store.ErrConflict) {
		return nil // it had ended
	}
	return err
}
