package seedfile

import (
	"errors"
	"io"
	"strings"

	"ostiary/pskc"
)

// DualShieldV3 is the file of version 3, when the product had another name.
const DualShieldV3 Format = "dualshield-v3"

var dualShieldV3Format = format{
	name:        DualShieldV3,
	description: "Deepnet Unified Authentication seed file, version 3 (XML)",
	recognise:   func(h *head) bool { return h.root == "tokenList" },
	open:        openDualShieldV3,
}

// dualShieldV3 reads tokenList > tokenInfo, where token holds another document
// as text.
type dualShieldV3 struct {
	*job
	x *xmlReader
}

func openDualShieldV3(j *job) (parser, error) {
	d := &dualShieldV3{job: j, x: newXMLReader(j.data)}
	return d, d.x.root("tokenList")
}

func (d *dualShieldV3) rewind() {
	d.x = newXMLReader(d.data)
	_ = d.x.root("tokenList") // read before
}

func (d *dualShieldV3) next() (entry, error) {
	t, err := d.x.next()
	switch {
	case err != nil:
		return entry{}, err
	case t == nil:
		return entry{}, d.x.end()
	}
	return t.entry(verdict(d.read(t))), nil
}

// read gives the key of a token, or says what is wrong.
func (d *dualShieldV3) read(t *element) (*pskc.Key, string) {
	k := &pskc.Key{Line: t.line}
	return k, d.readToken(k, t)
}

func (d *dualShieldV3) readToken(k *pskc.Key, t *element) string {
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
		return "its element token does not contain a document data"
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
		d.note("The format does not state time steps, and 60 seconds were assumed for time-based tokens; compare the " +
			"sample code.")
	}
	d.silent(k, k.Kind, 60)
	return ""
}
