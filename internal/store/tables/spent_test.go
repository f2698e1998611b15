package tables

import (
	"testing"
	"time"

	"ostiary/internal/store/proof"
)

// A code that ended is forgotten, once there are many; one that works is not, and one that
// was issued again works.
func TestSpentForgetsWhatEnded(t *testing.T) {
	now := time.Now()
	s := Spent{until: map[proof.Row]time.Time{}}
	key := func(user int64) proof.Row { return proof.TemporaryRow(user, []byte{1}) }
	s.Settle(proof.Spending{Past: map[proof.Row]time.Time{key(1): now.Add(time.Hour), key(2): now.Add(3 * time.Hour),
		key(3): now.Add(3 * time.Hour)}})
	s.Settle(proof.Spending{Now: now.Add(2 * time.Hour), Issued: []proof.Row{key(3)}})
	for user, want := range map[int64]bool{1: false, 2: true, 3: false} {
		if got := s.Has(user, []byte{1}); got != want {
			t.Errorf("user %d: remembered %t, want %t", user, got, want)
		}
	}
	if s.Has(2, []byte{2}) {
		t.Error("another code of the user is past")
	}
}
