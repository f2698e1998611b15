package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ostiary/internal/doors/wire"
)

// phone is an authenticator on the command line with a vault of its own.
type phone struct {
	t          testing.TB
	vault, pin string
}

const phonePIN = "739154"

func newPhone(t testing.TB) *phone {
	t.Helper()
	return &phone{t, filepath.Join(t.TempDir(), "vault"), writeFile(t, "pin", phonePIN+"\n")}
}

func (p *phone) run(args ...string) result {
	p.t.Helper()
	cmd := exec.Command(authenticator, append([]string{"--vault", p.vault}, args...)...)
	cmd.Env = environment()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		p.t.Fatalf("ostiary-authenticator %q: %v", args, err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

func (p *phone) ok(args ...string) string {
	p.t.Helper()
	r := p.run(args...)
	if r.code != 0 {
		p.t.Fatalf("ostiary-authenticator %q ended with %d:\n%s%s", args, r.code, r.out, r.err)
	}
	return r.out
}

// refuses runs a command that must fail in these words.
func (p *phone) refuses(words string, args ...string) {
	p.t.Helper()
	if r := p.run(args...); r.code == 0 || !strings.Contains(r.out+r.err, words) {
		p.t.Errorf("ostiary-authenticator %q ended with %d, want %q:\n%s%s", args, r.code, words, r.out, r.err)
	}
}

// otp is the next one-time password.
func (p *phone) otp(args ...string) string {
	p.t.Helper()
	return strings.TrimSpace(p.ok(append([]string{"otp", "--pin-file", p.pin}, args...)...))
}

// shown is what a phone shows at the end of an activation.
type shown struct {
	Again      bool   `json:"reactivated"`
	Confirmed  bool   `json:"confirmed"`
	OTP        string `json:"otp"`
	NextOTP    string `json:"next_otp"`
	Derivation string `json:"derivation_code"`
}

// activate activates, with the activation password if there is one.
func (p *phone) activate(password string, args ...string) (s shown) {
	p.t.Helper()
	decodeText(p.t, p.ok(p.activation(password, args...)...), &s)
	return s
}

func (p *phone) activation(password string, args ...string) []string {
	p.t.Helper()
	args = append([]string{"activate", "--pin-file", p.pin, "--yes", "--json"}, args...)
	if password != "" {
		args = append(args, "--password-file", writeFile(p.t, "password", password+"\n"))
	}
	return args
}

// flags are those of ostiary activation confirm.
func (s shown) flags() []string {
	flags := []string{"--otp", s.OTP}
	if s.NextOTP != "" {
		flags = append(flags, "--next-otp", s.NextOTP)
	}
	if s.Derivation != "" {
		flags = append(flags, "--derivation-code", s.Derivation)
	}
	return flags
}

// phones is a server whose user alice has a token that can be activated.
type phones struct {
	*server
	login  *caller
	serial string
	vector string // file with the static vector
}

// withProfile makes a type of a profile, and alice's token of it.
func withProfile(t *testing.T, file string, algorithm, hash, prefix string) *phones {
	t.Helper()
	s := start(t, newData(t))
	s.ok("profile", "create", "sheet", "--file", file)
	s.ok("type", "create", "phone", "--kind", "software", "--algorithm", algorithm, "--hash", hash, "--prefix", prefix,
		"--activation", "one-step", "--profile", "sheet")
	return s.withToken("phone", "sheet")
}

func (s *server) withToken(typeName, profile string) *phones {
	s.t.Helper()
	s.ok("user", "add", "alice")
	made := decode[wire.NewTokens](s, "token", "create", typeName, "--user", "alice").Tokens
	vector := writeFile(s.t, "vector", s.ok("profile", "show", profile, "--static-vector"))
	return &phones{s, s.as(s.key("login", "verifier")), made[0].Serial, vector}
}

func (p *phones) offline(args ...string) wire.Activation {
	p.t.Helper()
	return decode[wire.Activation](p.server, append([]string{"activation", "offline", p.serial}, args...)...)
}

// typed are the flags with which a letter is typed.
func (p *phones) typed(a wire.Activation) []string {
	flags := []string{"--static-vector-file", p.vector, "--serial", a.Serial, "--code", a.Code}
	if a.ERC != "" {
		flags = append(flags, "--erc", a.ERC)
	}
	return flags
}

func (p *phones) confirm(s shown) {
	p.t.Helper()
	p.ok(append([]string{"activation", "confirm", p.serial}, s.flags()...)...)
	if t := p.token(p.serial); t.State != "VALID" {
		p.t.Errorf("confirmed, the token is %s", t.State)
	}
}

// logsIn presents codes of a phone and demands the verdict.
func (p *phones) logsIn(of *phone, n int, want bool) {
	p.t.Helper()
	for i := range n {
		code := of.otp()
		if p.login.verify("user", "alice", code) != want {
			p.t.Fatalf("code %d: accepted %t, want %t", i, !want, want)
		}
		if p.login.verify("user", "alice", code) {
			p.t.Fatalf("code %d is accepted twice", i)
		}
		p.unlock()
	}
}

// unlock takes back what wrong codes did.
func (p *phones) unlock() {
	p.t.Helper()
	for _, path := range []string{"/api/v1/tokens/" + p.serial + "/unlock", "/api/v1/users/alice/unlock"} {
		if a := p.local().json(http.MethodPost, path, nil); a.status/100 != 2 {
			p.t.Fatalf("unlock: %d %s", a.status, a.body)
		}
	}
}

// accepted are the counters that the log says were accepted.
func (p *phones) accepted() (counters []float64) {
	for _, e := range p.entries("code.verified") {
		if e["outcome"] == "accepted" {
			after, _ := e["after"].(map[string]any)
			next, _ := after["next"].(float64)
			counters = append(counters, next)
		}
	}
	slices.Reverse(counters) // the log is read from its end
	return counters
}

// rising demands that no event counter was ever accepted again.
func (p *phones) rising() {
	p.t.Helper()
	counters := p.accepted()
	if len(counters) < 40 {
		p.t.Fatalf("%d codes were accepted", len(counters))
	}
	for i := 1; i < len(counters); i++ {
		if counters[i] <= counters[i-1] {
			p.t.Errorf("counter %v was accepted after %v", counters[i], counters[i-1])
		}
	}
}

// A phone is activated online, logs in, is lost and reported, and a second phone takes
// its place with the counters of the first (XERC); nothing of the first is good then.
func TestPhoneOnline(t *testing.T) {
	t.Parallel()
	p := start(t, newData(t)).withToken("mobile-hotp", "mobile-hotp")
	offer := func() wire.Activation {
		t.Helper()
		return decode[wire.Activation](p.server, "activation", "offer", p.serial)
	}
	online := func(a wire.Activation) []string { return []string{"--server", a.URL, "--registration", a.Registration} }
	first, second := newPhone(t), newPhone(t)
	a := offer()
	if got := first.activate(a.Password, online(a)...); !got.Confirmed || got.Again {
		t.Fatalf("%+v", got)
	}
	p.logsIn(first, 20, true)
	p.ok("token", "state", p.serial, "REVOKED_TOKEN_LOST", "--reason", "on a train")
	p.logsIn(first, 2, false)
	if out := p.exits(2, "activation", "offer", p.serial); !strings.Contains(out, "activation reset") {
		t.Errorf("an offer minutes after a success: %s", out)
	}
	p.ok("activation", "reset", p.serial, "--interval")
	b := offer()
	p.logsIn(first, 2, false) // lost, so refused before the confirmation, too
	if got := second.activate(b.Password, online(b)...); !got.Confirmed {
		t.Fatalf("%+v", got)
	}
	if tok := p.token(p.serial); tok.State != "VALID" {
		t.Errorf("the token is %s", tok.State)
	}
	p.logsIn(second, 20, true)
	p.logsIn(first, 12, false)
	p.logsIn(second, 1, true)
	p.rising()
	// The registration codes are of no more use, to nobody.
	third := newPhone(t)
	third.refuses("registration code", third.activation(b.Password, online(b)...)...)
	p.auditOK()
}

// The same by letters that are typed, with event counter codes.
func TestPhoneTyped(t *testing.T) {
	t.Parallel()
	p := withProfile(t, "../examples/profiles/plain.toml", "HOTP", "SHA1", "EXP")
	first, second := newPhone(t), newPhone(t)
	a := p.offline()
	if a.ERC != "" || a.Password != "" || a.NeedsPass {
		t.Errorf("the first letter: %+v", a)
	}
	got := first.activate("", p.typed(a)...)
	if p.login.verify("user", "alice", got.OTP) {
		t.Error("a code of a token that is not activated yet is accepted")
	}
	p.unlock()
	p.confirm(got)
	p.logsIn(first, 20, true)
	p.ok("token", "state", p.serial, "REVOKED_TOKEN_LOST")
	p.logsIn(first, 2, false)
	b := p.offline("--reason", "device-lost")
	if b.ERC == "" || len(b.Warnings) == 0 {
		t.Errorf("a letter minutes after a success: %+v", b)
	}
	withoutERC := b
	withoutERC.ERC = ""
	first.refuses("event counter code", first.activation("", p.typed(withoutERC)...)...)
	second.refuses("activation code is not right", second.activation("", p.typed(withoutERC)...)...)
	p.confirm(second.activate("", p.typed(b)...))
	p.logsIn(second, 20, true)
	p.logsIn(first, 12, false)
	p.logsIn(second, 1, true)
	p.rising()
}

// The same by code images, which two programs read.
func TestPhoneScanned(t *testing.T) {
	t.Parallel()
	p := withProfile(t, "../examples/profiles/plain.toml", "HOTP", "SHA1", "EXP")
	scan := func(of *phone) {
		t.Helper()
		image := filepath.Join(t.TempDir(), "code.png")
		a := decode[wire.Activation](p.server, "activation", "qr", p.serial, "--out", image)
		out, err := exec.Command(need(t, "zbarimg", "zbar-tools"), "--raw", "--quiet", image).Output()
		if err != nil || strings.TrimSpace(string(out)) != a.QRBody ||
			!strings.HasPrefix(a.QRBody, "<QRCode><SN>"+p.serial+"</SN><AC>") {
			t.Errorf("zbarimg reads %q, %v, want %q", out, err, a.QRBody)
		}
		if strings.Contains(a.QRBody, "<ERC>") != (a.ERC != "") || strings.Contains(a.QRBody, "USERID") {
			t.Errorf("the code image says %q", a.QRBody)
		}
		if mode, err := os.Stat(image); err != nil || mode.Mode().Perm() != 0o600 {
			t.Errorf("the image has mode %v, %v", mode.Mode(), err)
		}
		p.confirm(of.activate("", "--qr", image, "--static-vector-file", p.vector))
	}
	first, second := newPhone(t), newPhone(t)
	scan(first)
	p.logsIn(first, 20, true)
	p.ok("token", "state", p.serial, "REVOKED_TOKEN_LOST")
	scan(second)
	p.logsIn(second, 20, true)
	p.logsIn(first, 12, false)
	p.rising()
}

// A password that the device does not check: a wrong one gives wrong codes, which the
// server refuses. Binding: the derivation code belongs to it. The PIN: five wrong
// ones erase, and another activation helps.
func TestPhoneBound(t *testing.T) {
	t.Parallel()
	p := withProfile(t, "../examples/profiles/bound.toml", "TOTP", "SHA256", "EXB")
	a := p.offline()
	if !a.NeedsPass || a.Password == "" || !a.Binding {
		t.Errorf("the letter: %+v", a)
	}
	one := newPhone(t)
	wrong := one.activate("0000000000", p.typed(a)...)
	p.exits(1, append([]string{"activation", "confirm", p.serial}, wrong.flags()...)...)
	one = newPhone(t)
	one.refuses("--password-file", one.activation("", p.typed(a)...)...)
	right := one.activate(a.Password, p.typed(a)...)
	if right.Derivation == "" {
		t.Fatalf("%+v", right)
	}
	p.exits(2, "activation", "confirm", p.serial, "--otp", right.OTP)
	p.confirm(right)

	guess := writeFile(t, "guess", "739155\n")
	for i := range 4 {
		if r := one.run("otp", "--pin-file", guess); r.code == 0 {
			t.Errorf("wrong PIN %d gives a code: %s", i, r.out)
		}
	}
	if r := one.run("otp", "--pin-file", guess); r.code == 0 || !strings.Contains(r.err, "activat") {
		t.Errorf("the last wrong PIN: %d %s%s", r.code, r.out, r.err)
	}
	if r := one.run("otp", "--pin-file", one.pin); r.code == 0 {
		t.Error("the right PIN after the penalty gives a code")
	}
	b := p.offline("--reason", "pin-forgotten")
	p.confirm(one.activate(b.Password, p.typed(b)...))
	if !p.login.verify("serial", p.serial, p.later(one)) {
		t.Error("after the reactivation the phone does not log in")
	}
}

// later is a code of a time step that was not used yet.
func (p *phones) later(of *phone) (code string) {
	p.t.Helper()
	last := of.otp()
	eventually(p.t, "the next time step", func() bool { code = of.otp(); return code != last })
	return code
}

// Eight applications, a password that the device checks, wrong answers after wrong
// PINs.
func TestPhoneBank(t *testing.T) {
	t.Parallel()
	p := withProfile(t, "../examples/profiles/bank.toml", "TOTP", "SHA256", "BNK")
	a := p.offline()
	one := newPhone(t)
	one.refuses("activation code or the activation password", one.activation("0000000000", p.typed(a)...)...)
	p.confirm(one.activate(a.Password, p.typed(a)...))
	for range 3 {
		code := one.otp("--app", "2")
		if !p.login.verify("user", "alice", code) || p.login.verify("user", "alice", code) {
			t.Error("a code of application 2 is to be accepted once")
		}
		p.unlock()
	}
	if !p.login.verify("user", "alice", one.otp("--app", "3")) {
		t.Error("a code of application 3 is refused")
	}
	for _, args := range [][]string{{"challenge", "12345678", "--app", "4"}, {"challenge", "AB12", "--app", "5"},
		{"sign", "--app", "6", "--field", "1=100.00", "--field", "2=DE89"}} {
		if out := strings.TrimSpace(one.ok(append(args, "--pin-file", one.pin)...)); len(out) < 6 {
			t.Errorf("%q shows %q", args, out)
		}
	}
	guess := writeFile(t, "guess", "739155\n")
	for range 3 {
		_ = one.run("otp", "--app", "2", "--pin-file", guess)
	}
	decoy := strings.TrimSpace(one.ok("otp", "--app", "2", "--pin-file", guess))
	if p.login.verify("user", "alice", decoy) {
		t.Error("a wrong answer is accepted")
	}
	p.unlock()
	if !p.login.verify("user", "alice", one.otp("--app", "2")) {
		t.Error("with the right PIN the codes are right again")
	}
	erc := p.offline().ERC
	if digits := strings.ReplaceAll(erc, "-", ""); len(digits) != 42 {
		t.Errorf("event counter code %s, want 4 counters and 2 check digits", erc)
	}
}

// Level none: nobody but the server tells a wrong PIN, and the server counts.
func TestPhoneUncheckedPIN(t *testing.T) {
	t.Parallel()
	sheet := substitute(t, read(t, "../examples/profiles/plain.toml"), `(?m)^level = "hash"`, `level = "none"`)
	p := withProfile(t, writeFile(t, "sheet.toml", sheet), "HOTP", "SHA1", "EXP")
	one := newPhone(t)
	p.confirm(one.activate("", p.typed(p.offline())...))
	for i := range 3 {
		guess := writeFile(t, "guess", fmt.Sprintf("7391%02d\n", 60+i))
		if p.login.verify("serial", p.serial, one.otp("--pin-file", guess)) {
			t.Error("a code of a wrong PIN is accepted")
		}
	}
	if got := p.token(p.serial).Failures; got != 3 {
		t.Errorf("%d failures are counted, want 3", got)
	}
	p.unlock()
	p.logsIn(one, 1, true)
}
