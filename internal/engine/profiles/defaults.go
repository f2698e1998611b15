package profiles

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"ostiary/activation"
	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/printable"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// EnsureDefaults gives each built-in type with one-step activation that has no
// profile one of its own name, with the rules that activation.NewProfile advises,
// and makes that first where it is missing. issuer names the organisation in
// apps; it is cut to what a profile may show. What is there stays as it is.
func (s *Service) EnsureDefaults(ctx context.Context, issuer string, origin audit.Origin) error {
	for _, t := range token.Types() {
		if t.Activation != token.OneStep {
			continue
		}
		err := s.db.Update(ctx, func(tx store.Tx) error { return s.ensureDefault(tx, t.Name, issuer, origin) })
		if err != nil {
			return fmt.Errorf("default profile of type %s: %w", t.Name, err)
		}
	}
	return nil
}

func (s *Service) ensureDefault(tx store.Tx, name, issuer string, origin audit.Origin) error {
	t, err := tx.Type(name)
	if err != nil || t.Activation != token.OneStep || t.Profile != "" {
		return err
	}
	v, err := ForNew(tx, name)
	if f := fault.Of(err); f != nil && f.Code == "profile_retired" {
		return nil
	}
	if errors.Is(err, store.ErrNotFound) {
		v, err = s.addDefault(tx, t, issuer, origin)
	}
	if err != nil || Misfit(t, v) != "" {
		return err // an administrator's own profile of this name, or another prefix by now
	}
	after := t
	after.Profile = name
	if err := tx.ChangeType(t, after); err != nil {
		return err
	}
	return s.record(tx, audit.TypeChanged, name, []audit.Field{{Name: "profile", Value: t.Profile}},
		[]audit.Field{{Name: "profile", Value: name}}, origin)
}

// addDefault makes the profile of a type from what the type says.
func (s *Service) addDefault(tx store.Tx, t token.Type, issuer string, origin audit.Origin) (*activation.Vector,
	error) {
	text := fmt.Sprintf("%s-%s-%d", t.Algorithm, t.Hash, t.Digits)
	if t.Algorithm == token.TOTP {
		text += fmt.Sprintf("/%d", t.Period)
	}
	suite, err := activation.ParseSuite(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	p, err := activation.NewProfile(rand.Reader)
	if err != nil {
		return nil, err
	}
	p.Name, p.Issuer, p.Prefix = "Mobile "+string(t.Algorithm), issuerName(issuer), t.Prefix
	p.Applications = []activation.Application{{Index: 1, Name: "Login", Mode: activation.ResponseOnly, Suite: suite}}
	return s.add(tx, t.Name, *p, origin)
}

const maxIssuer = 64 // bytes

// issuerName cuts a name to what a profile may show.
func issuerName(name string) string {
	name = printable.Trim(strings.Map(func(r rune) rune {
		if r == utf8.RuneError || printable.Hidden(r) {
			return -1
		}
		return r
	}, name))
	for len(name) > maxIssuer {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return printable.Trim(name)
}
