package pskc

import (
	"crypto"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"strings"
)

// algorithmSpaces are what may stand before the word of an algorithm of
// encryption, derivation or authentication. Files mix them up, and drafts
// write the bare word.
var algorithmSpaces = map[string]bool{
	"http://www.w3.org/2000/09/xmldsig#":                          true,
	"http://www.w3.org/2001/04/xmldsig-more#":                     true,
	"http://www.w3.org/2007/05/xmldsig-more#":                     true,
	"http://www.w3.org/2001/04/xmlenc#":                           true,
	"http://www.w3.org/2009/xmlenc11#":                            true,
	"http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#": true,
	"http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5#":     true,
}

// wordOf gives the word of an algorithm in lower case, "" if what stands
// before it is not known.
func wordOf(uri string) string {
	i := strings.LastIndexByte(uri, '#') + 1
	if i > 0 && !algorithmSpaces[uri[:i]] {
		return ""
	}
	return strings.ToLower(uri[i:])
}

// mode is how a cipher is used.
type mode byte

const (
	cbc     mode = iota // IV and padding; no protection of its own
	keyWrap             // RFC 3394 or RFC 5649; protects what it wraps
	rsa15               // PKCS #1 1.5
	rsaOAEP
)

// cipherSpec is a cipher that is read.
type cipherSpec struct {
	name      string
	mode      mode
	keyLength int  // bytes; 0 for RSA
	orLength  int  // the other length of key it takes, or 0
	tripleDES bool // otherwise AES
	padded    bool // key wrap by RFC 5649 alone
	mgf       bool // OAEP of XML encryption 1.1, which names its MGF
}

// isRSA tells whether the cipher takes a private key.
func (c cipherSpec) isRSA() bool { return c.mode == rsa15 || c.mode == rsaOAEP }

// takes tells whether a key of n bytes fits.
func (c cipherSpec) takes(n int) bool {
	return n != 0 && (n == c.keyLength || n == c.orLength)
}

// ciphers by word. Triple-DES takes two keys or three: two for "112", three
// for "168", either where the word does not say. Key wrap without "pad" may be
// either RFC, which its integrity check tells.
var ciphers = map[string]cipherSpec{
	"aes128-cbc":     {name: "AES-128-CBC", keyLength: 16},
	"aes192-cbc":     {name: "AES-192-CBC", keyLength: 24},
	"aes256-cbc":     {name: "AES-256-CBC", keyLength: 32},
	"tripledes-cbc":  {name: "Triple-DES", keyLength: 24, orLength: 16, tripleDES: true},
	"3des-cbc":       {name: "Triple-DES", keyLength: 24, orLength: 16, tripleDES: true},
	"3des112-cbc":    {name: "Triple-DES", keyLength: 16, tripleDES: true},
	"3des168-cbc":    {name: "Triple-DES", keyLength: 24, tripleDES: true},
	"kw-aes128":      {name: "AES-128 key wrap", mode: keyWrap, keyLength: 16},
	"kw-aes192":      {name: "AES-192 key wrap", mode: keyWrap, keyLength: 24},
	"kw-aes256":      {name: "AES-256 key wrap", mode: keyWrap, keyLength: 32},
	"kw-aes128-pad":  {name: "AES-128 key wrap", mode: keyWrap, keyLength: 16, padded: true},
	"kw-aes192-pad":  {name: "AES-192 key wrap", mode: keyWrap, keyLength: 24, padded: true},
	"kw-aes256-pad":  {name: "AES-256 key wrap", mode: keyWrap, keyLength: 32, padded: true},
	"kw-aes-128-pad": {name: "AES-128 key wrap", mode: keyWrap, keyLength: 16, padded: true},
	"kw-aes-192-pad": {name: "AES-192 key wrap", mode: keyWrap, keyLength: 24, padded: true},
	"kw-aes-256-pad": {name: "AES-256 key wrap", mode: keyWrap, keyLength: 32, padded: true},
	"rsa-1_5":        {name: "RSA PKCS #1 1.5", mode: rsa15},
	"rsa_1_5":        {name: "RSA PKCS #1 1.5", mode: rsa15}, // as in figure 8 of RFC 6030
	"rsa-oaep-mgf1p": {name: "RSA-OAEP", mode: rsaOAEP},
	"rsa-oaep":       {name: "RSA-OAEP", mode: rsaOAEP, mgf: true},
}

// hmacs by word: the functions of a MAC, and those PBKDF2 may use.
var hmacs = map[string]func() hash.Hash{
	"hmac-sha1": sha1.New, "hmac-sha-1": sha1.New,
	"hmac-sha224": sha256.New224, "hmac-sha-224": sha256.New224,
	"hmac-sha256": sha256.New, "hmac-sha-256": sha256.New,
	"hmac-sha384": sha512.New384, "hmac-sha-384": sha512.New384,
	"hmac-sha512": sha512.New, "hmac-sha-512": sha512.New,
}

// prfOf gives the function of PBKDF2. None given means HMAC-SHA1 (RFC 8018
// appendix A.2).
func prfOf(uri string) (func() hash.Hash, bool) {
	if uri == "" {
		return sha1.New, true
	}
	h, ok := hmacs[wordOf(uri)]
	return h, ok
}

// digests by word: the hashes of OAEP and, after "mgf1", of its mask.
var digests = map[string]crypto.Hash{
	"sha1": crypto.SHA1, "sha224": crypto.SHA224, "sha256": crypto.SHA256,
	"sha384": crypto.SHA384, "sha512": crypto.SHA512,
}

// unreadCiphers names what is not read, by word.
var unreadCiphers = map[string]string{
	"kw-tripledes":    "Triple-DES key wrap",
	"aes128-gcm":      "AES-GCM",
	"aes192-gcm":      "AES-GCM",
	"aes256-gcm":      "AES-GCM",
	"camellia128-cbc": "Camellia",
	"camellia192-cbc": "Camellia",
	"camellia256-cbc": "Camellia",
	"camellia128":     "Camellia",
	"camellia192":     "Camellia",
	"camellia256":     "Camellia",
	"kw-camellia128":  "Camellia key wrap",
	"kw-camellia192":  "Camellia key wrap",
	"kw-camellia256":  "Camellia key wrap",
	"pbes2":           "password-based encryption (PBES2) that names no cipher",
	"arcfour":         "RC4",
	"rc4":             "RC4",
	"seed128-cbc":     "SEED",
}

// unread says by what a value is encrypted that is not read.
func unread(uri string) string {
	if uri == "" {
		return "a value without a cipher"
	}
	word := wordOf(uri)
	name, ok := unreadCiphers[word]
	if !ok {
		return "encrypted with " + quote(uri)
	}
	return "encrypted with " + name + " (" + word + "): not supported"
}
