package oath

import "unicode/utf8"

// unescape undoes percent-encoding (RFC 3986 section 2.1); nothing else is
// special. A % without two hexadecimal digits is an error.
func unescape(text string) (string, bool) {
	b := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '%' {
			if len(text)-i < 3 {
				return "", false
			}
			hi, ok1 := hexDigit(text[i+1])
			lo, ok2 := hexDigit(text[i+2])
			if !ok1 || !ok2 {
				return "", false
			}
			c = hi<<4 | lo
			i += 2
		}
		b = append(b, c)
	}
	return string(b), true
}

// appendEscaped percent-encodes all but the unreserved characters of RFC 3986
// section 2.3 and '@', which is common in account names and harmless in both
// places.
func appendEscaped(dst []byte, text string) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(text) {
		c := text[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9',
			c == '-', c == '.', c == '_', c == '~', c == '@':
			dst = append(dst, c)
		default:
			dst = append(dst, '%', digits[c>>4], digits[c&0x0f])
		}
	}
	return dst
}

// hexDigit returns the value of a hexadecimal digit of either case.
func hexDigit(c byte) (v byte, ok bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// checkName refuses an issuer or account name that cannot be shown safely: the
// characters it refuses could make one name look like another.
func checkName(name string) (reason string) {
	if len(name) > maxLabel {
		return "longer than 256 bytes"
	}
	if !utf8.ValidString(name) {
		return "not UTF-8"
	}
	if name != "" && (name[0] == ' ' || name[len(name)-1] == ' ') {
		return "space at the beginning or end"
	}
	for _, r := range name {
		switch {
		case r == ':':
			return "colon"
		case r < 0x20, 0x7f <= r && r <= 0x9f:
			return "control character"
		case r == 0x2028, r == 0x2029:
			return "line separator"
		case r == 0x061c, r == 0x200e, r == 0x200f, // direction marks, Unicode annex 9
			0x202a <= r && r <= 0x202e, 0x2066 <= r && r <= 0x2069:
			return "direction mark"
		}
	}
	return ""
}
