package xmlsig

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/beevik/etree"
	validator "github.com/mattermost/xml-roundtrip-validator"
	dsig "github.com/russellhaering/goxmldsig"

	"ostiary/pskc"
)

// MaxBytes is the longest file that is verified: some 70,000 encrypted keys.
const MaxBytes = 64 << 20

// Bounds of what the tree of a file may cost. PSKC comes nowhere near the first
// two; a file of MaxBytes comes near the others.
const (
	maxDepth      = 32         // nesting of elements, as package pskc has it
	maxAttributes = 64         // of one tag, and namespaces declared at one place
	maxMarkup     = 3_000_000  // tags, attributes, comments and so on
	maxWeight     = 16_000_000 // the depths of all nodes together: a canonical form copies each so often
	maxSignature  = 1_000      // nodes of the signature
)

// tree is a whole file. Its trees are many times as large as its text, so there is never
// more than that of a piece.
type tree struct {
	root   *etree.Element // the outermost element, without its children
	pieces pieces         // its children
	signed int            // the piece that the first signature stands in
	first  *etree.Element // what is, or should be, a signature
	found  int            // how many of them there are; the first alone is kept
	depth  int            // of the first
	beside bool           // there is a processing instruction outside root
	weight int
}

// load reads a file. All bounds but that of the weight are checked before a
// tree is built.
func load(doc []byte) (*tree, error) {
	text, err := pskc.PlainXML(doc, pskc.Limits{Depth: maxDepth, Attributes: maxAttributes, TotalBytes: MaxBytes})
	if err != nil {
		return nil, err
	}
	if n := bytes.Count(text, []byte("<")) + bytes.Count(text, []byte("=")); n > maxMarkup {
		return nil, fail(ErrLimit, "more than %d tags and attributes", maxMarkup)
	}
	t := &tree{}
	// These two errors may repeat a secret from the file, and are not passed on.
	if !roundTrips(text, t.pieces.cut) {
		return nil, fail(ErrUnsupported, "XML that programs read differently")
	}
	d := etree.NewDocument()
	if d.ReadFromBytes(t.pieces.shell(text)) != nil || d.Root() == nil {
		return nil, fail(ErrMalformed, "no XML")
	}
	t.root = d.Root()
	t.beside = slices.ContainsFunc(d.Child, func(c etree.Token) bool { _, ok := c.(*etree.ProcInst); return ok })
	return t, t.survey(text)
}

// survey finds the signatures, weighs the trees, and refuses what hides a part of
// a text from some programs.
func (t *tree) survey(text []byte) error {
	t.pieces.text = text
	t.mark(t.root, 1)
	var mixed mix
	for n := range t.pieces.ranges {
		root, err := t.pieces.tree(n)
		if err != nil {
			return err
		}
		before := t.found
		if err := t.walk(root, 1, &mixed); err != nil {
			return err
		}
		if before == 0 && t.found > 0 {
			t.signed = n
		}
	}
	return nil
}

// maxSeen bounds the pieces that roundTrips remembers.
const maxSeen = 4096

// roundTrips tells whether encoding/xml, on which the tree is built, reads and
// writes every piece of a file without changing it. The check of a piece costs
// far more than its reading, and most pieces of a file are alike. It shows what it
// reads, with where that stands, to each.
func roundTrips(text []byte, each func(token xml.Token, start, end int64)) bool {
	seen := make(map[string]bool)
	for d := xml.NewDecoder(bytes.NewReader(text)); ; {
		start := d.InputOffset()
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return true
		}
		if err != nil {
			return false
		}
		each(token, start, d.InputOffset())
		piece := text[start:d.InputOffset()]
		if seen[string(piece)] {
			continue
		}
		if validator.CheckToken(token) != nil {
			return false
		}
		// The end of an empty-element tag has no bytes of its own.
		if len(piece) > 0 && len(seen) < maxSeen {
			seen[string(piece)] = true
		}
	}
}

