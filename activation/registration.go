package activation

import (
	"crypto/subtle"
	"io"

	"ostiary/internal/codec/kdf"
	"ostiary/internal/codec/typedcode"
)

// A registration code is locator, R and check characters, one behind the other.
const (
	locatorSize       = 5
	registrationSize  = 25
	registrationCheck = 2
)

// RegistrationCode names an offer and proves that its bearer got it: 25 characters,
// of which 5 are the locator by which the server finds the offer, and 90 bits are
// secret. It does not print; Text gives it. The zero RegistrationCode is none, and
// is refused wherever one is needed.
type RegistrationCode struct {
	// A closure is the one thing that package fmt cannot follow.
	text func() string
}

// newRegistrationCode wraps a canonical code.
func newRegistrationCode(text string) RegistrationCode {
	return RegistrationCode{func() string { return text }}
}

// NewRegistrationCode draws one. A locator that an open offer has already must be
// drawn again.
func NewRegistrationCode(random io.Reader) (RegistrationCode, error) {
	const n = registrationSize - registrationCheck
	bits, err := draw(random, (5*n+7)/8)
	if err != nil {
		return RegistrationCode{}, err
	}
	text := string(typedcode.AppendBase32(nil, bits, n))
	return newRegistrationCode(text + checkCharacters(text)), nil
}

// checkCharacters returns the two that go behind locator and R.
func checkCharacters(text string) string {
	return string(typedcode.AppendBase32(nil, kdf.Hash("ostiary/1 rc", []byte(text)), registrationCheck))
}

// ParseRegistrationCode reads one as it was typed. The error is
// [ErrRegistrationEmpty], [ErrRegistrationCharacter], [ErrRegistrationLength] or
// [ErrRegistrationInvalid].
func ParseRegistrationCode(typed string) (RegistrationCode, error) {
	code, err := typedcode.CanonicalBase32(typed)
	switch {
	case err != nil:
		return RegistrationCode{}, ErrRegistrationCharacter
	case code == "":
		return RegistrationCode{}, ErrRegistrationEmpty
	case len(code) != registrationSize:
		return RegistrationCode{}, ErrRegistrationLength
	}
	const n = registrationSize - registrationCheck
	if subtle.ConstantTimeCompare([]byte(checkCharacters(code[:n])), []byte(code[n:])) != 1 {
		return RegistrationCode{}, ErrRegistrationInvalid
	}
	return newRegistrationCode(code), nil
}

// Text returns the 25 characters without separators; print them with [Group].
func (c RegistrationCode) Text() Secret {
	if c.text == nil {
		return nil
	}
	return Secret(c.text())
}

// Locator returns the first 5 characters. They are no secret.
func (c RegistrationCode) Locator() string {
	if c.text == nil {
		return ""
	}
	return c.text()[:locatorSize]
}

// MAC returns MAC(KDF(R, label; 32), parts…), the proof that a message comes from
// somebody who has the code. Labels are those of docs/protocol.md. It panics on the
// zero RegistrationCode.
func (c RegistrationCode) MAC(label string, parts ...[]byte) []byte {
	r := c.text()[locatorSize : registrationSize-registrationCheck]
	key := kdf.Key([]byte(r), label, kdf.Size)
	defer clear(key)
	return kdf.MAC(key, parts...)
}
