package pskc

import (
	"bytes"
	"io"
)

// PlainXML gives a file whole, as XML that other parsers read as [Reader] does:
// in UTF-8, without byte order mark, leading white space and declaration, and
// with the white space of attribute values made blanks (XML 1.0 section 3.3.3),
// which encoding/xml leaves out. It holds the file to what a Reader demands of
// any XML, but not to the structure of RFC 6030; the errors are the same. Of the
// limits Depth, TagBytes, Attributes and TotalBytes bind it; Attributes also
// bounds the namespaces that are declared at one place.
func PlainXML(doc []byte, lim Limits) ([]byte, error) {
	opt, err := Options{Limits: lim}.withDefaults()
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	text.Grow(len(doc))
	in := newInput(bytes.NewReader(doc))
	s := newScanner(io.TeeReader(in, &text), opt.Limits)
	s.in = in
	if n := opt.Limits.TotalBytes; n > 0 && int64(len(doc)) > n {
		return nil, s.fail(ErrLimit, "the file is longer than %d bytes", n)
	}
	for {
		ev, err := s.next()
		if err != nil {
			return nil, err
		}
		if ev == evEOF {
			return bare(text.Bytes()), nil
		}
		if len(s.bindings) > opt.Limits.Attributes {
			return nil, s.fail(ErrLimit, "more than %d namespaces are declared at one place", opt.Limits.Attributes)
		}
		// Text is gathered only where there must be none.
		s.discard = len(s.open) > 0
	}
}

// bare makes of a scanned text, in its place, what [PlainXML] gives.
func bare(b []byte) []byte {
	b = trimLeft(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")))
	if bytes.HasPrefix(b, []byte("<?xml")) && isSpace(b[len("<?xml")]) {
		_, b, _ = bytes.Cut(b, []byte("?>"))
		b = trimLeft(b)
	}
	out := b[:0]
	for len(b) > 0 {
		n, tag := piece(b)
		if tag {
			out = appendBlank(out, b[:n])
		} else {
			out = append(out, b[:n]...)
		}
		b = b[n:]
	}
	return out
}

// piece gives the length of the text or markup that b begins with, and whether
// that is the tag of an element.
func piece(b []byte) (n int, tag bool) {
	if b[0] != '<' {
		if n = bytes.IndexByte(b, '<'); n < 0 {
			n = len(b)
		}
		return n, false
	}
	for _, m := range []struct{ begin, end string }{{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}} {
		if bytes.HasPrefix(b, []byte(m.begin)) {
			n = len(m.begin)
			return n + bytes.Index(b[n:], []byte(m.end)) + len(m.end), false
		}
	}
	var quote byte
	for b[n] != '>' || quote != 0 {
		switch c := b[n]; {
		case c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		}
		n++
	}
	return n + 1, true
}

// appendBlank appends a tag with all its white space made blanks. The end of a
// line is one, whether it takes one character or two.
func appendBlank(out, tag []byte) []byte {
	for i, c := range tag {
		if c == '\r' && tag[i+1] == '\n' {
			continue
		}
		if isSpace(c) {
			c = ' '
		}
		out = append(out, c)
	}
	return out
}
