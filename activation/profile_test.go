package activation

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"ostiary/internal/codec/cbor"
)

func TestVectorIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Profile){
		"least": func(p *Profile) {
			p.Prefix, p.Name, p.Issuer = "", "N", "I"
			p.Rules = Rules{Format: Base32, Argon2id: Argon2id{1, 8, 1}}
		},
		"events": events,
		"most": func(p *Profile) {
			p.Prefix, p.Name, p.Issuer = "Z9A", strings.Repeat("n", 64), strings.Repeat("ü", 32)
			p.Applications = nil
			for i := range 8 {
				p.Applications = append(p.Applications, Application{i + 1, strings.Repeat("a", 32), ResponseOnly,
					must(ParseSuite("TOTP-SHA512-10/3600"))})
			}
			p.PIN = PINRules{12, 12, false, 99, WrongAnswers, PINUnchecked}
			p.Rules = Rules{Decimal, true, true, true, false, Argon2id{10, 65536, 4}, false}
		},
		"two-step":       twoStep,
		"secure channel": func(p *Profile) { p.TwoStep, p.SecureChannel = true, true },
		"two-step, no one-time passwords": func(p *Profile) {
			p.TwoStep = true
			p.Applications = []Application{{8, "Pay", Signature, must(ParseSuite("OCRA-1:HOTP-SHA256-10:QH64-T1M"))}}
		},
	} {
		p := sheet(change)
		v, err := p.Vector()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		again, err := ParseVector(v.Bytes())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := again.Profile(); !reflect.DeepEqual(&got, p) {
			t.Errorf("%s: %+v, want %+v", name, got, p)
		}
		if again.Hash() != v.Hash() || !bytes.Equal(again.Bytes(), v.Bytes()) {
			t.Errorf("%s: another hash or encoding", name)
		}
	}
}

