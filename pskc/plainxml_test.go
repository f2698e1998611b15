package pskc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestPlainXML(t *testing.T) {
	t.Parallel()
	le, be := binary.LittleEndian, binary.BigEndian
	const file = "<a b='ü'>漢😀</a>\n"
	for _, c := range [][2]string{
		{file, file},
		{"\ufeff \r\n" + `<?xml version="1.0" encoding="utf-8" standalone='yes'?>` + "\n" + file, file},
		{wide(le, "\ufeff"+`<?xml version="1.0" encoding="UTF-16"?>`+file), file},
		{wide(be, " "+file), file},
		{"<?xml-stylesheet x?><a/>", "<?xml-stylesheet x?><a/>"},
		{"<a\n\tb='1\t2\r\n3\r4\n5&#10;'\r\n>x\r\ny</a\n>", "<a  b='1 2 3 4 5&#10;' >x\r\ny</a >"},
		{"<a b='>\n'/>", "<a b='> '/>"},
		{"<!-->\n'--><?p\n'?><a><!---\n>--><![CDATA[<\n']]]></a>",
			"<!-->\n'--><?p\n'?><a><!---\n>--><![CDATA[<\n']]]></a>"},
		{"<a>" + strings.Repeat("x", defaultTextBytes+1) + "</a>", "<a>" + strings.Repeat("x", defaultTextBytes+1) +
			"</a>"},
	} {
		in := bytes.Clone([]byte(c[0]))
		got, err := PlainXML(in, Limits{})
		if err != nil || string(got) != c[1] {
			t.Errorf("%.80q: %.80q, %v", c[0], got, err)
		}
		if string(in) != c[0] {
			t.Errorf("%.80q: the file itself was changed", c[0])
		}
	}
}

func TestPlainXMLRefuses(t *testing.T) {
	t.Parallel()
	spaces := func(n int) (s string) {
		for i := range n {
			s += " xmlns:n" + string(rune('a'+i)) + "='u'"
		}
		return s
	}
	lim := Limits{Depth: 3, Attributes: 4, TagBytes: 100, TotalBytes: 200}
	for _, c := range []struct {
		doc  string
		kind error
	}{
		{"", ErrNotPSKC},
		{"x<a/>", ErrNotPSKC},
		{"<a/>x", ErrMalformed},
		{"<a>x</a>x", ErrMalformed},
		{"<a>x</a><b/>", ErrMalformed},
		{"<a>", ErrMalformed},
		{"<a>\xff</a>", ErrMalformed},
		{"<a>&x;</a>", ErrMalformed},
		{"<!DOCTYPE a><a/>", ErrUnsupported},
		{"<a b:c='1'/>", ErrMalformed},
		{"<a><b><c/></b></a>", nil},
		{"<a><b><c><d/></c></b></a>", ErrLimit},
		{"<a b='1' c='2' d='3' e='4'/>", nil},
		{"<a b='1' c='2' d='3' e='4' f='5'/>", ErrLimit},
		{"<a" + spaces(2) + "><b" + spaces(2) + "/></a>", nil},
		{"<a" + spaces(2) + "><b" + spaces(3) + "/></a>", ErrLimit},
		{"<a b='" + strings.Repeat("x", 80) + "'/>", nil},
		{"<a b='" + strings.Repeat("x", 100) + "'/>", ErrLimit},
		{"<a/>" + strings.Repeat(" ", 196), nil},
		{"<a/>" + strings.Repeat(" ", 197), ErrLimit},
	} {
		got, err := PlainXML([]byte(c.doc), lim)
		if !errors.Is(err, c.kind) || (err == nil) != (c.kind == nil) || (got == nil) != (err != nil) {
			t.Errorf("%q: %q, %v", c.doc, got, err)
		}
	}
	if _, err := PlainXML(nil, Limits{Depth: -1}); err == nil {
		t.Error("a negative limit is taken")
	}
}

// FuzzPlainXML holds what comes out against what went in: the scanner sees the
// same in both, and encoding/xml sees that too, without being told of blanks.
func FuzzPlainXML(f *testing.F) {
	for _, doc := range testFiles(f) {
		f.Add(doc)
	}
	f.Add([]byte(wide(binary.BigEndian, "\ufeff<a b='\r\n'><!-- ' --><![CDATA[']]>\r\n</a>")))
	f.Fuzz(func(t *testing.T, doc []byte) {
		got, err := PlainXML(doc, Limits{})
		if err != nil {
			return
		}
		in := newInput(bytes.NewReader(doc))
		narrow, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		want, err := events(narrow)
		if err != nil {
			return // a text that is too long, a declaration of UTF-16
		}
		if again, err := events(got); err != nil || !slices.Equal(again, want) {
			t.Fatalf("%q became %q: %v", doc, got, err)
		}
		there, err := referenceEvents(got, func(value string) string { return value })
		if err != nil || !slices.Equal(there, want) {
			t.Fatalf("%q became %q, which encoding/xml reads as %q: %v", doc, got, there, err)
		}
		if bytes.HasPrefix(got, []byte("<?xml ")) {
			t.Fatalf("%q has a declaration", got)
		}
	})
}
