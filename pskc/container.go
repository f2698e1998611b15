package pskc

import (
	"errors"
	"fmt"
	"strings"
)

// root reads to the start tag of the KeyContainer. Whatever goes wrong before
// it means that this is no PSKC file.
func (p *parser) root() error {
	ev, err := p.s.next()
	if f, ok := errors.AsType[*fault](err); ok && f.kind == ErrMalformed {
		return &fault{kind: ErrNotPSKC, line: f.line, text: f.text}
	}
	if err != nil {
		return err
	}
	n := p.s.name
	switch {
	case ev != evStart:
		return p.s.fail(ErrNotPSKC, "it is empty")
	case strings.EqualFold(n.local, "html"):
		return p.s.fail(ErrNotPSKC, "it is an HTML page")
	}
	draft, ok := isContainer(n)
	if !ok {
		return p.s.fail(ErrNotPSKC, "the outermost element is %s of namespace %s", quote(n.local), quote(n.space))
	}
	p.draft, p.hdr.Namespace = draft, n.space
	p.s.settle(n.space)
	// Figure 8 of RFC 6030 itself writes "id".
	err = p.attributes(n.local, func(name string, v []byte) bool {
		switch name {
		case "Version", "version":
			if p.hdr.Version != "" {
				return false // one spelling, not both
			}
			p.hdr.Version = clip(string(v))
		case "Id", "ID", "id":
			p.hdr.ID = clip(string(v))
		default:
			return false
		}
		return true
	})
	if err != nil {
		return err
	}
	// RFC 6030 section 4.1: a major version that is not known must not be
	// read. Some files have no Version at all.
	if v := p.hdr.Version; v != "" && v != "1" && !strings.HasPrefix(v, "1.") {
		return p.s.fail(ErrUnsupported, "PSKC version %s", quote(v))
	}
	return nil
}

// containerChild reads one child of KeyContainer, or enters it if it is a
// KeyPackage.
func (p *parser) containerChild() error {
	n := p.s.name
	switch {
	case isPackage(n):
		return p.enterPackage(n.local)
	case isSignature(n):
		p.hdr.SignaturePresent = true
		return p.skip()
	case n.ns == nsPSKC && n.local == "Extensions":
		return p.extensions(p.fileMAC)
	case n.ns == nsForeign:
		return p.skip()
	case n.ns != nsPSKC:
		return p.unknown(n, "KeyContainer")
	}
	var read func() error
	switch n.local {
	case "EncryptionKey":
		read = p.encryptionKey
	case "EncryptionMethod":
		read = p.draftEncryption
	case "MACMethod":
		read = p.macMethod
	case "DigestMethod":
		read = p.digestMethod
	case "MACAlgorithm":
		read = p.macAlgorithm
	case "KeyProperties":
		return p.s.fail(ErrUnsupported, "properties kept apart from the keys (KeyProperties), as in drafts older "+
			"than RFC 6030")
	default:
		return p.unknown(n, "KeyContainer")
	}
	// After the first key these would change the meaning of what was already
	// delivered.
	if p.pkg.any {
		return p.s.fail(ErrMalformed, "%s after a %s", n.local, p.pkg.element)
	}
	return read()
}

// isPackage tells whether a child of the container is a KeyPackage, or Device as
// drafts have it.
func isPackage(n xname) bool {
	return n.ns == nsPSKC && (n.local == "KeyPackage" || n.local == "Device")
}

func isSignature(n xname) bool { return n.is(nsDS, "Signature") }

// encryption is what the container says of how values are protected.
type encryption struct {
	keySeen   bool
	plain     bool   // an EncryptionMethod of a draft says that nothing is encrypted
	cipherURI string // of values that name none
	iv        []byte // for all values, nil if each brings its own
	names     []string
	recipient string // whose RSA key the values or the EncryptedKey are for, if any
	unread    string // what the key is that is not read, if so
	derived   bool
	kdf       derivation

	infoSeen, methodSeen, wrappedSeen bool

	wrapped value // EncryptedKey: the key of the values

	macSeen    bool
	macURI     string
	macKeySeen bool
	macKeyRef  bool
	macKey     value
}

// maxKeyNames bounds the names of one encryption key.
const maxKeyNames = 16

