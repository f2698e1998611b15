package sqlite

import (
	"fmt"
	"testing"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/cache"
	"ostiary/internal/store/decide"
)

// inVain looks up what is not there.
func inVain(t *testing.T, db *DB, l store.Lookup) store.Found {
	t.Helper()
	f, err := db.Candidates(t.Context(), l, true)
	if err != nil || len(f.Candidates) > 0 {
		t.Fatalf("%+v: %d tokens, %v", l, len(f.Candidates), err)
	}
	return f
}

// What is looked up in vain is kept as what is found is, so that it takes as long: in a cache
// that proposes nothing, and does not push out what is there.
func TestWhatIsNotThereIsKeptElsewhere(t *testing.T) {
	t.Parallel()
	db, _, _ := stocked(t, Config{}, 3)
	for name, l := range map[string]store.Lookup{"a serial": {Serial: "nobody's"}, "a user": {User: "nobody"}} {
		f := inVain(t, db, l)
		kept, ok := db.names.Nobodys.Get(l)
		if !ok || len(kept.Candidates) != 1 || kept.Candidates[0].Token.ID != f.StandIn.Candidate.Token.ID {
			t.Errorf("%s that is not there is not kept as one that is: %+v, %v", name, kept.Candidates, ok)
		}
		if _, ok := db.names.Found.Get(l); ok {
			t.Errorf("%s that is not there is proposed", name)
		}
	}
}

// What is kept of names that nobody has is bounded, and follows a refusal as a token does.
func TestNobodysAreBounded(t *testing.T) {
	t.Parallel()
	db, _, _ := stocked(t, Config{}, 1)
	for i := range 2*cache.StandIns + 1 {
		inVain(t, db, store.Lookup{Serial: fmt.Sprint("nobody's ", i)})
	}
	if n := db.names.Nobodys.Len(); n == 0 || n > cache.StandIns {
		t.Errorf("%d names that nobody has are kept", n)
	}
	key := store.Lookup{Serial: fmt.Sprint("nobody's ", 2*cache.StandIns)}
	f, ok := db.names.Nobodys.Get(key)
	if !ok {
		t.Fatal("the last one is not kept")
	}
	db.names.Nobodys.Follow(nil, []decide.Changed{{ID: f.Candidates[0].Token.ID, Condition: token.Condition{Failures: 1}}})
	if f, _ = db.names.Nobodys.Get(key); f.Candidates[0].Token.Condition.Failures != 1 {
		t.Error("it does not follow a refusal")
	}
}
