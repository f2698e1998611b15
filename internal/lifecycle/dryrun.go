package lifecycle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/internal/token"
)

// dryRun goes through the file without writing.
func (s *Service) dryRun(ctx context.Context, req ImportRequest) (Report, error) {
	rep := Report{DryRun: true}
	seen := map[token.Identity]seal.Secret{}
	defer func() {
		for _, secret := range seen {
			secret.Wipe()
		}
	}()
	err := s.readAll(req.Keys, func(keys []staged) error {
		return s.db.View(ctx, func(r store.Reader) error {
			for _, k := range keys {
				if k.row.Outcome != Refused {
					if err := s.foresee(r, &k, seen); err != nil {
						return err
					}
				}
				rep.Rows = append(rep.Rows, k.row)
			}
			return nil
		})
	})
	if err != nil {
		return Report{}, err
	}
	rep.count()
	if rep.Refused > 0 && !req.SkipBad {
		rep.holdBack()
	}
	return rep, nil
}

// foresee says how stage would end this key.
func (s *Service) foresee(r store.Reader, k *staged, seen map[token.Identity]seal.Secret) error {
	id := k.token.Identity
	if before, ok := seen[id]; ok {
		k.row.Outcome, k.row.Reason = clash(before, k.secret, true)
		return nil
	}
	if found, err := s.twin(r, k); found || err != nil {
		return err
	}
	existing, err := r.Identity(id, 0)
	if errors.Is(err, store.ErrNotFound) {
		k.row.Outcome = Imported
		seen[id] = seal.NewSecret(append([]byte(nil), k.secret.Bytes()...))
		return nil
	} else if err != nil {
		return err
	}
	k.row.Outcome, k.row.Reason, err = s.compare(existing, 0, k.secret)
	return err
}

// compare tells an identical token from one that only has the same identity.
func (s *Service) compare(existing store.Candidate, run int64, secret seal.Secret) (Outcome, string, error) {
	have, err := s.keys.Open(store.SecretBinding(existing.Token.ID), existing.Sealed)
	if err != nil {
		return "", "", fmt.Errorf("open secret of token %d: %w", existing.Token.ID, err)
	}
	defer have.Wipe()
	o, why := clash(have, secret, run != 0 && existing.Token.Run == run)
	return o, why, nil
}

// clash words what becomes of a key whose identity is taken.
func clash(have, secret seal.Secret, inFile bool) (Outcome, string) {
	const identity = "type, manufacturer, serial and key id"
	switch same := have.Equal(secret); {
	case same && inFile:
		return Duplicate, "the same key stands in the file twice"
	case same:
		return Duplicate, "the same token with the same secret is there already"
	case inFile:
		return Refused, "conflict: another secret stands under the same " + identity + " in this file"
	}
	return Refused, "conflict: another secret stands under the same " + identity
}

// Examination is what a file holds, as far as can be told without a server.
type Examination struct {
	// Keys counts by what they compute those keys that would be imported, if the
	// database has nothing against them.
	Keys []Group
	// Refused are the others.
	Refused []Row
}

// Group is how many keys are of one type and compute alike.
type Group struct {
	Type string
	Spec token.Spec
	Keys int
}

// Examine reads a file to its end without a server. If there is an error, which
// says what is wrong with the file as a whole, the examination is of what was read
// before.
func Examine(keys KeySource) (Examination, error) {
	s := Service{maxDrift: defaultMaxDrift}
	var x Examination
	counts := map[Group]int{}
	err := s.readAll(keys, func(keys []staged) error {
		for _, k := range keys {
			if k.row.Outcome == Refused {
				x.Refused = append(x.Refused, k.row)
			} else {
				counts[Group{Type: k.row.Type, Spec: k.token.Spec}]++
			}
		}
		return nil
	})
	for g, n := range counts {
		g.Keys = n
		x.Keys = append(x.Keys, g)
	}
	slices.SortFunc(x.Keys, func(a, b Group) int {
		return cmp.Or(strings.Compare(a.Type, b.Type), cmp.Compare(a.Spec.Digits, b.Spec.Digits), cmp.Compare(a.Spec.Period, b.Spec.Period),
			strings.Compare(a.Spec.Hash, b.Spec.Hash), strings.Compare(a.Spec.Suite, b.Spec.Suite))
	})
	return x, err
}
