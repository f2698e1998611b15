package lifecycle

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"

	"ostiary/internal/store"
	"ostiary/internal/token"
)

// seen is what a dry run has met in the file so far: the identities with
// fingerprints of their secrets, and what users would get. It holds no secret, and no more
// than some tens of bytes a key.
type seen struct {
	key     []byte
	secrets map[token.Identity][sha256.Size]byte
	holds   map[string]int // tokens that users would get
	made    map[string]bool
}

func newSeen() *seen {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	return &seen{key: key, secrets: map[token.Identity][sha256.Size]byte{}, holds: map[string]int{}, made: map[string]bool{}}
}

func (s *seen) fingerprint(k *staged) (sum [sha256.Size]byte) {
	mac := hmac.New(sha256.New, s.key)
	mac.Write(k.secret.Bytes())
	copy(sum[:], mac.Sum(nil))
	return sum
}

// foresee says of a chunk how stage would end its keys.
func (i *importer) foresee(keys []staged) error {
	var t tally
	err := i.db.View(i.ctx, func(r store.Reader) error {
		t = tally{counts: i.counts}
		stock, err := inStock(r, keys)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if k.row.Outcome != Refused {
				if err := i.foreseeOne(r, stock, &k, &t); err != nil {
					return err
				}
			}
			t.count(&k)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return i.commit(func(_ store.Tx, all *tally) error {
		*all = t
		return nil
	})
}

func (i *importer) foreseeOne(r store.Reader, stock stock, k *staged, t *tally) error {
	id, sum := k.token.Identity, i.seen.fingerprint(k)
	if found, err := i.twin(r, stock, k); found || err != nil {
		return err
	}
	if before, ok := i.seen.secrets[id]; ok {
		i.clash(k, hmac.Equal(before[:], sum[:]), true)
		return nil
	}
	existing, err := r.Identity(id, 0)
	if errors.Is(err, store.ErrNotFound) {
		i.seen.secrets[id] = sum
		k.row.Outcome = Imported
		err := i.giveOwner(r, k, t, func(name string) (int64, bool, error) {
			made := !i.seen.made[name]
			i.seen.made[name] = true
			return 0, made, nil
		})
		if k.token.OwnerName != "" {
			i.seen.holds[k.token.OwnerName]++
		}
		return err
	} else if err != nil {
		return err
	}
	same, err := i.sameSecret(existing, k.secret)
	if err != nil {
		return err
	}
	i.clash(k, same, false)
	if k.row.Outcome != Replaced {
		return nil
	}
	if i.mayReplace(existing.Token.ID, k, t) {
		t.replaced = append(t.replaced, existing.Token.ID)
	}
	return nil
}

// Examine reads a file to its end without a server and hands on what there is
// to say of each key: refused, or what would be imported up to what the
// database says.
func Examine(keys KeySource, each func(store.RunRow)) error {
	return newMapper(token.Types(), defaultMaxDrift).readAll(keys, func(keys []staged) error {
		for _, k := range keys {
			if k.row.Outcome == "" {
				k.row.Outcome = Imported
			}
			if k.isPIN && k.row.Outcome == Imported {
				k.row.Type = "PIN of a token"
			}
			each(k.row)
		}
		return nil
	})
}
