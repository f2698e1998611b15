package authenticator

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"ostiary/activation"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// testVault is a vault that only seals and opens.
func testVault() *Vault {
	return must(
		Open(Config{Storage: readOnly{}, Platform: must(KeyBytes(make([]byte, 32))),
			Random: rand.NewChaCha8([32]byte{1}), Now: time.Now}))
}

type readOnly struct{}

func (readOnly) List() ([]string, error)     { return nil, nil }
func (readOnly) Read(string) ([]byte, error) { return nil, errors.New("nothing here") }
func (readOnly) Write(string, []byte) error  { return errors.New("read only") }
func (readOnly) Remove(string) error         { return errors.New("read only") }

// testAccounts are accounts of every shape.
func testAccounts() []*account {
	v := testVault()
	p := must(activation.NewProfile(rand.NewChaCha8([32]byte{2})))
	p.Prefix, p.Name, p.Issuer = "FDM", "Mobile", "Bank"
	p.Applications = []activation.Application{{Index: 3, Name: "Login", Mode: activation.ResponseOnly,
		Suite: must(activation.ParseSuite("HOTP-SHA1-6"))}}
	hash := must(p.Vector())
	p.PIN.Level, p.Rules.DeviceBinding = activation.PINUnchecked, true
	none := must(p.Vector())
	full := &epoch{vector: hash, since: 1, shift: -5, salt: make([]byte, 16), protected: make([]byte, 44), failures: 5,
		mark: make([]byte, 32), counters: []uint64{7}, decoys: []uint64{8}, repeated: true}
	erased := &epoch{vector: hash, since: maxTime, shift: maxShift, counters: []uint64{1<<64 - 1}, first: true}
	unchecked := &epoch{vector: none, shift: -maxShift, salt: make([]byte, 16), protected: make([]byte, 16),
		bind: make([]byte, 38), counters: []uint64{0}}
	return []*account{
		{box: must(v.newBox()), name: "a", serial: "FDM1", epoch: full},
		{box: must(v.newBox()), name: "b", serial: "FDM000000000000001", epoch: erased},
		{box: must(v.newBox()), name: "c", serial: "FDM2", epoch: unchecked,
			pending: &pending{server: "https://a", made: 3, events: 4}},
		{box: must(v.newBox()), name: "d", serial: "FDM2", epoch: unchecked,
			pending: &pending{made: 3, previous: full}},
		{box: must(v.newBox()), name: "e", serial: "FDM2", epoch: full,
			pending: &pending{server: "https://a", proof: []byte{1}, made: 3, attempt: [8]byte{1}, previous: full}},
	}
}

func TestRecordRoundTrip(t *testing.T) {
	t.Parallel()
	v := testVault()
	for _, a := range testAccounts() {
		record := must(v.seal(&a.box, labelAccount, a.encode()))
		b, plain, err := v.open(record, a.idText(), labelAccount)
		if err != nil {
			t.Fatal(err)
		}
		again, err := decodeAccount(b, plain)
		if err != nil {
			t.Fatalf("%s: %v", a.name, err)
		}
		if !bytes.Equal(again.encode(), a.encode()) || again.id != a.id || again.salt != a.salt ||
			!bytes.Equal(again.key, a.key) {
			t.Errorf("%s: %+v", a.name, again)
		}
		// A record of one kind is none of another.
		if _, _, err := v.open(record, a.idText(), labelExchange); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: taken for an exchange: %v", a.name, err)
		}
	}
}

