package xmlsig

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// tamper is a change of a signed file of any maker.
type tamper struct {
	name   string
	change func(doc string) string
	kind   error // nil: it does no harm, and what is read is as it was
}

// replace changes the first match of a pattern, for which $1 and so on stand.
func replace(pattern, by string) func(string) string {
	re := regexp.MustCompile("(?s)" + pattern)
	return func(doc string) string {
		at := re.FindStringSubmatchIndex(doc)
		if at == nil {
			return doc
		}
		return doc[:at[0]] + string(re.ExpandString(nil, by, doc, at)) + doc[at[1]:]
	}
}

// moved takes the signature out and puts it, with something around it, before
// the end of the container.
func moved(before, after string) func(string) string {
	return func(doc string) string {
		sig := signatureElement.FindString(doc)
		doc = strings.Replace(doc, sig, "", 1)
		end := strings.LastIndex(doc, "</")
		return doc[:end] + before + sig + after + doc[end:]
	}
}

// errNoKey stands for what a file is refused with whose signature fits no key:
// ErrInvalid if it holds the certificate of a given key, else ErrUntrusted.
var errNoKey = errors.New("fits no key")

const smuggled = `<KeyPackage xmlns="urn:ietf:params:xml:ns:keyprov:pskc"><DeviceInfo><Manufacturer>Acme</Manufacturer><SerialNo>666</SerialNo></DeviceInfo>` +
	`<Key Id="evil" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:hotp"><Data><Secret><PlainValue>` + secretText + `</PlainValue></Secret></Data></Key></KeyPackage>`

func tampers(stranger *x509.Certificate) []tamper {
	evil := base64.StdEncoding.EncodeToString(stranger.Raw)
	return []tamper{
		{"serial", replace(`(SerialNo ?>\d*)\d<`, "${1}0<"), ErrInvalid},
		{"secret", replace(secretText[:8], "MTIzNDU3"), ErrInvalid},
		{"attribute", replace(` Id="[^"]*"`, ` Id="other"`), ErrInvalid},
		{"element renamed", replace(`(Manufacturer|SerialNo)>([^<]*)</([a-z]*:?)(Manufacturer|SerialNo) ?>`, "Model>$2</${3}Model>"), ErrInvalid},
		{"key removed", replace(`<([a-z]+:)?KeyPackage.*?</([a-z]+:)?KeyPackage>`, ""), ErrInvalid},
		{"key added before", replace(`(<([a-z]+:)?KeyPackage)`, smuggled+"$1"), ErrInvalid},
		{"key added after", replace(`</([a-z]+:)?KeyContainer>`, smuggled+"$0"), ErrInvalid},
		{"white space added", replace(`</([a-z]+:)?KeyContainer>`, " $0"), ErrInvalid},
		{"namespace of the signature", replace(regexp.QuoteMeta(`"http://www.w3.org/2000/09/xmldsig#">`), `"urn:ietf:params:xml:ns:keyprov:pskc">`), ErrUnsupported},
		{"signature removed", func(doc string) string { return signatureElement.ReplaceAllString(doc, "") },
			ErrUnsigned},
		{"signature in a comment", replace(`(`+signatureElement.String()[4:]+`)`, "<!--$1-->"), ErrUnsigned},
		{"signature twice", func(doc string) string {
			sig := signatureElement.FindString(doc)
			return strings.Replace(doc, sig, sig+sig, 1)
		}, ErrUnsupported},
		{"signature inside", moved(`<Extensions xmlns="urn:ietf:params:xml:ns:keyprov:pskc">`, "</Extensions>"), ErrInvalid},
		{"signature wrapped", moved(`<x:Signature xmlns:x="urn:x">`, "</x:Signature>"), ErrUnsupported},
		{"comment in a text", replace(`(SerialNo ?>\d)`, "$1<!-- -->"), ErrUnsupported},
		{"instruction in a text", replace(`(SerialNo ?>\d)`, "$1<?x?>"), ErrUnsupported},
		{"comment in the digest", replace(`(DigestValue>....)`, "$1<!---->"), ErrUnsupported},
		{"comment for a digest", replace(`(<(ds:)?DigestValue>)([^<]*)(</)`, "$1<!--$3-->$4"), ErrMalformed},
		{"comment in the value", replace(`(SignatureValue>....)`, "$1<!---->"), ErrUnsupported},
		{"element in the value", replace(`(SignatureValue>....)`, "$1<x/>"), ErrMalformed},
		{"value of letters that are not base64", replace(`(SignatureValue>)....`, "$1----"), ErrMalformed},
		{"value changed", replace(`(SignatureValue>....).`, "${1}/"), errNoKey},
		{"value cut", replace(`(SignatureValue>)....`, "$1"), errNoKey},
		{"digest changed", replace(`(DigestValue>)....`, "${1}AAAA"), errNoKey},
		{"digest removed", replace(`<(ds:)?DigestValue>[^<]*</(ds:)?DigestValue>`, ""), ErrMalformed},
		{"another algorithm", replace(`xmldsig-more#(rsa|ecdsa)-sha\d*`, "xmldsig-more#${1}-sha224"), ErrUnsupported},
		{"another canonical form", replace(`(CanonicalizationMethod Algorithm=")[^"]*`, "${1}http://www.w3.org/2001/10/xml-exc-c14n#WithComments"), errNoKey},
		{"no canonical form", replace(`<(ds:)?CanonicalizationMethod[^>]*/>`, ""), ErrMalformed},
		{"transform added", replace(`(<((ds:)?Transform) [^>]*/>)`, `$1<$2 Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"/>`), ErrUnsupported},
		{"SignedInfo of another namespace", replace(`<(ds:)?SignedInfo>(.*?)</(ds:)?SignedInfo>`, `<x:SignedInfo xmlns:x="urn:x">$2</x:SignedInfo>`), ErrMalformed},
		{"SignedInfo twice", replace(`(<((ds:)?SignedInfo)>.*?</(ds:)?SignedInfo>)`, "$1$1"), ErrMalformed},
		{"object with a key", replace(`(<(/(ds:)?)Signature>)`, "<ds:Object xmlns:ds='http://www.w3.org/2000/09/xmldsig#'>"+smuggled+"</ds:Object>$1"), ErrUnsupported},
		{"a second outermost element", func(doc string) string { return doc + smuggled }, ErrMalformed},
		{"DTD", replace(`(<([a-z]+:)?KeyContainer)`, "<!DOCTYPE x>$1"), ErrUnsupported},
		{"instruction before", replace(`(<([a-z]+:)?KeyContainer)`, "<?x?>$1"), ErrUnsupported},

		{"signature after the white space", moved("", ""), nil},
		{"text in the signature", replace(`(</(ds:)?SignedInfo>)`, "${1}x"), nil},
		{"no KeyInfo", replace(`<(ds:)?KeyInfo>.*</(ds:)?KeyInfo>`, ""), nil},
		{"another certificate in KeyInfo", replace(`</(ds:)?SignatureValue>.*</((ds:)?)Signature>`,
			"</${1}SignatureValue><${2}KeyInfo><${2}X509Data><${2}X509Certificate>"+evil+
				"</${2}X509Certificate></${2}X509Data></${2}KeyInfo></${2}Signature>"), nil},
		{"a key in KeyInfo", replace(`</(ds:)?SignatureValue>.*</((ds:)?)Signature>`, "</${1}SignatureValue><${2}KeyInfo>"+smuggled+"</${2}KeyInfo></${2}Signature>"), nil},
		{"a key in a comment", replace(`(<([a-z]+:)?KeyPackage)`, "<!--"+smuggled+"-->$1"), nil},
		{"a comment before", replace(`(<([a-z]+:)?KeyContainer)`, "<!-- x -->$1"), nil},
		{"order of attributes", replace(`(<[a-zA-Z:]*Key) (Id="[^"]*") (Algorithm="[^"]*")`, "$1 $3 $2"), nil},
	}
}

