package pskc

import "time"

// device is the KeyPackage being read: what its keys have in common.
type device struct {
	any     bool   // a KeyPackage was met
	element string // KeyPackage, or Device as drafts have it
	line    int
	// refused holds what makes all keys of the package unacceptable.
	refused refusal

	infoSeen, moduleSeen         bool
	manufacturer, serial, model  string
	issueNo, binding, userID, id string
	start, expiry                time.Time
}

// enterPackage begins a KeyPackage.
func (p *parser) enterPackage(element string) error {
	p.pkg = device{any: true, element: element, line: p.s.tagLine}
	p.empty = true
	p.state = inPackage
	if !p.enc.macKeySeen {
		p.sum, p.s.tap = nil, nil // only a MAC key can announce a MAC over the file
	}
	p.scope = &p.pkg.refused
	err := p.attributes(element, nil)
	p.scope = nil
	return err
}

// isKey tells whether a child of a package is a Key, or Secret as drafts have it.
func (p *parser) isKey(n xname) bool {
	return n.ns == nsPSKC && (n.local == "Key" || n.local == "Secret" && p.draft)
}

// packageChild reads one child of KeyPackage, and gives the key if it is one.
func (p *parser) packageChild() (*Key, error) {
	n := p.s.name
	if p.isKey(n) {
		p.empty = false
		return p.key()
	}
	p.scope = &p.pkg.refused
	defer func() { p.scope = nil }()
	switch {
	case n.ns == nsPSKC && (n.local == "DeviceInfo" || n.local == "DeviceId" || n.local == "CryptoModuleInfo"):
		// A key delivered before its device is known would be a key of no
		// device.
		if !p.empty {
			p.scope = nil
			return nil, p.s.fail(ErrMalformed, "%s after a Key", n.local)
		}
		if n.local == "CryptoModuleInfo" {
			return nil, p.cryptoModule()
		}
		return nil, p.deviceInfo(n.local)
	case n.ns == nsForeign, n.ns == nsPSKC && n.local == "Extensions":
		return nil, p.skip()
	}
	if err := p.unknown(n, p.pkg.element); err != nil {
		return nil, err
	}
	return nil, p.skip()
}

// emptyPackage is the answer to a package without a Key: a device that the
// sender meant to deliver and the receiver would miss.
func (p *parser) emptyPackage() error {
	return &KeyError{
		Serial:       p.pkg.serial,
		Manufacturer: p.pkg.manufacturer,
		Line:         p.pkg.line,
		Reason:       "the " + p.pkg.element + " holds no Key",
		Err:          ErrMalformed,
	}
}

// deviceInfo reads DeviceInfo, which some drafts call DeviceId.
func (p *parser) deviceInfo(element string) error {
	d := &p.pkg
	if err := p.once(&d.infoSeen, element); err != nil {
		return err
	}
	if err := p.attributes(element, nil); err != nil {
		return err
	}
	var manufacturer, serial, model, issueNo, binding, start, expiry, userID bool
	text := func(seen *bool, dst *string, name string) (bool, error) {
		if err := p.once(seen, name); err != nil {
			return true, err
		}
		return true, p.textField(dst, name)
	}
	return p.children(element, true, func(n xname) (bool, error) {
		if n.ns != nsPSKC {
			return false, nil
		}
		switch n.local {
		case "Manufacturer":
			return text(&manufacturer, &d.manufacturer, n.local)
		case "SerialNo":
			return text(&serial, &d.serial, n.local)
		case "Model":
			return text(&model, &d.model, n.local)
		case "IssueNo":
			return text(&issueNo, &d.issueNo, n.local)
		case "DeviceBinding":
			return text(&binding, &d.binding, n.local)
		case "UserId":
			return text(&userID, &d.userID, n.local)
		case "StartDate":
			return true, p.date(&start, &d.start, n.local)
		case "ExpiryDate", "Expiry":
			return true, p.date(&expiry, &d.expiry, n.local)
		}
		return false, nil
	})
}

// cryptoModule reads CryptoModuleInfo.
func (p *parser) cryptoModule() error {
	if err := p.once(&p.pkg.moduleSeen, "CryptoModuleInfo"); err != nil {
		return err
	}
	if err := p.attributes("CryptoModuleInfo", nil); err != nil {
		return err
	}
	var id bool
	return p.children("CryptoModuleInfo", true, func(n xname) (bool, error) {
		if n.ns != nsPSKC || n.local != "Id" {
			return false, nil
		}
		if err := p.once(&id, "Id"); err != nil {
			return true, err
		}
		return true, p.textField(&p.pkg.id, "Id")
	})
}

// localDateTime is an xs:dateTime without a time zone.
const localDateTime = "2006-01-02T15:04:05"

// maxDate is longer than any date: it bounds what is handed to package time.
const maxDate = 40

// hasDate tells whether a time is in the years that an xs:dateTime can have.
func hasDate(t time.Time) bool { y := t.UTC().Year(); return y >= 1 && y <= 9999 }

// date reads an xs:dateTime. Without a time zone it is taken as UTC, so that
// the same file means the same wherever it is read.
func (p *parser) date(seen *bool, dst *time.Time, name string) error {
	if err := p.once(seen, name); err != nil {
		return err
	}
	if err := p.attributes(name, nil); err != nil {
		return err
	}
	b, err := p.leaf(name)
	if err != nil {
		return err
	}
	if len(b) <= maxDate {
		for _, layout := range []string{time.RFC3339, localDateTime} {
			if t, err := time.Parse(layout, string(b)); err == nil && hasDate(t) {
				*dst = t.UTC()
				return nil
			}
		}
		if t, ok := slashDate(string(b)); ok && p.draft {
			*dst = t
			return nil
		}
	}
	return p.refuse(ErrMalformed, "%s is not a date and time", name)
}

// slashDate reads a date such as 12/31/2008, as the first drafts write it:
// month first, unless that can only be a day. It is the beginning of that day.
func slashDate(s string) (time.Time, bool) {
	for _, layout := range []string{"1/2/2006", "2/1/2006"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// latest and earliest combine dates of which the zero one means none.
func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
