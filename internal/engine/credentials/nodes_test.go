package credentials

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/internal/test/cluster"
	"ostiary/internal/test/twonodes"
)

func TestMain(m *testing.M) { os.Exit(cluster.Run(m)) }

func rootOf(t *testing.T, db store.DB, c *clock) *Root {
	return NewRoot(db, hasher(t, seal.Password), hasher(t, seal.Session), c.Now)
}

// A session that was begun at one node is one at the other, and ends at both.
func TestSessionsOfNodes(t *testing.T) {
	t.Parallel()
	twonodes.Run(t, func(t *testing.T, dbA, dbB store.DB) {
		c := newClock()
		a, b := rootOf(t, dbA, c), rootOf(t, dbB, c)
		password := setPassword(t, a)
		alive := func(token string) (at [2]bool) {
			_, at[0] = principal(t, a, token)
			_, at[1] = principal(t, b, token)
			return at
		}
		token := start(t, a, c, password)
		if alive(token) != [2]bool{true, true} {
			t.Errorf("a session of node A is alive %v", alive(token))
		}
		for range 4 { // used at one node, it does not become idle at the other
			c.advance(20 * time.Minute)
			if _, ok := principal(t, b, token); !ok {
				t.Fatal("the session ended while it was used")
			}
		}
		c.advance(20 * time.Minute)
		if alive(token) != [2]bool{true, true} {
			t.Errorf("a session that is used at node B is alive %v", alive(token))
		}
		if ended, err := b.End(t.Context(), token, origin); !ended || err != nil {
			t.Errorf("End at node B = %t, %v", ended, err)
		}
		if alive(token) != [2]bool{} {
			t.Errorf("a session that was ended at node B is alive %v", alive(token))
		}
		if ended, err := a.End(t.Context(), token, origin); ended || err != nil {
			t.Errorf("End again at node A = %t, %v", ended, err)
		}
		token = start(t, b, c, password)
		setPassword(t, a)
		if alive(token) != [2]bool{} {
			t.Errorf("with another password a session of before is alive %v", alive(token))
		}
	})
}

