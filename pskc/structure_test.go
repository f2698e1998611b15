package pskc

import (
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
	"strings"
	"testing"
	"time"
)

// The same file in the clothes that real files wear.
func TestClothes(t *testing.T) {
	t.Parallel()
	file := sealedFile("1")
	value := between(file, "<PlainValue>", "</PlainValue>")
	macs := between(file, "<ValueMAC>", "</ValueMAC>")
	mac := strings.TrimSuffix(strings.TrimPrefix(macs, "<ValueMAC>"), "</ValueMAC>")
	prefixed := file
	for _, r := range [][2]string{{"<xenc:", "\x01"}, {"</xenc:", "\x02"}, {"<ds:", "\x03"}, {"</ds:", "\x04"}} {
		prefixed = strings.ReplaceAll(prefixed, r[0], r[1])
	}
	prefixed = strings.ReplaceAll(strings.ReplaceAll(prefixed, "</", "</_p.1-x:"), "<", "<_p.1-x:")
	prefixed = strings.ReplaceAll(prefixed, "<_p.1-x:/_p.1-x:", "</_p.1-x:")
	for _, r := range [][2]string{{"<xenc:", "\x01"}, {"</xenc:", "\x02"}, {"<ds:", "\x03"}, {"</ds:", "\x04"}} {
		prefixed = strings.ReplaceAll(prefixed, r[1], r[0])
	}
	prefixed = strings.Replace(prefixed, "xmlns=", "xmlns:_p.1-x=", 1)
	for name, f := range map[string]string{
		"as is":         file,
		"declared":      `<?xml version="1.0" encoding="utf-8" standalone="yes"?>` + file,
		"single quotes": strings.ReplaceAll(file, `"`, `'`),
		"bom":           "\xef\xbb\xbf<?xml version='1.0'?>" + file,
		"blanks before": " \r\n\t<?xml version='1.0' encoding='UTF-8' ?>\n" + file,
		"crlf":          strings.ReplaceAll(file, "\n", "\r\n"),
		"cr":            strings.ReplaceAll(file, "\n", "\r"),
		"comments":      strings.ReplaceAll(file, "><", "><!-- <a> & --><"),
		"instructions":  strings.ReplaceAll(file, "><", "><?x y?><"),
		"xmlns =":       strings.Replace(file, "xmlns=", "xmlns =\n ", 1),
		"prefix":        prefixed,
		"cdata":         strings.ReplaceAll(file, value, "<PlainValue><![CDATA[0]]></PlainValue>"),
		"line breaks":   strings.ReplaceAll(file, mac, "\n "+mac[:5]+"\r\n\t"+mac[5:9]+"<!-- here -->"+mac[9:]+"\n"),
		"split cdata":   strings.ReplaceAll(file, mac, mac[:5]+"<![CDATA["+mac[5:9]+"]]>"+mac[9:]),
		"references":    strings.ReplaceAll(file, mac, "&#x"+fmt.Sprintf("%x", mac[0])+";"+mac[1:]),
		"schema": strings.Replace(file, "<KeyContainer", `<KeyContainer xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" `+
			`xsi:schemaLocation="a b" xml:lang="en"`, 1),
		"version 1":  strings.Replace(file, `"1.0"`, `"1"`, 1),
		"no version": strings.Replace(file, ` Version="1.0"`, "", 1),
		"mac inside": strings.Replace(strings.Replace(file, macs, "", 1), "</EncryptedValue>", macs+"</EncryptedValue>",
			1),
		"key name": strings.Replace(file, "<EncryptedValue>",
			"<EncryptedValue><ds:KeyInfo><ds:KeyName>Pre-shared-key</ds:KeyName></ds:KeyInfo>", 1),
		"extensions": strings.NewReplacer("</DeviceInfo>", "<Extensions><x/></Extensions></DeviceInfo>",
			"</Data>", `<v:x xmlns:v="urn:v"><PlainValue>1</PlainValue></v:x></Data><Extensions definition="d">t<Secret/></Extensions>`,
			"</KeyPackage>", "<Extensions/></KeyPackage><Extensions/>").Replace(file),
		"unnamed key": strings.Replace(file, pskHeader, "", 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := wantOne(t, readString(t, f, Options{PreSharedKey: testKey}))
			if string(k.Secret) != seed || k.Serial != "1" || k.ID != "1" || !k.HasCounter || k.Manufacturer != "Acme" {
				t.Errorf("%+v", k)
			}
		})
	}
}

