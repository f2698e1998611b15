package credentials

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/formats/passkey"
	"ostiary/internal/store"
)

// Each question to a passkey has a challenge, which the session's row has as a keyed hash of
// challenge, session, purpose and time: so whoever writes to the database cannot have an
// answer accepted in another session, or later. It is taken away by the write that accepts
// the answer, and another question takes its place.

// What a passkey is asked for.
const (
	toCreate = "create"
	toUse    = "use"
)

const (
	askedFor     = 5 * time.Minute // how long an answer is awaited
	maxPasskeys  = 20
	maxPasskeyID = 1023 // bytes, as WebAuthn has it
	maxKeyTitle  = 64   // characters
)

// passkeyID is what people, requests and sessions tell a passkey by.
func passkeyID(id []byte) string { return base64.RawURLEncoding.EncodeToString(id) }

// PasskeyMark is what the audit log tells a passkey by.
func PasskeyMark(p store.Passkey) string {
	h := sha256.New()
	for _, part := range [][]byte{p.ID, []byte(p.Host), p.PublicKey, {p.Flags}} {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		h.Write(part)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Passkey is one of an administrator.
type Passkey struct {
	ID, Name, Host string
	Created, Used  time.Time
}

// site is what passkeys are for. instead is what to open, if browsers know no passkeys at the
// address that the server has.
func (a *Accounts) site() (s passkey.Site, instead string, err error) {
	address := a.publicURL()
	if s, instead, err = passkey.SiteOf(address); err != nil {
		err = fault.New(fault.Conflict, "passkeys_need_host", "Browsers know passkeys only for a host name, and this server "+
			"is at "+address+".").WithHint("Give the server a name: ostiary serve --public-url https://NAME").Because(err)
	}
	return s, instead, err
}

// PasskeysAt tells what to open instead, if a browser that has opened the server under this
// host knows no passkeys there; empty if it does. The error, a fault, is for a server that
// has no name.
func (a *Accounts) PasskeysAt(host string) (instead string, err error) {
	s, _, err := a.site()
	if err != nil || strings.EqualFold(host, s.Host) {
		return "", err
	}
	return s.Origin, nil
}

// Passkeys lists those of a session's account, the oldest first.
func (a *Accounts) Passkeys(ctx context.Context, s Session) (all []Passkey, err error) {
	err = a.db.View(ctx, func(r store.Reader) error {
		rows, err := r.Passkeys(s.row.Admin)
		all = make([]Passkey, len(rows))
		for i, p := range rows {
			all[i] = Passkey{ID: passkeyID(p.ID), Name: p.Name, Host: p.Host, Created: p.Created, Used: p.Used}
		}
		return err
	})
	return all, err
}

// keysOf gives the account of a session as passkeys know it, with those for a host.
func keysOf(r store.Reader, s Session, host string) (of passkey.Account, err error) {
	of = passkey.Account{ID: s.admin.ID, Name: s.admin.Name}
	rows, err := r.Passkeys(s.admin.ID)
	for _, p := range rows {
		if p.Host == host {
			of.Keys = append(of.Keys, passkey.Key{ID: p.ID, PublicKey: p.PublicKey, AAGUID: p.AAGUID, Flags: p.Flags,
				Count: p.Count})
		}
	}
	return of, err
}

// AskForNew gives what a page gives to navigator.credentials.create, to add a passkey to the
// account of a session. The session must open something, and be fresh.
func (a *Accounts) AskForNew(ctx context.Context, s Session) (json.RawMessage, error) {
	return a.ask(ctx, s, toCreate, passkey.Site.Creation)
}

// AskForUse gives what a page gives to navigator.credentials.get, to prove a session by a
// passkey.
func (a *Accounts) AskForUse(ctx context.Context, s Session) (json.RawMessage, error) {
	return a.ask(ctx, s, toUse, passkey.Site.Request)
}

func (a *Accounts) ask(ctx context.Context, s Session, purpose string,
	question func(passkey.Site, passkey.Account, []byte) (json.RawMessage, error)) (asked json.RawMessage, err error) {
	if s.row.Admin == "" {
		return nil, errNoFactorOfRoot()
	}
	if purpose == toCreate {
		if err := a.MayAddPasskey(s); err != nil {
			return nil, err
		}
	}
	site, _, err := a.site()
	if err != nil {
		return nil, err
	}
	challenge := make([]byte, passkey.ChallengeSize)
	_, _ = rand.Read(challenge) // never fails (crypto/rand)
	err = a.db.Update(ctx, func(tx store.Tx) error {
		row, err := tx.Session(s.row.ID)
		if err != nil {
			return err
		}
		of, err := keysOf(tx, s, site.Host)
		switch {
		case err != nil:
			return err
		case purpose == toUse && len(of.Keys) == 0:
			return fault.New(fault.NotFound, "no_passkey", "The account has no passkey for "+site.Host+".").
				WithHint("Give a code of your token.")
		}
		if asked, err = question(site, of, challenge); err != nil {
			return err
		}
		return tx.ChallengeSession(row.ID, row.Challenge, a.root.sessions.challenge(row.ID, purpose, challenge,
			a.time().Add(askedFor)))
	})
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
		err = errEnded(err)
	}
	return asked, err
}

// MayAddPasskey refuses to add a passkey to the account of a session that proves too little.
func (a *Accounts) MayAddPasskey(s Session) error {
	if err := s.Opens(); err != nil {
		return err
	}
	if a.now().Sub(s.Fresh) >= FreshFor {
		return errNotFresh(s)
	}
	return nil
}

// challenge is a challenge as a row has it: until when it is answered, and a keyed hash.
func (h sessionHasher) challenge(session []byte, purpose string, challenge []byte, until time.Time) string {
	end := strconv.FormatInt(until.UnixMilli(), 10)
	sum := h.Sum([]byte("challenge"), session, []byte(purpose), []byte(end), challenge)
	return end + " " + hex.EncodeToString(sum[:])
}

// asked reports whether a challenge is the one of a row.
func (h sessionHasher) asked(row store.Session, purpose string, challenge []byte, now time.Time) bool {
	end, text, _ := strings.Cut(row.Challenge, " ")
	ms, err := strconv.ParseInt(end, 10, 64)
	sum, bad := hex.DecodeString(text)
	return err == nil && bad == nil && len(sum) == sha256.Size && now.Before(time.UnixMilli(ms)) &&
		h.Check(sum, []byte("challenge"), row.ID, []byte(purpose), []byte(end), challenge)
}

// answered checks an answer of a passkey, and gives the row that has its challenge.
func (a *Accounts) answered(r store.Reader, s Session, purpose string, answer []byte,
	check func(of passkey.Account, challenge []byte) error) (row store.Session, err error) {
	site, _, err := a.site()
	if err != nil {
		return row, err
	}
	challenge, err := passkey.Challenge(answer)
	if err != nil {
		return row, err
	}
	if row, err = r.Session(s.row.ID); err != nil {
		return row, err
	}
	if !a.root.sessions.asked(row, purpose, challenge, a.now()) {
		return row, passkey.ErrWrong
	}
	of, err := keysOf(r, s, site.Host)
	if err != nil {
		return row, err
	}
	return row, check(of, challenge)
}

// AddPasskey adds the passkey that answered AskForNew to the account of a session, under a
// name.
func (a *Accounts) AddPasskey(ctx context.Context, s Session, name string, answer []byte, origin audit.Origin) (
	is Passkey, err error) {
	if name = strings.TrimSpace(name); name == "" || utf8.RuneCountInString(name) > maxKeyTitle ||
		!utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return is, fault.New(fault.Invalid, "passkey_name", "A passkey's name has 1 to "+strconv.Itoa(maxKeyTitle)+
			" characters that can be printed.")
	}
	if err := a.MayAddPasskey(s); err != nil {
		return is, err
	}
	site, _, err := a.site()
	if err != nil {
		return is, err
	}
	err = a.db.Update(ctx, func(tx store.Tx) error {
		var k passkey.Key
		row, err := a.answered(tx, s, toCreate, answer, func(of passkey.Account, challenge []byte) (err error) {
			if k, err = site.Created(of, challenge, answer); err == nil && len(k.ID) > maxPasskeyID {
				err = passkey.ErrWrong
			}
			return err
		})
		if err != nil {
			return err
		}
		if _, err := a.proven(tx, row); err != nil {
			return err
		}
		all, err := tx.Passkeys(s.admin.ID)
		if err == nil && len(all) >= maxPasskeys {
			err = fault.New(fault.Conflict, "too_many_passkeys", "An account has "+strconv.Itoa(maxPasskeys)+
				" passkeys at most.").WithHint("Remove one first.")
		}
		if err != nil {
			return err
		}
		p := store.Passkey{ID: k.ID, Admin: s.admin.ID, Name: name, Host: site.Host, PublicKey: k.PublicKey,
			Flags: k.Flags, AAGUID: k.AAGUID, Created: a.time()}
		is = Passkey{ID: passkeyID(p.ID), Name: p.Name, Host: p.Host, Created: p.Created}
		if err := tx.AddPasskey(p); errors.Is(err, store.ErrConflict) {
			return fault.New(fault.Conflict, "passkey_exists", "This passkey is known already.").Because(err)
		} else if err != nil {
			return err
		}
		return errors.Join(tx.ChallengeSession(row.ID, row.Challenge, ""), tx.AppendAudit(a.passkeyEntry(audit.PasskeyAdded,
			s.admin, origin, nil, []audit.Field{{Name: "host", Value: p.Host}, {Name: "id", Value: p.Admin},
				{Name: "name", Value: p.Name}, {Name: "passkey", Value: PasskeyMark(p)}})))
	})
	return is, a.wrongAnswer(err)
}

