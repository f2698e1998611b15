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

// While codes are decided, a turn ends later than its list: also when the list was so
// short that none was decided meanwhile.
func TestListsRestWhileCodesAreDecided(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var decided atomic.Int64
		b := newBrowsing(&decided)
		list := func() time.Duration {
			begun := time.Now()
			for range browseSlots + 1 {
				if err := b.turn(t.Context(), "a", func(context.Context) error {
					time.Sleep(100 * time.Millisecond)
					return nil
				}); err != nil {
					t.Fatal(err)
				}
			}
			return time.Since(begun)
		}
		if took := list(); took != 300*time.Millisecond {
			t.Errorf("without codes three lists took %v", took)
		}
		// The third waits for the first turn to come back: it ended after 100 ms and rests.
		const rested = 100*time.Millisecond + browseRest*(100*time.Millisecond+browseBeside) + 100*time.Millisecond
		decided.Add(1)
		if took := list(); took != rested {
			t.Errorf("with codes three lists took %v, want %v", took, rested)
		}
		time.Sleep(time.Minute)
		if took := list(); took != 300*time.Millisecond {
			t.Errorf("a minute after the last code three lists took %v", took)
		}
	})
}
