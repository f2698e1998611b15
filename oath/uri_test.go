package oath

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

func sameURI(a, b URI) bool {
	return a.Type == b.Type && a.Issuer == b.Issuer && a.Account == b.Account &&
		bytes.Equal(a.Secret.Bytes(), b.Secret.Bytes()) &&
		a.Hash == b.Hash && a.Digits == b.Digits && a.Period == b.Period && a.Counter == b.Counter
}

func TestParseURI(t *testing.T) {
	hello := NewSecret([]byte("Hello!\xde\xad\xbe\xef"))
	totp := URI{TypeTOTP, "", "alice", hello, SHA1, 6, 30, 0}
	with := func(change func(*URI)) URI {
		u := totp
		change(&u)
		return u
	}
	const base = "otpauth://totp/alice?secret=JBSWY3DPEHPK3PXP"
	tests := []struct {
		name, text string
		want       URI
	}{
		{"ten digits", base + "&digits=10", with(func(u *URI) { u.Digits = 10 })},
		{"all parameters",
			"otpauth://totp/ACME%20Co:john@example.com?secret=JBSWY3DPEHPK3PXP&issuer=ACME%20Co&algorithm=SHA512&digits=8&period=60",
			URI{TypeTOTP, "ACME Co", "john@example.com", hello, SHA512, 8, 60, 0}},
		{"colon and spaces encoded", "otpauth://totp/ACME%3a%20%20alice?secret=JBSWY3DPEHPK3PXP",
			with(func(u *URI) { u.Issuer = "ACME" })},
		{"defaults", base, totp},
		{"hotp", "otpauth://hotp/alice?counter=0&secret=JBSWY3DPEHPK3PXP",
			with(func(u *URI) { u.Type, u.Period = TypeHOTP, 0 })},
		{"hotp, greatest counter", "otpauth://hotp/alice?secret=JBSWY3DPEHPK3PXP&counter=18446744073709551615",
			with(func(u *URI) { u.Type, u.Period, u.Counter = TypeHOTP, 0, math.MaxUint64 })},
		{"issuer in the label", "otpauth://totp/ACME:alice?secret=JBSWY3DPEHPK3PXP",
			with(func(u *URI) { u.Issuer = "ACME" })},
		{"issuer in the query", base + "&issuer=ACME", with(func(u *URI) { u.Issuer = "ACME" })},
		{"issuer of UTF-8", base + "&issuer=B%C3%A4cker%20%26%20S%c3%b6hne",
			with(func(u *URI) { u.Issuer = "Bäcker & Söhne" })},
		{"lower-case secret", "otpauth://totp/alice?secret=jbswy3dpehpk3pxp", totp},
		{"other spelling of the hash", base + "&algorithm=HmacSHA256", with(func(u *URI) { u.Hash = SHA256 })},
		{"padded secret", "otpauth://totp/alice?secret=MZXW6YQ=",
			with(func(u *URI) { u.Secret = NewSecret([]byte("foob")) })},
		{"padding encoded", "otpauth://totp/alice?secret=MY%3D%3D%3D%3D%3d%3D",
			with(func(u *URI) { u.Secret = NewSecret([]byte("f")) })},
		{"plus sign", base + "&issuer=A+B", with(func(u *URI) { u.Issuer = "A+B" })},
		{"secret with bits left over", "otpauth://totp/alice?secret=MZ",
			with(func(u *URI) { u.Secret = NewSecret([]byte("f")) })},
		{"slash encoded", "otpauth://totp/a%2Fb?secret=JBSWY3DPEHPK3PXP", with(func(u *URI) { u.Account = "a/b" })},
		{"longest period", base + "&period=9223372036854775807", with(func(u *URI) { u.Period = math.MaxInt64 })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseURI(tt.text)
			if err != nil || !sameURI(got, tt.want) {
				t.Fatalf("ParseURI = %+v, %v; want %+v", got, err, tt.want)
			}
			text, err := got.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if back, err := ParseURI(text); err != nil || !sameURI(got, back) {
				t.Errorf("%q reads back as %+v, %v", text, back, err)
			}
		})
	}
}

