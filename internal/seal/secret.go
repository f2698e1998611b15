package seal

import (
	"crypto/subtle"
	"fmt"
	"log/slog"
)

const redacted = "[redacted]"

// Secret is key material. It has no text form on purpose: printing, logging or
// marshalling one gives "[redacted]".
//
// Package fmt calls no method on what it finds in an unexported field, but
// prints its content, and follows pointers to it. It stops at a function, so the
// bytes are behind one.
type Secret struct {
	_ [0]func() // not comparable with ==; use Equal
	b func() []byte
}

// NewSecret takes ownership of b.
func NewSecret(b []byte) Secret { return Secret{b: func() []byte { return b }} }

// Bytes gives the key material itself. The caller must not keep it longer than
// the Secret.
func (s Secret) Bytes() []byte {
	if s.b == nil {
		return nil
	}
	return s.b()
}

// Len is the number of bytes.
func (s Secret) Len() int { return len(s.Bytes()) }

// Equal compares in constant time.
func (s Secret) Equal(o Secret) bool { return subtle.ConstantTimeCompare(s.Bytes(), o.Bytes()) == 1 }

// Wipe overwrites the key material. The garbage collector may have left other
// copies; this shortens the time the main one lives.
func (s Secret) Wipe() { clear(s.Bytes()) }

// Format prints "[redacted]" under every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue keeps a Secret out of logs.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText keeps a Secret out of JSON, XML and text.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
