package pskc

import (
	"strings"
	"testing"
)

// What one key may not hold; the next key is read all the same.
func TestRefusals(t *testing.T) {
	t.Parallel()
	good := data(plainSecret(seed))
	format := func(attrs string) string {
		return "<AlgorithmParameters><ResponseFormat " + attrs + "/></AlgorithmParameters>" + good
	}
	secret := func(inner string) string { return data("<Secret>" + inner + "</Secret>") }
	for _, c := range []struct{ name, alg, inKey, reason string }{
		{"no algorithm", "", good, "no Algorithm"},
		{"no data", hotpURI, "", "it has no secret"},
		{"no secret", hotpURI, data(plain("Counter", "1")), "it has no secret"},
		{"short", hotpURI, data(plainSecret("123456789012345")), "secret of 120 bits is too short"},
		{"empty secret", hotpURI, data(plainSecret("")), "secret of 0 bits"},
		{"empty pin", "pin", data(plainSecret("")), "secret of 0 bits"},
		{"not base64", hotpURI, secret("<PlainValue>####</PlainValue>"), "not base64"},
		{"stray bits", hotpURI, secret("<PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTB=</PlainValue>"), "not base64"},
		{"no padding", hotpURI, secret("<PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA</PlainValue>"), "not base64"},
		{"no value", hotpURI, secret(""), "no value"},
		{"text value", hotpURI, secret("MTIz"), "text between elements"},
		{"two secrets", hotpURI, data(plainSecret(seed), plainSecret(seed)), "Secret twice"},
		{"two data", hotpURI, good + good, "Data twice"},
		{"two values", hotpURI, secret("<PlainValue>AAAA</PlainValue><PlainValue>AAAA</PlainValue>"), "two values"},
		{"both values", hotpURI, secret("<PlainValue>AAAA</PlainValue><EncryptedValue/>"), "two values"},
		{"both values 2", hotpURI,
			secret("<EncryptedValue>" + cipherXML(testKey) + "</EncryptedValue><PlainValue>AAAA</PlainValue>"),
			"two values"},
		{"no method", hotpURI,
			secret(
				"<EncryptedValue><xenc:CipherData><xenc:CipherValue>AAAA</xenc:CipherValue></xenc:CipherData></EncryptedValue>"), "without an EncryptionMethod"},
		{"no cipher", hotpURI, secret(`<EncryptedValue><xenc:EncryptionMethod Algorithm="a"/></EncryptedValue>`), "without a CipherValue"},
		{"cipher reference", hotpURI, secret(`<EncryptedValue><xenc:CipherData><xenc:CipherReference URI="a"/></xenc:CipherData></EncryptedValue>`), "CipherReference"},
		{"element in value", hotpURI, secret("<PlainValue>AA<b/>AA</PlainValue>"), `"b" inside PlainValue`},
		{"unknown element", hotpURI, "<Colour>red</Colour>" + good, `"Colour" is not known in Key`},
		{"unknown attribute", hotpURI, "<AlgorithmParameters Hash='HMAC-SHA256'/>" + good, `"Hash" is not known in AlgorithmParameters`},
		{"no namespace", hotpURI, `<Policy xmlns=""><Colour/></Policy>` + good, `"Colour" is not known in Policy`},
		{"draft namespace", hotpURI, `<Policy xmlns="urn:ietf:params:xml:ns:keyprov:pskc:1.0"/>` + good, "of another version of PSKC"},
		{"unknown suite attribute", totpURI, "<AlgorithmParameters Suite='MD5'/>" + good, `"MD5" is not a known hash`},
		{"two suite spellings", totpURI,
			"<AlgorithmParameters Suite='SHA1'><Suite>SHA256</Suite></AlgorithmParameters>" + good, "Suite twice"},
		{"two suite names", totpURI,
			"<AlgorithmParameters><Suite hashalgo='SHA1'>SHA256</Suite></AlgorithmParameters>" + good, "names two"},
		{"two length spellings", totpURI, format(`Length="6" length="8"`), "twice in ResponseFormat"},
		{"two encoding spellings", totpURI, format(`Encoding="DECIMAL" Format="DECIMAL"`), "twice in ResponseFormat"},
		{"usage", totpURI, `<Usage OTP="maybe"/>` + good, "OTP is not true or false"},
		{"unknown usage", totpURI, `<Usage Dance="true"/>` + good, `"Dance" is not known in Usage`},
		{"unknown data", totpURI, `<Data Name="COLOUR"><Value>AAAA</Value></Data>` + good, `the unknown name "COLOUR"`},
		{"secret twice", totpURI, `<Data Name="SECRET"><Value>AAAA</Value></Data>` + good, "Secret twice"},
		{"secret twice again", totpURI, good + `<Data Name="Secret"><Value>AAAA</Value></Data>`, "Secret twice"},
		{"access rules", totpURI, good + `<AccessRules/>`, "AccessRules"},
		{"foreign value", hotpURI, secret(`<f:x xmlns:f="urn:f"/>`), `namespace "urn:f"`},
		{"foreign policy", hotpURI, good + `<Policy><f:x xmlns:f="urn:f"/></Policy>`, `namespace "urn:f" is not known in Policy`},
		{"policy extension", hotpURI, good + `<Policy><Extensions/></Policy>`, `"Extensions" is not known in Policy`},
		{"key usage", hotpURI, good + `<Policy><KeyUsage>Dance</KeyUsage></Policy>`, `unknown KeyUsage "Dance"`},
		{"pin attribute", hotpURI, good + `<Policy><PINPolicy OnWeekDaysOnly="TRUE"/></Policy>`, "OnWeekDaysOnly"},
		{"pin element", hotpURI, good + `<Policy><PINPolicy><Foo/></PINPolicy></Policy>`, "Foo"},
		{"pin mode", hotpURI, good + `<Policy><PINPolicy PINUsageMode="Shout"/></Policy>`, "Shout"},
		{"pin length", hotpURI, good + `<Policy><PINPolicy MinLength="-1"/></Policy>`, "MinLength"},
		{"two pin policies", hotpURI, good + `<Policy><PINPolicy/><PINPolicy/></Policy>`, "PINPolicy twice"},
		{"transactions", hotpURI, good + `<Policy><NumberOfTransactions>-1</NumberOfTransactions></Policy>`, "NumberOfTransactions"},
		{"hex", hotpURI, format(`Encoding="HEXADECIMAL" Length="6"`), "encoded as HEXADECIMAL"},
		{"odd encoding", hotpURI, format(`Encoding="OCTAL" Length="6"`), "OCTAL"},
		{"5 digits", hotpURI, format(`Encoding="DECIMAL" Length="5"`), "have 5 digits"},
		{"11 digits", totpURI, format(`Encoding="DECIMAL" Length="11"`), "have 11 digits"},
		{"not digits", totpURI, format(`Encoding="DECIMAL" Length="six"`), "Length is not a number"},
		{"check digits", totpURI, format(`Encoding="DECIMAL" Length="6" CheckDigits="true"`), "check digits"},
		{"check maybe", totpURI, format(`Encoding="DECIMAL" Length="6" CheckDigits="maybe"`), "CheckDigits is not true or false"},
		{"challenge check", "OCRA-1:HOTP-SHA1-6:QN08", "<AlgorithmParameters><ChallengeFormat Encoding='DECIMAL' " +
			"Min='1' Max='8' CheckDigits='1'/></AlgorithmParameters>" + good, "check digits"},
		{"two formats", hotpURI, "<AlgorithmParameters><ResponseFormat/><ResponseFormat/></AlgorithmParameters>" + good,
			"ResponseFormat twice"},
		{"two suites", hotpURI, "<AlgorithmParameters><Suite/><Suite/></AlgorithmParameters>" + good, "Suite twice"},
		{"no ocra suite", ocraURI, good, "OCRA key without a suite"},
		{"odd ocra suite", ocraURI, "<AlgorithmParameters><Suite>HMAC-SHA1</Suite></AlgorithmParameters>" + good,
			"not an OCRA suite"},
		{"other ocra suite", ocraURI + ":OCRA-1:HOTP-SHA1-6:QN08",
			"<AlgorithmParameters><Suite>OCRA-1:HOTP-SHA1-8:QN08</Suite></AlgorithmParameters>" + good,
			"two different OCRA suites"},
		{"control character", hotpURI, "<Issuer>a&#x85;b</Issuer>" + good, "control character"},
		{"delete", hotpURI, "<Issuer>a&#127;b</Issuer>" + good, "control character"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bad := pkg("1", "bad", c.alg, c.inKey)
			next := pkg("2", "good", hotpURI, good)
			res := readString(t, container(bad, next), Options{AllowUnauthenticated: true})
			if res.err != nil || len(res.keys) != 1 || len(res.refused) != 1 || res.keys[0].ID != "good" {
				t.Fatalf("%d keys, refused %v, error %v", len(res.keys), res.refused, res.err)
			}
			e := res.refused[0]
			if !strings.Contains(e.Reason, c.reason) || e.ID != "bad" || e.Serial != "1" || e.Manufacturer != "Acme" ||
				e.Line != 3 {
				t.Errorf("%+v", e)
			}
		})
	}
}

