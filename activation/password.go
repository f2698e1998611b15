package activation

import (
	"io"

	"golang.org/x/crypto/argon2"

	"ostiary/internal/codec/kdf"
	"ostiary/internal/codec/typedcode"
)

const (
	passwordSize = 10 // characters of a password that was drawn

	minPassword = 10 // of one that somebody chose
	maxPassword = 64
)

// NewPassword draws an activation password: 10 characters, 50 bits. Print it with
// [Group].
func NewPassword(random io.Reader) (Secret, error) {
	bits, err := draw(random, 7)
	if err != nil {
		return nil, err
	}
	return typedcode.AppendBase32(nil, bits, passwordSize), nil
}

// CheckPassword checks a password that somebody chose: 10 to 64 characters of
// printable ASCII, or [ErrPassword].
func CheckPassword(password string) error {
	_, err := canonicalPassword(password)
	return err
}

// canonicalPassword returns what goes into Argon2id. A text that reads as a
// password that was drawn is taken for one; any other counts byte for byte.
func canonicalPassword(text string) (string, error) {
	if code, err := typedcode.CanonicalBase32(text); err == nil && len(code) == passwordSize {
		return code, nil
	}
	if len(text) < minPassword || maxPassword < len(text) {
		return "", ErrPassword
	}
	for i := range len(text) {
		if text[i] < ' ' || '~' < text[i] {
			return "", ErrPassword
		}
	}
	return text, nil
}

// stretch derives K2 from a canonical password.
func (v *Vector) stretch(password, serial string) []byte {
	p := &v.profile
	salt := kdf.Hash("ostiary/1 ac/2", p.ID[:], []byte(serial))[:16]
	a := p.Rules.Argon2id
	return argon2.IDKey([]byte(password), salt, uint32(a.Time), uint32(a.Memory), uint8(a.Parallelism), kdf.Size)
}
