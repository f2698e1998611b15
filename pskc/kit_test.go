package pskc

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// seed is the secret of most test files, that of the RFCs.
const seed = "12345678901234567890"

// testKey is the pre-shared key of figure 6, testMACKey its MAC key.
var (
	testKey    = mustHex("12345678901234567890123456789012")
	testMACKey = mustHex("1122334455667788990011223344556677889900")
)

func mustHex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

const (
	testNS = `xmlns="urn:ietf:params:xml:ns:keyprov:pskc" ` +
		`xmlns:ds="http://www.w3.org/2000/09/xmldsig#" ` +
		`xmlns:xenc="http://www.w3.org/2001/04/xmlenc#" ` +
		`xmlns:xenc11="http://www.w3.org/2009/xmlenc11#" ` +
		`xmlns:pkcs5="http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#"`
	hotpURI   = "urn:ietf:params:xml:ns:keyprov:pskc:hotp"
	totpURI   = "urn:ietf:params:xml:ns:keyprov:pskc:totp"
	ocraURI   = "urn:ietf:params:xml:ns:keyprov:pskc:ocra"
	aes128URI = "http://www.w3.org/2001/04/xmlenc#aes128-cbc"
	sha1URI   = "http://www.w3.org/2000/09/xmldsig#hmac-sha1"
	pskHeader = `<EncryptionKey><ds:KeyName>Pre-shared-key</ds:KeyName></EncryptionKey>`
)

// container wraps what stands in a KeyContainer.
func container(parts ...string) string {
	return `<KeyContainer Version="1.0" ` + testNS + ">\n" + strings.Join(parts, "\n") + "\n</KeyContainer>\n"
}

// pkg is a KeyPackage with one Key.
func pkg(serial, id, alg, inKey string) string {
	return fmt.Sprintf(
		"<KeyPackage><DeviceInfo><Manufacturer>Acme</Manufacturer><SerialNo>%s</SerialNo></DeviceInfo>\n"+
			"<Key Id=%q Algorithm=%q>%s</Key></KeyPackage>", serial, id, alg, inKey)
}

// data wraps values in Data.
func data(values ...string) string { return "<Data>" + strings.Join(values, "") + "</Data>" }

func plainSecret(secret string) string { return plain("Secret", b64([]byte(secret))) }

func plain(name, text string) string {
	return "<" + name + "><PlainValue>" + text + "</PlainValue></" + name + ">"
}

// plainFile is a file of one plain HOTP key.
func plainFile(inKey string) string { return container(pkg("1", "k", hotpURI, inKey)) }

// seal encrypts as the test files have it, with PKCS #7 padding.
func seal(key, text []byte, iv byte) []byte {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	n := aes.BlockSize - len(text)%aes.BlockSize
	padded := append(bytes.Clone(text), bytes.Repeat([]byte{byte(n)}, n)...)
	out := append(bytes.Repeat([]byte{iv}, aes.BlockSize), padded...)
	cipher.NewCBCEncrypter(block, out[:aes.BlockSize]).CryptBlocks(out[aes.BlockSize:], padded)
	return out
}

func cipherXML(b []byte) string {
	return `<xenc:EncryptionMethod Algorithm="` + aes128URI + `"/><xenc:CipherData><xenc:CipherValue>` +
		b64(b) + `</xenc:CipherValue></xenc:CipherData>`
}

// macXML declares HMAC-SHA1 under testMACKey.
func macXML() string {
	return `<MACMethod Algorithm="` + sha1URI + `"><MACKey>` + cipherXML(seal(testKey, testMACKey, 1)) + `</MACKey></MACMethod>`
}

// sealed is a value encrypted under testKey, with its MAC.
func sealed(name string, text []byte, iv byte) string {
	return sealedUnder(testKey, name, text, iv)
}

// sealedUnder is sealed under another key.
func sealedUnder(key []byte, name string, text []byte, iv byte) string {
	return macOnly(name, seal(key, text, iv))
}

// macOnly is a value of the given ciphertext with a good MAC.
func macOnly(name string, b []byte) string {
	m := hmac.New(sha1.New, testMACKey)
	m.Write(b)
	return "<" + name + "><EncryptedValue>" + cipherXML(b) + "</EncryptedValue><ValueMAC>" +
		b64(m.Sum(nil)) + "</ValueMAC></" + name + ">"
}

// sealedFile is an AES-128 file with one HOTP key for each serial.
func sealedFile(serials ...string) string {
	parts := []string{pskHeader, macXML()}
	for i, s := range serials {
		parts = append(parts, pkg(s, s, hotpURI, data(sealed("Secret", []byte(seed), byte(i)), plain("Counter", "0"))))
	}
	return container(parts...)
}

// tb is what helpers want of a test, be it of package testing or of rapid.
type tb interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// result is all that a file gave.
type result struct {
	keys    []*Key
	refused []*KeyError
	err     error // nil if the file ended properly
	hdr     Header
}

// readAll reads a file to its end.
func readAll(t tb, r io.Reader, opt Options) result {
	t.Helper()
	rd, err := NewReader(r, opt)
	if err != nil {
		t.Fatal(err)
	}
	var res result
	for {
		k, err := rd.Next()
		if err == io.EOF {
			break
		}
		if refused, ok := errors.AsType[*KeyError](err); ok {
			res.refused = append(res.refused, refused)
			continue
		}
		if err != nil {
			res.err = err
			break
		}
		res.keys = append(res.keys, k)
	}
	if _, again := rd.Next(); res.err != nil && again != res.err || res.err == nil && again != io.EOF {
		t.Errorf("asked again after the end: %v", again)
	}
	res.hdr = rd.Header()
	return res
}

func readString(t tb, file string, opt Options) result {
	t.Helper()
	return readAll(t, strings.NewReader(file), opt)
}

// wantOne demands a file of exactly one good key.
func wantOne(t testing.TB, res result) *Key {
	t.Helper()
	if res.err != nil || len(res.refused) != 0 || len(res.keys) != 1 {
		t.Fatalf("want one key, got %d, refused %v, error %v", len(res.keys), res.refused, res.err)
	}
	return res.keys[0]
}

// wantRefused demands that no key came and one was refused with the reason.
func wantRefused(t testing.TB, res result, reason string) *KeyError {
	t.Helper()
	if res.err != nil || len(res.keys) != 0 || len(res.refused) != 1 {
		t.Fatalf("want one key refused, got %d keys, refused %v, error %v", len(res.keys), res.refused, res.err)
	}
	if got := res.refused[0].Error(); !strings.Contains(got, reason) {
		t.Fatalf("refused with %q, want %q", got, reason)
	}
	return res.refused[0]
}

// wantFatal demands that the file ended in the error and gave no key.
func wantFatal(t testing.TB, res result, kind error, text string) {
	t.Helper()
	if len(res.keys) != 0 || !errors.Is(res.err, kind) || !strings.Contains(res.err.Error(), text) {
		t.Fatalf("want no key and error %q with %q, got %d keys, refused %v, error %v",
			kind, text, len(res.keys), res.refused, res.err)
	}
}
