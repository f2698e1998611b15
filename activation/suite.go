package activation

import "ostiary/oath"

// Kind says how an application computes.
type Kind uint8

// The kinds of applications.
const (
	HOTP Kind = iota + 1 // counts events, RFC 4226
	TOTP                 // by time, RFC 6238, T0 = 0
	OCRA                 // challenges and signatures, RFC 6287
)

// Suite is the algorithm of an application. ParseSuite makes one; suites may be
// compared with ==.
type Suite struct {
	Kind   Kind
	Hash   oath.Hash
	Digits int        // 6 to 10; for OCRA 4 to 10
	Period int64      // time step in seconds: 1 to 3600 for TOTP, as OCRA says, else 0
	OCRA   oath.Suite // for OCRA
}

// ParseSuite reads the text of a suite: HOTP-SHA1-6, TOTP-SHA256-8/30, or a suite
// of RFC 6287 with 4 to 10 digits and without PIN (P) and session (S). Each suite
// has one spelling, which String gives back. Anything else is [ErrSuite].
func ParseSuite(text string) (Suite, error) { panic("not built yet") }

// String returns the suite's one spelling, and "invalid" for a suite that is none.
func (s Suite) String() string { panic("not built yet") }

// KeySize returns the length of the application's key in bytes: 20, 32 or 64.
func (s Suite) KeySize() int { return s.Hash.Size() }

// Event reports whether the application counts events: HOTP, or OCRA with C.
func (s Suite) Event() bool { return s.Kind == HOTP || s.Kind == OCRA && s.OCRA.Counter }
