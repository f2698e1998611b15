package pskc

import (
	"slices"
	"strconv"
	"time"
)

// The words that RFC 6030 section 5 and 4.3.4 define.
var (
	keyUsages = []string{
		"OTP", "CR", "Encrypt", "Integrity", "Verify", "Unlock", "Decrypt",
		"KeyWrap", "Unwrap", "Derive", "Generate",
	}
	pinUsages = []string{"Local", "Prepend", "Append", "Algorithmic"}
	encodings = []string{"DECIMAL", "HEXADECIMAL", "ALPHANUMERIC", "BASE64", "BINARY"}
)

// policy reads Policy. RFC 6030 section 5: who does not understand a part of
// the policy must assume that use of the key is not permitted. So nothing is
// passed over here, not even an extension.
func (p *parser) policy(k *Key, start, expiry *time.Time) error {
	if err := p.attributes("Policy", nil); err != nil {
		return err
	}
	pol := &k.Policy
	var startSeen, expirySeen, transactions bool
	return p.children("Policy", false, func(n xname) (bool, error) {
		if n.ns != nsPSKC {
			return false, nil
		}
		switch n.local {
		case "StartDate":
			return true, p.date(&startSeen, start, n.local)
		case "ExpiryDate":
			return true, p.date(&expirySeen, expiry, n.local)
		case "PINPolicy":
			return true, p.pinPolicy(pol)
		case "KeyUsage":
			return true, p.keyUsage(pol)
		case "NumberOfTransactions":
			if err := p.once(&transactions, n.local); err != nil {
				return true, err
			}
			return true, p.transactions(pol)
		}
		return false, nil
	})
}

func (p *parser) keyUsage(pol *Policy) error {
	var usage string
	if err := p.textField(&usage, "KeyUsage"); err != nil {
		return err
	}
	i := slices.Index(keyUsages, usage)
	if i < 0 {
		return p.refuse(ErrUnsupported, "its policy has the unknown KeyUsage %s", quote(usage))
	}
	if !slices.Contains(pol.KeyUsage, usage) {
		pol.KeyUsage = append(pol.KeyUsage, keyUsages[i])
	}
	return nil
}

func (p *parser) transactions(pol *Policy) error {
	if err := p.attributes("NumberOfTransactions", nil); err != nil {
		return err
	}
	b, err := p.leaf("NumberOfTransactions")
	if err != nil {
		return err
	}
	v, neg, ok := parseDecimal(b)
	if !ok || neg || v.overflow {
		return p.refuse(ErrMalformed, "NumberOfTransactions is not a number of 0 or more")
	}
	pol.Transactions, pol.HasTransactions = v.n, true
	return nil
}

// pinPolicy reads PINPolicy, which is all attributes.
func (p *parser) pinPolicy(pol *Policy) error {
	if pol.PIN != nil {
		return p.twice("PINPolicy")
	}
	pin := &PINPolicy{}
	pol.PIN = pin
	var bad error
	check := func(err error) {
		if bad == nil {
			bad = err
		}
	}
	for _, a := range p.s.attrs {
		if a.name.ns != nsNone {
			check(p.refuse(ErrUnsupported, "its PINPolicy has the unknown attribute %s", quote(a.name.local)))
			continue
		}
		var err error
		switch name := a.name.local; name {
		case "PINKeyId":
			pin.KeyID, err = p.field(name, a.value)
		case "PINUsageMode":
			pin.UsageMode, err = p.word(name, a.value, pinUsages)
		case "PINEncoding":
			pin.Encoding, err = p.word(name, a.value, encodings)
		case "MinLength":
			err = p.number(name, a.value, &pin.MinLength)
		case "MaxLength":
			err = p.number(name, a.value, &pin.MaxLength)
		case "MaxFailedAttempts":
			err = p.number(name, a.value, &pin.MaxFailedAttempts)
		default:
			err = p.refuse(ErrUnsupported, "its PINPolicy has the unknown attribute %s", quote(name))
		}
		check(err)
	}
	if bad != nil {
		return bad
	}
	return p.children("PINPolicy", false, func(xname) (bool, error) { return false, nil })
}

// twice refuses a second element and skips it.
func (p *parser) twice(name string) error {
	if err := p.refuse(ErrMalformed, "element %s twice", name); err != nil {
		return err
	}
	return p.skip()
}

// word is a field that must be one of a list.
func (p *parser) word(name string, b []byte, list []string) (string, error) {
	if i := slices.Index(list, string(b)); i >= 0 {
		return list[i], nil
	}
	return "", p.refuse(ErrUnsupported, "%s is the unknown word %s", name, quote(string(b)))
}

// maxNumber bounds lengths and counts of attempts.
const maxNumber = 1 << 20

// number is an attribute that must be a small number of 0 or more.
func (p *parser) number(name string, b []byte, dst *int) error {
	v, err := strconv.Atoi(string(b))
	if err != nil || v < 0 || v > maxNumber {
		return p.refuse(ErrMalformed, "%s is not a number in its range", name)
	}
	*dst = v
	return nil
}

// boolean is an attribute of type xs:boolean.
func (p *parser) boolean(name string, b []byte, dst *bool) error {
	switch string(b) {
	case "true", "1":
		*dst = true
	case "false", "0":
		*dst = false
	default:
		return p.refuse(ErrMalformed, "%s is not true or false", name)
	}
	return nil
}
