package pskc

import (
	"slices"
	"strings"
)

// What only drafts older than RFC 6030 have. Its elements are taken in every
// namespace: one draft already uses that of the RFC.

// passphraseCiphers by the name that an EncryptionMethod of a draft has for
// "this cipher, under a key from a passphrase".
var passphraseCiphers = map[string]string{
	"pbe-3des112-cbc": "3des112-cbc",
	"pbe-3des168-cbc": "3des168-cbc",
	"pbe-aes128-cbc":  "aes128-cbc",
	"pbe-aes192-cbc":  "aes192-cbc",
	"pbe-aes256-cbc":  "aes256-cbc",
}

// noAlgorithm is the name that drafts have for no algorithm.
const noAlgorithm = "none"

// draftEncryption reads EncryptionMethod of a container: the cipher of all
// values, and which key it takes. The names that begin with "PBE" derive it by
// PBKDF2 with HMAC-SHA1.
func (p *parser) draftEncryption() error {
	e := &p.enc
	if err := p.once(&e.methodSeen, "EncryptionMethod"); err != nil {
		return err
	}
	uri := p.algorithm()
	word := wordOf(uri)
	if cipher, ok := passphraseCiphers[word]; ok && e.derived {
		return p.s.fail(ErrMalformed, "two derivations of the key")
	} else if ok {
		e.derived, e.kdf.algorithm, uri = true, uri, cipher
		p.hdr.NeedsPassphrase, p.hdr.Derivation = true, clip(e.kdf.algorithm)
	}
	switch {
	case uri == "":
		return p.s.fail(ErrMalformed, "EncryptionMethod without an Algorithm")
	case word == noAlgorithm:
		e.plain = !e.keySeen
	case e.cipherURI != "" && e.cipherURI != uri:
		return p.s.fail(ErrMalformed, "two ciphers of the file, %s and %s", quote(e.cipherURI), quote(uri))
	default:
		e.keySeen, e.cipherURI = true, uri
		p.hdr.Encrypted, p.hdr.Cipher = true, clip(uri)
		if ciphers[wordOf(uri)].isRSA() {
			p.hdr.NeedsPrivateKey = true
		}
	}
	var salt, iterations bool
	pbe := e.derived && e.kdf.algorithm != "" && !e.kdf.paramsSeen
	err := p.children("EncryptionMethod", false, func(n xname) (bool, error) {
		switch {
		case n.is(nsPSKC, "IV"):
			return true, p.iv()
		case n.is(nsPSKC, "EncKeyLabel"):
			return true, p.keyName(n.local)
		case n.is(nsDS, "KeyInfo"):
			return true, p.children(n.local, false, p.keyInfo)
		case n.is(nsPSKC, "PBESalt") && pbe:
			if err := p.once(&salt, n.local); err != nil {
				return true, err
			}
			return true, p.saltBytes(n.local)
		case n.is(nsPSKC, "PBEIterationCount") && pbe:
			if err := p.once(&iterations, n.local); err != nil {
				return true, err
			}
			return true, p.iterations(n.local)
		}
		return p.keyInfo(n)
	})
	if err == nil && pbe {
		e.kdf.paramsSeen = true
		if !salt || !iterations {
			return p.s.fail(ErrMalformed, "%s without PBESalt or PBEIterationCount", clip(e.kdf.algorithm))
		}
	}
	return err
}

// iv reads the IV of the file.
func (p *parser) iv() error {
	if p.enc.iv != nil {
		return p.s.fail(ErrMalformed, "element IV twice")
	}
	if err := p.base64(&p.enc.iv, "IV"); err != nil {
		return err
	}
	if len(p.enc.iv) == 0 {
		return p.s.fail(ErrMalformed, "the IV of the file is empty")
	}
	return nil
}

// digestMethod reads DigestMethod: the MAC of a draft, whose key is that of
// the values.
func (p *parser) digestMethod() error {
	uri := p.algorithm()
	err := p.attributes("DigestMethod", func(name string, _ []byte) bool {
		return name == "Algorithm" ||
			name == "algorithm"
	})
	if err != nil {
		return err
	}
	if err := p.draftMAC("DigestMethod", uri); err != nil {
		return err
	}
	return p.children("DigestMethod", false, func(xname) (bool, error) { return false, nil })
}

