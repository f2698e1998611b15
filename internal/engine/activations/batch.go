package activations

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/store"
)

// MaxBatch bounds how many activations one request makes ahead: each may cost an
// Argon2id.
const MaxBatch = 100

// DefaultBatchExpiry is how long those are open that were made ahead.
const DefaultBatchExpiry = 90 * 24 * time.Hour

// BatchRequest asks for activations made ahead, for nobody yet: of Count new tokens, or
// of tokens that a batch before made and whose codes nobody has, because it was killed.
type BatchRequest struct {
	Type    string
	Profile string // of new tokens; empty for the type's own
	Count   int    // 1 to MaxBatch; 0 with Serials
	// Serials are those of tokens that are there, 1 to MaxBatch. Each is PENDING, was
	// never activated, and is nobody's.
	Serials []string
	Label   string        // of new tokens
	Expiry  time.Duration // zero means DefaultBatchExpiry
	By      authz.Principal
	Origin  audit.Origin
}

func (r BatchRequest) check() error {
	n := r.Count
	if r.Serials != nil {
		n = len(r.Serials)
	}
	switch {
	case r.Serials != nil && (r.Count != 0 || r.Label != "" || r.Profile != ""):
		return fault.New(fault.Invalid, "serials", "Count, label and profile are for new tokens: omit them "+
			"with serials.")
	case n < 1 || n > MaxBatch:
		return fault.New(fault.Invalid, "count", fmt.Sprintf("%d activations are not between 1 and %d.", n,
			MaxBatch)).WithHint("Split them over several requests.")
	}
	return nil
}

// Batch is what became of a request: Missing tells how many tokens were not made or
// have no activation, and Why.
type Batch struct {
	Started []Started
	Missing int
	Why     error
}

// Ahead makes tokens, or takes those that are named, and begins an Offline activation of
// each. An error means that nothing was made, and no activation begun.
func (s *Service) Ahead(ctx context.Context, r BatchRequest) (Batch, error) {
	if err := r.check(); err != nil {
		return Batch{}, err
	}
	if r.Expiry == 0 {
		r.Expiry = DefaultBatchExpiry
	}
	if err := s.db.View(ctx, func(rd store.Reader) error { return activated(rd, r.Type) }); err != nil {
		return Batch{}, err
	}
	if r.Serials != nil {
		all, err := s.unused(ctx, r.Type, r.Serials)
		if err != nil {
			return Batch{}, err
		}
		return s.startAll(ctx, all, Batch{}, r), nil
	}
	made, err := s.tokens.Create(ctx, lifecycle.CreateRequest{Type: r.Type, Profile: r.Profile, Count: r.Count,
		Label: r.Label, Origin: r.Origin})
	if err != nil {
		return Batch{}, err
	}
	all := make([]token.Token, len(made.Tokens))
	for i, t := range made.Tokens {
		all[i] = t.Token
	}
	return s.startAll(ctx, all, Batch{Missing: made.Missing, Why: made.Why}, r), nil
}

// startAll begins the activations of a batch, until one cannot be begun.
func (s *Service) startAll(ctx context.Context, all []token.Token, b Batch, r BatchRequest) Batch {
	for i, t := range all {
		started, err := s.Start(ctx, Request{Token: selector(t), Route: Offline, Expiry: r.Expiry, By: r.By,
			Origin: r.Origin})
		if err != nil {
			b.Missing, b.Why = b.Missing+len(all)-i, err
			break
		}
		b.Started = append(b.Started, started)
	}
	return b
}

// unused finds tokens whose codes were made ahead and that nobody has activated. One that
// somebody has is refused: another code would end theirs.
func (s *Service) unused(ctx context.Context, typeName string, serials []string) (all []token.Token, err error) {
	seen := map[string]bool{}
	err = s.db.View(ctx, func(rd store.Reader) error {
		for _, serial := range serials {
			t, err := tokens.Find(rd, tokens.Selector{Serial: serial, Type: typeName})
			switch {
			case err != nil:
				return err
			case seen[serial]:
				return fault.New(fault.Invalid, "serials", fmt.Sprintf("Token %s is named twice.", serial))
			case t.Condition.Owner != 0:
				return fault.New(fault.Conflict, "token_assigned", fmt.Sprintf("Token %s is assigned to %s: codes are "+
					"created in advance only for tokens without a user.", serial, t.OwnerName)).
					WithHint("Begin a single activation: ostiary activation offline " + serial + ".")
			case t.Condition.State != token.Pending || t.Condition.Proven():
				return fault.New(fault.Conflict, "token_used", fmt.Sprintf("Token %s is %s: codes are created in advance only for "+
					"PENDING tokens that were never activated.", serial, t.Condition.State))
			}
			seen[serial] = true
			all = append(all, t)
		}
		return nil
	})
	return all, err
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
	return fault.New(fault.Invalid, "no_activation", fmt.Sprintf("Tokens of type %s are not activated with codes.",
		name)).
		WithHint("ostiary type list shows the types whose activation is one-step.")
}
