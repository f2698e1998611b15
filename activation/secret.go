package activation

import (
	"fmt"
	"io"
)

// redacted stands where a secret would be printed.
const redacted = "[redacted]"

// SecretSize is the length of the secret S of an epoch in bytes.
const SecretSize = 16

// Secret is key material, or the text of a code or password. It behaves as a
// []byte, except that fmt, log/slog, encoding/json and encoding/xml show it as
// "[redacted]". Convert it to string or []byte to use it; clear it when done.
//
// Package fmt does not ask it in an unexported field, nor behind a pointer that is
// printed with a verb that does not suit pointers, such as %s: a type that holds
// Secrets there needs a Format of its own.
type Secret []byte

// Format writes "[redacted]" whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText gives "[redacted]"; JSON, XML and structured logs ask for it. There
// is no way back: a secret is written out only by code that means to.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// NewSecret draws the secret S of a new epoch, 16 bytes.
func NewSecret(random io.Reader) (Secret, error) { return draw(random, SecretSize) }

// draw reads n random bytes.
func draw(random io.Reader, n int) (Secret, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(random, b); err != nil {
		return nil, fmt.Errorf("draw random bytes: %w", err)
	}
	return b, nil
}