func TestParseURIRefusals(t *testing.T) {
	const secret = "JBSWY3DPEHPK3PXP"
	const totp = "otpauth://totp/alice?secret=" + secret
	const hotp = "otpauth://hotp/alice?secret=" + secret
	tests := []struct{ name, text, param string }{
		{"account empty", "otpauth://totp/?secret=" + secret, ""},
		{"account empty behind the issuer", "otpauth://totp/ACME:?secret=" + secret, ""},
		{"account of spaces", "otpauth://totp/ACME:%20?secret=" + secret, ""},
		{"account too long", "otpauth://totp/" + strings.Repeat("a", 257) + "?secret=" + secret, ""},
		{"account with a control character", "otpauth://totp/al%0Aice?secret=" + secret, ""},
		{"account with a direction mark", "otpauth://totp/al%E2%80%AEice?secret=" + secret, ""},
		{"account with space before", "otpauth://totp/%20alice?secret=" + secret, ""},
		{"account with space behind", "otpauth://totp/alice%20?secret=" + secret, ""},
		{"account with two colons", "otpauth://totp/a:b:c?secret=" + secret, ""},
		{"account, encoding cut", "otpauth://totp/alice%2?secret=" + secret, ""},
		{"account, encoding wrong", "otpauth://totp/ali%zzce?secret=" + secret, ""},
		{"account, not UTF-8", "otpauth://totp/al%ffice?secret=" + secret, ""},
		{"algorithm empty", totp + "&algorithm=", "algorithm"},
		{"algorithm twice", totp + "&algorithm=SHA1&algorithm=SHA1", "algorithm"},
		{"algorithm unknown", totp + "&algorithm=MD5", "algorithm"},
		{"ampersand at the end", totp + "&", ""},
		{"ampersand twice", totp + "&&digits=6", ""},
		{"bare secret for parameters", "otpauth://totp/alice?" + secret, ""},
		{"bare secret, padded", "otpauth://totp/alice?" + secret + "=", ""},
		{"capital parameter", totp + "&Digits=6", ""},
		{"counter missing", hotp, "counter"},
		{"counter negative", hotp + "&counter=-1", "counter"},
		{"counter of 2^64", hotp + "&counter=18446744073709551616", "counter"},
		{"counter with leading zero", hotp + "&counter=01", "counter"},
		{"counter with plus", hotp + "&counter=+1", "counter"},
		{"counter with totp", totp + "&counter=0", "counter"},
		{"digits eleven", totp + "&digits=11", "digits"},
		{"digits five", totp + "&digits=5", "digits"},
		{"digits hexadecimal", totp + "&digits=0x6", "digits"},
		{"digits huge", totp + "&digits=18446744073709551622", "digits"},
		{"digits wrapped", totp + "&digits=4294967302", "digits"},
		{"empty", "", ""},
		{"fragment", totp + "#x", ""},
		{"host in another case", "otpauth://TOTP/alice?secret=" + secret, ""},
		{"issuer differs", "otpauth://totp/ACME:alice?secret=" + secret + "&issuer=Acme", "issuer"},
		{"issuer empty", totp + "&issuer=", "issuer"},
		{"issuer empty in the label", "otpauth://totp/:alice?secret=" + secret, ""},
		{"issuer too long", totp + "&issuer=" + strings.Repeat("a", 257), "issuer"},
		{"issuer twice", totp + "&issuer=a&issuer=a", "issuer"},
		{"issuer with a colon", totp + "&issuer=a%3Ab", "issuer"},
		{"issuer with line separator", totp + "&issuer=a%E2%80%A8b", "issuer"},
		{"issuer, C1 control", totp + "&issuer=a%C2%85b", "issuer"},
		{"issuer, encoding wrong", totp + "&issuer=%", "issuer"},
		{"issuer, overlong UTF-8", totp + "&issuer=%C0%AF", "issuer"},
		{"issuer, surrogate", totp + "&issuer=%ED%A0%80", "issuer"},
		{"line end", totp + "\n", ""},
		{"no parameters", "otpauth://totp/alice", ""},
		{"no query behind the mark", "otpauth://totp/alice?", ""},
		{"no slash", "otpauth://totp?secret=" + secret, ""},
		{"not ASCII", "otpauth://totp/älice?secret=" + secret, ""},
		{"other scheme", "https://totp/alice?secret=" + secret, ""},
		{"parameter without value", totp + "&issuer", ""},
		{"period huge", totp + "&period=9223372036854775808", "period"},
		{"period negative", totp + "&period=-30", "period"},
		{"period with a fraction", totp + "&period=30.0", "period"},
		{"period with hotp", hotp + "&counter=1&period=30", "period"},
		{"period zero", totp + "&period=0", "period"},
		{"scheme in capitals", "OTPAUTH://totp/alice?secret=" + secret, ""},
		{"secret empty", "otpauth://totp/alice?secret=", "secret"},
		{"secret missing", "otpauth://totp/alice?digits=6", "secret"},
		{"secret of padding", "otpauth://totp/alice?secret=========", "secret"},
		{"secret too long", "otpauth://totp/alice?secret=" + strings.Repeat("A", 208), "secret"},
		{"secret twice", totp + "&secret=" + secret, "secret"},
		{"secret with a digit 1", "otpauth://totp/alice?secret=JBSWY3DPEHPK3PX1", "secret"},
		{"secret with hyphens", "otpauth://totp/alice?secret=JBSW-Y3DP", "secret"},
		{"secret with line end", "otpauth://totp/alice?secret=JBSWY3DP%0D%0AEHPK3PXP", "secret"},
		{"secret with space", "otpauth://totp/alice?secret=JBSW%20Y3DP", "secret"},
		{"secret, impossible length", "otpauth://totp/alice?secret=JBSWY3", "secret"},
		{"secret, padding inside", "otpauth://totp/alice?secret=MY======MY======", "secret"},
		{"secret, padding not needed", "otpauth://totp/alice?secret=MZXW6YTB========", "secret"},
		{"secret, padding too long", "otpauth://totp/alice?secret=MZXW6YQ==", "secret"},
		{"secret, padding too short", "otpauth://totp/alice?secret=MY===", "secret"},
		{"too long", totp + "&issuer=" + strings.Repeat("%61", 700), ""},
		{"two path segments", "otpauth://totp/alice/x?secret=" + secret, ""},
		{"type unknown", "otpauth://ocra/alice?secret=" + secret, ""},
		{"unknown parameter", totp + "&image=https%3A%2F%2Fexample.com", "image"},
		{"unknown parameter, encoded name", totp + "&%64igits=6", ""},
		{"unknown parameter, long name", totp + "&jbswy3dpehpk3pxp=1", ""},
		{"unknown parameter, long name of letters", totp + "&jbswydpehpkpxpaa=1", ""},
		{"user information", "otpauth://x@totp/alice?secret=" + secret, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseURI(tt.text)
			if err == nil {
				t.Fatalf("read as %+v", got)
			}
			if !sameURI(got, URI{}) {
				t.Errorf("refused, but returned %+v", got)
			}
			var uriErr *URIError
			if !errors.Is(err, ErrURI) || !errors.As(err, &uriErr) || uriErr.Param != tt.param {
				t.Errorf("error %#v, want one about %q", err, tt.param)
			}
			for _, piece := range []string{"JBSW", "jbsw", "MZXW", "alice", "example"} {
				if strings.Contains(err.Error(), piece) {
					t.Errorf("error holds a piece of the URI: %v", err)
				}
			}
		})
	}
}

