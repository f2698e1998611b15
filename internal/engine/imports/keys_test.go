package imports_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// reader reads a PSKC text.
func reader(t *testing.T, xml string) *pskc.Reader {
	t.Helper()
	r, err := pskc.NewReader(strings.NewReader(xml), pskc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// container wraps packages into a PSKC file.
func container(packages ...string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>
<KeyContainer Version="1.0" xmlns="urn:ietf:params:xml:ns:keyprov:pskc">
` + strings.Join(packages, "\n") + "\n</KeyContainer>\n"
}

// keyPackage is one device with one key.
func keyPackage(serial, id, algorithm, secret, data, tail string) string {
	return fmt.Sprintf(`<KeyPackage><DeviceInfo><Manufacturer>Acme</Manufacturer><SerialNo>%s</SerialNo></DeviceInfo>
<Key Id="%s" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:%s">%s
<Data><Secret><PlainValue>%s</PlainValue></Secret>%s</Data></Key></KeyPackage>`,
		serial, id, algorithm, tail, base64.StdEncoding.EncodeToString([]byte(secret)), data)
}

const seed = "12345678901234567890"

func TestImportFromPSKC(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	const digits8 = `<AlgorithmParameters><ResponseFormat Encoding="DECIMAL" Length="8"/></AlgorithmParameters>`
	rep := testkit.Take(t, k, reader(t, container(
		keyPackage("1", "k1", "hotp", seed, `<Counter><PlainValue>5</PlainValue></Counter>`, digits8),
		keyPackage("2", "k2", "totp", seed, `<TimeInterval><PlainValue>60</PlainValue></TimeInterval><TimeDrift><PlainValue>-3</PlainValue></TimeDrift>`,
			`<AlgorithmParameters><Suite>HMAC-SHA256</Suite><ResponseFormat Encoding="DECIMAL" Length="6"/></AlgorithmParameters>`),
		keyPackage("3", "k3", "ocra", seed, "", `<AlgorithmParameters><Suite>OCRA-1:HOTP-SHA256-8:QA08</Suite>
<ChallengeFormat Encoding="ALPHANUMERIC" Min="8" Max="8"/><ResponseFormat Encoding="DECIMAL" Length="8"/></AlgorithmParameters>`),
		keyPackage("4", "k4", "hotp", "1234", "", digits8),
		keyPackage("5", "k5", "pin", "1234", "", ""),
	)), testkit.SkipBad)
	counts(t, rep, 3, 0, 2)
	if row := rep.Rows[3]; row.Serial != "4" || row.Line == 0 || !strings.Contains(row.Reason, "bytes") &&
		!strings.Contains(row.Reason, "bits") {
		t.Errorf("a key of 4 bytes: %+v", row)
	}
	one, two, three := k.Token(t, "1"), k.Token(t, "2"), k.Token(t, "3")
	if one.Spec != (token.Spec{Algorithm: token.HOTP, Hash: "SHA1", Digits: 8}) || one.Condition.Next != 5 ||
		one.Identity.KeyID != "k1" {
		t.Errorf("token 1 is %+v", one)
	}
	if two.Spec != (token.Spec{Algorithm: token.TOTP, Hash: "SHA256", Digits: 6, Period: 60}) ||
		two.Condition.Drift != -3 {
		t.Errorf("token 2 is %+v", two)
	}
	if three.Spec != (token.Spec{Algorithm: token.OCRA, Digits: 8, Suite: "OCRA-1:HOTP-SHA256-8:QA08"}) {
		t.Errorf("token 3 is %+v", three)
	}
	// RFC 4226 appendix D, with 8 digits: counter 5 is 868254676 before truncation.
	if k.Verify(t, "1", "68254676") != true {
		t.Error("the code of counter 5 is refused")
	}
}

// The four keys of RFC 6030 figure 10, two of them of one device, have one secret;
// each is a token of its own.
func TestSeveralKeysPerDevice(t *testing.T) {
	t.Parallel()
	file, err := os.Open("../../../pskc/testdata/vectors/figure10.pskc")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	r, err := pskc.NewReader(file, pskc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	k := testkit.New(t)
	counts(t, testkit.Take(t, k, r), 4, 0, 0)
	all := k.List(t, lifecycle.Filter{})
	secrets := map[string]int{}
	err = k.DB.View(t.Context(), func(rd store.Reader) error {
		for _, tok := range all {
			c, err := rd.Identity(tok.Identity, 0)
			if err != nil {
				return err
			}
			secret, err := k.Keys.Open(store.SecretBinding(tok.ID), c.Sealed)
			if err != nil {
				return err
			}
			secrets[string(secret.Bytes())]++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 4 || len(secrets) != 1 {
		t.Errorf("%d tokens with %d secrets, want 4 with 1: %+v", len(all), len(secrets), all)
	}
}

// Keys of one serial are kept apart by algorithm, manufacturer and key id.
func TestKeysOfOneSerial(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	h, tt, h2, bolt := testkit.HOTP("1"), testkit.TOTP("1"), testkit.HOTP("1"), testkit.HOTP("1")
	h2.ID, bolt.Manufacturer = "second", "Bolt"
	tt.Secret, h2.Secret, bolt.Secret = testkit.SecretOf("t"), testkit.SecretOf("h2"), testkit.SecretOf("bolt")
	counts(t, testkit.Take(t, k, testkit.Keys(h, tt, h2, bolt)), 4, 0, 0)
	second, acme := "second", testkit.Manufacturer
	for _, c := range []struct {
		lookup store.Lookup
		code   string
	}{
		{store.Lookup{Serial: "1", Type: "totp"}, testkit.Code(t, tt, testkit.Step(t, tt, testkit.Start))},
		{store.Lookup{Serial: "1", KeyID: &second}, testkit.Code(t, h2, 0)},
		{store.Lookup{Serial: "1", Manufacturer: &bolt.Manufacturer}, testkit.Code(t, bolt, 0)},
		{store.Lookup{Serial: "1", Type: "hotp", Manufacturer: &acme, KeyID: &h.ID}, testkit.Code(t, h, 0)},
	} {
		if !k.Present(t, codes.Request{Lookup: c.lookup, OTP: c.code}) {
			t.Errorf("%+v is refused", c.lookup)
		}
	}
	counts(t, testkit.Take(t, k, testkit.Keys(h, tt, h2, bolt)), 0, 4, 0)
}

// Each key here is refused alone, with a reason that says what is wrong.
func TestRefusedKeys(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", 129)
	for name, c := range map[string]struct {
		change func(*pskc.Key)
		reason string
	}{
		"no serial":            {func(k *pskc.Key) { k.Serial, k.ID = "", "" }, "neither a serial number nor a key id"},
		"long serial":          {func(k *pskc.Key) { k.Serial = long }, "its serial is longer than 128"},
		"long manufacturer":    {func(k *pskc.Key) { k.Manufacturer = long }, "its manufacturer is longer"},
		"long key id":          {func(k *pskc.Key) { k.ID = long }, "its key id is longer"},
		"long model":           {func(k *pskc.Key) { k.Model = long }, "its model is longer"},
		"long issuer":          {func(k *pskc.Key) { k.Issuer = long }, "its issuer is longer"},
		"control character":    {func(k *pskc.Key) { k.Serial = "1\x1b[2J" }, "cannot be printed"},
		"right to left":        {func(k *pskc.Key) { k.Serial = "1\u202e2" }, "cannot be printed"},
		"not UTF-8":            {func(k *pskc.Key) { k.Model = "\xff" }, "not UTF-8"},
		"empty secret":         {func(k *pskc.Key) { k.Secret = nil }, "secret is empty"},
		"5 digits":             {func(k *pskc.Key) { testkit.Digits(k, 5) }, "5 digits"},
		"11 digits":            {func(k *pskc.Key) { testkit.Digits(k, 11) }, "11 digits"},
		"unknown hash":         {func(k *pskc.Key) { k.Hash = "MD5" }, "MD5"},
		"counter out of range": {func(k *pskc.Key) { testkit.Counter(k, token.MaxCounter+1) }, "above"},
		"transactions": {func(k *pskc.Key) { k.Policy.HasTransactions, k.Policy.Transactions = true, 5 },
			"5 transactions"},
		"usage": {func(k *pskc.Key) { k.Policy.KeyUsage = []string{"Encrypt", "Verify"} },
			"Encrypt, Verify"},
		"PIN prepended": {func(k *pskc.Key) { k.Policy.PIN = &pskc.PINPolicy{UsageMode: "Prepend"} }, "Prepend"},
		"PIN appended":  {func(k *pskc.Key) { k.Policy.PIN = &pskc.PINPolicy{UsageMode: "Append"} }, "Append"},
		"PIN in the algorithm": {func(k *pskc.Key) { k.Policy.PIN = &pskc.PINPolicy{UsageMode: "Algorithmic"} },
			"Algorithmic"},
		"kind":         {func(k *pskc.Key) { k.Kind = pskc.Other }, "not tokens that this server checks"},
		"PIN":          {func(k *pskc.Key) { k.Kind = pskc.PIN }, "no key of the file refers to it"},
		"no time step": {func(k *pskc.Key) { k.Kind = pskc.TOTP; testkit.Period(k, 0) }, "time step of 0"},
		"long time step": {func(k *pskc.Key) { k.Kind = pskc.TOTP; testkit.Period(k, 172_801) },
			"time step of 172801"},
		"time step overflow": {func(k *pskc.Key) { k.Kind = pskc.TOTP; testkit.Period(k, 30+1<<55) },
			"time step of 36028797018963998"},
		"drift":      {func(k *pskc.Key) { k.Kind = pskc.TOTP; k.Drift = 121 }, "drift of 121"},
		"drift back": {func(k *pskc.Key) { k.Kind = pskc.TOTP; k.Drift = -121 }, "drift of -121"},
		"suite":      {func(k *pskc.Key) { k.Kind = pskc.OCRA; k.Suite = "OCRA-2:HOTP-SHA1-6:QN08" }, "OCRA-2"},
		"suite with counter": {func(k *pskc.Key) {
			k.Kind, k.Suite, k.Counter = pskc.OCRA, "OCRA-1:HOTP-SHA1-6:C-QN08", 1<<63
		}, "above"},
	} {
		t.Run(name, func(t *testing.T) {
			k := testkit.New(t)
			key := testkit.HOTP("1")
			c.change(key)
			rep := testkit.Take(t, k, testkit.Keys(key, testkit.HOTP("good")), testkit.SkipBad)
			counts(t, rep, 1, 0, 1)
			if got := rep.Rows[0].Reason; !strings.Contains(got, c.reason) {
				t.Errorf("refused because %q, want %q", got, c.reason)
			}
			if strings.Contains(fmt.Sprint(rep), string(key.Secret)) && len(key.Secret) > 0 {
				t.Error("the report holds the secret")
			}
		})
	}
}

// Each key here is taken as it is.
func TestTakenKeys(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ü", 128)
	for name, c := range map[string]struct {
		change func(*pskc.Key)
		check  func(token.Token) bool
	}{
		"long texts": {func(k *pskc.Key) {
			k.Serial, k.Manufacturer, k.ID, k.Model, k.Issuer = long, long, long, long,
				long
		},
			func(t token.Token) bool {
				return t.Identity.Manufacturer == long && t.Identity.KeyID == long && t.Model == long &&
					t.Issuer == long
			}},
		"key id for serial": {func(k *pskc.Key) { k.Serial, k.ID = "", "only-id" },
			func(t token.Token) bool { return t.Identity.Serial == "only-id" }},
		"highest counter": {func(k *pskc.Key) { testkit.Counter(k, token.MaxCounter) },
			func(t token.Token) bool { return t.Condition.Next == token.MaxCounter }},
		"usage":             {func(k *pskc.Key) { k.Policy.KeyUsage = []string{"Encrypt", "OTP"} }, nil},
		"PIN on the device": {func(k *pskc.Key) { k.Policy.PIN = &pskc.PINPolicy{UsageMode: "Local"} }, nil},
		"drift": {func(k *pskc.Key) { k.Kind = pskc.TOTP; k.Drift = -120 },
			func(t token.Token) bool { return t.Condition.Drift == -120 }},
		"time step": {func(k *pskc.Key) { k.Kind = pskc.TOTP; testkit.Period(k, 172_800) },
			func(t token.Token) bool { return t.Spec.Period == 172_800 }},
		"dates": {func(k *pskc.Key) {
			k.NotBefore, k.NotAfter = testkit.Start.Add(-time.Hour), testkit.Start.Add(time.Hour)
		}, func(tok token.Token) bool {
			return tok.Condition.NotBefore.Equal(testkit.Start.Add(-time.Hour)) && tok.Condition.NotAfter.Equal(
				testkit.Start.Add(time.Hour))
		}},
		"10 digits": {func(k *pskc.Key) { testkit.Digits(k, 10) },
			func(t token.Token) bool { return t.Spec.Digits == 10 }},
	} {
		t.Run(name, func(t *testing.T) {
			k := testkit.New(t)
			key := testkit.HOTP("1")
			c.change(key)
			k.Import(t, key)
			tok := k.List(t, lifecycle.Filter{})[0]
			if tok.Kind != token.Hardware || tok.Condition.State != token.Valid || tok.OwnerName != "" ||
				(c.check != nil && !c.check(tok)) {
				t.Errorf("the token is %+v", tok)
			}
		})
	}
}

// A type may say which product of a manufacturer its tokens are.
func TestTypeOfAProduct(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	for _, typ := range []token.Type{
		{Name: "safeid", Kind: token.Hardware, Spec: token.Spec{Algorithm: token.TOTP},
			Manufacturer: "Deepnet Security", Product: "SafeID/Time-Based"},
		{Name: "mobileid", Kind: token.Software, Spec: token.Spec{Algorithm: token.TOTP}, Prefix: "MB",
			Manufacturer: "Deepnet Security", Product: "MobileID/Time-Based"},
	} {
		if _, _, err := k.Lifecycle.CreateType(t.Context(), typ, testkit.Origin); err != nil {
			t.Fatal(err)
		}
	}
	of := func(serial, model string) *pskc.Key {
		key := testkit.TOTP(serial)
		key.Manufacturer, key.Model = "Deepnet Security", model
		return key
	}
	wrong := testkit.HOTP("4")
	wrong.Manufacturer, wrong.Model = "Deepnet Security", "SafeID/Time-Based"
	rep := testkit.Take(t, k, testkit.Keys(of("1", "SafeID/Time-Based"), of("MB10000007", "MobileID/Time-Based"),
		of("3", "Other"), wrong), testkit.SkipBad)
	testkit.Ended(t, rep, store.RunCounts{Imported: 3, Refused: 1})
	if !strings.Contains(rep.Rows[3].Reason, "tokens of type safeid are TOTP here, not HOTP") {
		t.Errorf("the wrong algorithm: %+v", rep.Rows[3])
	}
	for serial, want := range map[string]token.Identity{
		"1":          {Type: "safeid", Manufacturer: "Deepnet Security", Serial: "1", KeyID: "1"},
		"MB10000007": {Type: "mobileid", Serial: "MB10000007"},
		"3":          {Type: "totp", Manufacturer: "Deepnet Security", Serial: "3", KeyID: "3"},
	} {
		if got := k.Token(t, serial).Identity; got != want {
			t.Errorf("token %s is %+v, want %+v", serial, got, want)
		}
	}
	if s := rep.Series; len(s) != 1 || s[0].NextAfter != "MB10000008" {
		t.Errorf("the series: %+v", s)
	}
}
