package activation

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"ostiary/internal/codec/typedcode"
)

func TestCodeOpensToItsSecret(t *testing.T) {
	t.Parallel()
	for name, v := range profiles() {
		if v.profile.TwoStep {
			continue
		}
		for _, counters := range [][]uint64{nil, {0, MaxCounter}, {1, 2}} {
			if counters != nil && len(v.EventApplications()) == 0 {
				continue
			}
			in := input(v, counters...)
			code, err := v.MakeCode(testSecret, in)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if want := map[CodeFormat]int{Base32: 30, Decimal: 45}[v.profile.Rules.Format]; len(code) != want {
				t.Errorf("%s: %d characters", name, len(code))
			}
			for _, typed := range []string{string(code), Group(string(code)),
				" " + strings.ToLower(Group(string(code))) + "- "} {
				got, err := v.OpenCode(typed, in)
				if err != nil || !bytes.Equal(got, testSecret) {
					t.Errorf("%s: %q gives %x, %v", name, typed, []byte(got), err)
				}
			}
		}
	}
}

// What people confuse is read as it was meant.
func TestCodeIsCorrected(t *testing.T) {
	t.Parallel()
	v := vector(noPassword)
	seen := 0
	for i := range 20 {
		secret := Secret(bytesOf("confused"+string(rune('a'+i)), SecretSize))
		code := string(must(v.MakeCode(secret, input(v))))
		for _, r := range []*strings.Replacer{strings.NewReplacer("0", "O", "1", "I"),
			strings.NewReplacer("0", "o", "1", "l"), strings.NewReplacer("1", "L"), strings.NewReplacer("1", "i")} {
			typed := r.Replace(code)
			if typed != code {
				seen++
			}
			if got, err := v.OpenCode(typed, input(v)); err != nil || !bytes.Equal(got, secret) {
				t.Errorf("%s: %x, %v", typed, []byte(got), err)
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d codes were confused", seen)
	}
}

func TestCodeRefusals(t *testing.T) {
	t.Parallel()
	b32, dec, pass, checked, events := vector(noPassword), vector(decimal, noPassword), vector(),
		vector(checkedPassword), vector(events, noPassword)
	code := func(v *Vector, counters ...uint64) string {
		return string(must(v.MakeCode(testSecret, input(v, counters...))))
	}
	other := vector(noPassword, func(p *Profile) { p.Name = "Other" })
	for name, c := range map[string]struct {
		v     *Vector
		typed string
		in    CodeInput
		want  error
	}{
		"empty":                {b32, "", input(b32), ErrCodeEmpty},
		"separators":           {b32, " - ", input(b32), ErrCodeEmpty},
		"U":                    {b32, strings.Repeat("U", 30), input(b32), ErrCodeCharacter},
		"letter in digits":     {dec, "A" + code(dec)[1:], input(dec), ErrCodeCharacter},
		"short":                {b32, code(b32)[1:], input(b32), ErrCodeLength},
		"long":                 {b32, code(b32) + "0", input(b32), ErrCodeLength},
		"decimal short":        {dec, code(dec)[1:], input(dec), ErrCodeLength},
		"base32 for decimal":   {b32, code(dec), input(b32), ErrCodeLength},
		"zeros":                {b32, strings.Repeat("0", 30), input(b32), ErrCodeInvalid},
		"number above 2^128":   {dec, strings.Repeat("9", 45), input(dec), ErrCodeInvalid},
		"number 2^128":         {dec, "340282366920938463463374607431768211456000000", input(dec), ErrCodeInvalid},
		"other serial":         {b32, code(b32), CodeInput{Serial: "FDM10000002"}, ErrCodeInvalid},
		"leading zero":         {b32, code(b32), CodeInput{Serial: "FDM010000001"}, ErrCodeInvalid},
		"other profile":        {other, code(b32), input(other), ErrCodeInvalid},
		"ERC left out":         {events, code(events, 5, 6), input(events), ErrCodeInvalid},
		"ERC put in":           {events, code(events), input(events, 5, 6), ErrCodeInvalid},
		"other ERC":            {events, code(events, 5, 6), input(events, 5, 7), ErrCodeInvalid},
		"ERC of one counter":   {events, code(events), input(events, 5), ErrCounter},
		"counter of 11 digits": {events, code(events), input(events, 5, MaxCounter+1), ErrCounter},
		"ERC without events":   {b32, code(b32), input(b32, 5), ErrERCUnexpected},
		"no serial":            {b32, code(b32), CodeInput{}, ErrSerialEmpty},
		"serial of letters":    {b32, code(b32), CodeInput{Serial: "ABCDEF"}, ErrSerial},
		"other prefix":         {b32, code(b32), CodeInput{Serial: "FDL10000001"}, ErrPrefix},
		"no password":          {pass, code(pass), CodeInput{Serial: testSerial}, ErrPasswordEmpty},
		"short password": {pass, code(pass), CodeInput{Serial: testSerial, Password: Secret("ABCDE1234")},
			ErrPassword},
		"long password": {pass, code(pass),
			CodeInput{Serial: testSerial, Password: bytes.Repeat([]byte("x"), 65)}, ErrPassword},
		"password of umlauts": {pass, code(pass), CodeInput{Serial: testSerial, Password: Secret("übergröße12")},
			ErrPassword},
		"password too many": {b32, code(b32), CodeInput{Serial: testSerial, Password: Secret(testPassword)},
			ErrPasswordUnexpected},
		"wrong password": {checked, code(checked), CodeInput{Serial: testSerial, Password: Secret("ABCDE12346")},
			ErrCodeOrPassword},
		"wrong code": {checked, code(pass), input(checked), ErrCodeOrPassword},
		"two-step":   {vector(twoStep), code(b32), input(b32), ErrTwoStep},
	} {
		got, err := c.v.OpenCode(c.typed, c.in)
		if !errors.Is(err, c.want) || got != nil {
			t.Errorf("%s: %x, %v; want %v", name, []byte(got), err, c.want)
		}
	}
}

func TestMakeCodeRefusals(t *testing.T) {
	t.Parallel()
	v := vector()
	for _, n := range []int{0, 15, 17, 32} {
		if _, err := v.MakeCode(make(Secret, n), input(v)); !errors.Is(err, ErrKeySize) {
			t.Errorf("secret of %d bytes: %v", n, err)
		}
	}
	for want, in := range map[error]CodeInput{
		ErrSerialEmpty: {}, ErrPasswordEmpty: {Serial: testSerial},
		ErrPassword:      {Serial: testSerial, Password: Secret("short")},
		ErrERCUnexpected: {Serial: testSerial, Password: Secret(testPassword), Counters: []uint64{1}},
	} {
		if _, err := v.MakeCode(testSecret, in); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	if _, err := vector(twoStep).MakeCode(testSecret, input(v)); !errors.Is(err, ErrTwoStep) {
		t.Error(err)
	}
}

func TestPasswords(t *testing.T) {
	t.Parallel()
	v := vector(checkedPassword)
	drawn := must(NewPassword(stream("password")))
	if len(drawn) != 10 {
		t.Fatalf("%d characters", len(drawn))
	}
	for _, c := range []struct{ made, typed string }{
		{string(drawn), Group(strings.ToLower(string(drawn)))},
		{"ABCDE12340", "abcde i234o"},
		{"correct horse battery", "correct horse battery"},
		{" ten chars", " ten chars"},
		{"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"},
		{strings.Repeat("u", 64), strings.Repeat("u", 64)},
	} {
		if err := CheckPassword(c.made); err != nil {
			t.Errorf("%q: %v", c.made, err)
		}
		code := must(v.MakeCode(testSecret, CodeInput{Serial: testSerial, Password: Secret(c.made)}))
		if got, err := v.OpenCode(string(code), CodeInput{Serial: testSerial, Password: Secret(c.typed)}); err != nil ||
			!bytes.Equal(got, testSecret) {
			t.Errorf("%q for %q: %v", c.typed, c.made, err)
		}
	}
	// One that somebody chose counts byte for byte.
	code := must(v.MakeCode(testSecret, CodeInput{Serial: testSerial, Password: Secret("Correct horse")}))
	if _, err := v.OpenCode(string(code), CodeInput{Serial: testSerial, Password: Secret("correct horse")}); !errors.Is(
		err, ErrCodeOrPassword) {
		t.Error(err)
	}
	for _, p := range []string{"", "ninechars", "nine-c-ha-rs\x7f", "tab\tinside12", strings.Repeat("x", 65)} {
		if err := CheckPassword(p); !errors.Is(err, ErrPassword) {
			t.Errorf("%q: %v", p, err)
		}
	}
}

func TestAppKey(t *testing.T) {
	t.Parallel()
	v, b := vector(events), vector(events, bound)
	device := Secret(bytesOf("device", DeviceSecretSize))
	seen := map[string]bool{}
	for index, size := range map[int]int{1: 20, 2: 32, 5: 64} {
		key, err := v.AppKey(testSecret, testSerial, index, nil)
		if err != nil || len(key) != size {
			t.Errorf("application %d: %d bytes, %v", index, len(key), err)
		}
		again, err := v.AppKey(testSecret, "10000001", index, nil)
		if err != nil || !bytes.Equal(key, again) {
			t.Errorf("application %d: the number alone gives another key, %v", index, err)
		}
		tied, err := b.AppKey(testSecret, testSerial, index, device)
		if err != nil {
			t.Error(err)
		}
		other, err := v.AppKey(testSecret, "FDM10000002", index, nil)
		if err != nil {
			t.Error(err)
		}
		for _, k := range []Secret{key, tied, other} {
			if seen[string(k[:20])] {
				t.Errorf("application %d: a key stands there twice", index)
			}
			seen[string(k[:20])] = true
		}
	}
	for name, c := range map[string]struct {
		v      *Vector
		secret Secret
		serial string
		index  int
		bind   Secret
		want   error
	}{
		"no such application": {v, testSecret, testSerial, 3, nil, ErrApplication},
		"short secret":        {v, testSecret[1:], testSerial, 1, nil, ErrKeySize},
		"device unasked":      {v, testSecret, testSerial, 1, device, ErrKeySize},
		"no device":           {b, testSecret, testSerial, 1, nil, ErrKeySize},
		"short device":        {b, testSecret, testSerial, 1, device[1:], ErrKeySize},
		"other prefix":        {v, testSecret, "X1", 1, nil, ErrPrefix},
		"two-step":            {vector(twoStep), testSecret, testSerial, 1, nil, ErrTwoStep},
	} {
		if key, err := c.v.AppKey(c.secret, c.serial, c.index, c.bind); !errors.Is(err, c.want) || key != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The check goes into the bits behind the block and nowhere else.
func TestSplitCode(t *testing.T) {
	t.Parallel()
	block, check, ok := splitCode(strings.Repeat("0", 25) + "1ZZZZ")
	if !ok || check != 1<<20-1|1<<20 || block != [16]byte{} {
		t.Errorf("%x %x %v", block, check, ok)
	}
	block, check, ok = splitCode(string(typedcode.AppendDecimal(nil, bytes.Repeat([]byte{0xff}, 16), 39)) + "012345")
	if !ok || check != 12345 || block != [16]byte(bytes.Repeat([]byte{0xff}, 16)) {
		t.Errorf("%x %d %v", block, check, ok)
	}
}
