package charset_test

import (
	"testing"

	"ostiary/pskc/charset"
)

func TestEncodings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ bytes, text string }{
		"ISO-8859-1":   {"M\xfcller", "Müller"},
		"iso-8859-15":  {"\xa4", "€"},
		"Windows-1252": {"\x80 \xe4", "€ ä"},
		"windows-1251": {"\xc8\xe2\xe0\xed", "Иван"},
		"US-ASCII":     {"Mueller", "Mueller"},
	} {
		e, ok := charset.Named(name)
		if !ok || !e.Is(name) || e.Is("UTF-8") {
			t.Fatalf("%s is not known", name)
		}
		text, ok := e.Append(nil, []byte(c.bytes))
		if !ok || string(text) != c.text {
			t.Errorf("%s: %q, %v; want %q", name, text, ok, c.text)
		}
		var back []byte
		for _, r := range string(text) {
			b, ok := e.Byte(r)
			if !ok {
				t.Errorf("%s has no %q", name, r)
			}
			back = append(back, b)
		}
		if string(back) != c.bytes {
			t.Errorf("%s: %q comes back as %q", name, c.bytes, back)
		}
	}
	for name, bad := range map[string]string{"US-ASCII": "a\xe4", "Windows-1252": "a\x81", "windows-1253": "a\xff"} {
		e, _ := charset.Named(name)
		if text, ok := e.Append(nil, []byte(bad)); ok || string(text) != "a" {
			t.Errorf("%s takes %q as %q", name, bad, text)
		}
	}
	for _, name := range []string{"", "UTF-8", "utf-16", "ebcdic", "gb2312", "iso-8859-12"} {
		if _, ok := charset.Named(name); ok {
			t.Errorf("%q is taken", name)
		}
	}
	if (charset.Encoding{}).Is("") {
		t.Error("no encoding has a name")
	}
}

func TestDeclared(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		name string
		sure bool
	}{
		`<?xml version="1.0" encoding="ISO-8859-1"?><a/>`:       {"iso-8859-1", true},
		" \r\n<?xml version='1.0' encoding = 'Windows-1252' ?>": {"windows-1252", true},
		`<?xml version="1.0" encoding="UTF-8"?><a/>`:            {"", true},
		`<?xml version="1.0"?><a encoding="ISO-8859-1"/>`:       {"", true},
		`<?xml version="1.0" encoding="ISO-8859-1"`:             {"", false},
		`<?xml version="1.0" encoding="ISO-8859-1" <a/>`:        {"", true},
		`<?xml version="1.0" encoding=ISO-8859-1?>`:             {"", true},
		"<?x":             {"", false},
		"":                {"", false},
		"<a/>":            {"", true},
		"serial,secret\n": {"", true},
		"\xef\xbb\xbf<?xml version='1.0' encoding='ISO-8859-1'?>": {"", true},
	} {
		e, ok, sure := charset.Declared([]byte(text))
		if ok != (want.name != "") || ok && !e.Is(want.name) || sure != want.sure {
			t.Errorf("%q: %+v %v, sure %v", text, e, ok, sure)
		}
	}
}
