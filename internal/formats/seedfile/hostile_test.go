package seedfile

import (
	"errors"
	"runtime"
	"strings"
	"testing"
)

// xmlFrames are the XML formats as a document of two good entries; {X} is where
// another would stand, and {S} within an element of text.
var xmlFrames = map[Format]string{
	DualShield: "<data><header><manufacturerCode>DN</manufacturerCode><productCode>ST</productCode><encode>HEX</encode></header><tokens>" +
		"<token><serial>1</serial><seed>" + k1hex + "</seed></token>{X}<token><serial>2{S}</serial><seed>" + k2hex +
		"</seed></token></tokens></data>",
	DualShieldV3: "<tokenList><tokenInfo><device><serial>1</serial></device><token>&lt;data>&lt;type>CB&lt;/type>&lt;secret enc='HEX'>" + k1hex + "&lt;/secret>&lt;/data></token></tokenInfo>{X}" +
		"<tokenInfo><device><serial>2{S}</serial></device><token>&lt;data>&lt;type>CB&lt;/type>&lt;secret enc='HEX'>" +
		k2hex + "&lt;/secret>&lt;/data></token></tokenInfo></tokenList>",
	SafeNet: "<Tokens><Token serial='1'><Applications><Application><Seed>" + k1hex +
		"</Seed></Application></Applications></Token>{X}" +
		"<Token serial='2'><ProductName>{S}</ProductName><Applications><Application><Seed>" + k2hex +
		"</Seed></Application></Applications></Token></Tokens>",
}

// attacks are what hostile XML is known for, as replacements in a frame.
func attacks() map[string]struct{ before, X, S, want string } {
	const million = 1 << 20
	return map[string]struct{ before, X, S, want string }{
		"entities that multiply": {`<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>`, "", "&c;", "document type"},
		"external entity":        {`<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>`, "", "&e;", "document type"},
		"parameter entity":       {`<!DOCTYPE x [<!ENTITY % p SYSTEM "http://example.invalid/p">%p;]>`, "", "", "document type"},
		"external DTD":           {`<!DOCTYPE data SYSTEM "http://example.invalid/d.dtd">`, "", "", "document type"},
		"public DTD":             {`<!doctype data PUBLIC "-//X//Y" "d.dtd">`, "", "", "document type"},
		"DTD inside":             {"", `<!DOCTYPE data [<!ENTITY a "b">]>`, "", "document type"},
		"entity never declared":  {"", "", "&e;", "not well-formed"},
		"character that is none": {"", "", "&#0;", "not well-formed"},
		"another encoding":       {`<?xml version="1.0" encoding="UTF-7"?>`, "", "", "not well-formed"},
		"deep":                   {"", strings.Repeat("<a>", million), "", "nested deeper"},
		"deep and closed":        {"", strings.Repeat("<a>", 20) + strings.Repeat("</a>", 20), "", "nested deeper"},
		"some attributes":        {"", "<a" + strings.Repeat(` b="c"`, 17) + "/>", "", "more than 16 attributes"},
		"many attributes":        {"", "<a" + strings.Repeat(` b="c"`, million) + "/>", "", "longer than"},
		"long attribute":         {"", `<a b="` + strings.Repeat("c", million) + `"/>`, "", "longer than"},
		"long name":              {"", "<" + strings.Repeat("a", million) + "/>", "", "longer than"},
		"long comment":           {"", "<!--" + strings.Repeat("a", million) + "-->", "", "longer than"},
		"long instruction":       {"", "<?a " + strings.Repeat("a", million) + "?>", "", "longer than"},
		"long text":              {"", "", strings.Repeat("a", million), "bytes of text"},
		"text of many pieces":    {"", "", strings.Repeat("a<!---->", 10000), "bytes of text"},
		"long CDATA":             {"", "", "<![CDATA[" + strings.Repeat("a", million) + "]]>", "longer than"},
		"blanks":                 {"", strings.Repeat(" ", million), "", "longer than"},
		"blanks before all":      {strings.Repeat("\n", million), "", "", "longer than"},
		"many children":          {"", "<a>" + strings.Repeat("<b/>", 65) + "</a>", "", "more than 64 elements"},
		"two documents":          {"<a/>", "", "", "outermost element"},
		"never closed":           {"", "<a", "", "not well-formed"},
		"text between":           {"", k1hex, "", "text between"},
	}
}

// hostile puts an attack into a frame.
func hostile(frame string, a struct{ before, X, S, want string }) string {
	return a.before + strings.NewReplacer("{X}", a.X, "{S}", a.S).Replace(frame)
}

func TestHostileXML(t *testing.T) {
	t.Parallel()
	for format, frame := range xmlFrames {
		harmless := strings.NewReplacer("{X}", "", "{S}", "").Replace(frame)
		if c := mustOpen(t, harmless, Options{Format: format}); c.info.Keys != 2 {
			t.Errorf("%s: the frame has %d keys, refused %v", format, c.info.Keys, c.refused)
		}
		for name, a := range attacks() {
			_, err := open(hostile(frame, a), Options{Format: format})
			e, ok := errors.AsType[*Error](err)
			if !ok || !errors.Is(err, ErrMalformed) || !strings.Contains(e.Error(), a.want) || len(e.Error()) > 200 {
				t.Errorf("%s, %s: %v, want %q", format, name, err, a.want)
				continue
			}
			silentOn(t, e.Error())
		}
	}
}

// TestHostileInside: the document inside of a token of version 3 is one, too.
func TestHostileInside(t *testing.T) {
	t.Parallel()
	const frame = "<data>{X}<type>CB</type><secret enc='HEX'>" + k1hex +
		"</secret><description>{S}</description></data>"
	for name, a := range attacks() {
		inner := hostile(frame, a)
		if strings.Contains(inner, "]]>") || len(inner) > maxText {
			continue // the outer document has met these
		}
		c := mustOpen(t, "<tokenList><tokenInfo><device><serial>1</serial></device><token><![CDATA["+inner+
			"]]></token></tokenInfo></tokenList>", Options{})
		if len(c.keys) != 0 || len(c.refused) != 1 {
			t.Errorf("%s: %d keys, refused %v", name, len(c.keys), c.refused)
		}
	}
}

// TestHostileSize: what an attacker repeats costs no more memory than a file is
// large.
func TestHostileSize(t *testing.T) {
	const size = 48 << 20
	for name, unit := range map[string]string{"blanks": " ", "attributes": ` a=""`, "name": "a"} {
		data := []byte("<Tokens>" + map[string]string{"attributes": "<a ", "name": "<"}[name] +
			strings.Repeat(unit, size/len(unit)))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		x := newXMLReader(data)
		err := x.root("Tokens")
		if err == nil {
			_, err = x.next()
		}
		runtime.ReadMemStats(&after)
		if !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: error %v", name, err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > size/2 {
			t.Errorf("%s: %d bytes were allocated for %d", name, used, size)
		}
	}
	text := "<Tokens>" + strings.Repeat(" ", MaxBytes) + "</Tokens>"
	_, err := open(text, Options{})
	fails(t, err, ErrLimit, "larger than")
	_, err = open(text[:MaxBytes-100]+"</Tokens>", Options{})
	fails(t, err, ErrMalformed, "longer than")
}
