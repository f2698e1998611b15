package lifecycle

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/internal/token"
)

// A code is accepted at most once, ever: also when its token is deleted and its
// seed file imported again. So a deleted token leaves the counter it stood at,
// under a fingerprint of its secret. The fingerprint is an HMAC under a key that
// is sealed in the database, so that it reveals nothing about the secret.

const fingerprintSetting = "fingerprint_key"

var fingerprintBinding = seal.Binding{Table: "setting", Column: fingerprintSetting}

// past knows where deleted tokens stood.
type past struct {
	tx    store.Tx
	key   seal.Secret
	empty bool // no token was ever deleted
}

// past opens the fingerprint key, and makes it the first time.
func (s *Service) past(tx store.Tx) (past, error) {
	sealed, err := tx.Setting(fingerprintSetting)
	if errors.Is(err, store.ErrNotFound) {
		raw := make([]byte, sha256.Size)
		if _, err := rand.Read(raw); err != nil {
			return past{}, err
		}
		if sealed, err = s.keys.Seal(fingerprintBinding, seal.NewSecret(raw)); err != nil {
			return past{}, err
		}
		err = tx.SetSetting(fingerprintSetting, sealed)
		clear(raw)
		if err != nil {
			return past{}, err
		}
	} else if err != nil {
		return past{}, err
	}
	key, err := s.keys.Open(fingerprintBinding, sealed)
	if err != nil {
		return past{}, fmt.Errorf("fingerprint key: %w", err)
	}
	any, err := tx.AnyRetired()
	return past{tx: tx, key: key, empty: !any}, err
}

func (p past) fingerprint(t token.Token, secret seal.Secret) []byte {
	mac := hmac.New(sha256.New, p.key.Bytes())
	mac.Write([]byte(t.Spec.Algorithm))
	mac.Write([]byte{0})
	mac.Write(secret.Bytes())
	return mac.Sum(nil)
}

// resume is the counter at which an imported token begins: what its file says,
// or, if a token of this secret was deleted, not below where that one stood.
func (p past) resume(t token.Token, secret seal.Secret) (uint64, error) {
	if p.empty {
		return t.Condition.Next, nil
	}
	next, err := p.tx.Retired(p.fingerprint(t, secret))
	if errors.Is(err, store.ErrNotFound) {
		return t.Condition.Next, nil
	}
	return max(next, t.Condition.Next), err
}

// retire remembers where a token stands.
func (s *Service) retire(tx store.Tx, t *token.Token) error {
	p, err := s.past(tx)
	if err != nil {
		return err
	}
	defer p.key.Wipe()
	c, err := tx.Identity(t.Identity, 0)
	if err != nil {
		return err
	}
	secret, err := s.keys.Open(store.SecretBinding(t.ID), c.Sealed)
	if err != nil {
		return fmt.Errorf("open secret of token %d: %w", t.ID, err)
	}
	defer secret.Wipe()
	if secret.Len() == 0 {
		return nil // its activation was still to make one
	}
	return tx.Retire(p.fingerprint(*t, secret), t.Condition.Next)
}
