// Package token says what a token is: its identity, how it computes codes, the
// condition it is in, and which changes of state are allowed. It is pure: no
// clock, no storage, no secret.
//
// A Token has two halves. What never changes after import (Identity, Spec) and
// what every code and every administrator's command changes (Condition). The
// store keeps them in two tables, because the second is written thousands of
// times a second.
package token

import (
	"strings"
	"time"
)

// ID is the internal row number of a token. It is never shown as a name and
// never used twice.
type ID int64

// Kind tells who made the secret.
type Kind string

// The kinds.
const (
	Hardware Kind = "hardware" // made by the manufacturer, imported
	Software Kind = "software" // made here or on another server
)

// ParseKind reads a kind as people write it.
func ParseKind(s string) (Kind, bool) {
	switch k := Kind(strings.ToLower(s)); k {
	case Hardware, Software:
		return k, true
	}
	return "", false
}

// Algorithm names the standard by which a token makes codes.
type Algorithm string

// The algorithms.
const (
	HOTP Algorithm = "HOTP" // RFC 4226, event based
	TOTP Algorithm = "TOTP" // RFC 6238, time based
	OCRA Algorithm = "OCRA" // RFC 6287, challenge and response
)

// Identity tells tokens apart. No two tokens share all four parts.
type Identity struct {
	Type         string // name of the token type
	Manufacturer string // as the seed file gives it; empty where it gives none
	Serial       string // what a person reads off the token
	KeyID        string // tells the keys of one device apart; from the seed file
}

// Unique is what of the identity of a token tells it from others of its kind: of
// software the type and the serial.
func (t Token) Unique() Identity {
	if t.Kind == Software {
		return Identity{Type: t.Identity.Type, Serial: t.Identity.Serial}
	}
	return t.Identity
}

// DeviceSerial is the serial by which the token's authenticator knows it, which is in
// the derivation of its keys: of a token that was given another serial here, that is
// its key id.
func (t Token) DeviceSerial() string {
	if t.Profile != "" && t.Identity.KeyID != "" {
		return t.Identity.KeyID
	}
	return t.Identity.Serial
}

// String gives the identity as people read it, such as "HOTP key 3 of 9999999 (ACME)".
func (i Identity) String() string {
	s := i.Type + " " + i.Serial
	if i.Manufacturer != "" {
		s += " of " + i.Manufacturer
	}
	if i.KeyID != "" && i.KeyID != i.Serial {
		s += ", key " + i.KeyID
	}
	return s
}

// Spec says how a token computes a code.
type Spec struct {
	Algorithm Algorithm
	Hash      string // "SHA1", "SHA256", "SHA512"; empty for OCRA
	Digits    int    // 6 to 10
	Period    int64  // seconds of a TOTP time step; 0 otherwise
	T0        int64  // unix seconds at which TOTP steps begin to count
	Suite     string // the OCRA suite; empty otherwise
}

// Token is one token without its secret.
type Token struct {
	ID       ID
	Kind     Kind
	Identity Identity
	Spec     Spec
	Model    string
	Issuer   string
	Label    string // what an administrator calls it
	Profile  string // name of its parameter sheet; empty without an activation
	Run      int64  // the import run that brought it; 0 for one created here
	Created  time.Time
	// StateReason is what the administrator wrote at the last change of state.
	StateReason string
	// OwnerName is the user the token is assigned to; empty when it is free.
	OwnerName string
	// Mark names the secret; 0 for a token that has none, or was not marked yet.
	Mark      Mark
	Condition Condition
}

// Condition is what changes: with every code, failure and command.
type Condition struct {
	// Epoch counts the secrets a token has had, once they were proven; 0 while
	// none was. A code proposed under one epoch is never accepted under another.
	Epoch int64
	// Next is the lowest counter (HOTP) or time step (TOTP) still acceptable:
	// one above the last one used, by this token or any other of its secret.
	Next uint64
	// Drift is how many steps a TOTP token's clock is ahead of ours, as
	// learned at its last accepted code.
	// Of one that counts events it is 0, or TwoCodes.
	Drift int64
	// Failures counts wrong codes since the last accepted one.
	Failures int
	// RetryAt is the end of the delay that failures caused; zero if none.
	RetryAt time.Time
	State   State
	// NotBefore and NotAfter bound the token's validity; zero means unbounded.
	NotBefore time.Time
	NotAfter  time.Time
	// Owner is the user's row number; 0 when the token is free.
	Owner int64
	// LastUsed is the last authentication; zero if there was none.
	LastUsed time.Time
	// Shared is set where other tokens hold the secret, too.
	Shared Shared
}

// MaxDrift is how many steps a token's clock may be away from ours, wherever that was
// learned or read.
const MaxDrift = 120

// MaxCounter is the highest counter a token may stand at or be resynchronised
// to. Databases keep 63 bits; the rest is room for the window.
const MaxCounter = 1<<62 - 1
