package xmlsig

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"io"

	"github.com/beevik/etree"
)

// Verified is what a signature is good for.
type Verified struct {
	// Content is the XML that was signed. It may hold secrets.
	Content []byte `json:"-" xml:"-"`
	// Certificate is the one, of those given, whose key made the signature: the
	// first, if several have this key. Whether it has expired is for the caller
	// to say, by its NotBefore and NotAfter.
	Certificate *x509.Certificate `json:"-" xml:"-"`
	// Algorithm is the URI of the signature, Digest that of the digest.
	Algorithm string
	Digest    string
	// WeakHash: one of the two is SHA-1.
	WeakHash bool
}

// Format writes "xmlsig.Verified" whatever the verb: the content must not be
// printed with it.
func (Verified) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "xmlsig.Verified") }

// Verify checks that the outermost element of a file carries exactly one
// enveloped signature, over the whole of that element, made by the key of one of
// the certificates. Read only the Content that it gives. The errors to branch on
// are [ErrUnsigned] and its neighbours.
func Verify(doc []byte, certs []*x509.Certificate) (Verified, error) {
	if err := usable(certs); err != nil {
		return Verified{}, err
	}
	t, err := load(doc)
	if err != nil {
		return Verified{}, err
	}
	sig, err := t.signature()
	if err != nil {
		return Verified{}, err
	}
	// From here on, what is read of SignedInfo are the bytes that are signed.
	signed, err := sig.canonicalInfo()
	if err != nil {
		return Verified{}, err
	}
	info, err := parseInfo(signed)
	if err != nil {
		return Verified{}, err
	}
	signer := info.signature.signer(certs, signed, sig.value)
	if signer == nil {
		return Verified{}, sig.unverified(certs)
	}
	content, err := t.content(sig, info)
	if err != nil {
		return Verified{}, err
	}
	if !bytes.Equal(info.digest.sum(content), info.value) {
		return Verified{}, fail(ErrInvalid, "the content was altered after it was signed")
	}
	return Verified{
		Content:     content,
		Certificate: signer,
		Algorithm:   info.signature.uri,
		Digest:      info.digest.uri,
		WeakHash:    info.signature.weak() || info.digest.weak(),
	}, nil
}

// content gives the canonical bytes that the reference of a signature is about, without
// the signature. The library makes several copies of a tree, each many times as large as
// its text; so it is given a piece of the file at a time.
func (t *tree) content(sig *signature, info *signedInfo) ([]byte, error) {
	if err := t.refersToRoot(info.reference); err != nil {
		return nil, err
	}
	if t.weight > maxWeight {
		return nil, fail(ErrLimit, "too many elements, nested too deep")
	}
	empty, err := info.form.canonical(t.root.Copy())
	if err != nil {
		return nil, err
	}
	closing := empty[bytes.LastIndexByte(empty, '<'):]
	opening := empty[:len(empty)-len(closing)]
	content := append(make([]byte, 0, len(t.pieces.text)*9/8), opening...)
	for n := range t.pieces.ranges {
		root := sig.element.Parent()
		if n != t.signed {
			if root, err = t.pieces.tree(n); err != nil {
				return nil, err
			}
		}
		root.RemoveChild(sig.element)
		// A reference within the file is to elements without comments, whatever the
		// canonical form (XML Signature 1.1, section 4.4.3.3).
		dropComments(root)
		part, err := info.form.canonical(root)
		if err != nil {
			return nil, err
		}
		// What is written of a child does not depend on the children beside it.
		inner, begins := bytes.CutPrefix(part, opening)
		inner, ends := bytes.CutSuffix(inner, closing)
		if !begins || !ends {
			return nil, fail(ErrMalformed, "%.80q has no canonical form", t.root.Tag)
		}
		content = append(content, inner...)
		clear(part)
	}
	return append(content, closing...), nil
}

// dropComments takes all comments out of an element.
func dropComments(el *etree.Element) {
	kept := el.Child[:0]
	for _, c := range el.Child {
		if child, ok := c.(*etree.Element); ok {
			dropComments(child)
		}
		if _, ok := c.(*etree.Comment); !ok {
			kept = append(kept, c)
		}
	}
	el.Child = kept
	el.ReindexChildren()
}
