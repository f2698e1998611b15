package token

import (
	"testing"
	"time"
)

// Each field is its own: one that is set stays, one that is not comes from the other.
func TestActivationLimitsFallBackByField(t *testing.T) {
	t.Parallel()
	server := ActivationLimits{Expiry: time.Hour, Tries: 1, Window: 2 * time.Hour, Successes: 2, Failures: 3,
		Interval: 3 * time.Hour}
	own := ActivationLimits{Expiry: 4 * time.Hour, Tries: 4, Window: 5 * time.Hour, Successes: 5, Failures: 6,
		Interval: 6 * time.Hour}
	if got := (ActivationLimits{}).Or(server); got != server {
		t.Errorf("nothing is set: %+v", got)
	}
	if got := own.Or(server); got != own {
		t.Errorf("all is set: %+v", got)
	}
	odd := own
	odd.Expiry, odd.Window, odd.Failures = 0, 0, 0
	want := ActivationLimits{Expiry: time.Hour, Tries: 4, Window: 2 * time.Hour, Successes: 5, Failures: 3,
		Interval: 6 * time.Hour}
	if got := odd.Or(server); got != want {
		t.Errorf("half is set: %+v", got)
	}
}
