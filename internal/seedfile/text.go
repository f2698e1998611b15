package seedfile

import (
	"bytes"
	"encoding/binary"
	"math"
	"unicode/utf16"
	"unicode/utf8"
)

// toUTF8 removes a byte order mark, and makes UTF-8 of UTF-16 that has one. A
// part of a file may end inside a character. It reports whether the text was
// UTF-16.
func toUTF8(b []byte, part bool) ([]byte, bool) {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf")):
		return b[3:], false
	case bytes.HasPrefix(b, []byte("\xff\xfe")):
		order = binary.LittleEndian
	case bytes.HasPrefix(b, []byte("\xfe\xff")):
		order = binary.BigEndian
	default:
		return b, false
	}
	b = b[2:]
	out := make([]byte, 0, len(b)/2+16)
	for i := 0; i+1 < len(b); i += 2 {
		r := rune(order.Uint16(b[i:]))
		if utf16.IsSurrogate(r) {
			if i+3 < len(b) {
				r = utf16.DecodeRune(r, rune(order.Uint16(b[i+2:])))
				i += 2
			} else {
				r = utf8.RuneError
			}
		}
		out = utf8.AppendRune(out, r)
	}
	if len(b)%2 != 0 && !part {
		out = utf8.AppendRune(out, utf8.RuneError)
	}
	return out, true
}

// number reads a decimal number without sign, at most max.
func number(b []byte, max uint64) (uint64, bool) {
	if len(b) == 0 || len(b) > 20 {
		return 0, false
	}
	var n uint64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		d := uint64(c - '0')
		if n > (math.MaxUint64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, n <= max
}

// isDigits tells whether b is decimal digits only, and at least one.
func isDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

// isScientific tells a number as spreadsheet programs shorten it, 1.2E+11 or
// 1,2E+11, or with a useless fraction, 55000101.0. Neither can be a hexadecimal
// or base32 secret.
func isScientific(b []byte) bool {
	i := 0
	digits := func() bool {
		start := i
		for i < len(b) && b[i] >= '0' && b[i] <= '9' {
			i++
		}
		return i > start
	}
	if !digits() {
		return false
	}
	fraction, zeros := false, false
	if i < len(b) && (b[i] == '.' || b[i] == ',') {
		i++
		start := i
		if fraction = digits(); !fraction {
			return false
		}
		zeros = len(bytes.Trim(b[start:i], "0")) == 0
	}
	if i == len(b) {
		return fraction && zeros
	}
	if b[i] != 'E' && b[i] != 'e' {
		return false
	}
	if i++; i == len(b) || b[i] != '+' && !(b[i] == '-' && fraction) {
		return false
	}
	i++
	return digits() && i == len(b)
}
