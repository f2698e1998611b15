package oath

import (
	"encoding/hex"
	"math"
	"math/rand/v2"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// oathtoolWindow is how many codes one run of the program gives.
const oathtoolWindow = 20

// runOathtool returns the lines the program prints. The key goes in by standard
// input.
func runOathtool(t *testing.T, program string, key []byte, args ...string) []string {
	t.Helper()
	cmd := exec.Command(program, append(args, "--window", strconv.Itoa(oathtoolWindow-1), "-")...)
	cmd.Stdin = strings.NewReader(hex.EncodeToString(key) + "\n")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("oathtool %v: %v\n%s", args, err, out)
	}
	lines := strings.Fields(string(out))
	if len(lines) != oathtoolWindow {
		t.Fatalf("oathtool %v printed %d codes, want %d:\n%s", args, len(lines), oathtoolWindow, out)
	}
	return lines
}

// The codes of the program oathtool, written by other people in another language,
// are the same: 100 runs of HOTP and 100 of TOTP with 20 codes each.
func TestOathtool(t *testing.T) {
	program, err := exec.LookPath("oathtool")
	if err != nil {
		t.Fatal("this test compares with the program oathtool: install the Debian package oathtool")
	}
	r := rand.New(rand.NewPCG(8, 8))
	cases := 0
	for range 100 {
		key, digits := randomBytes(r, 16+r.IntN(49)), 6+r.IntN(3)
		s := newScanner(t, key, SHA1, digits)
		from := min(r.Uint64()>>r.IntN(64), math.MaxUint64-oathtoolWindow)
		args := []string{"--hotp", "--digits", strconv.Itoa(digits), "--counter", strconv.FormatUint(from, 10)}
		for i, want := range runOathtool(t, program, key, args...) {
			cases++
			c := from + uint64(i)
			if got, err := HOTP(key, c, SHA1, digits); err != nil || got != want {
				t.Errorf("HOTP(%x, %d) = %q, %v; oathtool says %q", key, c, got, err, want)
			}
			checkFound(t, s, want, c, from, i+1)
		}
	}
	for i := range 100 {
		h := hashes[i%3]
		key, digits := randomBytes(r, 16+r.IntN(49)), 6+r.IntN(3)
		s := newScanner(t, key, h, digits)
		t0, period := r.Int64N(1e9), 1+r.Int64N(7200)
		unix := t0 + r.Int64N(1e10)
		from, err := Step(unix, period, t0)
		if err != nil {
			t.Fatal(err)
		}
		args := []string{
			"--totp=" + h.String(), "--digits", strconv.Itoa(digits),
			"--time-step-size", strconv.FormatInt(period, 10) + "s",
			"--start-time", "@" + strconv.FormatInt(t0, 10), "--now", "@" + strconv.FormatInt(unix, 10),
		}
		for i, want := range runOathtool(t, program, key, args...) {
			cases++
			if got, err := TOTP(key, unix+int64(i)*period, period, t0, h, digits); err != nil || got != want {
				t.Errorf("TOTP(%x, %d + %d·%d) = %q, %v; oathtool says %q", key, unix, i, period, got, err, want)
			}
			checkFound(t, s, want, from+uint64(i), from, i+1)
		}
	}
	if cases < 2000 {
		t.Errorf("only %d cases", cases)
	}
}

// checkFound checks that code, which is right at counter c, is found at c or, by
// chance, at one before it that has the same code.
func checkFound(t *testing.T, s *Scanner, code string, c, from uint64, n int) {
	t.Helper()
	got, ok := s.Find(code, from, n)
	if !ok || got > c || got != c && s.Code(got) != code {
		t.Errorf("Find(%q, %d, %d) = %d, %v; want %d", code, from, n, got, ok, c)
	}
}