// Every way files write PBKDF2 down.
func TestDerivations(t *testing.T) {
	t.Parallel()
	const pass, salt, count = "pässword", "saltsalt", 7
	more, old := "http://www.w3.org/2001/04/xmldsig-more#", "http://www.w3.org/2000/09/xmldsig#"
	for _, c := range []struct {
		prf  string
		hash func() hash.Hash
	}{
		{"", sha1.New},
		{"<P:PRF/>", sha1.New},
		{`<P:PRF Algorithm=""/>`, sha1.New},
		{`<P:PRF Algorithm="` + old + `hmac-sha1"/>`, sha1.New},
		{`<P:PRF Algorithm="` + more + `hmac-sha224"/>`, sha256.New224},
		{`<P:PRF Algorithm="` + more + `hmac-sha256"/>`, sha256.New},
		{`<P:PRF Algorithm="` + more + `hmac-sha384"/>`, sha512.New384},
		{`<P:PRF Algorithm="` + more + `hmac-sha512"/>`, sha512.New},
		{`<P:PRF>` + more + `hmac-sha512</P:PRF>`, sha512.New},
	} {
		key, err := pbkdf2.Key(c.hash, pass, []byte(salt), count, 16)
		if err != nil {
			t.Fatal(err)
		}
		secret := sealedUnder(key, "Secret", []byte(seed), 1)
		for _, prefix := range []string{"xenc11:", "pkcs5:", "none", ""} {
			for _, uri := range []string{
				"http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#pbkdf2",
				"http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5#pbkdf2",
				"http://www.w3.org/2009/xmlenc11#pbkdf2",
			} {
				for _, length := range []string{"", "<P:KeyLength>16</P:KeyLength>"} {
					params := "<P:PBKDF2-params><P:Salt><P:Specified>" + b64([]byte(salt)) + "</P:Specified></P:Salt>" +
						fmt.Sprintf("<P:IterationCount> %d </P:IterationCount>", count) + length + c.prf +
						"</P:PBKDF2-params>"
					if prefix == "none" {
						params = strings.Replace(strings.ReplaceAll(params, "P:", ""), "<PBKDF2-params>", `<PBKDF2-params xmlns="">`, 1)
					} else {
						params = strings.ReplaceAll(params, "P:", prefix)
					}
					file := derivedFile(uri, params)
					file = strings.Replace(file, cipherXML(seal(testKey, testMACKey, 1)),
						cipherXML(seal(key, testMACKey, 1)), 1)
					file = strings.Replace(file, sealed("Secret", []byte(seed), 1), secret, 1)
					k := wantOne(t, readString(t, file, Options{Passphrase: []byte(pass)}))
					if string(k.Secret) != seed {
						t.Fatal("wrong secret")
					}
				}
			}
		}
	}
}

func TestKinds(t *testing.T) {
	t.Parallel()
	const suite = "OCRA-1:HOTP-SHA1-6:QN08"
	for _, c := range []struct {
		uri   string
		kind  Kind
		suite string
	}{
		{hotpURI, HOTP, ""},
		{totpURI, TOTP, ""},
		{"urn:ietf:params:xml:ns:keyprov:pskc#hotp", HOTP, ""},
		{"http://www.ietf.org/keyprov/pskc#hotp", HOTP, ""},
		{"http://www.ietf.org/keyprov/pskc#totp", TOTP, ""},
		{"#hotp", HOTP, ""},
		{"HOTP", HOTP, ""},
		{"totp", TOTP, ""},
		{"urn:ietf:params:xml:ns:keyprov:pskc:pin", PIN, ""},
		{ocraURI + ":" + suite, OCRA, suite},
		{"urn:ietf:params:xml:ns:keyprov:pskc#" + suite, OCRA, suite},
		{"urn:ietf:params:xml:ns:keyprov:pskc:" + suite, OCRA, suite},
		{suite, OCRA, suite},
		{"http://www.yubico.com/#yubikey-aes", Other, ""},
		{"urn:ietf:params:xml:ns:keyprov:pskc:hotp2", Other, ""},
	} {
		k := wantOne(t, readString(t, container(pkg("1", "1", c.uri, data(plainSecret(seed)))), Options{}))
		if k.Kind != c.kind || k.Suite != c.suite || k.Algorithm != c.uri {
			t.Errorf("%s: %s, suite %q", c.uri, k.Kind, k.Suite)
		}
	}
}

