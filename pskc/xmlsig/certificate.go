package xmlsig

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
)

// minRSABits is the shortest RSA key that package crypto/rsa takes.
const minRSABits = 1024

// ParseCertificates reads certificates in PEM, one or more, or in DER. It refuses
// a file with anything else between the lines of PEM, and a key by which no
// signature is read. The error is [ErrCertificate].
func ParseCertificates(file []byte) ([]*x509.Certificate, error) {
	var der []byte
	begins := bytes.Count(file, []byte("-----BEGIN "))
	if begins == 0 {
		der = file
	}
	blocks := 0
	for rest := file; begins > 0; blocks++ {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		if b.Type != "CERTIFICATE" {
			return nil, fail(ErrCertificate, "the file holds a %.80q; give one with the certificate alone", b.Type)
		}
		der = append(der, b.Bytes...)
	}
	certs, err := x509.ParseCertificates(der)
	if err != nil || len(certs) == 0 || blocks != begins {
		return nil, fail(ErrCertificate, "it is neither in PEM nor in DER, or it is damaged")
	}
	for _, c := range certs {
		switch key := c.PublicKey.(type) {
		case *rsa.PublicKey:
			if key.N.BitLen() < minRSABits {
				return nil, fail(ErrCertificate, "the RSA key of %s is shorter than %d bits", name(c), minRSABits)
			}
		case *ecdsa.PublicKey:
		default:
			return nil, fail(ErrCertificate, "the key of %s is neither of RSA nor of ECDSA", name(c))
		}
	}
	return certs, nil
}

// usable refuses to verify against nothing.
func usable(certs []*x509.Certificate) error {
	if len(certs) == 0 || slices.Contains(certs, nil) {
		return fail(ErrCertificate, "none was given")
	}
	return nil
}

func name(c *x509.Certificate) string { return fmt.Sprintf("%.80q", c.Subject) }

// unverified says why a signature is refused that is by none of the keys. For
// this alone it looks at what the file says of its signer.
func (s *signature) unverified(certs []*x509.Certificate) error {
	claimed, keyName := s.claims()
	for _, c := range claimed {
		key, ok := c.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
		if ok && slices.ContainsFunc(certs, func(given *x509.Certificate) bool { return key.Equal(given.PublicKey) }) {
			return fail(ErrInvalid, "the entry says that it is signed by %s, whose key did not make this signature", name(c))
		}
	}
	switch {
	case len(claimed) > 0:
		return fail(ErrUntrusted, "the entry says that it is signed by %s, SHA-256 fingerprint %x; ask the sender, by "+
			"another way, whether that is right, and give that certificate", name(claimed[0]),
			sha256.Sum256(claimed[0].Raw))
	case keyName != "":
		return fail(ErrUntrusted, "the entry says that the key is called %.80q; ask the sender for its certificate", keyName)
	}
	return fail(ErrUntrusted, "it does not say whose it is; ask the sender for the certificate")
}

// Bounds of what is looked at of a KeyInfo.
const (
	maxClaims     = 16
	maxClaimBytes = 64 << 10
)

// claims gives the certificates and the name that KeyInfo holds. Anybody may
// have written them there.
func (s *signature) claims() (certs []*x509.Certificate, keyName string) {
	if s.keyInfo == nil {
		return nil, ""
	}
	for _, info := range s.keyInfo.ChildElements() {
		if is(info, "KeyName") && keyName == "" {
			keyName = strings.TrimSpace(info.Text())
		}
		if !is(info, dsig.X509DataTag) {
			continue
		}
		for _, el := range info.ChildElements() {
			if c := claim(el); c != nil && len(certs) < maxClaims {
				certs = append(certs, c)
			}
		}
	}
	return certs, keyName
}

// claim gives the certificate that an element of KeyInfo is, or nil.
func claim(el *etree.Element) *x509.Certificate {
	if !is(el, dsig.X509CertificateTag) {
		return nil
	}
	der, err := decode(el)
	if err != nil || len(der) > maxClaimBytes {
		return nil
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil
	}
	return c
}
