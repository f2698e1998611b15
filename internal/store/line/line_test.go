package line

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"

	"ostiary/internal/store"
)

var (
	errStatement = errors.New("a statement of the test fails")
	errLost      = errors.New("the connection of the test is lost")
)

// recorder is a writer that notes what it is given: the quiet caller of each attempt.
type recorder struct {
	mu      sync.Mutex
	batches []string
	worded  int
	fail    func(batch []*Job) error
	inside  chan struct{} // told when an update runs, which then waits for leave
	leave   chan struct{}
}

func (r *recorder) Decide(batch []*Job) error {
	names := []string{}
	for _, j := range batch {
		names = append(names, j.Attempt.QuietFor)
	}
	r.mu.Lock()
	r.batches = append(r.batches, fmt.Sprint(names))
	r.mu.Unlock()
	if r.fail != nil {
		if err := r.fail(batch); err != nil {
			return err
		}
	}
	for _, j := range batch {
		j.Outcome.Verdict = store.Accepted
	}
	return nil
}

func (r *recorder) Lost(err error) bool { return errors.Is(err, errLost) }

func (r *recorder) Failed(err error) error {
	r.worded++
	return fmt.Errorf("worded: %w", err)
}

func (r *recorder) Update(ctx context.Context, fn func(store.Tx) error) error {
	close(r.inside)
	<-r.leave
	return errors.Join(ctx.Err(), fn(nil))
}

// together puts attempts into the line while an update runs, and gives their errors. Callers
// named in gone leave meanwhile.
func (r *recorder) together(t *testing.T, gone string, names ...string) (errs []error, verdicts []store.Verdict) {
	t.Helper()
	r.inside, r.leave = make(chan struct{}), make(chan struct{})
	l := Start(r)
	defer l.Stop()
	var wg sync.WaitGroup
	leaving, left := context.WithCancel(t.Context())
	wg.Go(func() {
		if err := l.Update(leaving, func(store.Tx) error { return nil }); err != nil {
			t.Errorf("an update that has begun goes on: %v", err)
		}
	})
	<-r.inside
	errs, verdicts = make([]error, len(names)), make([]store.Verdict, len(names))
	for i, name := range names {
		ctx := t.Context()
		if name == gone {
			ctx = leaving
		}
		before := l.Waiting()
		wg.Go(func() {
			var o store.Outcome
			o, errs[i] = l.Attempt(ctx, store.Attempt{QuietFor: name})
			verdicts[i] = o.Verdict
		})
		for l.Waiting() == before {
			runtime.Gosched()
		}
	}
	left()
	close(r.leave)
	wg.Wait()
	return errs, verdicts
}

func (r *recorder) had(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(r.batches, want) {
		t.Errorf("batches %v, want %v", r.batches, want)
	}
}

// What waits is one batch, in its order; who has gone is not in it.
func TestBatch(t *testing.T) {
	t.Parallel()
	var r recorder
	errs, verdicts := r.together(t, "b", "a", "b", "c")
	r.had(t, "[a c]")
	if errs[0] != nil || errs[2] != nil || !errors.Is(errs[1], context.Canceled) ||
		verdicts[0] != store.Accepted || verdicts[1] == store.Accepted {
		t.Errorf("%v, %v", errs, verdicts)
	}
}

// One attempt whose statement fails is no trouble of the others.
func TestOneOfABatchFails(t *testing.T) {
	t.Parallel()
	r := recorder{fail: func(batch []*Job) error {
		for _, j := range batch {
			j.Outcome.Verdict = store.Accepted // before the commit, which does not come
			if j.Attempt.QuietFor == "b" {
				return errStatement
			}
		}
		return nil
	}}
	errs, verdicts := r.together(t, "", "a", "b", "c")
	r.had(t, "[a b c]", "[a]", "[b]", "[c]")
	if errs[0] != nil || errs[2] != nil || !errors.Is(errs[1], errStatement) || verdicts[1] == store.Accepted ||
		r.worded != 1 {
		t.Errorf("%v, %v, worded %d times", errs, verdicts, r.worded)
	}
}

// After a lost connection nothing is run again, and nobody was accepted.
func TestLostBatch(t *testing.T) {
	t.Parallel()
	r := recorder{fail: func(batch []*Job) error {
		batch[0].Outcome.Verdict = store.Accepted
		return errLost
	}}
	errs, verdicts := r.together(t, "", "a", "b")
	r.had(t, "[a b]")
	for i := range errs {
		if !errors.Is(errs[i], errLost) || verdicts[i] == store.Accepted {
			t.Errorf("%v, %v", errs, verdicts)
		}
	}
}

// What stands in the line is done at the end; what comes after it is refused.
func TestStop(t *testing.T) {
	t.Parallel()
	var r recorder
	l := Start(&r)
	ran := false
	if err := l.Between(func() error { ran = true; return nil }); err != nil || !ran {
		t.Errorf("between: %v", err)
	}
	l.Stop()
	l.Stop()
	if _, err := l.Attempt(t.Context(), store.Attempt{}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("after the end: %v", err)
	}
}
