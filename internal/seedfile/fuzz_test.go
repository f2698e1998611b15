package seedfile

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ostiary/pskc"
)

// fuzzFormat opens any content as one format, and demands what every caller
// relies on: an answer for each entry, as many as Info counts, keys that can be
// used, errors of the package, and the same answers a second time.
func fuzzFormat(f *testing.F, format Format, pattern string) {
	names, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(names) == 0 {
		f.Fatalf("no seeds for %s: %v", format, err)
	}
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkFile(t, b, Options{Format: format, Now: sampleTime}) })
}

func checkFile(t *testing.T, b []byte, opt Options) {
	file, err := Open(bytes.NewReader(b), opt)
	if err != nil {
		if _, ok := errors.AsType[*Error](err); !ok && !errors.Is(err, ErrProduct) {
			t.Fatalf("error of another kind: %v", err)
		}
		if strings.ContainsAny(err.Error(), "\n\x00") {
			t.Fatalf("error %q", err)
		}
		return
	}
	defer file.Close()
	info := file.Info()
	keys, refused := 0, 0
	for {
		k, err := file.Next()
		if err == io.EOF {
			break
		}
		if bad, ok := errors.AsType[*pskc.KeyError](err); ok {
			if refused++; bad.Line < 1 || bad.Reason == "" {
				t.Fatalf("refusal %+v", bad)
			}
			continue
		}
		if err != nil {
			t.Fatalf("Next, when all was well: %v", err)
		}
		keys++
		if k.Serial == "" || k.Line < 1 || len(k.Secret) < pskc.DefaultMinSecret || len(k.Secret) > maxSecret || algorithms[k.Kind] == "" ||
			k.Digits() < 6 || k.Digits() > 10 || k.Period() < 1 || sample(k, sampleTime) == nil {
			t.Fatalf("key %+v", k)
		}
	}
	if keys != info.Keys || refused != info.Refused || (info.Sample == nil) != (keys == 0) {
		t.Fatalf("%d keys and %d refused, info %+v", keys, refused, info)
	}
}

func FuzzDualShield(f *testing.F)   { fuzzFormat(f, DualShield, "dualshield.xml") }
func FuzzDualShieldV3(f *testing.F) { fuzzFormat(f, DualShieldV3, "dualshield-v3.xml") }
func FuzzSafeNet(f *testing.F)      { fuzzFormat(f, SafeNet, "safenet.xml") }
func FuzzEntraCSV(f *testing.F)     { fuzzFormat(f, EntraCSV, "entra*.csv") }
func FuzzOATHCSV(f *testing.F)      { fuzzFormat(f, OATHCSV, "oath*.csv") }
func FuzzYubicoCSV(f *testing.F)    { fuzzFormat(f, YubicoCSV, "yubico*.csv") }
func FuzzOTPAuth(f *testing.F)      { fuzzFormat(f, OTPAuth, "otpauth*") }

// FuzzOpen recognises the format by itself.
func FuzzOpen(f *testing.F) { fuzzFormat(f, "", "*.*") }

func FuzzMigration(f *testing.F) {
	f.Add(cat(account(bytes.Repeat([]byte{1}, 20), "Example:a", "Example"), num(payloadVersion, 1), num(batchSize, 1)))
	f.Add(account(bytes.Repeat([]byte{1}, 20), "b", "", num(keyType, 1), num(keyCounter, 7)))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if len(payload) < 8<<10 {
			checkFile(t, []byte(migrationURI(payload)), Options{Now: sampleTime})
		}
	})
}

func FuzzAssignments(f *testing.F) {
	f.Add([]byte(testfile(f, "assignments.csv")))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, _, err := ReadAssignments(bytes.NewReader(b), Options{Format: DualShieldAssignments})
		if _, ok := errors.AsType[*Error](err); err != nil && !ok {
			t.Fatalf("error of another kind: %v", err)
		}
		for _, a := range list {
			if a.Serial == "" || a.User == "" || a.Line < 2 {
				t.Fatalf("assignment %+v", a)
			}
		}
	})
}
