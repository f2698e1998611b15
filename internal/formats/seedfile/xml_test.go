package seedfile

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"ostiary/pskc"
)

func TestDualShield(t *testing.T) {
	text := testfile(t, "dualshield/safeid.xml")
	key := func(line int, serial, secret string) pskc.Key {
		return pskc.Key{Kind: pskc.TOTP, Line: line, Manufacturer: "Deepnet Security", Model: "SafeID/Time-Based",
			Serial: serial,
			Secret: unhex(t, secret), Interval: 60, HasInterval: true, Response: digits(6), HasResponse: true}
	}
	first, second := key(13, "55000101", k1hex), key(15, "55000102", k2hex)
	second.FriendlyName = "desk 4"
	c := mustOpen(t, text, Options{})
	sameKeys(t, c.keys, first, second)
	if c.info.Format != DualShield || c.info.Encoding != Hex ||
		c.info.EncodingReason != "as the header of the file says" || c.info.Sample.Code != "304811" {
		t.Errorf("info %+v", c.info)
	}
	// An older file states no time step: that of the product. And it is CRLF.
	older := strings.ReplaceAll(strings.Replace(text, "    <timeWindow>60</timeWindow>\n", "\n", 1), "\n", "\r\n")
	sameKeys(t, mustOpen(t, "\ufeff"+older, Options{}).keys, first, second)

	c = mustOpen(t, testfile(t, "dualshield/google.xml"), Options{})
	sameKeys(t, c.keys, pskc.Key{Kind: pskc.TOTP, Line: 2, Manufacturer: "Google", Model: "Google Authenticator",
		Serial: "10000001", Hash: "SHA256",
		Secret: unhex(t, k1hex), Interval: 30, HasInterval: true, Response: digits(8), HasResponse: true})

	event := strings.NewReplacer(">ST<", ">SE<", ">HEX<", ">BASE64<", k1hex, "obLD1OX2BxgpOktcbX6PkAESIzQ=", k2hex,
		"Xw4dLDtKWWh3hoWUo7LB0O/+DRw=").Replace(text)
	first = pskc.Key{Kind: pskc.HOTP, Line: 13, Manufacturer: "Deepnet Security", Model: "SafeID/Event-Based",
		Serial: "55000101",
		Secret: unhex(t, k1hex), Response: digits(6), HasResponse: true}
	second = first
	second.Line, second.Serial, second.Secret, second.FriendlyName = 15, "55000102", unhex(t, k2hex), "desk 4"
	c = mustOpen(t, event, Options{})
	if sameKeys(t, c.keys, first, second); c.info.Sample.Code != "006951" {
		t.Errorf("sample %+v", c.info.Sample)
	}
}

func TestDualShieldProduct(t *testing.T) {
	text := strings.Replace(testfile(t, "dualshield/safeid.xml"), ">ST<", ">Q9<", 1)
	_, err := open(text, Options{})
	ask, ok := errors.AsType[*ProductError](err)
	if fails(t, err, ErrProduct, `"Q9" of manufacturer "DN"`); !ok || ask.Product != (ProductCode{"DN", "Q9"}) {
		t.Fatalf("error %v", err)
	}
	c := mustOpen(t, text, Options{Products: map[ProductCode]Product{ask.Product: {Kind: pskc.HOTP}}})
	if k := c.keys[0]; k.Kind != pskc.HOTP || k.Manufacturer != "DN" || k.Model != "Q9" || k.HasInterval {
		t.Errorf("key %+v", k)
	}
}

