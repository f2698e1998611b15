package codes_test

import (
	"sync"
	"testing"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/engine/codes"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// ending is a kit whose locks end after half an hour.
func ending(t *testing.T, keys ...*pskc.Key) *testkit.Kit {
	t.Helper()
	k := holder(t, keys...)
	k.Engine = k.NewEngine(t, k.DB, codes.Policy{FirstLock: 30 * time.Minute})
	return k
}

// A lock ends by itself. Then one code is tried: a wrong one locks for twice as long, up
// to a day, and a right one sets the count to zero. Nothing is tested while a lock holds.
func TestLockEnds(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := ending(t, key)
	right, guess := testkit.Code(t, key, 0), testkit.Wrong(t, key, 0, 1)[0]
	for range 10 {
		accepted(t, k, "1", guess, false)
		recorded(t, k, token.Wrong)
		if k.Token(t, "1").Condition.Failures < 10 {
			k.Clock.Advance(64 * time.Second)
		}
	}
	for i, hours := range []float64{0.5, 1, 2, 4, 8, 16, 24, 24, 24} {
		lock := time.Duration(hours * float64(time.Hour))
		if got := k.Token(t, "1").Condition.RetryAt.Sub(k.Clock.Now()); got != lock {
			t.Errorf("lock %d lasts %s, want %s", i, got, lock)
		}
		for _, otp := range []string{right, guess} {
			accepted(t, k, "1", otp, false)
			recorded(t, k, token.Locked)
		}
		k.Clock.Advance(lock - time.Millisecond)
		accepted(t, k, "1", right, false)
		recorded(t, k, token.Locked)
		failures(t, k, "1", 10+i)
		k.Clock.Advance(time.Millisecond)
		accepted(t, k, "1", guess, false)
		recorded(t, k, token.Wrong)
		failures(t, k, "1", 11+i)
	}
	k.Clock.Advance(24 * time.Hour)
	accepted(t, k, "1", right, true)
	failures(t, k, "1", 0)
	next(t, k, "1", 1)
}

// What wrong codes under a user's name have locked, the user and each token that was
// tried, ends together; the user's own right code then works at once.
func TestLocksOfAUserEndTogether(t *testing.T) {
	t.Parallel()
	a, b := testkit.HOTP("a"), testkit.HOTP("b")
	k := ending(t, a, b)
	for range 10 {
		byUser(t, k, noneOf(t, 1, a, b)[0], false)
		if k.Token(t, "a").Condition.Failures < 10 {
			k.Clock.Advance(64 * time.Second)
		}
	}
	byUser(t, k, testkit.Code(t, a, 0), false)
	recorded(t, k, token.UserLocked)
	accepted(t, k, "b", testkit.Code(t, b, 0), false)
	recorded(t, k, token.Locked)
	k.Clock.Advance(30 * time.Minute)
	byUser(t, k, testkit.Code(t, a, 0), true)
	userFailures(t, k, 0)
	byUser(t, k, testkit.Code(t, b, 0), true)
}

// Of many guesses that wait for a lock to end one is tested; the lock that follows
// refuses the others.
func TestParallelGuessesAsALockEnds(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := ending(t, key)
	for _, guess := range testkit.Wrong(t, key, 0, 10) {
		accepted(t, k, "1", guess, false)
		if k.Token(t, "1").Condition.Failures < 10 {
			k.Clock.Advance(64 * time.Second)
		}
	}
	k.Clock.Advance(30 * time.Minute)
	size := k.LogSize(t)
	var all sync.WaitGroup
	for _, guess := range testkit.Wrong(t, key, 0, 64) {
		all.Go(func() {
			if k.Present(t, codes.Request{Lookup: store.Lookup{Serial: "1"}, OTP: guess}) {
				t.Error("a wrong code is accepted")
			}
		})
	}
	all.Wait()
	failures(t, k, "1", 11)
	reasons := map[string]int{}
	for _, e := range k.Log(t, size) {
		reasons[e.Reason]++
	}
	if reasons[string(token.Wrong)] != 1 || reasons[string(token.Locked)] < 1 {
		t.Errorf("the log has %v", reasons)
	}
}

// A lock that a clock of the future began holds nobody for longer than a lock can.
func TestLockOfAClockPutForward(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := ending(t, key)
	k.Clock.Advance(30 * 24 * time.Hour)
	for _, guess := range testkit.Wrong(t, key, 0, 10) {
		accepted(t, k, "1", guess, false)
		if k.Token(t, "1").Condition.Failures < 10 {
			k.Clock.Advance(64 * time.Second)
		}
	}
	k.Clock.Advance(-30 * 24 * time.Hour)
	if c := k.Token(t, "1").Condition; k.Engine.Locked(c.Failures, c.RetryAt) {
		t.Error("it is said to be locked")
	}
	accepted(t, k, "1", testkit.Code(t, key, 0), true)
}

// A delay of a second that was written by a clock an hour ahead is over in a minute or
// two; a clock that is set back a little ends no lock.
func TestDelaysAndTheClock(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := ending(t, key)
	k.Clock.Advance(time.Hour)
	for _, guess := range testkit.Wrong(t, key, 0, 3) {
		accepted(t, k, "1", guess, false)
	}
	k.Clock.Advance(-time.Hour)
	accepted(t, k, "1", testkit.Code(t, key, 0), true)
	for _, guess := range testkit.Wrong(t, key, 1, 10) {
		accepted(t, k, "1", guess, false)
		if k.Token(t, "1").Condition.Failures < 10 {
			k.Clock.Advance(64 * time.Second)
		}
	}
	k.Clock.Advance(-10 * time.Second)
	accepted(t, k, "1", testkit.Code(t, key, 1), false)
	recorded(t, k, token.Locked)
	if c := k.Token(t, "1").Condition; !k.Engine.Locked(c.Failures, c.RetryAt) {
		t.Error("it is not said to be locked")
	}
}

func TestLockPolicy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		policy codes.Policy
		ok     bool
	}{
		{codes.Policy{}, true},
		{codes.Policy{FirstLock: time.Minute}, true},
		{codes.Policy{FirstLock: time.Minute, LongestLock: time.Minute}, true},
		{codes.Policy{FirstLock: 30 * 24 * time.Hour}, true},
		{codes.Policy{FirstLock: time.Second}, false},
		{codes.Policy{FirstLock: -time.Hour}, false},
		{codes.Policy{FirstLock: time.Hour, LongestLock: 31 * 24 * time.Hour}, false},
	} {
		if err := tt.policy.Check(); (err == nil) != tt.ok {
			t.Errorf("%+v: %v", tt.policy, err)
		}
	}
}
