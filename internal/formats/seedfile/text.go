package seedfile

import (
	"bytes"
	"encoding/binary"
	"math"
	"unicode/utf16"
	"unicode/utf8"

	xmlcharset "ostiary/pskc/charset"
)

// encoded is how the text of a file is written.
type encoded struct {
	charset
	single xmlcharset.Encoding // of a file in singleByte
}

// charset is what is known of it by its first bytes.
type charset byte

const (
	plainUTF8  charset = iota
	markedUTF8         // with a byte order mark, as are the next two
	utf16LE
	utf16BE
	singleByte // of XML that declares it
)

// marks are the byte order marks.
var marks = map[charset]string{markedUTF8: "\xef\xbb\xbf", utf16LE: "\xff\xfe", utf16BE: "\xfe\xff"}

// charsetOf tells how a file is written by how it begins.
func charsetOf(b []byte) encoded {
	for c, mark := range marks {
		if bytes.HasPrefix(b, []byte(mark)) {
			return encoded{charset: c}
		}
	}
	if single, ok, _ := xmlcharset.Declared(b); ok {
		return encoded{singleByte, single}
	}
	return encoded{}
}

// decode gives text in UTF-8, without a byte order mark. A part of a file may end
// inside a character.
func (c encoded) decode(b []byte, part bool) []byte {
	b = b[len(marks[c.charset]):]
	switch c.charset {
	case singleByte:
		out := make([]byte, 0, len(b)+len(b)/8)
		for len(b) > 0 {
			var ok bool
			before := len(out)
			if out, ok = c.single.Append(out, b); ok {
				return out
			}
			b = b[utf8.RuneCount(out[before:])+1:]
			out = utf8.AppendRune(out, utf8.RuneError) // which XML readers refuse
		}
		return out
	case utf16LE:
		return decodeUTF16(b, binary.LittleEndian, part)
	case utf16BE:
		return decodeUTF16(b, binary.BigEndian, part)
	}
	return b
}

func decodeUTF16(b []byte, order binary.ByteOrder, part bool) []byte {
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
	return out
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

// isSheetError tells what a spreadsheet program shows in the place of a number
// that it cannot show.
func isSheetError(b []byte) bool {
	switch string(b) {
	case "#NUM!", "#NAME?", "#VALUE!", "#REF!", "#N/A", "#NULL!", "#DIV/0!":
		return true
	}
	return len(b) > 1 && len(bytes.Trim(b, "#")) == 0
}
