// Package charset knows the single-byte encodings that an XML declaration may name.
// UTF-8 and UTF-16 are not among them: readers tell these by themselves.
package charset

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// Encoding is one of them. The zero value is none.
type Encoding struct {
	name string
	m    *charmap.Charmap // nil: ASCII
}

// encodings by their names in lower case (the IANA registry of character sets).
var encodings = map[string]*charmap.Charmap{
	"us-ascii": nil, "ascii": nil,
	"iso-8859-1": charmap.ISO8859_1, "iso_8859-1": charmap.ISO8859_1, "latin1": charmap.ISO8859_1,
	"iso-8859-2": charmap.ISO8859_2, "iso-8859-3": charmap.ISO8859_3, "iso-8859-4": charmap.ISO8859_4,
	"iso-8859-5": charmap.ISO8859_5, "iso-8859-6": charmap.ISO8859_6, "iso-8859-7": charmap.ISO8859_7,
	"iso-8859-8": charmap.ISO8859_8, "iso-8859-9": charmap.ISO8859_9, "iso-8859-10": charmap.ISO8859_10,
	"iso-8859-13": charmap.ISO8859_13, "iso-8859-14": charmap.ISO8859_14, "iso-8859-15": charmap.ISO8859_15,
	"iso-8859-16":  charmap.ISO8859_16,
	"windows-1250": charmap.Windows1250, "windows-1251": charmap.Windows1251, "windows-1252": charmap.Windows1252,
	"windows-1253": charmap.Windows1253, "windows-1254": charmap.Windows1254, "windows-1255": charmap.Windows1255,
	"windows-1256": charmap.Windows1256, "windows-1257": charmap.Windows1257, "windows-1258": charmap.Windows1258,
	"cp1252": charmap.Windows1252, "koi8-r": charmap.KOI8R, "koi8-u": charmap.KOI8U,
}

// Named gives the encoding of a name, in any case.
func Named(name string) (Encoding, bool) {
	name = strings.ToLower(name)
	m, ok := encodings[name]
	if !ok {
		return Encoding{}, false
	}
	return Encoding{name, m}, true
}

// declLen is how much of a file may come before the end of its XML declaration.
const declLen = 1 << 10

// Declared gives the encoding that the XML declaration at the beginning of a file
// names; ok is false if it names none of this package. sure is false while more of the
// file may change the answer: only a whole declaration, or a beginning that is none,
// is sure.
func Declared(head []byte) (e Encoding, ok, sure bool) {
	const begin = "<?xml"
	text := strings.TrimLeft(string(head[:min(len(head), declLen)]), " \t\r\n")
	if len(text) < len(begin) {
		return e, false, len(head) >= declLen || !strings.HasPrefix(begin, text)
	}
	text, isDecl := strings.CutPrefix(text, begin)
	if !isDecl {
		return e, false, true
	}
	decl, _, whole := strings.Cut(text, "?>")
	if !whole {
		return e, false, len(head) >= declLen || strings.IndexByte(text, '<') >= 0
	}
	_, value, _ := strings.Cut(decl, "encoding")
	value = strings.TrimLeft(strings.TrimPrefix(strings.TrimLeft(value, " \t\r\n"), "="), " \t\r\n")
	if value == "" || value[0] != '"' && value[0] != '\'' {
		return e, false, true
	}
	name, _, _ := strings.Cut(value[1:], value[:1])
	e, ok = Named(name)
	return e, ok, true
}

// Is tells whether a name is that of the encoding.
func (e Encoding) Is(name string) bool { return e.name != "" && strings.EqualFold(e.name, name) }

// Append appends text in the encoding as UTF-8. It stops before a byte that stands for
// no character, and reports false.
func (e Encoding) Append(dst, text []byte) ([]byte, bool) {
	for _, b := range text {
		r := rune(b)
		if e.m != nil {
			r = e.m.DecodeByte(b)
		} else if b >= utf8.RuneSelf {
			r = utf8.RuneError
		}
		if r == utf8.RuneError {
			return dst, false
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst, true
}

// Byte gives the byte that stands for a character.
func (e Encoding) Byte(r rune) (b byte, ok bool) {
	if e.m == nil {
		return byte(r), r < utf8.RuneSelf
	}
	return e.m.EncodeRune(r)
}
