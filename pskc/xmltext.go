package pskc

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

// Classes of bytes in character data. The zero value is text without meaning
// of its own, which is copied in runs.
const (
	chPlain byte = iota
	chMarkup
	chRef
	chBracket
	chGreater
	chReturn
	chHigh
	chBad
)

var class = func() (t [256]byte) {
	for c := range 0x20 {
		t[c] = chBad
	}
	t['\t'] = chPlain
	t['\n'] = chPlain // but it counts, see run
	t['\r'] = chReturn
	t['<'] = chMarkup
	t['&'] = chRef
	t[']'] = chBracket
	t['>'] = chGreater
	for c := utf8.RuneSelf; c < 256; c++ {
		t[c] = chHigh
	}
	return t
}()

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

func trimLeft(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	return b
}

func trimRight(b []byte) []byte {
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// isXMLChar tells whether a character outside ASCII may stand in XML. Halves
// of surrogate pairs are not UTF-8 and do not get here.
func isXMLChar(r rune) bool {
	return r <= 0xD7FF || (r >= 0xE000 && r <= 0xFFFD) || (r >= 0x10000 && r <= 0x10FFFF)
}

// charData consumes text up to and with the next '<', or to the end of input.
func (s *scanner) charData() (atEOF bool, err error) {
	s.brackets = 0
	for {
		w := s.buf[s.pos:s.end]
		i := s.run(w)
		if i > 0 {
			s.brackets = 0
			if err := s.put(w[:i]); err != nil {
				return false, err
			}
		}
		if i == len(w) {
			if ok, err := s.more(); err != nil {
				return false, err
			} else if !ok {
				return true, nil
			}
			continue
		}
		if w[i] == '<' {
			s.mark = s.pos
			s.pos++
			return false, nil
		}
		if err := s.special(w[i]); err != nil {
			return false, err
		}
	}
}

// run consumes the text that w begins with as far as it is plain, and gives its
// length.
func (s *scanner) run(w []byte) int {
	i, lines := 0, 0
	for i < len(w) && class[w[i]] == chPlain {
		if w[i] == '\n' {
			lines++
		}
		i++
	}
	s.pos += i
	s.line += lines
	return i
}

// special consumes one character of text that is not plain.
func (s *scanner) special(c byte) error {
	brackets := s.brackets
	s.brackets = 0
	switch class[c] {
	case chReturn:
		// A carriage return, with or without a line feed, reads as one.
		s.pos++
		if ok, err := s.hasPrefix("\n"); err != nil || ok {
			return err
		}
		return s.put(newline)
	case chBracket:
		s.brackets = brackets + 1
		s.pos++
		return s.put(bracket)
	case chGreater:
		if brackets >= 2 {
			return s.fail(ErrMalformed, "]]> in text")
		}
		s.pos++
		return s.put(greater)
	case chRef:
		if len(s.open) == 0 {
			return s.fail(ErrMalformed, "text outside the outermost element")
		}
		r, err := s.reference()
		if err != nil {
			return err
		}
		return s.putRef(r)
	case chHigh:
		b, err := s.rune()
		if err != nil {
			return err
		}
		return s.put(b)
	}
	return s.fail(ErrMalformed, "a character that XML forbids")
}

var (
	newline = []byte{'\n'}
	bracket = []byte{']'}
	greater = []byte{'>'}
)

// put gathers text. White space before it is dropped, so that a file may be
// indented without end.
func (s *scanner) put(b []byte) error {
	if s.discard {
		return nil
	}
	if len(s.text) == 0 {
		if b = trimLeft(b); len(b) == 0 {
			return nil
		}
		if len(s.open) == 0 {
			return s.fail(ErrMalformed, "text outside the outermost element")
		}
	}
	if len(s.text)+len(b) > s.lim.TextBytes {
		return s.fail(ErrLimit, "the text of one element is longer than %d bytes", s.lim.TextBytes)
	}
	s.text = append(s.text, b...)
	return nil
}

// putRef gathers the character of a reference.
func (s *scanner) putRef(r rune) error {
	var b [utf8.UTFMax]byte
	return s.put(b[:utf8.EncodeRune(b[:], r)])
}

// cdata gathers a CDATA section; "<![CDATA[" is consumed.
func (s *scanner) cdata() error {
	for {
		if ok, err := s.hasPrefix("]]>"); err != nil {
			return err
		} else if ok {
			s.pos += 3
			s.brackets = 0
			return nil
		}
		w := s.buf[s.pos:s.end]
		if len(w) == 0 {
			return s.truncated()
		}
		var err error
		switch i := s.run(w); {
		case i > 0:
			err = s.put(w[:i])
		case w[0] == '<' || w[0] == '&' || w[0] == ']' || w[0] == '>':
			s.pos++
			err = s.put(w[:1])
		default:
			err = s.special(w[0])
		}
		if err != nil {
			return err
		}
	}
}

// maxReference is the length of the longest reference, "&#x10FFFF;", with
// room for a few leading zeros.
const maxReference = 16

// reference consumes a reference in text, which begins with '&'.
func (s *scanner) reference() (rune, error) {
	if _, err := s.need(maxReference); err != nil {
		return 0, err
	}
	r, n := reference(s.buf[s.pos:s.end])
	if n == 0 {
		return 0, s.fail(ErrMalformed, "an entity or character reference that is not defined")
	}
	s.pos += n
	return r, nil
}

// reference decodes the reference that b begins with. n is 0 if it is none of
// the five predefined entities and no character of XML.
func reference(b []byte) (r rune, n int) {
	b = b[:min(len(b), maxReference)]
	end := bytes.IndexByte(b, ';')
	if end < 2 {
		return 0, 0
	}
	name := string(b[1:end])
	switch name {
	case "lt":
		return '<', end + 1
	case "gt":
		return '>', end + 1
	case "amp":
		return '&', end + 1
	case "apos":
		return '\'', end + 1
	case "quot":
		return '"', end + 1
	}
	if name[0] != '#' || len(name) < 2 {
		return 0, 0
	}
	digits, base := name[1:], 10
	if digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	if digits == "" || digits[0] == '+' || digits[0] == '-' {
		return 0, 0
	}
	v, err := strconv.ParseUint(digits, base, 32)
	if err != nil || v > utf8.MaxRune || !utf8.ValidRune(rune(v)) {
		return 0, 0
	}
	r = rune(v)
	if r < utf8.RuneSelf && class[r] == chBad || !isXMLChar(r) {
		return 0, 0
	}
	return r, end + 1
}
