package codes_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

var appTypes = []string{"app-hotp", "app-totp"}

// confirm presents a first code.
func confirm(k *testkit.Kit, serial, otp string) (bool, error) {
	return k.Engine.Confirm(context.Background(), codes.ConfirmRequest{Lookup: lookup(serial), OTP: otp,
		Origin: testkit.Origin})
}

// confirmed checks the verdict on a first code.
func confirmed(t *testing.T, k *testkit.Kit, serial, otp string, want bool) {
	t.Helper()
	got, err := confirm(k, serial, otp)
	if err != nil || got != want {
		t.Errorf("confirm %s: %v, %v, want %v (log: %s)", serial, got, err, want, k.LastEntry(t).Raw)
	}
}

// current is the counter or time step whose code a key shows now.
func current(t *testing.T, k *testkit.Kit, key *pskc.Key) uint64 {
	t.Helper()
	if key.Kind == pskc.HOTP {
		return k.Token(t, key.Serial).Condition.Next
	}
	return testkit.Step(t, key, k.Clock.Now())
}

func state(t *testing.T, k *testkit.Kit, serial string, want token.State, epoch int64) {
	t.Helper()
	if c := k.Token(t, serial).Condition; c.State != want || c.Epoch != epoch {
		t.Errorf("token %s is %s in epoch %d, want %s in %d", serial, c.State, c.Epoch, want, epoch)
	}
}

// No door opens for a PENDING token, whatever code comes.
func TestPendingTokenOpensNoDoor(t *testing.T) {
	t.Parallel()
	for _, typ := range append(appTypes, "mobile-totp", "mobile-hotp", "mobile-license") {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			k := kit(t)
			k.User(t, "anna")
			k.DefaultProfiles(t)
			key := &pskc.Key{Kind: pskc.HOTP, Hash: "SHA256", Serial: "M", Secret: testkit.SecretOf("nobody's")}
			if typ == "app-hotp" || typ == "app-totp" {
				key = k.Create(t, typ)
			} else if made, err := k.Lifecycle.Create(
				t.Context(), lifecycle.CreateRequest{Type: typ, Count: 1, Origin: testkit.Origin}); err != nil {
				t.Fatal(err)
			} else {
				key.Serial = made.Tokens[0].Token.Identity.Serial
			}
			k.Assign(t, key.Serial, "anna")
			before := k.Token(t, key.Serial)
			now := current(t, k, key)
			for _, code := range []string{testkit.Code(t, key, now), testkit.Code(t, key, now+1),
				testkit.Wrong(t, key, now, 1)[0], "12345678"} {
				for _, r := range []codes.Request{{Lookup: lookup(key.Serial), OTP: code},
					{Lookup: store.Lookup{User: "anna"}, OTP: code}, wide(key.Serial, code)} {
					if k.Present(t, r) {
						t.Fatalf("a code of a PENDING token is accepted by %+v", r.Lookup)
					}
					recorded(t, k, token.NotProven)
				}
			}
			unchanged(t, k, func() {
				_, err := resync(k, key.Serial, testkit.Code(t, key, now), testkit.Code(t, key, now+1))
				isFault(t, err, fault.Conflict, "token_refuses")
			})
			if after := k.Token(t, key.Serial); after != before {
				t.Errorf("the token changed from %+v to %+v", before, after)
			}
		})
	}
}

