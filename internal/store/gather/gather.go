// Package gather lets questions that wait be asked together.
package gather

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"ostiary/internal/store"
)

// most bounds how many questions a round has, so that nobody waits long for others.
const most = 128

// Rounds answers questions in rounds. One that comes while no round is under way is asked
// at once, alone; those that come during a round are the next one. So a question is never
// answered by what was read before it came.
//
// A round has no caller's context: it ends early only when all its callers have gone.
type Rounds[Q, A any] struct {
	ask func(context.Context, []Q) ([]A, error)

	mu      sync.Mutex
	running bool
	waiting []*caller[Q, A]
}

// New gives rounds of what ask answers, question by question.
func New[Q, A any](ask func(context.Context, []Q) ([]A, error)) *Rounds[Q, A] {
	return &Rounds[Q, A]{ask: ask}
}

// caller is one who waits.
type caller[Q, A any] struct {
	question Q
	round    *round // that asks it; nil before
	gone     bool
	answer   A
	err      error
	answered chan struct{}
}

// round is one under way.
type round struct {
	callers int // that have not gone
	cancel  context.CancelFunc
}

// Ask answers a question, or gives the error of ctx as soon as it ends.
func (r *Rounds[Q, A]) Ask(ctx context.Context, q Q) (a A, err error) {
	if err := ctx.Err(); err != nil {
		return a, err
	}
	c := &caller[Q, A]{question: q, answered: make(chan struct{})}
	r.mu.Lock()
	r.waiting = append(r.waiting, c)
	if !r.running {
		r.running = true
		go r.run()
	}
	r.mu.Unlock()
	select {
	case <-c.answered:
		return c.answer, c.err
	case <-ctx.Done():
		r.leave(c)
		return a, ctx.Err()
	}
}

func (r *Rounds[Q, A]) leave(c *caller[Q, A]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.gone = true
	if c.round == nil {
		return
	}
	if c.round.callers--; c.round.callers == 0 {
		c.round.cancel()
	}
}

// run has one round after the other until nobody waits.
func (r *Rounds[Q, A]) run() {
	for {
		ctx, cancel := context.WithCancel(context.Background())
		callers := r.next(cancel)
		if callers != nil {
			r.answer(ctx, callers)
		}
		cancel()
		if callers == nil {
			return
		}
	}
}

// next takes those who wait into a round. It gives none when nobody does, and run ends.
func (r *Rounds[Q, A]) next(cancel context.CancelFunc) (callers []*caller[Q, A]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	begun := &round{cancel: cancel}
	for len(r.waiting) > 0 && begun.callers < most {
		c := r.waiting[0]
		r.waiting[0] = nil
		r.waiting = r.waiting[1:]
		if c.gone {
			continue
		}
		c.round = begun
		begun.callers++
		callers = append(callers, c)
	}
	r.running = callers != nil
	return callers
}

// answer asks for all at once. If that fails, each is asked for alone, so that one
// question's trouble is not another's; but once the database does not answer, nobody
// waits for it again.
func (r *Rounds[Q, A]) answer(ctx context.Context, callers []*caller[Q, A]) {
	err := r.try(ctx, callers)
	alone := err != nil && len(callers) > 1
	for i, c := range callers {
		if alone && !errors.Is(err, store.ErrUnavailable) {
			err = r.try(ctx, callers[i:i+1])
		}
		c.err = err
		close(c.answered)
	}
}

// try asks, and keeps the answers.
func (r *Rounds[Q, A]) try(ctx context.Context, callers []*caller[Q, A]) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic in a lookup: %v", v)
		}
	}()
	questions := make([]Q, len(callers))
	for i, c := range callers {
		questions[i] = c.question
	}
	answers, err := r.ask(ctx, questions)
	if err != nil {
		return err
	}
	for i, c := range callers {
		c.answer = answers[i]
	}
	return nil
}
