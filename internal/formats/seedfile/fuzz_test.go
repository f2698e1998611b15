package seedfile

import (
	"bytes"
	"errors"
	"testing"
)

func FuzzDualShield(f *testing.F)       { fuzzFormat(f, DualShield) }
func FuzzDualShieldV3(f *testing.F)     { fuzzFormat(f, DualShieldV3) }
func FuzzSafeNet(f *testing.F)          { fuzzFormat(f, SafeNet) }
func FuzzEntraCSV(f *testing.F)         { fuzzFormat(f, EntraCSV) }
func FuzzOATHCSV(f *testing.F)          { fuzzFormat(f, OATHCSV) }
func FuzzYubicoCSV(f *testing.F)        { fuzzFormat(f, YubicoCSV) }
func FuzzPrivacyIDEACSV(f *testing.F)   { fuzzFormat(f, PrivacyIDEACSV) }
func FuzzOTPAuth(f *testing.F)          { fuzzFormat(f, OTPAuth) }
func FuzzOTPAuthMigration(f *testing.F) { fuzzFormat(f, OTPAuthMigration) }

// FuzzOpen recognises the format by itself.
func FuzzOpen(f *testing.F) {
	for _, x := range formats {
		if x.name != PSKC {
			for _, text := range samples(f, x.name) {
				f.Add([]byte(text))
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) { checkFile(t, b, Options{Now: sampleTime}) })
}

// FuzzMigrationPayload has what stands behind the base64 of a migration URI.
func FuzzMigrationPayload(f *testing.F) {
	f.Add(cat(account(bytes.Repeat([]byte{1}, 20), "Example:a", "Example"), num(payloadVersion, 1), num(batchSize, 1)))
	f.Add(account(bytes.Repeat([]byte{1}, 20), "b", "", num(keyType, 1), num(keyCounter, 7)))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if len(payload) < 8<<10 {
			checkFile(t, []byte(migrationURI(payload)), Options{Now: sampleTime})
		}
	})
}

func FuzzAssignments(f *testing.F) {
	for _, text := range samples(f, DualShieldAssignments) {
		f.Add([]byte(text))
	}
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