// What concerns a device refuses each of its keys; what concerns the file ends
// the reading.
func TestDevicesAndContainer(t *testing.T) {
	t.Parallel()
	good := data(plainSecret(seed))
	key := func(id string) string { return `<Key Id="` + id + `" Algorithm="` + hotpURI + `">` + good + "</Key>" }
	device := func(s string) string { return "<KeyPackage><DeviceInfo>" + s + "</DeviceInfo>" }
	for name, c := range map[string][2]string{
		"unknown":    {device("<SerialNo>1</SerialNo><Colour/>"), "Colour"},
		"two serial": {device("<SerialNo>1</SerialNo><SerialNo>2</SerialNo>"), "SerialNo twice"},
		"attribute":  {device(`<SerialNo a="b">1</SerialNo>`), `"a"`},
		"package":    {`<KeyPackage a="b">`, `"a" is not known in KeyPackage`},
		"element":    {`<KeyPackage><Colour/>`, "Colour"},
		"two info":   {device("") + "<DeviceInfo/>", "DeviceInfo twice"},
		"module":     {`<KeyPackage><CryptoModuleInfo><Id>1</Id><Id>2</Id></CryptoModuleInfo>`, "Id twice"},
	} {
		res := readString(t, container(c[0]+key("a")+key("b")+"</KeyPackage>", pkg("2", "c", hotpURI, good)), Options{})
		if res.err != nil || len(res.keys) != 1 || len(res.refused) != 2 ||
			!strings.Contains(res.refused[1].Reason, c[1]) {
			t.Errorf("%s: %v %v", name, res.refused, res.err)
		}
	}
	wantRefused(t, readString(t, container(device("<SerialNo>7</SerialNo>")+"</KeyPackage>"), Options{}),
		"holds no Key")
	for name, c := range map[string][2]string{
		"late device":    {"<KeyPackage>" + key("a") + "<DeviceInfo/></KeyPackage>", "DeviceInfo after a Key"},
		"late method":    {pkg("1", "a", hotpURI, good) + macXML(), "MACMethod after a KeyPackage"},
		"late key":       {pkg("1", "a", hotpURI, good) + pskHeader, "EncryptionKey after a KeyPackage"},
		"unknown":        {"<Colour/>" + pkg("1", "a", hotpURI, good), "Colour"},
		"two keys":       {pskHeader + pskHeader, "EncryptionKey twice"},
		"two methods":    {macXML() + macXML(), "MACMethod twice"},
		"mac algorithm":  {"<MACMethod/>", "without an Algorithm"},
		"text":           {"text" + pkg("1", "a", hotpURI, good), "text between elements"},
		"text in packet": {"<KeyPackage>text" + key("a") + "</KeyPackage>", "text between elements"},
		"two attributes": {`<KeyPackage a="1" a="2">`, "twice in one tag"},
		"same attribute": {`<KeyPackage xmlns:a="urn:x" xmlns:b="urn:x" a:c="1" b:c="2">`, "twice in one tag"},
		"prefix":         {"<p:x/>", "not declared"},
	} {
		res := readString(t, container(c[0]), Options{})
		if res.err == nil || !strings.Contains(res.err.Error(), c[1]) {
			t.Errorf("%s: %v", name, res.err)
		}
	}
}