func TestDualShieldRefusals(t *testing.T) {
	text := testfile(t, "dualshield/safeid.xml")
	c := mustOpen(t, strings.NewReplacer(
		"<serial>55000101</serial>", "",
		"  </tokens>", `<token><serial>3</serial><seed>`+k2b32+`</seed></token>
<token><serial>4</serial><seed>`+k1hex[:20]+`</seed></token>
<token><serial>5</serial><seed>`+k1hex+`</seed><colour/></token>
<token><serial>6</serial><serial>7</serial><seed>`+k1hex+`</seed></token>
<token><serial/><deviceId>phone</deviceId></token>
<token><serial>8</serial><seed>12<b>34</b></seed></token>
<key><serial>9</serial></key>
</tokens>`).Replace(text), Options{})
	refusals(t, c.refused, "13: no serial number", "17: secret is not hex", "18: 80 bits is shorter than the required 128", `19: element "colour" is not known`,
		"20: two elements serial", "21: DeviceID", "22: holds elements", `23: element "key" among`)
	for _, e := range c.refused {
		silentOn(t, e.Error())
	}
	_, err := open(testfile(t, "refused/dualshield-aes256.xml"), Options{})
	fails(t, err, ErrUnreadable, `encrypted ("AES256")`)
	if e, ok := errors.AsType[*Error](err); !ok || e.Format != DualShield || !strings.Contains(e.Hint, "Ask Deepnet") {
		t.Errorf("error %#v", err)
	}
	for _, tt := range []struct {
		old, new string
		kind     error
		part     string
	}{
		{"<encode>HEX</encode>", "", ErrEncoding, "does not say"},
		{">HEX<", ">ROT13<", ErrUnreadable, "ROT13"},
		{">ST<", ">ASDID<", ErrUnreadable, "DeviceID"},
		{">60<", ">0<", ErrMalformed, "timeWindow"},
		{">6<", ">4<", ErrMalformed, "digits"},
		{">HmacSHA1<", ">HmacMD5<", ErrMalformed, "crypto"},
		{"<digits>", "<colour>red</colour><digits>", ErrMalformed, `"colour" is not known`},
		{"</data>", "", ErrMalformed, "cut off"},
		{"</data>", "</data><data/>", ErrMalformed, "second document"},
		{"</data>", "<tokens/></data>", ErrMalformed, "after the tokens"},
		{"<tokens>", "<tokens>text", ErrMalformed, "text between"},
		{"<seed>A1B2C3D4", "<seed>&A1B2C3D4;", ErrMalformed, "not well-formed"},
		{"<?xml version=\"1.0\"?>", `<?xml version="1.0"?><!DOCTYPE data [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>`, ErrMalformed, "document type"},
		{"<?xml version=\"1.0\"?>", `<?xml version="1.0" encoding="ebcdic-us"?>`, ErrMalformed, "not well-formed"},
		{"<seed>", "<seed>" + strings.Repeat("<a>", 20), ErrMalformed, "deeper"},
		{"<seed>", "<seed>" + strings.Repeat("A", maxText), ErrMalformed, "bytes of text"},
		{"<seed>", "<seed " + strings.Repeat(`a="b" `, 20) + ">", ErrMalformed, "attributes"},
	} {
		opt := Options{Format: DualShield}
		_, err := open(strings.Replace(text, tt.old, tt.new, 1), opt)
		if fails(t, err, tt.kind, tt.part); err != nil {
			silentOn(t, err.Error())
		}
	}
}

// TestTruncated cuts each file everywhere: a part is never taken for the whole.
func TestTruncated(t *testing.T) {
	for _, f := range []struct {
		name   string
		format Format
	}{{"dualshield/safeid.xml", DualShield}, {"dualshield-v3/pocketid.xml", DualShieldV3},
		{"safenet-xml/two-keys.xml", SafeNet}} {
		text := strings.TrimSpace(testfile(t, f.name))
		for i := range len(text) {
			if _, err := open(text[:i], Options{Format: f.format}); !errors.Is(err, ErrMalformed) {
				t.Fatalf("%s cut at %d: %v", f.name, i, err)
			}
		}
	}
}

func TestDualShieldV3(t *testing.T) {
	text := testfile(t, "dualshield-v3/pocketid.xml")
	c := mustOpen(t, text, Options{})
	sameKeys(t, c.keys,
		pskc.Key{Kind: pskc.HOTP, Line: 1, Manufacturer: "Example", Model: "CB", Serial: "55000103",
			FriendlyName: "desk 4", Secret: unhex(t, k2hex),
			Counter: 7, HasCounter: true, Response: digits(6), HasResponse: true},
		pskc.Key{Kind: pskc.TOTP, Line: 6, Manufacturer: "Example", Model: "TB", Serial: "55000104",
			Secret:   unhex(t, k1hex),
			Interval: 60, HasInterval: true, Response: digits(6), HasResponse: true})
	if len(c.info.Notes) != 1 || c.info.Format != DualShieldV3 {
		t.Errorf("info %+v", c.info)
	}
	for _, tt := range []struct{ old, new, part string }{
		{"<type>CB<", "<type>XX<", `type "XX"`},
		{"<deviceID>55000103<", "<deviceID>55000199<", "different serial numbers"},
		{`enc="HEX"`, `enc="AES"`, `"AES"`},
		{`enc="HEX"`, ``, `"", which is not known`},
		{"</data>]]>", "]]>", "damaged"},
		{"</data>]]>", "</data><data/>]]>", "damaged"},
		{"<data><deviceID>", "<!DOCTYPE x><data><deviceID>", "does not contain a document"},
		{"<counter>7", "<counter>-7", "counter is not a counter"},
		{"<digits>6", "<digits>66", "digits is not"},
		{"<method>", "<colour/><method>", `"colour" is not known`},
		{"<description>", "<colour/><description>", `"colour" is not known`},
	} {
		c := mustOpen(t, strings.Replace(text, tt.old, tt.new, 1), Options{})
		refusals(t, c.refused, "1: "+tt.part)
	}
}

