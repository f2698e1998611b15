package oath

import "strconv"

// Suite is a parsed OCRA suite (RFC 6287 section 6): which HMAC, how long a
// response, and which data go into it. ParseSuite makes one; the zero Suite and a
// hand-made one that breaks the grammar are refused with ErrSuite wherever they
// are used. Suites may be compared with ==.
type Suite struct {
	// Hash is the hash function of the HMAC.
	Hash Hash
	// Digits is the length of the response, 4 to 10, or 0 for no truncation:
	// then the response is the whole HMAC in lower-case hexadecimal.
	Digits int
	// Counter says whether a counter goes in (C).
	Counter bool
	// Format is how questions are written: 'A' alphanumeric, 'N' numeric, 'H'
	// hexadecimal.
	Format byte
	// Length is the greatest length of a question in characters, 4 to 64.
	Length int
	// PIN is the hash function the PIN goes in by (P), or 0 for no PIN.
	PIN Hash
	// Session is the length of the session information in bytes (S), 1 to 512,
	// or 0 for none.
	Session int
	// Period is the length of a time step in seconds (T), or 0 for no time: 1 to
	// 59 seconds, 1 to 59 minutes or 1 to 48 hours.
	Period int64
}

const (
	suitePrefix = "OCRA-1:HOTP-"

	minQuestion = 4
	maxQuestion = 64
	maxSession  = 512
	maxHours    = 48 // RFC 6287 erratum 3729

	// maxSuite is the length of the longest suite.
	maxSuite = len("OCRA-1:HOTP-SHA512-10:C-QN64-PSHA512-S512-T59M")
)

// ParseSuite reads an OCRA suite, for instance
//
//	OCRA-1:HOTP-SHA256-8:C-QN08-PSHA1
//
// It is strict: upper case, the data inputs in the order C, Q, P, S, T, the
// question spelled out with two digits of length, the session with three, the
// time step without leading zeros, hours up to 48 (erratum 3729). So each suite
// has one spelling, which String gives back and which is itself part of what the
// HMAC covers. Anything else is ErrSuite with the reason.
func ParseSuite(text string) (Suite, error) {
	s, reason := parseSuite(text)
	if reason != "" {
		return Suite{}, &detail{ErrSuite, reason}
	}
	return s, nil
}

func parseSuite(text string) (s Suite, reason string) {
	if len(text) > maxSuite {
		return s, "too long"
	}
	rest, ok := cut(text, suitePrefix)
	if !ok {
		return s, "must begin with " + suitePrefix
	}
	if s.Hash, rest, ok = cutHash(rest); !ok {
		return s, "hash must be SHA1, SHA256 or SHA512"
	}
	if rest, ok = cut(rest, "-"); !ok {
		return s, "no response length after the hash"
	}
	if s.Digits, rest, ok = cutNumber(rest, 2); !ok || !validDigits(s.Digits) {
		return s, "response length must be 0 or 4 to 10"
	}
	if rest, ok = cut(rest, ":"); !ok {
		return s, "no data input after the response length"
	}
	rest, s.Counter = cut(rest, "C-")
	if rest, ok = cut(rest, "Q"); !ok || rest == "" {
		return s, "no question"
	}
	s.Format, rest = rest[0], rest[1:]
	if !validFormat(s.Format) {
		return s, "question format must be A, N or H"
	}
	if s.Length, rest, ok = cutFixed(rest, 2); !ok || s.Length < minQuestion || s.Length > maxQuestion {
		return s, "question length must be 04 to 64"
	}
	if tail, is := cut(rest, "-P"); is {
		if s.PIN, rest, ok = cutHash(tail); !ok {
			return s, "PIN hash must be SHA1, SHA256 or SHA512"
		}
	}
	if tail, is := cut(rest, "-S"); is {
		if s.Session, rest, ok = cutFixed(tail, 3); !ok || s.Session < 1 || s.Session > maxSession {
			return s, "session length must be 001 to 512"
		}
	}
	if tail, is := cut(rest, "-T"); is {
		if s.Period, rest, ok = cutPeriod(tail); !ok {
			return s, "time step must be 1 to 59 S or M, or 1 to 48 H"
		}
	}
	if rest != "" {
		return s, "unknown, repeated or misplaced data input"
	}
	return s, ""
}

