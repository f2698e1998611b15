package pskc

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/hmac"
	"crypto/rand"
	"fmt"
	"hash"
)

// setup makes the keys when the first encrypted value, of the given cipher,
// asks for them. Every error is final. The order is that of usefulness: what
// cannot be read at all comes before the question for a key.
func (p *parser) setup(spec cipherSpec) error {
	e, c := &p.enc, &p.cry
	if e.unread != "" {
		return p.fatal(ErrUnsupported, "the file is encrypted %s: not supported", e.unread)
	}
	if e.derived && !e.kdf.paramsSeen {
		return p.fatal(ErrMalformed, "a DerivedKey without PBKDF2-params")
	}
	newMAC, err := p.macMethodOf()
	if err != nil {
		return err
	}
	macSpec := spec
	if newMAC != nil && e.macKeySeen {
		var known bool
		uri := p.cipherURI(&e.macKey)
		if macSpec, known = ciphers[wordOf(uri)]; !known {
			return p.fatal(ErrUnsupported, "the MAC key: %s", unread(uri))
		}
		if why := p.switchedOff(macSpec); why != "" {
			return p.fatal(ErrUnsupported, "the MAC key: %s", why)
		}
	}
	// One key encrypts the values and the MAC key, unless that is under RSA.
	keySpec := macSpec
	if keySpec.isRSA() {
		keySpec = spec
	}
	if !keySpec.isRSA() {
		if c.key, err = p.contentKey(keySpec); err != nil {
			return err
		}
	}
	if newMAC != nil {
		macKey, err := p.macKeyOf(macSpec)
		if err != nil {
			return err
		}
		c.mac = hmac.New(newMAC, macKey)
		if e.macKeySeen {
			p.announced(macKey)
			clear(macKey)
		}
	}
	c.ready = true
	return nil
}

// fatal is a fault whatever the scope.
func (p *parser) fatal(kind error, format string, args ...any) error {
	return p.s.fail(kind, format, args...)
}

// macMethodOf gives the hash of the file's MAC, or nil if there is none.
func (p *parser) macMethodOf() (func() hash.Hash, error) {
	e := &p.enc
	if !e.macSeen {
		return nil, nil
	}
	newMAC, known := hmacs[wordOf(e.macURI)]
	switch {
	case !known:
		return nil, p.fatal(ErrUnsupported, "the MAC algorithm %s", quote(e.macURI))
	case e.macKeyRef:
		return nil, p.fatal(ErrUnsupported, "a MAC key kept elsewhere (MACKeyReference)")
	}
	return newMAC, nil
}

// macKeyOf gives the MAC key: what MACKey holds, else the key of the values,
// as older drafts and some manufacturers have it.
func (p *parser) macKeyOf(spec cipherSpec) ([]byte, error) {
	e := &p.enc
	if !e.macKeySeen {
		if p.cry.key == nil {
			return nil, p.fatal(ErrUnsupported, "a MACMethod without a MACKey in a file encrypted with RSA")
		}
		return p.cry.key, nil
	}
	if spec.isRSA() {
		if err := p.needPrivateKey(); err != nil {
			return nil, err
		}
		if _, unknown := e.macKey.rsa.oaepOptions(spec); unknown != "" {
			return nil, p.fatal(ErrUnsupported, "the MAC key: %s", unknown)
		}
		if spec.mode == rsa15 {
			return unwrapRSA15MAC(p.opt.PrivateKey, e.macKey.cipher), nil
		}
	} else if !spec.takes(len(p.cry.key)) {
		return nil, p.fatal(ErrMalformed, "the MAC key is encrypted with %s under a key of %d bits", spec.name,
			len(p.cry.key)*8)
	}
	if err := p.checkIV(spec); err != nil {
		return nil, err
	}
	if spec.mode == cbc && len(e.macKey.cipher)%p.cry.blockOf(spec).BlockSize() != 0 {
		return nil, p.fatal(ErrMalformed, "the encrypted MAC key is not a whole number of blocks")
	}
	macKey, ok := p.open(spec, &e.macKey, true)
	if !ok || len(macKey) == 0 {
		// Nothing tells whether the padding of the MAC key held, not even a file
		// without a value to be verified: what stands in for it verifies none.
		return reject(e.macKey.cipher, macKeyLength), nil
	}
	return macKey, nil
}

