package sqlite

import (
	"path/filepath"
	"testing"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// TestEmptyRefusalWrites: a code for nobody writes a row, as a wrong code for a
// token does, so that the time of a refusal does not tell who exists.
func TestEmptyRefusalWrites(t *testing.T) {
	t.Parallel()
	db := open(t, Config{Path: filepath.Join(t.TempDir(), "a.db")})
	written := func() string { return onWriter(t, db, "SELECT n FROM decoy")[0] }
	before := written()
	o, err := db.Attempt(t.Context(), store.Attempt{Now: time.Now(), Lock: token.Lock{Limit: 10},
		Delay: func(int) time.Duration { return 0 }, Record: func(store.Outcome) []byte { return []byte("{}") }})
	if err != nil || o.Verdict != store.Refused || o.Counted {
		t.Fatalf("%+v, %v", o, err)
	}
	if written() == before {
		t.Error("a refusal of nobody wrote nothing")
	}
}
