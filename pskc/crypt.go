package pskc

import (
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"fmt"
	"hash"
	"slices"
)

// keyring holds the keys of the file once they are made, at the first
// encrypted value.
type keyring struct {
	ready  bool
	key    []byte       // of the values; nil as long as only RSA was met
	aes    cipher.Block // under key, made when first asked for
	des    cipher.Block // the same for Triple-DES
	mac    hash.Hash    // nil if the file declares none
	record hash.Hash    // of records; nil unless there is a MAC over the file
	file   hash.Hash    // that MAC
	sum    []byte
	proven bool // a value was verified: the key is right
}

// wipe clears what it can reach; the copies inside the cipher are left to the
// garbage collector.
func (c *keyring) wipe() {
	clear(c.key)
	*c = keyring{}
}

// doubt is the answer to a value that does not verify. As long as none has,
// the key itself is in doubt, and that ends the reading; afterwards it is this
// one value.
func (p *parser) doubt(name string) error {
	if !p.cry.proven {
		return &fault{kind: ErrWrongKey}
	}
	if p.cry.mac == nil {
		return p.refuse(ErrAltered, "its %s is altered or damaged: it does not decrypt", name)
	}
	return p.refuse(ErrAltered, "its %s is altered or damaged: its MAC does not verify", name)
}

// unusable is the answer to a value protected in a way that is not read: it
// ends the reading unless other values of the file could be read.
func (p *parser) unusable(kind error, format string, args ...any) error {
	if !p.cry.proven {
		return &fault{kind: kind, line: p.s.line, text: fmt.Sprintf(format, args...)}
	}
	return p.refuse(kind, format, args...)
}

// decrypt verifies a value and decrypts it. It gives nil if the value was
// refused. The result is the caller's.
func (p *parser) decrypt(v *value, name string) ([]byte, error) {
	uri := p.cipherURI(v)
	if p.hdr.Cipher == "" {
		p.hdr.Cipher = clip(uri)
	}
	spec, known := ciphers[wordOf(uri)]
	if !known {
		return nil, p.unusable(ErrUnsupported, "%s", unread(uri))
	}
	if why := p.switchedOff(spec); why != "" {
		return nil, p.unusable(ErrUnsupported, "%s", why)
	}
	if kind, why := p.unprotected(spec, v); kind != nil {
		return nil, p.unusable(kind, "%s", why)
	}
	c := &p.cry
	if !c.ready {
		if err := p.setup(spec); err != nil {
			return nil, err
		}
	}
	if v.record && c.record == nil {
		if !c.proven {
			return nil, &fault{kind: ErrWrongKey}
		}
		return nil, p.fatal(ErrAltered, "a record in a file whose MAC key does not announce a MAC over all of it")
	}
	if refused, err := p.prepare(spec, v, name); refused || err != nil {
		return nil, err
	}
	if c.mac != nil {
		return p.openMAC(spec, v, name)
	}
	plain, ok := p.open(spec, v, false)
	if !ok {
		return nil, p.doubt(name)
	}
	c.proven = true
	return plain, nil
}

// cipherURI is the cipher of a value: its own, else that of the file.
func (p *parser) cipherURI(v *value) string {
	if v.cipherURI != "" {
		return v.cipherURI
	}
	return p.enc.cipherURI
}

// switchedOff says which option a cipher would need, if any.
func (p *parser) switchedOff(spec cipherSpec) string {
	if spec.tripleDES && !p.opt.AllowTripleDES {
		return "encrypted with Triple-DES, which is outdated (option AllowTripleDES reads it anyway)"
	}
	return ""
}

// unprotected tells why a value is not protected well enough to be decrypted,
// before anything is.
func (p *parser) unprotected(spec cipherSpec, v *value) (error, string) {
	const nevertheless = " (option AllowUnauthenticated reads it anyway)"
	switch {
	case !p.enc.macSeen && v.hasMAC:
		return ErrUnsupported, "a ValueMAC without a MACMethod that says how it was made"
	case p.opt.AllowUnauthenticated:
		return nil, ""
	case spec.mode == rsa15:
		// Whoever has the certificate can make a MAC key, so that the MAC does
		// not keep forgeries from the padding: reading would answer for it.
		return ErrNoMAC, "a value under RSA PKCS #1 1.5 itself, instead of a key, is never protected" + nevertheless
	case !p.enc.macSeen && spec.mode != keyWrap:
		return ErrNoMAC, "it could have been altered by anyone" + nevertheless
	}
	return nil, ""
}