// macAlgorithm reads MACAlgorithm, which says the same in its text.
func (p *parser) macAlgorithm() error {
	if err := p.attributes("MACAlgorithm", nil); err != nil {
		return err
	}
	b, err := p.leaf("MACAlgorithm")
	if err != nil {
		return err
	}
	return p.draftMAC("MACAlgorithm", string(b))
}

func (p *parser) draftMAC(element, uri string) error {
	e := &p.enc
	switch {
	case e.macSeen:
		return p.s.fail(ErrMalformed, "%s besides another MAC", element)
	case uri == "":
		return p.s.fail(ErrMalformed, "%s without an Algorithm", element)
	case strings.EqualFold(uri, noAlgorithm):
		return nil
	}
	e.macSeen, e.macURI = true, uri
	p.hdr.MAC = clip(uri)
	return nil
}

// draftValues are the names of Data in drafts, in capitals and without "_".
var draftValues = map[string]valueName{
	"SECRET": secretValue, "COUNTER": counterValue, "TIME": timeValue,
	"TIMEINTERVAL": intervalValue, "TIMEDRIFT": driftValue,
}

// namedData reads a Data that is one value.
func (p *parser) namedData(name string) error {
	i, ok := draftValues[strings.ReplaceAll(strings.ToUpper(name), "_", "")]
	if !ok {
		if err := p.refuse(ErrUnsupported, "it has Data of the unknown name %s", quote(name)); err != nil {
			return err
		}
		return p.skip()
	}
	v := &p.vals[i]
	if v.seen {
		return p.twice("Data " + valueNames[i])
	}
	v.seen = true
	return p.valueContent(v, valueNames[i])
}

// bareValue decides what the text of Value is: a ciphertext if the file is
// encrypted, save for a number without a digest, which some writers leave in
// plain. A secret is never taken for plain because its digest is gone.
func (p *parser) bareValue(v *value, name string) error {
	if !p.enc.keySeen || name != valueNames[secretValue] && !v.hasMAC {
		return nil
	}
	var ok bool
	if v.cipher, ok = decodeBase64(v.cipher[:0], v.plain); !ok {
		return p.refuse(ErrMalformed, "its %s is not base64", name)
	}
	v.plain = v.plain[:0]
	v.hasPlain, v.hasCipher = false, true
	if len(v.cipher) == 0 {
		return p.refuse(ErrMalformed, "its %s has no value", name)
	}
	return nil
}

// draftInteger gives the bytes of a plain number in base64, which drafts have where
// RFC 6030 has decimal text: a big-endian word of 8 bytes, or decimal text. Any other
// text of such letters, above all a hexadecimal number, is none.
func (p *parser) draftInteger(v *value) ([]byte, bool) {
	if !p.draft && !v.bare {
		return nil, false
	}
	b, ok := decodeBase64(nil, v.plain)
	if !ok {
		return nil, false
	}
	_, _, digits := parseDecimal(b)
	return b, digits || len(b) == longBytes
}

// usages are the attributes of Usage, each true or false.
var usages = []string{"OTP", "CR", "Integrity", "Encrypt", "Unlock"}

// usage reads Usage: what AlgorithmParameters and KeyUsage are in RFC 6030.
func (p *parser) usage(k *Key) error {
	err := p.formatAttribute("Usage", func(name string, v []byte) (bool, error) {
		if !slices.Contains(usages, name) {
			return false, nil
		}
		var on bool
		err := p.boolean(name, []byte(strings.ToLower(string(v))), &on)
		if on && !slices.Contains(k.Policy.KeyUsage, name) {
			k.Policy.KeyUsage = append(k.Policy.KeyUsage, name)
		}
		return true, err
	})
	if err != nil {
		return err
	}
	return p.children("Usage", true, func(n xname) (bool, error) { return p.formats(k, n) })
}
