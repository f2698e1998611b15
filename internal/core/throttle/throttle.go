// Package throttle counts what callers do too much of: a token bucket for each, of
// a bounded number of callers. A caller that is pushed out by newer ones begins anew.
package throttle

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"ostiary/internal/core/lru"
)

// callers bounds how many callers are remembered.
const callers = 4096

// Throttle is safe for concurrent use.
type Throttle struct {
	burst     int
	perMinute int

	mu      sync.Mutex
	buckets *lru.Cache[string, *rate.Limiter]
}

// New lets each caller spend burst at once, and perMinute from then on.
func New(burst, perMinute int) *Throttle {
	return &Throttle{burst: burst, perMinute: perMinute, buckets: lru.New[string, *rate.Limiter](callers, nil)}
}

func (t *Throttle) bucket(caller string) *rate.Limiter {
	t.mu.Lock()
	defer t.mu.Unlock()
	b, ok := t.buckets.Get(caller)
	if !ok {
		b = rate.NewLimiter(rate.Limit(float64(t.perMinute)/60), t.burst)
		t.buckets.Add(caller, b)
	}
	return b
}

// Exhausted reports whether a caller has nothing left to spend.
func (t *Throttle) Exhausted(caller string, now time.Time) bool {
	return t.bucket(caller).TokensAt(now) < 1
}

// Full reports whether a caller has spent nothing, or has it back.
func (t *Throttle) Full(caller string, now time.Time) bool {
	return t.bucket(caller).TokensAt(now) >= float64(t.burst)
}

// Spend takes one from what a caller has, if there is one.
func (t *Throttle) Spend(caller string, now time.Time) { t.bucket(caller).AllowN(now, 1) }
