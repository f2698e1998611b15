package imports_test

import (
	"strings"
	"testing"
	"time"

	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// TestShortSecrets: 80 bits are refused with the name of the rule, and come in by a
// switch, with a note and a number in the log.
func TestShortSecrets(t *testing.T) {
	t.Parallel()
	const text = "otpauth://totp/a?secret=JBSWY3DPEHPK3PXP\notpauth://totp/b?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP\n"
	take := func(k *testkit.Kit, text string, opt imports.FileOptions) testkit.Report {
		f, err := imports.OpenFile(strings.NewReader(text), opt)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		return testkit.Take(t, k, f, testkit.SkipBad)
	}
	k := testkit.New(t)
	rep := take(k, text, imports.FileOptions{})
	if counts(t, rep, 1, 0, 1); !strings.Contains(rep.Rows[0].Reason, "R6; --allow-short-secrets accepts it") {
		t.Errorf("rows %+v", rep.Rows)
	}
	if _, said := k.LastEntry(t).After["short_secrets"]; said {
		t.Error("the log counts short secrets where there are none")
	}
	k = testkit.New(t)
	rep = take(k, text, imports.FileOptions{ShortSecrets: true})
	if counts(t, rep, 2, 0, 0); !strings.Contains(rep.Rows[0].Reason, "80 bits, but RFC 4226 requires 128") ||
		rep.Rows[1].Reason != "" {
		t.Errorf("rows %+v", rep.Rows)
	}
	if e := k.LastEntry(t); e.Action != "import.published" || e.After["short_secrets"] != "1" {
		t.Errorf("the log says %s", e.Raw)
	}
	// Nobody takes less, and in PSKC it is the same.
	rep = take(k, "otpauth://totp/c?secret=JBSWY3DPEHPK3\n", imports.FileOptions{ShortSecrets: true})
	counts(t, rep, 0, 0, 1)
	xml := `<KeyContainer Version="1.0" xmlns="urn:ietf:params:xml:ns:keyprov:pskc"><KeyPackage><DeviceInfo>` +
		`<Manufacturer>M</Manufacturer><SerialNo>d</SerialNo></DeviceInfo><Key Id="d" ` +
		`Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:hotp"><Data><Secret><PlainValue>MDEyMzQ1Njc4OQ==</PlainValue>` +
		`</Secret></Data></Key></KeyPackage></KeyContainer>`
	rep = take(k, xml, imports.FileOptions{})
	if counts(t, rep, 0, 0, 1); !strings.Contains(rep.Rows[0].Reason, "--allow-short-secrets") {
		t.Errorf("rows %+v", rep.Rows)
	}
	counts(t, take(k, xml, imports.FileOptions{ShortSecrets: true}), 1, 0, 0)
}

// TestLongSteps: a time step of more than an hour needs a switch, in every format, and
// one in milliseconds is called that.
func TestLongSteps(t *testing.T) {
	t.Parallel()
	for period, want := range map[string]string{"1": "", "3600": "", "3601": "longer than an hour",
		"30000": "30000 seconds looks like milliseconds: 30 seconds are written 30", "60000": "looks like milliseconds",
		"172800": "longer than an hour", "172801": "not a time step"} {
		for _, text := range []string{
			"serial,secret,type,digits,period\na,15d2fa517d3c6b791bd4cc2044c2414293070010,totp,6," + period,
			"otpauth://totp/a?secret=NIA2ZLSSOFYPAKOAN2YEUPVNKABSR67M&period=" + period,
		} {
			f, err := imports.OpenFile(strings.NewReader(text), imports.FileOptions{})
			if err != nil {
				t.Fatal(err)
			}
			_, err = f.Next()
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", text, err, want)
			}
			f.Close()
			if f, err = imports.OpenFile(strings.NewReader(text), imports.FileOptions{LongSteps: true}); err != nil {
				t.Fatal(err)
			}
			if _, err := f.Next(); (err == nil) != (period != "172801") {
				t.Errorf("%s, with the switch: %v", text, err)
			}
			f.Close()
		}
	}
}

// A key that could never be valid is refused, not taken in to puzzle people.
func TestStartBehindExpiry(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	never, once := testkit.HOTP("never"), testkit.HOTP("once")
	never.NotBefore, never.NotAfter = testkit.Start.Add(time.Hour), testkit.Start
	once.NotBefore, once.NotAfter = testkit.Start, testkit.Start.Add(time.Hour)
	rep := testkit.Take(t, k, testkit.Keys(never, once), testkit.SkipBad)
	if counts(t, rep, 1, 0, 1); !strings.Contains(rep.Rows[0].Reason, "start date is after its expiry date") {
		t.Errorf("rows %+v", rep.Rows)
	}
}

// The PIN of a key that is refused is refused with it; that of a duplicate is one.
func TestPINsEndLikeTheirKeys(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	withPIN := func(serial string) (key, pin *pskc.Key) {
		key, pin = testkit.HOTP(serial), testkit.HOTP("pin "+serial)
		key.Policy.PIN = &pskc.PINPolicy{UsageMode: "Local", KeyID: pin.ID}
		pin.Kind, pin.Secret = pskc.PIN, pskc.Secret("1234")
		return key, pin
	}
	there, thereAlready := withPIN("there")
	testkit.Ended(t, testkit.Take(t, k, testkit.Keys(there, thereAlready)), store.RunCounts{Imported: 2})
	there, thereAlready = withPIN("there")
	bad, ofBad := withPIN("bad")
	bad.Policy.HasTransactions = true
	other, ofOther := withPIN("there")
	other.Secret, ofOther.ID = testkit.SecretOf("another"), "pin of another"
	other.Policy.PIN.KeyID = ofOther.ID
	rep := testkit.Take(t, k, testkit.Keys(there, thereAlready, bad, ofBad, other, ofOther), testkit.SkipBad)
	testkit.Ended(t, rep, store.RunCounts{Duplicate: 2, Refused: 3, Conflict: 1})
	if len(k.List(t, lifecycle.Filter{})) != 1 {
		t.Errorf("rows %+v", rep.Rows)
	}
}