// The first right code makes it VALID, and is used up.
func TestConfirm(t *testing.T) {
	t.Parallel()
	for _, typ := range appTypes {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			k := kit(t)
			key := k.Create(t, typ)
			c := current(t, k, key)
			if typ == "app-hotp" {
				c += 9 // the last of the ordinary window
			}
			code := testkit.Code(t, key, c)
			accepted(t, k, key.Serial, code, false) // fills the cache as well
			size := k.LogSize(t)
			confirmed(t, k, key.Serial, code, true)
			state(t, k, key.Serial, token.Valid, 1)
			next(t, k, key.Serial, c+1)
			e := k.LastEntry(t)
			if k.LogSize(t) != size+1 || e.Action != "token.confirmed" || e.Outcome != "accepted" ||
				e.Before["state"] != "PENDING" || e.After["state"] != "VALID" ||
				e.After["next"] != fmt.Sprint(c+1) || e.Subject["serial"] != key.Serial {
				t.Errorf("the log says %s", e.Raw)
			}
			if !k.Token(t, key.Serial).Condition.LastUsed.IsZero() {
				t.Error("a confirmation counts as use")
			}
			accepted(t, k, key.Serial, code, false)
			recorded(t, k, token.Replayed)
			if _, err := confirm(k, key.Serial, code); err == nil {
				t.Error("confirmed twice")
			}
			k.Clock.Advance(aStep)
			code = testkit.Code(t, key, max(current(t, k, key), c+1))
			unchanged(t, k, func() {
				_, err := confirm(k, key.Serial, code)
				isFault(t, err, fault.Conflict, "token_confirmed")
			})
			accepted(t, k, key.Serial, code, true)
			secretFree(t, k, []*pskc.Key{key}, []string{code, testkit.Code(t, key, c)})
		})
	}
}

// Wrong first codes count, delay and lock as wrong codes do.
func TestConfirmCountsFailures(t *testing.T) {
	t.Parallel()
	k := kit(t)
	key := k.Create(t, "app-hotp")
	guesses := testkit.Wrong(t, key, 0, 12)
	for i, guess := range guesses[:10] {
		confirmed(t, k, key.Serial, guess, false)
		recorded(t, k, token.Wrong)
		failures(t, k, key.Serial, i+1)
		if i == 2 {
			unchanged(t, k, func() {
				_, err := confirm(k, key.Serial, testkit.Code(t, key, 0))
				isFault(t, err, fault.Conflict, "token_refuses")
			})
		}
		k.Clock.Advance(time.Hour)
	}
	unchanged(t, k, func() {
		_, err := confirm(k, key.Serial, testkit.Code(t, key, 0))
		isFault(t, err, fault.Conflict, "token_refuses")
		noCodes(t, err, testkit.Code(t, key, 0))
	})
	state(t, k, key.Serial, token.Pending, 0)
	k.Unlock(t, key.Serial)
	confirmed(t, k, key.Serial, guesses[10], false)
	confirmed(t, k, key.Serial, testkit.Code(t, key, 0), true)
	failures(t, k, key.Serial, 0)
	secretFree(t, k, []*pskc.Key{key}, append(guesses, testkit.Code(t, key, 0)))
}

func TestConfirmRefuses(t *testing.T) {
	t.Parallel()
	imported := testkit.HOTP("1")
	k := kit(t, imported)
	key, lost := k.Create(t, "app-hotp"), k.Create(t, "app-hotp")
	k.SetState(t, lost.Serial, token.RevokedLost)
	k.DefaultProfiles(t)
	mobile, err := k.Lifecycle.Create(
		t.Context(), lifecycle.CreateRequest{Type: "mobile-totp", Count: 1, Origin: testkit.Origin})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		serial, otp string
		kind        fault.Kind
		code        string
	}{
		"no code":         {key.Serial, "12345x", fault.Invalid, "otp_format"},
		"too short":       {key.Serial, "12345", fault.Invalid, "otp_format"},
		"8 digits for 6":  {key.Serial, "12345678", fault.Invalid, "otp_length"},
		"imported":        {"1", testkit.Code(t, imported, 0), fault.Conflict, "token_confirmed"},
		"lost":            {lost.Serial, testkit.Code(t, lost, 0), fault.Conflict, "token_refuses"},
		"nobody's":        {"nobody's", "123456", fault.NotFound, "token_not_found"},
		"to be activated": {mobile.Tokens[0].Token.Identity.Serial, "123456", fault.Conflict, "awaits_activation"},
	} {
		unchanged(t, k, func() {
			valid, err := confirm(k, c.serial, c.otp)
			if valid {
				t.Errorf("%s: confirmed", name)
			}
			isFault(t, err, c.kind, c.code)
			noCodes(t, err, c.otp)
		})
	}
	accepted(t, k, "1", testkit.Code(t, imported, 0), true)
}