// Each rule of a profile holds where it is made and where it is read.
func TestProfileRules(t *testing.T) {
	t.Parallel()
	app := func(mode Mode, suite string) func(*Profile) {
		return func(p *Profile) {
			p.Applications = append(p.Applications, Application{2, "Two", mode, must(ParseSuite(suite))})
		}
	}
	for name, change := range map[string]func(*Profile){
		"prefix too long":       func(p *Profile) { p.Prefix = "ABCD" },
		"prefix of small":       func(p *Profile) { p.Prefix = "abc" },
		"prefix of signs":       func(p *Profile) { p.Prefix = "A-B" },
		"no application":        func(p *Profile) { p.Applications = nil },
		"index 0":               func(p *Profile) { p.Applications[0].Index = 0 },
		"index 9":               func(p *Profile) { p.Applications[0].Index = 9 },
		"index twice":           func(p *Profile) { p.Applications = append(p.Applications, p.Applications[0]) },
		"indexes falling":       func(p *Profile) { events(p); p.Applications[0].Index = 3 },
		"nine applications":     func(p *Profile) { p.Applications = make([]Application, 9) },
		"no application name":   func(p *Profile) { p.Applications[0].Name = "" },
		"long application name": func(p *Profile) { p.Applications[0].Name = strings.Repeat("x", 33) },
		"application name":      func(p *Profile) { p.Applications[0].Name = "a\u202eb" },
		"mode 0":                func(p *Profile) { p.Applications[0].Mode = 0 },
		"mode 4":                func(p *Profile) { p.Applications[0].Mode = 4 },
		"TOTP for challenges":   app(ChallengeResponse, "TOTP-SHA1-6/30"),
		"HOTP for signatures":   app(Signature, "HOTP-SHA1-6"),
		"OCRA for passwords":    app(ResponseOnly, "OCRA-1:HOTP-SHA1-6:QN08"),
		"signature of QH40":     app(Signature, "OCRA-1:HOTP-SHA1-6:QH40"),
		"signature of QA64":     app(Signature, "OCRA-1:HOTP-SHA1-6:QA64"),
		"no one-time passwords": func(p *Profile) { events(p); p.Applications = p.Applications[2:] },
		"PIN of 3":              func(p *Profile) { p.PIN.Min = 3 },
		"PIN of 13":             func(p *Profile) { p.PIN.Max = 13 },
		"PIN bounds":            func(p *Profile) { p.PIN.Min, p.PIN.Max = 8, 7 },
		"no tries":              func(p *Profile) { p.PIN.Tries = 0 },
		"100 tries":             func(p *Profile) { p.PIN.Tries = 100 },
		"penalty 0":             func(p *Profile) { p.PIN.Penalty = 0 },
		"penalty 3":             func(p *Profile) { p.PIN.Penalty = 3 },
		"level 2":               func(p *Profile) { p.PIN.Level = 2 },
		"code format 0":         func(p *Profile) { p.Rules.Format = 0 },
		"code format 3":         func(p *Profile) { p.Rules.Format = 3 },
		"unasked password":      func(p *Profile) { p.Rules.Password, p.Rules.CheckPassword = false, true },
		"no pass":               func(p *Profile) { p.Rules.Argon2id.Time = 0 },
		"11 passes":             func(p *Profile) { p.Rules.Argon2id.Time = 11 },
		"7 KiB":                 func(p *Profile) { p.Rules.Argon2id = Argon2id{1, 7, 1} },
		"65537 KiB":             func(p *Profile) { p.Rules.Argon2id.Memory = 65537 },
		"no lane":               func(p *Profile) { p.Rules.Argon2id.Parallelism = 0 },
		"5 lanes":               func(p *Profile) { p.Rules.Argon2id = Argon2id{1, 64, 5} },
		"31 KiB for 4 lanes":    func(p *Profile) { p.Rules.Argon2id = Argon2id{1, 31, 4} },
		"channel, answers": func(p *Profile) {
			p.TwoStep, p.SecureChannel, p.PIN.Penalty = true, true,
				WrongAnswers
		},
		"channel, unchecked": func(p *Profile) { p.TwoStep, p.SecureChannel, p.PIN.Level = true, true, PINUnchecked },
		"no name":            func(p *Profile) { p.Name = "" },
		"long name":          func(p *Profile) { p.Name = strings.Repeat("x", 65) },
		"name of two lines":  func(p *Profile) { p.Name = "a\nb" },
		"no issuer":          func(p *Profile) { p.Issuer = "" },
		"issuer not UTF-8":   func(p *Profile) { p.Issuer = "a\xff" },
	} {
		p := sheet(change)
		if _, err := p.Vector(); !errors.Is(err, ErrProfile) {
			t.Errorf("%s: made: %v", name, err)
		}
		if _, err := ParseVector(p.encode()); !errors.Is(err, ErrVector) {
			t.Errorf("%s: read: %v", name, err)
		}
	}
	if _, err := sheet(func(p *Profile) { p.SecureChannel = true }).Vector(); !errors.Is(err, ErrProfile) {
		t.Errorf("channel without two steps: %v", err)
	}
}

// A number that is one of the choices modulo 256 is none of them.
func TestChoicesAreNotCut(t *testing.T) {
	t.Parallel()
	b := sheet().encode()
	before, after, ok := bytes.Cut(b, append(cbor.AppendText(nil, "Login"), 3, byte(ResponseOnly)))
	if !ok {
		t.Fatal("the mode is not found")
	}
	for v, want := range map[uint64]bool{1: true, 1 + 1<<8: false, 1 + 1<<16: false, 1 + 1<<32: false} {
		c := cbor.AppendText(bytes.Clone(before), "Login")
		c = append(cbor.AppendUint(cbor.AppendUint(c, 3), v), after...)
		if _, err := ParseVector(c); (err == nil) != want {
			t.Errorf("mode %d: %v", v, err)
		}
	}
}

