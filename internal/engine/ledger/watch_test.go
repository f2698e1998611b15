package ledger

import (
	"testing"
	"time"
)

func TestNightComesOnceADay(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("elsewhere", 7200)
	for now, want := range map[time.Time]time.Duration{
		time.Date(2026, 3, 1, 2, 59, 0, 0, zone):   time.Minute,
		time.Date(2026, 3, 1, 3, 0, 0, 0, zone):    24 * time.Hour,
		time.Date(2026, 12, 31, 23, 0, 0, 0, zone): 4 * time.Hour,
	} {
		if got := untilNight(now); got != want {
			t.Errorf("at %s: %s, want %s", now, got, want)
		}
	}
}