// What an account may not hold is refused even if it was sealed with the right key.
func TestRecordsThatFitNothing(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(a *account){
		"name":           func(a *account) { a.name = "a\nb" },
		"no name":        func(a *account) { a.name = "" },
		"serial":         func(a *account) { a.serial = "fdm1" },
		"another prefix": func(a *account) { a.serial = "FDX1" },
		"salt":           func(a *account) { a.epoch.salt = a.epoch.salt[1:] },
		"no salt":        func(a *account) { a.epoch.salt = nil },
		"secret":         func(a *account) { a.epoch.protected = a.epoch.protected[1:] },
		"no secret":      func(a *account) { a.epoch.protected = nil },
		"failures":       func(a *account) { a.epoch.failures = 6 },
		"many failures":  func(a *account) { a.epoch.failures = 1 << 40 },
		"counters":       func(a *account) { a.epoch.counters = []uint64{1, 2} },
		"no counters":    func(a *account) { a.epoch.counters = nil },
		"decoys":         func(a *account) { a.epoch.decoys = []uint64{1, 2} },
		"binding":        func(a *account) { a.epoch.bind = make([]byte, 38) },
		"shift":          func(a *account) { a.epoch.shift = maxShift + 1 },
		"another way":    func(a *account) { a.epoch.shift = -maxShift - 1 },
		"time":           func(a *account) { a.epoch.since = maxTime + 1 },
		"previous":       func(a *account) { e := *a.epoch; e.counters = nil; a.pending = &pending{previous: &e} },
		"typed proof":    func(a *account) { a.pending = &pending{proof: []byte{1}} },
		"typed exchange": func(a *account) { a.pending = &pending{exchange: [idSize]byte{1}} },
		"no proof":       func(a *account) { a.pending = &pending{server: "https://a"} },
		"two-step": func(a *account) {
			p := a.epoch.vector.Profile()
			p.TwoStep = true
			a.epoch.vector = must(
				p.Vector())
		},
	} {
		a := testAccounts()[0]
		a.version = formatVersion
		if _, err := decodeAccount(a.box, a.encode()); err != nil {
			t.Fatal(err)
		}
		spoil(a)
		if got, err := decodeAccount(a.box, a.encode()); !errors.Is(err, ErrDamaged) || got != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRecordOfANewerVersion(t *testing.T) {
	t.Parallel()
	v := testVault()
	a := testAccounts()[0]
	record := must(v.seal(&a.box, labelAccount, a.encode()))
	record[1] = formatVersion + 1
	if _, _, err := v.open(record, a.idText(), labelAccount); !errors.Is(err, ErrNewer) {
		t.Errorf("%v", err)
	}
	record[1] = 0
	if _, _, err := v.open(record, a.idText(), labelAccount); !errors.Is(err, ErrDamaged) {
		t.Errorf("%v", err)
	}
}

func TestZigzag(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]uint64{0: 0, -1: 1, 1: 2, -2: 3, 1<<63 - 1: 1<<64 - 2, -1 << 63: 1<<64 - 1} {
		if got := zigzag(n); got != want || unzigzag(got) != n {
			t.Errorf("%d: %d and back %d", n, got, unzigzag(got))
		}
	}
}

// The list has a hundred PINs that the rules beside it do not refuse by themselves.
func TestCommonPINs(t *testing.T) {
	t.Parallel()
	list := bytes.Fields([]byte(commonPINs))
	seen := map[string]bool{}
	for _, p := range list {
		if seen[string(p)] || len(p) < 4 || 12 < len(p) || constantStep(p) || differentDigits(p) < 3 {
			t.Errorf("%s is not allowed here", p)
		}
		seen[string(p)] = true
	}
	if len(list) != 100 {
		t.Errorf("%d PINs", len(list))
	}
	// The documentation prints it.
	text, err := os.ReadFile("../docs/authenticator.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.ReplaceAll(string(text), "\n    ", "\n"), commonPINs) {
		t.Error("the documentation prints another list")
	}
}

// The whole record: whatever bytes stand in a file, they are refused or read, and
// nothing panics. The input is both the file, and what a file holds when it is opened.
func FuzzRecord(f *testing.F) {
	v := testVault()
	for _, a := range testAccounts() {
		f.Add(must(v.seal(&a.box, labelAccount, a.encode())))
		f.Add([]byte(a.encode()))
	}
	code := must(activation.NewRegistrationCode(rand.NewChaCha8([32]byte{3})))
	exchange := must(activation.NewExchange(code, activation.Device{Name: "x"}, rand.NewChaCha8([32]byte{4})))
	kept := &keptExchange{exchange: exchange, server: "https://a", code: code, begun: 1}
	f.Add([]byte(must(kept.encode())))
	f.Fuzz(func(t *testing.T, b []byte) {
		if box, _, err := parseRecord(b); err == nil {
			_, _, _ = v.open(b, box.idText(), labelAccount) // seldom sealed with this key
		} else if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNewer) {
			t.Errorf("%v", err)
		}
		_, err := decodeAccount(box{version: formerVersion}, slices.Clone(b))
		if err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("%v", err)
		}
		if a, err := decodeAccount(box{version: formatVersion}, slices.Clone(b)); err == nil {
			if !bytes.Equal(a.encode(), b) {
				t.Error("an account has two encodings")
			}
			_ = a.describe()
		} else if !errors.Is(err, ErrDamaged) {
			t.Errorf("%v", err)
		}
		if k, err := decodeExchange(box{version: formatVersion}, slices.Clone(b)); err == nil {
			if again, err := k.encode(); err != nil || !bytes.Equal(again, b) {
				t.Errorf("an exchange has two encodings: %v", err)
			}
		} else if !errors.Is(err, ErrDamaged) {
			t.Errorf("%v", err)
		}
	})
}