// encryptionKey reads EncryptionKey, a ds:KeyInfo.
func (p *parser) encryptionKey() error {
	if err := p.once(&p.enc.infoSeen, "EncryptionKey"); err != nil {
		return err
	}
	p.enc.keySeen, p.enc.plain, p.hdr.Encrypted = true, false, true
	if err := p.attributes("EncryptionKey", isID); err != nil {
		return err
	}
	return p.children("EncryptionKey", false, func(n xname) (bool, error) {
		switch {
		case n.is(nsXenc11, "DerivedKey"):
			return true, p.derivedKey()
		case n.is(nsXenc, "EncryptedKey"):
			if err := p.once(&p.enc.wrappedSeen, n.local); err != nil {
				return true, err
			}
			return true, p.encryptedData(&p.enc.wrapped, n.local)
		case n.is(nsPSKC, "IV"):
			return true, p.iv()
		}
		return p.keyInfo(n)
	})
}

// keyInfo reads one child of a ds:KeyInfo that tells whose key is used.
func (p *parser) keyInfo(n xname) (bool, error) {
	switch {
	case n.is(nsDS, "KeyName"):
		return true, p.keyName("KeyName")
	case n.is(nsDS, "X509Data"):
		p.enc.recipient = "for a certificate (X509Data)"
	case n.is(nsDS, "KeyValue"):
		p.enc.recipient = "for a public key (KeyValue)"
	case (n.ns == nsDS || n.ns == nsXenc) && unreadKeys[n.local] != "":
		p.enc.unread = unreadKeys[n.local]
	default:
		return false, nil
	}
	return true, p.skip()
}

// unreadKeys names the kinds of encryption keys that are not read.
var unreadKeys = map[string]string{
	"PGPData":         "for a PGP key (PGPData)",
	"SPKIData":        "for a public key (SPKIData)",
	"RetrievalMethod": "under a key kept elsewhere (RetrievalMethod)",
	"MgmtData":        "under a key described in MgmtData",
	"EncryptedKey":    "under a key that is itself encrypted, twice over (EncryptedKey)",
	"AgreementMethod": "under an agreed key (AgreementMethod)",
}

func isID(name string, _ []byte) bool { return name == "Id" }

// keyName reads a name of the encryption key.
func (p *parser) keyName(element string) error {
	b, err := p.leaf(element)
	if err != nil {
		return err
	}
	name, err := p.field(element, b)
	if err != nil || name == "" {
		return err
	}
	if len(p.enc.names) == maxKeyNames {
		return p.refuse(ErrLimit, "the encryption key has more than %d names", maxKeyNames)
	}
	if len(p.enc.names) == 0 {
		p.hdr.KeyName = name
	}
	p.enc.names = append(p.enc.names, name)
	return nil
}

// macMethod reads MACMethod.
func (p *parser) macMethod() error {
	e := &p.enc
	if err := p.once(&e.macSeen, "MACMethod"); err != nil {
		return err
	}
	err := p.attributes("MACMethod", func(name string, v []byte) bool {
		if name != "Algorithm" {
			return false
		}
		e.macURI = string(v)
		return true
	})
	if err != nil {
		return err
	}
	p.hdr.MAC = clip(e.macURI)
	err = p.children("MACMethod", true, func(n xname) (bool, error) {
		switch {
		case n.ns == nsPSKC && n.local == "MACKey":
			if err := p.once(&e.macKeySeen, "MACKey"); err != nil {
				return true, err
			}
			err := p.encryptedData(&e.macKey, "MACKey")
			p.hdr.Cipher = clip(p.cipherURI(&e.macKey))
			return true, err
		case n.ns == nsPSKC && n.local == "MACKeyReference":
			e.macKeyRef = true
			return true, p.skip()
		}
		return false, nil
	})
	if err == nil && e.macURI == "" {
		// python-pskc writes a MACKey without an Algorithm where key wrap needs
		// no MAC. That declares none.
		if !e.macKeySeen {
			return p.s.fail(ErrMalformed, "MACMethod without an Algorithm")
		}
		e.macSeen, e.macKeySeen = false, false
	}
	return err
}

// describe tells which key the file asks for.
func (e *encryption) describe() string {
	what := "a pre-shared key"
	if e.derived {
		what = "a passphrase"
	}
	if len(e.names) > 0 {
		return fmt.Sprintf("%s named %s is needed", what, quote(e.names[0]))
	}
	return what + " is needed"
}
