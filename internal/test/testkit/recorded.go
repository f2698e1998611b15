package testkit

import (
	"fmt"
	"testing"

	"ostiary/internal/core/audit"
)

// Recorded demands that the log holds exactly one entry of an action from place
// from on, made by somebody, and that it says what is wanted: outcome, reason,
// subject, and the values before and after, as in
//
//	done "cancelled" map[serial:1 type:hotp] map[] map[run:7]
func (k *Kit) Recorded(t testing.TB, from int64, action audit.Action, want string) {
	t.Helper()
	var got []string
	for _, e := range k.Log(t, from) {
		if e.Action != string(action) {
			continue
		}
		if e.Actor == "" || e.Time == "" {
			t.Errorf("an entry of nobody, or of no time: %s", e.Raw)
		}
		got = append(got, fmt.Sprintf("%s %q %v %v %v", e.Outcome, e.Reason, e.Subject, e.Before, e.After))
	}
	if len(got) != 1 || got[0] != want {
		t.Errorf("the log says of %s:\n%q, want\n%q", action, got, want)
	}
}
