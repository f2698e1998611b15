package activations

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"

	"golang.org/x/sync/semaphore"

	"ostiary/activation"
	"ostiary/internal/core/fault"
)

// Passwords are stretched within the memory that there is; whoever comes then waits,
// and may give up. A profile that needs more than there is gets all of it.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	const budget = 100
	p, err := activation.NewProfile(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	suite, err := activation.ParseSuite("TOTP-SHA1-6/30")
	if err != nil {
		t.Fatal(err)
	}
	p.Name, p.Issuer = "Phones", "Example Works"
	p.Applications = []activation.Application{{Index: 1, Name: "Login", Mode: activation.ResponseOnly, Suite: suite}}
	p.Rules.Argon2id = activation.Argon2id{Time: 1, Memory: 2 * budget, Parallelism: 1}
	v, err := p.Vector()
	if err != nil {
		t.Fatal(err)
	}
	s := &Service{policy: Policy{Memory: budget}, memory: semaphore.NewWeighted(budget)}
	in := activation.CodeInput{Serial: "10000001", Password: activation.Secret("0123456789")}
	secret := make(activation.Secret, activation.SecretSize)
	if _, err := s.makeCode(t.Context(), v, secret, in); err != nil {
		t.Fatal(err)
	}
	if !s.memory.TryAcquire(1) { // somebody else has some
		t.Fatal("the memory was not given back")
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := s.makeCode(ctx, v, secret, in)
		done <- err
	}()
	cancel()
	if f, ok := errors.AsType[*fault.Error](<-done); !ok || f.Code != "busy" || f.Kind != fault.Unavailable {
		t.Errorf("without memory: %v", f)
	}
	s.memory.Release(1)
	if _, err := s.makeCode(t.Context(), v, secret, in); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
