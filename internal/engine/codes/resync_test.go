package codes_test

import (
	"testing"
	"time"

	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/codes"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// resynced checks the verdict on two codes.
func resynced(t *testing.T, k *testkit.Kit, key *pskc.Key, first uint64, want bool,
	more ...func(*codes.ResyncRequest)) {
	t.Helper()
	got, err := resync(k, key.Serial, testkit.Code(t, key, first), testkit.Code(t, key, first+1), more...)
	if err != nil || got != want {
		t.Errorf("resync %s by counters %d and %d: %v, %v, want %v", key.Serial, first, first+1, got, err, want)
	}
}

func TestResyncHOTPReach(t *testing.T) {
	t.Parallel()
	a, b := testkit.HOTP("a"), testkit.HOTP("b")
	k := kit(t, testkit.Counter(a, 7), testkit.Counter(b, 7))
	resynced(t, k, a, 7+999, true)
	next(t, k, "a", 7+1001)
	resynced(t, k, b, 7+1000, false)
	recorded(t, k, token.NotConsecutive)
	failures(t, k, "b", 1)
	next(t, k, "b", 7)
}

// Both codes are used up, and so is everything before them.
func TestResyncBurnsBothCodes(t *testing.T) {
	t.Parallel()
	for _, key := range []*pskc.Key{testkit.HOTP("h"), testkit.TOTP("t")} {
		k := kit(t, key)
		first := uint64(500)
		if key.Kind == pskc.TOTP {
			first = now(t, k, key) + 3
		}
		resynced(t, k, key, first, true)
		next(t, k, key.Serial, first+2)
		if e := k.LastEntry(t); e.Action != "token.resynchronised" || e.Outcome != "accepted" {
			t.Errorf("the log says %s", e.Raw)
		}
		if c := k.Token(t, key.Serial).Condition; !c.LastUsed.IsZero() {
			t.Error("a resynchronisation counts as use")
		}
		for _, used := range []uint64{first, first + 1} {
			accepted(t, k, key.Serial, testkit.Code(t, key, used), false)
			recorded(t, k, token.Replayed)
		}
		resynced(t, k, key, first, false)
		recorded(t, k, token.NotConsecutive)
		failures(t, k, key.Serial, 3)
		k.Clock.Advance(time.Second)
		if key.Kind == pskc.HOTP {
			accepted(t, k, key.Serial, testkit.Code(t, key, first+2), true)
		}
	}
}

func TestResyncWrongOrder(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := kit(t, key)
	for _, pair := range [][2]uint64{{11, 10}, {10, 10}, {10, 12}} {
		ok, err := resync(k, "1", testkit.Code(t, key, pair[0]), testkit.Code(t, key, pair[1]))
		if ok || err != nil {
			t.Errorf("codes of counters %v: %v, %v", pair, ok, err)
		}
		recorded(t, k, token.NotConsecutive)
	}
	failures(t, k, "1", 3)
	next(t, k, "1", 0)
}

func TestResyncCounter(t *testing.T) {
	t.Parallel()
	key := testkit.Counter(testkit.HOTP("1"), 50)
	k := kit(t, key)
	unchanged(t, k, func() {
		_, err := resync(k, "1", testkit.Code(t, key, 49), testkit.Code(t, key, 50), atCounter(49))
		isFault(t, err, fault.Invalid, "counter_used")
		_, err = resync(k, "1", testkit.Code(t, key, 60), testkit.Code(t, key, 61), atCounter(0))
		isFault(t, err, fault.Invalid, "counter_used")
		_, err = resync(k, "1", testkit.Code(t, key, 60), testkit.Code(t, key, 61), atCounter(token.MaxCounter+1))
		isFault(t, err, fault.Invalid, "counter_range")
	})
	resynced(t, k, key, 50, true, atCounter(50))
	next(t, k, "1", 52)
	// Far ahead, where the search alone does not reach.
	resynced(t, k, key, 1_000_000_999, true, atCounter(1_000_000_000))
	next(t, k, "1", 1_000_001_001)
	// Below the place that was named nothing is found.
	resynced(t, k, key, 1_000_002_000, false, atCounter(1_000_003_000))
	failures(t, k, "1", 1)
	resynced(t, k, key, token.MaxCounter, true, atCounter(token.MaxCounter))
}

func TestResyncTOTPReach(t *testing.T) {
	t.Parallel()
	type ask struct {
		offset int64 // of the second code
		steps  int
		want   bool
	}
	for _, a := range []ask{
		{20, 0, true}, {-19, 0, true}, {22, 0, false}, {-22, 0, false},
		{100, 100, true}, {-99, 100, true}, {122, 120, false}, {120, 120, true}, {-119, 120, true}, {5, 1, false},
	} {
		key := testkit.TOTP("1")
		k := kit(t, key)
		second := uint64(int64(now(t, k, key)) + a.offset)
		resynced(t, k, key, second-1, a.want, steps(a.steps))
		if a.want {
			next(t, k, "1", second+1)
			if drift := k.Token(t, "1").Condition.Drift; drift != a.offset {
				t.Errorf("learned a drift of %d, want %d", drift, a.offset)
			}
		} else {
			failures(t, k, "1", 1)
		}
	}
}

func TestResyncTOTPAroundDriftAndCounter(t *testing.T) {
	t.Parallel()
	key := testkit.TOTP("1")
	k := kit(t, key)
	at := now(t, k, key)
	unchanged(t, k, func() {
		for _, s := range []int{121, -1} {
			_, err := resync(k, "1", testkit.Code(t, key, at), testkit.Code(t, key, at+1), steps(s))
			isFault(t, err, fault.Invalid, "steps")
		}
		_, err := resync(k, "1", testkit.Code(t, key, at), testkit.Code(t, key, at+1), atCounter(at+121))
		isFault(t, err, fault.Invalid, "counter_range")
		_, err = resync(k, "1", testkit.Code(t, key, at), testkit.Code(t, key, at+1), atCounter(at-121))
		isFault(t, err, fault.Invalid, "counter_range")
	})
	resynced(t, k, key, at+18, true)
	// The drift of 19 is the centre now.
	k.Clock.Advance(time.Hour)
	resynced(t, k, key, at+120+19+19, true)
	k.Clock.Advance(time.Hour)
	at = now(t, k, key)
	resynced(t, k, key, at+105, true, atCounter(at+100))
	unchanged(t, k, func() {
		_, err := resync(k, "1", testkit.Code(t, key, at+130), testkit.Code(t, key, at+131), atCounter(at+1))
		isFault(t, err, fault.Invalid, "counter_used")
	})
}

// What cannot be decided is said, and changes nothing.
func TestResyncRefusals(t *testing.T) {
	t.Parallel()
	expired, early := testkit.HOTP("expired"), testkit.HOTP("early")
	expired.NotAfter, early.NotBefore = testkit.Start, testkit.Start.Add(time.Second)
	locked, delayed, revoked := testkit.HOTP("locked"), testkit.HOTP("delayed"), testkit.HOTP("revoked")
	other := testkit.HOTP("same")
	other.ID = "second"
	k := kit(t, expired, early, locked, delayed, revoked, testkit.OCRA("ocra"), testkit.TOTP("time"),
		testkit.HOTP("event"), testkit.HOTP("same"), other)
	for _, guess := range testkit.Wrong(t, locked, 0, 10) {
		accepted(t, k, "locked", guess, false)
		k.Clock.Advance(time.Hour)
	}
	k.Clock.Set(testkit.Start)
	for _, guess := range testkit.Wrong(t, delayed, 0, 3) {
		accepted(t, k, "delayed", guess, false)
	}
	k.SetState(t, "revoked", token.RevokedLost)
	for _, c := range []struct {
		serial, one, two string
		kind             fault.Kind
		code             string
		more             []func(*codes.ResyncRequest)
	}{
		{"expired", "", "", fault.Conflict, "token_refuses", nil},
		{"early", "", "", fault.Conflict, "token_refuses", nil},
		{"locked", "", "", fault.Conflict, "token_refuses", nil},
		{"delayed", "", "", fault.Conflict, "token_refuses", nil},
		{"revoked", "", "", fault.Conflict, "token_refuses", nil},
		{"same", "", "", fault.Conflict, "serial_ambiguous", nil},
		{"nobody's", "123456", "654321", fault.NotFound, "token_not_found", nil},
		{"ocra", "123456", "654321", fault.Invalid, "needs_challenge", nil},
		{"event", "1234567", "7654321", fault.Invalid, "otp_length", nil},
		{"event", "123456", "7654321", fault.Invalid, "otp_length", nil},
		{"event", "12345", "765432", fault.Invalid, "otp_format", nil},
		{"event", "123456", "76-5432", fault.Invalid, "otp_format", nil},
		{"event", "123456", "654321", fault.Invalid, "steps", []func(*codes.ResyncRequest){steps(5)}},
		{"time", "123456", "654321", fault.Invalid, "counter_range", []func(*codes.ResyncRequest){atCounter(1 << 62)}},
	} {
		if c.one == "" {
			key := testkit.HOTP(c.serial)
			c.one, c.two = testkit.Code(t, key, 0), testkit.Code(t, key, 1)
		}
		unchanged(t, k, func() {
			ok, err := resync(k, c.serial, c.one, c.two, c.more...)
			if ok {
				t.Errorf("%s: resynchronised", c.serial)
			}
			isFault(t, err, c.kind, c.code)
			noCodes(t, err, c.one, c.two)
		})
	}
	// Telling which key is meant decides it.
	second := "second"
	ok, err := k.Engine.Resync(t.Context(), codes.ResyncRequest{Lookup: store.Lookup{Serial: "same", KeyID: &second},
		OTP1: testkit.Code(t, other, 4), OTP2: testkit.Code(t, other, 5), Origin: testkit.Origin})
	if !ok || err != nil {
		t.Errorf("by key id: %v, %v", ok, err)
	}
}

// A resynchronisation ends the failures before it, and its own lead to the lock.
func TestResyncFailuresLock(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := kit(t, key)
	wrong := testkit.Wrong(t, key, 0, 2)
	accepted(t, k, "1", wrong[0], false)
	resynced(t, k, key, 20, true)
	failures(t, k, "1", 0)
	for i := range 10 {
		if ok, err := resync(k, "1", wrong[0], wrong[1]); ok || err != nil {
			t.Fatalf("try %d: %v, %v", i, ok, err)
		}
		k.Clock.Advance(time.Hour)
	}
	_, err := resync(k, "1", testkit.Code(t, key, 30), testkit.Code(t, key, 31))
	isFault(t, err, fault.Conflict, "token_refuses")
	accepted(t, k, "1", testkit.Code(t, key, 22), false)
	recorded(t, k, token.Locked)
}
