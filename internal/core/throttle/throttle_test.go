package throttle

import (
	"fmt"
	"testing"
	"time"
)

func TestThrottle(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	th := New(3, 6) // one in ten seconds after the first three
	for i := range 3 {
		if th.Exhausted("a", now) {
			t.Fatalf("exhausted after %d", i)
		}
		th.Spend("a", now)
	}
	if !th.Exhausted("a", now) || th.Exhausted("b", now) {
		t.Error("three are spent, by one caller alone")
	}
	th.Spend("a", now) // does not make debts
	if th.Exhausted("a", now.Add(9*time.Second)) == false || th.Exhausted("a", now.Add(10*time.Second)) {
		t.Error("one comes back after ten seconds")
	}
	for i := range callers {
		th.Spend(fmt.Sprint("other ", i), now)
	}
	if th.Exhausted("a", now) {
		t.Error("more callers are remembered than there is room for")
	}
}