func TestEncodeURI(t *testing.T) {
	u := URI{TypeHOTP, "Bäcker & Söhne", "a+b/c?d=e%f@x", NewSecret([]byte(rfcKey)), SHA256, 8, 0, 42}
	const want = "otpauth://hotp/B%C3%A4cker%20%26%20S%C3%B6hne:a%2Bb%2Fc%3Fd%3De%25f@x" +
		"?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=B%C3%A4cker%20%26%20S%C3%B6hne" +
		"&algorithm=SHA256&digits=8&counter=42"
	if got, err := u.Encode(); err != nil || got != want {
		t.Errorf("Encode = %q, %v; want %q", got, err, want)
	}

	bad := map[string]func(*URI){
		"account":    func(u *URI) { u.Account = "" },
		"colon":      func(u *URI) { u.Account = "a:b" },
		"counter":    func(u *URI) { u.Type, u.Period = TypeTOTP, 30 },
		"digits":     func(u *URI) { u.Digits = 5 },
		"hash":       func(u *URI) { u.Hash = 0 },
		"issuer":     func(u *URI) { u.Issuer = "a\nb" },
		"no period":  func(u *URI) { u.Type, u.Counter = TypeTOTP, 0 },
		"no secret":  func(u *URI) { u.Secret = Secret{} },
		"not UTF-8":  func(u *URI) { u.Issuer = "\xff" },
		"period":     func(u *URI) { u.Period = 30 },
		"secret":     func(u *URI) { u.Secret = NewSecret(make([]byte, 129)) },
		"too long":   func(u *URI) { u.Issuer, u.Account = strings.Repeat("é", 128), strings.Repeat("é", 128) },
		"type":       func(u *URI) { u.Type = "" },
		"zero value": func(u *URI) { *u = URI{} },
	}
	for name, spoil := range bad {
		v := u
		spoil(&v)
		if got, err := v.Encode(); got != "" || !errors.Is(err, ErrURI) {
			t.Errorf("%s: Encode = %q, %v; want ErrURI", name, got, err)
		}
	}
}

