package serve

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"ostiary/internal/core/authz"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/seal"
	"ostiary/internal/seal/filekek"
	"ostiary/internal/store"
)

// working is a new server with a key, and a second reading of its keys, as another node has.
func working(t *testing.T) (s *Server, data, key string, other *credentials.Keys) {
	t.Helper()
	data = filepath.Join(t.TempDir(), "data")
	s, _ = opened(t, data)
	_, key, err := s.keys.Create(t.Context(), authz.Principal{Role: authz.Root},
		credentials.KeyRequest{Name: "gateway", Role: authz.Verifier}, origin)
	if err != nil {
		t.Fatal(err)
	}
	if other, err = credentialsAnew(t, s); err != nil {
		t.Fatal(err)
	}
	return s, data, key, other
}

func revoke(t *testing.T, k *credentials.Keys) {
	t.Helper()
	if err := k.Revoke(t.Context(), authz.Principal{Role: authz.Root}, "gateway", origin); err != nil {
		t.Fatal(err)
	}
}

// What another node changes holds here after the next turn: a revoked key is refused, and
// what was sealed under a new data key opens.
func TestChangesOfAnotherNode(t *testing.T) {
	t.Parallel()
	s, data, key, other := working(t)
	turn := func() {
		t.Helper()
		if err := s.follower.Turn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	works := func() bool { _, ok := s.keys.Principal(key); return ok }
	turn()
	if !works() {
		t.Error("the key does not work")
	}
	revoke(t, other)
	if !works() {
		t.Error("the key is refused before the turn, so that this test shows nothing")
	}
	turn()
	if works() {
		t.Error("a key that another node revoked works after the turn")
	}

	kek, err := filekek.Open(filepath.Join(data, "kek"))
	if err != nil {
		t.Fatal(err)
	}
	added, err := seal.NewDataKey(t.Context(), kek, 2)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := seal.OpenKeyring(t.Context(), kek, []seal.DataKey{added})
	if err != nil {
		t.Fatal(err)
	}
	place := seal.Binding{Table: "t", Column: "c", Row: 1}
	sealed, err := theirs.Seal(place, seal.NewSecret([]byte("secret")))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.db.Update(t.Context(), func(tx store.Tx) error { return tx.AddDataKey(added) }); err != nil {
		t.Fatal(err)
	}
	if _, err := s.database.Keys.Open(place, sealed); !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("before the turn: %v", err)
	}
	turn()
	if secret, err := s.database.Keys.Open(place, sealed); err != nil || string(secret.Bytes()) != "secret" {
		t.Errorf("after the turn: %v", err)
	}
}

// A server that is not alone takes its turns by itself, and says that it lives.
func TestServerFollowsTheOthers(t *testing.T) {
	t.Parallel()
	s, _, key, other := working(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go s.follow(ctx)
	revoke(t, other)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if _, ok := s.keys.Principal(key); !ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("a key that another node revoked works after a minute")
		}
	}
}

// A database that was put back has no sessions: one may have been ended since.
func TestRestoredDatabaseHasNoSessions(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s, closed := opened(t, data)
	password, err := s.root.SetPassword(t.Context(), origin)
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := s.root.Start(t.Context(), password, origin)
	if err != nil {
		t.Fatal(err)
	}
	is := func() bool {
		t.Helper()
		_, ok, err := s.root.Principal(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	closed()
	s, closed = opened(t, data)
	if !is() {
		t.Error("a restart ends the session, so that this test shows nothing")
	}
	closed()
	if _, err := Accept(t.Context(), Config{Data: data, Now: s.cfg.Now}, "a reason", true); err != nil {
		t.Fatal(err)
	}
	if s, _ = opened(t, data); is() {
		t.Error("a session of before is one")
	}
}
