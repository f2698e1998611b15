package pskc

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/sha1"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// The files of drafts are written here. python-pskc 1.2 reads them to the same
// secrets and numbers, save where it knows less: a MAC over the IV of the file,
// and three keys of Triple-DES from a passphrase, for which it derives two.

// draftSpaces are the namespaces of drafts.
var draftSpaces = []string{
	"urn:ietf:params:xml:ns:keyprov:pskc:1.0", "urn:ietf:params:xml:ns:keyprov:container",
	"urn:ietf:params:xml:ns:keyprov:container:1.0",
	"http://www.openauthentication.org/OATH/2006/08/PSKC", "http://www.openauthentication.org/OATH/2006/10/PSKC",
}

// draftFile is a file of one key in the style of the first drafts.
func draftFile(space, head, inKey string) string {
	return `<KeyContainer xmlns="` + space + `" version="1.0">` + "\n" + head + "\n" +
		`<Device><DeviceId><Manufacturer>Acme</Manufacturer><SerialNo>1</SerialNo><Expiry>01/01/2008</Expiry></DeviceId>` + "\n" +
		`<Key KeyId="k" KeyAlgorithm="HOTP"><Issuer>I</Issuer><Usage OTP="true"><ResponseFormat format="DECIMAL" length="8"/></Usage>` + "\n" +
		inKey + "</Key></Device></KeyContainer>\n"
}

// named is a Data of a draft, with a digest if there is one.
func named(name string, value, digest []byte) string {
	s := `<Data Name="` + name + `"><Value>` + b64(value) + "</Value>"
	if digest != nil {
		s += "<ValueDigest>" + b64(digest) + "</ValueDigest>"
	}
	return s + "</Data>"
}

const draftMACXML = `<DigestMethod algorithm="HMAC-SHA1"></DigestMethod>`

