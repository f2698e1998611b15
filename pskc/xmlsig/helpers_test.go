package xmlsig

import (
	"bytes"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf16"

	"ostiary/pskc"
)

// secretText is the secret of the keys in the test files, as it stands there.
const secretText = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA="

func readFile(t testing.TB, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// files gives the test files of a folder by their names.
func files(t testing.TB, folder string) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", folder, "*.pskc"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no test files in %s: %v", folder, err)
	}
	all := make(map[string]string)
	for _, name := range names {
		all[strings.TrimSuffix(filepath.Base(name), ".pskc")] = readFile(t, name)
	}
	return all
}

// certificates parses the files of these names together.
func certificates(t testing.TB, names ...string) []*x509.Certificate {
	t.Helper()
	var pem string
	for _, name := range names {
		pem += readFile(t, "testdata", name+".pem")
	}
	certs, err := ParseCertificates([]byte(pem))
	if err != nil || len(certs) != len(names) {
		t.Fatal(len(certs), err)
	}
	return certs
}

// trusted are the signers of the good files.
func trusted(t testing.TB) []*x509.Certificate { return certificates(t, "rsa", "ecdsa", "p521") }

// keysOf reads a file to its end. The lines, which differ, are left out.
func keysOf(t testing.TB, doc []byte) (keys []pskc.Key) {
	t.Helper()
	r, err := pskc.NewReader(bytes.NewReader(doc), pskc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for {
		k, err := r.Next()
		if err == io.EOF {
			return keys
		}
		if err != nil {
			t.Fatal(err)
		}
		k.Line = 0
		keys = append(keys, *k)
	}
}

// wide gives a text in UTF-16, and says so in its declaration.
func wide(order binary.AppendByteOrder, text string) string {
	text = strings.Replace(text, `encoding="UTF-8"`, `encoding="UTF-16"`, 1)
	var b []byte
	for _, u := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, u)
	}
	return string(b)
}

// signatureElement matches the signature of the test files, whose prefix is ds
// or none.
var signatureElement = regexp.MustCompile(`(?s)<(ds:)?Signature .*</(ds:)?Signature>`)

// wantRefused checks that a file is refused for a reason, and says nothing of
// its secrets.
func wantRefused(t *testing.T, doc string, certs []*x509.Certificate, kind error, text string) {
	t.Helper()
	v, err := Verify([]byte(doc), certs)
	if !errors.Is(err, kind) || err == nil || !strings.Contains(err.Error(), text) || v.Content != nil ||
		v.Certificate != nil {
		t.Errorf("got %v, want %v with %q", err, kind, text)
	}
	wantNoSecret(t, err)
}

func wantNoSecret(t *testing.T, err error) {
	t.Helper()
	if err != nil && (strings.Contains(err.Error(), secretText[:8]) || strings.Contains(err.Error(), "77 84 73 122")) {
		t.Errorf("the error holds a secret: %v", err)
	}
}
