package pskc

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"fmt"
	"hash"
)

// keyring holds the keys of the file once they are made, at the first
// encrypted value.
type keyring struct {
	ready  bool
	key    []byte
	block  cipher.Block
	mac    hash.Hash // nil if the file declares none
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
func (p *parser) unusable(format string, args ...any) error {
	if !p.cry.proven {
		return &fault{kind: ErrUnsupported, line: p.s.line, text: fmt.Sprintf(format, args...)}
	}
	return p.refuse(ErrUnsupported, format, args...)
}

// decrypt verifies a value and then decrypts it. It gives nil if the value was
// refused. The result is the caller's.
func (p *parser) decrypt(v *value, name string) ([]byte, error) {
	if p.hdr.Cipher == "" {
		p.hdr.Cipher = clip(v.cipherURI)
	}
	spec, known := ciphers[v.cipherURI]
	if !known {
		return nil, p.unusable("%s", p.unknownCipher(v.cipherURI))
	}
	if !p.cry.ready {
		if err := p.setup(spec, v); err != nil {
			return nil, err
		}
	}
	c := &p.cry
	if len(c.key) != spec.keyLength {
		return nil, p.refuse(ErrUnsupported, "its %s is encrypted with %s under a key of %d bits", name, spec.name, len(c.key)*8)
	}
	if v.keyName != "" && len(p.enc.names) > 0 && !p.hasKeyName(v.keyName) {
		return nil, p.refuse(ErrUnsupported, "its %s is encrypted under another key, named %s", name, quote(v.keyName))
	}
	if c.mac != nil {
		if !v.hasMAC {
			return nil, p.refuse(ErrAltered, "its encrypted %s has no ValueMAC although the file declares a MAC", name)
		}
		// Encrypt-then-MAC: the MAC is over IV and ciphertext, and nothing is
		// decrypted before it holds (RFC 6030 section 6.1.1).
		if !c.verify(v) {
			return nil, p.doubt(name)
		}
		c.proven = true
	} else if v.hasMAC {
		return nil, p.unusable("a ValueMAC without a MACMethod that says how it was made")
	}
	plain, ok := decryptCBC(c.block, v.cipher, c.mac != nil)
	if !ok {
		if c.mac != nil {
			return nil, p.refuse(ErrMalformed, "its %s does not decrypt although its MAC verifies", name)
		}
		return nil, p.doubt(name)
	}
	c.proven = true
	return plain, nil
}

func (p *parser) hasKeyName(name string) bool {
	for _, n := range p.enc.names {
		if n == name {
			return true
		}
	}
	return false
}

// setup makes the keys when the first encrypted value, of the given cipher,
// asks for them. Every error is final. The order is that of usefulness: what
// cannot be read at all comes before the question for a key.
func (p *parser) setup(spec cipherSpec, v *value) error {
	e := &p.enc
	if e.recipient != "" {
		return p.fatal(ErrUnsupported, "the file is encrypted %s: not supported yet", e.recipient)
	}
	if e.derived && !e.kdf.paramsSeen {
		return p.fatal(ErrMalformed, "a DerivedKey without PBKDF2-params")
	}
	newMAC, err := p.macMethodOf(v)
	if err != nil {
		return err
	}
	macCipher := spec
	if newMAC != nil {
		var known bool
		if macCipher, known = ciphers[e.macKey.cipherURI]; !known {
			return p.fatal(ErrUnsupported, "the MAC key: %s", p.unknownCipher(e.macKey.cipherURI))
		}
	}
	key, err := p.encryptionKeyOf(macCipher)
	if err != nil {
		return err
	}
	c := &p.cry
	c.key = key
	if c.block, err = aes.NewCipher(key); err != nil {
		return p.fatal(ErrKeyLength, "")
	}
	if newMAC != nil {
		if n := len(e.macKey.cipher); n%aes.BlockSize != 0 {
			return p.fatal(ErrMalformed, "the encrypted MAC key is not a whole number of blocks")
		}
		macKey, ok := decryptCBC(c.block, e.macKey.cipher, true)
		if !ok || len(macKey) == 0 {
			return &fault{kind: ErrWrongKey}
		}
		c.mac = hmac.New(newMAC, macKey)
		clear(macKey)
	}
	c.ready = true
	return nil
}

// fatal is a fault whatever the scope.
func (p *parser) fatal(kind error, format string, args ...any) error {
	return p.s.fail(kind, format, args...)
}

// macMethodOf gives the hash of the file's MAC, or nil if there is none and
// the caller accepts that.
func (p *parser) macMethodOf(v *value) (func() hash.Hash, error) {
	e := &p.enc
	switch {
	case !e.macSeen && v.hasMAC:
		return nil, p.fatal(ErrUnsupported, "a ValueMAC without a MACMethod that says how it was made")
	case !e.macSeen && !p.opt.AllowUnauthenticated:
		return nil, p.fatal(ErrNoMAC, "it could have been altered by anyone (option AllowUnauthenticated reads it nevertheless)")
	case !e.macSeen:
		return nil, nil
	}
	newMAC, known := macs[e.macURI]
	switch {
	case !known:
		return nil, p.fatal(ErrUnsupported, "the MAC algorithm %s", quote(e.macURI))
	case e.macKeyRef:
		return nil, p.fatal(ErrUnsupported, "a MAC key kept elsewhere (MACKeyReference)")
	case !e.macKeySeen:
		return nil, p.fatal(ErrUnsupported, "a MACMethod without a MACKey: not supported yet")
	}
	return newMAC, nil
}

// encryptionKeyOf gives the key that the caller brought, or derives it.
func (p *parser) encryptionKeyOf(spec cipherSpec) ([]byte, error) {
	e := &p.enc
	if !e.derived {
		switch n := len(p.opt.PreSharedKey); n {
		case 0:
			return nil, p.fatal(ErrKeyNeeded, "%s", e.describe())
		case spec.keyLength:
			return append([]byte(nil), p.opt.PreSharedKey...), nil
		default:
			return nil, p.fatal(ErrKeyLength, "%s takes %d bits, %d were given", spec.name, spec.keyLength*8, n*8)
		}
	}
	newPRF, known := prfs[e.kdf.prf]
	switch {
	case !known:
		return nil, p.fatal(ErrUnsupported, "the PBKDF2 function (PRF) %s", quote(e.kdf.prf))
	case e.kdf.keyLength != 0 && e.kdf.keyLength != spec.keyLength:
		return nil, p.fatal(ErrMalformed, "PBKDF2 is to make %d bytes, but %s takes %d", e.kdf.keyLength, spec.name, spec.keyLength)
	case len(p.opt.Passphrase) == 0:
		return nil, p.fatal(ErrKeyNeeded, "%s", e.describe())
	}
	key, err := e.kdf.derive(newPRF, p.opt.Passphrase, spec.keyLength)
	if err != nil {
		return nil, p.fatal(ErrUnsupported, "PBKDF2: %v", err)
	}
	return key, nil
}

// verify checks the MAC of a value in constant time.
func (c *keyring) verify(v *value) bool {
	c.mac.Reset()
	c.mac.Write(v.cipher)
	c.sum = c.mac.Sum(c.sum[:0])
	return hmac.Equal(c.sum, v.mac)
}

// decryptCBC decrypts IV and ciphertext and strips the padding, of which XML
// encryption defines only the last byte. Without a MAC the padding is the only
// sign of a wrong key there is, so all of it must then be as in PKCS #7.
func decryptCBC(block cipher.Block, b []byte, authentic bool) ([]byte, bool) {
	if len(b) < 2*aes.BlockSize || len(b)%aes.BlockSize != 0 {
		return nil, false
	}
	plain := make([]byte, len(b)-aes.BlockSize)
	cipher.NewCBCDecrypter(block, b[:aes.BlockSize]).CryptBlocks(plain, b[aes.BlockSize:])
	pad := int(plain[len(plain)-1])
	ok := pad >= 1 && pad <= aes.BlockSize
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
