package activations

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/store"
)

// MaxBatch bounds how many activations one request makes ahead: each may cost an
// Argon2id.
const MaxBatch = 100

// DefaultBatchExpiry is how long those are open that were made ahead.
const DefaultBatchExpiry = 90 * 24 * time.Hour

// BatchRequest asks for new tokens with activations made ahead, for nobody yet.
type BatchRequest struct {
	Type    string
	Profile string // empty for the type's own
	Count   int    // 1 to MaxBatch
	Label   string
	Expiry  time.Duration // zero means DefaultBatchExpiry
	Origin  audit.Origin
}

// Batch is what became of a request: Missing tells how many tokens were not made or
// have no activation, and Why.
type Batch struct {
	Started []Started
	Missing int
	Why     error
}

// Ahead makes tokens and begins an Offline activation of each. An error means that
// nothing was made.
func (s *Service) Ahead(ctx context.Context, r BatchRequest) (Batch, error) {
	if r.Count < 1 || r.Count > MaxBatch {
		return Batch{},
			fault.New(fault.Invalid, "count", fmt.Sprintf("%d activations are not between 1 and %d.", r.Count,
				MaxBatch)).
				WithHint("Split them over several requests.")
	}
	if r.Expiry == 0 {
		r.Expiry = DefaultBatchExpiry
	}
	if err := s.db.View(ctx, func(rd store.Reader) error { return activated(rd, r.Type) }); err != nil {
		return Batch{}, err
	}
	made, err := s.tokens.Create(ctx, lifecycle.CreateRequest{Type: r.Type, Profile: r.Profile, Count: r.Count,
		Label: r.Label, Origin: r.Origin})
	if err != nil {
		return Batch{}, err
	}
	b := Batch{Missing: made.Missing, Why: made.Why}
	for i, t := range made.Tokens {
		started, err := s.Start(ctx, Request{Token: selector(t.Token), Route: Offline, Expiry: r.Expiry,
			Origin: r.Origin})
		if err != nil {
			b.Missing, b.Why = b.Missing+len(made.Tokens)-i, err
			break
		}
		b.Started = append(b.Started, started)
	}
	return b, nil
}

// activated refuses a type whose tokens have no activation: they would be made in
// vain.
func activated(rd store.TypeReader, name string) error {
	t, err := rd.Type(name)
	if errors.Is(err, store.ErrNotFound) || err == nil && t.Activation == token.OneStep {
		return nil // what is not there is the creation's to say
	} else if err != nil {
		return err
	}
	return fault.New(fault.Invalid, "no_activation", fmt.Sprintf("Tokens of type %s are not activated by codes.",
		name)).
		WithHint("ostiary type list shows the types whose activation is one-step.")
}
