package pskc

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func readFile(t testing.TB, opt Options, path ...string) result {
	t.Helper()
	f, err := os.Open(filepath.Join(append([]string{"testdata"}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return readAll(t, f, opt)
}

func date(t testing.TB, s string) time.Time {
	t.Helper()
	d, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The figures of RFC 6030, with the values printed there.
func TestFigures(t *testing.T) {
	t.Parallel()
	base := func() Key {
		return Key{
			ID: "12345678", Algorithm: hotpURI, Kind: HOTP, Hash: "SHA1",
			Manufacturer: "Manufacturer", Serial: "987654321", ModuleID: "CM_ID_001", Issuer: "Issuer",
			Secret: Secret(seed), HasCounter: true,
			HasResponse: true, Response: ResponseFormat{Encoding: "DECIMAL", Length: 8},
		}
	}
	fig3 := base()
	fig3.DeviceUserID = "DC=example-bank,DC=net"
	fig3.KeyUserID = "UID=jsmith,DC=example-bank,DC=net"
	fig5 := base()
	fig5.Policy = Policy{
		KeyUsage: []string{"OTP"},
		PIN:      &PINPolicy{KeyID: "123456781", UsageMode: "Local", Encoding: "DECIMAL", MinLength: 4, MaxLength: 4},
	}
	pin := base()
	pin.ID, pin.Algorithm, pin.Kind, pin.Hash = "123456781", "urn:ietf:params:xml:ns:keyprov:pskc:pin", PIN, ""
	pin.Secret, pin.HasCounter, pin.Response.Length = Secret("1234"), false, 4
	fig7 := base()
	fig7.ID, fig7.Manufacturer, fig7.Issuer, fig7.HasCounter = "123456", "TokenVendorAcme", "Example-Issuer", false
	fig9 := base()
	fig9.ID, fig9.Manufacturer, fig9.Serial, fig9.ModuleID, fig9.Issuer = "123", "TokenVendorAcme", "0755225266", "",
		"Example-Issuer"
	fig9.Response.Length = 6
	fig8 := base()
	fig8.ID, fig8.Manufacturer, fig8.ModuleID, fig8.Issuer = "MBK000000001", "TokenVendorAcme", "", "Example-Issuer"
	fig8.Response.Length = 6
	var fig10 []Key
	for _, v := range []struct{ id, serial, start, end string }{
		{"1", "654321", "2006-05-01", "2006-05-31"},
		{"2", "123456", "2006-05-01", "2006-05-31"},
		{"3", "9999999", "2006-03-01", "2006-03-31"},
		{"4", "9999999", "2006-04-01", "2006-04-30"},
	} {
		k := base()
		k.ID, k.Serial, k.Manufacturer, k.ModuleID = v.id, v.serial, "TokenVendorAcme", ""
		k.NotBefore, k.NotAfter = date(t, v.start+"T00:00:00Z"), date(t, v.end+"T00:00:00Z")
		fig10 = append(fig10, k)
	}
	fig2 := Key{
		ID: "12345678", Algorithm: hotpURI, Kind: HOTP, Hash: "SHA1", Issuer: "Issuer-A", Secret: Secret("1234"),
	}

	for _, c := range []struct {
		file string
		opt  Options
		want []Key
	}{
		{"figure2", Options{MinSecret: 4}, []Key{fig2}},
		{"figure3", Options{}, []Key{fig3}},
		{"figure5", Options{}, []Key{fig5, pin}},
		{"figure6", Options{PreSharedKey: testKey}, []Key{base()}},
		{"figure7", Options{Passphrase: []byte("qwerty")}, []Key{fig7}},
		{"figure8-own", Options{PrivateKey: rsaKey(t), AllowUnauthenticated: true}, []Key{fig8}},
		{"figure9", Options{}, []Key{fig9}},
		{"figure9-erratum", Options{}, []Key{fig9}},
		{"figure10", Options{}, fig10},
	} {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			res := readFile(t, c.opt, "vectors", c.file+".pskc")
			if res.err != nil || len(res.refused) != 0 {
				t.Fatal(res.err, res.refused)
			}
			compare(t, res.keys, c.want)
			if want := strings.HasPrefix(c.file, "figure9"); res.hdr.SignaturePresent != want {
				t.Errorf("SignaturePresent = %v", res.hdr.SignaturePresent)
			}
		})
	}
}

func compare(t *testing.T, got []*Key, want []Key) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d keys, want %d", len(got), len(want))
	}
	for i, k := range got {
		if k.Line == 0 {
			t.Errorf("key %d has no line", i)
		}
		k.Line = 0
		if !reflect.DeepEqual(*k, want[i]) {
			t.Errorf("key %d:\n got %+v (%x)\nwant %+v (%x)", i, *k, []byte(k.Secret), want[i], []byte(want[i].Secret))
		}
	}
}

