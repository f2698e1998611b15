package seedfile

import (
	"strings"

	"ostiary/pskc"
)

// DualShield is the seed file of DualShield 5 and later.
const DualShield Format = "dualshield"

var dualShieldFormat = format{
	name:        DualShield,
	description: "Deepnet DualShield seed file, version 5 and later (XML)",
	recognise:   func(h *head) bool { return h.root == "data" && h.child == "header" },
	open:        openDualShield,
}

// dualShield reads data > header, tokens > token.
type dualShield struct {
	*job
	x    *xmlReader
	head header
}

// header is what all tokens of a DualShield file share.
type header struct {
	product Product
	enc     Encoding
	digits  int // 0: not given, as is a period of 0 and an empty hash
	period  uint64
	hash    string
}

func openDualShield(j *job) (parser, error) {
	d := &dualShield{job: j}
	if err := d.start(); err != nil {
		return nil, err
	}
	d.info.Encoding, d.info.EncodingReason = d.head.enc, "as the header of the file says"
	if d.opt.Encoding != "" {
		d.info.EncodingReason = "as asked for"
	}
	return d, nil
}

// rewind cannot fail, as the header was read before.
func (d *dualShield) rewind() { _ = d.start() }

// start reads up to the first token.
func (d *dualShield) start() error {
	d.x = newXMLReader(d.data)
	if err := d.x.root("data"); err != nil {
		return err
	}
	e, err := d.x.enter()
	if err != nil {
		return err
	}
	if e == nil || e.Name.Local != "header" {
		return malformed(d.x.line(), "there is no header before the tokens")
	}
	h, err := d.x.whole(e)
	if err != nil {
		return err
	}
	if d.head, err = d.readHeader(h); err != nil {
		return err
	}
	if e, err = d.x.enter(); err != nil {
		return err
	}
	if e == nil || e.Name.Local != "tokens" {
		return malformed(d.x.line(), "there are no tokens after the header")
	}
	return nil
}

func (d *dualShield) readHeader(e *element) (h header, err error) {
	f, why := e.fields("manufacturerCode", "productCode", "encrypt", "encode", "digits", "timeWindow", "crypto",
		"synchronisation", "syncsize")
	if why != "" {
		return h, malformed(e.line, "the header is not understood: %s", why)
	}
	if s := f["encrypt"]; s != "" && !strings.EqualFold(s, "NONE") {
		return h, &Error{Err: ErrUnreadable, Line: e.line, Text: "the DualShield file is encrypted (" + quote(s) +
			") by a method that is not public",
			Hint: "Ask Deepnet for the seed file without encryption in the file itself, under PGP instead, or for " +
				"PSKC (RFC 6030)."}
	}
	code := ProductCode{f["manufacturerCode"], f["productCode"]}
	if code.Product == "ASDID" {
		return h, &Error{Err: ErrUnreadable, Line: e.line, Text: "the DualShield file lists device identities " +
			"(DeviceID), which are not one-time password tokens"}
	}
	if h.product, err = d.opt.product(code); err != nil {
		return h, err
	}
	var ok bool
	if h.enc = d.opt.Encoding; h.enc == "" {
		if f["encode"] == "" {
			return h, &Error{Err: ErrEncoding, Line: e.line, Text: "the header does not say how secrets are written",
				Hint: sayEncoding}
		}
		if h.enc, ok = parseEncoding(f["encode"]); !ok {
			return h, &Error{Err: ErrUnreadable, Line: e.line, Text: "the header says secrets are written in " +
				quote(f["encode"]) + ", which is not known", Hint: sayEncoding}
		}
	}
	wrong := func(name, why string) (header, error) {
		return h, malformed(e.line, "the element %s of the header %s", name, why)
	}
	if s := f["digits"]; s != "" {
		if h.digits, why = readDigits([]byte(s)); why != "" {
			return wrong("digits", why)
		}
	}
	if s := f["timeWindow"]; s != "" {
		if h.period, why = readPeriod([]byte(s)); why != "" {
			return wrong("timeWindow", why)
		}
	}
	if s := f["crypto"]; s != "" {
		if h.hash, why = readHash([]byte(s)); why != "" {
			return wrong("crypto", why)
		}
	}
	return h, nil
}

func (d *dualShield) next() (entry, error) {
	t, err := d.x.next()
	switch {
	case err != nil:
		return entry{}, err
	case t == nil: // the end of tokens
		return entry{}, d.end()
	}
	return t.entry(verdict(d.read(t))), nil
}

// end makes sure that nothing stands behind the tokens.
func (d *dualShield) end() error {
	for {
		e, err := d.x.enter()
		switch {
		case err != nil:
			return err
		case e != nil:
			return malformed(d.x.line(), "there is an element %s after the tokens", quote(e.Name.Local))
		case d.x.depth == 0:
			return d.x.end()
		}
	}
}

// read gives the key of a token, or says what is wrong.
func (d *dualShield) read(t *element) (*pskc.Key, string) {
	f, why := t.fields("serial", "seed", "description", "deviceId", "deviceModel", "deviceOS", "mailClient")
	k := &pskc.Key{Kind: d.head.product.Kind, Line: t.line, Manufacturer: d.head.product.Manufacturer,
		Model:  d.head.product.Model,
		Serial: f["serial"], FriendlyName: f["description"], Hash: d.head.hash}
	switch {
	case t.name != "token":
		return k, "there is an element " + quote(t.name) + " among the tokens"
	case why != "":
		return k, why
	case f["deviceId"] != "":
		return k, "it is a device identity (DeviceID), not a one-time password token"
	case k.Serial == "":
		return k, "it has no serial number"
	}
	if why := d.setSecret(k, d.head.enc, f["seed"]); why != "" {
		return k, why
	}
	if d.head.digits != 0 {
		d.setDigits(k, d.head.digits)
	}
	if d.head.period != 0 && k.Kind == pskc.TOTP {
		k.Interval, k.HasInterval = d.head.period, true
	}
	d.silent(k, k.Kind, d.head.product.Period)
	return k, ""
}
