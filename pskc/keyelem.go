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
	why := d.refused
	p.scope = &why
	defer func() { p.scope = nil }()
	p.resetValues()

	err := p.keyElement(k)
	for _, step := range []func(*Key) error{p.openValues, p.settle} {
		if err == nil && why.text == "" {
			err = step(k)
		}
	}
	if err != nil {
		return nil, err
	}
	if why.text != "" {
		clear(k.Secret)
		return nil, &KeyError{
			ID: k.ID, Serial: k.Serial, Manufacturer: k.Manufacturer,
			Line: line, Reason: why.text, Err: why.kind,
		}
	}
	return k, nil
}

// keyElement reads the Key element itself.
func (p *parser) keyElement(k *Key) error {
	if err := p.keyAttributes(k); err != nil {
		return err
	}
	var issuer, params, profile, reference, data, user, policy bool
	var start, expiry time.Time
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
			if err := p.once(&data, n.local); err != nil {
				return true, err
			}
			return true, p.data()
		case "Policy":
			if err := p.once(&policy, n.local); err != nil {
				return true, err
			}
			return true, p.policy(k, &start, &expiry)
		}
		return false, nil
	})
	k.NotBefore = latest(p.pkg.start, start)
	k.NotAfter = earliest(p.pkg.expiry, expiry)
	return err
}

func (p *parser) keyAttributes(k *Key) error {
	var bad error
	err := p.attributes("Key", func(name string, v []byte) bool {
		var err error
		switch name {
		case "Id":
			k.ID, err = p.field("the Id of the Key", v)
		case "Algorithm":
			k.Algorithm, err = p.field("the Algorithm of the Key", v)
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
	if err := p.attributes("AlgorithmParameters", nil); err != nil {
		return err
	}
	var suite bool
	return p.children("AlgorithmParameters", true, func(n xname) (bool, error) {
		if n.ns != nsPSKC {
			return false, nil
		}
		switch n.local {
		case "Suite":
			if err := p.once(&suite, n.local); err != nil {
				return true, err
			}
			return true, p.textField(&k.Suite, n.local)
		case "ResponseFormat":
			if err := p.once(&k.HasResponse, n.local); err != nil {
				return true, err
			}
			return true, p.responseFormat(&k.Response)
		case "ChallengeFormat":
			if err := p.once(&k.HasChallenge, n.local); err != nil {
				return true, err
			}
			return true, p.challengeFormat(&k.Challenge)
		}
		return false, nil
	})
}

func (p *parser) responseFormat(f *ResponseFormat) error {
	err := p.formatAttributes("ResponseFormat", func(name string, v []byte) (bool, error) {
		var err error
		switch name {
		case "Encoding":
			f.Encoding, err = p.word(name, v, encodings)
		case "Length":
			err = p.number(name, v, &f.Length)
		case "CheckDigits":
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
		case "Encoding":
			f.Encoding, err = p.word(name, v, encodings)
		case "Min":
			err = p.number(name, v, &f.Min)
		case "Max":
			err = p.number(name, v, &f.Max)
		case "CheckDigits":
			err = p.boolean(name, v, &f.CheckDigits)
		default:
			return false, nil
		}
		return true, err
	})
}

// formatAttributes reads an element that is all attributes.
func (p *parser) formatAttributes(element string, known func(string, []byte) (bool, error)) error {
	var bad error
	err := p.attributes(element, func(name string, v []byte) bool {
		ok, err := known(name, v)
		if bad == nil {
			bad = err
		}
		return ok
	})
	if err == nil {
		err = bad
	}
	if err != nil {
		return err
	}
	return p.children(element, true, func(xname) (bool, error) { return false, nil })
}
