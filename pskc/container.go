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
	case n.ns == nsDraft:
		return p.s.fail(ErrUnsupported, "the file is in the namespace %s of a draft older than RFC 6030: not supported yet", quote(n.space))
	case n.ns == nsNone && (n.local == "KeyContainer" || n.local == "SecretContainer"):
		return p.s.fail(ErrUnsupported, "the outermost element %s stands in no namespace, as in drafts older than RFC 6030: not supported yet", n.local)
	case n.ns != nsPSKC || n.local != "KeyContainer":
		return p.s.fail(ErrNotPSKC, "the outermost element is %s of namespace %s", quote(n.local), quote(n.space))
	}
	// Figure 8 of RFC 6030 itself writes "id".
	err = p.attributes("KeyContainer", func(name string, v []byte) bool {
		switch name {
		case "Version":
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
	case n.ns == nsPSKC && n.local == "KeyPackage":
		return p.enterPackage()
	case (n.ns == nsPSKC || n.ns == nsDS) && n.local == "Signature":
		p.hdr.SignaturePresent = true
		return p.skip()
	case n.ns == nsPSKC && n.local == "Extensions", n.ns == nsForeign:
		return p.skip()
	case n.ns == nsPSKC && (n.local == "EncryptionKey" || n.local == "MACMethod"):
		// After the first key these would change the meaning of what was
		// already delivered.
		if p.pkg.any {
			return p.s.fail(ErrMalformed, "%s after a KeyPackage", n.local)
		}
		if n.local == "EncryptionKey" {
			return p.encryptionKey()
		}
		return p.macMethod()
	}
	return p.unknown(n, "KeyContainer")
}

// encryption is what the container says of how values are protected.
type encryption struct {
	keySeen   bool
	names     []string
	recipient string // what other than a name or a derivation the key is, if anything
	derived   bool
	kdf       derivation

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
	if err := p.once(&p.enc.keySeen, "EncryptionKey"); err != nil {
		return err
	}
	p.hdr.Encrypted = true
	if err := p.attributes("EncryptionKey", isID); err != nil {
		return err
	}
	return p.children("EncryptionKey", false, func(n xname) (bool, error) {
		switch {
		case n.ns == nsDS && n.local == "KeyName":
			return true, p.keyName("KeyName")
		case n.ns == nsXenc11 && n.local == "DerivedKey":
			return true, p.derivedKey()
		case n.ns == nsDS && (n.local == "X509Data" || n.local == "KeyValue" || n.local == "PGPData" ||
			n.local == "SPKIData" || n.local == "RetrievalMethod" || n.local == "MgmtData"),
			n.ns == nsXenc && (n.local == "EncryptedKey" || n.local == "AgreementMethod"):
			p.enc.recipient = recipients[n.local]
			return true, p.skip()
		}
		return false, nil
	})
}

// recipients names the kinds of encryption keys that are not read yet.
var recipients = map[string]string{
	"X509Data":        "for a certificate (X509Data)",
	"KeyValue":        "for a public key (KeyValue)",
	"PGPData":         "for a PGP key (PGPData)",
	"SPKIData":        "for a public key (SPKIData)",
	"RetrievalMethod": "under a key kept elsewhere (RetrievalMethod)",
	"MgmtData":        "under a key described in MgmtData",
	"EncryptedKey":    "under a key that is itself encrypted (EncryptedKey)",
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
	if e.macURI == "" {
		return p.s.fail(ErrMalformed, "MACMethod without an Algorithm")
	}
	p.hdr.MAC = clip(e.macURI)
	return p.children("MACMethod", true, func(n xname) (bool, error) {
		switch {
		case n.ns == nsPSKC && n.local == "MACKey":
			if err := p.once(&e.macKeySeen, "MACKey"); err != nil {
				return true, err
			}
			err := p.encryptedData(&e.macKey, "MACKey")
			p.hdr.Cipher = clip(e.macKey.cipherURI)
			return true, err
		case n.ns == nsPSKC && n.local == "MACKeyReference":
			e.macKeyRef = true
			return true, p.skip()
		}
		return false, nil
	})
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
