package pskc

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
)

// rsaKey is the private key of testdata/rsa.
func rsaKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	text, err := os.ReadFile("testdata/rsa/key.pem")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParsePrivateKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// hardware is a key kept elsewhere: all it does is decrypt.
type hardware struct{ crypto.Decrypter }

func TestHardwareKey(t *testing.T) {
	t.Parallel()
	for _, m := range modeFiles(t) {
		if m.opt.PrivateKey == nil {
			continue
		}
		m.opt.PrivateKey = hardware{m.opt.PrivateKey}
		if res := readString(t, m.file, m.opt); res.err != nil || len(res.keys) == 0 {
			t.Errorf("%s: %v", m.name, res.err)
		}
		m.wrong.PrivateKey = hardware{m.wrong.PrivateKey}
		wantFatal(t, readString(t, m.file, m.wrong), ErrWrongKey, "")
	}
}

// A ciphertext that holds no key, one that holds a key of another size, and
// one that holds the wrong key: nobody can tell them apart, also not by asking
// again, and also not without a MAC.
func TestRSA15TellsNothing(t *testing.T) {
	t.Parallel()
	key := rsaKey(t)
	encrypted := func(n int) []byte {
		b, err := rsa.EncryptPKCS1v15(rand.Reader, &key.PublicKey, bytes.Repeat([]byte{7}, n))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	raw, err := os.ReadFile("testdata/rsa/key-rsa15.pskc")
	if err != nil {
		t.Fatal(err)
	}
	file := string(raw)
	good := file[spans(file, "CipherValue")[0][0]:spans(file, "CipherValue")[0][1]]
	noMAC := strings.Replace(file, between(file, "<MACMethod", "</MACMethod>"), "", 1)
	for strings.Contains(noMAC, "<ValueMAC>") {
		noMAC = strings.Replace(noMAC, between(noMAC, "<ValueMAC>", "</ValueMAC>"), "", 1)
	}
	answers := map[string]bool{}
	for name, b := range map[string][]byte{
		"wrong key": encrypted(16), "wrong size": encrypted(20), "empty": encrypted(0),
		"no padding": append([]byte{0}, bytes.Repeat([]byte{5}, key.Size()-1)...), "short": {1, 2, 3},
		"long":      make([]byte, 300),
		"too large": bytes.Repeat([]byte{0xff}, key.Size()),
	} {
		res := readString(t, strings.Replace(file, good, b64(b), 1), Options{PrivateKey: key})
		wantFatal(t, res, ErrWrongKey, "")
		answers[res.err.Error()] = true
		// Without a MAC only chance decides, and it decides once.
		first := readString(t, strings.Replace(noMAC, good, b64(b), 1),
			Options{PrivateKey: key, AllowUnauthenticated: true})
		for range 3 {
			again := readString(t, strings.Replace(noMAC, good, b64(b), 1),
				Options{PrivateKey: key, AllowUnauthenticated: true})
			if fmt.Sprint(first.err, len(first.keys)) != fmt.Sprint(again.err, len(again.keys)) {
				t.Errorf("%s: %v, then %v", name, first.err, again.err)
			}
		}
	}
	if len(answers) != 1 {
		t.Errorf("answers differ: %v", answers)
	}
	// The MAC key is of any size; what holds none gets the same answer.
	raw, err = os.ReadFile("testdata/rsa/value-rsa15-mac.pskc")
	if err != nil {
		t.Fatal(err)
	}
	file = string(raw)
	good = file[spans(file, "CipherValue")[0][0]:spans(file, "CipherValue")[0][1]]
	for _, b := range [][]byte{encrypted(32), encrypted(0), bytes.Repeat([]byte{5}, key.Size()), {1}} {
		res := readString(t, strings.Replace(file, good, b64(b), 1),
			Options{PrivateKey: key, AllowUnauthenticated: true})
		wantFatal(t, res, ErrWrongKey, "")
		if !answers[res.err.Error()] {
			t.Error(res.err)
		}
	}
}

func TestRSARefused(t *testing.T) {
	t.Parallel()
	read := func(name string) string {
		raw, err := os.ReadFile("testdata/rsa/" + name + ".pskc")
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	opt := Options{PrivateKey: rsaKey(t)}
	wantFatal(t, readString(t, read("value-oaep"), opt), ErrNoMAC, "could have been altered by anyone")
	wantFatal(t, readString(t, read("value-rsa15"), opt), ErrNoMAC, "a value under RSA PKCS #1 1.5")
	wantFatal(t, readString(t, read("value-rsa15-mac"), opt), ErrNoMAC, "a value under RSA PKCS #1 1.5")
	sha256 := read("key-oaep-sha256")
	for _, c := range [][3]string{
		{`#sha256"`, `#md5"`, "the OAEP hash"},
		{`#mgf1sha256"`, `#mgf2sha256"`, "the OAEP mask"},
		{`#mgf1sha256"`, `#sha256"`, "the OAEP mask"},
	} {
		res := readString(t, strings.Replace(sha256, c[0], c[1], 1), opt)
		wantFatal(t, res, ErrUnsupported, c[2])
		if !res.hdr.NeedsPrivateKey {
			t.Errorf("header %+v", res.hdr)
		}
	}
	// Another hash, mask or label is another key, as far as anyone can tell.
	wantFatal(t, readString(t, strings.Replace(sha256, `#mgf1sha256"`, `#mgf1sha1"`, 1), opt), ErrWrongKey, "")
	wantFatal(
		t,
		readString(
			t, strings.Replace(sha256, "<ds:DigestMethod", "<xenc:OAEPparams>AAAA</xenc:OAEPparams><ds:DigestMethod",
				1), opt), ErrWrongKey, "")
	aes := sealedFile("1")
	forCert := strings.Replace(aes, pskHeader, "<EncryptionKey><ds:X509Data/></EncryptionKey>", 1)
	wantFatal(t, readString(t, forCert, Options{PrivateKey: rsaKey(t), PreSharedKey: testKey}), ErrUnsupported,
		"without its key (EncryptedKey)")
	underCBC := strings.Replace(aes, pskHeader, "<EncryptionKey><xenc:EncryptedKey>"+cipherXML(testKey)+
		"</xenc:EncryptedKey></EncryptionKey>", 1)
	wantFatal(t, readString(t, underCBC, Options{PreSharedKey: testKey}), ErrUnsupported, "which does not protect it")
	oaep := read("value-oaep-mac")
	// A value may say again whose key it is for.
	wantOne(
		t,
		readString(
			t, strings.ReplaceAll(oaep, "</xenc:EncryptionMethod>",
				"</xenc:EncryptionMethod><ds:KeyInfo><ds:X509Data/></ds:KeyInfo>"), opt))
	noKey := strings.Replace(oaep, between(oaep, "<MACKey>", "</MACKey>"), "", 1)
	wantFatal(t, readString(t, noKey, opt), ErrUnsupported, "a MACMethod without a MACKey in a file encrypted with RSA")
}

func TestParsePrivateKey(t *testing.T) {
	t.Parallel()
	want := rsaKey(t)
	pkcs1, err := os.ReadFile("testdata/rsa/key-pkcs1.pem")
	if err != nil {
		t.Fatal(err)
	}
	cert, err := os.ReadFile("testdata/rsa/cert.pem")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParsePrivateKey(append(cert, pkcs1...)); err != nil || !got.Equal(want) {
		t.Error(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, b []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}) }
	for _, c := range []struct{ text, reason string }{
		{"", "no private key"},
		{string(cert), "no private key"},
		{string(block("ENCRYPTED PRIVATE KEY", []byte("x"))), "is encrypted"},
		{strings.Replace(string(pkcs1), "KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n",
			1), "is encrypted"},
		{string(block("PRIVATE KEY", der)), "not of RSA"},
		{string(block("EC PRIVATE KEY", der)), "not of RSA"},
		{string(block("PRIVATE KEY", der[:20])), "damaged"},
		{string(block("RSA PRIVATE KEY", []byte("secret bytes"))), "damaged"},
	} {
		if _, err := ParsePrivateKey([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%q: %v", c.reason, err)
		}
	}
	if _, err := NewReader(strings.NewReader(""), Options{PrivateKey: notRSA{ec}}); err == nil {
		t.Error("a key that is not of RSA taken")
	}
	opt := Options{PrivateKey: want}
	shown, err := json.Marshal(opt)
	if err != nil {
		t.Fatal(err)
	}
	printed := string(shown)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		printed += fmt.Sprintf(verb, opt) + fmt.Sprintf(verb, &opt) + fmt.Sprintf(verb, []Options{opt})
	}
	for _, secret := range []string{want.D.String(), fmt.Sprintf("%x", want.D), want.Primes[0].String()} {
		if strings.Contains(printed, secret[:20]) {
			t.Error("the private key is printed")
		}
	}
}

type notRSA struct{ *ecdsa.PrivateKey }

func (notRSA) Decrypt(io.Reader, []byte, crypto.DecrypterOpts) ([]byte, error) {
	return nil, errors.New("no")
}
