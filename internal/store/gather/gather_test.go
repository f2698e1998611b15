package gather

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ostiary/internal/store"
)

// table answers questions with twice their number, and takes a second for each round.
type table struct {
	mu     sync.Mutex
	rounds [][]int
	ended  int // rounds whose context ended first
	fail   func([]int) error
}

func (t *table) ask(ctx context.Context, qs []int) (as []int, err error) {
	t.mu.Lock()
	t.rounds = append(t.rounds, slices.Sorted(slices.Values(qs)))
	t.mu.Unlock()
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		t.mu.Lock()
		t.ended++
		t.mu.Unlock()
		return nil, ctx.Err()
	}
	if t.fail != nil {
		if err := t.fail(qs); err != nil {
			return nil, err
		}
	}
	for _, q := range qs {
		as = append(as, 2*q)
	}
	return as, nil
}

// asked has questions asked at the same moment, after one is under way, and gives their
// errors.
func (t *table) asked(tb testing.TB, qs ...int) []error {
	r := New(t.ask)
	errs := make([]error, len(qs))
	var wg sync.WaitGroup
	for i, q := range qs {
		wg.Go(func() {
			a, err := r.Ask(tb.Context(), q)
			if errs[i] = err; err == nil && a != 2*q {
				tb.Errorf("%d is answered with %d", q, a)
			}
		})
		synctest.Wait()
	}
	wg.Wait()
	return errs
}

func (t *table) had(tb testing.TB, want string) {
	tb.Helper()
	if got := fmt.Sprint(t.rounds); got != want {
		tb.Errorf("rounds of %s, want %s", got, want)
	}
}

// One that comes alone is asked at once; those that come meanwhile are the next round.
func TestTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d table
		begun := time.Now()
		if err := errors.Join(d.asked(t, 1, 2, 3, 4)...); err != nil {
			t.Error(err)
		}
		d.had(t, "[[1] [2 3 4]]")
		if took := time.Since(begun); took != 2*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// Nobody waits for more than most others at a time.
func TestRoundsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d table
		if err := errors.Join(d.asked(t, slices.Repeat([]int{1}, most+3)...)...); err != nil {
			t.Error(err)
		}
		sizes := []int{}
		for _, r := range d.rounds {
			sizes = append(sizes, len(r))
		}
		if !slices.Equal(sizes, []int{1, most, 2}) {
			t.Errorf("rounds of %v", sizes)
		}
	})
}

// One question that cannot be answered fails alone.
func TestOneFailsAlone(t *testing.T) {
	t.Parallel()
	bad := errors.New("bad")
	for name, fail := range map[string]func(){"an error": nil, "a panic": func() { panic("bad") }} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := table{fail: func(qs []int) error {
					if !slices.Contains(qs, 3) {
						return nil
					}
					if fail != nil {
						fail()
					}
					return bad
				}}
				errs := d.asked(t, 1, 2, 3, 4)
				for i, err := range errs {
					if (err != nil) != (i == 2) {
						t.Errorf("question %d: %v", i+1, err)
					}
				}
				d.had(t, "[[1] [2 3 4] [2] [3] [4]]")
			})
		})
	}
}

// A database that does not answer is not asked again for each of those who wait.
func TestUnavailableFailsAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := table{fail: func([]int) error { return store.ErrUnavailable }}
		for i, err := range d.asked(t, 1, 2, 3, 4) {
			if !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("question %d: %v", i+1, err)
			}
		}
		d.had(t, "[[1] [2 3 4]]")
	})
}

func TestUnavailableLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := table{fail: func(qs []int) error {
			if len(qs) > 1 {
				return errors.New("bad")
			}
			if qs[0] == 3 {
				return store.ErrUnavailable
			}
			return nil
		}}
		errs := d.asked(t, 1, 2, 3, 4)
		if errs[1] != nil || !errors.Is(errs[2], store.ErrUnavailable) || !errors.Is(errs[3], store.ErrUnavailable) {
			t.Error(errs)
		}
		d.had(t, "[[1] [2 3 4] [2] [3]]")
	})
}

// Who leaves is answered at once and takes nobody along. A round that all have left ends,
// and who has left before it begins is not asked for.
func TestLeaving(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d table
		r := New(d.ask)
		var wg sync.WaitGroup
		begun := time.Now()
		ask := func(q int, patience, want time.Duration) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			wg.Go(func() {
				defer cancel()
				_, err := r.Ask(ctx, q)
				if took := time.Since(begun); took != want || (err == nil) != (want < patience) {
					t.Errorf("question %d: %v after %v, want it after %v", q, err, took, want)
				}
			})
			synctest.Wait()
		}
		const s, ms = time.Second, time.Millisecond
		ask(1, 100*ms, 100*ms) // alone: its round ends with it
		ask(2, 50*ms, 50*ms)   // leaves before its round
		ask(3, 500*ms, 500*ms) // leaves during it
		ask(4, 5*s, 1100*ms)
		wg.Wait()
		d.had(t, "[[1] [3 4]]")
		if d.ended != 1 {
			t.Errorf("%d rounds were ended", d.ended)
		}
	})
}

func TestCancelledBefore(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var d table
	if _, err := New(d.ask).Ask(ctx, 1); !errors.Is(err, context.Canceled) || len(d.rounds) > 0 {
		t.Errorf("%v, rounds %v", err, d.rounds)
	}
}
