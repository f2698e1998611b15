package activation

import "ostiary/internal/codec/cbor"

// Confirmation proves that the device has the secret.
type Confirmation struct {
	OTP Secret // 6 to 10 digits of the confirming application
	// Next is the one-time password after OTP: exactly where S was sent again and
	// the confirming application counts events.
	Next Secret
	// Derivation is the derivation code, exactly with device binding.
	Derivation Secret
}

func validOTP(code Secret) bool { return 6 <= len(code) && len(code) <= 10 && digits(string(code)) }

// encode writes the message of a confirmation.
func (c Confirmation) encode(locator string) ([]byte, error) {
	n, derivation := 3, ""
	if len(c.Derivation) != 0 {
		var err error
		if derivation, err = readDerivationCode(string(c.Derivation)); err != nil {
			return nil, err
		}
		n++
	}
	if len(c.Next) != 0 {
		n++
	}
	if !validOTP(c.OTP) || len(c.Next) != 0 && !validOTP(c.Next) {
		return nil, ErrOTP
	}
	b := cbor.AppendMap(nil, n)
	b = cbor.AppendUint(cbor.AppendUint(b, 0), version1)
	b = cbor.AppendText(cbor.AppendUint(b, 1), locator)
	b = cbor.AppendText(cbor.AppendUint(b, 2), string(c.OTP))
	if derivation != "" {
		b = cbor.AppendText(cbor.AppendUint(b, 3), derivation)
	}
	if len(c.Next) != 0 {
		b = cbor.AppendText(cbor.AppendUint(b, 4), string(c.Next))
	}
	return b, nil
}

// parseConfirmation reads the message of a confirmation.
func parseConfirmation(message []byte) (c Confirmation, locator string, err error) {
	d := cbor.NewDecoder(message)
	d.Map()
	readVersion(d)
	locator = readLocator(d)
	d.Key(2)
	c.OTP = Secret(d.Text())
	if d.Err() == nil && !validOTP(c.OTP) {
		d.Fail(&detail{ErrMessage, "one-time password"})
	}
	if d.Optional(3) {
		text := d.Text()
		if code, err := readDerivationCode(text); err != nil || code != text {
			d.Fail(&detail{ErrMessage, "derivation code"})
		}
		c.Derivation = Secret(text)
	}
	if d.Optional(4) {
		if c.Next = Secret(d.Text()); !validOTP(c.Next) {
			d.Fail(&detail{ErrMessage, "one-time password"})
		}
	}
	d.Close()
	if err := d.End(); err != nil {
		return Confirmation{}, "", refusal(ErrMessage, err)
	}
	return c, locator, nil
}

// Result is the server's word on a confirmation.
type Result struct {
	Accepted  bool
	TriesLeft int // 0 to 99; 0 if accepted, or if the offer has ended
}

const maxTries = 99

// encode writes the message of an answer to a confirmation. Tries are told exactly
// where it is not accepted.
func (r Result) encode() ([]byte, error) {
	n := 2
	if !r.Accepted {
		n++
	}
	b := cbor.AppendMap(nil, n)
	b = cbor.AppendUint(cbor.AppendUint(b, 0), version1)
	b = appendFlag(b, 1, r.Accepted)
	if r.Accepted {
		return b, nil
	}
	if r.TriesLeft < 0 || maxTries < r.TriesLeft {
		return nil, &detail{ErrMessage, "0 to 99 tries left"}
	}
	return appendInt(b, 2, r.TriesLeft), nil
}

func parseResult(message []byte) (r Result, err error) {
	d := cbor.NewDecoder(message)
	d.Map()
	readVersion(d)
	r.Accepted = readFlag(d, 1)
	if !r.Accepted {
		if r.TriesLeft = readInt(d, 2); r.TriesLeft > maxTries {
			d.Fail(&detail{ErrMessage, "tries left"})
		}
	}
	d.Close()
	if err := d.End(); err != nil {
		return Result{}, refusal(ErrMessage, err)
	}
	return r, nil
}
