package credentials

import (
	"testing"
	"time"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// clocked are keys with a clock that the test moves.
func clocked(t *testing.T, db store.DB) (*Keys, *clock) {
	t.Helper()
	c := newClock()
	return reopened(t, db, c), c
}

func reopened(t *testing.T, db store.DB, c *clock) *Keys {
	t.Helper()
	k, err := OpenKeys(t.Context(), db, hasher(t, seal.KeyHash), c.Now)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func until(t *testing.T, k *Keys, name string, at time.Time) (store.APIKey, string) {
	t.Helper()
	key, text, err := k.Create(t.Context(), root, KeyRequest{Name: name, Role: authz.Verifier, Expires: at}, origin)
	if err != nil {
		t.Fatal(err)
	}
	return key, text
}

// A key with an end works up to it, and the log says why it does not any more, once an
// hour; who asks is answered as with a key that never was.
func TestExpiredKeyIsRefused(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	k, c := clocked(t, db)
	key, text := until(t, k, "migration", c.Now().Add(time.Hour))
	if e := last(t, db); e.Action != "key.created" || e.After["expires"] != "2026-03-01T13:00:00Z" {
		t.Errorf("audit entry %+v", e)
	}
	_, forever := create(t, k, "radius", authz.Verifier, false)
	tell := func(k *Keys, text string) {
		t.Helper()
		if err := k.TellExpired(t.Context(), text, "10.0.0.9", "r-9"); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		after time.Duration
		works bool
	}{{time.Hour - time.Millisecond, true}, {time.Millisecond, false}, {time.Hour, false}} {
		c.advance(step.after)
		size := len(entries(t, db))
		for when, keys := range map[string]*Keys{"at once": k, "after a restart": reopened(t, db, c)} {
			if _, ok := keys.Principal(text); ok != step.works {
				t.Errorf("%s, %s: the key works: %t", c.Now(), when, ok)
			}
		}
		tell(k, text)
		tell(k, text)
		tell(k, forever)
		tell(k, text[:len(text)-1]+"?")
		if n := len(entries(t, db)) - size; (n == 1) == step.works || n > 1 {
			t.Errorf("%s: %d entries", c.Now(), n)
		}
	}
	e := last(t, db)
	if e.Action != "key.expired" || e.Outcome != "refused" || e.Reason != "expired" || e.Actor != "key:migration" ||
		e.Subject.Other != "migration" || e.Before["expires"] != "2026-03-01T13:00:00Z" {
		t.Errorf("audit entry %+v", e)
	}
	if _, ok := k.Principal(forever); !ok {
		t.Error("a key without an end has ended")
	}
	if err := k.Revoke(t.Context(), root, "migration", origin); err != nil {
		t.Errorf("revoke %s: %v", key.Name, err)
	}
	size := len(entries(t, db))
	c.advance(2 * time.Hour)
	if tell(k, text); len(entries(t, db)) != size {
		t.Error("the log tells of a revoked key that it expired")
	}
	_, _, err := k.Create(t.Context(), root, KeyRequest{Name: "past", Role: authz.Verifier, Expires: c.Now()}, origin)
	demand(t, "an end that is now", err, fault.Invalid, "key_expires")
}

// The end of a key and what it may do are under its keyed hash: who changes them in the file
// has a key that opens nothing.
func TestEndOfAKeyIsNotMoved(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	k, c := clocked(t, db)
	_, text := until(t, k, "migration", c.Now().Add(time.Hour))
	for _, at := range []time.Time{{}, c.Now().Add(2 * time.Hour)} {
		moved := reopened(t, db, c)
		for _, w := range moved.byID {
			w.Expires = at
		}
		if _, ok := moved.Principal(text); ok {
			t.Errorf("with the end %v the key works", at)
		}
	}
	for name, change := range map[string]func(*workingKey){"role": func(w *workingKey) { w.Role = "super_admin" },
		"help-desk set": func(w *workingKey) { w.HelpDesk = !w.HelpDesk }} {
		changed := reopened(t, db, c)
		for _, w := range changed.byID {
			change(w)
		}
		if p, ok := changed.Principal(text); ok {
			t.Errorf("with another %s the key works as %+v", name, p)
		}
	}
	if _, ok := reopened(t, db, c).Principal(text); !ok {
		t.Error("the key as it is does not work")
	}
}

// When a key was last used is known at once, and saved from time to time: a request
// writes nothing.
func TestLastUseOfAKey(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	k, c := clocked(t, db)
	_, text := create(t, k, "radius", authz.Verifier, false)
	lastUse := func(k *Keys) time.Time {
		t.Helper()
		all, err := k.List(t.Context())
		if err != nil || len(all) != 1 {
			t.Fatalf("%v, %v", all, err)
		}
		return all[0].LastUsed
	}
	save := func() {
		t.Helper()
		if err := k.SaveUse(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	size := len(entries(t, db))
	k.Principal(text[:len(text)-1] + "?")
	if at := lastUse(k); !at.IsZero() {
		t.Errorf("a wrong secret used the key at %v", at)
	}
	first := c.Now()
	k.Principal(text)
	if at, saved := lastUse(k), lastUse(reopened(t, db, c)); !at.Equal(first) || !saved.IsZero() {
		t.Errorf("used %v, in the database %v", at, saved)
	}
	save()
	c.advance(time.Minute)
	k.Principal(text)
	if at, saved := lastUse(k), lastUse(reopened(t, db, c)); !at.Equal(c.Now()) || !saved.Equal(first) {
		t.Errorf("used %v, in the database %v", at, saved)
	}
	save()
	save()
	if saved := lastUse(reopened(t, db, c)); !saved.Equal(c.Now()) {
		t.Errorf("in the database %v", saved)
	}
	c.advance(time.Minute)
	k.Principal(text)
	if err := k.Revoke(t.Context(), root, "radius", origin); err != nil {
		t.Fatal(err)
	}
	if at := lastUse(k); !at.Equal(c.Now()) {
		t.Errorf("revoked, it was used at %v", at)
	}
	if n := len(entries(t, db)) - size; n != 1 {
		t.Errorf("%d entries, want that of the revocation", n)
	}
}

// The first end of a key that works is told; those that are past and revoked ones are not.
func TestNextExpiry(t *testing.T) {
	t.Parallel()
	db, _ := open(t)
	k, c := clocked(t, db)
	start := c.Now()
	create(t, k, "never", authz.Verifier, false)
	if at := k.NextExpiry(); !at.IsZero() {
		t.Errorf("without an end: %v", at)
	}
	until(t, k, "b", start.Add(2*time.Hour))
	until(t, k, "a", start.Add(time.Hour))
	until(t, k, "revoked", start.Add(time.Minute))
	if err := k.Revoke(t.Context(), root, "revoked", origin); err != nil {
		t.Fatal(err)
	}
	for _, want := range []time.Time{start.Add(time.Hour), start.Add(2 * time.Hour), {}} {
		if at := k.NextExpiry(); !at.Equal(want) {
			t.Errorf("at %v the next is %v, want %v", c.Now(), at, want)
		}
		c.advance(time.Hour)
	}
}
