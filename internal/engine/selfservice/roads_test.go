package selfservice_test

import (
	"strings"
	"testing"

	"ostiary/internal/test/testkit"
)

// A refused sign-in does the same work whoever it names, so that its time tells nothing: as
// many statements of each kind, in the same order. Users have one token each, as each more
// is one more row to read at any door.
func TestRefusedSignInsTakeOneRoad(t *testing.T) {
	t.Parallel()
	k, road := testkit.NewWatched(t)
	s := setUpOn(t, k)
	wrong := testkit.Wrong(t, s.one, 0, 1)[0]
	k.User(t, "locked")
	k.Import(t, testkit.HOTP("3001"))
	k.Assign(t, "3001", "locked")
	for range 30 {
		k.Clock.Advance(minutes(10))
		k.VerifyUser(t, "locked", wrong)
	}
	take := func(user string) string {
		k.Clock.Advance(minutes(10)) // nobody waits for a delay, and no source is throttled
		road.Taken()
		_, _, err := s.try(user, wrong)
		refused(t, user, err, "self_sign_in")
		var kinds []string
		for _, st := range road.Taken() {
			kinds = append(kinds, st.Kind())
		}
		return strings.Join(kinds, "\n")
	}
	// The log's index follows in the background: a road that it crosses is taken again.
	want := take("nobody")
	for again := take("nobody"); again != want; again = take("nobody") {
		want = again
	}
	if want == "" {
		t.Fatal("nothing is watched")
	}
	for _, user := range []string{"bob", "locked", "somebody", "bob"} {
		got := take(user)
		for tries := 0; got != want && tries < 5; tries++ {
			got = take(user)
		}
		if got != want {
			t.Errorf("%s takes\n%s\nwant\n%s", user, got, want)
		}
	}
}