// draftModes are the encrypted files of drafts, for TestModes.
func draftModes(t testing.TB) (files []modeFile) {
	t.Helper()
	wrong := append([]byte("x"), testKey[1:]...)
	psk := func(name, file string, more Options) {
		opt, bad := more, more
		opt.PreSharedKey, bad.PreSharedKey = testKey, wrong
		files = append(files, modeFile{name, file, opt, bad, false})
	}
	derive := func(n int) []byte {
		k, err := pbkdf2.Key(sha1.New, "qwerty", []byte("saltsalt"), 99, n)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	pbe := func(name string) string {
		return `<EncryptionMethod algorithm="` + name + `"><PBESalt>` + b64([]byte("saltsalt")) + "</PBESalt>" +
			"<PBEIterationCount>99</PBEIterationCount></EncryptionMethod>" + draftMACXML
	}
	pass := func(name, file string) {
		opt := Options{Passphrase: Secret("qwerty"), AllowTripleDES: true}
		bad := Options{Passphrase: Secret("Qwerty"), AllowTripleDES: true}
		files = append(files, modeFile{name, file, opt, bad, false})
	}
	for _, n := range []int{16, 24} {
		key := derive(n)
		b, c := sealDES(key, []byte(seed)), sealDES(key, []byte{0, 0, 1, 0})
		f := draftFile(draftSpaces[3], pbe(fmt.Sprintf("PBE-3DES%d-CBC", n*7)), named("SECRET", b, macOf(key, b))+
			named("COUNTER", c, macOf(key, c)))
		f = strings.NewReplacer("KeyContainer", "SecretContainer", "<Key ", "<Secret ", "</Key>", "</Secret>",
			"KeyId", "SecretId", "KeyAlgorithm", "SecretAlgorithm", `"1.0"`, `"1.2"`).Replace(f)
		pass(fmt.Sprint("pbe 3des ", n*7), f)
	}
	for _, n := range []int{16, 24, 32} {
		key := derive(n)
		b := seal(key, []byte(seed), 1)
		pass(fmt.Sprint("pbe aes ", n*8), draftFile(draftSpaces[1], pbe(fmt.Sprintf("PBE-AES%d-CBC", n*8)),
			named("SECRET", b, macOf(key, []byte(seed)))))
	}
	for _, space := range draftSpaces {
		b := seal(testKey, []byte(seed), 9)
		psk("plaintext mac in "+space,
			draftFile(space, ivXML(b[:16])+draftMACXML, named("SECRET", b[16:], macOf(testKey, []byte(seed)))),
			Options{})
		psk("iv in mac in "+space,
			draftFile(space, ivXML(b[:16])+draftMACXML, named("SECRET", b[16:], macOf(testKey, b))), Options{})
		psk("bare names in "+space, draftFile(space, `<EncryptionMethod algorithm="AES128-CBC"/>`+draftMACXML,
			named("SECRET", b, macOf(testKey, b))), Options{})
	}
	b := seal(testKey, []byte(seed), 5)
	psk("plaintext mac", container(pskHeader, macXML(), pkg("1", "1", hotpURI,
		data(valueOf("Secret", cipherXML(b), b, nil), "")+"")), Options{AllowPlaintextMAC: true})
	files[len(files)-1].file = strings.Replace(files[len(files)-1].file, "</EncryptedValue></Secret>",
		"</EncryptedValue><ValueMAC>"+b64(macOf(testMACKey, []byte(seed)))+"</ValueMAC></Secret>", 1)
	// The last draft has the namespace of the RFC.
	psk("last draft", container(pskHeader, "<MACAlgorithm> "+sha1URI+"\n</MACAlgorithm>",
		lastDraft(valueOf("Secret", cipherXML(b), b, testKey))), Options{})
	return files
}

// lastDraft is a device as draft-ietf-keyprov-pskc-02 has it.
func lastDraft(values string) string {
	return `<Device><DeviceInfo><Manufacturer>Acme</Manufacturer><SerialNo>1</SerialNo></DeviceInfo>` +
		`<Key KeyId="1" KeyAlgorithm="urn:ietf:params:xml:ns:keyprov:pskc#hotp"><Issuer>I</Issuer>` +
		`<Usage><ResponseFormat Length="8" Encoding="DECIMAL"/></Usage>` + data(values) + "</Key></Device>"
}

func ivXML(iv []byte) string {
	return `<EncryptionMethod Algorithm="` + aes128URI + `"><IV>` + b64(iv) + `</IV></EncryptionMethod>`
}

// A MAC over the plain text means to decrypt first. A bad MAC, bad padding, a
// bad IV and a ciphertext of no whole blocks get one answer all the same, with
// the key proven or not.
func TestPlaintextMACTellsNothing(t *testing.T) {
	t.Parallel()
	good := seal(testKey, []byte(seed), 9)
	change := func(i int) []byte {
		b := bytes.Clone(good)
		b[i] ^= 1
		return b[16:]
	}
	values := map[string][]byte{
		"plain text": change(16 + 1), // garbles the first block, and a byte of the second
		"padding":    change(len(good) - 16 - 1),
		"last block": change(len(good) - 1),
		"no block":   good[16 : len(good)-1],
		"cut":        good[16:32],
	}
	file := func(secrets ...[]byte) string {
		s := `<KeyContainer xmlns="` + draftSpaces[2] + `">` + ivXML(good[:16]) + draftMACXML
		for i, b := range secrets {
			s += fmt.Sprintf(`<Device><Key KeyId="%d" KeyAlgorithm="HOTP">%s</Key></Device>`, i, named("SECRET", b, macOf(testKey, []byte(seed))))
		}
		return s + "</KeyContainer>"
	}
	answers := map[string]bool{}
	for name, b := range values {
		res := readString(t, file(b), Options{PreSharedKey: testKey})
		wantFatal(t, res, ErrWrongKey, "")
		answers[res.err.Error()] = true
		res = readString(t, file(good[16:], b, good[16:]), Options{PreSharedKey: testKey})
		if res.err != nil || len(res.keys) != 2 || len(res.refused) != 1 || !errors.Is(res.refused[0], ErrAltered) {
			t.Fatalf("%s: %v %v", name, res.err, res.refused)
		}
		answers[res.refused[0].Reason] = true
	}
	if len(answers) != 2 {
		t.Errorf("answers differ: %v", answers)
	}
	other := strings.Replace(file(good[16:]), b64(good[:16]), b64(bytes.Repeat([]byte{8}, 16)), 1)
	wantFatal(t, readString(t, other, Options{PreSharedKey: testKey}), ErrWrongKey, "")
	// In RFC 6030 it takes the option.
	for _, m := range draftModes(t) {
		if m.name == "plaintext mac" {
			m.opt.AllowPlaintextMAC = false
			wantFatal(t, readString(t, m.file, m.opt), ErrWrongKey, "")
		}
	}
}

// A MAC over the ciphertext alone leaves the IV of the file to anybody.
func TestFileIV(t *testing.T) {
	t.Parallel()
	b := seal(testKey, []byte(seed), 9)
	file := draftFile(draftSpaces[2], ivXML(b[:16])+draftMACXML, named("SECRET", b[16:], macOf(testKey, b[16:])))
	opt := Options{PreSharedKey: testKey}
	wantFatal(t, readString(t, file, opt), ErrNoMAC, "does not cover the IV")
	allow := Options{PreSharedKey: testKey, AllowUnauthenticated: true}
	if k := wantOne(t, readString(t, file, allow)); string(k.Secret) != seed {
		t.Error("wrong secret")
	}
	wantFatal(t, readString(t, strings.Replace(file, "<IV>", "<IV>AAAA", 1), allow), ErrMalformed, "not one block")
	wantFatal(t, readString(t, strings.Replace(file, "<IV>", "<IV></IV><IV>", 1), opt), ErrMalformed, "is empty")
	wantFatal(t, readString(t, strings.Replace(file, "<IV>", "<IV>AAAA</IV><IV>", 1), opt), ErrMalformed, "IV twice")
	// Some put it into EncryptionKey.
	rfc := container("<EncryptionKey><ds:KeyName>k</ds:KeyName><IV>"+b64(b[:16])+"</IV></EncryptionKey>",
		`<MACMethod Algorithm="`+sha1URI+`"/>`, pkg("1", "1", hotpURI, data(valueOf("Secret", cipherXML(b[16:]), b, testKey))))
	rfc = strings.Replace(rfc, b64(macOf(testKey, b)), b64(macOf(testKey, b)), 1)
	wantOne(t, readString(t, rfc, opt))
}

// What the drafts have in place of the structure of RFC 6030.
func TestDraftStructure(t *testing.T) {
	t.Parallel()
	secret := named("SECRET", []byte(seed), nil)
	for _, space := range append(draftSpaces, "") {
		file := draftFile(space, `<EncryptionMethod algorithm="NONE"/>`+draftMACXML,
			secret+named("COUNTER", []byte{0, 0, 0, 0, 0x31, 0xf0, 0x46, 3}, nil)+
				named("TIME_INTERVAL", []byte("60"), nil)+
				`<Data Name="Time"><Value>7</Value></Data><Data Name="TIME_DRIFT"><Value>-1</Value></Data>`+
				"<FriendlyName>F</FriendlyName><StartDate>12/31/2006</StartDate>")
		res := readString(t, file, Options{})
		k := wantOne(t, res)
		want := Key{
			ID: "k", Algorithm: "HOTP", Kind: HOTP, Hash: "SHA1", Line: k.Line, Manufacturer: "Acme", Serial: "1",
			Issuer:       "I",
			FriendlyName: "F", Secret: Secret(seed), Counter: 837830147, HasCounter: true, Interval: 60,
			HasInterval: true,
			Time:        7, HasTime: true, Drift: -1, HasDrift: true,
			Response: ResponseFormat{Encoding: "DECIMAL", Length: 8}, HasResponse: true,
			NotBefore: date(t, "2006-12-31T00:00:00Z"), NotAfter: date(t, "2008-01-01T00:00:00Z"),
			Policy: Policy{KeyUsage: []string{"OTP"}},
		}
		k.Line, want.Line = 1, 0
		compare(t, []*Key{k}, []Key{want})
		if res.hdr.Namespace != space || res.hdr.Encrypted {
			t.Errorf("header %+v", res.hdr)
		}
	}
	// The profiles of algorithms, of which one names the suite in the URI.
	for alg, kind := range map[string]Kind{
		"urn:ietf:params:xml:ns:keyprov:pskc#OCRA-1:HOTP-SHA512-8:C-QN08": OCRA,
		"urn:ietf:params:xml:ns:keyprov:pskc#totp":                        TOTP,
		"urn:ietf:params:xml:ns:keyprov:pskc#pin":                         PIN,
		"http://www.ietf.org/keyprov/pskc#hotp":                           HOTP, "#hotp": HOTP,
	} {
		file := `<KeyContainer Version="1.0" xmlns="` + draftSpaces[0] + `"><Device><DeviceInfo><SerialNo>2</SerialNo></DeviceInfo>` +
			`<Key KeyId="1" KeyAlgorithm="` + alg + `"><Usage CR="true" OTP="FALSE"><ChallengeFormat Min="8" Max="8" Format="DECIMAL"/>` +
			`<ResponseFormat Length="8" Format="DECIMAL" CheckDigit="false"/></Usage>` + data(plainSecret(seed), plain("Counter", "0")) + "</Key></Device></KeyContainer>"
		k := wantOne(t, readString(t, file, Options{}))
		if k.Kind != kind || k.Challenge.Max != 8 || k.Digits() != 8 || len(k.Policy.KeyUsage) != 1 ||
			k.Policy.KeyUsage[0] != "CR" {
			t.Errorf("%+v", k)
		}
		if kind == OCRA && k.Suite != "OCRA-1:HOTP-SHA512-8:C-QN08" {
			t.Errorf("suite %q", k.Suite)
		}
	}
	k := wantOne(t, readString(t, container(lastDraft(plainSecret(seed))), Options{}))
	if k.ID != "1" || k.Kind != HOTP || k.Digits() != 8 {
		t.Errorf("%+v", k)
	}
	for _, suite := range []string{`<AlgorithmParameters><Suite hashalgo="sha256"/></AlgorithmParameters>`, `<AlgorithmParameters Suite="sha256"/>`} {
		if k := wantOne(t, readString(t, plainFile(suite+data(plainSecret(seed))), Options{})); k.Hash != "SHA256" {
			t.Errorf("%s: %s", suite, k.Hash)
		}
	}
}

func TestDraftRefused(t *testing.T) {
	t.Parallel()
	const space = "urn:ietf:params:xml:ns:keyprov:container:1.0"
	none := `<EncryptionMethod algorithm="NONE"/>` + draftMACXML
	digested := draftFile(space, none, named("SECRET", []byte(seed), []byte("any")))
	e := wantRefused(t, readString(t, digested, Options{}), "a ValueDigest over a plain value")
	if !errors.Is(e, ErrNoMAC) {
		t.Error(e.Err)
	}
	wantOne(t, readString(t, digested, Options{AllowUnauthenticated: true}))
	b := seal(testKey, []byte(seed), 1)
	opt := Options{PreSharedKey: testKey}
	// To say that nothing is encrypted does not make it so.
	for _, head := range []string{none, pskHeader + `<EncryptionMethod algorithm="NONE"/>` + macXML(), `<EncryptionMethod algorithm="NONE"/>` + macXML()} {
		sealedKey := pkg("1", "1", hotpURI, data(sealed("Secret", []byte(seed), 1)))
		if head == none {
			sealedKey = pkg("1", "1", hotpURI, data(valueOf("Secret", cipherXML(b), b, testKey)))
		}
		res := readString(t, container(head, sealedKey, pkg("2", "2", hotpURI, data(plainSecret(seed)))), opt)
		if res.err != nil || len(res.keys) != 1 || len(res.refused) != 1 || !errors.Is(res.refused[0], ErrAltered) {
			t.Errorf("%s: %v %v", head, res.err, res.refused)
		}
	}
	// A secret whose digest is gone is no plain secret.
	wantRefused(t, readString(t, draftFile(space, ivXML(b[:16])+draftMACXML, named("SECRET", b[16:], nil)), opt),
		"has no ValueMAC")
	wantFatal(t, readString(t, draftFile(space, ivXML(b[:16]), named("SECRET", b[16:], nil)), opt), ErrNoMAC, "")
	if k := wantOne(t, readString(t, draftFile(space, ivXML(b[:16]), named("SECRET", b[16:], nil)),
		Options{PreSharedKey: testKey, AllowUnauthenticated: true})); string(k.Secret) != seed {
		t.Error("wrong secret")
	}
	wantRefused(t, readString(t, draftFile(space, ivXML(b[:16])+draftMACXML, data(plainSecret(seed))), opt),
		"plain in a file that declares encryption")
	pbe := func(inner string) string {
		return draftFile(space, `<EncryptionMethod algorithm="PBE-AES128-CBC">`+inner+"</EncryptionMethod>"+draftMACXML, named("SECRET", b, macOf(testKey, b)))
	}
	const salt, count = "<PBESalt>AAAA</PBESalt>", "<PBEIterationCount>99</PBEIterationCount>"
	pass := Options{Passphrase: Secret("x")}
	for name, c := range map[string]struct {
		file string
		opt  Options
		kind error
		text string
	}{
		"no salt":    {pbe(count), pass, ErrMalformed, "without PBESalt"},
		"no count":   {pbe(salt), pass, ErrMalformed, "without PBESalt"},
		"empty salt": {pbe("<PBESalt/>" + count), pass, ErrMalformed, "salt is empty"},
		"long salt": {pbe("<PBESalt>" + strings.Repeat("AAAA", 400) + "</PBESalt>" + count), pass, ErrLimit,
			"salt is longer"},
		"many rounds":   {pbe(salt + "<PBEIterationCount>10000001</PBEIterationCount>"), pass, ErrLimit, "iterations"},
		"no rounds":     {pbe(salt + "<PBEIterationCount>0</PBEIterationCount>"), pass, ErrMalformed, "not positive"},
		"no passphrase": {pbe(salt + count), opt, ErrKeyNeeded, "a passphrase is needed"},
		"salt, no pbe":  {strings.Replace(pbe(salt+count), "PBE-", "", 1), opt, ErrMalformed, "PBESalt"},
		"unknown cipher": {strings.Replace(pbe(salt+count), "PBE-AES128-CBC", "ROT13", 1), opt, ErrMalformed,
			"PBESalt"},
		"rot13": {draftFile(space, `<EncryptionMethod algorithm="ROT13"/>`+draftMACXML, named("SECRET", b, b)), opt, ErrUnsupported, "ROT13"},
		"3des": {strings.Replace(pbe(salt+count), "PBE-AES128", "PBE-3DES112", 1), pass, ErrUnsupported,
			"AllowTripleDES"},
		"no algorithm": {draftFile(space, `<EncryptionMethod/>`, ""), opt, ErrMalformed, "without an Algorithm"},
		"no mac name":  {draftFile(space, `<DigestMethod/>`, ""), opt, ErrMalformed, "without an Algorithm"},
		"two macs": {draftFile(space, draftMACXML+"<MACAlgorithm>HMAC-SHA1</MACAlgorithm>", ""), opt, ErrMalformed,
			"besides another MAC"},
		"md5":         {draftFile(space, ivXML(b[:16])+`<DigestMethod algorithm="HMAC-MD5"/>`, named("SECRET", b, b)), opt, ErrUnsupported, "HMAC-MD5"},
		"properties":  {draftFile(space, "<KeyProperties/>", ""), opt, ErrUnsupported, "KeyProperties"},
		"two methods": {draftFile(space, ivXML(b[:16])+ivXML(b[:16]), ""), opt, ErrMalformed, "EncryptionMethod twice"},
		"version 2":   {strings.Replace(draftFile(space, "", ""), `"1.0"`, `"2"`, 1), opt, ErrUnsupported, "PSKC version"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantFatal(t, readString(t, c.file, c.opt), c.kind, c.text)
		})
	}
	// Dates with slashes are of drafts alone.
	for _, d := range []string{"13/13/2008", "00/01/2008", "2008/01/01", "1/1/08"} {
		f := strings.Replace(draftFile(space, "", named("SECRET", []byte(seed), nil)), "01/01/2008", d, 1)
		wantRefused(t, readString(t, f, Options{}), "Expiry is not a date")
	}
	f := strings.Replace(draftFile(space, "", named("SECRET", []byte(seed), nil)), "01/01/2008", "31/12/2008", 1)
	if k := wantOne(t, readString(t, f, Options{})); !k.NotAfter.Equal(date(t, "2008-12-31T00:00:00Z")) {
		t.Error(k.NotAfter)
	}
	// One draft may not be mixed with another.
	mixed := strings.Replace(draftFile(space, "", named("SECRET", []byte(seed), nil)), "<Issuer>", `<Issuer xmlns="urn:ietf:params:xml:ns:keyprov:pskc">`, 1)
	wantRefused(t, readString(t, mixed, Options{}), "of another version of PSKC")
}