func TestSuites(t *testing.T) {
	t.Parallel()
	file := func(suite string) string {
		return container(pkg("1", "1", totpURI, "<AlgorithmParameters><Suite>"+suite+"</Suite></AlgorithmParameters>"+
			data(plainSecret(seed))))
	}
	for suite, want := range map[string]string{
		"": "SHA1", "SHA1": "SHA1", "HMAC-SHA1": "SHA1", "sha-1": "SHA1", "HMAC-SHA-1": "SHA1",
		"HMAC-SHA256": "SHA256", "sha256": "SHA256", "HmacSHA256": "SHA256", "SHA-256": "SHA256",
		"hmac_sha256": "SHA256",
		"HMAC-SHA512": "SHA512", "Sha512": "SHA512",
		"http://www.w3.org/2001/04/xmldsig-more#hmac-sha512": "SHA512",
		"http://www.w3.org/2001/04/xmlenc#sha256":            "SHA256",
	} {
		if k := wantOne(t, readString(t, file(suite), Options{})); k.Hash != want || k.Suite != suite {
			t.Errorf("%q: %s, suite %q", suite, k.Hash, k.Suite)
		}
	}
	for _, suite := range []string{"MD5", "SHA224", "HMAC-SHA384", "SHA", "SHA11", "SHA2560", "HOTP", "SHA3-256", "x"} {
		wantRefused(t, readString(t, file(suite), Options{}), "is not a known hash")
	}
}

