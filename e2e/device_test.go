package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// device is a token in a user's hand: oathtool computes what it shows.
type device struct {
	ID       string `json:"id"`
	Serial   string `json:"serial"`
	Kind     string `json:"kind"`
	Seed     string `json:"seed"` // hexadecimal
	Counter  uint64 `json:"counter,omitempty"`
	Digits   int    `json:"digits,omitempty"`
	Interval int    `json:"interval,omitempty"`
	Suite    string `json:"suite,omitempty"`
	Hash     string `json:"-"`
}

// hotp is an event-based token with a random seed. Its codes have 8 digits: of
// 6 digits, one used code in a hundred thousand is by chance a right one again,
// and a test would call that a replay.
func hotp(serial string) device {
	return device{ID: serial, Serial: serial, Kind: "hotp", Seed: random(20), Digits: 8}
}

// totp is a time-based token with a random seed.
func totp(serial string) device {
	return device{ID: serial, Serial: serial, Kind: "totp", Seed: random(20), Digits: 8, Interval: 30, Hash: "SHA1"}
}

// ocra is a challenge-response token with a random seed.
func ocra(serial string) device {
	return device{ID: serial, Serial: serial, Kind: "ocra", Seed: random(32), Suite: "OCRA-1:HOTP-SHA256-8:QN08"}
}

// hotps is n event-based tokens with consecutive serials.
func hotps(first, n int) []device {
	devices := make([]device, n)
	for i := range devices {
		devices[i] = hotp(strconv.Itoa(first + i))
	}
	return devices
}

// container is a seed file written by hand, for what python-pskc would not
// write or would take too long for.
func container(devices ...device) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0"?><KeyContainer Version="1.0" xmlns="urn:ietf:params:xml:ns:keyprov:pskc">`)
	for _, d := range devices {
		secret, _ := hex.DecodeString(d.Seed)
		fmt.Fprintf(&b, `<KeyPackage><DeviceInfo><Manufacturer>Acme</Manufacturer><SerialNo>%s</SerialNo></DeviceInfo>`+
			`<Key Id="%s" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:hotp"><AlgorithmParameters><ResponseFormat Length="%d" Encoding="DECIMAL"/>`+
			`</AlgorithmParameters><Data><Secret><PlainValue>%s</PlainValue></Secret></Data></Key></KeyPackage>`+"\n",
			d.Serial, d.ID, d.Digits, base64.StdEncoding.EncodeToString(secret))
	}
	b.WriteString("</KeyContainer>")
	return b.String()
}

// random is so many random bytes in hexadecimal.
func random(n int) string {
	raw := make([]byte, n)
	_, _ = rand.Read(raw) // never fails (crypto/rand)
	return hex.EncodeToString(raw)
}

// codes is what an event-based device shows at the n counters from first.
func (d device) codes(t testing.TB, first uint64, n int) []string {
	t.Helper()
	return oathtool(t, d.Seed, "--hotp", "--digits", strconv.Itoa(d.Digits),
		"--counter", strconv.FormatUint(first, 10), "--window", strconv.Itoa(n-1))
}

// code is what an event-based device shows at a counter.
func (d device) code(t testing.TB, counter uint64) string {
	t.Helper()
	return d.codes(t, counter, 1)[0]
}

// at is what a time-based device shows so many steps from a time.
func (d device) at(t testing.TB, when time.Time, steps int) string {
	t.Helper()
	when = when.Add(time.Duration(steps*d.Interval) * time.Second)
	return oathtool(t, d.Seed, "--totp="+d.Hash, "--digits", strconv.Itoa(d.Digits),
		"--time-step-size", strconv.Itoa(d.Interval)+"s", "--now", "@"+strconv.FormatInt(when.Unix(), 10))[0]
}

// wrong gives n codes that an event-based device shows nowhere near a counter.
func (d device) wrong(t testing.TB, near uint64, n int) []string {
	t.Helper()
	taken := map[string]bool{}
	for _, code := range d.codes(t, near-min(near, 500), 2500) {
		taken[code] = true
	}
	var codes []string
	for i := 0; len(codes) < n; i++ {
		if code := fmt.Sprintf("%0*d", d.Digits, i); !taken[code] {
			codes = append(codes, code)
		}
	}
	return codes
}

// oathtool runs the program of that name; the seed goes by standard input.
func oathtool(t testing.TB, seed string, args ...string) []string {
	t.Helper()
	cmd := exec.Command(need(t, "oathtool", "oathtool"), append(args, "-")...)
	cmd.Stdin = strings.NewReader(seed + "\n")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("oathtool %q: %v\n%s", args, err, out)
	}
	return strings.Fields(string(out))
}

// order is a seed file to be written, plain unless it has a key.
type order struct {
	Keys       []device `json:"keys"`
	PSK        string   `json:"psk,omitempty"`
	Passphrase string   `json:"passphrase,omitempty"`
}

// python is Debian's own, which has Debian's modules.
const python = "/usr/bin/python3"

// lacksPSKC says what is missing for python-pskc, or nothing.
var lacksPSKC = sync.OnceValue(func() string {
	out, err := exec.Command(python, "-c", "import pskc").CombinedOutput()
	if err == nil {
		return ""
	}
	return fmt.Sprintf("%v\n%s", err, out)
})

// seedFile has python-pskc write a file.
func seedFile(t testing.TB, o order) string {
	t.Helper()
	if why := lacksPSKC(); why != "" {
		t.Fatalf("the test needs %s with the module pskc: apt-get install python3-pskc\n%s", python, why)
	}
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "tokens.pskc")
	cmd := exec.Command(python, filepath.Join("testdata", "seeds.py"), path)
	cmd.Stdin = bytes.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("seeds.py: %v\n%s", err, out)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// plain is a seed file without encryption.
func plain(t testing.TB, devices ...device) string {
	t.Helper()
	return seedFile(t, order{Keys: devices})
}
