package pskc

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// parser turns the events of the scanner into keys. Its methods mirror the
// elements of RFC 6030: each is called after the start of its element and
// returns after the end.
type parser struct {
	s   *scanner
	opt Options
	hdr Header
	enc encryption
	cry keyring
	err error // final, once set

	state state
	pkg   device
	keys  int  // Key elements begun
	empty bool // the package being read had no Key yet
	draft bool // the container is of a draft older than RFC 6030
	vals  [valueCount]value
	rec   value
	sum   hash.Hash // of the file so far, as long as it may end with a MAC

	// scope gathers what makes the current key, or the keys of the current
	// package, unacceptable. Outside of both it is nil, and the same thing
	// ends the reading.
	scope *refusal
	why   refusal // of the current key
}

type state byte

const (
	atStart state = iota
	inContainer
	inPackage
)

// refusal is the first reason against a key; without a text there is none.
type refusal struct {
	text string
	kind error
}

func against(kind error, format string, args ...any) refusal {
	return refusal{text: fmt.Sprintf(format, args...), kind: kind}
}

func newParser(r io.Reader, opt Options) *parser {
	in := newInput(r)
	s := newScanner(in, opt.Limits)
	s.in = in
	p := &parser{s: s, opt: opt, sum: sha256.New()}
	s.tap = p.sum
	return p
}

// refuse records a reason against the current key, or fails if there is none.
func (p *parser) refuse(kind error, format string, args ...any) error {
	if p.scope == nil {
		return p.s.fail(kind, format, args...)
	}
	if p.scope.text == "" {
		*p.scope = against(kind, format, args...)
	}
	return nil
}

// next is Reader.Next. The first final error stays.
func (p *parser) next() (*Key, error) {
	if p.err != nil {
		return nil, p.err
	}
	k, err := p.advance()
	if err == nil {
		return k, nil
	}
	if _, ok := errors.AsType[*KeyError](err); !ok {
		p.err = err
		p.cry.wipe()
		p.wipeValues()
	}
	return nil, err
}

// advance reads to the end of the next key.
func (p *parser) advance() (*Key, error) {
	if p.state == atStart {
		if err := p.root(); err != nil {
			return nil, err
		}
		p.state = inContainer
	}
	for {
		ev, err := p.s.next()
		if err != nil {
			return nil, err
		}
		if err := p.noText(); err != nil {
			return nil, err
		}
		switch {
		case p.state == inPackage && ev == evStart:
			if k, err := p.packageChild(); k != nil || err != nil {
				return k, err
			}
		case p.state == inPackage:
			p.state = inContainer
			if p.empty {
				return nil, p.emptyPackage()
			}
		case ev == evStart:
			if err := p.containerChild(); err != nil {
				return nil, err
			}
		default:
			return nil, p.finish()
		}
	}
}

// finish reads what may follow the container and gives io.EOF.
func (p *parser) finish() error {
	if ev, err := p.s.next(); err != nil {
		return err
	} else if ev != evEOF {
		return p.s.fail(ErrMalformed, "something follows the end of the container")
	}
	if !p.pkg.any {
		return p.s.fail(ErrMalformed, "the container holds no KeyPackage")
	}
	if err := p.fileMACMissing(); err != nil {
		return err
	}
	return io.EOF
}

// noText refuses text where only elements may stand.
func (p *parser) noText() error {
	if len(p.s.text) == 0 {
		return nil
	}
	return p.refuse(ErrMalformed, "text between elements, where none may stand")
}

// children reads the child elements of the current element up to its end. It
// hands each to child, which reads it and reports true, or reports false and
// has read nothing. What it does not know is refused, save for elements of
// foreign namespaces where extensible allows them, and Extensions.
func (p *parser) children(parent string, extensible bool, child func(xname) (bool, error)) error {
	for {
		ev, err := p.s.next()
		if err != nil {
			return err
		}
		if err := p.noText(); err != nil {
			return err
		}
		if ev == evEnd {
			return nil
		}
		n := p.s.name
		if known, err := child(n); err != nil {
			return err
		} else if known {
			continue
		}
		extension := extensible && (n.ns == nsForeign || n.ns == nsPSKC && n.local == "Extensions")
		if !extension {
			if err := p.unknown(n, parent); err != nil {
				return err
			}
		}
		if err := p.skip(); err != nil {
			return err
		}
	}
}