// checkTampers makes every change of a signed file. Whatever is not refused gives
// what was signed, and no more.
func checkTampers(t *testing.T, doc string, certs []*x509.Certificate, stranger *x509.Certificate) {
	t.Helper()
	want, err := Verify([]byte(doc), certs)
	if err != nil {
		t.Fatal(err)
	}
	keys := keysOf(t, want.Content)
	hit := 0
	for _, c := range tampers(stranger) {
		changed := c.change(doc)
		if changed == doc {
			continue // this maker writes no such thing
		}
		hit++
		if c.kind == nil {
			v, err := Verify([]byte(changed), certs)
			if err != nil || !bytes.Equal(v.Content, want.Content) || v.Certificate != want.Certificate {
				t.Errorf("%s: %v", c.name, err)
			} else if got := keysOf(t, v.Content); !reflect.DeepEqual(got, keys) {
				t.Errorf("%s: keys %v", c.name, got)
			}
			continue
		}
		kind := c.kind
		if kind == errNoKey {
			if kind = ErrUntrusted; strings.Contains(doc, "X509Certificate>") {
				kind = ErrInvalid
			}
		}
		v, err := Verify([]byte(changed), certs)
		if !errors.Is(err, kind) || v.Content != nil {
			t.Errorf("%s: got %v, want %v", c.name, err, kind)
		}
		wantNoSecret(t, err)
	}
	if hit < len(tampers(stranger))-6 {
		t.Errorf("only %d changes were made", hit)
	}
}

func TestTampered(t *testing.T) {
	t.Parallel()
	certs, stranger := trusted(t), certificates(t, "stranger")[0]
	for name, doc := range files(t, "good") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkTampers(t, doc, certs, stranger)
		})
	}
}

// Every byte of a file, changed: refused, or without effect on what is read.
func TestEveryByte(t *testing.T) {
	t.Parallel()
	certs := trusted(t)
	for _, name := range []string{"pskctool", "ecdsa-sha256-bare"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc := []byte(readFile(t, "testdata", "good", name+".pskc"))
			want, err := Verify(doc, certs)
			if err != nil {
				t.Fatal(err)
			}
			passed := 0
			for i := range doc {
				changed := bytes.Clone(doc)
				changed[i] ^= 1
				v, err := Verify(changed, certs)
				if err == nil {
					passed++
				}
				if err == nil && !bytes.Equal(v.Content, want.Content) {
					t.Errorf("byte %d changes what is read:\n%s", i, v.Content)
				}
				wantNoSecret(t, err)
			}
			// A part of KeyInfo, and white space, may be anything.
			if passed == 0 || passed > len(doc)/2 {
				t.Errorf("%d of %d changes pass", passed, len(doc))
			}
		})
	}
}
