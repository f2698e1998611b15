package imports

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// seen is what a dry run has met in the file so far: the identities with
// fingerprints of their secrets, and what users would get. It holds no secret, and no more
// than some tens of bytes a key.
type seen struct {
	key     []byte
	secrets map[mark]seenKey // of identities
	holds   map[heldBy]int   // tokens that users would get
	made    map[string]bool
	// accounts are what authenticators know the keys by that have activations.
	accounts map[account]seenToken
}

// seenToken is what a key is compared by with another one of its account.
type seenToken struct {
	identity token.Identity
	mark     token.Mark
	epoch    int64
}

func (s seenToken) token() token.Token {
	return token.Token{Kind: token.Software, Identity: s.identity, Mark: s.mark,
		Condition: token.Condition{Epoch: s.epoch}}
}

// seenKey is a secret, and a sum of how it makes codes.
type seenKey struct {
	secret mark
	spec   uint32
}

// mark is a keyed fingerprint; two are alike by chance never.
type mark [16]byte

// heldBy is a user, and a type unless all are meant.
type heldBy struct{ user, typ string }

func newSeen() *seen {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	return &seen{key: key, secrets: map[mark]seenKey{}, holds: map[heldBy]int{}, made: map[string]bool{},
		accounts: map[account]seenToken{}}
}

// marks gives the marks of a key's identity and of its secret.
func (s *seen) marks(k *staged) (identity mark, made seenKey) {
	mac := hmac.New(sha256.New, s.key)
	id := k.token.Unique()
	for _, part := range []string{id.Type, id.Manufacturer, id.Serial, id.KeyID} {
		mac.Write([]byte(part))
		mac.Write([]byte{0}) // in no part (checkText)
	}
	copy(identity[:], mac.Sum(nil))
	mac.Reset()
	mac.Write(k.secret.Bytes())
	copy(made.secret[:], mac.Sum(nil))
	made.spec = crc32.ChecksumIEEE(fmt.Append(nil, k.token.Spec))
	return identity, made
}

// foresee says of a chunk how stage would end its keys.
func (i *importer) foresee(keys []staged) error {
	if err := i.mark(keys); err != nil {
		return err
	}
	var t tally
	err := i.db.View(i.ctx, func(r store.Reader) error {
		t = i.tally()
		here, err := i.know(r, keys)
		if err != nil {
			return err
		}
		defer here.close()
		for _, k := range keys {
			if err := i.admit(r, &k, &t); err != nil {
				return err
			}
			if k.row.Outcome != Refused {
				if err := i.foreseeOne(r, here, &k, &t); err != nil {
					return err
				}
			}
			t.count(i, &k)
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

func (i *importer) foreseeOne(r store.Reader, here known, k *staged, t *tally) error {
	id, sum := i.seen.marks(k)
	if err := i.arrive(r, k, t); err != nil {
		return err
	}
	if err := i.place(r, k); err != nil {
		return err
	}
	if err := i.settleSecret(r, k, here, t); err != nil || k.row.Outcome != "" {
		return err
	}
	if err := i.mayHave(r, k); err != nil || k.row.Outcome != "" {
		return err
	}
	if before, ok := i.seen.secrets[id]; ok {
		if i.clash(k, before.secret == sum.secret, true); before.secret == sum.secret && before.spec != sum.spec {
			k.end(Conflict, twiceDifferent)
		}
		return nil
	}
	existing, err := r.Identity(k.token.Identity, 0)
	if errors.Is(err, store.ErrNotFound) {
		i.seen.secrets[id] = sum
		k.row.Outcome = Imported
		i.arrived(k, t, false)
		return i.foreseeOwner(r, k, t)
	} else if err != nil {
		return err
	}
	same, err := i.sameSecret(existing, k)
	if err != nil {
		return err
	}
	i.clash(k, same, false)
	k.mindCounter(existing.Token)
	if err := i.mindDevice(r, existing.Token, k); err != nil {
		return err
	}
	if same {
		i.otherValues(existing.Token, k, t)
	}
	defer func() { i.arrived(k, t, !same) }()
	if k.row.Outcome != Replaced || same {
		if same {
			return nil
		}
		i.mayRenumber(k)
		return nil
	}
	may, err := i.mayRearm(r, existing.Token, k, t)
	if may {
		t.replaced = append(t.replaced, existing.Token.ID)
	}
	return err
}

func (i *importer) foreseeOwner(r store.Reader, k *staged, t *tally) error {
	err := i.giveOwner(r, k, t, func(name string) (int64, bool, error) {
		made := !i.seen.made[name]
		i.seen.made[name] = true
		return 0, made, nil
	})
	i.seen.keepAccount(k)
	if k.token.OwnerName != "" {
		i.seen.holds[heldBy{k.token.OwnerName, ""}]++
		i.seen.holds[heldBy{k.token.OwnerName, k.token.Identity.Type}]++
	}
	return err
}

// foreseeRenumbered says which serial stageRenumbered would give.
func (i *importer) foreseeRenumbered(r store.Reader, k *staged, t *tally) error {
	if ended, err := i.noOtherSerial(r, k); ended || err != nil {
		return err
	}
	typ := i.types[k.token.Identity.Type]
	next := t.arrivals[typ.Name].next
	if next > typ.Last() || !typ.Retired.IsZero() {
		k.end(Conflict, k.row.Reason+seriesEnded)
		return nil
	}
	k.renumber(typ.Serial(next))
	k.row.Outcome = Imported
	id, sum := i.seen.marks(k)
	i.seen.secrets[id] = sum
	return i.foreseeOwner(r, k, t)
}

// keepAccount remembers the account of a key that would be imported.
func (s *seen) keepAccount(k *staged) {
	if k.load != nil && k.row.Outcome == Imported {
		s.accounts[k.account()] = seenToken{k.token.Identity, k.token.Mark, k.token.Condition.Epoch}
	}
}
