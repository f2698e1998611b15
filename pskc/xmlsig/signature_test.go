package xmlsig

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"math/big"
	"strings"
	"testing"
)

const (
	infoBegin = `<SignedInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>` +
		`<SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/><Reference URI=""><Transforms>`
	infoEnd = `</Transforms><DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><DigestValue>AAAA</DigestValue></Reference></SignedInfo>`

	enveloped = `<Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>`
	prefixes  = `<e:InclusiveNamespaces xmlns:e="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="a b"/>`
	exclusive = `<Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>`
)

func TestTransforms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		transforms string
		want       canonicalForm
		refused    string // what the message names
	}{
		{enveloped, canonicalForm{}, ""},
		{enveloped + exclusive, canonicalForm{exclusive: true}, ""},
		{enveloped + strings.Replace(exclusive, "c14n#", "c14n#WithComments", 1),
			canonicalForm{exclusive: true, comments: true}, ""},
		{enveloped + strings.Replace(exclusive, "/>", ">"+prefixes+"</Transform>", 1),
			canonicalForm{exclusive: true, prefixes: "a b"}, ""},

		{"", canonicalForm{}, "not enveloped-signature"},
		{exclusive, canonicalForm{}, "not enveloped-signature"},
		{exclusive + enveloped, canonicalForm{}, "not enveloped-signature"},
		{enveloped + enveloped, canonicalForm{}, `"http://www.w3.org/2000/09/xmldsig#enveloped-signature"`},
		{enveloped + exclusive + exclusive, canonicalForm{}, "3 transforms"},
		{strings.Replace(enveloped, "Transform", "Other", 1), canonicalForm{}, `"Other"`},
		{enveloped + strings.Replace(exclusive, "Transform", "Transform xmlns='urn:x'", 1), canonicalForm{}, `"Transform"`},
		{enveloped + strings.Replace(exclusive, " Algorithm", " xmlns:x='urn:x' x:Algorithm", 1), canonicalForm{}, `Transform ""`},
		{enveloped + strings.Replace(exclusive, "/>", "><XPath/></Transform>", 1), canonicalForm{}, `"XPath"`},
		{enveloped + strings.Replace(exclusive, "/>", `><InclusiveNamespaces PrefixList="a"/></Transform>`, 1), canonicalForm{}, `"InclusiveNamespaces"`},
		{enveloped + strings.Replace(exclusive, "/>", ">"+prefixes+prefixes+"</Transform>", 1), canonicalForm{}, `"InclusiveNamespaces"`},
		{enveloped + `<Transform Algorithm="http://www.w3.org/2006/12/xml-c14n11">` + prefixes + "</Transform>", canonicalForm{}, `"InclusiveNamespaces"`},
	} {
		info, err := parseInfo([]byte(infoBegin + c.transforms + infoEnd))
		switch {
		case c.refused != "":
			if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("%s: %v", c.transforms, err)
			}
		case err != nil || info.form != c.want:
			t.Errorf("%s: %v", c.transforms, err)
		}
	}
}

// A key is used for signatures of its own kind alone.
func TestMethodFitsKey(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"rsa-sha256", "ecdsa-sha256"} {
		tr, err := load([]byte(readFile(t, "testdata", "good", name+".pskc")))
		if err != nil {
			t.Fatal(err)
		}
		sig, err := tr.signature()
		if err != nil {
			t.Fatal(err)
		}
		signed, err := sig.canonicalInfo()
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := strings.Cut(name, "-")
		key := certificates(t, kind)[0].PublicKey
		right := method{hash: crypto.SHA256, ecdsa: kind == "ecdsa"}
		wrong := method{hash: crypto.SHA256, ecdsa: kind != "ecdsa"}
		other := method{hash: crypto.SHA384, ecdsa: kind == "ecdsa"}
		if !right.verifies(key, right.sum(signed), sig.value) {
			t.Errorf("%s does not verify", name)
		}
		if wrong.verifies(key, right.sum(signed), sig.value) || other.verifies(key, other.sum(signed), sig.value) {
			t.Errorf("%s verifies by another method", name)
		}
		if right.verifies(nil, right.sum(signed), sig.value) || right.verifies(key, right.sum(signed), nil) ||
			right.verifies(key, right.sum(signed), append(sig.value, 0)) {
			t.Errorf("%s: nonsense verifies", name)
		}
	}
}

// Of the certificates in a file, few and small ones are looked at.
func TestClaims(t *testing.T) {
	t.Parallel()
	claims := func(der []byte, times int) int {
		doc := readFile(t, "testdata", "refused", "stranger-bare.pskc")
		el := "<ds:X509Certificate>" + base64.StdEncoding.EncodeToString(der) + "</ds:X509Certificate>"
		doc = strings.Replace(doc, "</ds:Signature>", "<ds:KeyInfo><ds:X509Data>"+strings.Repeat(el, times)+
			"</ds:X509Data></ds:KeyInfo></ds:Signature>", 1)
		tr, err := load([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		sig, err := tr.signature()
		if err != nil {
			t.Fatal(err)
		}
		certs, _ := sig.claims()
		return len(certs)
	}
	der := certificates(t, "stranger")[0].Raw
	if n := claims(der, 1); n != 1 {
		t.Errorf("%d certificates", n)
	}
	if n := claims(der, maxClaims+1); n != maxClaims {
		t.Errorf("%d certificates", n)
	}
	if n := claims([]byte("nonsense"), 3); n != 0 {
		t.Errorf("%d certificates", n)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	big, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber:    big.NewInt(1),
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: make([]byte, maxClaimBytes)}},
	}, &x509.Certificate{}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if n := claims(big, 1); n != 0 {
		t.Errorf("%d certificates", n)
	}
}
