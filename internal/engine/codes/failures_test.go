package codes_test

import (
	"testing"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/engine/codes"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// Three failures are free, then the wait doubles; a try during it is neither
// tested nor counted, even with the right code; the tenth failure locks.
func TestDelaysAndLock(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := kit(t, key)
	right := testkit.Code(t, key, 0)
	guesses := testkit.Wrong(t, key, 0, 10)
	for i, guess := range guesses {
		n := i + 1
		accepted(t, k, "1", guess, false)
		recorded(t, k, token.Wrong)
		failures(t, k, "1", n)
		if n < 3 {
			continue
		}
		wait := time.Second << (n - 3)
		retry := k.Token(t, "1").Condition.RetryAt
		if got := retry.Sub(k.Clock.Now()); got != wait {
			t.Errorf("after %d failures the wait is %v, want %v", n, got, wait)
		}
		if n == 10 {
			break
		}
		k.Clock.Advance(wait - time.Millisecond)
		accepted(t, k, "1", right, false)
		recorded(t, k, token.Delayed)
		accepted(t, k, "1", guess, false)
		recorded(t, k, token.Delayed)
		failures(t, k, "1", n)
		if got := k.Token(t, "1").Condition.RetryAt; !got.Equal(retry) {
			t.Errorf("a try during the delay moved its end from %v to %v", retry, got)
		}
		k.Clock.Advance(time.Millisecond)
	}
	k.Clock.Advance(365 * 24 * time.Hour)
	accepted(t, k, "1", right, false)
	recorded(t, k, token.Locked)
	next(t, k, "1", 0)
	k.Unlock(t, "1")
	accepted(t, k, "1", right, true)
	failures(t, k, "1", 0)
	next(t, k, "1", 1)
}

// The right code at the end of a delay is accepted and starts the count afresh.
func TestSuccessEndsFailures(t *testing.T) {
	t.Parallel()
	key, other := testkit.HOTP("1"), testkit.HOTP("2")
	k := kit(t, key, other)
	for _, guess := range testkit.Wrong(t, key, 0, 4) {
		accepted(t, k, "1", guess, false)
		k.Clock.Advance(time.Second)
	}
	accepted(t, k, "2", testkit.Wrong(t, other, 0, 1)[0], false)
	k.Clock.Advance(time.Second)
	accepted(t, k, "1", testkit.Code(t, key, 0), true)
	c := k.Token(t, "1").Condition
	if c.Failures != 0 || !c.RetryAt.IsZero() {
		t.Errorf("after a right code: %+v", c)
	}
	failures(t, k, "2", 1)
	accepted(t, k, "1", testkit.Wrong(t, key, 0, 1)[0], false)
	failures(t, k, "1", 1)
}

// holder makes a user with tokens of these keys.
func holder(t *testing.T, keys ...*pskc.Key) *testkit.Kit {
	t.Helper()
	k := kit(t, keys...)
	k.User(t, "anna")
	for _, key := range keys {
		k.Assign(t, key.Serial, "anna")
	}
	return k
}

func byUser(t *testing.T, k *testkit.Kit, otp string, want bool) {
	t.Helper()
	if got := k.VerifyUser(t, "anna", otp); got != want {
		t.Errorf("verify by user: %v, want %v (log: %s)", got, want, k.LastEntry(t).Raw)
	}
}

func userFailures(t *testing.T, k *testkit.Kit, want int) {
	t.Helper()
	if got := k.FindUser(t, "anna").Failures; got != want {
		t.Errorf("the user has %d failures, want %d", got, want)
	}
}

// noneOf gives n codes that none of the keys shows.
func noneOf(t *testing.T, n int, keys ...*pskc.Key) (typed []string) {
	t.Helper()
	count := map[string]int{}
	for _, key := range keys {
		near := uint64(0)
		if key.Kind == pskc.TOTP {
			near = testkit.Step(t, key, testkit.Start)
		}
		for _, c := range testkit.Wrong(t, key, near, n+50) {
			if count[c]++; count[c] == len(keys) && len(typed) < n {
				typed = append(typed, c)
			}
		}
	}
	return typed
}

// Under a user's name a wrong code is one failure of the user and of each
// token that it was compared with; the right one resets the user and the token
// it is for.
func TestUserFailures(t *testing.T) {
	t.Parallel()
	h, tt, o := testkit.HOTP("h"), testkit.TOTP("t"), testkit.OCRA("o")
	eight := testkit.Digits(testkit.HOTP("8"), 8)
	k := holder(t, h, tt, eight, o)
	guesses := noneOf(t, 2, h, tt)
	for _, g := range guesses {
		byUser(t, k, g, false)
		recorded(t, k, token.Wrong)
	}
	for serial, want := range map[string]int{"h": 2, "t": 2, "8": 0, "o": 0} {
		failures(t, k, serial, want)
	}
	userFailures(t, k, 2)
	byUser(t, k, testkit.Code(t, h, 0), true)
	failures(t, k, "h", 0)
	failures(t, k, "t", 2)
	userFailures(t, k, 0)
	byUser(t, k, testkit.Code(t, tt, now(t, k, tt)), true)
	failures(t, k, "t", 0)
	if e := k.LastEntry(t); e.Subject["serial"] != "t" || e.Subject["user"] != "anna" {
		t.Errorf("the log names %v, want token t of anna", e.Subject)
	}
}

// Failures of one token must not keep another of the user from working, but
// those of the user do.
func TestUserLock(t *testing.T) {
	t.Parallel()
	a, b := testkit.HOTP("a"), testkit.HOTP("b")
	k := holder(t, a, b)
	for _, guess := range testkit.Wrong(t, a, 0, 10) {
		accepted(t, k, "a", guess, false)
		k.Clock.Advance(time.Hour)
	}
	userFailures(t, k, 0)
	byUser(t, k, testkit.Code(t, b, 0), true)
	k.Unlock(t, "a")

	for i, guess := range noneOf(t, 10, a, b) {
		byUser(t, k, guess, false)
		userFailures(t, k, i+1)
		failures(t, k, "a", i+1)
		if i >= 2 && i < 9 {
			byUser(t, k, testkit.Code(t, a, 0), false)
			recorded(t, k, token.UserDelayed)
			userFailures(t, k, i+1)
		}
		k.Clock.Advance(time.Hour)
	}
	k.Unlock(t, "a")
	byUser(t, k, testkit.Code(t, a, 0), false)
	recorded(t, k, token.UserLocked)
	next(t, k, "a", 0)
	accepted(t, k, "a", testkit.Code(t, a, 0), true)
	userFailures(t, k, 10)
	if _, err := k.Users.Unlock(t.Context(), "anna", testkit.Origin); err != nil {
		t.Fatal(err)
	}
	byUser(t, k, testkit.Code(t, a, 1), true)
	byUser(t, k, testkit.Code(t, b, 1), true) // b was locked, and was unlocked with its user
}

// A locked token of a user counts nothing and hides no other.
func TestUserWithLockedToken(t *testing.T) {
	t.Parallel()
	a, b := testkit.HOTP("a"), testkit.HOTP("b")
	k := holder(t, a, b)
	k.SetState(t, "a", token.RevokedLost)
	byUser(t, k, testkit.Code(t, a, 0), false)
	failures(t, k, "a", 0)
	failures(t, k, "b", 1)
	userFailures(t, k, 1)
	byUser(t, k, testkit.Code(t, b, 0), true)
}

func TestTokensOfOthersNeverMatch(t *testing.T) {
	t.Parallel()
	mine, theirs, free := testkit.HOTP("mine"), testkit.HOTP("theirs"), testkit.HOTP("free")
	k := kit(t, mine, theirs, free)
	k.User(t, "anna")
	k.User(t, "bert")
	k.Assign(t, "mine", "anna")
	k.Assign(t, "theirs", "bert")
	for _, key := range []*pskc.Key{theirs, free} {
		byUser(t, k, testkit.Code(t, key, 0), false)
		recorded(t, k, token.Wrong)
		next(t, k, key.Serial, 0)
		failures(t, k, key.Serial, 0)
	}
	// What is reassigned counts for its new owner only.
	if _, err := k.Lifecycle.Unassign(t.Context(), selector("mine"), testkit.Origin); err != nil {
		t.Fatal(err)
	}
	k.Assign(t, "mine", "bert")
	byUser(t, k, testkit.Code(t, mine, 0), false)
	recorded(t, k, token.Unassigned)
	if !k.VerifyUser(t, "bert", testkit.Code(t, mine, 0)) {
		t.Error("the new owner is refused")
	}
}

// Two records of one secret take a code together, once.
func TestTwoTokensOfOneSecret(t *testing.T) {
	t.Parallel()
	a, b := testkit.HOTP("a"), testkit.HOTP("b")
	b.Secret = a.Secret
	k := holder(t, a, b)
	byUser(t, k, testkit.Code(t, a, 3), true)
	next(t, k, "a", 4)
	next(t, k, "b", 4)
	byUser(t, k, testkit.Code(t, a, 3), false)
	accepted(t, k, "a", testkit.Code(t, a, 3), false)
	accepted(t, k, "b", testkit.Code(t, a, 3), false)
	byUser(t, k, testkit.Code(t, a, 4), true)
}

// Only a login counts as use.
func TestLastUsed(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := kit(t, key)
	check := codes.Request{Lookup: lookup("1"), OTP: testkit.Code(t, key, 0), Origin: testkit.Origin}
	if !k.Present(t, check) {
		t.Fatal("refused")
	}
	if at := k.Token(t, "1").Condition.LastUsed; !at.IsZero() {
		t.Errorf("an administrator's check set the last use to %v", at)
	}
	if e := k.LastEntry(t); e.After["authentication"] != "false" {
		t.Errorf("the log does not say that it was a check: %s", e.Raw)
	}
	accepted(t, k, "1", testkit.Code(t, key, 1), true)
	if at := k.Token(t, "1").Condition.LastUsed; !at.Equal(testkit.Start) {
		t.Errorf("last used %v, want %v", at, testkit.Start)
	}
	k.Clock.Advance(time.Hour)
	check.OTP = testkit.Code(t, key, 2)
	if !k.Present(t, check) {
		t.Fatal("refused")
	}
	accepted(t, k, "1", testkit.Wrong(t, key, 0, 1)[0], false)
	if at := k.Token(t, "1").Condition.LastUsed; !at.Equal(testkit.Start) {
		t.Errorf("last used moved to %v without a login", at)
	}
}
