package oath

import (
	"encoding/base32"
	"strconv"
	"strings"
)

const scheme = "otpauth://"

// ParseURI reads a key URI:
//
//	otpauth://totp/ISSUER:ACCOUNT?secret=BASE32&issuer=ISSUER&algorithm=SHA1&digits=6&period=30
//	otpauth://hotp/ISSUER:ACCOUNT?secret=BASE32&counter=0
//
// The format is the one of Google Authenticator's wiki, read strictly, because a
// scanned code is a stranger's input:
//
//   - at most MaxURI bytes of printable ASCII without space, no fragment;
//   - the parameters above only, each once and not empty, names in lower case; an
//     unknown or repeated one is refused, as is a counter with totp, a period with
//     hotp, and hotp without a counter;
//   - the secret in base32 (RFC 4648 section 6) in either case, padded rightly or
//     not at all; left-over bits of the last character are not looked at;
//   - the algorithm in any spelling ParseHash knows; numbers in decimal without
//     sign and leading zeros;
//   - percent-encoding per RFC 3986, each % with two hexadecimal digits; a plus
//     sign is a plus sign;
//   - an issuer in the label and one in issuer= must be the same. The colon after
//     it may be encoded and spaces may follow it.
//
// See URI for the limits of the fields. The error is always an *URIError.
func ParseURI(text string) (URI, error) {
	u, err := parseURI(text)
	if err == nil {
		err = u.check()
	}
	if err != nil {
		u.Secret.Wipe()
		return URI{}, err
	}
	return u, nil
}

func parseURI(text string) (URI, error) {
	u := URI{Hash: SHA1, Digits: defaultDigits}
	if len(text) > MaxURI {
		return u, &URIError{Reason: "too long"}
	}
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' || text[i] == '#' {
			return u, &URIError{Reason: "character that a URI cannot have"}
		}
	}
	rest, ok := strings.CutPrefix(text, scheme)
	if !ok {
		return u, &URIError{Reason: "must begin with " + scheme}
	}
	u.Type, rest, ok = strings.Cut(rest, "/")
	if !ok || u.Type != TypeHOTP && u.Type != TypeTOTP {
		return u, &URIError{Reason: "type must be hotp or totp"}
	}
	label, query, ok := strings.Cut(rest, "?")
	if !ok {
		return u, &URIError{Reason: "no parameters"}
	}
	if err := u.setLabel(label); err != nil {
		return u, err
	}
	err := u.setParams(query)
	return u, err
}

// setLabel reads [ISSUER:]ACCOUNT.
func (u *URI) setLabel(label string) error {
	if strings.Contains(label, "/") {
		return &URIError{Reason: "more than one path segment"}
	}
	name, ok := unescape(label)
	if !ok {
		return &URIError{Reason: "label: bad percent-encoding"}
	}
	issuer, account, prefixed := strings.Cut(name, ":")
	if !prefixed {
		u.Account = name
		return nil
	}
	if issuer == "" {
		return &URIError{Reason: "empty issuer in the label"}
	}
	u.Issuer, u.Account = issuer, strings.TrimLeft(account, " ")
	return nil
}

// The parameters in the order of their bits in setParams.
var params = [...]string{"secret", "issuer", "algorithm", "digits", "period", "counter"}

// setParams reads the query.
func (u *URI) setParams(query string) error {
	var seen [len(params)]bool
	for part := range strings.SplitSeq(query, "&") {
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			return &URIError{Reason: "parameter without a value"}
		}
		i := 0
		for i < len(params) && params[i] != name {
			i++
		}
		if i == len(params) {
			return &URIError{showable(name), "unknown"}
		}
		if seen[i] {
			return &URIError{name, "given twice"}
		}
		seen[i] = true
		if value == "" {
			return &URIError{name, "empty"}
		}
		if value, ok = unescape(value); !ok {
			return &URIError{name, "bad percent-encoding"}
		}
		if reason := u.setParam(name, value); reason != "" {
			return &URIError{name, reason}
		}
	}
	if !seen[0] {
		return &URIError{"secret", "missing"}
	}
	switch given := seen[5]; {
	case u.Type == TypeHOTP && !given:
		return &URIError{"counter", "missing"}
	case u.Type == TypeTOTP && given:
		return &URIError{"counter", "not in a totp URI"}
	}
	if u.Type == TypeTOTP && !seen[4] {
		u.Period = defaultPeriod
	}
	return nil
}

// setParam takes one parameter. What can be wrong with the fields themselves is
// left to URI.check.
func (u *URI) setParam(name, value string) (reason string) {
	var err error
	switch name {
	case "secret":
		key, ok := decodeSecret(value)
		if !ok {
			return "not base32"
		}
		u.Secret = ownSecret(key)
	case "issuer":
		if u.Issuer != "" && u.Issuer != value {
			return "differs from the label's"
		}
		u.Issuer = value
	case "algorithm":
		if u.Hash, err = ParseHash(value); err != nil {
			return "unknown hash function"
		}
	case "digits":
		n, ok := parseNumber(value)
		if !ok || n > maxDigits {
			return "must be 6 to 10"
		}
		u.Digits = int(n)
	case "period":
		n, ok := parseNumber(value)
		if !ok || n < 1 || n > 1<<63-1 {
			return "must be a number of seconds"
		}
		u.Period = int64(n)
	case "counter":
		n, ok := parseNumber(value)
		if !ok {
			return "must be a number below 2^64"
		}
		u.Counter = n
	}
	return ""
}

// parseNumber reads a decimal number as strconv writes it.
func parseNumber(text string) (uint64, bool) {
	n, err := strconv.ParseUint(text, 10, 64)
	return n, err == nil && (text[0] != '0' || len(text) == 1)
}

// decodeSecret reads base32 in either case, with the right padding or none. The
// decoder of the standard library skips line breaks, so the alphabet is checked
// here.
func decodeSecret(text string) ([]byte, bool) {
	digits := strings.TrimRight(text, "=")
	if len(digits) != len(text) && (len(text)%8 != 0 || len(text)-len(digits) > 6) {
		return nil, false
	}
	switch len(digits) % 8 {
	case 1, 3, 6:
		return nil, false // no number of bytes has this length
	}
	upper := make([]byte, len(digits))
	for i := range upper {
		c := digits[i]
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		if !('A' <= c && c <= 'Z' || '2' <= c && c <= '7') {
			clear(upper)
			return nil, false
		}
		upper[i] = c
	}
	key := make([]byte, len(upper)*5/8)
	_, err := base32.StdEncoding.WithPadding(base32.NoPadding).Decode(key, upper)
	clear(upper)
	return key, err == nil
}

// showable returns a parameter's name if it is short enough not to be a whole
// secret in the wrong place, and is written like a name.
func showable(name string) string {
	const longest = 12
	if len(name) > longest {
		return ""
	}
	for i := range len(name) {
		if c := name[i]; !('a' <= c && c <= 'z' || c == '_' || c == '-') {
			return ""
		}
	}
	return name
}