func TestVectorStructure(t *testing.T) {
	t.Parallel()
	good := sheet().encode()
	for name, b := range map[string][]byte{
		"nothing":     nil,
		"cut off":     good[:len(good)-1],
		"byte behind": append(bytes.Clone(good), 0),
		"no map":      cbor.AppendUint(nil, 1),
		"version 0":   append([]byte{good[0], 0, 0}, good[3:]...),
		"one key more": append(append([]byte{good[0] + 1}, good[1:]...),
			cbor.AppendUint(cbor.AppendUint(nil, 11), 0)...),
	} {
		if _, err := ParseVector(b); !errors.Is(err, ErrVector) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParseVector(append([]byte{good[0], 0, 2}, good[3:]...)); !errors.Is(err, ErrVersion) {
		t.Errorf("version 2: %v", err)
	}
}

func TestVectorCannotBeChanged(t *testing.T) {
	t.Parallel()
	p := sheet(events)
	v := must(p.Vector())
	p.Applications[0].Name = "changed"
	q := v.Profile()
	q.Applications[1].Name = "changed"
	v.Bytes()[0] = 0
	b := v.Bytes()
	w := must(ParseVector(b))
	clear(b)
	for _, v := range []*Vector{v, w} {
		if got := v.Profile(); got.Applications[0].Name != "Login" || got.Applications[1].Name != "Door" {
			t.Error("the applications were changed")
		}
		if _, err := ParseVector(v.Bytes()); err != nil {
			t.Error(err)
		}
	}
}

func TestApplications(t *testing.T) {
	t.Parallel()
	v := vector(events)
	if a, err := v.Application(5); err != nil || a.Name != "Pay" {
		t.Error(a, err)
	}
	for _, i := range []int{-1, 0, 3, 8, 9} {
		if _, err := v.Application(i); !errors.Is(err, ErrApplication) {
			t.Errorf("application %d: %v", i, err)
		}
	}
	if a, ok := v.Confirming(); !ok || a.Index != 1 {
		t.Error(a, ok)
	}
	if got := v.EventApplications(); len(got) != 2 || got[0].Index != 1 || got[1].Index != 5 {
		t.Error(got)
	}
	second := vector(func(p *Profile) {
		p.Applications = []Application{{2, "Ask", ChallengeResponse, must(ParseSuite("OCRA-1:HOTP-SHA1-6:QN08"))},
			{4, "Login", ResponseOnly, must(ParseSuite("TOTP-SHA1-6/30"))}}
	})
	if a, ok := second.Confirming(); !ok || a.Index != 4 {
		t.Error(a, ok)
	}
	none := vector(twoStep, func(p *Profile) {
		p.Applications = []Application{{2, "Ask", ChallengeResponse, must(ParseSuite("OCRA-1:HOTP-SHA1-6:QN08"))}}
	})
	if a, ok := none.Confirming(); ok {
		t.Error(a)
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	v := vector()
	v.hash = [32]byte{0x3f, 0xa8, 0x0c, 0x11, 0x9d, 0x42, 0x00, 0x01, 0xff, 0xee, 0xdd}
	if got := v.Fingerprint(); got != "3fa8 0c11 9d42 0001 ffee" {
		t.Error(got)
	}
}

func TestKeepsOldDevice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		p    *Profile
		want bool
	}{{sheet(), false}, {sheet(sameKey), true}, {sheet(sameKey, bound), false}, {sheet(bound), false}} {
		if c.p.KeepsOldDevice() != c.want {
			t.Errorf("%+v", c.p.Rules)
		}
	}
}

func TestSuites(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		kind  Kind
		size  int
		event bool
	}{
		{"HOTP-SHA1-6", HOTP, 20, true},
		{"HOTP-SHA512-10", HOTP, 64, true},
		{"TOTP-SHA256-8/30", TOTP, 32, false},
		{"TOTP-SHA1-6/1", TOTP, 20, false},
		{"TOTP-SHA1-6/3600", TOTP, 20, false},
		{"OCRA-1:HOTP-SHA512-8:C-QH64", OCRA, 64, true},
		{"OCRA-1:HOTP-SHA1-4:QN08-T30S", OCRA, 20, false},
	} {
		s, err := ParseSuite(c.text)
		if err != nil || s.Kind != c.kind || s.KeySize() != c.size || s.Event() != c.event || s.String() != c.text {
			t.Errorf("%s: %+v, %v", c.text, s, err)
		}
	}
	for _, text := range []string{
		"", "invalid", "HOTP", "HOTP-", "HOTP-SHA1", "HOTP-SHA1-5", "HOTP-SHA1-11", "HOTP-SHA1-06", "HOTP-sha1-6",
		"HOTP-SHA-1-6", "HOTP-MD5-6",
		"HOTP-SHA1-6/30", "HOTP-SHA1-6/", "HOTP-SHA1-6/0", "HOTP-SHA1-+6", " HOTP-SHA1-6", "HOTP-SHA1-6 ",
		"TOTP-SHA1-6", "TOTP-SHA1-6/", "TOTP-SHA1-6/0", "TOTP-SHA1-6/3601",
		"TOTP-SHA1-6/030", "TOTP-SHA1-6/-30", "TOTP-SHA1-6/30/30", "totp-SHA1-6/30", "YOTP-SHA1-6", "OCRA-1",
		"OCRA-1:HOTP-SHA1-0:QN08", "OCRA-1:HOTP-SHA1-3:QN08",
		"OCRA-1:HOTP-SHA1-6:QN08-PSHA1", "OCRA-1:HOTP-SHA1-6:QN08-S064", "OCRA-2:HOTP-SHA1-6:QN08",
		"OCRA-1:HOTP-SHA1-6:C",
	} {
		if s, err := ParseSuite(text); !errors.Is(err, ErrSuite) || s != (Suite{}) {
			t.Errorf("%q: %+v, %v", text, s, err)
		}
	}
}

