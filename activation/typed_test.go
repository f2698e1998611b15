package activation

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestRegistrationCode(t *testing.T) {
	t.Parallel()
	c := testCode()
	text := string(c.Text())
	if len(text) != 25 || c.Locator() != text[:5] {
		t.Fatalf("%d characters, locator %q", len(text), c.Locator())
	}
	for _, typed := range []string{text, Group(text), strings.ToLower(Group(text)),
		" " + strings.ReplaceAll(text, "0", "O")} {
		got, err := ParseRegistrationCode(typed)
		if err != nil || !bytes.Equal(got.Text(), c.Text()) {
			t.Errorf("%q: %v", typed, err)
		}
	}
	last := byte('0')
	if text[24] == last {
		last = '1'
	}
	for typed, want := range map[string]error{
		"": ErrRegistrationEmpty, "- -": ErrRegistrationEmpty, text[1:]: ErrRegistrationLength,
		text + "0":     ErrRegistrationLength,
		"U" + text[1:]: ErrRegistrationCharacter, text[:24] + string(last): ErrRegistrationInvalid,
		text[:1] + text[2:3] + text[1:2] + text[3:]: ErrRegistrationInvalid,
	} {
		if got, err := ParseRegistrationCode(typed); !errors.Is(err, want) || got.Text() != nil {
			t.Errorf("%q: %v, want %v", typed, err, want)
		}
	}
	// The labels keep the proofs apart, and another R gives others.
	other := must(NewRegistrationCode(stream("other")))
	if bytes.Equal(c.MAC("on/req", []byte("m")), c.MAC("on/resp", []byte("m"))) ||
		bytes.Equal(c.MAC("on/req", []byte("m")), other.MAC("on/req", []byte("m"))) {
		t.Error("two proofs are the same")
	}
}