func (a *Accounts) passkeyEntry(action audit.Action, of store.Admin, origin audit.Origin, before,
	after []audit.Field) []byte {
	return audit.Entry{Time: a.time(), Action: action, Outcome: audit.Done, Origin: origin,
		Subject: audit.Subject{Other: of.Name}, Before: before, After: after}.Canonical()
}

// wrongAnswer words an answer that is not right, or comes too late.
func (a *Accounts) wrongAnswer(err error) error {
	_, worded := errors.AsType[*fault.Error](err)
	switch {
	case worded:
		return err
	case errors.Is(err, passkey.ErrWrong):
		return fault.New(fault.Unauthenticated, "wrong_passkey", "The answer of the passkey was not right.").
			WithHint("Try again: an answer is awaited for " + fault.Span(askedFor) + ".").Because(err)
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrConflict):
		return errEnded(err)
	}
	return err
}

// ProvePasskey proves a session by a passkey of its account, which answered AskForUse. It is
// like ProveCode.
func (a *Accounts) ProvePasskey(ctx context.Context, s Session, answer []byte, origin audit.Origin) (text string,
	after Session, err error) {
	site, _, err := a.site()
	if err != nil {
		return "", s, err
	}
	var id []byte
	var count uint32
	err = a.db.View(ctx, func(r store.Reader) error {
		row, err := a.answered(r, s, toUse, answer, func(of passkey.Account, challenge []byte) (err error) {
			id, count, err = site.Used(of, challenge, answer)
			return err
		})
		s.row.Challenge = row.Challenge
		return err
	})
	if errors.Is(err, passkey.ErrWrong) {
		return a.prove(ctx, s, "", "wrong passkey", origin, nil)
	} else if err != nil {
		return "", s, a.wrongAnswer(err)
	}
	return a.prove(ctx, s, factorPasskey+passkeyID(id), "", origin, func(tx store.Tx) error {
		// Whoever comes second with one answer finds it used.
		return errors.Join(tx.ChallengeSession(s.row.ID, s.row.Challenge, ""), tx.UsePasskey(id, count, a.time()))
	})
}

// RemovePasskey removes a passkey of a session's account. Sessions that it proved end.
func (a *Accounts) RemovePasskey(ctx context.Context, s Session, id string, origin audit.Origin) error {
	if err := a.MayAddPasskey(s); err != nil {
		return err
	}
	return a.db.Update(ctx, func(tx store.Tx) error {
		all, err := tx.Passkeys(s.row.Admin)
		for _, p := range all {
			if passkeyID(p.ID) == id {
				return a.removePasskey(tx, s.admin, p, origin)
			}
		}
		return errors.Join(err, fault.New(fault.NotFound, "passkey_not_found", "There is no such passkey."))
	})
}

func (a *Accounts) removePasskey(tx store.Tx, of store.Admin, p store.Passkey, origin audit.Origin) error {
	return errors.Join(tx.RemovePasskey(of.ID, p.ID), tx.AppendAudit(a.passkeyEntry(audit.PasskeyRemoved, of, origin,
		[]audit.Field{{Name: "name", Value: p.Name}, {Name: "passkey", Value: PasskeyMark(p)}}, nil)))
}
