package pskc

import (
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	t.Parallel()
	const xenc, dsig, more = "http://www.w3.org/2001/04/xmlenc#", "http://www.w3.org/2000/09/xmldsig#",
		"http://www.w3.org/2001/04/xmldsig-more#"
	const pkcs5 = "http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#"
	for _, tt := range []struct {
		h                       Header
		cipher, mac, derivation string
	}{
		{Header{}, "", "", ""},
		{Header{Cipher: xenc + "aes128-cbc", MAC: dsig + "hmac-sha1"}, "AES-128-CBC", "HMAC-SHA-1", ""},
		{Header{Cipher: xenc + "tripledes-cbc", MAC: more + "hmac-sha224"}, "Triple-DES", "HMAC-SHA-224", ""},
		{Header{Cipher: xenc + "kw-aes256", MAC: "HMAC-SHA-384"}, "AES-256 key wrap", "HMAC-SHA-384", ""},
		{Header{Cipher: xenc + "rsa-oaep-mgf1p", MAC: more + "hmac-sha512"}, "RSA-OAEP", "HMAC-SHA-512", ""},
		{Header{Cipher: "http://www.w3.org/2009/xmlenc11#aes256-gcm", MAC: more + "hmac-fish"}, "AES-GCM",
			more + "hmac-fish", ""},
		{Header{Derivation: pkcs5 + "pbkdf2"}, "", "", "PBKDF2-HMAC-SHA-1"},
		{Header{Derivation: pkcs5 + "pbkdf2", PRF: more + "hmac-sha256"}, "", "", "PBKDF2-HMAC-SHA-256"},
		{Header{Derivation: pkcs5 + "pbkdf2", PRF: "urn:fish"}, "", "", "PBKDF2-urn:fish"},
		{Header{Cipher: "aes128-cbc", Derivation: xenc + "PBE-AES128-CBC"}, "AES-128-CBC", "", "PBKDF2-HMAC-SHA-1"},
		{Header{Cipher: "urn:fish", Derivation: "urn:scrypt"}, "urn:fish", "", "urn:scrypt"},
	} {
		if c, m, d := tt.h.CipherName(), tt.h.MACName(), tt.h.DerivationName(); c != tt.cipher || m != tt.mac ||
			d != tt.derivation {
			t.Errorf("%+v: %q, %q, %q", tt.h, c, m, d)
		}
	}
	for word, spec := range ciphers {
		if spec.name == "" || strings.Contains(Header{Cipher: word}.CipherName(), "cbc") {
			t.Errorf("cipher %s has no name for people", word)
		}
	}
	for word := range hmacs {
		if name := (Header{MAC: word}).MACName(); !strings.HasPrefix(name, "HMAC-SHA-") ||
			strings.Contains(name, "--") {
			t.Errorf("MAC %s is %s", word, name)
		}
	}
}
