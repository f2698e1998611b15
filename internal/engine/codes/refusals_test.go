package codes_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/codes"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// A revoked token takes no code; VALID again, it takes none that was used.
func TestRevoked(t *testing.T) {
	t.Parallel()
	for _, state := range []token.State{token.RevokedLost, token.RevokedBroken, token.RevokedOther} {
		key := testkit.HOTP("1")
		k := holder(t, key)
		accepted(t, k, "1", testkit.Code(t, key, 4), true)
		k.SetState(t, "1", state)
		for _, otp := range []string{testkit.Code(t, key, 5), testkit.Code(t, key, 4), testkit.Wrong(t, key, 4, 1)[0]} {
			accepted(t, k, "1", otp, false)
			recorded(t, k, token.Revoked)
			byUser(t, k, otp, false)
			recorded(t, k, token.Revoked)
		}
		failures(t, k, "1", 0)
		userFailures(t, k, 0)
		next(t, k, "1", 5)
		k.SetState(t, "1", token.Valid)
		for c := range uint64(3) {
			accepted(t, k, "1", testkit.Code(t, key, c+2), false)
			recorded(t, k, token.Replayed)
		}
		k.Clock.Advance(time.Second)
		accepted(t, k, "1", testkit.Code(t, key, 5), true)
	}
}

func TestValidityDates(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	key.NotBefore, key.NotAfter = testkit.Start.Add(time.Hour), testkit.Start.Add(2*time.Hour)
	k := kit(t, key)
	for i, c := range []struct {
		at     time.Time
		reason token.Reason
	}{
		{testkit.Start, token.NotYetValid},
		{key.NotBefore.Add(-time.Millisecond), token.NotYetValid},
		{key.NotBefore, token.NoReason},
		{key.NotAfter.Add(-time.Millisecond), token.NoReason},
		{key.NotAfter, token.Expired},
		{key.NotAfter.Add(time.Hour), token.Expired},
	} {
		k.Clock.Set(c.at)
		accepted(t, k, "1", testkit.Code(t, key, uint64(i)), c.reason == token.NoReason)
		if c.reason != token.NoReason {
			recorded(t, k, c.reason)
		}
		failures(t, k, "1", 0)
	}
}

func TestUnknownAndUnassigned(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := kit(t, key)
	k.User(t, "anna")
	code := testkit.Code(t, key, 0)
	accepted(t, k, "2", code, false)
	recorded(t, k, token.Unknown)
	byUser(t, k, code, false)
	recorded(t, k, token.Unassigned)
	userFailures(t, k, 0)
	if k.VerifyUser(t, "bert", code) {
		t.Error("a user who does not exist is accepted")
	}
	recorded(t, k, token.Unknown)
	if e := k.LastEntry(t); e.Subject["user"] != "bert" || e.Actor != testkit.Origin.Actor ||
		e.Request != testkit.Origin.Request {
		t.Errorf("the log does not say who was meant and who asked: %s", e.Raw)
	}
	accepted(t, k, "1", code, true)
}

// A serial under several identities is told to those who may list tokens and
// looks like any refusal to the others.
func TestAmbiguousSerial(t *testing.T) {
	t.Parallel()
	h, tt, h2 := testkit.HOTP("1"), testkit.TOTP("1"), testkit.HOTP("1")
	h2.ID, h2.Secret = "second", testkit.SecretOf("second")
	h2.Manufacturer = ""
	k := kit(t, h, tt, h2)
	code := testkit.Code(t, h, 0)
	accepted(t, k, "1", code, false)
	recorded(t, k, token.Ambiguous)
	accepted(t, k, "1", testkit.Wrong(t, h, 0, 1)[0], false)
	recorded(t, k, token.Ambiguous)
	unchanged(t, k, func() {
		_, err := k.Engine.Verify(t.Context(), codes.Request{Lookup: lookup("1"), OTP: code, MayList: true,
			Origin: testkit.Origin})
		isFault(t, err, fault.Conflict, "serial_ambiguous")
		ids, ok := fault.Of(err).Details["candidates"].([]token.Identity)
		if !ok || len(ids) != 3 {
			t.Errorf("candidates: %v", ids)
		}
		for _, want := range []string{"hotp", "totp", "second", `manufacturer ""`} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("the error does not name %s: %v", want, err)
			}
		}
	})
	acme, none, second := testkit.Manufacturer, "", "second"
	for _, l := range []struct {
		lookup store.Lookup
		code   string
	}{
		{store.Lookup{Serial: "1", Type: "totp"}, testkit.Code(t, tt, now(t, k, tt))},
		{store.Lookup{Serial: "1", Type: "hotp", Manufacturer: &acme}, testkit.Code(t, h, 0)},
		{store.Lookup{Serial: "1", Manufacturer: &none}, testkit.Code(t, h2, 0)},
		{store.Lookup{Serial: "1", KeyID: &second}, testkit.Code(t, h2, 1)},
	} {
		if !k.Present(t, codes.Request{Lookup: l.lookup, OTP: l.code}) {
			t.Errorf("%+v is refused", l.lookup)
		}
	}
	if k.Present(t, codes.Request{Lookup: store.Lookup{Serial: "1", KeyID: &none}, OTP: code}) {
		t.Error("an empty key id chose a token that has one")
	}
	recorded(t, k, token.Unknown)
}

