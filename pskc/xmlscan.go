package pskc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// The scanner is a pull parser for the part of XML 1.0 that PSKC needs, in
// place of encoding/xml. The reasons: a hard bound on memory whatever the
// input (encoding/xml gathers a whole token before anyone can object), the
// refusal of duplicate attributes and undeclared prefixes, and several times the
// speed. It is never more lenient than encoding/xml; FuzzScanner holds the
// two against each other.
//
// It knows elements, attributes, namespaces, text, CDATA, comments, processing
// instructions, the five predefined entities and character references. It
// refuses document type declarations and names outside ASCII. It reads UTF-8;
// [input] turns UTF-16 into that.
type scanner struct {
	src     io.Reader
	in      *input // what src is, or nil: it knows the encoding of the file
	buf     []byte // window; buf[pos:end] is read and not consumed
	pos     int
	end     int
	eof     bool
	total   int64
	line    int
	lim     Limits
	started bool // something but white space was consumed

	tap   io.Writer // is given every byte consumed; may be nil, and must not fail
	given int       // buf[:given] was given to it
	mark  int       // where in buf the tag of the current event begins, or -1

	redeclare bool // the tap is told that UTF-16 is now UTF-8

	// The current event. attrs is valid on a start, until the next event.
	name  xname
	attrs []attr
	// text is the character data since the previous event, without leading
	// white space. It is not gathered while discard is set.
	text    []byte
	discard bool
	tagLine int // line of the '<' of the current event

	// home is the namespace of the container once it is known: its elements,
	// and those in no namespace, are those of PSKC.
	home    string
	settled bool

	open     []element
	bindings []binding
	arena    []byte // attribute values that had to be decoded
	selfEnd  bool   // the end of an empty-element tag is still to be told
	rootSeen bool
	brackets int // run of ']' just seen, to refuse "]]>" in text
	names    map[string]string
}

type event int

const (
	evStart event = iota + 1
	evEnd
	evEOF
)

// windowSize is what is read at once. A tag must fit, so the window grows with
// [Limits.TagBytes].
const windowSize = 32 << 10

// Bounds of the table of names already seen, which saves an allocation for
// each repeated one.
const (
	maxInterned    = 512
	maxInternedLen = 128
)

// maxEmptyReads is how often a reader may give nothing before it is taken for
// broken.
const maxEmptyReads = 100

func newScanner(r io.Reader, lim Limits) *scanner {
	return &scanner{
		src:   r,
		buf:   make([]byte, max(windowSize, lim.TagBytes+2*utf8.UTFMax)),
		mark:  -1,
		line:  1,
		lim:   lim,
		names: make(map[string]string),
	}
}

// fail is a fault at the current line.
func (s *scanner) fail(kind error, format string, args ...any) error {
	return &fault{kind: kind, line: s.line, text: fmt.Sprintf(format, args...)}
}

func (s *scanner) truncated() error { return s.fail(ErrMalformed, "the file ends early") }

// tagStart is where the tag of the current event begins, or pos if it has none
// of its own.
func (s *scanner) tagStart() int {
	if s.mark < 0 {
		return s.pos
	}
	return s.mark
}

// more reads on, keeping the tag that is being read and buf[pos:end]. It reports
// false at the end of input.
func (s *scanner) more() (bool, error) {
	if s.eof {
		return false, nil
	}
	if from := s.tagStart(); from > 0 {
		s.give(from)
		s.end = copy(s.buf, s.buf[from:s.end])
		s.pos, s.given = s.pos-from, s.given-from
		if s.mark > 0 {
			s.mark = 0
		}
	}
	for range maxEmptyReads {
		n, err := s.src.Read(s.buf[s.end:])
		s.end += n
		if s.total += int64(n); s.in != nil {
			s.total = s.in.read
		}
		if s.lim.TotalBytes > 0 && s.total > s.lim.TotalBytes {
			return false, s.fail(ErrLimit, "the file is longer than %d bytes", s.lim.TotalBytes)
		}
		switch {
		case errors.Is(err, io.EOF):
			s.eof = true
			return n > 0, nil
		case err != nil:
			if f, ok := errors.AsType[*fault](err); ok {
				return false, s.fail(f.kind, "%s", f.text)
			}
			return false, fmt.Errorf("pskc: read: %w", err)
		case n > 0:
			return true, nil
		}
	}
	return false, fmt.Errorf("pskc: read: %w", io.ErrNoProgress)
}

// give gives buf[:to] to the tap, save what it has.
func (s *scanner) give(to int) {
	if to <= s.given {
		return
	}
	if s.tap != nil {
		_, _ = s.tap.Write(s.buf[s.given:to])
	}
	s.given = to
}

// rest gives what is left of the input, n bytes at most, and consumes nothing.
func (s *scanner) rest(n int) ([]byte, error) {
	_, err := s.need(n)
	return s.buf[s.pos:min(s.end, s.pos+n)], err
}

