package pskc

import (
	"bytes"
	"unicode/utf8"
)

// xname is a name with its namespace.
type xname struct {
	ns    namespace
	space string // the URI, "" for none
	local string
}

// attr is an attribute that is not a namespace declaration.
type attr struct {
	name   xname
	prefix []byte
	local  []byte
	value  []byte
}

// is tells whether this is the element of the name. Writers that are sloppy
// about namespaces leave elements of XML encryption and signatures in that of
// PSKC, or in none; no name means two things.
func (n xname) is(ns namespace, local string) bool {
	return n.local == local && (n.ns == ns || n.ns == nsPSKC)
}

type element struct {
	name  xname
	qname string
	marks int // len(bindings) before its own declarations
}

type binding struct {
	prefix string
	ns     namespace
	space  string
}

const (
	xmlSpace   = "http://www.w3.org/XML/1998/namespace"
	xmlnsSpace = "http://www.w3.org/2000/xmlns/"
)

func isNameStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}

func isNameChar(c byte) bool {
	return isNameStart(c) || c >= '0' && c <= '9' || c == '-' || c == '.'
}

// tag consumes up to and with the '>' that ends the current tag and gives what
// stands before it, as a part of the window: valid until the next read.
func (s *scanner) tag() ([]byte, error) {
	var quote byte
	i, lines := 0, 0
	for {
		w := s.buf[s.pos:min(s.end, s.pos+s.lim.TagBytes+1)]
		for ; i < len(w); i++ {
			switch c := w[i]; {
			case c > '>': // most are
			case c == '<':
				return nil, s.fail(ErrMalformed, "a '<' inside a tag")
			case c == '"' || c == '\'':
				if quote == 0 {
					quote = c
				} else if quote == c {
					quote = 0
				}
			case c == '>' && quote == 0:
				s.pos += i + 1
				s.line += lines
				return w[:i], nil
			case c == '\n':
				lines++
			}
		}
		if i > s.lim.TagBytes {
			return nil, s.fail(ErrLimit, "one tag is longer than %d bytes", s.lim.TagBytes)
		}
		if ok, err := s.more(); err != nil {
			return nil, err
		} else if !ok {
			return nil, s.truncated()
		}
	}
}

// qname splits the name that b begins with. prefix is empty if there is none.
func (s *scanner) qname(b []byte) (prefix, local, rest []byte, err error) {
	part := func(b []byte) int {
		if len(b) == 0 || !isNameStart(b[0]) {
			return 0
		}
		n := 1
		for n < len(b) && isNameChar(b[n]) {
			n++
		}
		return n
	}
	n := part(b)
	local, rest = b[:n], b[n:]
	if n > 0 && len(rest) > 0 && rest[0] == ':' {
		m := part(rest[1:])
		prefix, local, rest = local, rest[1:1+m], rest[1+m:]
	}
	switch {
	case len(rest) > 0 && rest[0] >= utf8.RuneSelf:
		return nil, nil, nil, s.fail(ErrUnsupported, "a name that is not ASCII")
	case len(local) == 0, len(rest) > 0 && rest[0] == ':':
		return nil, nil, nil, s.fail(ErrMalformed, "a tag or attribute without a proper name")
	}
	return prefix, local, rest, nil
}

// startTag reads a start tag or an empty-element tag; '<' is consumed.
func (s *scanner) startTag() (event, error) {
	t, err := s.tag()
	if err != nil {
		return 0, err
	}
	if len(s.open) == 0 && s.rootSeen {
		return 0, s.fail(ErrMalformed, "a second outermost element")
	}
	if len(s.open) >= s.lim.Depth {
		return 0, s.fail(ErrLimit, "elements are nested more than %d deep", s.lim.Depth)
	}
	empty := len(t) > 0 && t[len(t)-1] == '/'
	if empty {
		t = t[:len(t)-1]
	}
	prefix, local, rest, err := s.qname(t)
	if err != nil {
		return 0, err
	}
	e := element{qname: s.intern(t[:len(t)-len(rest)]), marks: len(s.bindings)}
	e.name.local = e.qname[len(e.qname)-len(local):]
	if err := s.attributes(rest); err != nil {
		return 0, err
	}
	if err := s.resolve(&e.name, prefix, true); err != nil {
		return 0, err
	}
	if err := s.distinct(); err != nil {
		return 0, err
	}
	s.open = append(s.open, e)
	s.name = e.name
	s.rootSeen = true
	s.selfEnd = empty
	return evStart, nil
}

