package authenticatorcli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ostiary/activation"
	"ostiary/authenticator"
	"ostiary/internal/test/activationtest"
)

// The countdown shows each second that is left, and ends with the code.
func TestCountDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		a := &app{Env: &Env{Stdout: &out, Now: time.Now, Watched: true}}
		code := authenticator.Code{Text: authenticator.Secret("755224"), Until: time.Now().Add(2500 * time.Millisecond)}
		if err := a.show(t.Context(), authenticator.Account{}, code); err != nil {
			t.Fatal(err)
		}
		if got, want := out.String(), "\r755224  3 s  \r755224  2 s  \r755224  1 s  \r755224        \n"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// An interrupt ends the countdown, and is no error.
func TestCountDownInterrupted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		a := &app{Env: &Env{Stdout: &out, Now: time.Now, Watched: true}}
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		if err := a.countDown(ctx, "755224", time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if got, want := out.String(), "\r755224  60 s  \r755224  59 s  \r755224        \n"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// A code by event stands alone, also in a terminal.
func TestNoCountDownByEvent(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	a := &app{Env: &Env{Stdout: &out, Now: time.Now, Watched: true}}
	if err := a.show(t.Context(), authenticator.Account{},
		authenticator.Code{Text: authenticator.Secret("755224")}); err != nil || out.String() != "755224\n" {
		t.Errorf("%q %v", out.String(), err)
	}
}

// person runs command lines and answers what is asked.
type person struct {
	t       *testing.T
	dir     string
	answers []string
	all     strings.Builder // everything that was shown
}

func (p *person) run(wantCode int, answers []string, args ...string) (stdout string) {
	p.t.Helper()
	p.answers = answers
	var out, errs bytes.Buffer
	env := &Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" },
		Now: time.Now,
		Ask: func(_ context.Context, question string, _ bool) ([]byte, error) {
			fmt.Fprintln(&errs, question)
			if len(p.answers) == 0 {
				return nil, errors.New("nobody answers: " + question)
			}
			a := p.answers[0]
			p.answers = p.answers[1:]
			return []byte(a), nil
		}}
	code := run(p.t.Context(), append([]string{"--vault", filepath.Join(p.dir, "vault")}, args...), env)
	fmt.Fprintf(&p.all, "%q\n%s%s\n", args[0], out.String(), errs.String())
	if code != wantCode || len(p.answers) != 0 {
		p.t.Fatalf("%q: exit code %d, want %d; %d answers left\n%s%s", args, code, wantCode, len(p.answers),
			out.String(), errs.String())
	}
	return out.String()
}

// playServer plays the server of a profile that counts events and has a password.
func playServer(t *testing.T, change func(p *activation.Profile)) (s *activationtest.Server, url string) {
	t.Helper()
	profile, err := activation.NewProfile(activationtest.Stream("profile"))
	if err != nil {
		t.Fatal(err)
	}
	suite, err := activation.ParseSuite("HOTP-SHA1-6")
	if err != nil {
		t.Fatal(err)
	}
	profile.Name, profile.Issuer, profile.Prefix = "Mobile", "Bank", "FDM"
	profile.Applications = []activation.Application{{Index: 1, Name: "Login", Mode: activation.ResponseOnly,
		Suite: suite}}
	profile.Rules.Argon2id = activation.Argon2id{Time: 1, Memory: 8, Parallelism: 1}
	change(profile)
	s = activationtest.New(t, *profile, time.Now)
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return s, h.URL
}

// A password that this device can check is asked for again as well.
func TestCheckedPasswordIsAskedAgain(t *testing.T) {
	t.Parallel()
	s, url := playServer(t, func(p *activation.Profile) { p.Rules.CheckPassword = true })
	p := &person{t: t, dir: t.TempDir()}
	code, password := s.Offer(t, "FDM10000001", false)
	p.run(exitDone, []string{string(code.Text()), "y", "0000000000", "283947", "283947", "1111111111",
		string(password)}, "activate", "--server", url)
	if n := len(s.Requests); n != 2 {
		t.Errorf("the server was asked %d times", n)
	}
}

// What is typed is shown nowhere again; what is shown is what was asked for.
func TestNothingSecretIsShown(t *testing.T) {
	t.Parallel()
	s, url := playServer(t, func(p *activation.Profile) { p.Rules.DeviceBinding = true })

	const serial, pin, other = "FDM10000001", "283947", "918274"
	p := &person{t: t, dir: t.TempDir()}
	secrets := map[string]string{"PIN": pin, "another PIN": other}
	vector := filepath.Join(p.dir, "vector")
	if err := os.WriteFile(vector, s.Vector.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	l := s.Letter(t, serial, false)
	secrets["activation code"], secrets["activation password"] = string(l.Code), string(l.Password)
	p.run(exitNotDone, []string{"FDM10000002", string(l.Code), string(l.Password), pin, pin}, "activate",
		"--static-vector-file", vector)
	p.run(exitNotDone, []string{serial, string(l.Code), string(l.Password)[1:], pin, pin}, "activate",
		"--static-vector-file", vector)
	p.run(exitNotDone, []string{serial, string(l.Code), string(l.Password), "1", "12345x", "123456"}, "activate",
		"--static-vector-file", vector)
	shown := p.run(exitDone, []string{serial, string(l.Code), string(l.Password), pin, pin}, "activate",
		"--static-vector-file", vector)
	if !strings.Contains(shown, "Derivation code") {
		t.Errorf("%q", shown)
	}
	for range 2 {
		code, password := s.Offer(t, serial, false)
		secrets["registration code"], secrets["password of the offer"] = string(code.Text()), string(password)
		wrong := "0000000000"
		p.run(exitDone, []string{string(code.Text()), "y", wrong, other, other, string(password)}, "activate",
			"--server", url)
		secret, device := s.Secrets(serial)
		secrets["S"], secrets["D"] = string(secret), string(device)
	}
	p.run(exitDone, []string{other}, "otp")
	p.run(exitNotDone, []string{pin}, "otp", serial)
	p.run(exitDone, []string{other, pin, pin}, "pin")
	p.run(exitNotDone, []string{pin, other, pin, other, pin, other, pin}, "pin")
	p.run(exitDone, []string{pin}, "confirm")
	p.run(exitDone, nil, "info")
	p.run(exitDone, nil, "info", "--json")
	p.run(exitDone, nil, "list", "--json")
	for range 5 {
		p.run(exitNotDone, []string{other}, "otp")
	}
	for name, text := range secrets {
		for _, form := range []string{text, activation.Group(text), fmt.Sprintf("%x", text)} {
			if strings.Contains(p.all.String(), form) {
				t.Errorf("%s is shown", name)
			}
		}
	}
	if n := p.all.Len(); n < 3000 {
		t.Errorf("only %d bytes were looked at", n)
	}
}

// A vault that another program has open is waited for, and then given up.
func TestVaultInUse(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "vault")
	env := &Env{Stdin: strings.NewReader(""), Stdout: new(bytes.Buffer), Stderr: new(bytes.Buffer),
		Getenv: func(string) string { return dir }, Now: time.Now}
	a := &app{Env: env}
	err := a.withVault(t.Context(), func(*authenticator.Vault) error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if code := run(ctx, []string{"list"}, env); code != exitNotDone {
			t.Errorf("exit code %d", code)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := env.Stderr.(*bytes.Buffer).String(); got != "ostiary-authenticator: another program uses the vault: "+
		"wait until it has ended\n" {
		t.Errorf("%q", got)
	}
}
