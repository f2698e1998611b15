package pskc

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// events scans a document into lines, one for each event.
func events(doc []byte) ([]string, error) {
	opt, err := Options{}.withDefaults()
	if err != nil {
		return nil, err
	}
	s := newScanner(bytes.NewReader(doc), opt.Limits)
	var out []string
	for {
		ev, err := s.next()
		if err != nil {
			return out, err
		}
		if text := strings.TrimRight(string(s.text), " \t\r\n"); text != "" {
			out = append(out, "text "+text)
		}
		switch ev {
		case evEOF:
			return out, nil
		case evEnd:
			out = append(out, fmt.Sprintf("end {%s}%s", s.name.space, s.name.local))
		case evStart:
			line := fmt.Sprintf("start {%s}%s", s.name.space, s.name.local)
			for _, a := range s.attrs {
				line += fmt.Sprintf(" {%s}%s=%s", a.name.space, a.name.local, a.value)
			}
			out = append(out, line)
		}
	}
}

// blanks does to the attributes of encoding/xml, and so to namespaces, what XML
// 1.0 section 3.3.3 demands and encoding/xml leaves out.
var blanks = strings.NewReplacer("\t", " ", "\n", " ", "\r", " ")

// referenceEvents is the same by encoding/xml, with blank for attribute values.
func referenceEvents(doc []byte, blank func(string) string) ([]string, error) {
	d := xml.NewDecoder(bytes.NewReader(doc))
	var out []string
	var text strings.Builder
	flush := func() {
		if s := strings.Trim(text.String(), " \t\r\n"); s != "" {
			out = append(out, "text "+s)
		}
		text.Reset()
	}
	for {
		tok, err := d.Token()
		if err == io.EOF {
			flush()
			return out, nil
		}
		if err != nil {
			return out, err
		}
		switch tok := tok.(type) {
		case xml.CharData:
			text.Write(tok)
		case xml.EndElement:
			flush()
			out = append(out, fmt.Sprintf("end {%s}%s", blank(tok.Name.Space), tok.Name.Local))
		case xml.StartElement:
			flush()
			line := fmt.Sprintf("start {%s}%s", blank(tok.Name.Space), tok.Name.Local)
			for _, a := range tok.Attr {
				if a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns" {
					continue
				}
				line += fmt.Sprintf(" {%s}%s=%s", blank(a.Name.Space), a.Name.Local, blank(a.Value))
			}
			out = append(out, line)
		}
	}
}

func checkAgainstReference(t *testing.T, doc []byte) bool {
	t.Helper()
	got, err := events(doc)
	if err != nil {
		return false
	}
	want, err := referenceEvents(bytes.TrimPrefix(doc, []byte("\xef\xbb\xbf")), blanks.Replace)
	if err != nil {
		t.Fatalf("taken, but encoding/xml says %v:\n%q", err, doc)
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Fatalf("read differently than by encoding/xml:\n%q\n--- here\n%s\n--- there\n%s", doc, g, w)
	}
	return true
}

// The scanner sees in the test files what encoding/xml sees.
func TestScannerAgainstReference(t *testing.T) {
	t.Parallel()
	for _, doc := range testFiles(t) {
		if !checkAgainstReference(t, doc) {
			t.Errorf("not taken: %.200s", doc)
		}
	}
}

func testFiles(t testing.TB) (docs [][]byte) {
	t.Helper()
	for _, dir := range []string{"vectors", "python-pskc", "rsa"} {
		names, err := filepath.Glob(filepath.Join("testdata", dir, "*.pskc"))
		if err != nil || len(names) == 0 {
			t.Fatal("no test files", err)
		}
		for _, name := range names {
			doc, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			docs = append(docs, doc)
		}
	}
	return docs
}

func TestScannerText(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{"<a>b</a>", "start {}a|text b|end {}a"},
		{"<a>&lt;&gt;&amp;&apos;&quot;&#65;&#x42;</a>", `start {}a|text <>&'"AB|end {}a`},
		{"<a>x<![CDATA[<&]]]>>y</a>", "start {}a|text x<&]>y|end {}a"},
		{"<a> x <!-- c --> y\r\nz\rw </a>", "start {}a|text x  y\nz\nw|end {}a"},
		{"<a b='1&amp;2\t3' c=\"'\"/>", "start {}a {}b=1&2 3 {}c='|end {}a"},
		{"<a xmlns='u'><b xmlns=''/><p:c xmlns:p='v' p:d='1' d='2'/></a>", "start {u}a|start {}b|end {}b|start {v}c " +
			"{v}d=1 {}d=2|end {v}c|end {u}a"},
		{"<a>Zürich 漢 😀</a >\n<!-- x --><?y z?>\n", "start {}a|text Zürich 漢 😀|end {}a"},
		{"<a>]]&gt;]</a>", "start {}a|text ]]>]|end {}a"},
	} {
		got, err := events([]byte(c[0]))
		if s := strings.Join(got, "|"); err != nil || s != c[1] {
			t.Errorf("%q: %q, %v", c[0], s, err)
		}
		checkAgainstReference(t, []byte(c[0]))
	}
}

