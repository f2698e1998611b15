// Package kdf derives keys and computes MACs as the activation protocols do, see
// docs/protocol.md, Conventions: HKDF-SHA256 (RFC 5869) with a label and a list of
// contexts, each with its length before it, and HMAC-SHA256.
package kdf

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"math"
)

// Size is the length of a MAC, a hash and most keys in bytes.
const Size = sha256.Size

// Key derives n bytes from a secret. The label tells keys of one secret apart; it
// holds no zero byte. The contexts say what the key is for. n is at most 255 Size.
func Key(secret []byte, label string, n int, contexts ...[]byte) []byte {
	info := append([]byte("ostiary/1 "), label...)
	info = append(info, 0)
	for _, c := range contexts {
		info = AppendLV(info, c)
	}
	key, err := hkdf.Key(sha256.New, secret, nil, string(info), n)
	if err != nil {
		panic("kdf: " + err.Error()) // a length that no protocol has
	}
	return key
}

// MAC returns HMAC-SHA256 of the parts, one after the other.
func MAC(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// Hash returns SHA-256 of a text and the parts behind it.
func Hash(text string, parts ...[]byte) []byte {
	h := sha256.New()
	h.Write([]byte(text))
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// AppendLV appends the length of x in two bytes, and x.
func AppendLV(b, x []byte) []byte {
	if len(x) > math.MaxUint16 {
		panic("kdf: a context is longer than any protocol's")
	}
	b = append(b, byte(len(x)>>8), byte(len(x)))
	return append(b, x...)
}
