package xmlsig

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	_ "crypto/sha1" // the hashes of the tables below
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"math/big"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// method is an algorithm of a signature or of a digest.
type method struct {
	uri   string
	hash  crypto.Hash
	ecdsa bool // of signatures: ECDSA, else RSA by PKCS #1 1.5
}

var signatureMethods = []method{
	{uri: dsig.RSASHA1SignatureMethod, hash: crypto.SHA1},
	{uri: dsig.RSASHA256SignatureMethod, hash: crypto.SHA256},
	{uri: dsig.RSASHA384SignatureMethod, hash: crypto.SHA384},
	{uri: dsig.RSASHA512SignatureMethod, hash: crypto.SHA512},
	{uri: dsig.ECDSASHA1SignatureMethod, hash: crypto.SHA1, ecdsa: true},
	{uri: dsig.ECDSASHA256SignatureMethod, hash: crypto.SHA256, ecdsa: true},
	{uri: dsig.ECDSASHA384SignatureMethod, hash: crypto.SHA384, ecdsa: true},
	{uri: dsig.ECDSASHA512SignatureMethod, hash: crypto.SHA512, ecdsa: true},
}

var digestMethods = []method{
	{uri: "http://www.w3.org/2000/09/xmldsig#sha1", hash: crypto.SHA1},
	{uri: "http://www.w3.org/2001/04/xmlenc#sha256", hash: crypto.SHA256},
	{uri: "http://www.w3.org/2001/04/xmldsig-more#sha384", hash: crypto.SHA384},
	{uri: "http://www.w3.org/2001/04/xmlenc#sha512", hash: crypto.SHA512},
}

// methodOf finds the algorithm that an element names.
func methodOf(el *etree.Element, table []method) (method, error) {
	uri := attribute(el, dsig.AlgorithmAttr)
	for _, m := range table {
		if m.uri == uri {
			return m, nil
		}
	}
	return method{}, fail(ErrUnsupported, "%s %.80q", el.Tag, uri)
}

func (m method) weak() bool { return m.hash == crypto.SHA1 }

func (m method) sum(b []byte) []byte {
	h := m.hash.New()
	h.Write(b)
	return h.Sum(nil)
}

// signer gives the first certificate whose key made the signature over signed,
// or nil.
func (m method) signer(certs []*x509.Certificate, signed, signature []byte) *x509.Certificate {
	sum := m.sum(signed)
	for _, c := range certs {
		if m.verifies(c.PublicKey, sum, signature) {
			return c
		}
	}
	return nil
}

func (m method) verifies(key any, sum, signature []byte) bool {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return !m.ecdsa && rsa.VerifyPKCS1v15(key, m.hash, sum, signature) == nil
	case *ecdsa.PublicKey:
		// Two numbers of the size of the curve's order, one after the other
		// (XML Signature 1.1, section 6.4.3), not in ASN.1 as elsewhere.
		n := (key.Params().N.BitLen() + 7) / 8
		if !m.ecdsa || len(signature) != 2*n {
			return false
		}
		return ecdsa.Verify(key, sum, new(big.Int).SetBytes(signature[:n]), new(big.Int).SetBytes(signature[n:]))
	}
	return false
}