func TestScannerRefuses(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{
		"<a", "<a>", "<a></b>", "</a>", "<a/><b/>", "<a/>x", "<a/><![CDATA[]]>", "<a/>&#32;", "x<a/>",
		"<a>&x;</a>", "<a>&</a>", "<a>&;</a>", "<a>&#;</a>", "<a>&#x;</a>", "<a>&#0;</a>", "<a>&#xD800;</a>",
		"<a>&#x110000;</a>", "<a>&#xFFFE;</a>",
		"<a>&#-1;</a>", "<a>&#+65;</a>", "<a>&#x-41;</a>", "<a>&LT;</a>",
		"<a>]]></a>", "<a>\x00</a>", "<a>\x1b</a>", "<a>\xff</a>", "<a>\xed\xa0\x80</a>", "<a>\xef\xbf\xbf</a>",
		"<a>\xc3</a>", "<a b='\x01'/>", "<a b='\xff'/>",
		"<a b/>", "<a b=c/>", "<a b='c/>", "<a b='c'd='e'/>", "<a b='<'/>", "<a b='&x;'/>", "<a b='1' b='2'/>",
		"<a:b/>", "<a x:b='1'/>", "<:a/>", "<a:/>", "<a:b:c xmlns:a='u'/>", "<1/>", "< a/>", "<a xmlns:b=''/>",
		"<a xmlns:xml='u'/>", "<a xmlns:xmlns='u'/>",
		"<a xmlns='http://www.w3.org/2000/xmlns/'/>", "<a xmlns:b='u' xmlns:b='v'/>", "<a xmlns='u' xmlns='v'/>",
		"<!-- -- --><a/>", "<!-- x", "<!x><a/>", "<a><![CDATA[x</a>", "<a><![cdata[x]]></a>",
		"<? x?><a/>", "<?x", "<a/><?xml version='1.0'?>", "<?x?><?xml version='1.0'?><a/>", "<?xml?><a/>",
		"<?xml encoding='UTF-8'?><a/>",
		"<?xml version='1.0' x='y'?><a/>", "<?xml version='1.0' standalone='maybe'?><a/>", "<ä/>",
	} {
		if got, err := events([]byte(doc)); err == nil {
			t.Errorf("%q taken: %v", doc, got)
		}
	}
}

// FuzzScanner holds the scanner against encoding/xml: what it takes, the other
// takes, and sees the same in it.
func FuzzScanner(f *testing.F) {
	for _, doc := range testFiles(f) {
		f.Add(doc)
	}
	for _, doc := range []string{"<a>&#65;<![CDATA[]]]]>]</a>", "<?xml version='1.0'?><p:a xmlns:p='u' p:b='c'/>",
		"<a><!-- - -->\r\n]]&gt;</a>"} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) { checkAgainstReference(t, doc) })
}

// FuzzReader reads anything. Nothing it may be given makes it panic, hang, or
// deliver a key of an encrypted file that does not verify.
func FuzzReader(f *testing.F) {
	for _, doc := range testFiles(f) {
		f.Add(doc)
	}
	f.Add([]byte(sealedFile("1", "2")))
	f.Add([]byte(plainFile(data(plainSecret(seed), plain("Counter", "AAYxSg==")))))
	for _, m := range modeFiles(f) {
		f.Add([]byte(m.file))
	}
	f.Add([]byte(export(f, WriterOptions{}, recordKeys()...)))
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		f.Add([]byte(wide(order, "\ufeff"+`<?xml version="1.0" encoding="UTF-16"?>`+sealedFile("1"))))
		f.Add([]byte(wide(order, draftFile(draftSpaces[0], "", named("SECRET", []byte(seed), nil)))))
	}
	key := rsaKey(f)
	opts := []Options{
		{PreSharedKey: testKey, Passphrase: Secret("qwerty"), PrivateKey: key, AllowTripleDES: true,
			Limits: Limits{Iterations: 2000}},
		{PreSharedKey: testKey, AllowPlaintextMAC: true, AllowUnauthenticated: true, MinSecret: 1,
			Limits: Limits{Iterations: 10}},
		{Passphrase: Secret(testPassphrase), AllowPart: true, Limits: Limits{Iterations: 10}},
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		for _, opt := range opts {
			r, err := NewReader(bytes.NewReader(doc), opt)
			if err != nil {
				t.Fatal(err)
			}
			for answers := 0; ; answers++ {
				k, err := r.Next()
				refused, ok := errors.AsType[*KeyError](err)
				switch {
				case ok && (refused.Reason == "" || refused.Line < 1):
					t.Fatalf("refused without a reason or line: %+v", refused)
				case !ok && err != nil:
					if err != io.EOF && k != nil {
						t.Fatal("a key and an error")
					}
				case err == nil && (len(k.Secret) == 0 || k.Kind == "" || k.Line < 1 ||
					len(k.Secret) > defaultSecretBytes):
					t.Fatalf("an impossible key: %+v", k)
				case err == nil && (k.Kind == HOTP || k.Kind == TOTP) &&
					(k.Hash == "" || k.Digits() < minDigits || k.Digits() > maxDigits || k.Period() <= 0):
					t.Fatalf("an impossible key: %+v", k)
				}
				if err != nil && !ok {
					break
				}
				// No answer without at least the bytes of "<Key/>".
				if answers > len(doc)/5 {
					t.Fatal("more answers than elements")
				}
			}
		}
	})
}
