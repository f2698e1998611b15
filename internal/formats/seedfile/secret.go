package seedfile

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// Encoding is how secrets are written as text.
type Encoding string

// The encodings.
const (
	Hex    Encoding = "hex"
	Base32 Encoding = "base32"
	Base64 Encoding = "base64"
)

// parseEncoding reads the name that a file gives to an encoding.
func parseEncoding(s string) (Encoding, bool) {
	switch e := Encoding(strings.ToLower(s)); e {
	case Hex, Base32, Base64:
		return e, true
	}
	return "", false
}

var base32Raw = base32.StdEncoding.WithPadding(base32.NoPadding)

// decode gives the secret that text stands for. It reports only whether that
// went well: what is wrong is not said, since it would repeat the secret.
func (e Encoding) decode(text []byte) ([]byte, bool) {
	var out []byte
	var n int
	var err error
	switch s := e.plain(text); e {
	case Hex:
		out = make([]byte, hex.DecodedLen(len(s)))
		n, err = hex.Decode(out, s)
	case Base32:
		s, ok := trimPadding(s, 8)
		if !ok {
			return nil, false
		}
		for i, c := range s {
			if c >= 'a' && c <= 'z' {
				s[i] = c - 'a' + 'A'
			}
		}
		switch len(s) % 8 {
		case 1, 3, 6:
			return nil, false
		}
		out = make([]byte, base32Raw.DecodedLen(len(s)))
		n, err = base32Raw.Decode(out, s)
	case Base64:
		s, ok := trimPadding(s, 4)
		if !ok || len(s)%4 == 1 {
			return nil, false
		}
		out = make([]byte, base64.RawStdEncoding.DecodedLen(len(s)))
		n, err = base64.RawStdEncoding.Strict().Decode(out, s)
	default:
		return nil, false
	}
	return out[:n], err == nil && n > 0
}

// compact copies text without the blanks that group it.
func compact(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for _, c := range text {
		switch c {
		case ' ', '\t', '\r', '\n':
		default:
			out = append(out, c)
		}
	}
	return out
}

// plain is a secret as the encoding has it, without what people add: blanks and marks
// that group it, 0x before it.
func (e Encoding) plain(text []byte) []byte {
	s := compact(text)
	switch e {
	case Hex:
		if s = ungroup(ungroup(s, ':'), '-'); len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') {
			s = s[2:]
		}
	case Base32:
		s = ungroup(ungroup(s, '-'), '+')
	}
	return s
}

// ungroup removes a mark that stands between groups of one length, of which the last
// may be shorter. Other marks are not removed: they may be a part of something else.
func ungroup(s []byte, mark byte) []byte {
	size := bytes.IndexByte(s, mark)
	if size < 2 {
		return s
	}
	out := make([]byte, 0, len(s))
	for group := range bytes.SplitSeq(s, []byte{mark}) {
		if len(group) == 0 || len(group) > size || len(out)%size != 0 {
			clear(out)
			return s
		}
		out = append(out, group...)
	}
	return out
}

// trimPadding removes = signs: as many as are right, or fewer, which loses nothing.
// More of them mean that characters are lost.
func trimPadding(s []byte, block int) ([]byte, bool) {
	n := len(s)
	for n > 0 && s[n-1] == '=' {
		n--
	}
	if len(s)-n > (block-n%block)%block {
		return nil, false
	}
	return s[:n], true
}

// class says what one text may be.
type class struct {
	hex, base32, base64 bool
	oddHex              bool // hexadecimal digits, one short
	length              int  // in characters, without what groups them and padding
}

// classify tells what a text may be. Base64 counts only with what the others do
// not have, small and capital letters or one of +/: a mistyped base32 secret is
// not taken for base64.
func classify(text []byte) class {
	if len(text) > 8*maxSecret {
		return class{}
	}
	hexText, b32, b64 := Hex.plain(text), Base32.plain(text), compact(text)
	defer clear(b64)
	defer clear(b32)
	defer clear(hexText)
	var c class
	if isHex := all(hexText, isHexDigit); isHex {
		c.hex, c.oddHex, c.length = len(hexText)%2 == 0, len(hexText)%2 != 0, len(hexText)
	}
	if b32, ok := trimPadding(b32, 8); ok && all(b32, isBase32Digit) {
		switch c.length = max(c.length, len(b32)); len(b32) % 8 {
		case 1, 3, 6:
		default:
			c.base32 = true
		}
	}
	if c.hex || c.base32 {
		return c
	}
	var lower, upper, other bool
	b64, ok := trimPadding(b64, 4)
	for _, x := range b64 {
		low, up, digit := x >= 'a' && x <= 'z', x >= 'A' && x <= 'Z', x >= '0' && x <= '9'
		lower, upper, other = lower || low, upper || up, other || x == '+' || x == '/'
		ok = ok && (low || up || digit || x == '+' || x == '/')
	}
	if ok {
		c.length = max(c.length, len(b64))
		c.base64 = len(b64)%4 != 1 && (other || lower && upper && !c.oddHex)
	}
	return c
}

func isHexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func isBase32Digit(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '2' && c <= '7'
}

// all tells whether there are characters and each is of a kind.
func all(s []byte, is func(byte) bool) bool {
	for _, c := range s {
		if !is(c) {
			return false
		}
	}
	return len(s) > 0
}

// leastVote is how many characters a text must have to be counted. No secret that
// RFC 4226 allows is as short.
const leastVote = 16

// census counts what the secrets of a column may be.
type census struct {
	n                         int // not empty
	onlyHex, onlyBase32, both int
	base64                    int
	hexAt, base32At           string // the first of each that is unambiguous
	length                    int    // of those that may be both; -1: it varies
}

func (c *census) add(cell []byte, address string) {
	k := classify(cell)
	c.n++
	switch {
	case k.length < leastVote: // a mark such as none or n/a
	case k.hex && k.base32:
		c.both++
		if c.length == 0 {
			c.length = k.length
		} else if c.length != k.length {
			c.length = -1
		}
	case k.hex:
		if c.onlyHex++; c.hexAt == "" {
			c.hexAt = address
		}
	case k.base32:
		if c.onlyBase32++; c.base32At == "" {
			c.base32At = address
		}
	case k.base64:
		c.base64++
	}
}

// usual tells whether secrets of n bytes are made.
func usual(n int) bool {
	switch n {
	case 10, 16, 20, 24, 32, 64:
		return true
	}
	return false
}

const sayEncoding = "Ask the manufacturer whether the secrets are hexadecimal or base32, and specify it (encoding hex, " +
	"base32 or base64)."

// decide says how the column is written, and why.
func (c *census) decide() (Encoding, string, error) {
	can := func(n int, enc string, cannot int, other string) string {
		return fmt.Sprintf("%d of %d secrets can be %s, and %d cannot be %s", n, c.n, enc, cannot, other)
	}
	hexSize, b32Size := c.length/2, c.length*5/8
	switch {
	case c.n == 0:
		return Hex, "there are no secrets", nil
	case c.onlyHex > 0 && c.onlyBase32 > 0:
		return "", "", &Error{Err: ErrEncoding, Hint: sayEncoding, Text: fmt.Sprintf(
			"the column of secrets is mixed: %s can only be hexadecimal, %s can only be base32", c.hexAt, c.base32At)}
	case c.onlyHex == 1 && c.n == 1:
		return Hex, "the only secret is hexadecimal and cannot be base32", nil
	case c.onlyBase32 == 1 && c.n == 1:
		return Base32, "the only secret is base32 and cannot be hexadecimal", nil
	case c.onlyHex > 0:
		return Hex, can(c.onlyHex+c.both, "hexadecimal", c.onlyHex, "base32"), nil
	case c.onlyBase32 > 0:
		return Base32, can(c.onlyBase32+c.both, "base32", c.onlyBase32, "hexadecimal"), nil
	case c.both > 0 && c.length > 0 && usual(hexSize) && !usual(b32Size):
		return Hex, fmt.Sprintf("the secrets could be base32 as well, but %d characters are %d bytes in "+
			"hexadecimal, a usual size, and %d in base32, which is not usual",
			c.length, hexSize, b32Size), nil
	case c.both > 0 && c.length > 0 && usual(b32Size) && !usual(hexSize):
		return Base32, fmt.Sprintf("the secrets could be hexadecimal as well, but %d characters are %d bytes in "+
			"base32, a usual size, and %d in hexadecimal, which is not usual",
			c.length, b32Size, hexSize), nil
	case c.both > 0:
		return "", "", &Error{Err: ErrEncoding, Hint: sayEncoding, Text: "every secret of the file can be read as " +
			"hexadecimal and as base32"}
	case c.base64 == 1 && c.n == 1:
		return Base64, "the only secret is base64 and cannot be hexadecimal or base32", nil
	case c.base64 > 0:
		return Base64, fmt.Sprintf("%d of %d secrets can be base64, and none hexadecimal or base32",
			c.base64, c.n), nil
	}
	return "", "no secret of the file is hexadecimal, base32 or base64", nil // each is refused by itself
}