func TestSafeNet(t *testing.T) {
	text := testfile(t, "safenet-xml/two-keys.xml")
	first := pskc.Key{ID: "{ab1397d2-ddb6-4705-b66e-9f83f322deb9}", Kind: pskc.HOTP, Line: 9, Model: "Example Alpine",
		Serial: "00040008CFA5",
		Secret: unhex(t, k1hex), Counter: 1, HasCounter: true}
	second := pskc.Key{ID: "{2}", Kind: pskc.HOTP, Line: 13, Model: "Example Alpine", Serial: "00040008CFA5",
		Secret: unhex(t, k2hex+"00000000")}
	c := mustOpen(t, text, Options{})
	if sameKeys(t, c.keys, first, second); c.info.Sample.Code != "035350" || c.info.Format != SafeNet ||
		len(c.info.Notes) != 1 {
		t.Errorf("info %+v, sample %+v", c.info, c.info.Sample)
	}
	c = mustOpen(t, text, Options{Assume: Assume{Kind: pskc.TOTP, Digits: 8, Manufacturer: "SafeNet"}})
	for _, k := range []*pskc.Key{&first, &second} {
		k.Kind, k.Counter, k.HasCounter, k.Manufacturer, k.Response, k.HasResponse = pskc.TOTP, 0, false, "SafeNet",
			digits(8), true
	}
	if sameKeys(t, c.keys, first, second); c.info.Sample.Code != "86024918" {
		t.Errorf("sample %+v", c.info.Sample)
	}
	app := func(s string) string { return "<Applications><Application>" + s + "</Application></Applications>" }
	for _, tt := range []struct{ token, part string }{
		{"<Token>" + app("<Seed>"+k1hex+"</Seed>") + "</Token>", "no serial"},
		{`<Token serial="1"></Token>`, "no key"},
		{`<Token serial="1">` + app("") + `</Token>`, "no secret"},
		{`<Token serial="1">` + app("<Seed>"+k1hex+"</Seed><Mode>TOTP</Mode>") + `</Token>`, `"Mode" is not known`},
		{`<Token serial="1">` + app("<Seed>"+k1hex+"</Seed><MovingFactor>x</MovingFactor>") + `</Token>`, "MovingFactor is not a counter"},
		{`<Token serial="1">` + app("<Seed>"+k1b32+"</Seed>") + `</Token>`, "not hex"},
		{`<Token serial="1"><Colour/>` + app("<Seed>"+k1hex+"</Seed>") + `</Token>`, `"Colour" is not known`},
		{`<Token serial="1"><Model><b/></Model>` + app("<Seed>"+k1hex+"</Seed>") + `</Token>`, "contains elements"},
		{`<Token serial="1"><Applications><App/></Applications></Token>`, `"App" among`},
		{`<Key serial="1"/>`, `"Key" among`},
	} {
		refusals(t, mustOpen(t, "<Tokens>"+tt.token+"</Tokens>", Options{}).refused, "1: "+tt.part)
	}
}

func TestLatin1(t *testing.T) {
	text := strings.Replace(testfile(t, "safenet-xml/two-keys.xml"), `"utf-8"`, `"ISO-8859-1"`, 1)
	c := mustOpen(t, strings.Replace(text, "Alpine", "\xc4lpine"+strings.Repeat("\xc4", 2000), 1), Options{})
	if got := c.keys[0].Model; got != "Example Älpine"+strings.Repeat("Ä", 2000) {
		t.Errorf("model %q", fmt.Sprintf("%.40s", got))
	}
}