// String returns the suite's one spelling, and "invalid" for a suite that breaks
// the grammar.
func (s Suite) String() string {
	if !s.valid() {
		return "invalid"
	}
	return string(s.appendTo(make([]byte, 0, maxSuite)))
}

func (s Suite) appendTo(b []byte) []byte {
	b = append(b, suitePrefix...)
	b = append(b, s.Hash.String()...)
	b = append(b, '-')
	b = strconv.AppendInt(b, int64(s.Digits), 10)
	b = append(b, ':')
	if s.Counter {
		b = append(b, "C-"...)
	}
	b = append(b, 'Q', s.Format, byte('0'+s.Length/10), byte('0'+s.Length%10))
	if s.PIN != 0 {
		b = append(b, "-P"...)
		b = append(b, s.PIN.String()...)
	}
	if n := s.Session; n != 0 {
		b = append(b, '-', 'S', byte('0'+n/100), byte('0'+n/10%10), byte('0'+n%10))
	}
	if s.Period != 0 {
		n, unit := splitPeriod(s.Period)
		b = append(b, "-T"...)
		b = strconv.AppendInt(b, n, 10)
		b = append(b, unit)
	}
	return b
}

// valid reports whether the suite is one ParseSuite could have returned.
func (s Suite) valid() bool {
	return s.Hash.Size() != 0 && validDigits(s.Digits) && validFormat(s.Format) &&
		s.Length >= minQuestion && s.Length <= maxQuestion &&
		(s.PIN == 0 || s.PIN.Size() != 0) &&
		s.Session >= 0 && s.Session <= maxSession &&
		validPeriod(s.Period)
}

func validDigits(n int) bool { return n == 0 || n >= minSuiteDigits && n <= maxDigits }

func validFormat(c byte) bool { return c == 'A' || c == 'N' || c == 'H' }

func validPeriod(p int64) bool {
	if p == 0 {
		return true
	}
	if p < 1 || p > maxHours*3600 {
		return false
	}
	n, unit := splitPeriod(p)
	return unit == 'H' || n <= 59
}

// splitPeriod returns a period in the greatest unit that divides it; n is above
// 59 seconds or minutes only if the period has no spelling.
func splitPeriod(p int64) (n int64, unit byte) {
	switch {
	case p%3600 == 0:
		return p / 3600, 'H'
	case p%60 == 0:
		return p / 60, 'M'
	}
	return p, 'S'
}

// cut returns text without prefix, and whether it had it.
func cut(text, prefix string) (rest string, ok bool) {
	if len(text) >= len(prefix) && text[:len(prefix)] == prefix {
		return text[len(prefix):], true
	}
	return text, false
}

func cutHash(text string) (h Hash, rest string, ok bool) {
	for _, h := range [...]Hash{SHA1, SHA256, SHA512} {
		if rest, ok := cut(text, h.String()); ok {
			return h, rest, true
		}
	}
	return 0, text, false
}

// cutNumber reads a number of at most that many digits, without leading zeros.
func cutNumber(text string, most int) (n int, rest string, ok bool) {
	i := 0
	for i < len(text) && i < most && '0' <= text[i] && text[i] <= '9' {
		n = 10*n + int(text[i]-'0')
		i++
	}
	return n, text[i:], i == 1 || i > 1 && text[0] != '0'
}

// cutFixed reads a number of exactly that many digits.
func cutFixed(text string, width int) (n int, rest string, ok bool) {
	if len(text) < width {
		return 0, text, false
	}
	for i := range width {
		c := text[i] - '0'
		if c > 9 {
			return 0, text, false
		}
		n = 10*n + int(c)
	}
	return n, text[width:], true
}

// cutPeriod reads the time step after its T.
func cutPeriod(text string) (seconds int64, rest string, ok bool) {
	n, rest, ok := cutNumber(text, 2)
	if !ok || n < 1 || rest == "" {
		return 0, text, false
	}
	switch unit := rest[0]; {
	case unit == 'S' && n <= 59:
		return int64(n), rest[1:], true
	case unit == 'M' && n <= 59:
		return int64(n) * 60, rest[1:], true
	case unit == 'H' && n <= maxHours:
		return int64(n) * 3600, rest[1:], true
	}
	return 0, text, false
}
