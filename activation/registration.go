package activation

import "io"

// RegistrationCode names an offer and proves that its bearer got it: 25 characters,
// of which 5 are the locator by which the server finds the offer, and 90 bits are
// secret. It does not print; Text gives it.
type RegistrationCode struct {
	// A closure is the one thing that package fmt cannot follow.
	text func() string
}

// NewRegistrationCode draws one. A locator that an open offer has already must be
// drawn again.
func NewRegistrationCode(random io.Reader) (RegistrationCode, error) { panic("not built yet") }

// ParseRegistrationCode reads one as it was typed. The error is
// [ErrRegistrationEmpty], [ErrRegistrationCharacter], [ErrRegistrationLength] or
// [ErrRegistrationInvalid].
func ParseRegistrationCode(typed string) (RegistrationCode, error) { panic("not built yet") }

// Text returns the 25 characters without separators; print them with [Group].
func (c RegistrationCode) Text() Secret { panic("not built yet") }

// Locator returns the first 5 characters. They are no secret.
func (c RegistrationCode) Locator() string { panic("not built yet") }

// MAC returns MAC(KDF(R, label; 32), parts…), the proof that a message comes from
// somebody who has the code. Labels are those of docs/protocol.md.
func (c RegistrationCode) MAC(label string, parts ...[]byte) []byte { panic("not built yet") }
