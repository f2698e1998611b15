package xmlsig

import (
	"encoding/base64"
	"strings"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// signature is a Signature element.
type signature struct {
	element *etree.Element
	info    *etree.Element // SignedInfo, as it stands in the file
	value   []byte
	keyInfo *etree.Element // nil if there is none
}

func newSignature(el *etree.Element) (*signature, error) {
	if countNodes(el, maxSignature) > maxSignature {
		return nil, fail(ErrLimit, "a signature of more than %d parts", maxSignature)
	}
	p, err := parts(el, dsig.SignedInfoTag, dsig.SignatureValueTag, dsig.KeyInfoTag+"?")
	if err != nil {
		return nil, err
	}
	value, err := decode(p[1])
	if err != nil {
		return nil, err
	}
	return &signature{element: el, info: p[0], value: value, keyInfo: p[2]}, nil
}

// signedInfo is what a SignedInfo says.
type signedInfo struct {
	signature method
	reference string        // the URI, "" if there is none
	form      canonicalForm // of what is referred to
	digest    method
	value     []byte // the digest
}

// parseInfo reads the canonical bytes of a SignedInfo.
func parseInfo(canonical []byte) (*signedInfo, error) {
	d := etree.NewDocument()
	if d.ReadFromBytes(canonical) != nil || d.Root() == nil {
		return nil, fail(ErrMalformed, "a SignedInfo that is not XML")
	}
	p, err := parts(d.Root(), dsig.CanonicalizationMethodTag, dsig.SignatureMethodTag, dsig.ReferenceTag)
	if err != nil {
		return nil, err
	}
	var info signedInfo
	if info.signature, err = methodOf(p[1], signatureMethods); err != nil {
		return nil, err
	}
	info.reference = attribute(p[2], dsig.URIAttr)
	if p, err = parts(p[2], dsig.TransformsTag+"?", dsig.DigestMethodTag, dsig.DigestValueTag); err != nil {
		return nil, err
	}
	if info.form, err = transforms(p[0]); err != nil {
		return nil, err
	}
	if info.digest, err = methodOf(p[1], digestMethods); err != nil {
		return nil, err
	}
	info.value, err = decode(p[2])
	return &info, err
}

// transforms reads Transforms, nil if there are none: the signature is taken
// out, and the rest brought into a canonical form.
func transforms(el *etree.Element) (canonicalForm, error) {
	var list []*etree.Element
	if el != nil {
		list = el.ChildElements()
	}
	if len(list) == 0 || attribute(list[0], dsig.AlgorithmAttr) != dsig.EnvelopedSignatureAltorithmId.String() {
		return canonicalForm{}, fail(ErrUnsupported, "a reference whose first transform is not enveloped-signature, "+
			"in a signature inside of what it signs")
	}
	for _, t := range list {
		if !is(t, dsig.TransformTag) {
			return canonicalForm{}, fail(ErrUnsupported, "%.80q among the transforms", t.Tag)
		}
	}
	switch len(list) {
	case 1:
		// What is hashed is bytes, and this form makes them if none is named
		// (XML Signature 1.1, section 4.4.3.2).
		return forms[dsig.CanonicalXML10RecAlgorithmId.String()], nil
	case 2:
		return formOf(list[1])
	}
	return canonicalForm{}, fail(ErrUnsupported, "%d transforms", len(list))
}

// parts gives the children of an element of a signature. They must be those
// named, in this order; one whose name ends in a question mark may be missing,
// and is nil then.
func parts(el *etree.Element, names ...string) ([]*etree.Element, error) {
	rest := el.ChildElements()
	all := make([]*etree.Element, len(names))
	for i, name := range names {
		name, optional := strings.CutSuffix(name, "?")
		switch {
		case len(rest) > 0 && is(rest[0], name):
			all[i], rest = rest[0], rest[1:]
		case !optional:
			return nil, fail(ErrMalformed, "%s without %s in its place", el.Tag, name)
		}
	}
	if len(rest) > 0 {
		return nil, fail(ErrUnsupported, "%.80q in %s, after all that is read there", rest[0].Tag, el.Tag)
	}
	return all, nil
}

// is tells whether an element is the one of a signature that has this name.
func is(el *etree.Element, name string) bool {
	return el.Tag == name && el.NamespaceURI() == dsig.Namespace
}

// attribute gives the value of an attribute in no namespace, "" if there is none.
func attribute(el *etree.Element, name string) string {
	for _, a := range el.Attr {
		if a.Space == "" && a.Key == name {
			return a.Value
		}
	}
	return ""
}

// decode gives the bytes that the text of an element is in base64.
func decode(el *etree.Element) ([]byte, error) {
	var text strings.Builder
	for _, c := range el.Child {
		data, ok := c.(*etree.CharData)
		if !ok {
			return nil, fail(ErrMalformed, "%s holds more than text", el.Tag)
		}
		text.WriteString(data.Data)
	}
	b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text.String()), ""))
	if err != nil || len(b) == 0 {
		return nil, fail(ErrMalformed, "%s is empty or not base64", el.Tag)
	}
	return b, nil
}

// countNodes counts the nodes inside an element, no further than it must to be
// beyond a limit.
func countNodes(el *etree.Element, limit int) int {
	n := len(el.Child)
	for _, c := range el.ChildElements() {
		if n > limit {
			break
		}
		n += countNodes(c, limit-n)
	}
	return n
}
