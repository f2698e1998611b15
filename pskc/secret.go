package pskc

import (
	"fmt"
	"io"
)

// redacted stands where a secret would be printed.
const redacted = "[redacted]"

// Secret is key material. It behaves as a []byte, except that fmt, log/slog,
// encoding/json and encoding/xml show it as "[redacted]". Convert it to
// []byte to use it; clear it when done.
type Secret []byte

// Format writes "[redacted]" whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText gives "[redacted]"; JSON, XML and structured logs ask for it.
// There is no way back: a secret is written out only by code that means to.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
