package xmlsig

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"

	"ostiary/pskc"
)

// What xmlsec1 and pskctool signed verifies, in any encoding, and has the keys
// of the file that was signed. All certificates have expired.
func TestGood(t *testing.T) {
	t.Parallel()
	certs := trusted(t)
	for name, doc := range files(t, "good") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := Verify([]byte(doc), certs)
			if err != nil {
				t.Fatal(err)
			}
			signer := "rsa"
			if strings.HasPrefix(name, "ecdsa") {
				signer = "ecdsa"
			}
			if strings.HasSuffix(name, "p521") {
				signer = "p521"
			}
			if got := v.Certificate.Subject.CommonName; got != signer || v.Certificate.NotAfter.Year() != 2010 {
				t.Errorf("signed by %s until %v, want %s", got, v.Certificate.NotAfter, signer)
			}
			if weak := name == "pskctool" || name == "rsa-sha1"; v.WeakHash != weak {
				t.Errorf("WeakHash = %v", v.WeakHash)
			}
			if !strings.Contains(doc, `"`+v.Algorithm+`"`) || !strings.Contains(doc, `"`+v.Digest+`"`) {
				t.Errorf("algorithms %q, %q", v.Algorithm, v.Digest)
			}
			keys := keysOf(t, v.Content)
			if unsigned := keysOf(t, []byte(doc)); len(keys) == 0 || !reflect.DeepEqual(keys, unsigned) {
				t.Errorf("keys %v, want %v", keys, unsigned)
			}
			if c := string(v.Content); strings.Contains(c, "Signature") || strings.Contains(c, "<!--") ||
				!strings.Contains(c, secretText) {
				t.Errorf("content:\n%s", c)
			}
			for how, same := range map[string]string{
				"white space":   " \r\n" + strings.TrimPrefix(doc, "\ufeff"),
				"byte order":    "\ufeff" + strings.TrimPrefix(doc, "\ufeff"),
				"little endian": wide(binary.LittleEndian, doc),
				"big endian":    wide(binary.BigEndian, doc),
			} {
				if w, err := Verify([]byte(same), certs); err != nil || string(w.Content) != string(v.Content) {
					t.Errorf("%s: %v", how, err)
				}
			}
			if _, err := Verify([]byte(doc), certificates(t, "stranger")); !errors.Is(err, ErrUntrusted) {
				t.Errorf("with another certificate: %v", err)
			}
		})
	}
}

// The signer is the first of the certificates with its key.
func TestFirstCertificate(t *testing.T) {
	t.Parallel()
	certs := append(certificates(t, "stranger", "ecdsa", "rsa"), trusted(t)...)
	v, err := Verify([]byte(readFile(t, "testdata", "good", "rsa-sha256.pskc")), certs)
	if err != nil || v.Certificate != certs[2] {
		t.Error(v.Certificate, err)
	}
}

// Sound signatures that are not by a given key, not about the whole file, or not
// of a kind that is read.
func TestRefused(t *testing.T) {
	t.Parallel()
	docs := files(t, "refused")
	certs := trusted(t)
	for _, c := range []struct {
		name string
		kind error
		text string
	}{
		{"stranger", ErrUntrusted, `"CN=stranger", SHA-256 fingerprint `},
		{"stranger-name", ErrUntrusted, `"acme"`},
		{"stranger-bare", ErrUntrusted, "does not say whose"},
		{"stranger-value", ErrUntrusted, "does not say whose"},
		{"stranger-pskctool", ErrUntrusted, `"CN=stranger"`},

		{"wrapped", ErrInvalid, `stands inside "KeyContainer"`},
		{"wrapped-moved", ErrInvalid, `about the element "box"`},
		{"wrapped-same-id", ErrInvalid, `several elements are called "box"`},
		{"not-enveloped", ErrInvalid, `about the element "k"`},
		{"attribute-order", ErrInvalid, "altered"}, // see the documentation of the package

		{"fragment", ErrUnsupported, "not enveloped-signature"},
		{"xpath", ErrUnsupported, "not enveloped-signature"},
		{"three-transforms", ErrUnsupported, "3 transforms"},
		{"default-prefix", ErrUnsupported, "#default"},
		{"xpointer", ErrUnsupported, "#xpointer("},
		{"two-references", ErrUnsupported, `"Reference" in SignedInfo`},
		{"two-signatures", ErrUnsupported, "2 signatures"},
		{"object", ErrUnsupported, `"Object" in Signature`},
		{"instruction", ErrUnsupported, "processing instruction outside"},
		{"hmac", ErrUnsupported, "#hmac-sha1"},

		{"template", ErrMalformed, "SignatureValue is empty"},
	} {
		doc := docs[c.name]
		delete(docs, c.name)
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			wantRefused(t, doc, certs, c.kind, c.text)
		})
	}
	for name := range docs {
		t.Errorf("%s is not tested", name)
	}
}