// mark keeps an element that is, or should be, a signature.
func (t *tree) mark(el *etree.Element, depth int) {
	if el.Tag != dsig.SignatureTag || el.NamespaceURI() != dsig.Namespace && depth > 2 {
		return
	}
	if t.found++; t.found == 1 { // it keeps the tree of its piece
		t.first, t.depth = el, depth
	}
}

// mix is what stands between the elements of one.
type mix struct{ text, note bool }

// walk surveys what is in an element, of which other pieces may hold more.
func (t *tree) walk(el *etree.Element, depth int, between *mix) error {
	t.weight += depth * len(el.Child)
	for _, c := range el.Child {
		switch c := c.(type) {
		case *etree.CharData:
			between.text = between.text || !c.IsWhitespace()
		case *etree.Comment, *etree.ProcInst:
			between.note = true
		case *etree.Element:
			t.mark(c, depth+1)
			if err := t.walk(c, depth+1, &mix{}); err != nil {
				return err
			}
		}
	}
	if between.text && between.note {
		return fail(ErrUnsupported, "a comment or processing instruction inside the text of %.80q", el.Tag)
	}
	return nil
}

// signature finds the one signature.
func (t *tree) signature() (*signature, error) {
	if t.found == 0 {
		return nil, fmt.Errorf("xmlsig: %w", ErrUnsigned)
	}
	if t.found > 1 {
		return nil, fail(ErrUnsupported, "%d signatures, where one is read", t.found)
	}
	el := t.first
	ns := el.NamespaceURI()
	switch {
	case ns != dsig.Namespace:
		return nil, fail(ErrUnsupported, "a Signature of namespace %.80q; that of signatures is %s. Figure 9 of RFC "+
			"6030 is misprinted so (erratum 3418): ask the sender to sign as the erratum has it", ns, dsig.Namespace)
	case t.depth == 1:
		return nil, fail(ErrUnsupported, "a signature around the container; it belongs into it")
	case t.depth != 2:
		return nil, fail(ErrInvalid, "the signature stands inside %.80q and so is not about the whole", el.Parent().Tag)
	}
	return newSignature(el)
}

// refersToRoot checks that the URI of a reference means the outermost element,
// and nothing else.
func (t *tree) refersToRoot(uri string) error {
	id, within := strings.CutPrefix(uri, "#")
	switch {
	case t.beside:
		// A reference without an Id is about the document, with these in it.
		return fail(ErrUnsupported, "a processing instruction outside the outermost element")
	case uri == "":
		return nil
	case !within || id == "" || strings.ContainsRune(id, '('):
		return fail(ErrUnsupported, "a reference to %.80q", uri)
	case !slices.ContainsFunc(t.root.Attr, func(a etree.Attr) bool { return isID(a) && a.Value == id }):
		return fail(ErrInvalid, "the signature is about the element %.80q, not about the whole", id)
	}
	n := countID(t.root, id)
	for i := range t.pieces.ranges {
		root, err := t.pieces.tree(i)
		if err != nil {
			return err
		}
		root.Attr = nil // they were counted
		n += countID(root, id)
	}
	if n != 1 {
		return fail(ErrInvalid, "several elements are called %.80q, and the signature is about one of them", id)
	}
	return nil
}

// isID tells whether an attribute of the outermost element is its Id, in one of
// the spellings that package pskc takes.
func isID(a etree.Attr) bool {
	return a.Space == "" && (a.Key == "Id" || a.Key == "ID" || a.Key == "id") || a.Space == "xml" && a.Key == "id"
}

// countID counts the attributes that some program may take for this Id.
func countID(el *etree.Element, id string) (n int) {
	for _, a := range el.Attr {
		if strings.EqualFold(a.Key, "id") && a.Value == id {
			n++
		}
	}
	for _, c := range el.ChildElements() {
		n += countID(c, id)
	}
	return n
}
