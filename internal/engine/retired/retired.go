// Package retired remembers where tokens stood that are here no more.
//
// A code is accepted at most once, ever: also when its token is deleted and its
// seed file imported again. So a deleted token leaves the counter it stood at,
// under a fingerprint of its secret. The fingerprint is an HMAC under a key that
// is sealed in the database, so that it reveals nothing about the secret.
package retired

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"ostiary/internal/core/token"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

const fingerprintSetting = "fingerprint_key"

var fingerprintBinding = seal.Binding{Table: "setting", Column: fingerprintSetting}

// Past knows where deleted tokens stood.
type Past struct {
	r     store.Reader
	key   seal.Secret
	empty bool // no token was ever deleted
}

// LookBack opens the past for a reader; without a fingerprint key there is none.
func LookBack(r store.Reader, keys tokens.Keys) (Past, error) {
	sealed, err := r.Setting(fingerprintSetting)
	if errors.Is(err, store.ErrNotFound) {
		return Past{r: r, empty: true}, nil
	} else if err != nil {
		return Past{}, err
	}
	key, err := keys.Open(fingerprintBinding, sealed)
	if err != nil {
		return Past{}, fmt.Errorf("fingerprint key: %w", err)
	}
	any, err := r.AnyRetired()
	return Past{r: r, key: key, empty: !any}, err
}

// Open opens the past for a writer, and makes its fingerprint key the first time.
func Open(tx store.Tx, keys tokens.Keys) (Past, error) {
	_, err := tx.Setting(fingerprintSetting)
	if errors.Is(err, store.ErrNotFound) {
		raw := make([]byte, sha256.Size)
		if _, err := rand.Read(raw); err != nil {
			return Past{}, err
		}
		sealed, err := keys.Seal(fingerprintBinding, seal.NewSecret(raw))
		if err != nil {
			return Past{}, err
		}
		err = tx.SetSetting(fingerprintSetting, sealed)
		clear(raw)
		if err != nil {
			return Past{}, err
		}
	} else if err != nil {
		return Past{}, err
	}
	return LookBack(tx, keys)
}

// Close wipes the fingerprint key.
func (p Past) Close() { p.key.Wipe() }

// Away says why a token must not come in: it moved to another server, and its file
// is none of a move that brings it back. Otherwise a code would count on both.
func (p Past) Away(t token.Token, secret seal.Secret, move string) (why string, err error) {
	if p.empty {
		return "", nil
	}
	away, err := p.r.MovedAway(p.fingerprint(t, secret))
	if err != nil || !away {
		return "", err
	}
	if move == "" {
		return "this token moved to another server; only a move from there brings it back " +
			"(ostiary token export --move)", nil
	}
	received, err := p.r.Received(move)
	if received {
		why = "this file brought the token here before, and since then it moved to another server"
	}
	return why, err
}

func (p Past) fingerprint(t token.Token, secret seal.Secret) []byte {
	mac := hmac.New(sha256.New, p.key.Bytes())
	mac.Write([]byte(t.Spec.Algorithm))
	mac.Write([]byte{0})
	mac.Write(secret.Bytes())
	return mac.Sum(nil)
}

// Resume is the counter at which an imported token begins: what its file says,
// or, if a token of this secret was deleted, not below where that one stood.
func (p Past) Resume(t token.Token, secret seal.Secret) (uint64, error) {
	if p.empty {
		return t.Condition.Next, nil
	}
	next, err := p.r.Retired(p.fingerprint(t, secret))
	if errors.Is(err, store.ErrNotFound) {
		return t.Condition.Next, nil
	}
	return max(next, t.Condition.Next), err
}

// Retire remembers where a token stands.
func Retire(tx store.Tx, keys tokens.Keys, t *token.Token) error {
	p, err := Open(tx, keys)
	if err != nil {
		return err
	}
	defer p.Close()
	c, err := tx.Identity(t.Identity, 0)
	if err != nil {
		return err
	}
	secret, err := tokens.OpenSecret(keys, c)
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
