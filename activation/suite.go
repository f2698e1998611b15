package activation

import (
	"strconv"
	"strings"

	"ostiary/oath"
)

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

// maxPeriod is the longest time step of TOTP in seconds.
const maxPeriod = 3600

// ParseSuite reads the text of a suite: HOTP-SHA1-6, TOTP-SHA256-8/30, or a suite
// of RFC 6287 with 4 to 10 digits and without PIN (P) and session (S). Each suite
// has one spelling, which String gives back. Anything else is [ErrSuite].
func ParseSuite(text string) (Suite, error) {
	if strings.HasPrefix(text, "OCRA-") {
		return parseOCRA(text)
	}
	var s Suite
	var ok bool
	rest := ""
	if rest, ok = strings.CutPrefix(text, "HOTP-"); ok {
		s.Kind = HOTP
	} else if rest, ok = strings.CutPrefix(text, "TOTP-"); ok {
		s.Kind = TOTP
	}
	hash, rest, _ := strings.Cut(rest, "-")
	digits, period, _ := strings.Cut(rest, "/")
	s.Hash, _ = oath.ParseHash(hash)
	s.Digits, _ = strconv.Atoi(digits)
	s.Period, _ = strconv.ParseInt(period, 10, 64)
	if !s.valid() || s.String() != text {
		return Suite{}, ErrSuite
	}
	return s, nil
}

func parseOCRA(text string) (Suite, error) {
	o, err := oath.ParseSuite(text)
	if err != nil {
		return Suite{}, ErrSuite
	}
	s := Suite{Kind: OCRA, Hash: o.Hash, Digits: o.Digits, Period: o.Period, OCRA: o}
	if !s.valid() {
		return Suite{}, ErrSuite
	}
	return s, nil
}

// valid reports whether ParseSuite could have returned the suite.
func (s Suite) valid() bool {
	switch s.Kind {
	case HOTP:
		return s.Hash.Size() != 0 && 6 <= s.Digits && s.Digits <= 10 && s.Period == 0 && s.OCRA == oath.Suite{}
	case TOTP:
		return s.Hash.Size() != 0 && 6 <= s.Digits && s.Digits <= 10 && 1 <= s.Period && s.Period <= maxPeriod &&
			s.OCRA == oath.Suite{}
	case OCRA:
		o := s.OCRA
		return o.String() != "invalid" && o.Digits != 0 && o.PIN == 0 && o.Session == 0 &&
			s.Hash == o.Hash && s.Digits == o.Digits && s.Period == o.Period
	}
	return false
}

// String returns the suite's one spelling, and "invalid" for a suite that is none.
func (s Suite) String() string {
	if !s.valid() {
		return "invalid"
	}
	switch s.Kind {
	case HOTP:
		return "HOTP-" + s.Hash.String() + "-" + strconv.Itoa(s.Digits)
	case TOTP:
		return "TOTP-" + s.Hash.String() + "-" + strconv.Itoa(s.Digits) + "/" + strconv.FormatInt(s.Period, 10)
	}
	return s.OCRA.String()
}

// KeySize returns the length of the application's key in bytes: 20, 32 or 64.
func (s Suite) KeySize() int { return s.Hash.Size() }

// Event reports whether the application counts events: HOTP, or OCRA with C.
func (s Suite) Event() bool { return s.Kind == HOTP || s.Kind == OCRA && s.OCRA.Counter }

// signs reports whether the suite takes what a signature signs: 64 hexadecimal
// digits of a hash.
func (s Suite) signs() bool { return s.Kind == OCRA && s.OCRA.Format == 'H' && s.OCRA.Length == 64 }
