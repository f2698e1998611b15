package store

import "time"

// TemporaryCode is a code that a user may present once in place of a token's.
type TemporaryCode struct {
	User        int64
	Fingerprint []byte // of the code and the user, under a key
	Expires     time.Time
}

// IssuedCode is a temporary code as it is stored.
type IssuedCode struct {
	TemporaryCode
	UserName string
	Used     time.Time // zero for one that is unused
}

// TemporaryCodeReader reads temporary codes.
type TemporaryCodeReader interface {
	// TemporaryCodes lists up to limit codes behind one, by user and fingerprint; the
	// zero TemporaryCode begins with the first.
	TemporaryCodes(after TemporaryCode, limit int) ([]IssuedCode, error)
}

// TemporaryCodeWriter issues and revokes temporary codes. Attempt uses them up.
// With a user go the user's codes.
type TemporaryCodeWriter interface {
	// AddTemporaryCode adds a code that is unused. ErrConflict if the user has it
	// or has used it; the transaction can go on.
	AddTemporaryCode(TemporaryCode) error
	// RevokeTemporaryCodes removes the codes that a user has not used, expired or
	// not, and gives their number.
	RevokeTemporaryCodes(user int64) (n int, err error)
}
