package seedfile

import (
	"errors"
	"io"
	"strings"

	"ostiary/pskc"
)

// dualShield reads the seed file of DualShield 5 and later:
// data > header, tokens > token.
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

func newDualShield(j *job) (*dualShield, error) {
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
		return malformed(d.x.line(), "there are no tokens behind the header")
	}
	return nil
}

func (d *dualShield) readHeader(e *element) (h header, err error) {
	f, why := e.fields("manufacturerCode", "productCode", "encrypt", "encode", "digits", "timeWindow", "crypto", "synchronisation", "syncsize")
	if why != "" {
		return h, malformed(e.line, "the header is not understood: %s", why)
	}
	if s := f["encrypt"]; s != "" && !strings.EqualFold(s, "NONE") {
		return h, &Error{Err: ErrUnreadable, Line: e.line, Text: "the DualShield file is encrypted (" + quote(s) + "), and how is not public",
			Hint: "Ask Deepnet for the seed file without encryption in the file itself, under PGP instead, or for PSKC (RFC 6030)."}
	}
	code := ProductCode{f["manufacturerCode"], f["productCode"]}
	if code.Product == "ASDID" {
		return h, &Error{Err: ErrUnreadable, Line: e.line, Text: "the DualShield file lists device identities (DeviceID), which are no one-time password tokens"}
	}
	if h.product, err = d.opt.product(code); err != nil {
		return h, err
	}
	var ok bool
	if h.enc = d.opt.Encoding; h.enc == "" {
		if f["encode"] == "" {
			return h, &Error{Err: ErrEncoding, Line: e.line, Text: "the header does not say how secrets are written", Hint: sayEncoding}
		}
		if h.enc, ok = parseEncoding(f["encode"]); !ok {
			return h, &Error{Err: ErrUnreadable, Line: e.line, Text: "the header says secrets are written in " + quote(f["encode"]) + ", which is not known", Hint: sayEncoding}
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

func (d *dualShield) next() (*pskc.Key, error) {
	e, err := d.x.enter()
	if err != nil {
		return nil, err
	}
	if e == nil { // the end of tokens
		for e, err = d.x.enter(); err == nil; e, err = d.x.enter() {
			if e != nil {
				return nil, malformed(d.x.line(), "there is an element %s behind the tokens", quote(e.Name.Local))
			}
			if d.x.depth == 0 {
				return nil, d.x.end()
			}
		}
		return nil, err
	}
	t, err := d.x.whole(e)
	if err != nil {
		return nil, err
	}
	f, why := t.fields("serial", "seed", "description", "deviceId", "deviceModel", "deviceOS", "mailClient")
	k := &pskc.Key{Kind: d.head.product.Kind, Line: t.line, Manufacturer: d.head.product.Manufacturer, Model: d.head.product.Model,
		Serial: f["serial"], FriendlyName: f["description"], Hash: d.head.hash}
	switch {
	case t.name != "token":
		why = "there is an element " + quote(t.name) + " among the tokens"
	case why != "":
	case f["deviceId"] != "":
		why = "it is a device identity (DeviceID), no one-time password token"
	case k.Serial == "":
		why = "it has no serial number"
	default:
		why = d.setSecret(k, d.head.enc, f["seed"])
	}
	if why != "" {
		clear(k.Secret)
		bad := refuse(t.line, k.Serial, "%s", why)
		bad.Manufacturer = k.Manufacturer
		return nil, bad
	}
	if d.head.digits != 0 {
		d.setDigits(k, d.head.digits)
	}
	if d.head.period != 0 && k.Kind == pskc.TOTP {
		k.Interval, k.HasInterval = d.head.period, true
	}
	d.silent(k, k.Kind, d.head.product.Period)
	return k, nil
}

// dualShieldV3 reads the older file: tokenList > tokenInfo, where token holds
// another document as text.
type dualShieldV3 struct {
	*job
	x *xmlReader
}

func newDualShieldV3(j *job) (*dualShieldV3, error) {
	d := &dualShieldV3{job: j, x: newXMLReader(j.data)}
	return d, d.x.root("tokenList")
}

func (d *dualShieldV3) rewind() {
	d.x = newXMLReader(d.data)
	_ = d.x.root("tokenList") // read before
}

func (d *dualShieldV3) next() (*pskc.Key, error) {
	e, err := d.x.enter()
	if err != nil {
		return nil, err
	}
	if e == nil {
		return nil, d.x.end()
	}
	t, err := d.x.whole(e)
	if err != nil {
		return nil, err
	}
	k := &pskc.Key{Line: t.line}
	if why := d.read(k, t); why != "" {
		clear(k.Secret)
		bad := refuse(t.line, k.Serial, "%s", why)
		bad.Manufacturer = k.Manufacturer
		return nil, bad
	}
	return k, nil
}

// read fills in a key, or says what is wrong.
func (d *dualShieldV3) read(k *pskc.Key, t *element) string {
	if t.name != "tokenInfo" {
		return "there is an element " + quote(t.name) + " among the tokens"
	}
	var inner string
	for _, c := range t.children {
		switch c.name {
		case "method":
		case "device":
			f, why := c.fields("manufacturer", "vendor", "model", "serial")
			if why != "" {
				return why
			}
			if k.Manufacturer = f["manufacturer"]; k.Manufacturer == "" {
				k.Manufacturer = f["vendor"]
			}
			k.Model, k.Serial = f["model"], f["serial"]
		case "token":
			inner = c.text
		default:
			return "its element " + quote(c.name) + " is not known"
		}
	}
	x := newXMLReader([]byte(inner))
	e, err := x.enter()
	if err != nil || e == nil || e.Name.Local != "data" {
		return "its element token does not hold a document data"
	}
	data, err := x.whole(e)
	if err != nil || !errors.Is(x.end(), io.EOF) {
		return "the document in its element token is damaged"
	}
	return d.readData(k, data)
}

func (d *dualShieldV3) readData(k *pskc.Key, data *element) string {
	f, why := data.fields("deviceID", "type", "counter", "digits", "secret", "description")
	if why != "" {
		return why
	}
	if k.Serial == "" {
		k.Serial = f["deviceID"]
	}
	k.FriendlyName = f["description"]
	switch {
	case k.Serial == "":
		return "it has no serial number"
	case f["deviceID"] != "" && f["deviceID"] != k.Serial:
		return "its device and its data have different serial numbers"
	case f["type"] == "CB":
		k.Kind = pskc.HOTP
	case f["type"] == "TB":
		k.Kind = pskc.TOTP
	default:
		return "its type " + quote(f["type"]) + " is neither CB (counter) nor TB (time)"
	}
	if s := f["digits"]; s != "" {
		n, why := readDigits([]byte(s))
		if why != "" {
			return "its element digits " + why
		}
		d.setDigits(k, n)
	}
	if s := f["counter"]; s != "" && k.Kind == pskc.HOTP {
		if k.Counter, why = readCounter([]byte(s)); why != "" {
			return "its element counter " + why
		}
		k.HasCounter = true
	}
	enc := d.opt.Encoding
	for _, c := range data.children {
		if s := c.attr("enc"); strings.EqualFold(c.name, "secret") && enc == "" {
			var ok bool
			if enc, ok = parseEncoding(s); !ok {
				return "its secret is written in " + quote(s) + ", which is not known or encrypted"
			}
		}
	}
	if why := d.setSecret(k, enc, f["secret"]); why != "" {
		return why
	}
	if k.Kind == pskc.TOTP && d.opt.Assume.Period == 0 {
		d.note("The format does not state time steps, and 60 seconds were taken for time-based tokens; compare the sample code.")
	}
	d.silent(k, k.Kind, 60)
	return ""
}
