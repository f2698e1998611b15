// Package seal encrypts what is secret in the database.
//
// Envelope encryption in two layers. A key-encryption key (KEK) lives outside
// the database and wraps data keys, which live in the database in wrapped form.
// A data key encrypts secrets with AES-256-GCM under a random 96-bit nonce. The
// associated data names the table, the column, the row and the data key, so
// that a ciphertext copied to another row does not open.
//
// A sealed secret is, in bytes:
//
//	1 version (1) ‖ 4 data key id, big-endian ‖ 12 nonce ‖ ciphertext ‖ 16 tag
//
// A random nonce repeats with probability below 2⁻³² until 2³² secrets were
// sealed under one data key (NIST SP 800-38D, section 8.3),
// a thousand times more tokens than a server holds.
package seal

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
)

// ErrOpen says that a ciphertext does not open: it was altered, moved to
// another row, or sealed under another key.
var ErrOpen = errors.New("the sealed value does not open: altered, moved, or sealed under another key")

// ErrUnknownKey says that a ciphertext names a data key the keyring lacks.
var ErrUnknownKey = errors.New("sealed under a data key that this server does not have")

const (
	version    = 1
	headerSize = 1 + 4
	nonceSize  = 12
	dataKey    = 32
)

// KEK wraps data keys. Implementations are in the folders below this package.
type KEK interface {
	// ID names the key, so that a database opened with another one says so.
	// It reveals nothing about the key.
	ID() string
	// Wrap encrypts a data key, binding it to aad.
	Wrap(ctx context.Context, aad []byte, key Secret) ([]byte, error)
	// Unwrap reverses Wrap. A wrong key or aad is ErrOpen.
	Unwrap(ctx context.Context, aad, wrapped []byte) (Secret, error)
}

// DataKey is a data key as the database holds it.
type DataKey struct {
	ID      uint32
	KEK     string // the id of the key-encryption key that wraps it
	Wrapped []byte
}

// Binding says where a ciphertext belongs.
type Binding struct {
	Table, Column string
	Row           int64
}

func (b Binding) associatedData(key uint32) []byte {
	ad := make([]byte, 0, len("ostiary/seal/1")+len(b.Table)+len(b.Column)+2*2+8+4)
	ad = append(ad, "ostiary/seal/1"...)
	for _, s := range []string{b.Table, b.Column} {
		ad = binary.BigEndian.AppendUint16(ad, uint16(len(s)))
		ad = append(ad, s...)
	}
	ad = binary.BigEndian.AppendUint64(ad, uint64(b.Row))
	return binary.BigEndian.AppendUint32(ad, key)
}

// Keyring seals under its newest data key and opens under all of them. It is safe for
// concurrent use.
type Keyring struct {
	kek KEK
	now atomic.Pointer[ring]
}

// ring is the keys at one time. It does not change.
type ring struct {
	keys    map[uint32]cipher.AEAD
	current uint32
}

// NewDataKey makes data key id, wrapped by kek.
func NewDataKey(ctx context.Context, kek KEK, id uint32) (DataKey, error) {
	raw := make([]byte, dataKey)
	if _, err := rand.Read(raw); err != nil {
		return DataKey{}, err
	}
	key := NewSecret(raw)
	defer key.Wipe()
	wrapped, err := kek.Wrap(ctx, wrapData(id), key)
	if err != nil {
		return DataKey{}, fmt.Errorf("wrap data key %d: %w", id, err)
	}
	return DataKey{ID: id, KEK: kek.ID(), Wrapped: wrapped}, nil
}

func wrapData(id uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte("ostiary/data-key/1"), id)
}

// OpenKeyring unwraps the data keys of a database. The one with the highest id
// seals. It needs at least one key.
func OpenKeyring(ctx context.Context, kek KEK, keys []DataKey) (*Keyring, error) {
	k := &Keyring{kek: kek}
	if err := k.Renew(ctx, keys); err != nil {
		return nil, err
	}
	return k, nil
}

// Renew takes the data keys that the database has now in place of those of before.
func (k *Keyring) Renew(ctx context.Context, keys []DataKey) error {
	if len(keys) == 0 {
		return errors.New("open keyring: no data key")
	}
	r := &ring{keys: make(map[uint32]cipher.AEAD, len(keys))}
	for _, dk := range keys {
		if dk.KEK != k.kek.ID() {
			return fmt.Errorf("data key %d is wrapped by key-encryption key %s, but the key given is %s", dk.ID,
				dk.KEK, k.kek.ID())
		}
		raw, err := k.kek.Unwrap(ctx, wrapData(dk.ID), dk.Wrapped)
		if err != nil {
			return fmt.Errorf("unwrap data key %d: %w", dk.ID, err)
		}
		aead, err := newAEAD(raw.Bytes())
		raw.Wipe()
		if err != nil {
			return fmt.Errorf("data key %d: %w", dk.ID, err)
		}
		r.keys[dk.ID] = aead
		r.current = max(r.current, dk.ID)
	}
	k.now.Store(r)
	return nil
}

// Seal encrypts s for its place.
func (k *Keyring) Seal(b Binding, s Secret) ([]byte, error) {
	r := k.now.Load()
	id, aead := r.current, r.keys[r.current]
	out := make([]byte, headerSize+nonceSize, headerSize+nonceSize+s.Len()+aead.Overhead())
	out[0] = version
	binary.BigEndian.PutUint32(out[1:], id)
	nonce := out[headerSize : headerSize+nonceSize]
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	return aead.Seal(out, nonce, s.Bytes(), b.associatedData(id)), nil
}

// Open decrypts what Seal made for the same place. It returns ErrUnknownKey
// when the data key is not there, ErrOpen for everything else that is wrong.
func (k *Keyring) Open(b Binding, sealed []byte) (Secret, error) {
	if len(sealed) < headerSize+nonceSize || sealed[0] != version {
		return Secret{}, ErrOpen
	}
	id := binary.BigEndian.Uint32(sealed[1:])
	aead := k.now.Load().keys[id]
	if aead == nil {
		return Secret{}, ErrUnknownKey
	}
	nonce, text := sealed[headerSize:headerSize+nonceSize], sealed[headerSize+nonceSize:]
	plain, err := aead.Open(nil, nonce, text, b.associatedData(id))
	if err != nil {
		return Secret{}, ErrOpen
	}
	return NewSecret(plain), nil
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