// endTag reads an end tag; "</" is consumed.
func (s *scanner) endTag() (event, error) {
	t, err := s.tag()
	if err != nil {
		return 0, err
	}
	t = trimRight(t)
	if len(s.open) == 0 || string(t) != s.open[len(s.open)-1].qname {
		return 0, s.fail(ErrMalformed, "an end tag that does not match its start tag")
	}
	return s.pop(), nil
}

// pop closes the innermost element.
func (s *scanner) pop() event {
	e := s.open[len(s.open)-1]
	s.open = s.open[:len(s.open)-1]
	s.bindings = s.bindings[:e.marks]
	s.name = e.name
	s.attrs = s.attrs[:0]
	return evEnd
}

// attributes reads the attributes of a tag into attrs, and the namespace
// declarations among them into bindings.
func (s *scanner) attributes(b []byte) error {
	s.attrs = s.attrs[:0]
	s.arena = s.arena[:0]
	count := 0
	first := len(s.bindings)
	for {
		trimmed := trimLeft(b)
		if len(trimmed) == 0 {
			return nil
		}
		if len(trimmed) == len(b) {
			return s.fail(ErrMalformed, "attributes not set apart by white space")
		}
		if count++; count > s.lim.Attributes {
			return s.fail(ErrLimit, "one tag has more than %d attributes", s.lim.Attributes)
		}
		prefix, local, rest, err := s.qname(trimmed)
		if err != nil {
			return err
		}
		rest = trimLeft(rest)
		if len(rest) == 0 || rest[0] != '=' {
			return s.fail(ErrMalformed, "an attribute without a value")
		}
		rest = trimLeft(rest[1:])
		if len(rest) == 0 || rest[0] != '"' && rest[0] != '\'' {
			return s.fail(ErrMalformed, "an attribute value without quotes")
		}
		n := bytes.IndexByte(rest[1:], rest[0])
		if n < 0 {
			return s.fail(ErrMalformed, "an attribute value without an end")
		}
		value, err := s.attrValue(rest[1 : 1+n])
		if err != nil {
			return err
		}
		b = rest[n+2:]
		switch {
		case len(prefix) == 0 && string(local) == "xmlns":
			err = s.bind(first, "", value)
		case string(prefix) == "xmlns":
			err = s.bind(first, s.intern(local), value)
		default:
			s.attrs = append(s.attrs, attr{prefix: prefix, local: local, value: value})
		}
		if err != nil {
			return err
		}
	}
}

// attrValue checks and decodes a value; white space in it becomes blanks.
func (s *scanner) attrValue(v []byte) ([]byte, error) {
	i := 0
	for i < len(v) && v[i] >= 0x20 && v[i] < utf8.RuneSelf && v[i] != '&' {
		i++
	}
	if i == len(v) {
		return v, nil
	}
	start := len(s.arena)
	s.arena = append(s.arena, v[:i]...)
	for i < len(v) {
		c := v[i]
		switch {
		case c == '&':
			r, n := reference(v[i:])
			if n == 0 {
				return nil, s.fail(ErrMalformed, "an entity or character reference that is not defined")
			}
			s.arena = utf8.AppendRune(s.arena, r)
			i += n
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(v[i:])
			if r == utf8.RuneError && n <= 1 {
				return nil, s.fail(ErrMalformed, "bytes that are not UTF-8")
			}
			if !isXMLChar(r) {
				return nil, s.fail(ErrMalformed, "a character that XML forbids")
			}
			s.arena = append(s.arena, v[i:i+n]...)
			i += n
		case class[c] == chBad:
			return nil, s.fail(ErrMalformed, "a character that XML forbids")
		default:
			if c == '\r' && i+1 < len(v) && v[i+1] == '\n' {
				i++
			}
			if isSpace(c) {
				c = ' '
			}
			s.arena = append(s.arena, c)
			i++
		}
	}
	return s.arena[start:len(s.arena):len(s.arena)], nil
}

