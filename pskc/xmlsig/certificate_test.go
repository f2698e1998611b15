package xmlsig

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseCertificates(t *testing.T) {
	t.Parallel()
	one, two := readFile(t, "testdata", "rsa.pem"), readFile(t, "testdata", "ecdsa.pem")
	block, _ := pem.Decode([]byte(one))
	der := string(block.Bytes)
	for name, c := range map[string]struct {
		file string
		n    int
	}{
		"one":       {one, 1},
		"two":       {one + two, 2},
		"comments":  {"subject=CN = rsa\n" + one + "\nand\n" + two + "end", 2},
		"CRLF":      {strings.ReplaceAll(one+two, "\n", "\r\n"), 2},
		"DER":       {der, 1},
		"DER twice": {der + der, 2},
	} {
		if certs, err := ParseCertificates([]byte(c.file)); err != nil || len(certs) != c.n ||
			certs[0].Subject.CommonName != "rsa" {
			t.Errorf("%s: %d, %v", name, len(certs), err)
		}
	}
	for name, file := range map[string]string{
		"empty":         "",
		"text":          "hello",
		"cut":           one[:len(one)-10],
		"second cut":    one + two[:len(two)-10],
		"first damaged": strings.Replace(one, "MII", "M!I", 1) + two,
		"not a cert":    strings.Replace(one, "MII", "MIA", 1),
		"DER cut":       der[:len(der)-1],
		"DER and more":  der + "x",
		"empty block":   "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
	} {
		if certs, err := ParseCertificates([]byte(file)); !errors.Is(err, ErrCertificate) || certs != nil {
			t.Errorf("%s: %d, %v", name, len(certs), err)
		}
	}
	key := strings.ReplaceAll(one, "CERTIFICATE", "PRIVATE KEY")
	if _, err := ParseCertificates([]byte(one + key)); !errors.Is(err, ErrCertificate) || !strings.Contains(err.Error(), `"PRIVATE KEY"`) {
		t.Error(err)
	}
}

// Keys by which nothing is verified are refused while somebody looks.
func TestCertificateKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, c := range []struct {
		text string
		args []string
	}{
		{`"CN=x" is neither of RSA nor of ECDSA`, []string{"ed25519"}},
		{`"CN=x" is shorter than 1024 bits`, []string{"rsa:768"}},
	} {
		cert := filepath.Join(dir, c.args[0]+".pem")
		run(t, "openssl", "req", "-x509", "-nodes", "-subj", "/CN=x", "-keyout", filepath.Join(dir, "key"), "-out",
			cert, "-newkey", c.args[0])
		if _, err := ParseCertificates([]byte(readFile(t, cert))); !errors.Is(err, ErrCertificate) ||
			!strings.Contains(err.Error(), c.text) {
			t.Error(err)
		}
	}
}

func TestNoCertificates(t *testing.T) {
	t.Parallel()
	good := readFile(t, "testdata", "good", "rsa-sha256.pskc")
	for _, certs := range [][]*x509.Certificate{nil, {}, {nil}, append(trusted(t), nil)} {
		wantRefused(t, good, certs, ErrCertificate, "none was given")
	}
}