// need makes n bytes available, or reports false if the input is shorter.
func (s *scanner) need(n int) (bool, error) {
	for s.end-s.pos < n {
		if ok, err := s.more(); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

// hasPrefix tells whether the input goes on with the text.
func (s *scanner) hasPrefix(text string) (bool, error) {
	ok, err := s.need(len(text))
	return ok && string(s.buf[s.pos:s.pos+len(text)]) == text, err
}

// prolog looks at the first bytes: the encoding, and whether this can be XML.
func (s *scanner) prolog() error {
	if _, err := s.need(4); err != nil {
		return err
	}
	head := s.buf[s.pos:s.end]
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		s.pos += 3
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")),
		bytes.HasPrefix(head, []byte("<\x00")), bytes.HasPrefix(head, []byte("\x00<")):
		return s.fail(ErrUnsupported, "the file is in UTF-16; and cannot be read")
	}
	for {
		if ok, err := s.need(1); err != nil {
			return err
		} else if !ok {
			return s.fail(ErrNotPSKC, "it is empty")
		}
		c := s.buf[s.pos]
		if !isSpace(c) {
			if c != '<' {
				return s.fail(ErrNotPSKC, "it is not XML")
			}
			return nil
		}
		if c == '\n' {
			s.line++
		}
		s.pos++
	}
}

// next gives the next event.
func (s *scanner) next() (event, error) {
	s.text, s.mark = s.text[:0], -1
	if s.selfEnd {
		s.selfEnd = false
		return s.pop(), nil
	}
	if !s.started {
		if err := s.prolog(); err != nil {
			return 0, err
		}
	}
	for {
		atEOF, err := s.charData()
		if err != nil {
			return 0, err
		}
		if atEOF {
			if len(s.open) > 0 || !s.rootSeen {
				return 0, s.truncated()
			}
			return evEOF, nil
		}
		s.tagLine = s.line
		if ev, err := s.markup(); ev != 0 || err != nil {
			return ev, err
		}
	}
}

// markup reads what follows a '<'. It gives no event for what is not an
// element.
func (s *scanner) markup() (event, error) {
	if ok, err := s.need(1); err != nil {
		return 0, err
	} else if !ok {
		return 0, s.truncated()
	}
	first := !s.started
	s.started = true
	switch s.buf[s.pos] {
	case '/':
		s.pos++
		return s.endTag()
	case '?':
		s.pos++
		return 0, s.instruction(first)
	case '!':
		s.mark = -1
		s.pos++
		if ok, err := s.hasPrefix("--"); err != nil {
			return 0, err
		} else if ok {
			s.pos += 2
			return 0, s.comment()
		}
		if ok, err := s.hasPrefix("[CDATA["); err != nil {
			return 0, err
		} else if ok && len(s.open) > 0 {
			s.pos += len("[CDATA[")
			return 0, s.cdata()
		}
		return 0, s.directive()
	}
	return s.startTag()
}

// directive refuses a document type declaration, and with it every entity a
// file could define.
func (s *scanner) directive() error {
	const html = "doctype html"
	if ok, err := s.need(len(html)); err != nil {
		return err
	} else if ok && bytes.EqualFold(s.buf[s.pos:s.pos+len(html)], []byte(html)) {
		return s.fail(ErrNotPSKC, "it is an HTML page")
	}
	return s.fail(ErrUnsupported, "a document type declaration (DTD) is never read")
}

// comment skips a comment; "<!--" is consumed.
func (s *scanner) comment() error {
	for {
		c, err := s.skipChar()
		if err != nil {
			return err
		}
		if c != '-' {
			continue
		}
		if ok, err := s.hasPrefix("-"); err != nil {
			return err
		} else if !ok {
			continue
		}
		s.pos++
		if ok, err := s.hasPrefix(">"); err != nil {
			return err
		} else if !ok {
			return s.fail(ErrMalformed, "two hyphens inside a comment")
		}
		s.pos++
		return nil
	}
}

// instruction skips a processing instruction; "<?" is consumed. The XML
// declaration is one only at the start.
func (s *scanner) instruction(first bool) error {
	ok, err := s.hasPrefix("xml")
	if err != nil {
		return err
	}
	if ok {
		if ok, err = s.need(4); err != nil {
			return err
		}
		if ok && !isNameChar(s.buf[s.pos+3]) {
			if !first {
				return s.fail(ErrMalformed, "an XML declaration after the start")
			}
			return s.declaration()
		}
	}
	s.mark = -1
	if ok, err := s.need(1); err != nil {
		return err
	} else if ok && !isNameStart(s.buf[s.pos]) {
		return s.fail(ErrMalformed, "a processing instruction without a name")
	}
	for {
		c, err := s.skipChar()
		if err != nil {
			return err
		}
		if c == '?' {
			if ok, err := s.hasPrefix(">"); err != nil {
				return err
			} else if ok {
				s.pos++
				return nil
			}
		}
	}
}

// skipChar consumes one character that is not kept, a newline counted.
func (s *scanner) skipChar() (byte, error) {
	if ok, err := s.need(1); err != nil {
		return 0, err
	} else if !ok {
		return 0, s.truncated()
	}
	c := s.buf[s.pos]
	if class[c] == chBad {
		return 0, s.fail(ErrMalformed, "a character that XML forbids")
	}
	if c >= utf8.RuneSelf {
		_, err := s.rune()
		return c, err
	}
	if c == '\n' {
		s.line++
	}
	s.pos++
	return c, nil
}

// rune consumes one character outside ASCII and gives its bytes.
func (s *scanner) rune() ([]byte, error) {
	for s.end-s.pos < utf8.UTFMax && !utf8.FullRune(s.buf[s.pos:s.end]) {
		if ok, err := s.more(); err != nil {
			return nil, err
		} else if !ok {
			break
		}
	}
	r, n := utf8.DecodeRune(s.buf[s.pos:s.end])
	if r == utf8.RuneError && n <= 1 {
		return nil, s.fail(ErrMalformed, "bytes that are not UTF-8")
	}
	if !isXMLChar(r) {
		return nil, s.fail(ErrMalformed, "a character that XML forbids")
	}
	b := s.buf[s.pos : s.pos+n]
	s.pos += n
	return b, nil
}

// intern gives the text as a string, the same one for a name seen before.
func (s *scanner) intern(b []byte) string {
	if t, ok := s.names[string(b)]; ok {
		return t
	}
	t := string(b)
	if len(t) <= maxInternedLen && len(s.names) < maxInterned {
		s.names[t] = t
	}
	return t
}
