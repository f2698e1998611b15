package xmlsig

import (
	"slices"
	"strings"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/russellhaering/goxmldsig/etreeutils"
)

// canonicalForm is a form of XML in which it is hashed.
type canonicalForm struct {
	exclusive bool
	comments  bool
	prefixes  string // of an exclusive form: those that are treated as in an inclusive one
}

// forms by their URIs. Canonical XML 1.1 differs from 1.0 in what it takes over
// of xml:id and xml:base of elements outside: of the outermost element there are
// none, and SignedInfo has the Signature and the container around it, to which
// PSKC gives neither.
var forms = map[string]canonicalForm{
	dsig.CanonicalXML10ExclusiveAlgorithmId.String():             {exclusive: true},
	dsig.CanonicalXML10ExclusiveWithCommentsAlgorithmId.String(): {exclusive: true, comments: true},
	dsig.CanonicalXML10RecAlgorithmId.String():                   {},
	dsig.CanonicalXML10WithCommentsAlgorithmId.String():          {comments: true},
	dsig.CanonicalXML11AlgorithmId.String():                      {},
	dsig.CanonicalXML11WithCommentsAlgorithmId.String():          {comments: true},
}

// formOf reads the form that an element names.
func formOf(el *etree.Element) (canonicalForm, error) {
	uri := attribute(el, dsig.AlgorithmAttr)
	f, ok := forms[uri]
	if !ok {
		return f, fail(ErrUnsupported, "%s %.80q", el.Tag, uri)
	}
	for i, c := range el.ChildElements() {
		if i > 0 || !f.exclusive || c.Tag != dsig.InclusiveNamespacesTag ||
			c.NamespaceURI() != dsig.CanonicalXML10ExclusiveAlgorithmId.String() {
			return f, fail(ErrUnsupported, "%.80q in %s", c.Tag, el.Tag)
		}
		f.prefixes = attribute(c, dsig.PrefixListAttr)
	}
	if slices.Contains(strings.Fields(f.prefixes), "#default") {
		return f, fail(ErrUnsupported, "#default in the inclusive prefixes of %s", el.Tag)
	}
	return f, nil
}

// canonical gives an element, which has nothing around it, in this form. It may
// change the element.
func (f canonicalForm) canonical(el *etree.Element) ([]byte, error) {
	var c dsig.Canonicalizer
	switch {
	case f.exclusive && f.comments:
		c = dsig.MakeC14N10ExclusiveWithCommentsCanonicalizerWithPrefixList(f.prefixes)
	case f.exclusive:
		c = dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList(f.prefixes)
	case f.comments:
		c = dsig.MakeC14N11WithCommentsCanonicalizer()
	default:
		c = dsig.MakeC14N11Canonicalizer()
	}
	b, err := c.Canonicalize(el)
	if err != nil {
		return nil, fail(ErrMalformed, "%.80q has no canonical form", el.Tag)
	}
	return b, nil
}

// canonicalInfo gives the bytes that are signed: SignedInfo in the form that it
// names itself.
func (s *signature) canonicalInfo() ([]byte, error) {
	first := s.info.ChildElements()
	if len(first) == 0 || !is(first[0], dsig.CanonicalizationMethodTag) {
		return nil, fail(ErrMalformed, "SignedInfo without CanonicalizationMethod in its place")
	}
	f, err := formOf(first[0])
	if err != nil {
		return nil, err
	}
	around, err := etreeutils.NSBuildParentContext(s.info)
	if err != nil {
		return nil, fail(ErrMalformed, "namespaces around SignedInfo")
	}
	// The namespaces around it come along, and in an inclusive form the
	// attributes such as xml:lang as well.
	apart, err := etreeutils.NSDetatch(around, s.info)
	if err != nil {
		return nil, fail(ErrMalformed, "namespaces of SignedInfo")
	}
	for outer := s.info.Parent(); outer != nil && !f.exclusive; outer = outer.Parent() {
		for _, a := range outer.Attr {
			if a.Space == "xml" && apart.SelectAttr("xml:"+a.Key) == nil {
				apart.CreateAttr("xml:"+a.Key, a.Value)
			}
		}
	}
	return f.canonical(apart)
}
