package credentials

import (
	"context"
	"encoding/base64"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

func newRoot(t *testing.T) (r *Root, c *clock, password string) {
	t.Helper()
	db, _ := open(t)
	c = newClock()
	r = NewRoot(db, hasher(t, seal.Password), hasher(t, seal.Session), c.Now)
	return r, c, setPassword(t, r)
}

func setPassword(t *testing.T, r *Root) string {
	t.Helper()
	password, err := r.SetPassword(t.Context(), origin)
	if err != nil {
		t.Fatal(err)
	}
	return password
}

// start starts a session when the brake on tries lets go.
func start(t *testing.T, r *Root, c *clock, password string) string {
	t.Helper()
	c.advance(10 * time.Second)
	token, _, err := r.Start(t.Context(), password, origin)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func principal(t *testing.T, r *Root, token string) (authz.Principal, bool) {
	t.Helper()
	p, ok, err := r.Principal(t.Context(), token)
	if err != nil {
		t.Error(err)
	}
	return p, ok
}

// sessions are those that are stored.
func sessions(t *testing.T, r *Root) (all []store.Session) {
	t.Helper()
	if err := r.db.View(t.Context(), func(rd store.Reader) (err error) {
		all, err = rd.Sessions(RootName)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestPasswordString(t *testing.T) {
	t.Parallel()
	a, err := hashPassword(hasher(t, seal.Password), RootName, "secret")
	if err != nil {
		t.Fatal(err)
	}
	form := regexp.MustCompile(`^\$ostiary-argon2id\$v=19\$m=19456,t=2,p=1\$([A-Za-z0-9+/]{22})\$([A-Za-z0-9+/]{43})$`)
	if !form.MatchString(a) {
		t.Errorf("%q is not the form of a stored password", a)
	}
	b, err := hashPassword(hasher(t, seal.Password), RootName, "secret")
	if err != nil || a == b {
		t.Errorf("two hashes with one salt (%v)", err)
	}
	for password, want := range map[string]bool{"secret": true, "Secret": false, "secret ": false, "": false,
		"secre": false} {
		if got, err := checkPassword(hasher(t, seal.Password), RootName, a, password); err != nil || got != want {
			t.Errorf("%q: %t, %v, want %t", password, got, err, want)
		}
	}
	// Of another account, or under another key, it is another text.
	if got, err := checkPassword(hasher(t, seal.Password), "alice", a, "secret"); err != nil || got {
		t.Errorf("ROOT's password is alice's: %t, %v", got, err)
	}
	if got, err := checkPassword(hasher(t, seal.Link), RootName, a, "secret"); err != nil || got {
		t.Errorf("under another key: %t, %v", got, err)
	}
	salt := base64.RawStdEncoding.EncodeToString(make([]byte, 16))
	hash := base64.RawStdEncoding.EncodeToString(make([]byte, 32))
	for name, phc := range map[string]string{
		"nothing":             "",
		"text":                "secret",
		"one without a key":   "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + hash,
		"another algorithm":   "$argon2i$v=19$m=64,t=1,p=1$" + salt + "$" + hash,
		"another version":     "$ostiary-argon2id$v=16$m=64,t=1,p=1$" + salt + "$" + hash,
		"no parameters":       "$ostiary-argon2id$v=19$" + salt + "$" + hash,
		"no hash":             "$ostiary-argon2id$v=19$m=64,t=1,p=1$" + salt + "$",
		"no salt and no hash": "$ostiary-argon2id$v=19$m=64,t=1,p=1$",
		"salt of other text":  "$ostiary-argon2id$v=19$m=64,t=1,p=1$***$" + hash,
		"hash of other text":  "$ostiary-argon2id$v=19$m=64,t=1,p=1$" + salt + "$***",
	} {
		if ok, err := checkPassword(hasher(t, seal.Password), RootName, phc, ""); ok || err == nil {
			t.Errorf("%s: %t, %v, want an error", name, ok, err)
		}
	}
}

func TestPasswordIsMadeAndNotKept(t *testing.T) {
	t.Parallel()
	db, dir := open(t)
	c := newClock()
	r := NewRoot(db, hasher(t, seal.Password), hasher(t, seal.Session), c.Now)
	if has, err := r.HasPassword(t.Context()); has || err != nil {
		t.Errorf("HasPassword = %t, %v in a new database", has, err)
	}
	password := setPassword(t, r)
	if len(password) < 26 {
		t.Errorf("password of %d characters", len(password))
	}
	if has, err := r.HasPassword(t.Context()); !has || err != nil {
		t.Errorf("HasPassword = %t, %v", has, err)
	}
	if e := last(t, db); e.Action != "root.password_set" || e.Outcome != "done" || e.Actor != "ROOT" {
		t.Errorf("audit entry %+v", e)
	}
	token := start(t, r, c, password)
	notStored(t, dir, password, token, strings.TrimPrefix(token, sessionPrefix))

	again := setPassword(t, r)
	if again == password {
		t.Error("the new password is the old one")
	}
	if _, ok := principal(t, r, token); ok {
		t.Error("a session outlived the password")
	}
	if left := sessions(t, r); len(left) != 0 {
		t.Errorf("rows of %d sessions outlived the password", len(left))
	}
	_, _, err := r.Start(t.Context(), password, origin)
	demand(t, "the old password", err, fault.Unauthenticated, "wrong_password")
	start(t, r, c, again)
	// A restart keeps the password.
	restarted := NewRoot(db, hasher(t, seal.Password), hasher(t, seal.Session), c.Now)
	start(t, restarted, c, again)
}

func TestRightPassword(t *testing.T) {
	t.Parallel()
	r, c, password := newRoot(t)
	token, until, err := r.Start(t.Context(), password, origin)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(token, sessionPrefix) || len(token) < len(sessionPrefix)+26 ||
		!until.Equal(c.Now().Add(8*time.Hour)) {
		t.Errorf("session %q until %s", token, until)
	}
	if p, ok := principal(t, r, token); !ok || p != (authz.Principal{Name: "ROOT", Role: authz.Root}) {
		t.Errorf("principal %+v, %t", p, ok)
	}
	if e := last(t, r.db); e.Action != "session.started" || e.Outcome != "done" || e.Subject.Other != "ROOT" {
		t.Errorf("audit entry %+v", e)
	}
	other := start(t, r, c, password)
	if other == token {
		t.Error("two sessions have one token")
	}
	for _, bad := range []string{"", "x", token + "x", token[:len(token)-1], strings.ToLower(token),
		strings.TrimPrefix(token, sessionPrefix)} {
		if p, ok := principal(t, r, bad); ok || p != (authz.Principal{}) {
			t.Errorf("%q is a session", bad)
		}
	}
}

func TestWrongPassword(t *testing.T) {
	t.Parallel()
	r, c, password := newRoot(t)
	for _, bad := range []string{"", "x", strings.ToLower(password), password + " ", password[1:]} {
		c.advance(10 * time.Second)
		token, _, err := r.Start(t.Context(), bad, origin)
		demand(t, "a wrong password", err, fault.Unauthenticated, "wrong_password")
		if token != "" {
			t.Error("a wrong password starts a session")
		}
		if e := last(t, r.db); e.Action != "session.started" || e.Outcome != "refused" || e.Reason != "wrong password" {
			t.Errorf("audit entry %+v", e)
		}
	}
	if len(sessions(t, r)) != 0 {
		t.Errorf("%d sessions", len(sessions(t, r)))
	}
}

func TestNoPassword(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	r := NewRoot(db, hasher(t, seal.Password), hasher(t, seal.Session), newClock().Now)
	if token, _, err := r.Start(t.Context(), "", origin); err == nil || token != "" {
		t.Errorf("a session without a password: %q, %v", token, err)
	}
}

func TestIdleSession(t *testing.T) {
	t.Parallel()
	r, c, password := newRoot(t)
	used, idle := start(t, r, c, password), start(t, r, c, password)
	alive := func(token string) bool { _, ok := principal(t, r, token); return ok }
	for range 4 {
		c.advance(29 * time.Minute)
		if !alive(used) {
			t.Fatal("a session that is used ended")
		}
	}
	if alive(idle) {
		t.Error("a session is alive after 116 idle minutes")
	}
	c.advance(30*time.Minute - time.Millisecond)
	if !alive(used) {
		t.Error("ended before 30 idle minutes")
	}
	c.advance(30 * time.Minute)
	if alive(used) {
		t.Error("alive after 30 idle minutes")
	}
	if alive(used) {
		t.Error("an ended session came back by being asked for")
	}
}

func TestLongestSession(t *testing.T) {
	t.Parallel()
	r, c, password := newRoot(t)
	token := start(t, r, c, password)
	for range 8*4 - 1 {
		c.advance(15 * time.Minute)
		if _, ok := principal(t, r, token); !ok {
			t.Fatal("ended early")
		}
	}
	c.advance(15*time.Minute - time.Millisecond)
	if _, ok := principal(t, r, token); !ok {
		t.Error("ended before 8 hours")
	}
	c.advance(time.Millisecond)
	if _, ok := principal(t, r, token); ok {
		t.Error("alive after 8 hours")
	}
}

func TestEnd(t *testing.T) {
	t.Parallel()
	r, c, password := newRoot(t)
	one, two := start(t, r, c, password), start(t, r, c, password)
	if ended, err := r.End(t.Context(), one, origin); !ended || err != nil {
		t.Errorf("End = %t, %v", ended, err)
	}
	e := last(t, r.db)
	if id, _ := e.Before["session"].(string); e.Action != "session.ended" || len(id) != 8 || strings.Contains(one, id) {
		t.Errorf("audit entry %+v", e)
	}
	if _, ok := principal(t, r, one); ok {
		t.Error("an ended session is alive")
	}
	if _, ok := principal(t, r, two); !ok {
		t.Error("another session ended as well")
	}
	before := len(entries(t, r.db))
	for _, token := range []string{one, "", "x"} {
		if ended, err := r.End(t.Context(), token, origin); ended || err != nil {
			t.Errorf("End of nothing = %t, %v", ended, err)
		}
	}
	if after := len(entries(t, r.db)); after != before {
		t.Error("ending nothing is in the log")
	}
}

func TestMostSessions(t *testing.T) {
	t.Parallel()
	r, c, password := newRoot(t)
	var tokens []string
	for range maxSessions + 3 {
		tokens = append(tokens, start(t, r, c, password))
	}
	for i, token := range tokens {
		if _, ok := principal(t, r, token); ok != (i >= 3) {
			t.Errorf("session %d of %d is alive: %t", i+1, len(tokens), ok)
		}
	}
	// Sessions that have ended make room first.
	c.advance(29 * time.Minute)
	for _, token := range tokens[:6] {
		principal(t, r, token) // 3 to 5 stay in use
	}
	c.advance(2 * time.Minute)
	last := start(t, r, c, password)
	for i, token := range append(tokens[3:6:6], last) {
		if _, ok := principal(t, r, token); !ok {
			t.Errorf("session %d in use was dropped for a new one", i)
		}
	}
	if len(sessions(t, r)) != 4 {
		t.Errorf("%d sessions are kept, want 4", len(sessions(t, r)))
	}
}

// What is not in the log did not happen: no session without its entry.
func TestNoSessionWithoutItsEntry(t *testing.T) {
	t.Parallel()
	r, _, password := newRoot(t)
	r.db = refusing{r.db}
	if token, _, err := r.Start(t.Context(), password, origin); !errors.Is(err, store.ErrUnavailable) || token != "" ||
		len(sessions(t, r)) != 0 {
		t.Errorf("Start = %q, %v, with %d sessions", token, err, len(sessions(t, r)))
	}
	if _, err := r.SetPassword(t.Context(), origin); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("SetPassword = %v", err)
	}
}

// refusing is a database that takes no changes.
type refusing struct{ store.DB }

func (refusing) Update(context.Context, func(store.Tx) error) error { return store.ErrUnavailable }

func TestHashingHonoursTheContext(t *testing.T) {
	t.Parallel()
	r, _, password := newRoot(t)
	for range cap(r.hashing) { // all places are taken
		r.hashing <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if token, _, err := r.Start(ctx, password, origin); !errors.Is(err, context.Canceled) || token != "" {
		t.Errorf("Start = %q, %v, want context.Canceled", token, err)
	}
}
