package pskc

import (
	"encoding/base64"
)

// The values that the Data of a key may hold.
type valueName int

const (
	secretValue valueName = iota
	counterValue
	timeValue
	intervalValue
	driftValue
	valueCount
)

var valueNames = [valueCount]string{"Secret", "Counter", "Time", "TimeInterval", "TimeDrift"}

// value is one of them as it stands in the file. Its buffers are used again
// for the next key.
type value struct {
	seen      bool
	hasPlain  bool
	hasCipher bool
	hasMAC    bool
	plain     []byte // the text of PlainValue
	cipher    []byte // IV and ciphertext
	mac       []byte
	record    bool // not a value of RFC 6030, and under a MAC of its own
	cipherURI string
	rsa       rsaParams
	bare      bool   // plain is the text of Value, which may be a ciphertext
	keyName   string // of a KeyInfo inside the value, if any
	ownKey    string // what else it says, if anything
}

// resetValues forgets the values of the last key and wipes its plain text.
func (p *parser) resetValues() {
	for i := range p.vals {
		p.vals[i].reset()
	}
	p.rec.reset()
}

func (v *value) reset() {
	clear(v.plain)
	*v = value{plain: v.plain[:0], cipher: v.cipher[:0], mac: v.mac[:0]}
}

// wipeValues also wipes what the scanner gathered last, which may be a secret.
func (p *parser) wipeValues() {
	p.resetValues()
	clear(p.s.text[:cap(p.s.text)])
	clear(p.s.buf)
}

// data reads Data. Drafts have one for each value, with its name.
func (p *parser) data(seen *bool) error {
	var named string
	err := p.attributes("Data", func(name string, v []byte) bool {
		if name != "Name" {
			return false
		}
		named = string(v)
		return true
	})
	if err != nil {
		return err
	}
	if named != "" {
		return p.namedData(named)
	}
	if err := p.once(seen, "Data"); err != nil {
		return err
	}
	return p.children("Data", true, func(n xname) (bool, error) {
		if n.ns != nsPSKC {
			return false, nil
		}
		for i, name := range valueNames {
			if n.local != name {
				continue
			}
			v := &p.vals[i]
			if v.seen {
				return true, p.twice(name)
			}
			v.seen = true
			return true, p.value(v, name)
		}
		return false, nil
	})
}

// value reads one child of Data.
func (p *parser) value(v *value, name string) error {
	if err := p.attributes(name, nil); err != nil {
		return err
	}
	return p.valueContent(v, name)
}

// valueContent reads what stands inside of a value.
func (p *parser) valueContent(v *value, name string) error {
	err := p.children(name, false, func(n xname) (bool, error) {
		if n.ns != nsPSKC {
			return false, nil
		}
		switch n.local {
		case "PlainValue", "Value":
			if v.hasPlain || v.hasCipher {
				return true, p.twoValues(name)
			}
			v.hasPlain = true
			v.bare = n.local == "Value"
			if err := p.attributes(n.local, nil); err != nil {
				return true, err
			}
			b, err := p.leaf(n.local)
			v.plain = append(v.plain, b...)
			return true, err
		case "EncryptedValue":
			if v.hasPlain || v.hasCipher {
				return true, p.twoValues(name)
			}
			v.hasCipher = true
			p.hdr.Encrypted = true
			return true, p.encryptedData(v, n.local)
		case "ValueMAC", "ValueDigest":
			return true, p.valueMAC(v, n.local)
		}
		return false, nil
	})
	if err == nil && !v.hasPlain && !v.hasCipher {
		err = p.refuse(ErrMalformed, "its %s has no value", name)
	}
	if err == nil && v.bare {
		err = p.bareValue(v, name)
	}
	return err
}

func (p *parser) twoValues(name string) error {
	if err := p.refuse(ErrMalformed, "its %s has two values", name); err != nil {
		return err
	}
	return p.skip()
}

// valueMAC reads ValueMAC, or ValueDigest as drafts have it. Some writers put
// it inside EncryptedValue.
func (p *parser) valueMAC(v *value, element string) error {
	if v.hasMAC {
		return p.twice(element)
	}
	v.hasMAC = true
	if err := p.attributes(element, nil); err != nil {
		return err
	}
	return p.base64(&v.mac, element)
}

