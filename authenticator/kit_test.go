package authenticator_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"ostiary/activation"
	"ostiary/authenticator"
	"ostiary/internal/test/activationtest"
)

const (
	serial = "FDM10000001"
	pin    = "283947"
	other  = "918274" // another PIN
)

var start = time.Date(2026, 3, 1, 12, 0, 15, 0, time.UTC)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// sheet is a profile of one time application, as cheap as rules allow, and changed
// as the test wants it.
func sheet(change ...func(*activation.Profile)) activation.Profile {
	p := must(activation.NewProfile(activationtest.Stream("profile")))
	p.Prefix, p.Name, p.Issuer = "FDM", "Mobile", "Bank of Examples"
	p.IssuerKey[0] = 7
	p.Applications = []activation.Application{{Index: 1, Name: "Login", Mode: activation.ResponseOnly,
		Suite: suite("TOTP-SHA1-6/30")}}
	p.Rules.Argon2id = activation.Argon2id{Time: 1, Memory: 8, Parallelism: 1}
	p.Rules.Password = false
	for _, c := range change {
		c(p)
	}
	return *p
}

func suite(text string) activation.Suite { return must(activation.ParseSuite(text)) }

func password(p *activation.Profile) { p.Rules.Password = true }

func checked(p *activation.Profile) { p.Rules.Password, p.Rules.CheckPassword = true, true }

func bound(p *activation.Profile) { p.Rules.DeviceBinding = true }

func sameKey(p *activation.Profile) { p.Rules.NewKey = false }

func once(p *activation.Profile) { p.Rules.Reactivation = false }

func decoys(p *activation.Profile) { p.PIN.Penalty = activation.WrongAnswers }

func levelNone(p *activation.Profile) { p.PIN.Level = activation.PINUnchecked }

func tries(n int) func(*activation.Profile) {
	return func(p *activation.Profile) { p.PIN.Tries = n }
}

// events gives a profile that confirms by event, and has three more applications.
func events(p *activation.Profile) {
	p.Applications = []activation.Application{
		{Index: 1, Name: "Login", Mode: activation.ResponseOnly, Suite: suite("HOTP-SHA1-6")},
		{Index: 2, Name: "Door", Mode: activation.ResponseOnly, Suite: suite("TOTP-SHA256-8/60")},
		{Index: 4, Name: "Ask", Mode: activation.ChallengeResponse, Suite: suite("OCRA-1:HOTP-SHA1-6:QN08")},
		{Index: 5, Name: "Pay", Mode: activation.Signature, Suite: suite("OCRA-1:HOTP-SHA512-8:C-QH64")},
	}
}

// device is a device with its vault, its clock and its line to a server.
type device struct {
	*authenticator.Vault
	storage *memory
	config  authenticator.Config
	now     time.Time
	line    *line
}

// newDevice makes a device. Its clock shows the same as the server's.
func newDevice(t testing.TB, name string, s *activationtest.Server, change ...func(*authenticator.Config)) *device {
	t.Helper()
	d := &device{storage: newMemory(), now: start, line: &line{server: s}}
	d.config = authenticator.Config{
		Storage: d.storage, Platform: must(authenticator.KeyBytes(bytes.Repeat([]byte{9}, 32))),
		Random: activationtest.Stream(t.Name() + name), Now: func() time.Time { return d.now },
		Transport: d.line, Device: activation.Device{Type: activation.Desktop, Name: name},
	}
	for _, c := range change {
		c(&d.config)
	}
	d.Vault = must(authenticator.Open(d.config))
	return d
}

// pair is a server and a device.
func pair(t testing.TB, change ...func(*activation.Profile)) (*activationtest.Server, *device) {
	t.Helper()
	s := activationtest.New(t, sheet(change...), func() time.Time { return start })
	return s, newDevice(t, "device", s)
}

// activate activates the serial by letter and confirms it.
func activate(t testing.TB, s *activationtest.Server, d *device) *authenticator.Activated {
	t.Helper()
	a, err := d.Activate(letter(s, s.Letter(t, serial, false)), authenticator.Choice{PIN: authenticator.Secret(pin)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Confirm(serial, a.Confirmation); err != nil {
		t.Fatalf("the server refuses the confirmation: %v", err)
	}
	return a
}

func letter(s *activationtest.Server, l activationtest.Letter) authenticator.Offline {
	return authenticator.Offline{Vector: s.Vector, Serial: l.Serial, Code: l.Code, ERC: l.ERC, Password: l.Password}
}

func choice(p string) authenticator.Choice {
	return authenticator.Choice{PIN: authenticator.Secret(p)}
}

// code makes a code that must come.
func (d *device) code(t testing.TB, id, pin string, index int) activation.Secret {
	t.Helper()
	c, err := d.Code(id, authenticator.Secret(pin), index)
	if err != nil {
		t.Fatalf("no code: %v", err)
	}
	return c.Text
}

func (d *device) account(t testing.TB, id string) authenticator.Account {
	t.Helper()
	a, err := d.Account(id)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// only is the one account of a device.
func (d *device) only(t testing.TB) authenticator.Account {
	t.Helper()
	all, err := d.List()
	if err != nil || len(all) != 1 {
		t.Fatalf("%d accounts, %v", len(all), err)
	}
	return all[0]
}

// refused checks that a call fails as it should, and changes nothing.
func (d *device) refused(t testing.TB, want error, call func() error) {
	t.Helper()
	before := d.storage.dump()
	if err := call(); !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
	if d.storage.dump() != before {
		t.Errorf("the vault changed with %v", want)
	}
}

// memory is a storage in memory that tells what happens to it.
type memory struct {
	records map[string][]byte
	writes  int
	// fail, if set, ends a write with an error and without effect.
	fail error
	// wrote, if set, is called after each write.
	wrote func(name string)
}

func newMemory() *memory { return &memory{records: map[string][]byte{}} }

func (m *memory) List() ([]string, error) { return slices.Sorted(maps.Keys(m.records)), nil }

func (m *memory) Read(name string) ([]byte, error) {
	r, ok := m.records[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return slices.Clone(r), nil
}

func (m *memory) Write(name string, record []byte) error {
	if m.fail != nil {
		return m.fail
	}
	m.writes++
	m.records[name] = slices.Clone(record)
	if m.wrote != nil {
		m.wrote(name)
	}
	return nil
}

func (m *memory) Remove(name string) error {
	delete(m.records, name)
	return nil
}

func (m *memory) dump() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(m.records)) {
		fmt.Fprintf(&b, "%s %x\n", name, m.records[name])
	}
	return b.String()
}

func (m *memory) clone() *memory { return &memory{records: maps.Clone(m.records)} }

var errLine = errors.New("the line is dead")

// line brings messages to a server in memory.
type line struct {
	server *activationtest.Server
	// before and after, if set, are called around the server's answer and may break
	// the line or change what passes.
	before func(url string, body []byte) error
	after  func(url string, status int, answer []byte) (int, []byte, error)
}

func (l *line) Post(_ context.Context, url string, body []byte) (int, []byte, error) {
	path, ok := strings.CutPrefix(url, "https://bank.example")
	if !ok {
		return 0, nil, errors.New("unknown host")
	}
	if l.before != nil {
		if err := l.before(url, body); err != nil {
			return 0, nil, err
		}
	}
	status, answer := l.server.Answer(path, body)
	if l.after != nil {
		return l.after(url, status, answer)
	}
	return status, answer, nil
}

func offer(code activation.RegistrationCode) activation.Offer {
	return activation.Offer{Server: "https://bank.example", Code: code}
}