func TestSerial(t *testing.T) {
	t.Parallel()
	fdm, none, numeric := vector(), vector(func(p *Profile) { p.Prefix = "" }),
		vector(func(p *Profile) { p.Prefix = "12" })
	for _, c := range []struct {
		v           *Vector
		typed, want string
		err         error
	}{
		{fdm, "FDM10000001", "FDM10000001", nil},
		{fdm, " fdm-1000 0001 ", "FDM10000001", nil},
		{fdm, "10000001", "FDM10000001", nil},
		{fdm, "FDM000000000000001", "FDM000000000000001", nil},
		{fdm, "0", "FDM0", nil},
		{none, "10000001", "10000001", nil},
		{none, "FDM10000001", "", ErrPrefix},
		{numeric, "1234", "1234", nil},
		{numeric, "34", "1234", nil},
		{numeric, "12", "1212", nil},
		{fdm, "", "", ErrSerialEmpty},
		{fdm, " - ", "", ErrSerialEmpty},
		{fdm, "FDM", "", ErrSerial},
		{fdm, "FDM1000000123456789", "", ErrSerial},
		{fdm, "1234567890123456789", "", ErrSerial},
		{fdm, "FDL10000001", "", ErrPrefix},
		{fdm, "FD10000001", "", ErrPrefix},
		{fdm, "FDM1000000A", "", ErrSerial},
		{fdm, "FDM-1000000１", "", ErrSerial},
		{fdm, "ſdm1", "", ErrSerial},
		{fdm, strings.Repeat(" ", 100) + "1", "", ErrSerial},
	} {
		if got, err := c.v.Serial(c.typed); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%q with prefix %q: %q, %v; want %q, %v", c.typed, c.v.profile.Prefix, got, err, c.want, c.err)
		}
	}
}

func TestRandomnessThatFails(t *testing.T) {
	t.Parallel()
	none := strings.NewReader("short")
	for name, f := range map[string]func() error{
		"profile":      func() error { _, err := NewProfile(none); return err },
		"secret":       func() error { _, err := NewSecret(none); return err },
		"device":       func() error { _, err := NewDeviceSecret(none); return err },
		"password":     func() error { _, err := NewPassword(none); return err },
		"registration": func() error { _, err := NewRegistrationCode(none); return err },
		"exchange":     func() error { _, err := NewExchange(testCode(), Device{Web, "x"}, none); return err },
	} {
		if f() == nil {
			t.Errorf("%s: drawn from nothing", name)
		}
	}
}

// A vector that was taken before names were held to be seen stays readable; a new one
// of that kind is refused, made or received.
func TestKeptVector(t *testing.T) {
	t.Parallel()
	for name, kept := range map[string]bool{"Mobile": true, "Mobile ": true, "❤\ufe0f": true, "Bank\u3164": true,
		"a\nb": false, "a\u202eb": false, "": false} {
		p := must(NewProfile(stream("kept")))
		p.Name, p.Issuer, p.Prefix = name, "Bank", "FDM"
		p.Applications = []Application{{Index: 1, Name: "Login", Mode: ResponseOnly,
			Suite: must(ParseSuite("TOTP-SHA1-6/30"))}}
		_, made := p.Vector()
		_, received := ParseVector(p.encode())
		if good := name == "Mobile"; (made == nil) != good || (received == nil) != good {
			t.Errorf("%q: made %v, received %v", name, made, received)
		}
		if v, err := ParseKeptVector(p.encode()); (err == nil) != kept || kept && v.Profile().Name != name {
			t.Errorf("%q kept: %v", name, err)
		}
	}
}