func TestFiguresRefused(t *testing.T) {
	t.Parallel()
	refused := wantRefused(t, readFile(t, Options{}, "vectors", "figure2.pskc"), "secret of 32 bits is too short")
	if refused.ID != "12345678" || refused.Line == 0 {
		t.Errorf("refused %+v", refused)
	}
	refused = wantRefused(t, readFile(t, Options{}, "vectors", "figure4.pskc"), `external key "MasterKeyLabel"`)
	if refused.Serial != "987654321" || refused.Err != ErrUnsupported {
		t.Errorf("refused %+v", refused)
	}
	// Figure 8 is for a certificate whose private key was not published; its
	// secret stands under PKCS #1 1.5 without a MAC.
	res := readFile(t, Options{PreSharedKey: testKey}, "vectors", "figure8.pskc")
	wantFatal(t, res, ErrNoMAC, "a value under RSA PKCS #1 1.5")
	if res.hdr.ID != "KC0001" || !res.hdr.NeedsPrivateKey {
		t.Errorf("header %+v", res.hdr)
	}
	res = readFile(t, Options{PreSharedKey: testKey, AllowUnauthenticated: true}, "vectors", "figure8.pskc")
	wantFatal(t, res, ErrKeyNeeded, "a private key (RSA) is needed")
	res = readFile(t, Options{PrivateKey: rsaKey(t), AllowUnauthenticated: true}, "vectors", "figure8.pskc")
	wantFatal(t, res, ErrWrongKey, "")
}

// The header of an encrypted file is known without its key.
func TestHeader(t *testing.T) {
	t.Parallel()
	res := readFile(t, Options{}, "vectors", "figure7.pskc")
	wantFatal(t, res, ErrKeyNeeded, `a passphrase named "My Password 1" is needed`)
	want := Header{
		Namespace: "urn:ietf:params:xml:ns:keyprov:pskc",
		Version:   "1.0", Encrypted: true, NeedsPassphrase: true, KeyName: "My Password 1", Cipher: aes128URI,
		Derivation: "http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#pbkdf2", Iterations: 1000,
		MAC: sha1URI,
	}
	if res.hdr != want {
		t.Errorf("header %+v", res.hdr)
	}
	res = readFile(t, Options{Passphrase: []byte("qwerty")}, "vectors", "figure6.pskc")
	wantFatal(t, res, ErrKeyNeeded, `a pre-shared key named "Pre-shared-key" is needed`)
	if res.hdr.NeedsPassphrase || !res.hdr.Encrypted || res.hdr.KeyName != "Pre-shared-key" {
		t.Errorf("header %+v", res.hdr)
	}
}

// Figure 7 prints the key that PBKDF2 makes, and the MAC key.
func TestFigure7Keys(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/vectors/figure7.pskc")
	if err != nil {
		t.Fatal(err)
	}
	p := newTestParser(t, raw, Options{Passphrase: []byte("qwerty")})
	if _, err := p.next(); err != nil {
		t.Fatal(err)
	}
	if want := mustHex("651e63cd57008476af1ff6422cd02e41"); !bytes.Equal(p.cry.key, want) {
		t.Errorf("derived key %x", p.cry.key)
	}
	macKey, ok := decryptCBC(p.cry.aes, nil, p.enc.macKey.cipher, true)
	if want := mustHex("bdaab8d648e850d25a3289364f7d7eaaf53ce581"); !ok || !bytes.Equal(macKey, want) {
		t.Errorf("MAC key %x", macKey)
	}
}

func newTestParser(t testing.TB, file []byte, opt Options) *parser {
	t.Helper()
	opt, err := opt.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	return newParser(bytes.NewReader(file), opt)
}

// Files written by python-pskc: see testdata/make.py.
func TestPythonPSKC(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/python-pskc/expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var files map[string]struct {
		PSK        string
		Passphrase string
		TripleDES  bool
		Keys       []Key
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&files); err != nil {
		t.Fatal(err)
	}
	if len(files) < 30 {
		t.Fatalf("only %d files", len(files))
	}
	for name, f := range files {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opt := Options{PreSharedKey: mustHex(f.PSK), Passphrase: []byte(f.Passphrase), AllowTripleDES: f.TripleDES}
			res := readFile(t, opt, "python-pskc", name+".pskc")
			if res.err != nil || len(res.refused) != 0 {
				t.Fatal(res.err, res.refused)
			}
			compare(t, res.keys, f.Keys)
			if encrypted := f.PSK != "" || f.Passphrase != ""; encrypted != res.hdr.Encrypted {
				t.Errorf("header %+v", res.hdr)
			}
		})
	}
}
