package pskc

import "time"

// key reads one Key and gives it, or the KeyError that refuses it.
func (p *parser) key() (*Key, error) {
	line := p.s.tagLine
	if p.keys++; p.keys > p.opt.Limits.Keys {
		return nil, p.s.fail(ErrLimit, "the file holds more than %d keys", p.opt.Limits.Keys)
	}
	d := &p.pkg
	k := &Key{
		Line:         line,
		Manufacturer: d.manufacturer, Serial: d.serial, Model: d.model, IssueNo: d.issueNo,
		DeviceBinding: d.binding, DeviceUserID: d.userID, ModuleID: d.id,
	}
	why := &p.why
	*why = d.refused
	p.scope = why
	defer func() { p.scope = nil }()
	p.resetValues()

	err := p.keyElement(k)
	if err == nil && why.text == "" {
		err = p.openValues(k)
	}
	if err != nil {
		k.Wipe()
		return nil, err
	}
	if why.text == "" {
		*why = k.settle()
	}
	if why.text != "" {
		k.Wipe()
		return nil, &KeyError{
			ID: k.ID, Serial: k.Serial, Manufacturer: k.Manufacturer,
			Line: line, Reason: why.text, Err: why.kind,
		}
	}
	p.hdr.FileMAC = p.cry.proven && p.cry.file != nil
	return k, nil
}

// keyElement reads the Key element itself.
func (p *parser) keyElement(k *Key) error {
	if err := p.keyAttributes(k); err != nil {
		return err
	}
	var issuer, params, profile, reference, data, user, policy bool
	var usage, startSeen, expirySeen bool
	var start, expiry, ownStart, ownExpiry time.Time
	text := func(seen *bool, dst *string, name string) (bool, error) {
		if err := p.once(seen, name); err != nil {
			return true, err
		}
		return true, p.textField(dst, name)
	}
	err := p.children("Key", true, func(n xname) (bool, error) {
		if n.ns != nsPSKC {
			return false, nil
		}
		switch n.local {
		case "Issuer":
			return text(&issuer, &k.Issuer, n.local)
		case "KeyProfileId":
			return text(&profile, &k.ProfileID, n.local)
		case "KeyReference":
			return text(&reference, &k.Reference, n.local)
		case "UserId":
			return text(&user, &k.KeyUserID, n.local)
		case "FriendlyName":
			return true, p.friendlyName(k)
		case "AlgorithmParameters":
			if err := p.once(&params, n.local); err != nil {
				return true, err
			}
			return true, p.algorithmParameters(k)
		case "Data":
			return true, p.data(&data)
		case "Usage":
			if err := p.once(&usage, n.local); err != nil {
				return true, err
			}
			return true, p.usage(k)
		case "StartDate":
			return true, p.date(&startSeen, &ownStart, n.local)
		case "ExpiryDate", "Expiry":
			return true, p.date(&expirySeen, &ownExpiry, n.local)
		case "Policy":
			if err := p.once(&policy, n.local); err != nil {
				return true, err
			}
			return true, p.policy(k, &start, &expiry)
		case "Extensions":
			return true, p.extensions(p.record)
		}
		return false, nil
	})
	k.NotBefore = latest(latest(p.pkg.start, start), ownStart)
	k.NotAfter = earliest(earliest(p.pkg.expiry, expiry), ownExpiry)
	return err
}

func (p *parser) keyAttributes(k *Key) error {
	var bad error
	var id, algorithm bool
	err := p.attributes("Key", func(name string, v []byte) bool {
		var err error
		switch name {
		case "Id", "KeyId", "SecretId":
			if err = p.once(&id, name); err == nil {
				k.ID, err = p.field("the Id of the Key", v)
			}
		case "Algorithm", "KeyAlgorithm", "SecretAlgorithm":
			if err = p.once(&algorithm, name); err == nil {
				k.Algorithm, err = p.field("the Algorithm of the Key", v)
			}
		default:
			return false
		}
		if bad == nil {
			bad = err
		}
		return true
	})
	if err == nil {
		err = bad
	}
	return err
}

// friendlyName keeps the first of several, which differ in xml:lang.
func (p *parser) friendlyName(k *Key) error {
	var name string
	if err := p.textField(&name, "FriendlyName"); err != nil {
		return err
	}
	if k.FriendlyName == "" {
		k.FriendlyName = name
	}
	return nil
}

