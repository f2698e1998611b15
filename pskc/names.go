package pskc

import "strings"

// The names by which people know what Header gives as URIs; an algorithm that is
// not known here is given as the file has it.

// CipherName names the cipher, such as "AES-128-CBC"; "" if none is known yet.
func (h Header) CipherName() string {
	word := wordOf(h.Cipher)
	if c, ok := ciphers[word]; ok {
		return c.name
	}
	if name, ok := unreadCiphers[word]; ok {
		return name
	}
	return h.Cipher
}

// MACName names the MAC algorithm, such as "HMAC-SHA-256"; "" if the file
// declares none.
func (h Header) MACName() string { return hmacName(h.MAC) }

// DerivationName names how the key is derived from a passphrase, such as
// "PBKDF2-HMAC-SHA-1"; "" if it is not.
func (h Header) DerivationName() string {
	word := wordOf(h.Derivation)
	switch _, draft := passphraseCiphers[word]; {
	case draft || word == "pbkdf2" && h.PRF == "":
		return "PBKDF2-HMAC-SHA-1"
	case word == "pbkdf2":
		return "PBKDF2-" + hmacName(h.PRF)
	}
	return h.Derivation
}

func hmacName(uri string) string {
	word := wordOf(uri)
	if _, ok := hmacs[word]; !ok {
		return uri
	}
	return "HMAC-SHA-" + strings.TrimPrefix(strings.TrimPrefix(word, "hmac-sha"), "-")
}