// encryptedData reads an xenc:EncryptedDataType: EncryptedValue or MACKey.
func (p *parser) encryptedData(v *value, name string) error {
	err := p.attributes(name, func(name string, _ []byte) bool {
		return name == "Id" || name == "Type" || name == "MimeType" || name == "Encoding" || name == "Recipient"
	})
	if err != nil {
		return err
	}
	var method, data, info bool
	err = p.children(name, false, func(n xname) (bool, error) {
		switch {
		case n.is(nsXenc, "EncryptionMethod"):
			if err := p.once(&method, n.local); err != nil {
				return true, err
			}
			return true, p.encryptionMethod(v)
		case n.is(nsXenc, "CipherData"):
			if err := p.once(&data, n.local); err != nil {
				return true, err
			}
			return true, p.cipherData(v)
		case n.is(nsDS, "KeyInfo"):
			if err := p.once(&info, n.local); err != nil {
				return true, err
			}
			if name == "EncryptedKey" {
				return true, p.children(n.local, false, p.keyInfo)
			}
			return true, p.valueKeyInfo(v)
		case name == "EncryptedKey" && n.is(nsXenc, "CarriedKeyName"):
			return true, p.keyName(n.local)
		case name == "EncryptedKey" && n.is(nsXenc, "ReferenceList"):
			return true, p.skip() // there is one key for all here
		case n.is(nsXenc, "EncryptionProperties"):
			return true, p.skip()
		case n.ns == nsPSKC && n.local == "ValueMAC" && name == "EncryptedValue":
			return true, p.valueMAC(v, n.local)
		}
		return false, nil
	})
	switch {
	case err != nil:
		return err
	case p.cipherURI(v) == "":
		return p.refuse(ErrMalformed, "%s without an EncryptionMethod", name)
	case len(v.cipher) == 0:
		return p.refuse(ErrMalformed, "%s without a CipherValue", name)
	}
	if ciphers[wordOf(p.cipherURI(v))].isRSA() {
		p.hdr.NeedsPrivateKey = true
	} else if v.ownKey != "" {
		return p.refuse(ErrUnsupported, "a value under a key of its own (%s)", v.ownKey)
	}
	return nil
}

func (p *parser) cipherData(v *value) error {
	var seen bool
	return p.children("CipherData", false, func(n xname) (bool, error) {
		switch {
		case n.is(nsXenc, "CipherReference"):
			if err := p.refuse(ErrUnsupported, "a ciphertext kept elsewhere (CipherReference)"); err != nil {
				return true, err
			}
			return true, p.skip()
		case !n.is(nsXenc, "CipherValue"):
			return false, nil
		}
		if err := p.once(&seen, n.local); err != nil {
			return true, err
		}
		return true, p.base64(&v.cipher, n.local)
	})
}

// valueKeyInfo reads a KeyInfo inside a value: the name of its key, if it says
// so, or whose RSA key it is for. Anything else means a key of its own.
func (p *parser) valueKeyInfo(v *value) error {
	return p.children("KeyInfo", false, func(n xname) (bool, error) {
		if n.is(nsDS, "KeyName") {
			b, err := p.leaf(n.local)
			if err != nil {
				return true, err
			}
			v.keyName, err = p.field(n.local, b)
			return true, err
		}
		if v.ownKey = n.local; n.is(nsDS, "X509Data") || n.is(nsDS, "KeyValue") {
			return true, p.skip()
		}
		if err := p.refuse(ErrUnsupported, "a value under a key of its own (%s)", clip(n.local)); err != nil {
			return true, err
		}
		return true, p.skip()
	})
}

// base64 reads a leaf element of base64 text into dst.
func (p *parser) base64(dst *[]byte, name string) error {
	b, err := p.leaf(name)
	if err != nil {
		return err
	}
	var ok bool
	if *dst, ok = decodeBase64((*dst)[:0], b); !ok {
		*dst = (*dst)[:0]
		return p.refuse(ErrMalformed, "%s is not base64", name)
	}
	return nil
}

// strictBase64 refuses stray bits at the end, so that no two texts mean the
// same bytes. It skips line breaks by itself, not other white space.
var strictBase64 = base64.StdEncoding.Strict()

// decodeBase64 appends the bytes that text encodes; blanks and line breaks
// between them are skipped. It may overwrite text.
func decodeBase64(dst, text []byte) ([]byte, bool) {
	n := 0
	for _, c := range text {
		if !isSpace(c) {
			text[n] = c
			n++
		}
	}
	start := len(dst)
	dst, err := strictBase64.AppendDecode(dst, text[:n])
	return dst, err == nil && len(dst) >= start
}
