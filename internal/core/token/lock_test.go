package token

import (
	"testing"
	"time"
)

// A lock that ends is over with its delay, not before; one that does not end holds
// whatever the delay was. Fewer wrong codes never lock.
func TestLockHolds(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		failures      int
		retryAt       time.Time
		forGood, ends bool // what such a lock says
	}{
		{9, now.Add(time.Hour), false, false},
		{10, now.Add(time.Hour), true, true},
		{10, now.Add(1), true, true},
		{10, now, true, false},
		{10, time.Time{}, true, false},
		{11, now.Add(-time.Hour), true, false},
	} {
		for lock, want := range map[Lock]bool{{Limit: 10}: tt.forGood, {Limit: 10, Ends: true}: tt.ends} {
			if got := lock.Holds(tt.failures, tt.retryAt, now); got != want {
				t.Errorf("%+v of %+v: %v, want %v", lock, tt, got, want)
			}
		}
	}
	c := Condition{Failures: 10, RetryAt: now.Add(time.Hour)}
	for at, want := range map[time.Time]Reason{now: Locked, now.Add(time.Hour): NoReason} {
		if got := c.Refusal(at, Lock{Limit: 10, Ends: true}); got != want {
			t.Errorf("at %s: %q, want %q", at, got, want)
		}
	}
}