// Whatever can be encoded reads back the same.
func TestURIRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	name := func() string {
		const alphabet = "abcXYZ019 -._~@+/%&=?#\"'<>äß漢🔑"
		runes := []rune(alphabet)
		b := make([]rune, r.IntN(20))
		for i := range b {
			b[i] = runes[r.IntN(len(runes))]
		}
		return strings.Trim(string(b), " ")
	}
	for range 5000 {
		u := URI{
			Type: TypeTOTP, Issuer: name(), Account: "a" + name(), Secret: NewSecret(randomBytes(r, 1+r.IntN(128))),
			Hash: hashes[r.IntN(3)], Digits: 6 + r.IntN(5), Period: 1 + r.Int64()>>r.IntN(62),
		}
		if r.IntN(2) == 0 {
			u.Type, u.Period, u.Counter = TypeHOTP, 0, r.Uint64()>>r.IntN(64)
		}
		text, err := u.Encode()
		if err != nil {
			t.Fatalf("%+v: %v", u, err)
		}
		back, err := ParseURI(text)
		if err != nil || !sameURI(u, back) {
			t.Fatalf("%+v reads back as %+v, %v", u, back, err)
		}
	}
}

func FuzzParseURI(f *testing.F) {
	for _, text := range []string{
		"otpauth://totp/ACME%20Co:john@example.com?secret=HXDMVJECJJWSRB3HWIZR4IFUGFTMXBOZ&issuer=ACME%20Co&algorithm=SHA1&digits=6&period=30",
		"otpauth://hotp/ACME%3A%20alice?secret=mzxw6yq=&counter=7&digits=8",
		"otpauth://totp/a?secret=MZ%3D%3D&period=0",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := ParseURI(text)
		if err != nil {
			var uriErr *URIError
			if !errors.As(err, &uriErr) || !errors.Is(err, ErrURI) || !sameURI(u, URI{}) {
				t.Fatalf("ParseURI(%q) = %+v, %v", text, u, err)
			}
			return
		}
		for _, name := range []string{u.Issuer, u.Account} {
			if !utf8.ValidString(name) || strings.ContainsAny(name, ":\r\n\x00") || strings.TrimSpace(name) != name &&
				strings.Trim(name, " ") != name {
				t.Fatalf("%q has the name %q", text, name)
			}
		}
		again, err := u.Encode()
		if err != nil {
			// Encoding spells out what a reader may leave out, so the longest
			// may not fit.
			if len(text) < MaxURI/4 {
				t.Fatalf("%q cannot be encoded: %v", text, err)
			}
			return
		}
		back, err := ParseURI(again)
		if err != nil || !sameURI(u, back) {
			t.Fatalf("%q reads back from %q as %+v, %v", text, again, back, err)
		}
		if third, err := back.Encode(); err != nil || third != again {
			t.Fatalf("%q is not stable: %q, %v", again, third, err)
		}
		if _, err := NewScanner(u.Secret.Bytes(), u.Hash, u.Digits); err != nil {
			t.Fatalf("%q cannot be used: %v", text, err)
		}
	})
}

// No way of printing shows a secret, be it the text, the bytes as numbers, or
// base64.
func TestSecretIsNotPrinted(t *testing.T) {
	u := URI{TypeTOTP, "ACME", "alice", NewSecret([]byte("swordfish!")), SHA1, 6, 30, 0}
	in := Input{Question: "1", PIN: NewSecret([]byte("swordfish!")), PINHash: NewSecret([]byte("swordfish!"))}
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "u", u, "in", in, "s", u.Secret)
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "u", u, "in", in, "s", u.Secret)
	texts := []string{logged.String()}
	for _, verb := range strings.Fields("%v %+v %#v %s %q %x %X %d %+d %o %b %c %U %p %t %e %T") {
		for _, v := range []any{u, &u, []URI{u}, map[int]URI{1: u}, in, &in, u.Secret, &u.Secret, []Secret{u.Secret}} {
			texts = append(texts, fmt.Sprintf(verb, v))
		}
	}
	for _, v := range []any{u, in, u.Secret} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(b), "[redacted]") {
			t.Errorf("marshalled without the word: %s", b)
		}
		texts = append(texts, string(b))
	}
	for _, text := range texts {
		for _, leak := range []string{
			"swordfish", "c3dvcmRmaXNo", "73776f7264", "73776F7264", "115 119 111", "163 167 157",
			"1110011 1110111", "0x73, 0x77", "U+0073 U+0077", "s w o", "ONQXG",
		} {
			if strings.Contains(text, leak) {
				t.Errorf("shows the secret: %s", text)
			}
		}
	}
}

func TestSecret(t *testing.T) {
	b := []byte("key")
	s := NewSecret(b)
	clear(b)
	if string(s.Bytes()) != "key" {
		t.Error("the content changed with the caller's slice")
	}
	twin, inside := s, s.Bytes()
	s.Wipe()
	if twin.Bytes() != nil || !bytes.Equal(inside, []byte{0, 0, 0}) {
		t.Error("wiping left something behind")
	}
	s.Wipe()
	Secret{}.Wipe()
	if (Secret{}).Bytes() != nil {
		t.Error("the zero Secret has content")
	}
}
