package pskc

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"sync"
)

// ParsePrivateKey reads an RSA private key from the text of a PEM file, for
// [Options.PrivateKey]: the first block "PRIVATE KEY" (PKCS #8) or "RSA
// PRIVATE KEY" (PKCS #1). A key that is itself encrypted is refused. Errors
// never hold key material.
func ParsePrivateKey(text []byte) (*rsa.PrivateKey, error) {
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return nil, errors.New("pskc: no private key in PEM form")
		}
		text = rest
		if !strings.HasSuffix(block.Type, "PRIVATE KEY") {
			continue
		}
		defer clear(block.Bytes)
		if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
			return nil, errors.New("pskc: the private key is encrypted: decrypt it first")
		}
		switch block.Type {
		case "RSA PRIVATE KEY":
			if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
				return key, nil
			}
		case "PRIVATE KEY":
			key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			if err != nil {
				break
			}
			if key, ok := key.(*rsa.PrivateKey); ok {
				return key, nil
			}
			return nil, errors.New("pskc: the private key is not of RSA")
		default:
			return nil, errors.New("pskc: the private key is not of RSA")
		}
		return nil, errors.New("pskc: the private key is damaged")
	}
}

// rsaParams are the parameters of OAEP in an EncryptionMethod.
type rsaParams struct {
	digest string // URI of the hash, "" for SHA-1
	mgf    string // URI of the mask, "" for MGF1 with SHA-1
	label  []byte // OAEPparams
}

// oaepOptions resolves the parameters. name is what is not known, or "".
func (o *rsaParams) oaepOptions(spec cipherSpec) (opt *rsa.OAEPOptions, name string) {
	opt = &rsa.OAEPOptions{Hash: crypto.SHA1, MGFHash: crypto.SHA1, Label: o.label}
	if o.digest != "" {
		var ok bool
		if opt.Hash, ok = digests[wordOf(o.digest)]; !ok {
			return nil, "the OAEP hash " + quote(o.digest)
		}
	}
	if o.mgf != "" {
		var ok bool
		word, mgf1 := strings.CutPrefix(wordOf(o.mgf), "mgf1")
		if opt.MGFHash, ok = digests[word]; !ok || !mgf1 || !spec.mgf {
			return nil, "the OAEP mask " + quote(o.mgf)
		}
	}
	return opt, ""
}

// rejectSecret makes [reject] unpredictable from outside this process.
var rejectSecret = sync.OnceValue(func() []byte {
	b := make([]byte, sha256.Size)
	_, _ = rand.Read(b) // never fails
	return b
})

// reject gives n bytes that stand in for a key that did not decrypt.
// The same ciphertext gets the same bytes each time, as it would from a key
// that it does hold, so that repeating it tells nothing.
func reject(ciphertext []byte, n int) []byte {
	var out []byte
	for i := byte(0); len(out) < n; i++ {
		m := hmac.New(sha256.New, rejectSecret())
		m.Write([]byte{i})
		m.Write(ciphertext)
		out = m.Sum(out)
	}
	return out[:n]
}

// unwrapRSA15 decrypts a key of n bytes. What does not hold one gives other
// bytes, never an error: the answer must not tell whether the padding held
// (Bleichenbacher), and what is decrypted with them fails as under any wrong
// key.
func unwrapRSA15(priv crypto.Decrypter, b []byte, n int) []byte {
	key := reject(b, n)
	if own, ok := priv.(*rsa.PrivateKey); ok {
		// In constant time; errors tell only what anyone can see in b.
		_ = rsa.DecryptPKCS1v15SessionKey(nil, own, b, key)
		return key
	}
	got, err := priv.Decrypt(rand.Reader, b, nil)
	if err == nil && len(got) == n {
		subtle.ConstantTimeCopy(1, key, got)
	}
	clear(got)
	return key
}

// macKeyLength stands in for the length of a MAC key that is not there.
const macKeyLength = 20

// unwrapRSA15MAC is unwrapRSA15 for a MAC key, whose length is not known.
func unwrapRSA15MAC(priv crypto.Decrypter, b []byte) []byte {
	key := reject(b, macKeyLength)
	if got, err := priv.Decrypt(rand.Reader, b, nil); err == nil && len(got) > 0 {
		key = got
	}
	return key
}
