package oath

import (
	"crypto/fips140"
	"errors"
	"os"
	"os/exec"
	"testing"
)

// In the FIPS 140-only mode, which a process chooses at its start, SHA-1 is
// refused at every door and the others work. The test runs itself in that mode.
func TestFIPSOnly(t *testing.T) {
	if !fips140.Enforced() {
		cmd := exec.Command(os.Args[0], "-test.run=^TestFIPSOnly$")
		cmd.Env = append(os.Environ(), "GODEBUG=fips140=only")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	if _, err := NewScanner([]byte(rfcKey), SHA1, 6); !errors.Is(err, ErrHash) {
		t.Errorf("NewScanner: %v", err)
	}
	if code, err := HOTP(make([]byte, 100), 0, SHA1, 6); code != "" || !errors.Is(err, ErrHash) {
		t.Errorf("HOTP: %q, %v", code, err)
	}
	if text, err := mustSuite(t, "OCRA-1:HOTP-SHA1-6:QN08").Response(
		[]byte(rfcKey), Input{Question: "1"}); text != "" || !errors.Is(err, ErrHash) {
		t.Errorf("Response: %q, %v", text, err)
	}
	in := Input{Question: "1", PIN: NewSecret([]byte("1234"))}
	if text, err := mustSuite(t, "OCRA-1:HOTP-SHA256-6:QN08-PSHA1").Response([]byte(rfcKey), in); text != "" ||
		!errors.Is(err, ErrHash) {
		t.Errorf("Response with a PIN: %q, %v", text, err)
	}
	for h, want := range map[Hash]string{SHA256: "46119246", SHA512: "90693936"} {
		if code, err := TOTP(testKey(h), 59, 30, 0, h, 8); code != want || err != nil {
			t.Errorf("%v: %q, %v; want %s", h, code, err, want)
		}
	}
}
