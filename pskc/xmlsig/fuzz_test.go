package xmlsig

import (
	"errors"
	"testing"

	"ostiary/pskc"
)

// FuzzVerify changes signed files. Nobody has the keys any more: what verifies
// must have the content of a file that was signed when they were there.
func FuzzVerify(f *testing.F) {
	certs := trusted(f)
	known := make(map[string]bool)
	for name, doc := range files(f, "good") {
		v, err := Verify([]byte(doc), certs)
		if err != nil {
			f.Fatalf("%s: %v", name, err)
		}
		known[string(v.Content)] = true
		f.Add([]byte(doc))
	}
	for _, doc := range files(f, "refused") {
		f.Add([]byte(doc))
	}
	f.Add([]byte(readFile(f, "../testdata/vectors/figure9.pskc")))
	f.Fuzz(func(t *testing.T, doc []byte) {
		v, err := Verify(doc, certs)
		if err == nil {
			if !known[string(v.Content)] || v.Certificate == nil || v.Algorithm == "" || v.Digest == "" {
				t.Fatalf("forged: %s", v.Content)
			}
			return
		}
		for _, kind := range []error{ErrUnsigned, ErrInvalid, ErrUntrusted, ErrUnsupported, ErrLimit, ErrMalformed,
			pskc.ErrNotPSKC} {
			if errors.Is(err, kind) {
				return
			}
		}
		t.Fatalf("an error of no kind: %v", err)
	})
}

// FuzzParseCertificates reads anything.
func FuzzParseCertificates(f *testing.F) {
	for _, name := range []string{"rsa", "ecdsa", "p521"} {
		f.Add([]byte(readFile(f, "testdata", name+".pem")))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		certs, err := ParseCertificates(file)
		if (err == nil) != (len(certs) > 0) || err != nil && !errors.Is(err, ErrCertificate) {
			t.Fatal(len(certs), err)
		}
	})
}
