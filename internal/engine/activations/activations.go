// Package activations makes software authenticators into tokens of users, and again
// after a lost phone or a forgotten PIN: it begins activations, answers the devices,
// and confirms what they prove. The formats are those of package activation.
//
// A token has at most one live epoch, that of its last confirmed activation, and at
// most one open activation, whose secret no ordinary code is ever compared with. An
// activation ends in one of five ways (store.ActivationStatus), each one conditional
// write:
//
//	Start    adds it, open, and ends the open one before
//	Take     gives an online one to the first device with the registration code
//	Confirm  compares the device's first code with the new epoch alone; right, the
//	         epoch becomes the token's in one write (store.Epoch) that uses the code
//	         up; wrong, a try is spent
//	Cancel, Expire, and another Start end it unconfirmed
//
// So a failure at any moment leaves the old epoch whole. The old one works until the
// new one is confirmed, unless the token was reported lost.
//
// What is slow, Argon2id for activation passwords, runs outside of transactions and
// within a budget of memory: requests wait for it, they do not add up.
//
// Secrets leave once, in the answer to Start or sealed to the device, and never
// again.
package activations

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/semaphore"

	"ostiary/activation"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/throttle"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/events"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/secrets"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// Keys seals and opens secrets.
type Keys interface {
	Seal(b seal.Binding, s seal.Secret) ([]byte, error)
	Open(b seal.Binding, sealed []byte) (seal.Secret, error)
}

// Verifier decides ordinary codes; *codes.Engine is one.
type Verifier interface {
	Verify(ctx context.Context, r codes.Request) (valid bool, err error)
}

// Creator makes tokens; *lifecycle.Service is one.
type Creator interface {
	Create(ctx context.Context, r lifecycle.CreateRequest) (lifecycle.Creation, error)
}

// Policy is what the server allows. Zero fields take the defaults named in their
// comments.
type Policy struct {
	// ActivationLimits hold where a profile has none of its own. Defaults: an activation
	// is open for 7 days and ended by 5 wrong confirmations; in 30 days a token has 5
	// activations after the first and 15 wrong confirmations, and 10 minutes from one
	// activation to the next.
	token.ActivationLimits
	// Memory is what all activation passwords together may be stretched in, in KiB;
	// default 128 MiB.
	Memory int64
	// WrongAtOnce and WrongPerMinute bound the messages with a wrong MAC that one
	// source may send; default 10 and 10.
	WrongAtOnce, WrongPerMinute int
}

// DefaultPolicy is the defaults.
func DefaultPolicy() Policy {
	const day = 24 * time.Hour
	return Policy{ActivationLimits: token.ActivationLimits{Expiry: 7 * day, Tries: 5, Window: 30 * day, Successes: 5,
		Failures: 15, Interval: 10 * time.Minute}, Memory: 128 << 10, WrongAtOnce: 10, WrongPerMinute: 10}
}

func (p Policy) withDefaults() Policy {
	d := DefaultPolicy()
	return Policy{ActivationLimits: p.Or(d.ActivationLimits), Memory: cmp.Or(p.Memory, d.Memory),
		WrongAtOnce: cmp.Or(p.WrongAtOnce, d.WrongAtOnce), WrongPerMinute: cmp.Or(p.WrongPerMinute, d.WrongPerMinute)}
}

// Check says which limit is out of bounds.
func (p Policy) Check() error { return checkLimits(p.withDefaults().ActivationLimits) }

// answerAgain is how long a device gets the same answer again.
const answerAgain = 10 * time.Minute

// The windows in which a first code is searched.
const (
	steps       = 20   // either side of now
	firstEvents = 10   // from where the application begins
	sameEvents  = 1000 // for two codes, where the secret was sent again
)

// Config holds what a Service needs. All but Policy, Passwords and Now is required.
type Config struct {
	DB     store.DB
	Keys   Keys
	Marks  *secrets.Marker
	Codes  Verifier
	Tokens Creator
	Policy Policy
	// Passwords, if set, tells users the passwords of activations that they begin themselves.
	// Then no answer has them.
	Passwords *events.Outbox
	// Now is time.Now unless a test replaces it.
	Now func() time.Time
}

// Service begins, answers and confirms activations. It is safe for concurrent use.
type Service struct {
	db     store.DB
	keys   Keys
	marks  *secrets.Marker
	codes  Verifier
	tokens Creator
	policy Policy
	posts  *events.Outbox
	now    func() time.Time
	memory *semaphore.Weighted
	wrong  *throttle.Throttle
	nobody activation.RegistrationCode // in place of one that is not known
	// newCode draws registration codes.
	newCode func() (activation.RegistrationCode, error)
}

// New makes a Service.
func New(cfg Config) (*Service, error) {
	if cfg.DB == nil || cfg.Keys == nil || cfg.Marks == nil || cfg.Codes == nil || cfg.Tokens == nil {
		return nil, errors.New("activations: DB, Keys, Marks, Codes and Tokens are required")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	p := cfg.Policy.withDefaults()
	if err := p.Check(); err != nil {
		return nil, err
	}
	newCode := func() (activation.RegistrationCode, error) { return activation.NewRegistrationCode(rand.Reader) }
	nobody, err := newCode()
	if err != nil {
		return nil, err
	}
	return &Service{nobody: nobody, newCode: newCode, db: cfg.DB, keys: cfg.Keys, marks: cfg.Marks,
		codes: cfg.Codes, tokens: cfg.Tokens, policy: p, posts: cfg.Passwords,
		now:    cfg.Now,
		memory: semaphore.NewWeighted(p.Memory), wrong: throttle.New(p.WrongAtOnce, p.WrongPerMinute)}, nil
}

// stamp is now as the database keeps it.
func (s *Service) stamp() time.Time { return s.now().UTC().Truncate(time.Millisecond) }

// makeCode makes an activation code. With a password it waits until there is memory
// for it.
func (s *Service) makeCode(ctx context.Context, v *activation.Vector, secret activation.Secret,
	in activation.CodeInput) (activation.Secret, error) {
	if rules := v.Profile().Rules; rules.Password {
		need := min(int64(rules.Argon2id.Memory), s.policy.Memory)
		if err := s.memory.Acquire(ctx, need); err != nil {
			return nil, fault.New(fault.Unavailable, "busy", "The activation was not begun: the server is busy "+
				"with others.").
				WithHint("Try again.").Because(err)
		}
		defer s.memory.Release(need)
	}
	return v.MakeCode(secret, in)
}

// sealed seals what belongs into a column of an activation; nil for nothing.
func (s *Service) sealed(id int64, column string, secret activation.Secret) ([]byte, error) {
	if secret == nil {
		return nil, nil
	}
	return s.keys.Seal(store.ActivationBinding(id, column), seal.NewSecret([]byte(secret)))
}

// opened reverses sealed.
func (s *Service) opened(id int64, column string, sealed []byte) (activation.Secret, error) {
	if sealed == nil {
		return nil, nil
	}
	secret, err := s.keys.Open(store.ActivationBinding(id, column), sealed)
	if err != nil {
		return nil, fmt.Errorf("open %s of activation %d: %w", column, id, err)
	}
	return activation.Secret(secret.Bytes()), nil
}
