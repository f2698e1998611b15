package xmlsig

import (
	"crypto/x509"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// run runs a program of a Debian package of the same name, and gives what it
// prints.
func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("the test needs the program %s: apt-get install %s", program, program)
	}
	var problems strings.Builder
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", program, args, err, problems.String())
	}
	return string(out)
}

// keyPair is a key made by openssl, in files, with its certificate.
type keyPair struct {
	key, cert string
	parsed    []*x509.Certificate
}

func newKeyPair(t *testing.T, name string, algorithm ...string) (p keyPair) {
	t.Helper()
	dir := t.TempDir()
	p.key, p.cert = filepath.Join(dir, "key.pem"), filepath.Join(dir, "cert.pem")
	run(
		t, "openssl",
		append([]string{"req", "-x509", "-nodes", "-days", "1", "-subj", "/CN=" + name, "-keyout", p.key, "-out",
			p.cert, "-newkey"}, algorithm...)...)
	var err error
	if p.parsed, err = ParseCertificates([]byte(readFile(t, p.cert))); err != nil {
		t.Fatal(err)
	}
	return p
}

// signXMLSec signs by xmlsec1.
func (p keyPair) signXMLSec(t *testing.T, doc, algorithm, digest, keyInfo string) string {
	t.Helper()
	end := strings.LastIndex(doc, "</")
	file := filepath.Join(t.TempDir(), "template.xml")
	template := doc[:end] + `<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo>` +
		`<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/><ds:SignatureMethod Algorithm="` + algorithm + `"/>` +
		`<ds:Reference URI=""><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/></ds:Transforms>` +
		`<ds:DigestMethod Algorithm="` + digest + `"/><ds:DigestValue/></ds:Reference></ds:SignedInfo><ds:SignatureValue/>` + keyInfo + `</ds:Signature>` + doc[end:]
	if err := os.WriteFile(file, []byte(template), 0o600); err != nil {
		t.Fatal(err)
	}
	return run(t, "xmlsec1", "--sign", "--privkey-pem:acme", p.key+","+p.cert, file)
}

// signPSKCTool signs by pskctool.
func (p keyPair) signPSKCTool(t *testing.T, file string) string {
	t.Helper()
	return run(t, "pskctool", "--sign", "--sign-key", p.key, "--sign-crt", p.cert, file)
}

// Files signed now, by the programs of other people: they verify and have the
// keys of the file before; changed, moved, wrapped, doubled, without a signature
// or by another key they are refused.
func TestPrograms(t *testing.T) {
	t.Parallel()
	rsa := newKeyPair(t, "rsa", "rsa:2048")
	ecdsa := newKeyPair(t, "ecdsa", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
	stranger := newKeyPair(t, "stranger", "rsa:2048")
	const file = "../testdata/vectors/figure10.pskc"
	doc := readFile(t, file)
	want := keysOf(t, []byte(doc))
	if len(want) != 4 {
		t.Fatalf("%d keys", len(want))
	}

	check := func(t *testing.T, signed string, p keyPair, algorithm string, weak bool) {
		t.Helper()
		v, err := Verify([]byte(signed), append(stranger.parsed, p.parsed...))
		if err != nil {
			t.Fatal(err)
		}
		if v.Algorithm != algorithm || v.WeakHash != weak || !v.Certificate.Equal(p.parsed[0]) {
			t.Errorf("%s, %v, %s", v.Algorithm, v.WeakHash, v.Certificate.Subject)
		}
		if got := keysOf(t, v.Content); !reflect.DeepEqual(got, want) {
			t.Errorf("keys %v, want %v", got, want)
		}
		if _, err := Verify([]byte(signed), stranger.parsed); !errors.Is(err, ErrUntrusted) {
			t.Errorf("by another key: %v", err)
		}
		checkTampers(t, signed, p.parsed, stranger.parsed[0])
	}
	const dsig, more, enc = "http://www.w3.org/2000/09/xmldsig#", "http://www.w3.org/2001/04/xmldsig-more#",
		"http://www.w3.org/2001/04/xmlenc#"
	for _, alg := range []struct {
		name, uri, digest string
		p                 keyPair
		weak              bool
	}{
		{"RSA-SHA1", dsig + "rsa-sha1", dsig + "sha1", rsa, true},
		{"RSA-SHA256", more + "rsa-sha256", enc + "sha256", rsa, false},
		{"RSA-SHA256 over SHA-1", more + "rsa-sha256", dsig + "sha1", rsa, true},
		{"ECDSA-SHA256", more + "ecdsa-sha256", enc + "sha256", ecdsa, false},
	} {
		for name, info := range map[string]string{
			"X509Data":   "<ds:KeyInfo><ds:X509Data/></ds:KeyInfo>",
			"KeyName":    "<ds:KeyInfo><ds:KeyName>acme</ds:KeyName></ds:KeyInfo>",
			"no KeyInfo": "",
		} {
			t.Run(alg.name+" "+name, func(t *testing.T) {
				t.Parallel()
				check(t, alg.p.signXMLSec(t, doc, alg.uri, alg.digest, info), alg.p, alg.uri, alg.weak)
			})
		}
	}
	t.Run("pskctool", func(t *testing.T) {
		t.Parallel()
		check(t, rsa.signPSKCTool(t, file), rsa, dsig+"rsa-sha1", true)
	})
}
