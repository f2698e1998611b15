// Package profiles keeps the parameter sheets of software authenticators, the
// profiles of docs/protocol.md section 1, and says which token types they fit.
//
// A profile is made here: its id, its key and the key pair of its issuer are
// drawn, its static vector is stored, and from then on it never changes. The
// issuer's private key is sealed and leaves the database in no answer.
package profiles

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"ostiary/activation"
	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// Keys seals the seeds of issuers.
type Keys interface {
	Seal(b seal.Binding, s seal.Secret) ([]byte, error)
}

// Service makes and shows profiles. It is safe for concurrent use.
type Service struct {
	db   store.DB
	keys Keys
	now  func() time.Time
}

// New makes a Service.
func New(db store.DB, keys Keys, now func() time.Time) *Service {
	return &Service{db: db, keys: keys, now: now}
}

// Profile is a profile as people see it. Nothing of it is secret.
type Profile struct {
	Name    string
	Vector  *activation.Vector
	Created time.Time
	Retired time.Time // since when there are no new tokens by it; zero while there are
	UsedBy  []string  // names of the types whose new tokens have it
}

// In reads the static vector of a profile inside a transaction. The error is a
// fault, NotFound, if there is none of the name.
func In(r store.ProfileReader, name string) (*activation.Vector, error) {
	p, err := r.Profile(name)
	if err != nil {
		return nil, absent(name, err)
	}
	return vector(p)
}

// LimitsIn reads the limits that a profile has of its own inside a transaction. The error
// is that of In.
func LimitsIn(r store.ProfileReader, name string) (token.ActivationLimits, error) {
	p, err := r.Profile(name)
	if err != nil {
		return token.ActivationLimits{}, absent(name, err)
	}
	return p.Limits, nil
}

func absent(name string, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		err = fault.New(fault.NotFound, "profile_not_found", fmt.Sprintf("There is no profile %s.", name)).
			WithHint("ostiary profile list lists all profiles; ostiary profile create creates one.").Because(
			err)
	}
	return err
}

func vector(p store.Profile) (*activation.Vector, error) {
	v, err := activation.ParseKeptVector(p.Vector)
	if err != nil {
		return nil, fmt.Errorf("profile %s in the database: %w", p.Name, err)
	}
	return v, nil
}

// List gives all profiles by name.
func (s *Service) List(ctx context.Context) (all []Profile, err error) {
	err = s.db.View(ctx, func(r store.Reader) error {
		rows, err := r.Profiles()
		if err != nil {
			return err
		}
		types, err := r.Types()
		if err != nil {
			return err
		}
		all = make([]Profile, len(rows))
		for i, row := range rows {
			if all[i], err = profile(row, types); err != nil {
				return err
			}
		}
		return nil
	})
	return all, err
}

// Show gives the profile of a name. The error is a fault, NotFound, if there is
// none.
func (s *Service) Show(ctx context.Context, name string) (p Profile, err error) {
	err = s.db.View(ctx, func(r store.Reader) error {
		row, err := r.Profile(name)
		if err != nil {
			return absent(name, err)
		}
		types, err := r.Types()
		if err != nil {
			return err
		}
		p, err = profile(row, types)
		return err
	})
	return p, err
}

func profile(row store.Profile, types []token.Type) (Profile, error) {
	v, err := vector(row)
	p := Profile{Name: row.Name, Vector: v, Created: row.Created, Retired: row.Retired}
	for _, t := range types {
		if t.Profile == row.Name {
			p.UsedBy = append(p.UsedBy, t.Name)
		}
	}
	return p, err
}

// Create takes a profile into use under a name, which is as that of a token type
// (token.ValidName). Its ID, Key and IssuerKey are drawn, whatever p has there.
// warnings say what is allowed but may not be meant. The error is a fault: Invalid
// for a name or a profile that breaks a rule, Conflict if the name is taken.
func (s *Service) Create(ctx context.Context, name string, p activation.Profile, origin audit.Origin) (
	_ Profile, warnings []string, err error) {
	if !token.ValidName(name) {
		return Profile{}, nil, fault.New(fault.Invalid, "profile_name",
			fmt.Sprintf("The name %q must consist of a-z, 0-9 and hyphens, begin with a letter, and have at most 32 characters.", name))
	}
	var made Profile
	err = s.db.Update(ctx, func(tx store.Tx) error {
		v, err := s.add(tx, name, p, origin)
		if errors.Is(err, store.ErrConflict) {
			return fault.New(fault.Conflict, "profile_exists", fmt.Sprintf("Profile %s already exists, and a "+
				"profile never changes.", name)).
				WithHint("Choose another name for the new one; set it for a type with ostiary type change TYPE " +
					"--profile NAME.").Because(err)
		} else if err != nil {
			return err
		}
		made = Profile{Name: name, Vector: v, Created: s.stamp()}
		types, err := tx.Types()
		warnings = warn(name, v, types)
		return err
	})
	return made, warnings, err
}

// stamp is now as it is stored.
func (s *Service) stamp() time.Time { return s.now().UTC().Truncate(time.Millisecond) }

// add draws what a profile is told apart by, stores it and records it. The error
// is store.ErrConflict if the name is taken.
func (s *Service) add(tx store.Tx, name string, p activation.Profile, origin audit.Origin) (*activation.Vector, error) {
	seed, err := identify(&p)
	if err != nil {
		return nil, err
	}
	defer seed.Wipe()
	v, err := p.Vector()
	if errors.Is(err, activation.ErrProfile) {
		return nil,
			fault.New(fault.Invalid, "profile_invalid", fmt.Sprintf("The profile breaks a rule: %s.", err)).Because(err)
	} else if err != nil {
		return nil, err
	}
	sealed, err := s.keys.Seal(store.ProfileBinding(v.Bytes()), seed)
	if err != nil {
		return nil, err
	}
	if err := tx.AddProfile(
		store.Profile{Name: name, Vector: v.Bytes(), Issuer: sealed, Created: s.stamp()}); err != nil {
		return nil, err
	}
	return v, s.record(tx, audit.ProfileCreated, name, nil,
		[]audit.Field{{Name: "fingerprint", Value: v.Fingerprint()}, {Name: "serial_prefix", Value: p.Prefix}}, origin)
}

// identify draws a profile's ID, key and issuer, and returns the seed of the
// issuer's key (RFC 8032).
func identify(p *activation.Profile) (seed seal.Secret, err error) {
	drawn, err := activation.NewProfile(rand.Reader)
	if err != nil {
		return seed, err
	}
	raw := make([]byte, ed25519.SeedSize)
	if _, err := rand.Read(raw); err != nil {
		return seed, err
	}
	private := ed25519.NewKeyFromSeed(raw)
	defer clear(private)
	p.ID, p.Key = drawn.ID, drawn.Key
	copy(p.IssuerKey[:], private.Public().(ed25519.PublicKey))
	return seal.NewSecret(raw), nil
}

func (s *Service) record(tx store.Tx, action audit.Action, subject string, before, after []audit.Field,
	origin audit.Origin) error {
	return tx.AppendAudit(audit.Entry{Time: s.now(), Action: action, Outcome: audit.Done, Origin: origin,
		Subject: audit.Subject{Other: subject},
		Before:  before, After: after}.Canonical())
}
