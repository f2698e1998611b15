package seedfile

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"ostiary/pskc"
	xmlcharset "ostiary/pskc/charset"
)

// What one XML file may hold.
const (
	maxDepth      = 16
	maxText       = 8 << 10  // bytes of one element
	maxToken      = 64 << 10 // bytes of one tag, comment, or run of text or white space
	maxAttributes = 16
)

// newXML makes a decoder for text in UTF-8, whatever encoding it declares; those
// that a charset does not have are refused.
func newXML(in io.Reader) *xml.Decoder {
	d := xml.NewDecoder(in)
	d.CharsetReader = func(name string, in io.Reader) (io.Reader, error) {
		switch strings.ToLower(name) {
		case "utf-8", "utf-16", "utf-16le", "utf-16be":
			return in, nil
		}
		if _, ok := xmlcharset.Named(name); ok {
			return in, nil
		}
		return nil, fmt.Errorf("encoding %s", quote(name))
	}
	return d
}

// meter gives the bytes of a file one by one, as the decoder asks for them, and
// ends where a token grows too long: the decoder itself has no bound, and keeps
// all of a tag full of attributes.
type meter struct {
	data     []byte
	at, from int // where the decoder is, and where its token begins
}

var errToken = errors.New("a token is too long")

func (m *meter) ReadByte() (byte, error) {
	switch {
	case m.at == len(m.data):
		return 0, io.EOF
	case m.at-m.from > maxToken:
		return 0, errToken
	}
	m.at++
	return m.data[m.at-1], nil
}

// Read is there because the decoder demands it.
func (m *meter) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c, err := m.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = c
	return 1, nil
}

// element is one element with all that is in it.
type element struct {
	name     string
	line     int
	attrs    []xml.Attr
	text     string
	children []*element
	from, to int // where it stands, with the white space before it
}

// xmlReader walks through a file of the shape root > … > entry, where entries
// are taken as a whole.
type xmlReader struct {
	in    *meter
	d     *xml.Decoder
	depth int
	start int // where the last start of an element begins
}

func newXMLReader(data []byte) *xmlReader {
	in := &meter{data: data}
	return &xmlReader{in: in, d: newXML(in)}
}

func (x *xmlReader) line() int {
	line, _ := x.d.InputPos()
	return line
}

// token gives the next start or end of an element, or text; io.EOF only behind a
// whole document. The reasons of encoding/xml are not repeated, as they may hold
// text of the file.
func (x *xmlReader) token() (xml.Token, error) {
	for {
		x.in.from = int(x.d.InputOffset())
		tok, err := x.d.Token()
		switch {
		case err == io.EOF && x.depth == 0:
			return nil, io.EOF
		case errors.Is(err, errToken):
			return nil, malformed(x.line(), "a tag, a comment or a run of white space is longer than %d bytes",
				maxToken)
		case err != nil && x.in.at == len(x.in.data):
			cut := malformed(x.line(), "the XML is cut off or not well-formed here")
			cut.Hint = "It may be an incomplete download, or still open in the program that writes it: end that program, or " +
				"fetch the file again."
			return nil, cut
		case err != nil:
			return nil, malformed(x.line(), "the XML is cut off or not well-formed here")
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			x.start = x.in.from
			if x.depth++; x.depth > maxDepth {
				return nil, malformed(x.line(), "elements are nested deeper than %d", maxDepth)
			}
			if len(tok.Attr) > maxAttributes {
				return nil, malformed(x.line(), "an element has more than %d attributes", maxAttributes)
			}
			return tok, nil
		case xml.EndElement:
			x.depth--
			return tok, nil
		case xml.CharData:
			return tok, nil
		case xml.Directive:
			return nil, malformed(x.line(), "the XML has a document type declaration, which is refused")
		}
	}
}