// algorithmParameters reads AlgorithmParameters.
func (p *parser) algorithmParameters(k *Key) error {
	var suite bool
	if err := p.suiteAttribute(k, &suite, "AlgorithmParameters", "Suite"); err != nil {
		return err
	}
	return p.children("AlgorithmParameters", true, func(n xname) (bool, error) {
		if n.ns != nsPSKC {
			return false, nil
		}
		switch n.local {
		case "Suite":
			if err := p.once(&suite, n.local); err != nil {
				return true, err
			}
			return true, p.suite(k)
		}
		return p.formats(k, n)
	})
}

// suite reads Suite. One server's own export puts the hash into an attribute.
func (p *parser) suite(k *Key) error {
	var attribute bool
	if err := p.suiteAttribute(k, &attribute, "Suite", "hashalgo"); err != nil {
		return err
	}
	b, err := p.leaf("Suite")
	if err != nil || attribute && len(b) == 0 {
		return err
	}
	if attribute {
		return p.refuse(ErrMalformed, "element Suite names two")
	}
	k.Suite, err = p.field("Suite", b)
	return err
}

// suiteAttribute reads the attributes of an element of which one may be the
// suite.
func (p *parser) suiteAttribute(k *Key, seen *bool, element, attribute string) error {
	var bad error
	err := p.attributes(element, func(name string, v []byte) bool {
		if name != attribute {
			return false
		}
		*seen = true
		k.Suite, bad = p.field(name, v)
		return true
	})
	if err == nil {
		err = bad
	}
	return err
}

// formats reads the formats of response and challenge, which stand in
// AlgorithmParameters, or in Usage.
func (p *parser) formats(k *Key, n xname) (bool, error) {
	switch {
	case n.is(nsPSKC, "ResponseFormat"):
		if err := p.once(&k.HasResponse, n.local); err != nil {
			return true, err
		}
		return true, p.responseFormat(&k.Response)
	case n.is(nsPSKC, "ChallengeFormat"):
		if err := p.once(&k.HasChallenge, n.local); err != nil {
			return true, err
		}
		return true, p.challengeFormat(&k.Challenge)
	}
	return false, nil
}

func (p *parser) responseFormat(f *ResponseFormat) error {
	err := p.formatAttributes("ResponseFormat", func(name string, v []byte) (bool, error) {
		var err error
		switch name {
		case "Encoding", "Format", "format":
			f.Encoding, err = p.word(name, v, encodings)
		case "Length", "length":
			err = p.number(name, v, &f.Length)
		case "CheckDigits", "CheckDigit":
			err = p.boolean(name, v, &f.CheckDigits)
		default:
			return false, nil
		}
		return true, err
	})
	return err
}

func (p *parser) challengeFormat(f *ChallengeFormat) error {
	return p.formatAttributes("ChallengeFormat", func(name string, v []byte) (bool, error) {
		var err error
		switch name {
		case "Encoding", "Format", "format":
			f.Encoding, err = p.word(name, v, encodings)
		case "Min", "min":
			err = p.number(name, v, &f.Min)
		case "Max", "max":
			err = p.number(name, v, &f.Max)
		case "CheckDigits", "CheckDigit":
			err = p.boolean(name, v, &f.CheckDigits)
		default:
			return false, nil
		}
		return true, err
	})
}

// formatAttributes reads an element that is all attributes.
func (p *parser) formatAttributes(element string, known func(string, []byte) (bool, error)) error {
	if err := p.formatAttribute(element, known); err != nil {
		return err
	}
	return p.children(element, true, func(xname) (bool, error) { return false, nil })
}

// spellings tells which attributes of a format are the same.
var spellings = map[string]byte{
	"Encoding": 1, "Format": 1, "format": 1,
	"Length": 2, "length": 2,
	"CheckDigits": 4, "CheckDigit": 4,
	"Min": 8, "min": 8,
	"Max": 16, "max": 16,
}

// formatAttribute reads attributes that may be refused one by one.
func (p *parser) formatAttribute(element string, known func(string, []byte) (bool, error)) error {
	var bad error
	var seen byte
	err := p.attributes(element, func(name string, v []byte) bool {
		ok, err := known(name, v)
		// Drafts spell some of them differently; two spellings are one too many.
		bit := spellings[name]
		if err == nil && seen&bit != 0 {
			err = p.refuse(ErrMalformed, "attribute %s twice in %s", quote(name), element)
		}
		seen |= bit
		if bad == nil {
			bad = err
		}
		return ok
	})
	if err == nil {
		err = bad
	}
	return err
}