// 64 first codes at once, and the same code at the ordinary door beside them:
// it is accepted once, as the first code.
func TestParallelConfirms(t *testing.T) {
	t.Parallel()
	for _, typ := range appTypes {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			k := kit(t)
			for range rounds(t) / 5 {
				key := k.Create(t, typ)
				code := testkit.Code(t, key, current(t, k, key))
				start := k.LogSize(t)
				var proved, verified atomic.Int64
				var wg sync.WaitGroup
				for i := range at64 {
					wg.Go(func() {
						valid, err := confirm(k, key.Serial, code)
						if f, ok := errors.AsType[*fault.Error](err); err != nil &&
							(!ok || f.Code != "token_confirmed") {
							t.Errorf("confirm: %v", err)
						} else if valid {
							proved.Add(1)
						}
					})
					if i%2 == 0 {
						wg.Go(func() {
							valid, err := k.Engine.Verify(context.Background(),
								codes.Request{Lookup: lookup(key.Serial), OTP: code, Authentication: true,
									Origin: testkit.Origin})
							if err != nil {
								t.Errorf("verify: %v", err)
							} else if valid {
								verified.Add(1)
							}
						})
					}
				}
				wg.Wait()
				if proved.Load() != 1 || verified.Load() != 0 {
					t.Fatalf("one code: confirmed %d times, accepted %d times beside it", proved.Load(),
						verified.Load())
				}
				state(t, k, key.Serial, token.Valid, 1)
				accepted := 0
				for _, e := range k.Log(t, start) {
					if e.Outcome == "accepted" {
						accepted++
					}
				}
				if accepted != 1 {
					t.Fatalf("the log has %d acceptances", accepted)
				}
			}
		})
	}
}

// What happens between the look and the write decides.
func TestConfirmLoses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*testing.T, *testkit.Kit, *pskc.Key)
		code   string
	}{
		"revoked": {func(t *testing.T, k *testkit.Kit, key *pskc.Key) { k.SetState(t, key.Serial, token.RevokedLost) },
			""},
		"deleted": {func(t *testing.T, k *testkit.Kit, key *pskc.Key) {
			if _, err := k.Lifecycle.Delete(t.Context(), selector(key.Serial), testkit.Origin); err != nil {
				t.Fatal(err)
			}
		}, "token_not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := kit(t)
			key := k.Create(t, "app-hotp")
			d := through(t, k, codes.Policy{})
			d.between = func() { c.change(t, k, key) }
			valid, err := confirm(k, key.Serial, testkit.Code(t, key, 0))
			if valid {
				t.Fatal("confirmed")
			}
			if c.code != "" {
				isFault(t, err, fault.NotFound, c.code)
			} else if err != nil {
				t.Error(err)
			} else {
				recorded(t, k, token.Revoked)
			}
		})
	}
}

// A verification that saw the token PENDING and writes after its confirmation is
// judged anew.
func TestVerifyBesideConfirm(t *testing.T) {
	t.Parallel()
	k := kit(t)
	key := k.Create(t, "app-hotp")
	straight := k.Engine
	d := through(t, k, codes.Policy{})
	d.between = func() {
		valid, err := straight.Confirm(
			t.Context(), codes.ConfirmRequest{Lookup: lookup(key.Serial), OTP: testkit.Code(t, key, 0),
				Origin: testkit.Origin})
		if !valid || err != nil {
			t.Errorf("confirm: %v, %v", valid, err)
		}
	}
	accepted(t, k, key.Serial, testkit.Code(t, key, 1), true)
	next(t, k, key.Serial, 2)
}

// No confirmation before its commit.
func TestConfirmUnavailable(t *testing.T) {
	t.Parallel()
	k := kit(t)
	key := k.Create(t, "app-hotp")
	d := through(t, k, codes.Policy{})
	d.refuse = store.ErrUnavailable
	valid, err := confirm(k, key.Serial, testkit.Code(t, key, 0))
	if valid {
		t.Error("confirmed without a write")
	}
	isFault(t, err, fault.Unavailable, "unavailable")
	state(t, k, key.Serial, token.Pending, 0)
	d.refuse = nil
	confirmed(t, k, key.Serial, testkit.Code(t, key, 0), true)
}