// enter reads on to the start of the next element inside the current one; nil at
// the end of that one. Text between elements is refused.
func (x *xmlReader) enter() (*xml.StartElement, error) {
	for {
		tok, err := x.token()
		if err != nil {
			return nil, err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			return &tok, nil
		case xml.EndElement:
			return nil, nil
		case xml.CharData:
			if len(bytes.TrimSpace(tok)) > 0 {
				return nil, malformed(x.line(), "there is text between the elements")
			}
		}
	}
}

// root reads the start of the document.
func (x *xmlReader) root(name string) error {
	e, err := x.enter()
	switch {
	case err == io.EOF || err == nil && e == nil:
		return malformed(0, "the XML has no elements")
	case err != nil:
		return err
	case e.Name.Local != name:
		return malformed(x.line(), "the outermost element is %s, not %s", quote(e.Name.Local), name)
	}
	return nil
}

// end makes sure that nothing stands behind the document.
func (x *xmlReader) end() error {
	e, err := x.enter()
	switch {
	case err != nil:
		return err // io.EOF, if all is well
	case e != nil:
		return malformed(x.line(), "there is a second document after the first")
	}
	return malformed(x.line(), "the XML is not well-formed here")
}

// whole reads an element whose start was read.
func (x *xmlReader) whole(start *xml.StartElement) (*element, error) {
	e := &element{name: start.Name.Local, line: x.line(), attrs: start.Attr,
		from: len(bytes.TrimRight(x.in.data[:x.start], " \t\r\n"))}
	var text []byte
	for {
		tok, err := x.token()
		if err != nil {
			return nil, err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			if len(e.children) == 64 {
				return nil, malformed(x.line(), "an element %s has more than 64 elements", quote(e.name))
			}
			child, err := x.whole(&tok)
			if err != nil {
				return nil, err
			}
			e.children = append(e.children, child)
		case xml.EndElement:
			e.text = string(bytes.TrimSpace(text))
			clear(text)
			e.to = int(x.d.InputOffset())
			return e, nil
		case xml.CharData:
			if text = append(text, tok...); len(text) > maxText {
				return nil, malformed(x.line(), "an element %s has more than %d bytes of text", quote(e.name), maxText)
			}
		}
	}
}

// next reads the next element inside the current one; nil at the end of that one.
func (x *xmlReader) next() (*element, error) {
	e, err := x.enter()
	if err != nil || e == nil {
		return nil, err
	}
	return x.whole(e)
}

// entry is e with its answers.
func (e *element) entry(answers ...answer) entry {
	return entry{from: e.from, to: e.to, answers: answers}
}

// fields gives the texts of simple children by name. It refuses children that
// repeat, hold elements, or are not among the names, and text around them.
func (e *element) fields(names ...string) (map[string]string, string) {
	out := make(map[string]string, len(e.children))
	if e.text != "" && len(e.children) > 0 {
		return out, "there is text between the elements of " + quote(e.name)
	}
	var why string
	for _, c := range e.children {
		known := ""
		for _, n := range names {
			if strings.EqualFold(n, c.name) {
				known = n
			}
		}
		_, twice := out[known]
		switch {
		case known == "":
			if why == "" {
				why = "its element " + quote(c.name) + " is not known"
			}
			continue
		case twice:
			why = "it has two elements " + known
		case len(c.children) > 0:
			why = "its element " + known + " holds elements"
		}
		out[known] = c.text
	}
	return out, why
}

// attr is the value of an attribute.
func (e *element) attr(name string) string {
	for _, a := range e.attrs {
		if strings.EqualFold(a.Name.Local, name) {
			return a.Value
		}
	}
	return ""
}

// setSecret decodes the secret of an XML entry, or says what is wrong.
func (j *job) setSecret(k *pskc.Key, enc Encoding, text string) string {
	if text == "" {
		return "it has no secret"
	}
	var ok bool
	if k.Secret, ok = enc.decode([]byte(text)); !ok {
		return "its secret is not " + string(enc)
	}
	if why := j.badSecret(len(k.Secret)); why != "" {
		return fmt.Sprintf("its secret of %d bits %s", len(k.Secret)*8, why)
	}
	return ""
}
