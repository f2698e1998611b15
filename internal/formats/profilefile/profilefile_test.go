package profilefile

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ostiary/activation"
)

const least = `
name = "A"
issuer = "B"
[[application]]
name = "Login"
mode = "response-only"
suite = "TOTP-SHA1-6/30"
`

func parse(t *testing.T, text string) activation.Profile {
	t.Helper()
	p, err := ParseProfile(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func example(t *testing.T, name string) activation.Profile {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../../examples/profiles", name))
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(text))
}

func suiteOf(t *testing.T, text string) activation.Suite {
	t.Helper()
	s, err := activation.ParseSuite(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What a file leaves out is as activation advises.
func TestDefaults(t *testing.T) {
	t.Parallel()
	want, err := activation.NewProfile(bytes.NewReader(make([]byte, 48)))
	if err != nil {
		t.Fatal(err)
	}
	want.Name, want.Issuer = "A", "B"
	want.Applications = []activation.Application{{Index: 1, Name: "Login", Mode: activation.ResponseOnly,
		Suite: suiteOf(t, "TOTP-SHA1-6/30")}}
	if diff := cmp.Diff(*want, parse(t, least)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// plain.toml names every setting, and says its default where it differs.
func TestPlain(t *testing.T) {
	t.Parallel()
	want := parse(t, least)
	want.Name, want.Issuer, want.Prefix = "Plain", "Example Works", "EXP"
	want.Applications[0].Suite = suiteOf(t, "HOTP-SHA1-6")
	want.Rules.Password = false
	if diff := cmp.Diff(want, example(t, "plain.toml")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestBound(t *testing.T) {
	t.Parallel()
	want := parse(t, least)
	want.Name, want.Issuer, want.Prefix = "Bound", "Example Works", "EXB"
	want.Applications[0].Suite = suiteOf(t, "TOTP-SHA256-8/30")
	want.PIN.Max = 8
	want.Rules.DeviceBinding = true
	if diff := cmp.Diff(want, example(t, "bound.toml")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestBank(t *testing.T) {
	t.Parallel()
	p := example(t, "bank.toml")
	want := activation.Profile{Name: "Banking", Issuer: "Bank of Examples", Prefix: "BNK",
		PIN: activation.PINRules{Min: 5, Max: 12, RefuseWeak: true, Tries: 3, Penalty: activation.WrongAnswers,
			Level: activation.PINHashed},
		Rules: activation.Rules{Format: activation.Decimal, Password: true, CheckPassword: true, NewKey: true,
			Reactivation: true,
			Argon2id:     activation.Argon2id{Time: 3, Memory: 32768, Parallelism: 2}},
		Applications: p.Applications}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	var modes []activation.Mode
	for i, a := range p.Applications {
		if a.Index != i+1 {
			t.Errorf("application %d has index %d", i+1, a.Index)
		}
		modes = append(modes, a.Mode)
	}
	if diff := cmp.Diff([]activation.Mode{1, 1, 1, 2, 2, 3, 3, 3}, modes); diff != "" {
		t.Errorf("modes (-want +got)\n%s", diff)
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	p := parse(t, least+`
[[application]]
index = 4
name = "Sign"
mode = "signature"
suite = "OCRA-1:HOTP-SHA1-6:QH64"
[[application]]
name = "Answer"
mode = "challenge-response"
suite = "OCRA-1:HOTP-SHA1-6:QN08"
[pin]
penalty = "wrong-answers"
level = "none"
[activation]
code = "decimal"
`)
	if p.PIN.Penalty != activation.WrongAnswers || p.PIN.Level != activation.PINUnchecked ||
		p.Rules.Format != activation.Decimal {
		t.Errorf("%+v %+v", p.PIN, p.Rules)
	}
	if len(p.Applications) != 3 || p.Applications[1].Index != 4 || p.Applications[2].Index != 5 ||
		p.Applications[1].Mode != activation.Signature ||
		p.Applications[2].Mode != activation.ChallengeResponse {
		t.Errorf("%+v", p.Applications)
	}
	p = parse(t, least+"[pin]\nlevel = \"hash\"\npenalty = \"erase\"\n[two_step]\nsecure_channel = true\n")
	if !p.TwoStep || !p.SecureChannel {
		t.Error("it is not for two steps, or has no channel")
	}
	if p = parse(t, least+"[two_step]\n"); !p.TwoStep || p.SecureChannel {
		t.Error("the empty table does not mean two steps without a channel")
	}
}

// Every word is that of the value it sets.
func TestWordsBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ got, want string }{
		{ModeWord(activation.ResponseOnly), "response-only"},
		{ModeWord(activation.ChallengeResponse), "challenge-response"}, {ModeWord(activation.Signature), "signature"},
		{PenaltyWord(activation.Erase), "erase"}, {PenaltyWord(activation.WrongAnswers), "wrong-answers"},
		{LevelWord(activation.PINUnchecked), "none"}, {LevelWord(activation.PINHashed), "hash"},
		{CodeWord(activation.Base32), "base32"}, {CodeWord(activation.Decimal), "decimal"}, {ModeWord(9), ""},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want string
		is   error
	}{
		"unknown setting": {least + "[activation]\npasword = true\n", "line 9: there is no setting " +
			"activation.pasword", nil},
		"two unknown settings": {"colour = 1\n" + least + "[pin]\nlength = 4\n", "line 1: there is no setting " +
			"colour\nline 10: there is no setting pin.length", nil},
		"unknown table": {least + "[logo]\nx = 1\n", "line 8: there is no setting logo", nil},
		"broken":        {least + "[pin\n", "line 8: ", nil},
		"twice":         {least + "[pin]\nmin = 6\nmin = 6\n", "line 10: ", nil},
		"unknown mode": {strings.Replace(least, "response-only", "otp", 1),
			"line 6: it must be challenge-response, response-only, signature", nil},
		"unknown penalty": {least + "[pin]\npenalty = \"lock\"\n", "line 9: it must be erase, wrong-answers", nil},
		"unknown level":   {least + "[pin]\nlevel = \"checksum\"\n", "line 9: it must be hash, none", nil},
		"unknown code":    {least + "[activation]\ncode = \"hex\"\n", "line 9: it must be base32, decimal", nil},
		"unknown suite": {strings.Replace(least, "SHA1-6/30", "MD5-6/30", 1),
			"line 7: " + activation.ErrSuite.Error(), nil},
		"another type":       {least + "[pin]\nmin = \"six\"\n", "line 9: pin.min is not a valid string", nil},
		"too large a number": {least + "[pin]\nmin = 99999999999999999999\n", "line 9: ", nil},
		"not UTF-8":          {least + "# \xff\n", "line 8: ", nil},
		"broken rule":        {least + "[pin]\nmin = 3\n", "PIN: 4 to 12 digits", activation.ErrProfile},
		"no applications":    {"name = \"A\"\nissuer = \"B\"\n", "1 to 8", activation.ErrProfile},
		"no name":            {strings.Replace(least, `name = "A"`, "", 1), "name", activation.ErrProfile},
		"empty":              {"", "applications", activation.ErrProfile},
		"too long":           {least + strings.Repeat("#", maxFile), "larger than 64 KiB", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseProfile(strings.NewReader(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v, want %q", err, c.want)
			}
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v is not %v", err, c.is)
			}
		})
	}
}

func FuzzParseProfile(f *testing.F) {
	f.Add(least)
	f.Add(least + "[activation]\npasword = true\n")
	f.Add("[[application]]\nindex = -1\n")
	f.Add("application = 1")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParseProfile(strings.NewReader(text))
		if err != nil {
			return
		}
		if _, err := p.Vector(); err != nil {
			t.Errorf("read, and no profile: %v", err)
		}
	})
}