func TestIntegers(t *testing.T) {
	t.Parallel()
	const maxU = "18446744073709551615"
	counter := func(text string) result {
		return readString(t, plainFile(data(plainSecret(seed), plain("Counter", text))), Options{})
	}
	for text, want := range map[string]uint64{
		"0": 0, "831791": 831791, " +7\n": 7, "-0": 0, "007": 7, maxU: 1<<64 - 1,
		// also base64, but text comes first
		"1234": 1234,
		// no float has it
		"9007199254740993": 1<<53 + 1,
	} {
		if k := wantOne(t, counter(text)); k.Counter != want || !k.HasCounter {
			t.Errorf("%q: %d", text, k.Counter)
		}
	}
	for text, reason := range map[string]string{
		"": "not a decimal number", "abc": "not a decimal number", "1.5": "not a decimal number",
		"-": "not a decimal number", "0x1": "not a decimal number",
		"-1":                   "negative",
		"18446744073709551616": "64 bits", "1e3": "not a decimal number", "1e+3": "not a decimal number",
		"0x2A": "not a decimal number", "002A": "not a decimal number", "00FF": "not a decimal number",
		"0000002A": "not a decimal number", "AAAAAAAAACo=": "not a decimal number", "NDI=": "not a decimal number",
	} {
		wantRefused(t, counter(text), reason)
	}
	// In drafts numbers may be base64, of a word or of decimal text, and of nothing else.
	draft := func(text string) result {
		return readString(t, strings.Replace(plainFile(data(plainSecret(seed), plain("Counter", text))),
			"keyprov:pskc", "keyprov:container:1.0", 1), Options{})
	}
	for text, want := range map[string]uint64{"42": 42, "NzA5Nzkx": 709791, "//////////8=": 1<<64 - 1,
		"gAAAAAAAAAA=": 1 << 63, "MTg0NDY3NDQwNzM3MDk1NTE2MTU=": 1<<64 - 1,
		"OTAwNzE5OTI1NDc0MDk5Mw==": 1<<53 + 1, "ACAAAAAAAAE=": 1<<53 + 1} {
		if k := wantOne(t, draft(text)); k.Counter != want || !k.HasCounter {
			t.Errorf("draft, %q: %d", text, k.Counter)
		}
	}
	for text, reason := range map[string]string{"0x2A": "not a decimal", "002A": "not a decimal",
		"0000002A": "not a decimal", "1e+3": "not a decimal", "AAYxSg==": "not a decimal", "AA==": "not a decimal",
		"MTg0NDY3NDQwNzM3MDk1NTE2MTY=": "64 bits", "MHgyQTB4MkE=": "not a number"} {
		wantRefused(t, draft(text), reason)
	}
	// What was encrypted and is neither digits nor a word: text in another notation.
	for _, text := range []string{"0x2A", "002A", "0000002A", "1e+3", "1.5"} {
		file := container(pskHeader, macXML(), pkg("1", "1", hotpURI, data(sealed("Secret", []byte(seed), 0),
			sealed("Counter", []byte(text), 1))))
		wantRefused(t, readString(t, file, Options{PreSharedKey: testKey}), "not a number")
	}
	file := container(pskHeader, macXML(), pkg("1", "1", totpURI, data(
		sealed("Secret", []byte(seed), 0), sealed("Counter", []byte{0, 0, 0, 0, 0, 0x0e, 0xab, 0x70}, 1),
		sealed("Time", []byte("298507"), 2), sealed("TimeInterval", []byte{60}, 3),
		sealed("TimeDrift", []byte{0xff, 0xff, 0xff, 0xfe}, 4))))
	k := wantOne(t, readString(t, file, Options{PreSharedKey: testKey}))
	if k.Counter != 961392 || k.Time != 298507 || k.Interval != 60 || k.Drift != -2 || k.Period() != time.Minute {
		t.Errorf("%+v", k)
	}
	drift := func(text string) *Key {
		return wantOne(t, readString(t, strings.Replace(plainFile(data(plainSecret(seed), plain("TimeDrift", text))),
			"keyprov:pskc", "keyprov:container", 1), Options{}))
	}
	for text, want := range map[string]int64{
		"-4": -4, "4": 4, "-9223372036854775808": -1 << 63, "//////////8=": -1,
		"gAAAAAAAAAA=": -1 << 63,
	} {
		if k := drift(text); k.Drift != want || !k.HasDrift {
			t.Errorf("%q: %d", text, k.Drift)
		}
	}
	for _, v := range []string{plain("Time", maxU), plain("TimeDrift", "-9223372036854775809"),
		plain("TimeInterval", maxU+"0")} {
		wantRefused(t, readString(t, plainFile(data(plainSecret(seed), v)), Options{}), "64 bits")
	}
	for _, v := range []string{"0", "99999999999"} {
		wantRefused(t, readString(t, plainFile(data(plainSecret(seed), plain("TimeInterval", v))), Options{}),
			"out of range")
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	k := wantOne(t, readString(t, plainFile(data(plainSecret(seed))), Options{}))
	if k.Digits() != 6 || k.Period() != 30*time.Second || k.Hash != "SHA1" || k.Counter != 0 ||
		k.HasCounter || k.HasInterval || k.HasResponse || k.HasTime || k.HasDrift || k.HasChallenge {
		t.Errorf("%+v", k)
	}
	if !k.NotBefore.IsZero() || !k.NotAfter.IsZero() {
		t.Error("dates from nowhere")
	}
}

func TestDates(t *testing.T) {
	t.Parallel()
	file := func(device, policy string) string {
		f := plainFile(data(plainSecret(seed)) + "<Policy>" + policy + "</Policy>")
		return strings.Replace(f, "</DeviceInfo>", device+"</DeviceInfo>", 1)
	}
	start := func(s string) string { return "<StartDate>" + s + "</StartDate>" }
	end := func(s string) string { return "<ExpiryDate>" + s + "</ExpiryDate>" }
	for _, c := range []struct{ device, policy, from, to string }{
		{start("2020-01-01T00:00:00Z"), start("2021-01-01T00:00:00Z"), "2021-01-01T00:00:00Z", ""},
		{start("2022-01-01T00:00:00Z"), start("2021-01-01T00:00:00Z"), "2022-01-01T00:00:00Z", ""},
		{end("2022-01-01T00:00:00Z"), end("2021-01-01T00:00:00Z"), "", "2021-01-01T00:00:00Z"},
		{end("2022-01-01T00:00:00Z"), "", "", "2022-01-01T00:00:00Z"},
		{"", end(" 2022-06-01T02:00:00+02:00\n"), "", "2022-06-01T00:00:00Z"},
		{"", start("2022-06-01T02:00:00.250"), "2022-06-01T02:00:00.25Z", ""},
	} {
		k := wantOne(t, readString(t, file(c.device, c.policy), Options{}))
		for _, d := range []struct {
			got  time.Time
			want string
		}{{k.NotBefore, c.from}, {k.NotAfter, c.to}} {
			if d.want == "" != d.got.IsZero() || d.want != "" && !d.got.Equal(date(t, d.want)) {
				t.Errorf("%+v: %v", c, d.got)
			}
		}
	}
	for _, bad := range []string{"", "01/01/2008", "2008-13-01T00:00:00Z", "2008-01-01", "tomorrow",
		"0000-12-31T00:00:00Z", "9999-12-31T23:59:59-00:01", strings.Repeat("2", 100)} {
		wantRefused(t, readString(t, file(start(bad), ""), Options{}), "StartDate is not a date")
		wantRefused(t, readString(t, file("", end(bad)), Options{}), "ExpiryDate is not a date")
	}
}
