package lifecycle_test

import (
	"testing"

	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/test/testkit"
)

// Only tokens of the user, of that type and label, that no code has proven, are discarded.
func TestDiscardUnproven(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	k.User(t, "alice")
	k.User(t, "bob")
	create := func(user, label string) string {
		made, err := k.Lifecycle.Create(t.Context(), lifecycle.CreateRequest{Type: "app-totp", Count: 1, User: user,
			Label: label, Origin: testkit.Origin})
		if err != nil {
			t.Fatal(err)
		}
		return made.Tokens[0].Token.Identity.Serial
	}
	gone := create("alice", "own")
	kept := []string{create("alice", "other"), create("bob", "own")}
	lost := create("alice", "own")
	k.SetState(t, lost, token.RevokedLost)
	for range 2 {
		if err := k.Lifecycle.DiscardUnproven(t.Context(), k.FindUser(t, "alice"), "app-totp", "own",
			testkit.Origin); err != nil {
			t.Fatal(err)
		}
	}
	_, err := k.Lifecycle.Show(t.Context(), testkit.Serial(gone))
	testkit.IsFault(t, err, fault.NotFound, "token_not_found")
	for _, serial := range append(kept, lost) {
		k.Token(t, serial)
	}
}