// contentKey gives the key of the values: one that the file holds in an
// EncryptedKey, else the one that the caller brought.
func (p *parser) contentKey(spec cipherSpec) ([]byte, error) {
	e := &p.enc
	if !e.wrappedSeen {
		if e.recipient != "" {
			return nil, p.fatal(ErrUnsupported, "the file is encrypted %s, but with %s and without its key "+
				"(EncryptedKey)", e.recipient, spec.name)
		}
		return p.callerKey(spec)
	}
	uri := p.cipherURI(&e.wrapped)
	wrap, known := ciphers[wordOf(uri)]
	if !known {
		return nil, p.fatal(ErrUnsupported, "the encrypted key (EncryptedKey): %s", unread(uri))
	}
	var key []byte
	switch wrap.mode {
	case cbc:
		return nil, p.fatal(ErrUnsupported, "the encrypted key (EncryptedKey): encrypted with %s, which does "+
			"not protect it", wrap.name)
	case keyWrap:
		kek, err := p.callerKey(wrap)
		if err != nil {
			return nil, err
		}
		defer clear(kek)
		block, err := aes.NewCipher(kek)
		if err != nil {
			return nil, p.fatal(ErrKeyLength, "")
		}
		key, _ = unwrap(block, e.wrapped.cipher, wrap.padded)
	default:
		if err := p.needPrivateKey(); err != nil {
			return nil, err
		}
		opt, unknown := e.wrapped.rsa.oaepOptions(wrap)
		if unknown != "" {
			return nil, p.fatal(ErrUnsupported, "the encrypted key (EncryptedKey): %s", unknown)
		}
		if wrap.mode == rsa15 {
			key = unwrapRSA15(p.opt.PrivateKey, e.wrapped.cipher, spec.keyLength)
		} else {
			key, _ = p.opt.PrivateKey.Decrypt(rand.Reader, e.wrapped.cipher, opt)
		}
	}
	if !spec.takes(len(key)) {
		clear(key)
		return nil, &fault{kind: ErrWrongKey}
	}
	return key, nil
}

// needPrivateKey asks for the private key if there is none.
func (p *parser) needPrivateKey() error {
	if p.opt.PrivateKey == nil {
		return p.fatal(ErrKeyNeeded, "a private key (RSA) is needed")
	}
	return nil
}

// callerKey gives the key that the caller brought, or derives it.
func (p *parser) callerKey(spec cipherSpec) ([]byte, error) {
	e := &p.enc
	if !e.derived {
		n := len(p.opt.PreSharedKey)
		switch {
		case n == 0:
			return nil, p.fatal(ErrKeyNeeded, "%s", e.describe())
		case spec.takes(n):
			return append([]byte(nil), p.opt.PreSharedKey...), nil
		}
		return nil, p.fatal(ErrKeyLength, "%s takes %s, %d were given", spec.name, spec.bits(), n*8)
	}
	newPRF, known := prfOf(e.kdf.prf)
	length := e.kdf.keyLength
	if length == 0 {
		length = spec.keyLength
	}
	switch {
	case !known:
		return nil, p.fatal(ErrUnsupported, "the PBKDF2 function (PRF) %s", quote(e.kdf.prf))
	case !spec.takes(length):
		return nil, p.fatal(ErrMalformed, "PBKDF2 is to make %d bits, but %s takes %s", length*8, spec.name,
			spec.bits())
	case len(p.opt.Passphrase) == 0:
		return nil, p.fatal(ErrKeyNeeded, "%s", e.describe())
	}
	key, err := e.kdf.derive(newPRF, p.opt.Passphrase, length)
	if err != nil {
		return nil, p.fatal(ErrUnsupported, "PBKDF2: %v", err)
	}
	return key, nil
}

// bits says which sizes of key the cipher takes.
func (c cipherSpec) bits() string {
	if c.orLength != 0 {
		return fmt.Sprintf("%d or %d bits", c.orLength*8, c.keyLength*8)
	}
	return fmt.Sprintf("%d bits", c.keyLength*8)
}

// blockOf gives the block cipher under the key of the values, which has a
// size that the cipher takes.
func (c *keyring) blockOf(spec cipherSpec) cipher.Block {
	var err error
	if !spec.tripleDES {
		if c.aes == nil {
			c.aes, err = aes.NewCipher(c.key)
		}
		if err != nil {
			panic("pskc: a key of the wrong size")
		}
		return c.aes
	}
	if c.des == nil {
		three := append([]byte(nil), c.key...)
		if len(three) == 16 { // two keys: the first is also the third
			three = append(three, three[:8]...)
		}
		c.des, err = des.NewTripleDESCipher(three)
		clear(three)
	}
	if err != nil {
		panic("pskc: a key of the wrong size")
	}
	return c.des
}
