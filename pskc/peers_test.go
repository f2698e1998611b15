package pskc

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// saved writes a file where other programs find it.
func saved(t testing.TB, file string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys.pskc")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// run runs a program of somebody else and gives what it prints.
func run(t testing.TB, pkg, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("the test needs %s: apt-get install %s", name, pkg)
	}
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// libpskc finds the files valid by the schema of RFC 6030, and reads the plain
// one strictly to the same keys.
func TestWriterByPskctool(t *testing.T) {
	t.Parallel()
	keys := fullKeys(t)
	for _, opt := range []WriterOptions{{Unprotected: true}, {}} {
		if !opt.Unprotected {
			keys[0].Record = []Property{{"state", "VALID"}}
		}
		if out := run(t, "pskctool", "pskctool", "--validate", saved(t, export(t, opt, keys...))); !strings.HasSuffix(
			out, "OK\n") {
			t.Errorf("%s", out)
		}
	}
	keys[0].Record = nil
	out := run(t, "pskctool", "pskctool", "--info", "--strict",
		saved(t, export(t, WriterOptions{Unprotected: true}, keys...)))
	for _, want := range []string{
		"KeyPackage 4:", "Manufacturer: oath.AC", "SerialNo: S-h", "Model: M", "IssueNo: 2", "DeviceBinding: B",
		"UserId: CN=d", "CryptoModuleInfo Id: CM",
		"Id: h", `Issuer: Zürich & "<Söhne>"`, "Algorithm: " + totpURI, "Key Secret (base64): " + b64(keys[0].Secret), "Key Secret (base64): MTIzNA==",
		"Key Counter: 9007199254740993", "Key Time: 298507", "Key TimeInterval: 60",
		"Key TimeDrift: 4294967292" /* -4, printed without its sign */, "FriendlyName: Schlüssel 漢",
		"Suite: HMAC-SHA256", "Suite: OCRA-1:HOTP-SHA256-8:C-QN08-PSHA1", "Response Format Length: 8",
		"Challenge Format Max: 8", "PIN Policy PIN Key Id: pin",
		"Key Usage: OTP CR", "Policy StartDate: 2020-01-01", "Key Profile Id: P", "Key Reference: R",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("pskctool does not see %q in\n%s", want, out)
		}
	}
}

// python is the Python for which Debian packages the module.
const python = "/usr/bin/python3"

// readByPython reads a file by python-pskc: one line for each key.
const readByPython = `
import sys, pskc
p = pskc.PSKC(sys.argv[1])
if sys.argv[2]: p.encryption.derive_key(sys.argv[2])
for k in p.keys:
    assert k.check()
    print(k.id, k.serial, k.algorithm, k.secret.hex(), k.counter, k.time_offset, k.time_interval, k.time_drift, k.response_length,
        k.algorithm_suite, k.policy.pin_key_id, k.policy.start_date, sep='|')
`

// python-pskc reads the same secrets and numbers.
func TestWriterByPython(t *testing.T) {
	t.Parallel()
	keys := fullKeys(t)[:4]
	var want strings.Builder
	for _, k := range keys {
		if k.Kind == PIN {
			fmt.Fprintf(&want, "%s|%s|%s|%x|None|None|None|None|None|None|None|None\n", k.ID, k.Serial, k.Algorithm,
				[]byte(k.Secret))
			continue
		}
		suite := k.Suite
		if suite == "" {
			suite = "None"
		}
		fmt.Fprintf(&want, "%s|%s|%s|%x|%d|%d|%d|%d|8|%s|pin|2020-01-01 00:00:00+00:00\n",
			k.ID, k.Serial, k.Algorithm, []byte(k.Secret), k.Counter, k.Time, k.Interval, k.Drift, suite)
	}
	for _, c := range []struct {
		opt  WriterOptions
		pass string
	}{{WriterOptions{Unprotected: true}, ""}, {WriterOptions{}, testPassphrase}} {
		if !c.opt.Unprotected {
			keys[1].Record = []Property{{"state", "VALID"}} // it does not look at records
		}
		if got := run(t, "python3-pskc", python, "-c", readByPython, saved(t, export(t, c.opt, keys...)),
			c.pass); got != want.String() {
			t.Errorf("read\n%swant\n%s", got, want.String())
		}
	}
}
