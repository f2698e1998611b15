package api

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"ostiary/internal/core/fault"
)

const (
	browseSlots  = 2                // lists that are made at a time
	browseOfOne  = 2                // of one caller
	browseQueued = 16               // of one caller, those that wait included
	browseWait   = 5 * time.Second  // how long one waits for its turn
	browseLimit  = 10 * time.Second // how long one may take
	browseRest   = 12               // while codes are decided: so many times as long as it took
	browseBeside = time.Millisecond // what one takes outside of its turn: to be asked for and written
	browseQuiet  = time.Second      // how long after the last code none are decided any more
)

// browsing lets lists and searches take turns, so that they leave the server to those
// who log in. A caller has few turns at a time; what goes beyond waits, and is refused
// when it waits too long or too many do.
//
// While codes are decided, a list keeps its turn a while longer than it takes: lists
// then have one part of the time in thirteen in each of the slots, however many ask for
// them. That holds for a short list, too, during which no code happened to be decided.
type browsing struct {
	slots   chan struct{}
	decided *atomic.Int64 // codes so far

	mu      sync.Mutex
	callers map[string]*turns
	seen    int64     // codes that were decided when it was looked at last
	busy    time.Time // when there were more than before
}

type turns struct {
	slots chan struct{}
	n     int
}

func newBrowsing(decided *atomic.Int64) *browsing {
	return &browsing{slots: make(chan struct{}, browseSlots), decided: decided, callers: map[string]*turns{}}
}

// browse makes an operation one of those that take turns.
func browse[I, O any](a *API, do func(context.Context, caller, *I) (*O, error)) func(context.Context, caller, *I) (
	*O, error) {
	return func(ctx context.Context, c caller, in *I) (out *O, err error) {
		err = a.Turn(ctx, c.principal, func(ctx context.Context) error {
			out, err = do(ctx, c, in)
			return err
		})
		return out, err
	}
}

func (b *browsing) turn(ctx context.Context, caller string, do func(context.Context) error) error {
	own, ok := b.enter(caller)
	defer b.leave(caller, own)
	if !ok {
		return tooMany()
	}
	wait, cancel := context.WithTimeout(ctx, browseWait)
	defer cancel()
	for _, slots := range []chan struct{}{own.slots, b.slots} {
		select {
		case slots <- struct{}{}:
		case <-wait.Done():
			if slots == b.slots {
				<-own.slots
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return tooMany()
		}
	}
	defer func() { <-own.slots }()
	return b.within(ctx, do)
}

// within runs do in a slot, for so long at most, and gives the slot back after a rest.
func (b *browsing) within(ctx context.Context, do func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, browseLimit)
	defer cancel()
	begun := time.Now()
	defer func() {
		if !b.codes() {
			<-b.slots
			return
		}
		time.AfterFunc(browseRest*(time.Since(begun)+browseBeside), func() { <-b.slots })
	}()
	err := do(limited)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return fault.New(fault.Unavailable, "search_too_long",
			fmt.Sprintf("The search was stopped after %s: it must read too much.", browseLimit)).
			WithHint("Narrow it down: by a serial, a user, an action, or dates.").Because(
			errors.Join(err, limited.Err()))
	}
	return err
}

// codes tells whether codes are being decided.
func (b *browsing) codes() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := b.decided.Load(); n != b.seen {
		b.seen, b.busy = n, time.Now()
	}
	return time.Since(b.busy) < browseQuiet
}

func tooMany() error {
	return fault.New(fault.Throttled, "too_many_searches",
		fmt.Sprintf("Too many lists and searches at once: %d of one caller can run at a time.", browseOfOne)).
		WithHint("Wait for the answers before you send more.")
}

// enter counts a caller in; ok is false if too many are in.
func (b *browsing) enter(caller string) (t *turns, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t = b.callers[caller]
	if t == nil {
		t = &turns{slots: make(chan struct{}, browseOfOne)}
		b.callers[caller] = t
	}
	t.n++
	return t, t.n <= browseQueued
}

func (b *browsing) leave(caller string, t *turns) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t.n--; t.n == 0 {
		delete(b.callers, caller)
	}
}