func TestWrongLengthAndOCRA(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := kit(t, key, testkit.OCRA("o"))
	for _, c := range []struct {
		serial, otp, code string
		reason            token.Reason
	}{
		{"1", "12345678", "otp_length", token.Malformed},
		{"1", "0" + testkit.Code(t, key, 0), "otp_length", token.Malformed},
		{"o", "123456", "needs_challenge", token.NeedsChallenge},
	} {
		accepted(t, k, c.serial, c.otp, false)
		recorded(t, k, c.reason)
		failures(t, k, c.serial, 0)
		unchanged(t, k, func() {
			valid, err := k.Engine.Verify(
				t.Context(), codes.Request{Lookup: lookup(c.serial), OTP: c.otp, MayList: true, Origin: testkit.Origin})
			if valid {
				t.Error("accepted")
			}
			isFault(t, err, fault.Invalid, c.code)
			noCodes(t, err, c.otp)
		})
	}
}

// What can be no code is refused before anything is looked at.
func TestTextsThatAreNoCodes(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := holder(t, key)
	right := testkit.Code(t, key, 0)
	texts := map[string]string{
		"empty": "", "5 digits": right[:5], "11 digits": right + "00000", "one digit": "1",
		"space before": " " + right, "space after": right + " ", "tab inside": right[:3] + "\t" + right[3:],
		"blanks alone": "      ", "hyphen inside": right[:3] + "-" + right[3:],
		"5 digits and a blank": right[:3] + " " + right[3:5],
		"new line":             right + "\n", "tab": right + "\t", "no-break space": right + "\u00a0",
		"full-width": mapDigits(right, '０'), "Arabic-Indic": mapDigits(right, '٠'), "Devanagari": mapDigits(right, '०'),
		"mixed": string([]rune{'０' + rune(right[0]-'0')}) + right[1:],
		"plus":  "+" + right, "minus": "-" + right, "NUL inside": right[:3] + "\x00" + right[3:], "NUL after": right +
			"\x00",
		"hexadecimal": "0x1234", "exponent": "1e0006", "letters": "abcdef", "dot": right[:5] + ".", "quote": right +
			"'", "huge": strings.Repeat("1", 1<<20),
		"zero-width": right + "\u200b", "underscore": right[:3] + "_" + right[3:], "no UTF-8": right + "\xff",
	}
	unchanged(t, k, func() {
		for name, text := range texts {
			for _, l := range []store.Lookup{{Serial: "1"}, {User: "anna"}, {Serial: "nobody's"}} {
				for _, mayList := range []bool{true, false} {
					valid, err := k.Engine.Verify(context.Background(),
						codes.Request{Lookup: l, OTP: text, MayList: mayList, Origin: testkit.Origin})
					if valid {
						t.Errorf("%s is accepted", name)
					}
					isFault(t, err, fault.Invalid, "otp_format")
					noCodes(t, err, right, mapDigits(right, '０'))
				}
			}
			if ok, err := resync(k, "1", text, testkit.Code(t, key, 1)); ok || err == nil {
				t.Errorf("%s is taken for a resynchronisation: %v", name, err)
			}
		}
	})
	accepted(t, k, "1", right, true)
}

func mapDigits(s string, zero rune) string {
	return strings.Map(func(r rune) rune { return zero + r - '0' }, s)
}

func TestSerialOrUser(t *testing.T) {
	t.Parallel()
	k := holder(t, testkit.HOTP("1"))
	unchanged(t, k, func() {
		for _, l := range []store.Lookup{{}, {Serial: "1", User: "anna"}, {Type: "hotp"}} {
			_, err := k.Engine.Verify(t.Context(), codes.Request{Lookup: l, OTP: "123456", Origin: testkit.Origin})
			isFault(t, err, fault.Invalid, "serial_or_user")
		}
	})
}

// No text of the server holds a seed or a code that was presented.
func TestNothingSecretIsWritten(t *testing.T) {
	t.Parallel()
	keys := []*pskc.Key{testkit.HOTP("1"), testkit.Digits(testkit.TOTP("2"), 8)}
	k := holder(t, keys...)
	var presented []string
	for _, key := range keys {
		at := uint64(0)
		if key.Kind == pskc.TOTP {
			at = now(t, k, key)
		}
		typed := append(testkit.Wrong(t, key, at, 2), testkit.Code(t, key, at), testkit.Code(t, key, at+30),
			"999999999")
		for _, code := range typed {
			presented = append(presented, code)
			for _, l := range []store.Lookup{{Serial: key.Serial}, {User: "anna"}} {
				for _, mayList := range []bool{true, false} {
					_, err := k.Engine.Verify(
						t.Context(), codes.Request{Lookup: l, OTP: code, MayList: mayList, Origin: testkit.Origin})
					noCodes(t, err, code)
				}
			}
			_, err := resync(k, key.Serial, code, code)
			noCodes(t, err, code)
			k.Clock.Advance(time.Hour)
		}
	}
	secretFree(t, k, keys, presented)
}
