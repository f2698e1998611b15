package xmlsig

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// long is a text of so many packages that it is cut into several pieces.
func long(open, last string) string {
	var b strings.Builder
	b.WriteString(open)
	for i := 0; b.Len() < 3*pieceBytes; i++ {
		fmt.Fprintf(&b, "\n<KeyPackage><DeviceInfo><SerialNo>%07d</SerialNo></DeviceInfo><!-- %d -->"+
			"<Key Id='%d' Algorithm=\"urn:ietf:params:xml:ns:keyprov:pskc:hotp\"/></KeyPackage>", i, i, i)
	}
	return b.String() + last + "</KeyContainer>"
}

const container = `<KeyContainer Version="1.0" Id="all" xmlns="urn:ietf:params:xml:ns:keyprov:pskc" xmlns:x="urn:unused">`

// A file is verified in pieces, and the pieces make the bytes that were signed: by a
// program that knows nothing of pieces, in the default form and in one that is named.
func TestPiecesAreTheWhole(t *testing.T) {
	t.Parallel()
	p := newKeyPair(t, "rsa", "rsa:2048")
	const sha256 = "http://www.w3.org/2001/04/xmlenc#sha256"
	signed := p.signXMLSec(t, long(container, "<!-- last -->"),
		"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", sha256, "")
	v, err := Verify([]byte(signed), p.parsed)
	if err != nil {
		t.Fatal(err)
	}
	if tr, err := load([]byte(signed)); err != nil || len(tr.pieces.ranges) < 3 {
		t.Fatal("the file was not cut, so that this test shows nothing", err)
	}
	if n := bytes.Count(v.Content, []byte("<KeyPackage>")); n != strings.Count(signed, "<KeyPackage>") ||
		bytes.Contains(v.Content, []byte("<!--")) || bytes.Contains(v.Content, []byte("Signature")) {
		t.Errorf("%d packages, or what does not belong there", n)
	}
	for _, part := range []string{"0000000", "0002000", "0004000"} {
		if !strings.Contains(signed, part) {
			t.Fatalf("there is no package %s", part)
		}
		bad := strings.Replace(signed, ">"+part+"<", ">9999999<", 1)
		wantRefused(t, bad, p.parsed, ErrInvalid, "altered")
	}
	first := strings.Index(signed, "<KeyPackage>")
	wantRefused(t, signed[:first]+signed[first+strings.Index(signed[first:], "</KeyPackage>")+len("</KeyPackage>"):],
		p.parsed, ErrInvalid, "altered")
}

// What is asked of a file is asked of all its pieces together.
func TestPiecesAreJudgedTogether(t *testing.T) {
	t.Parallel()
	const sig = `<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/>`
	tr, err := load([]byte(long(container+sig, sig)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tr.signature(); err == nil || !strings.Contains(err.Error(), "2 signatures") {
		t.Errorf("two signatures in two pieces: %v", err)
	}
	for last, several := range map[string]bool{"": false, `<a Id="all"/>`: true, `<a><b ID="all"/></a>`: true} {
		if tr, err = load([]byte(long(container, last))); err != nil {
			t.Fatal(err)
		}
		err := tr.refersToRoot("#all")
		if (err != nil) != several || several && !strings.Contains(err.Error(), "several elements") {
			t.Errorf("an Id in the last piece %q: %v", last, err)
		}
	}
	if _, err := load([]byte(long(container+"text", "<?note?>"))); err == nil {
		t.Error("text in the first piece and an instruction in the last are taken")
	}
}
