// Package secrets knows tokens by their secrets.
//
// A code is accepted at most once, ever: the moving factor belongs to the secret, not
// to the record that holds it. So every token has a mark, a keyed digest of its
// secret in the form in which HMAC sees it; tokens of one mark hold one secret. What
// a token leaves behind when it is deleted, replaced or moved away stands under its
// mark, in units that survive another period and another algorithm, and so does what
// several tokens of one secret have used together (store.SecretWriter).
//
// Databases from before there were marks remember deleted tokens by a fingerprint of
// algorithm and secret (retired.go); that is only read.
package secrets

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"fmt"

	"ostiary/internal/core/token"
	"ostiary/internal/seal"
	"ostiary/oath"
)

const markDomain = "ostiary/secret/1"

// Marker makes the marks of one database. It is safe for concurrent use.
type Marker struct{ hash *seal.Hasher }

// NewMarker makes a Marker of the hasher for seal.Twin.
func NewMarker(h *seal.Hasher) *Marker { return &Marker{h} }

// Mark gives the mark of a secret as a token of this spec uses it; 0 for an empty
// one. Algorithm, digits and period play no part: a device computes with one of
// them, and six digits are the end of eight.
func (m *Marker) Mark(spec token.Spec, secret seal.Secret) (token.Mark, error) {
	if secret.Len() == 0 {
		return 0, nil
	}
	form, err := normal(spec, secret.Bytes())
	if err != nil {
		return 0, err
	}
	defer clear(form)
	sum := m.hash.Sum([]byte(markDomain), form)
	if mark := token.Mark(binary.BigEndian.Uint64(sum[:8])); mark != 0 {
		return mark, nil
	}
	return 1, nil // 0 is none; that two secrets meet here is as rare as anywhere
}

// normal is a key as HMAC sees it (RFC 2104, section 2): longer than the block of its
// hash it is hashed, and zero bytes at the end change nothing. It is the caller's.
func normal(spec token.Spec, secret []byte) ([]byte, error) {
	hash := spec.Hash
	if spec.Algorithm == token.OCRA {
		suite, err := oath.ParseSuite(spec.Suite)
		if err != nil {
			return nil, fmt.Errorf("the OCRA suite %q: %w", spec.Suite, err)
		}
		hash = suite.Hash.String()
	}
	form := bytes.Clone(secret)
	switch {
	case hash == "SHA1" && len(form) > sha1.BlockSize:
		sum := sha1.Sum(form)
		form = digested(form, sum[:])
	case hash == "SHA256" && len(form) > sha256.BlockSize:
		sum := sha256.Sum256(form)
		form = digested(form, sum[:])
	case hash == "SHA512" && len(form) > sha512.BlockSize:
		sum := sha512.Sum512(form)
		form = digested(form, sum[:])
	case hash != "SHA1" && hash != "SHA256" && hash != "SHA512":
		return nil, fmt.Errorf("the hash %q is not supported for HMAC", hash)
	}
	return bytes.TrimRight(form, "\x00"), nil
}

// digested puts a digest in place of a key.
func digested(key, sum []byte) []byte {
	clear(key)
	return append(key[:0], sum...)
}