// prepare makes sure that there is a key that fits the value.
func (p *parser) prepare(spec cipherSpec, v *value, name string) (refused bool, err error) {
	c := &p.cry
	if spec.isRSA() {
		if err := p.needPrivateKey(); err != nil {
			return true, err
		}
		if _, unknown := v.rsa.oaepOptions(spec); unknown != "" {
			return true, p.unusable(ErrUnsupported, "%s", unknown)
		}
		return false, nil
	}
	if c.key == nil {
		if c.key, err = p.contentKey(spec); err != nil {
			return true, err
		}
	}
	if !spec.takes(len(c.key)) {
		return true, p.refuse(ErrUnsupported, "its %s is encrypted with %s under a key of %d bits", name, spec.name,
			len(c.key)*8)
	}
	if v.keyName != "" && len(p.enc.names) > 0 && !slices.Contains(p.enc.names, v.keyName) {
		return true, p.refuse(ErrUnsupported, "its %s is encrypted under another key, named %s", name, quote(v.keyName))
	}
	return false, p.checkIV(spec)
}

// openMAC verifies the MAC of a value and decrypts it. RFC 6030 has the MAC
// over IV and ciphertext, and then nothing is decrypted before it holds
// (section 6.1.1). Drafts have it over the plain text; to check that, the
// value must be decrypted first, and a failed MAC, failed padding and a
// ciphertext of the wrong size then get one answer.
func (p *parser) openMAC(spec cipherSpec, v *value, name string) ([]byte, error) {
	c := &p.cry
	if !v.hasMAC {
		return nil, p.refuse(ErrAltered, "its encrypted %s has no ValueMAC although the file declares a MAC", name)
	}
	iv := p.ivOf(spec)
	good := c.verify(v, iv, v.cipher)
	if !good && (p.draft || p.opt.AllowPlaintextMAC) {
		plain, ok := p.open(spec, v, true)
		checked := plain
		if !ok {
			checked = v.cipher
		}
		if c.verify(v, checked) && ok {
			c.proven = true
			return plain, nil
		}
		clear(plain)
	}
	// A MAC over the ciphertext alone leaves the IV of the file open: who
	// changes it changes the first block of each value.
	if !good && iv != nil && c.verify(v, v.cipher) {
		if good = p.opt.AllowUnauthenticated; !good {
			return nil, p.unusable(ErrNoMAC, "its MAC does not cover the IV of the file (option "+
				"AllowUnauthenticated reads it anyway)")
		}
	}
	if !good {
		return nil, p.doubt(name)
	}
	c.proven = true
	plain, ok := p.open(spec, v, true)
	if !ok {
		return nil, p.refuse(ErrMalformed, "its %s does not decrypt although its MAC verifies", name)
	}
	return plain, nil
}

// verify checks the MAC of a value in constant time.
func (c *keyring) verify(v *value, parts ...[]byte) bool {
	m := c.mac
	if v.record {
		m = c.record
	}
	m.Reset()
	for _, b := range parts {
		m.Write(b)
	}
	c.sum = m.Sum(c.sum[:0])
	return hmac.Equal(c.sum, v.mac)
}

// open decrypts a value for which prepare found a key.
func (p *parser) open(spec cipherSpec, v *value, authentic bool) ([]byte, bool) {
	switch spec.mode {
	case keyWrap:
		return unwrap(p.cry.blockOf(spec), v.cipher, spec.padded)
	case rsa15:
		plain, err := p.opt.PrivateKey.Decrypt(rand.Reader, v.cipher, nil)
		return plain, err == nil
	case rsaOAEP:
		opt, _ := v.rsa.oaepOptions(spec)
		plain, err := p.opt.PrivateKey.Decrypt(rand.Reader, v.cipher, opt)
		return plain, err == nil
	}
	return decryptCBC(p.cry.blockOf(spec), p.ivOf(spec), v.cipher, authentic)
}

// ivOf is the IV of the file, or nil if each value brings its own.
func (p *parser) ivOf(spec cipherSpec) []byte {
	if spec.mode != cbc {
		return nil
	}
	return p.enc.iv
}

// checkIV refuses an IV of the file that the cipher does not take.
func (p *parser) checkIV(spec cipherSpec) error {
	if iv := p.ivOf(spec); iv != nil && len(iv) != p.cry.blockOf(spec).BlockSize() {
		return p.fatal(ErrMalformed, "the IV of the file is not one block of %s", spec.name)
	}
	return nil
}

// decryptCBC decrypts and strips the padding, of which XML encryption defines
// only the last byte. Without a MAC the padding is the only sign of a wrong
// key there is, so all of it must then be as in PKCS #7. If iv is nil, b
// begins with it.
func decryptCBC(block cipher.Block, iv, b []byte, authentic bool) ([]byte, bool) {
	size := block.BlockSize()
	if iv == nil && len(b) >= size {
		iv, b = b[:size], b[size:]
	}
	if len(b) == 0 || len(b)%size != 0 || len(iv) != size {
		return nil, false
	}
	plain := make([]byte, len(b))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, b)
	pad := int(plain[len(plain)-1])
	ok := pad >= 1 && pad <= size
	if ok && !authentic {
		for _, c := range plain[len(plain)-pad:] {
			ok = ok && int(c) == pad
		}
	}
	if !ok {
		clear(plain)
		return nil, false
	}
	n := len(plain) - pad
	clear(plain[n:])
	return plain[:n:n], true
}
