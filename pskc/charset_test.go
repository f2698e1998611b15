package pskc

import (
	"bytes"
	"strings"
	"testing"
	"testing/iotest"
)

// TestSingleByte: a file is read in the encoding that its declaration names, however
// it arrives; a byte that stands for nothing there refuses it.
func TestSingleByte(t *testing.T) {
	t.Parallel()
	file := strings.Replace(plainFile(data(plainSecret(seed))), "Acme", "M\xfcller &amp; S\xf6hne", 1)
	for name, want := range map[string]string{"ISO-8859-1": "Müller & Söhne", "Windows-1252": "Müller & Söhne",
		"iso-8859-5": "Mќller & Sіhne"} {
		for how, encoding := range map[string]string{"": name, "lower case": strings.ToLower(name)} {
			text := `<?xml version="1.0" encoding="` + encoding + `"?>` + "\n" + file
			if k := wantOne(t, readString(t, text, Options{})); k.Manufacturer != want {
				t.Errorf("%s %s: %q", name, how, k.Manufacturer)
			}
			r, err := NewReader(iotest.OneByteReader(strings.NewReader(text)), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if k, err := r.Next(); err != nil || k.Manufacturer != want {
				t.Errorf("%s %s, byte by byte: %+v, %v", name, how, k, err)
			}
			var out bytes.Buffer
			if _, err := Remainder(&out, strings.NewReader(text), func(int) bool { return true }); err != nil {
				t.Fatal(err)
			}
			if k := wantOne(t, readString(t, out.String(), Options{})); k.Manufacturer != want {
				t.Errorf("%s %s, the remainder: %q", name, how, k.Manufacturer)
			}
			plain, err := PlainXML([]byte(text), Limits{})
			if err != nil || !strings.Contains(string(plain), strings.ReplaceAll(want, "&", "&amp;")) {
				t.Errorf("%s %s, plain: %s, %v", name, how, plain, err)
			}
		}
	}
	ascii := strings.Replace(file, "M\xfcller &amp; S\xf6hne", "Acme", 1)
	if k := wantOne(t, readString(t, `<?xml version="1.0" encoding="US-ASCII"?>`+ascii, Options{})); k.Manufacturer !=
		"Acme" {
		t.Errorf("%q", k.Manufacturer)
	}
	wantFatal(t, readString(t, `<?xml version="1.0" encoding="US-ASCII"?>`+file, Options{}), ErrMalformed, "stands for nothing")
	wantFatal(t, readString(t, `<?xml version="1.0" encoding="Windows-1252"?>`+strings.Replace(file, "\xfc", "\x81", 1),
		Options{}), ErrMalformed, "stands for nothing")
}