// The strangers' files are refused for nothing but the key.
func TestStrangersAreSound(t *testing.T) {
	t.Parallel()
	docs := files(t, "refused")
	for _, name := range []string{"stranger", "stranger-name", "stranger-bare", "stranger-value", "stranger-pskctool"} {
		if _, err := Verify([]byte(docs[name]), certificates(t, "stranger")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Figure 9 of RFC 6030, as printed and as corrected. Its signature is made up.
func TestFigures(t *testing.T) {
	t.Parallel()
	vectors := "../testdata/vectors"
	certs := trusted(t)
	wantRefused(t, readFile(t, vectors, "figure9.pskc"), certs, ErrUnsupported, "erratum 3418")
	wantRefused(t, readFile(t, vectors, "figure9-erratum.pskc"), certs, ErrUnsupported, "enveloped-signature")
	wantRefused(t, readFile(t, vectors, "figure3.pskc"), certs, ErrUnsigned, "")
}

func TestNotXML(t *testing.T) {
	t.Parallel()
	certs := trusted(t)
	for _, c := range []struct {
		doc  string
		kind error
	}{
		{"", pskc.ErrNotPSKC},
		{"serial,secret\n", pskc.ErrNotPSKC},
		{"<a>", ErrMalformed},
		{"<a/>", ErrUnsigned},
		{"<Signature/>", ErrUnsupported},
		{`<Signature xmlns="` + dsig.Namespace + `"/>`, ErrUnsupported},
		{`<a><Signature xmlns="` + dsig.Namespace + `"/></a>`, ErrMalformed},
		{`<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>`, ErrUnsupported},
	} {
		wantRefused(t, c.doc, certs, c.kind, "")
	}
}

// goxmldsig by itself, where it can judge, says the same.
func TestLibraryAgrees(t *testing.T) {
	t.Parallel()
	certs := certificates(t, "rsa")
	ctx := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: certs})
	ctx.IdAttribute = "Id"
	ctx.Clock = dsig.NewFakeClockAt(time.Date(2009, 1, 1, 0, 0, 0, 0, time.UTC))
	docs := files(t, "good")
	for _, name := range []string{"pskctool", "rsa-sha1", "rsa-sha256", "id", "no-uri", "default-form"} {
		v, err := Verify([]byte(docs[name]), certs)
		if err != nil {
			t.Fatal(err)
		}
		d, own := etree.NewDocument(), etree.NewDocument()
		if err := errors.Join(d.ReadFromString(docs[name]), own.ReadFromBytes(v.Content)); err != nil {
			t.Fatal(err)
		}
		theirs, err := ctx.Validate(d.Root())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		a, err1 := dsig.MakeC14N11Canonicalizer().Canonicalize(theirs)
		b, err2 := dsig.MakeC14N11Canonicalizer().Canonicalize(own.Root())
		if err1 != nil || err2 != nil || string(a) != string(b) {
			t.Errorf("%s: %v, %v\n%s\n---\n%s", name, err1, err2, a, b)
		}
	}
}

// A Verified is printed without its content.
func TestNotPrinted(t *testing.T) {
	t.Parallel()
	v, err := Verify([]byte(readFile(t, "testdata", "good", "rsa-sha256.pskc")), trusted(t))
	if err != nil {
		t.Fatal(err)
	}
	j, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{fmt.Sprint(v), fmt.Sprintf("%+v %#v %s %x", v, &v, v, v), string(j)} {
		if strings.Contains(s, "KeyContainer") || strings.Contains(s, "4b6579436f") ||
			strings.Contains(s, "75 101 121") || strings.Contains(s, "S2V5Q29") {
			t.Errorf("printed: %s", s)
		}
	}
}