func TestDerivationCode(t *testing.T) {
	t.Parallel()
	device := must(NewDeviceSecret(stream("device")))
	code := string(must(DerivationCode(testSecret, testSerial, device)))
	if len(code) != 20 || strings.Contains(code, string(device)) {
		t.Fatal(code)
	}
	for _, typed := range []string{code, strings.ToLower(Group(code))} {
		if got, err := OpenDerivationCode(typed, testSecret, testSerial); err != nil || !bytes.Equal(got, device) {
			t.Errorf("%q: %x, %v", typed, []byte(got), err)
		}
	}
	otherSecret := Secret(bytesOf("other secret", SecretSize))
	for name, err := range map[string]error{
		"other secret": errOf(OpenDerivationCode(code, otherSecret, testSerial)),
		"other serial": errOf(OpenDerivationCode(code, testSecret, "FDM10000002")),
		"swapped":      errOf(OpenDerivationCode(code[:2]+code[3:4]+code[2:3]+code[4:], testSecret, testSerial)),
	} {
		if !errors.Is(err, ErrDerivationInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for typed, want := range map[string]error{"": ErrDerivationEmpty, " ": ErrDerivationEmpty,
		code[1:]: ErrDerivationLength, code + "0": ErrDerivationLength, "!" + code[1:]: ErrDerivationCharacter} {
		if _, err := OpenDerivationCode(typed, testSecret, testSerial); !errors.Is(err, want) {
			t.Errorf("%q: %v", typed, err)
		}
	}
	for name, err := range map[string]error{
		"make, secret":    errOf(DerivationCode(testSecret[1:], testSerial, device)),
		"make, no device": errOf(DerivationCode(testSecret, testSerial, nil)),
		"open, secret":    errOf(OpenDerivationCode(code, nil, testSerial)),
		"display":         errOf(DeviceDisplay(device[1:])),
	} {
		if !errors.Is(err, ErrKeySize) {
			t.Errorf("%s: %v", name, err)
		}
	}
	display, err := DeviceDisplay(device)
	if err != nil || len(display) != 8 {
		t.Error(display, err)
	}
	if other, _ := DeviceDisplay(bytesOf("other device", DeviceSecretSize)); other == display {
		t.Error("two devices look alike")
	}
}

func TestERC(t *testing.T) {
	t.Parallel()
	one, two, none := vector(func(p *Profile) { p.Applications[0].Suite = must(ParseSuite("HOTP-SHA1-6")) }),
		vector(events), vector()
	eight := vector(func(p *Profile) {
		p.Applications = nil
		for i := range 8 {
			p.Applications = append(
				p.Applications, Application{i + 1, "x", ResponseOnly, must(ParseSuite("HOTP-SHA1-6"))})
		}
	})
	for _, c := range []struct {
		v        *Vector
		counters []uint64
		size     int
	}{
		{one, []uint64{0}, 12},
		{one, []uint64{MaxCounter}, 12},
		{two, []uint64{17, 4}, 22},
		{eight, []uint64{1, 2, 3, 4, 5, 6, 7, MaxCounter}, 82},
	} {
		erc, err := c.v.MakeERC(testSerial, c.counters)
		if err != nil || len(erc) != c.size {
			t.Errorf("%v: %q, %v", c.counters, erc, err)
		}
		for _, typed := range []string{erc, Group(erc)} {
			if got, err := c.v.ReadERC("10000001", typed); err != nil || !slices.Equal(got, c.counters) {
				t.Errorf("%q: %v, %v", typed, got, err)
			}
		}
		for name, err := range map[string]error{
			"other serial": errOf(c.v.ReadERC("FDM10000002", erc)),
			"99 for 02":    errOf(c.v.ReadERC(testSerial, erc[:c.size-2]+"99")),
		} {
			if !errors.Is(err, ErrERCInvalid) {
				t.Errorf("%v: %s: %v", c.counters, name, err)
			}
		}
	}
	for name, c := range map[string]struct {
		err, want error
	}{
		"empty":  {errOf(one.ReadERC(testSerial, " ")), ErrERCEmpty},
		"letter": {errOf(one.ReadERC(testSerial, "O00000000000")), ErrERCCharacter},
		"short":  {errOf(one.ReadERC(testSerial, "00000000000")), ErrERCLength},
		"that of two": {errOf(one.ReadERC(testSerial, must(two.MakeERC(testSerial, []uint64{1, 2})))),
			ErrERCLength},
		"no events, read":    {errOf(none.ReadERC(testSerial, "000000000000")), ErrERCUnexpected},
		"no events, made":    {errOf(none.MakeERC(testSerial, []uint64{1})), ErrERCUnexpected},
		"one counter of two": {errOf(two.MakeERC(testSerial, []uint64{1})), ErrCounter},
		"no counter":         {errOf(one.MakeERC(testSerial, nil)), ErrCounter},
		"11 digits":          {errOf(one.MakeERC(testSerial, []uint64{MaxCounter + 1})), ErrCounter},
		"greatest":           {errOf(one.MakeERC(testSerial, []uint64{math.MaxUint64})), ErrCounter},
		"serial, read":       {errOf(one.ReadERC("FDL1", "000000000000")), ErrPrefix},
		"serial, made":       {errOf(one.MakeERC("", []uint64{1})), ErrSerialEmpty},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
}

// The check digits are 02 to 98, and those congruent to them are none. All come
// up; the remainders of a window of counters run through every class.
func TestERCCheckDigits(t *testing.T) {
	t.Parallel()
	v := vector(func(p *Profile) { p.Applications[0].Suite = must(ParseSuite("HOTP-SHA1-6")) })
	seen := map[string]bool{}
	for c := range uint64(97) {
		erc := must(v.MakeERC(testSerial, []uint64{c}))
		check := erc[10:]
		seen[check] = true
		accepted := 0
		for n := range 100 {
			digits := string([]byte{byte('0' + n/10), byte('0' + n%10)})
			if _, err := v.ReadERC(testSerial, erc[:10]+digits); err == nil {
				accepted++
			}
		}
		if accepted != 1 || check < "02" || "98" < check {
			t.Errorf("counter %d: check digits %s, %d are accepted", c, check, accepted)
		}
	}
	if len(seen) != 97 {
		t.Errorf("%d check digits came up", len(seen))
	}
}

func TestStartCounter(t *testing.T) {
	t.Parallel()
	fresh, same := vector(events), vector(events, sameKey)
	for _, c := range []struct {
		v         *Vector
		sent, own uint64
		known     bool
		want      uint64
		err       error
	}{
		{fresh, 5, 9, true, 5, nil},
		{fresh, 5_000_000, 0, true, 5_000_000, nil},
		{same, 5, 9, true, 9, nil},
		{same, 9, 5, true, 9, nil},
		{same, 5, 5, true, 5, nil},
		{same, 1_000_005, 5, true, 1_000_005, nil},
		{same, 1_000_006, 5, true, 0, ErrCounterJump},
		{same, 5_000_000, 0, false, 5_000_000, nil},
		{same, MaxCounter, 0, true, 0, ErrCounterJump},
		{same, 0, math.MaxUint64, true, math.MaxUint64, nil},
	} {
		if got, err := c.v.StartCounter(c.sent, c.own, c.known); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%+v: %d, %v", c, got, err)
		}
	}
}
