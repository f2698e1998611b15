package imports

import "strings"

// Protection is how a seed file is protected, in words for people.
type Protection struct {
	// Key is what the secrets are encrypted under: "passphrase", "pre-shared key"
	// or "RSA key"; "" if they are not encrypted.
	Key string
	// KeyName is what the file calls that key.
	KeyName string
	// Derivation makes the key of a passphrase, such as PBKDF2-HMAC-SHA-256.
	Derivation string
	Iterations int
	Cipher     string // such as AES-128-CBC
	MAC        string // such as HMAC-SHA-1; "" if there is none
	// Signature: the file holds an XML signature. Signer is who made it, if that
	// was verified.
	Signature bool
	Signer    string
}

// Protection says how a PSKC file is protected, as far as it has been read. It is
// zero for other formats, whose secrets are open.
func (f *File) Protection() Protection {
	if f.pskc == nil {
		return Protection{}
	}
	h := f.pskc.Header()
	p := Protection{MAC: h.MACName(), Signature: h.SignaturePresent}
	if f.signer != nil {
		p.Signature, p.Signer = true, f.signer.Subject.String()
	}
	if !h.Encrypted {
		return p
	}
	p.KeyName, p.Cipher = h.KeyName, h.CipherName()
	switch {
	case h.NeedsPassphrase:
		p.Key, p.Derivation, p.Iterations = "passphrase", h.DerivationName(), h.Iterations
	case h.NeedsPrivateKey:
		p.Key = "RSA key"
	default:
		p.Key = "pre-shared key"
	}
	return p
}

// flagged names the flags of the command line in the place of the options of
// package pskc, which its reasons name.
func flagged(reason string) string {
	return strings.NewReplacer("option AllowTripleDES", "--allow-3des", "option AllowPart", "--allow-part",
		"option AllowUnauthenticated", "--allow-unauthenticated", "option MinSecret", "--allow-short-secrets").Replace(reason)
}
