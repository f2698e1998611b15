package api

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ostiary/internal/core/fault"
)

func code(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Code
	}
	return ""
}

// One caller has two lists made at a time, all callers together two, and whoever waits
// too long is told so.
func TestListsTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var decided atomic.Int64
		b := newBrowsing(&decided)
		var running, most atomic.Int64
		var wg sync.WaitGroup
		refused := map[string]int{}
		var mu sync.Mutex
		for i := range 40 {
			wg.Go(func() {
				err := b.turn(t.Context(), []string{"greedy", "greedy", "greedy", "modest"}[i%4],
					func(context.Context) error {
						n := running.Add(1)
						for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
						}
						time.Sleep(time.Second)
						running.Add(-1)
						return nil
					})
				mu.Lock()
				defer mu.Unlock()
				refused[code(err)]++
			})
		}
		wg.Wait()
		if most.Load() != browseSlots {
			t.Errorf("%d at a time, want %d", most.Load(), browseSlots)
		}
		// Five seconds of turns, two a second, and those that were under way.
		if refused["too_many_searches"] < 25 || refused[""] < 10 || refused["too_many_searches"]+refused[""] != 40 {
			t.Errorf("answers: %v", refused)
		}
		if len(b.callers) != 0 || len(b.slots) != 0 {
			t.Errorf("left behind: %d callers, %d turns", len(b.callers), len(b.slots))
		}
	})
}

// A list that takes too long is ended, and the answer says so.
func TestAListThatTakesTooLongIsEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var decided atomic.Int64
		b := newBrowsing(&decided)
		begun := time.Now()
		err := b.turn(t.Context(), "a", func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		if code(err) != "search_too_long" || time.Since(begun) != browseLimit {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		// Of a client that went away, that is what is said.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err = b.turn(ctx, "a", func(ctx context.Context) error { return ctx.Err() })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("a client that went away: %v", err)
		}
	})
}

// While codes are decided, a turn ends later than its list.
func TestListsRestWhileCodesAreDecided(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var decided atomic.Int64
		b := newBrowsing(&decided)
		list := func(codes int64) time.Duration {
			begun := time.Now()
			for range browseSlots + 1 {
				if err := b.turn(t.Context(), "a", func(context.Context) error {
					decided.Add(codes)
					time.Sleep(100 * time.Millisecond)
					return nil
				}); err != nil {
					t.Fatal(err)
				}
			}
			return time.Since(begun)
		}
		if took := list(0); took != 300*time.Millisecond {
			t.Errorf("without codes three lists took %v", took)
		}
		// The third waits for the first turn to come back: it ended after 100 ms and rests for 800.
		if took := list(1); took != 1000*time.Millisecond {
			t.Errorf("with codes three lists took %v", took)
		}
		time.Sleep(time.Minute)
	})
}