// The sloppiness about namespaces that files show: children in none, and the
// elements of XML encryption in that of PSKC. The last draft also names the
// cipher inside of PBES2.
func TestSloppyNamespaces(t *testing.T) {
	t.Parallel()
	file := sealedFile("1")
	bare := strings.Replace(file, `xmlns="urn`, `xmlns:p="urn`, 1)
	bare = strings.NewReplacer("<KeyContainer", "<p:KeyContainer", "</KeyContainer", "</p:KeyContainer").Replace(bare)
	inPSKC := strings.NewReplacer("<xenc:", "<", "</xenc:", "</", "<ds:", "<", "</ds:", "</").Replace(file)
	for name, f := range map[string]string{"none": bare, "pskc": inPSKC,
		"both": strings.NewReplacer("<xenc:", "<", "</xenc:", "</").Replace(bare)} {
		if k := wantOne(t, readString(t, f, Options{PreSharedKey: testKey})); string(k.Secret) != seed {
			t.Error(name)
		}
	}
	key, err := pbkdf2.Key(sha1.New, "qwerty", []byte("saltsalt"), 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	b := seal(key, []byte(seed), 1)
	const scheme = `<EncryptionScheme Algorithm="` + aes128URI + `"/>`
	derived := func(inMethod string) string {
		return `<EncryptionKey><DerivedKey><CarriedKeyName>P</CarriedKeyName><KeyDerivationMethod Algorithm=` +
			`"http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#pbkdf2"><pkcs5:PBKDF2-params><pkcs5:Salt><pkcs5:Specified>` +
			b64([]byte("saltsalt")) + `</pkcs5:Specified></pkcs5:Salt><pkcs5:IterationCount>10</pkcs5:IterationCount><pkcs5:PRF/>` +
			"</pkcs5:PBKDF2-params>" + inMethod + `</KeyDerivationMethod></DerivedKey></EncryptionKey>`
	}
	value := func(method string) string {
		return strings.Replace(valueOf("Secret", cipherXML(b), b, key), `<xenc:EncryptionMethod Algorithm="`+aes128URI+`"/>`, method, 1)
	}
	const pbes2 = `<xenc:EncryptionMethod Algorithm="http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5#pbes2">`
	for name, c := range map[string][2]string{
		"scheme":     {"", pbes2 + scheme + "</xenc:EncryptionMethod>"},
		"params":     {"", pbes2 + "<pkcs5:PBES2-params>" + scheme + "</pkcs5:PBES2-params></xenc:EncryptionMethod>"},
		"derivation": {scheme, ""},
	} {
		f := container(derived(c[0]), "<MACAlgorithm>"+sha1URI+"</MACAlgorithm>", lastDraft(value(c[1])))
		if k := wantOne(t, readString(t, f, Options{Passphrase: Secret("qwerty")})); string(k.Secret) != seed {
			t.Error(name)
		}
		wantFatal(t, readString(t, f, Options{Passphrase: Secret("azerty")}), ErrWrongKey, "")
	}
	none := container(derived(""), "<MACAlgorithm>"+sha1URI+"</MACAlgorithm>",
		lastDraft(value(pbes2+"</xenc:EncryptionMethod>")))
	wantFatal(t, readString(t, none, Options{Passphrase: Secret("qwerty")}), ErrUnsupported,
		"PBES2) that names no cipher")
}
