package xmlsig

import (
	"encoding/xml"
	"strings"
	"testing"
)

func TestLimits(t *testing.T) {
	t.Parallel()
	certs := trusted(t)
	good := readFile(t, "testdata", "good", "rsa-sha256.pskc")
	rep := strings.Repeat
	namespaces := func(n int, prefix string) (s string) {
		for i := range n {
			s += " xmlns:" + prefix + rep("x", i) + "='u'"
		}
		return s
	}
	for name, c := range map[string]struct {
		doc  string
		text string
	}{
		"100 MB of white space": {rep(" ", 100_000_000) + good, "longer than 67108864 bytes"},
		"white space inside":    {"<a>" + rep(" ", MaxBytes), "longer than 67108864 bytes"},
		"depth":                 {rep("<a>", maxDepth+1) + rep("</a>", maxDepth+1), "32 deep"},
		"attributes":            {"<a" + namespaces(maxAttributes+1, "b") + "/>", "64 attributes"},
		"namespaces": {"<a" + namespaces(maxAttributes, "b") + "><a" + namespaces(1, "c") + "/></a>",
			"64 namespaces"},
		"one tag":      {"<a b='" + rep("x", 20_000) + "'/>", "16384 bytes"},
		"tags":         {"<a>" + rep("<a/>", maxMarkup) + "</a>", "3000000 tags"},
		"comments":     {"<a>" + rep("<!---->", maxMarkup) + "</a>", "3000000 tags"},
		"instructions": {"<a>" + rep("<?a?>", maxMarkup) + "</a>", "3000000 tags"},
		"many attributes": {"<a>" + rep("<a a='' b='' c='' d='' e='' f='' g=''/>", maxMarkup/8) + "</a>",
			"3000000 tags"},
		"parts of a signature": {strings.Replace(good, "<ds:KeyInfo>", "<ds:KeyInfo>"+rep("<!---->", maxSignature), 1),
			"1000 parts"},
		"parts of parts": {strings.Replace(good, "<ds:KeyInfo>", "<ds:KeyInfo>"+rep("<a><b/></a>", maxSignature/2), 1),
			"1000 parts"},
	} {
		t.Run(name, func(t *testing.T) {
			wantRefused(t, c.doc, certs, ErrLimit, c.text)
		})
	}
}

// What a tree weighs: each node as often as there are elements around it.
func TestWeight(t *testing.T) {
	t.Parallel()
	tr, err := load([]byte("<a><b>x<!-- y --></b><c><d/></c></a>"))
	if err == nil || tr == nil {
		t.Fatal("a comment inside a text is taken")
	}
	if tr, err = load([]byte("<a><b>x</b><c><d/></c></a>")); err != nil || tr.weight != 1+1+2+2 {
		t.Fatal(tr.weight, err)
	}
	if tr, err = load([]byte(readFile(t, "testdata", "good", "rsa-sha256.pskc"))); err != nil {
		t.Fatal(err)
	}
	sig, err := tr.signature()
	if err != nil {
		t.Fatal(err)
	}
	tr.weight = maxWeight + 1
	if _, err := tr.content(sig, &signedInfo{}); err == nil || !strings.Contains(err.Error(), "nested too deep") {
		t.Error(err)
	}
}

// What encoding/xml does not give back as it read it is refused, and the message
// does not repeat it.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{
		"<a/>", "<a:b xmlns:a='u' a:c='1' d='2'>é&lt;&#13;<![CDATA[<]]><!-- c --><?p i?></a:b>",
		"<a xml:lang='x' b:c='d'><b/><c/><b/></a>",
	} {
		if !roundTrips([]byte(doc), func(xml.Token, int64, int64) {}) {
			t.Errorf("%s is refused", doc)
		}
	}
	// A prefix that its own element declares and has twice, and another.
	odd := "<a:b xmlns:a='" + secretText + "' a:c='1' xml:lang='x'/>"
	for _, doc := range []string{odd, "<a><b/>" + odd + "<b/></a>", "<x::y/>", "<a>&x;</a>"} {
		if roundTrips([]byte(doc), func(xml.Token, int64, int64) {}) {
			t.Errorf("%s is taken", doc)
		}
	}
	wantRefused(t, odd, trusted(t), ErrUnsupported, "programs read differently")
}
