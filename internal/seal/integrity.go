package seal

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// Purpose names what a keyed hash is made for. Each has a key of its own.
type Purpose string

// The purposes of keyed hashes.
const (
	Head     Purpose = "head"     // the head of the audit log
	Row      Purpose = "row"      // who gets in: owners, states, serials, roles
	KeyHash  Purpose = "api-key"  // API keys as the database holds them
	Password Purpose = "password" // passwords as the database holds them
	Link     Purpose = "link"     // enrolment links and tickets
	Session  Purpose = "session"  // sessions that are stored
	Mark     Purpose = "mark"     // how far a server has been
	Twin     Purpose = "twin"     // which tokens hold one secret
	Code     Purpose = "code"     // temporary codes
	Archive  Purpose = "archive"  // what the audit log was before it was archived
	Job      Purpose = "job"      // changes of many tokens that are still to be made
)

const integrityKey = 32

// GenesisSize is the length of what names a database, drawn when it is made.
const GenesisSize = 16

// Genesis names a database for ever, so that no other one takes its place.
type Genesis [GenesisSize]byte

// WrappedIntegrity is the integrity key as the database holds it.
type WrappedIntegrity struct {
	ID      uint32
	KEK     string // the id of the key-encryption key that wraps it
	Wrapped []byte
}

// Integrity makes the keyed hashes of one database, by which it knows what it wrote
// itself. Its key is wrapped by the key-encryption key, never by a data key: whoever
// has the database alone can neither make nor check one. It does not change after it
// was opened, so it is safe for concurrent use.
type Integrity struct {
	genesis Genesis
	id      uint32
	root    Secret
}

// NewIntegrity makes integrity key id of a database, wrapped by kek.
func NewIntegrity(ctx context.Context, kek KEK, genesis Genesis, id uint32) (WrappedIntegrity, error) {
	raw := make([]byte, integrityKey)
	if _, err := rand.Read(raw); err != nil {
		return WrappedIntegrity{}, err
	}
	key := NewSecret(raw)
	defer key.Wipe()
	wrapped, err := kek.Wrap(ctx, wrapIntegrity(genesis, id, kek.ID()), key)
	if err != nil {
		return WrappedIntegrity{}, fmt.Errorf("wrap integrity key %d: %w", id, err)
	}
	return WrappedIntegrity{ID: id, KEK: kek.ID(), Wrapped: wrapped}, nil
}

// OpenIntegrity unwraps the integrity key of a database. A key of another database,
// or of another key-encryption key, is ErrOpen.
func OpenIntegrity(ctx context.Context, kek KEK, genesis Genesis, w WrappedIntegrity) (*Integrity, error) {
	if w.KEK != kek.ID() {
		return nil, fmt.Errorf("integrity key %d is wrapped by key-encryption key %s, but the key given is %s", w.ID,
			w.KEK, kek.ID())
	}
	root, err := kek.Unwrap(ctx, wrapIntegrity(genesis, w.ID, w.KEK), w.Wrapped)
	if err != nil {
		return nil, fmt.Errorf("unwrap integrity key %d: %w", w.ID, err)
	}
	if root.Len() != integrityKey {
		return nil, errors.New("the integrity key has the wrong length")
	}
	return &Integrity{genesis: genesis, id: w.ID, root: root}, nil
}

// wrapIntegrity is what the wrapping of the key is bound to.
func wrapIntegrity(genesis Genesis, id uint32, kek string) []byte {
	ad := append([]byte("ostiary/integrity-key/1"), genesis[:]...)
	return append(binary.BigEndian.AppendUint32(ad, id), kek...)
}

// Genesis is the name of the database.
func (i *Integrity) Genesis() Genesis { return i.genesis }

// ID is the number of the key, which stands in what is made with it.
func (i *Integrity) ID() uint32 { return i.id }

// Hasher gives the keyed hash of one purpose: the HMAC-SHA-256 under a key that is
// derived for it by HKDF-Expand (RFC 5869, section 2.3).
func (i *Integrity) Hasher(p Purpose) (*Hasher, error) {
	key, err := hkdf.Expand(sha256.New, i.root.Bytes(), "ostiary/int/1/"+string(p), integrityKey)
	if err != nil {
		return nil, fmt.Errorf("derive the key for %s: %w", p, err)
	}
	return &Hasher{key: NewSecret(key)}, nil
}

// Hasher makes keyed hashes of one purpose. It is safe for concurrent use.
type Hasher struct{ key Secret }

// Sum is the keyed hash of parts, each behind its length in 4 bytes, so that no two
// lists of parts are one text.
func (h *Hasher) Sum(parts ...[]byte) [sha256.Size]byte {
	m := hmac.New(sha256.New, h.key.Bytes())
	var n [4]byte
	for _, p := range parts {
		binary.BigEndian.PutUint32(n[:], uint32(len(p)))
		m.Write(n[:])
		m.Write(p)
	}
	var sum [sha256.Size]byte
	m.Sum(sum[:0])
	return sum
}

// Check compares a stored hash, or its first bytes (at least 8), with that of parts,
// in constant time.
func (h *Hasher) Check(stored []byte, parts ...[]byte) bool {
	sum := h.Sum(parts...)
	return len(stored) >= 8 && len(stored) <= len(sum) && hmac.Equal(stored, sum[:len(stored)])
}
