package overview_test

import (
	"fmt"
	"testing"
	"time"

	"ostiary/internal/engine/overview"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

func sum(t overview.Tokens) (n int) {
	for _, tally := range t.Tallies {
		n += tally.N
	}
	return n
}

// Many tokens are counted over several requests. Until the end the parts are shown, and
// later the last whole count.
func TestManyTokensAreCountedInParts(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	add := func(from, n int) {
		var keys []*pskc.Key
		for i := range n {
			keys = append(keys, testkit.HOTP(fmt.Sprint(from+i)))
		}
		k.Import(t, keys...)
	}
	add(0, 9)
	s, err := overview.New(overview.Config{DB: k.DB, Holds: k.Engine.Holds, Now: k.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	s.SetRows(2, 4)
	begun := k.Clock.Now()
	check := func(what string, want int, whole bool, at time.Time) {
		t.Helper()
		got, err := s.Tokens(t.Context())
		if err != nil || sum(got) != want || got.Whole != whole || !got.AsOf.Equal(at) {
			t.Errorf("%s: %d tokens, whole: %t, of %v, %v; want %d, %t, %v", what, sum(got), got.Whole, got.AsOf, err, want,
				whole, at)
		}
	}
	check("first", 4, false, begun)
	check("second", 8, false, begun)
	check("third", 9, true, begun)
	add(100, 2)
	k.Clock.Advance(overview.FreshLarge - time.Second)
	check("while it is fresh", 9, true, begun)
	k.Clock.Advance(time.Second)
	again := k.Clock.Now()
	check("while the next one is made", 9, true, begun)
	check("while the next one is made, again", 9, true, begun)
	k.Clock.Advance(time.Minute)
	check("with the next one", 11, true, again)
}

func TestConfig(t *testing.T) {
	t.Parallel()
	holds := func() (int, store.Span) { return 10, store.Span{} }
	for _, cfg := range []overview.Config{{}, {Holds: holds, Now: time.Now}} {
		if _, err := overview.New(cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}
