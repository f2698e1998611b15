package lifecycle

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"ostiary/internal/core/token"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// A code is accepted at most once, ever: also when its token is deleted and its
// seed file imported again. So a deleted token leaves the counter it stood at,
// under a fingerprint of its secret. The fingerprint is an HMAC under a key that
// is sealed in the database, so that it reveals nothing about the secret.

const fingerprintSetting = "fingerprint_key"

var fingerprintBinding = seal.Binding{Table: "setting", Column: fingerprintSetting}

// past knows where deleted tokens stood.
type past struct {
	r     store.Reader
	key   seal.Secret
	empty bool // no token was ever deleted
}

// lookBack opens the past.
func (s *Service) lookBack(r store.Reader) (past, error) {
	sealed, err := r.Setting(fingerprintSetting)
	if err != nil {
		return past{}, fmt.Errorf("fingerprint key: %w", err)
	}
	key, err := s.keys.Open(fingerprintBinding, sealed)
	if err != nil {
		return past{}, fmt.Errorf("fingerprint key: %w", err)
	}
	any, err := r.AnyRetired()
	return past{r: r, key: key, empty: !any}, err
}

// MakeFingerprintKey makes the key of a new database. It is never made anew: what was
// remembered under the old one would be forgotten. So made is false, with nothing
// done, if there is one, and it is ErrConflict if there is none but tokens were
// deleted.
func MakeFingerprintKey(tx store.Tx, keys Keys) (made bool, err error) {
	if _, err := tx.Setting(fingerprintSetting); !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	if any, err := tx.AnyRetired(); err != nil || any {
		return false, errors.Join(err, store.ErrConflict)
	}
	raw := make([]byte, sha256.Size)
	if _, err := rand.Read(raw); err != nil {
		return false, err
	}
	key := seal.NewSecret(raw)
	defer key.Wipe()
	sealed, err := keys.Seal(fingerprintBinding, key)
	if err != nil {
		return false, err
	}
	return true, tx.SetSetting(fingerprintSetting, sealed)
}

// away says why a key must not come in: its token moved to another server, and
// this file is none that brings it back. Otherwise a code would count on both.
func (p past) away(k *staged) (why string, err error) {
	if p.empty {
		return "", nil
	}
	away, err := p.r.MovedAway(p.fingerprint(k.token, k.secret))
	if err != nil || !away {
		return "", err
	}
	if k.passage.move == "" {
		return "this token moved to another server; only a move from there brings it back (ostiary token export --move)", nil
	}
	received, err := p.r.Received(k.passage.move)
	if received {
		why = "this file brought the token here before, and since then it moved to another server"
	}
	return why, err
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
	next, err := p.r.Retired(p.fingerprint(t, secret))
	if errors.Is(err, store.ErrNotFound) {
		return t.Condition.Next, nil
	}
	return max(next, t.Condition.Next), err
}

// retire remembers where a token stands.
func (s *Service) retire(tx store.Tx, t *token.Token) error {
	p, err := s.lookBack(tx)
	if err != nil {
		return err
	}
	defer p.key.Wipe()
	c, err := tx.Identity(t.Identity, 0)
	if err != nil {
		return err
	}
	secret, err := s.secretOf(c)
	if err != nil {
		return err
	}
	defer secret.Wipe()
	if secret.Len() == 0 {
		return nil // its activation was still to make one
	}
	fingerprint := p.fingerprint(*t, secret)
	// On its way it may have arrived elsewhere.
	return errors.Join(tx.Retire(fingerprint, t.Condition.Next),
		tx.SetMovedAway(fingerprint, t.Condition.State == token.Moving))
}
