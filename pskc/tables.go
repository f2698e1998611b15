package pskc

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"strings"
)

// cipherSpec is a cipher that is read: all are AES in CBC mode.
type cipherSpec struct {
	name      string
	keyLength int // bytes
}

// ciphers by URI.
var ciphers = map[string]cipherSpec{
	"http://www.w3.org/2001/04/xmlenc#aes128-cbc": {"AES-128-CBC", 16},
	"http://www.w3.org/2001/04/xmlenc#aes192-cbc": {"AES-192-CBC", 24},
	"http://www.w3.org/2001/04/xmlenc#aes256-cbc": {"AES-256-CBC", 32},
}

// macs by URI: HMAC over IV and ciphertext. XML signatures define SHA-1 in
// one namespace and the others in another; files mix them up.
var macs = hmacs(
	"http://www.w3.org/2000/09/xmldsig#",
	"http://www.w3.org/2001/04/xmldsig-more#",
)

// prfs by URI: the functions PBKDF2 may use. None given means HMAC-SHA1
// (RFC 8018 appendix A.2).
var prfs = func() map[string]func() hash.Hash {
	m := hmacs(
		"http://www.w3.org/2000/09/xmldsig#",
		"http://www.w3.org/2001/04/xmldsig-more#",
	)
	m[""] = sha1.New
	return m
}()

func hmacs(spaces ...string) map[string]func() hash.Hash {
	m := make(map[string]func() hash.Hash)
	for _, space := range spaces {
		m[space+"hmac-sha1"] = sha1.New
		m[space+"hmac-sha224"] = sha256.New224
		m[space+"hmac-sha256"] = sha256.New
		m[space+"hmac-sha384"] = sha512.New384
		m[space+"hmac-sha512"] = sha512.New
	}
	return m
}

// knownCiphers names what is not read yet, by the part of the URI after '#'.
var knownCiphers = map[string]string{
	"tripledes-cbc":   "Triple-DES",
	"kw-tripledes":    "Triple-DES key wrap",
	"kw-aes128":       "AES key wrap",
	"kw-aes192":       "AES key wrap",
	"kw-aes256":       "AES key wrap",
	"kw-aes128-pad":   "AES key wrap",
	"kw-aes192-pad":   "AES key wrap",
	"kw-aes256-pad":   "AES key wrap",
	"kw-aes-128-pad":  "AES key wrap",
	"kw-aes-192-pad":  "AES key wrap",
	"kw-aes-256-pad":  "AES key wrap",
	"aes128-gcm":      "AES-GCM",
	"aes192-gcm":      "AES-GCM",
	"aes256-gcm":      "AES-GCM",
	"rsa-1_5":         "RSA",
	"rsa_1_5":         "RSA", // as in figure 8 of RFC 6030
	"rsa-oaep-mgf1p":  "RSA-OAEP",
	"rsa-oaep":        "RSA-OAEP",
	"camellia128-cbc": "Camellia",
	"camellia192-cbc": "Camellia",
	"camellia256-cbc": "Camellia",
	"pbes2":           "password-based encryption (PBES2)",
}

// unknownCipher says by what a value is encrypted that is not read.
func (p *parser) unknownCipher(uri string) string {
	if uri == "" {
		return "a value without a cipher"
	}
	id := uri[strings.LastIndexByte(uri, '#')+1:]
	name, ok := knownCiphers[strings.ToLower(id)]
	if !ok {
		return "encrypted with " + quote(uri)
	}
	text := "encrypted with " + name + " (" + id + ")"
	if p.enc.recipient != "" {
		text += " " + p.enc.recipient
	}
	return text + ": not supported yet"
}