// bind declares a namespace for the element being opened, whose declarations
// begin at first.
func (s *scanner) bind(first int, prefix string, uri []byte) error {
	for _, b := range s.bindings[first:] {
		if b.prefix == prefix {
			return s.fail(ErrMalformed, "a namespace prefix declared twice in one tag")
		}
	}
	space := s.intern(uri)
	switch {
	case prefix == "xmlns", space == xmlnsSpace, (prefix == "xml") != (space == xmlSpace):
		return s.fail(ErrMalformed, "a reserved namespace declared")
	case prefix != "" && space == "":
		return s.fail(ErrMalformed, "a namespace prefix declared as empty")
	}
	s.bindings = append(s.bindings, binding{prefix, s.namespaceOf(space), space})
	return nil
}

// settle makes the namespace the one of PSKC in this file. Others that are of
// PSKC in other files are then those of a draft, which may not be mixed in.
func (s *scanner) settle(home string) {
	s.home, s.settled = home, true
	for i := range s.bindings {
		b := &s.bindings[i]
		b.ns = s.namespaceOf(b.space)
	}
}

// namespaceOf is the part that a namespace plays in this file.
func (s *scanner) namespaceOf(space string) namespace {
	ns := namespaceOf(space)
	switch {
	case !s.settled:
	case space == s.home, ns == nsNone:
		return nsPSKC
	case ns == nsPSKC:
		return nsDraft
	}
	return ns
}

// resolve looks up the namespace of a name. Attributes without a prefix are in
// none.
func (s *scanner) resolve(n *xname, prefix []byte, isElement bool) error {
	if len(prefix) == 0 && !isElement {
		return nil
	}
	for i := len(s.bindings) - 1; i >= 0; i-- {
		if b := &s.bindings[i]; b.prefix == string(prefix) {
			n.ns, n.space = b.ns, b.space
			return nil
		}
	}
	if len(prefix) == 0 {
		n.ns = s.namespaceOf("")
		return nil
	}
	if string(prefix) == "xml" {
		n.ns, n.space = nsForeign, xmlSpace
		return nil
	}
	return s.fail(ErrMalformed, "the namespace prefix %s is not declared", quote(string(prefix)))
}

// distinct resolves the names of attributes and refuses two of one name.
func (s *scanner) distinct() error {
	for i := range s.attrs {
		a := &s.attrs[i]
		a.name.local = s.intern(a.local)
		if err := s.resolve(&a.name, a.prefix, false); err != nil {
			return err
		}
		for j := range i {
			if s.attrs[j].name == a.name {
				return s.fail(ErrMalformed, "attribute %s twice in one tag", quote(a.name.local))
			}
		}
	}
	return nil
}

// declaration reads the XML declaration; "<?" is consumed.
func (s *scanner) declaration() error {
	t, err := s.tag()
	if err != nil {
		return err
	}
	if len(t) < 5 || !isSpace(t[3]) || t[len(t)-1] != '?' {
		return s.fail(ErrMalformed, "the XML declaration is damaged")
	}
	if err := s.attributes(t[3 : len(t)-1]); err != nil {
		return err
	}
	for i, a := range s.attrs {
		v := string(a.value)
		switch name := string(a.local); {
		case len(a.prefix) > 0 || i == 0 && name != "version":
			return s.fail(ErrMalformed, "the XML declaration is damaged")
		case i == 0:
			if v != "1.0" {
				return s.fail(ErrUnsupported, "XML version %s", quote(v))
			}
		case i == 1 && name == "encoding":
			if !s.in.encodingName(v) {
				return s.fail(ErrUnsupported, "the declared encoding %s: the file is not in it, or it is neither "+
					"UTF-8 nor UTF-16 nor a single-byte encoding that is known here", quote(v))
			}
		case name == "standalone" && i == len(s.attrs)-1 && (v == "yes" || v == "no"):
		default:
			return s.fail(ErrMalformed, "the XML declaration is damaged")
		}
	}
	if len(s.attrs) == 0 || len(s.bindings) > 0 {
		return s.fail(ErrMalformed, "the XML declaration is damaged")
	}
	s.attrs = s.attrs[:0]
	if s.redeclare && s.in.converts() {
		s.give(s.mark)
		_, _ = s.tap.Write([]byte(`<?xml version="1.0" encoding="UTF-8"?>`))
		s.given = s.pos
	}
	s.mark = -1
	return nil
}