// Ways of encryption that are not read are named.
func TestUnsupportedNamed(t *testing.T) {
	t.Parallel()
	file := sealedFile("1")
	for _, c := range []struct{ name, file, text string }{
		{"3des", strings.ReplaceAll(file, aes128URI, "http://www.w3.org/2001/04/xmlenc#tripledes-cbc"),
			"option AllowTripleDES"},
		{"3des mac", strings.Replace(file, aes128URI, "http://www.w3.org/2001/04/xmlenc#tripledes-cbc", 1),
			"the MAC key: encrypted with Triple-DES"},
		{"3des kw", strings.ReplaceAll(file, aes128URI, "http://www.w3.org/2001/04/xmlenc#kw-tripledes"),
			"Triple-DES key wrap (kw-tripledes): not supported"},
		{"camellia", strings.ReplaceAll(file, aes128URI, "http://www.w3.org/2001/04/xmldsig-more#camellia128-cbc"),
			"Camellia (camellia128-cbc): not supported"},
		{"camellia kw", strings.ReplaceAll(file, aes128URI, "http://www.w3.org/2001/04/xmldsig-more#kw-camellia256"),
			"Camellia key wrap"},
		{"odd space", strings.ReplaceAll(file, aes128URI, "http://www.w3.org/2001/04/other#aes128-cbc"),
			"other#aes128-cbc"},
		{"gcm", strings.ReplaceAll(file, aes128URI, "http://www.w3.org/2009/xmlenc11#aes128-gcm"),
			"AES-GCM (aes128-gcm)"},
		{"made up", strings.ReplaceAll(file, aes128URI, "urn:rot13"), `"urn:rot13"`},
		{"mac key", strings.Replace(file, aes128URI, "http://www.w3.org/2009/xmlenc11#aes128-gcm", 1),
			"the MAC key: encrypted with AES-GCM"},
		{"mac", strings.Replace(file, sha1URI, "http://www.w3.org/2001/04/xmldsig-more#hmac-md5", 1), "hmac-md5"},
		{"mac reference", strings.Replace(file, between(file, "<MACKey>", "</MACKey>"),
			"<MACKeyReference>k</MACKeyReference>", 1), "MACKeyReference"},
		{"certificate", strings.Replace(file, pskHeader, "<EncryptionKey><ds:X509Data/></EncryptionKey>", 1),
			"for a certificate (X509Data)"},
		{"public key", strings.Replace(file, pskHeader, "<EncryptionKey><ds:KeyValue/></EncryptionKey>", 1),
			"for a public key (KeyValue)"},
		{"agreed key", strings.Replace(file, pskHeader, "<EncryptionKey><xenc:AgreementMethod/></EncryptionKey>", 1),
			"under an agreed key (AgreementMethod)"},
		{"pgp", strings.Replace(file, pskHeader, "<EncryptionKey><ds:PGPData/></EncryptionKey>", 1),
			"for a PGP key (PGPData)"},
	} {
		wantFatal(t, readString(t, c.file, Options{PreSharedKey: testKey}), ErrUnsupported, c.text)
	}
	two := sealedFile("1", "2")
	i := strings.LastIndex(two, aes128URI)
	res := readString(t, two[:i]+"urn:rot13"+two[i+len(aes128URI):], Options{PreSharedKey: testKey})
	if res.err != nil || len(res.keys) != 1 || len(res.refused) != 1 || res.refused[0].Err != ErrUnsupported {
		t.Error(res)
	}
}