// unknown refuses an element that is not known in its place.
func (p *parser) unknown(n xname, parent string) error {
	kind, where := ErrMalformed, ""
	switch n.ns {
	case nsPSKC:
	case nsDraft:
		kind, where = ErrUnsupported, " of another version of PSKC, namespace "+quote(n.space)+","
	default:
		where = " of namespace " + quote(n.space)
	}
	return p.refuse(kind, "element %s%s is not known in %s", quote(n.local), where, parent)
}

// skip reads the current element to its end and keeps nothing.
func (p *parser) skip() error {
	was := p.s.discard
	p.s.discard = true
	defer func() { p.s.discard = was }()
	for depth := 1; depth > 0; {
		ev, err := p.s.next()
		if err != nil {
			return err
		}
		if ev == evStart {
			depth++
		} else {
			depth--
		}
	}
	return nil
}

// extensions reads Extensions. What is in our namespace is handed to own by its
// name, the rest is passed over.
func (p *parser) extensions(own func(local string) error) error {
	p.s.discard = true
	defer func() { p.s.discard = false }()
	for {
		ev, err := p.s.next()
		if err != nil || ev == evEnd {
			return err
		}
		if n := p.s.name; n.ns == nsOwn {
			p.s.discard = false
			err = own(n.local)
			p.s.discard = true
		} else {
			err = p.skip()
		}
		if err != nil {
			return err
		}
	}
}

// unknownOwn refuses an element of our namespace that is not known where it
// stands.
func (p *parser) unknownOwn(local string) error {
	if err := p.refuse(ErrUnsupported, "element %s of namespace %s is not known in Extensions", quote(local),
		quote(ownSpace)); err != nil {
		return err
	}
	return p.skip()
}

// leaf reads an element that holds only text and gives the text without the
// white space around it, valid until the next event.
func (p *parser) leaf(name string) ([]byte, error) {
	for {
		ev, err := p.s.next()
		if err != nil {
			return nil, err
		}
		if ev == evEnd {
			return trimRight(p.s.text), nil
		}
		if err := p.refuse(ErrMalformed, "element %s inside %s, which holds text", quote(p.s.name.local),
			name); err != nil {
			return nil, err
		}
		if err := p.skip(); err != nil {
			return nil, err
		}
	}
}

// attributes hands each attribute of the current element to known, which
// reports whether it knows it. Others are refused, save for those of foreign
// namespaces such as xml:lang.
func (p *parser) attributes(element string, known func(name string, value []byte) bool) error {
	for _, a := range p.s.attrs {
		switch a.name.ns {
		case nsNone:
			if known != nil && known(a.name.local, a.value) {
				continue
			}
		case nsForeign:
			continue
		}
		if err := p.refuse(ErrMalformed, "attribute %s is not known in %s", quote(a.name.local), element); err != nil {
			return err
		}
	}
	return nil
}

// once refuses the second element of a name within its parent.
func (p *parser) once(seen *bool, name string) error {
	if *seen {
		return p.refuse(ErrMalformed, "element %s twice", name)
	}
	*seen = true
	return nil
}

// maxField is the longest text or attribute of a key or device, in bytes.
const maxField = 1024

// field makes a text of the file fit for delivery: line breaks become blanks,
// other control characters and excessive length are refused.
func (p *parser) field(name string, b []byte) (string, error) {
	if len(b) > maxField {
		return "", p.refuse(ErrLimit, "%s is longer than %d bytes", name, maxField)
	}
	for _, c := range b {
		if c < 0x20 || c >= 0x7f {
			return p.unusualField(name, b)
		}
	}
	return p.s.intern(b), nil
}

// unusualField is field for texts that are not printable ASCII.
func (p *parser) unusualField(name string, b []byte) (string, error) {
	text := string(b)
	if strings.ContainsAny(text, "\t\r\n") {
		text = strings.Join(strings.Fields(text), " ")
	}
	if strings.ContainsFunc(text, unicode.IsControl) || !utf8.ValidString(text) {
		return "", p.refuse(ErrMalformed, "%s holds a control character", name)
	}
	return text, nil
}

// textField reads a leaf element into a field.
func (p *parser) textField(dst *string, name string) error {
	if err := p.attributes(name, nil); err != nil {
		return err
	}
	b, err := p.leaf(name)
	if err != nil {
		return err
	}
	*dst, err = p.field(name, b)
	return err
}