// What ends the sessions of an account at one node ends them at the other at once.
func TestAccountsOfNodes(t *testing.T) {
	t.Parallel()
	twonodes.Run(t, func(t *testing.T, dbA, dbB store.DB) {
		c := newClock()
		accounts := func(db store.DB) *Accounts {
			a, err := NewAccounts(AccountsConfig{DB: db, Root: rootOf(t, db, c), Now: c.Now})
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		nodes := [2]*Accounts{accounts(dbA), accounts(dbB)}
		root := authz.Principal{Role: authz.Root}
		alive := func(text string) (at [2]bool) {
			for i, a := range nodes {
				_, ok, err := a.Session(t.Context(), text, Page)
				if err != nil {
					t.Fatal(err)
				}
				at[i] = ok
			}
			return at
		}
		for what, end := range map[string]func(a *Accounts, name string) error{
			"disabled": func(a *Accounts, name string) error {
				_, err := a.Disable(t.Context(), root, name, origin)
				return err
			},
			"another role": func(a *Accounts, name string) error {
				_, err := a.SetRole(t.Context(), root, name, authz.Operator, false, origin)
				return err
			},
			"another password": func(a *Accounts, name string) error {
				_, err := a.ResetPassword(t.Context(), root, name, false, origin)
				return err
			},
			"ended": func(a *Accounts, name string) error {
				_, err := a.EndSessions(t.Context(), root, name, "", origin)
				return err
			},
		} {
			for i, a := range nodes {
				name := fmt.Sprintf("%s %d", what, i)
				_, password, err := a.Add(t.Context(), root, AdminRequest{Name: name, Role: authz.Admin}, origin)
				if err != nil {
					t.Fatal(err)
				}
				text, _, err := nodes[1-i].SignIn(t.Context(), SignIn{Name: name, Password: password, Kind: Page}, origin)
				if err != nil {
					t.Fatal(err)
				}
				if alive(text) != [2]bool{true, true} {
					t.Errorf("%s: a session of node %d is alive %v", what, 1-i, alive(text))
				}
				if err := end(a, name); err != nil {
					t.Fatal(err)
				}
				if alive(text) != [2]bool{} {
					t.Errorf("%s at node %d: the session of the other is alive %v", what, i, alive(text))
				}
			}
		}
	})
}

// Whoever writes to the database makes no session of a row, nor prolongs one beyond its time,
// nor brings one back that ended with the password.
func TestForgedSessions(t *testing.T) {
	t.Parallel()
	r, c, password := newRoot(t)
	token := start(t, r, c, password)
	good := sessions(t, r)[0]
	put := func(s store.Session) {
		t.Helper()
		if err := r.db.Update(t.Context(), func(tx store.Tx) error {
			return errors.Join(tx.EndSessions(""), tx.AddSession(s))
		}); err != nil {
			t.Fatal(err)
		}
	}
	changed := func(edit func(*store.Session)) store.Session {
		s := good
		s.Proof = slices.Clone(good.Proof)
		edit(&s)
		return s
	}
	for name, s := range map[string]store.Session{
		"begun later":       changed(func(s *store.Session) { s.Started = s.Started.Add(time.Millisecond) }),
		"of another name":   changed(func(s *store.Session) { s.Name = "alice" }),
		"without proof":     changed(func(s *store.Session) { s.Proof = []byte{} }),
		"half of the proof": changed(func(s *store.Session) { s.Proof = s.Proof[:16] }),
		"another proof":     changed(func(s *store.Session) { s.Proof[3] ^= 1 }),
		"of another token":  changed(func(s *store.Session) { s.ID = bytes.Repeat([]byte{7}, 32) }),
	} {
		put(s)
		if _, ok := principal(t, r, token); ok {
			t.Errorf("%s: it is a session", name)
		}
	}
	put(good)
	if _, ok := principal(t, r, token); !ok {
		t.Error("the row as it was is no session")
	}
	setPassword(t, r)
	put(good)
	if _, ok := principal(t, r, token); ok {
		t.Error("a row that was put back after a new password is a session")
	}
	// What is stored is not what a caller brings.
	for _, stored := range [][]byte{good.ID, good.Proof} {
		if bytes.Contains([]byte(token), stored) || bytes.Contains(stored, []byte(token)) {
			t.Error("the token is stored")
		}
	}
}

// A guess is not cheaper at another node.
func TestGuessesAtNodes(t *testing.T) {
	t.Parallel()
	twonodes.Run(t, func(t *testing.T, dbA, dbB store.DB) {
		c := newClock()
		a, b := rootOf(t, dbA, c), rootOf(t, dbB, c)
		password := setPassword(t, a)
		tryA, tryB := signer(t, a), signer(t, b)
		for i := range 5 {
			wrong(t, "one of the first five", []func(source, password string) error{tryA, tryB}[i%2]("192.0.2.1:1", "wrong"))
		}
		throttled(t, "the sixth at node A", tryA("192.0.2.1:1", password))
		throttled(t, "the sixth at node B", tryB("192.0.2.1:1", password))
		right(t, "another source at node A", tryA("198.51.100.1:1", password))
		for i := range 15 { // with those above, all that is free under the name
			wrong(t, "a guess", tryA([]string{"192.0.2.7:1", "192.0.2.8:1", "192.0.2.9:1"}[i%3], "wrong"))
		}
		wrong(t, "a mistake from where node A knows a right password", tryB("198.51.100.1:1", "wrong"))
		right(t, "and the right one", tryB("198.51.100.1:1", password))
		throttled(t, "a source that nobody knows, after a mistake", func() error {
			wrong(t, "the mistake", tryB("203.0.113.1:1", "wrong"))
			return tryB("203.0.113.1:1", password)
		}())
	})
}

// Of two nodes that start for the first time at once, one gives ROOT its password.
func TestFirstPasswordOfNodes(t *testing.T) {
	t.Parallel()
	twonodes.Run(t, func(t *testing.T, dbA, dbB store.DB) {
		c := newClock()
		a, b := rootOf(t, dbA, c), rootOf(t, dbB, c)
		drawn, err := a.FirstPassword(t.Context(), nil, origin)
		if err != nil || drawn == "" {
			t.Fatalf("%q, %v", drawn, err)
		}
		for _, chosen := range []*string{nil, new("several unrelated words")} {
			if again, err := b.FirstPassword(t.Context(), chosen, origin); !errors.Is(err, store.ErrConflict) || again != "" {
				t.Errorf("a first password again: %q, %v", again, err)
			}
		}
		start(t, b, c, drawn)
	})
}

// A first password that is empty was chosen, and is refused as any weak one.
func TestFirstPasswordIsNotEmpty(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	drawn, err := rootOf(t, db, newClock()).FirstPassword(t.Context(), new(""), origin)
	demand(t, "an empty one", err, fault.Invalid, "weak_password")
	if drawn != "" {
		t.Error("another one was drawn")
	}
}

// reading is a database that tells when it is asked or changed.
type reading struct {
	store.DB
	asked func()
}

func (r reading) View(ctx context.Context, fn func(store.Reader) error) error {
	r.asked()
	return r.DB.View(ctx, fn)
}

func (r reading) Update(ctx context.Context, fn func(store.Tx) error) error {
	r.asked()
	return r.DB.Update(ctx, fn)
}

// Keys that one node makes and revokes are known at the other after its next reading.
func TestKeysOfNodes(t *testing.T) {
	t.Parallel()
	twonodes.Run(t, func(t *testing.T, dbA, dbB store.DB) {
		c := newClock()
		openKeys := func(db store.DB) *Keys {
			k, err := OpenKeys(t.Context(), db, hasher(t, seal.KeyHash), c.Now)
			if err != nil {
				t.Fatal(err)
			}
			return k
		}
		root := authz.Principal{Role: authz.Root}
		make := func(k *Keys, name string) string {
			_, text, err := k.Create(t.Context(), root, KeyRequest{Name: name, Role: authz.Verifier}, origin)
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
		a := openKeys(dbA)
		kept, lost := make(a, "kept"), make(a, "lost")
		b := openKeys(dbB)
		knows := func(k *Keys, text string) bool { _, ok := k.Principal(text); return ok }
		if !knows(b, kept) || !knows(b, lost) {
			t.Error("node B does not know the keys that were there when it began")
		}
		used := c.Now()
		if err := a.Revoke(t.Context(), root, "lost", origin); err != nil {
			t.Fatal(err)
		}
		added := make(a, "added")
		c.advance(time.Second)
		if err := b.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !knows(b, kept) || knows(b, lost) || !knows(b, added) || knows(a, lost) {
			t.Errorf("node B knows the kept key: %t, the revoked one: %t, the new one: %t; node A the revoked one: %t",
				knows(b, kept), knows(b, lost), knows(b, added), knows(a, lost))
		}
		// A use at node B is there although nobody has saved it yet, and node A's older one does
		// not hide it once it is saved.
		lastUsed := func(k *Keys) (at time.Time) {
			all, err := k.List(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range all {
				if key.Name == "kept" {
					at = key.LastUsed
				}
			}
			return at
		}
		later := c.Now()
		if !lastUsed(b).Equal(later) {
			t.Errorf("node B says that it was used at %s, want %s", lastUsed(b), later)
		}
		c.now = used
		knows(a, kept)
		if err := b.SaveUse(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !lastUsed(a).Equal(later) {
			t.Errorf("node A says that it was used at %s, want %s", lastUsed(a), later)
		}
	})
}

// Nothing is read while a key is changed, nor changed while the keys are read: an older
// reading would bring a revoked key back to life.
func TestKeysAreNotReadWhileTheyChange(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	k, err := OpenKeys(t.Context(), db, hasher(t, seal.KeyHash), newClock().Now)
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	k.db = reading{db, func() {
		if asked++; k.changing.TryLock() {
			k.changing.Unlock()
			t.Error("the database is asked while others may change it")
		}
	}}
	root := authz.Principal{Role: authz.Root}
	_, _, err = k.Create(t.Context(), root, KeyRequest{Name: "k", Role: authz.Admin}, origin)
	if err = errors.Join(err, k.Reload(t.Context()), k.Revoke(t.Context(), root, "k", origin)); err != nil || asked != 3 {
		t.Errorf("asked %d times, %v", asked, err)
	}
}

// A session that is used often is written to once a minute, and what is no session's token
// does not reach the database.
func TestUsesOfASessionAreFewWrites(t *testing.T) {
	t.Parallel()
	r, c, password := newRoot(t)
	token := start(t, r, c, password)
	asked := 0
	r.db = reading{r.db, func() { asked++ }}
	for _, text := range []string{"", "x", "ostiary_abcdefghij_0123456789abcdefghijklmnop"} {
		principal(t, r, text)
	}
	if asked != 0 {
		t.Errorf("%d reads for what is no session", asked)
	}
	for range 120 {
		c.advance(time.Second)
		principal(t, r, token)
	}
	if asked != 120+2 {
		t.Errorf("the database was asked and changed %d times for 120 requests in 2 minutes", asked)
	}
	r.db = refusing{r.db}
	c.advance(time.Minute)
	p, ok, err := r.Principal(t.Context(), token)
	if !ok || p.Role != authz.Root || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("while the database takes no changes: %+v, %t, %v", p, ok, err)
	}
}
