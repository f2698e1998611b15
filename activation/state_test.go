package activation

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"testing"
)

// To write an exchange down and to wipe what was written takes nothing from it.
func TestStateIsACopy(t *testing.T) {
	t.Parallel()
	random := rand.NewChaCha8(sha256.Sum256([]byte("state")))
	code, err := NewRegistrationCode(random)
	if err != nil {
		t.Fatal(err)
	}
	e, err := NewExchange(code, Device{Type: 1, Name: "phone"}, random)
	if err != nil {
		t.Fatal(err)
	}
	first, err := e.State()
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Clone(first)
	clear(first)
	for range 2 {
		again, err := e.State()
		if err != nil || !bytes.Equal(again, want) {
			t.Fatalf("another state (%v)", err)
		}
		if e, err = ResumeExchange(again); err != nil {
			t.Fatal(err)
		}
		clear(again)
	}
}
