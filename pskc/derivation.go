package pskc

import (
	"crypto/pbkdf2"
	"hash"
	"strconv"
)

// derivation is a DerivedKey: PBKDF2 and its parameters.
type derivation struct {
	algorithm  string
	paramsSeen bool
	salt       []byte
	iterations int
	keyLength  int // 0 if not given
	prf        string
}

// derivedKey reads xenc11:DerivedKey.
func (p *parser) derivedKey() error {
	if err := p.once(&p.enc.derived, "DerivedKey"); err != nil {
		return err
	}
	p.hdr.NeedsPassphrase = true
	return p.children("DerivedKey", false, func(n xname) (bool, error) {
		switch {
		case n.is(nsXenc11, "KeyDerivationMethod"):
			return true, p.derivationMethod()
		case n.is(nsXenc11, "MasterKeyName"), n.is(nsXenc11, "DerivedKeyName"),
			n.is(nsXenc11, "CarriedKeyName"), n.is(nsXenc, "CarriedKeyName"):
			return true, p.keyName(n.local)
		case n.is(nsXenc, "ReferenceList"):
			// Which values the key is for. There is one key for all here.
			return true, p.skip()
		}
		return p.encryptionScheme(n, &p.enc.cipherURI)
	})
}

// derivationMethod reads KeyDerivationMethod.
func (p *parser) derivationMethod() error {
	d := &p.enc.kdf
	if d.algorithm != "" {
		return p.s.fail(ErrMalformed, "element KeyDerivationMethod twice")
	}
	if d.algorithm = p.algorithm(); d.algorithm == "" {
		return p.s.fail(ErrMalformed, "KeyDerivationMethod without an Algorithm")
	}
	p.hdr.Derivation = clip(d.algorithm)
	if wordOf(d.algorithm) != "pbkdf2" {
		return p.s.fail(ErrUnsupported, "the key is derived by %s: only PBKDF2 is read", quote(d.algorithm))
	}
	return p.children("KeyDerivationMethod", false, func(n xname) (bool, error) {
		if !isParams(n) || n.local != "PBKDF2-params" {
			return p.encryptionScheme(n, &p.enc.cipherURI)
		}
		if err := p.once(&d.paramsSeen, "PBKDF2-params"); err != nil {
			return true, err
		}
		return true, p.pbkdf2Params()
	})
}

// isParams tells whether an element may be a PBKDF2 parameter. Writers put
// them into XML encryption 1.1, into PKCS #5, into no namespace (as in figure
// 7 of RFC 6030) or, through a default namespace, into PSKC.
func isParams(n xname) bool {
	return n.ns == nsXenc11 || n.ns == nsPKCS5 || n.ns == nsNone || n.ns == nsPSKC
}

// pbkdf2Params reads PBKDF2-params.
func (p *parser) pbkdf2Params() error {
	d := &p.enc.kdf
	var salt, iterations, length, prf bool
	err := p.children("PBKDF2-params", false, func(n xname) (bool, error) {
		if !isParams(n) {
			return false, nil
		}
		switch n.local {
		case "Salt":
			if err := p.once(&salt, "Salt"); err != nil {
				return true, err
			}
			return true, p.salt()
		case "IterationCount":
			if err := p.once(&iterations, "IterationCount"); err != nil {
				return true, err
			}
			return true, p.iterations(n.local)
		case "KeyLength":
			if err := p.once(&length, "KeyLength"); err != nil {
				return true, err
			}
			b, err := p.leaf("KeyLength")
			if err != nil {
				return true, err
			}
			if d.keyLength, err = strconv.Atoi(string(b)); err != nil || d.keyLength < 1 {
				return true, p.s.fail(ErrMalformed, "KeyLength is not a positive number")
			}
			return true, nil
		case "PRF":
			if err := p.once(&prf, "PRF"); err != nil {
				return true, err
			}
			return true, p.prf()
		}
		return false, nil
	})
	switch {
	case err != nil:
		return err
	case !salt:
		return p.s.fail(ErrMalformed, "PBKDF2-params without a Salt")
	case !iterations:
		return p.s.fail(ErrMalformed, "PBKDF2-params without an IterationCount")
	}
	return nil
}

// salt reads Salt.
func (p *parser) salt() error {
	var seen bool
	err := p.children("Salt", false, func(n xname) (bool, error) {
		switch {
		case isParams(n) && n.local == "OtherSource":
			return true, p.s.fail(ErrUnsupported, "a PBKDF2 salt from another source (OtherSource)")
		case !isParams(n) || n.local != "Specified":
			return false, nil
		}
		if err := p.once(&seen, "Specified"); err != nil {
			return true, err
		}
		return true, p.saltBytes("Specified")
	})
	if err == nil && !seen {
		err = p.s.fail(ErrMalformed, "the PBKDF2 salt is empty")
	}
	return err
}

// saltBytes reads the salt itself.
func (p *parser) saltBytes(element string) error {
	d := &p.enc.kdf
	b, err := p.leaf(element)
	if err != nil {
		return err
	}
	var ok bool
	d.salt, ok = decodeBase64(nil, b)
	switch {
	case !ok:
		return p.s.fail(ErrMalformed, "the PBKDF2 salt is not base64")
	case len(d.salt) == 0:
		return p.s.fail(ErrMalformed, "the PBKDF2 salt is empty")
	case len(d.salt) > p.opt.Limits.SaltBytes:
		return p.s.fail(ErrLimit, "the PBKDF2 salt is longer than %d bytes", p.opt.Limits.SaltBytes)
	}
	return nil
}

// iterations reads the iteration count. The bound is checked here, before anyone
// could derive a key with it.
func (p *parser) iterations(element string) error {
	b, err := p.leaf(element)
	if err != nil {
		return err
	}
	v, neg, ok := parseDecimal(b)
	switch {
	case !ok || neg || !v.overflow && v.n == 0:
		return p.s.fail(ErrMalformed, "the number of PBKDF2 iterations is not positive")
	case v.overflow || v.n > uint64(p.opt.Limits.Iterations):
		return p.s.fail(ErrLimit, "more than %d PBKDF2 iterations", p.opt.Limits.Iterations)
	}
	p.enc.kdf.iterations = int(v.n)
	p.hdr.Iterations = p.enc.kdf.iterations
	return nil
}

// prf reads PRF. The name is an attribute; one writer puts it into the text.
// An empty PRF means the default.
func (p *parser) prf() error {
	d := &p.enc.kdf
	d.prf = p.algorithm()
	b, err := p.leaf("PRF")
	if err != nil {
		return err
	}
	if len(b) > 0 {
		if d.prf != "" && d.prf != string(b) {
			return p.s.fail(ErrMalformed, "PRF names two functions")
		}
		d.prf = string(b)
	}
	p.hdr.PRF = clip(d.prf)
	return nil
}

// derive runs PBKDF2 for a key of the given length.
func (d *derivation) derive(newHash func() hash.Hash, passphrase []byte, length int) ([]byte, error) {
	return pbkdf2.Key(newHash, string(passphrase), d.salt, d.iterations, length)
}