// Details of encrypted values that matter once and again.
func TestEncryptedDetails(t *testing.T) {
	t.Parallel()
	file := sealedFile("1")
	opt := Options{PreSharedKey: testKey}
	info := func(s string) string {
		return strings.Replace(file, "<EncryptedValue>", `<EncryptedValue Id="ED" Type="t"><ds:KeyInfo>`+s+"</ds:KeyInfo>", 1)
	}
	wantOne(t, readString(t, strings.Replace(file, "<EncryptionKey>", `<EncryptionKey Id="e">`, 1), opt))
	wantOne(t, readString(t, info("<ds:KeyName>Pre-shared-key</ds:KeyName>"), opt))
	wantRefused(t, readString(t, info("<ds:KeyName>Other</ds:KeyName>"), opt), `under another key, named "Other"`)
	wantRefused(t, readString(t, info("<ds:X509Data/>"), opt), "a key of its own (X509Data)")
	i := strings.LastIndex(file, aes128URI)
	larger := file[:i] + "http://www.w3.org/2001/04/xmlenc#aes256-cbc" + file[i+len(aes128URI):]
	wantRefused(t, readString(t, larger, opt), "AES-256-CBC under a key of 128 bits")
	wantRefused(t, readString(t, strings.Replace(file, "<ValueMAC>", "<ValueMAC/><ValueMAC>", 1), opt),
		"ValueMAC twice")
	// The MAC holds, but what it covers is no ciphertext: only the sender can
	// have made that, so it is the file and not the key.
	broken := strings.Replace(file, sealed("Secret", []byte(seed), 0), macOnly("Secret", []byte("no whole block")), 1)
	wantRefused(t, readString(t, broken, opt), "does not decrypt although its MAC verifies")
}

// Several languages of a name, and names of devices with odd characters.
func TestTexts(t *testing.T) {
	t.Parallel()
	file := plainFile(`<FriendlyName xml:lang="en">First
		key</FriendlyName><FriendlyName xml:lang="de">Schlüssel</FriendlyName>` + data(plainSecret(seed)))
	file = strings.Replace(file, "Acme", "\n  Zürich &amp; Söhne <![CDATA[<AG>]]>\n", 1)
	k := wantOne(t, readString(t, file, Options{}))
	if k.FriendlyName != "First key" || k.Manufacturer != "Zürich & Söhne <AG>" {
		t.Errorf("%q %q", k.FriendlyName, k.Manufacturer)
	}
}
