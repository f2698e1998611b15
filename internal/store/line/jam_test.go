package line

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"

	"ostiary/internal/store"
)

var errHangs = errors.New("the commit of the test hangs")

// hung is a writer whose commit hangs until it is told how it ends.
type hung struct {
	inside chan struct{}
	end    chan error
	again  bool // the update runs once more before it ends, as after a serialization failure
	ran    []error
}

func (h *hung) Decide([]*Job) error {
	close(h.inside)
	return <-h.end
}

func (*hung) Lost(error) bool        { return true }
func (*hung) Failed(err error) error { return err }

func (h *hung) Update(_ context.Context, fn func(store.Tx) error) error {
	h.ran = append(h.ran, fn(nil))
	if len(h.ran) > 1 {
		return h.ran[1]
	}
	close(h.inside)
	err := <-h.end
	if h.again {
		h.ran = append(h.ran, fn(nil))
	}
	return err
}

// What stands behind a commit that hangs is given back undone, and so is what comes; who
// waits for the commit itself learns nothing of its outcome.
func TestCommitThatHangs(t *testing.T) {
	t.Parallel()
	h := &hung{inside: make(chan struct{}), end: make(chan error)}
	l := Start(h)
	attempt := func(name string) chan error {
		done := make(chan error, 1)
		go func() {
			o, err := l.Attempt(t.Context(), store.Attempt{QuietFor: name})
			if o.Verdict == store.Accepted {
				t.Errorf("%s was accepted", name)
			}
			done <- err
		}()
		return done
	}
	first := attempt("first")
	<-h.inside
	second := attempt("second")
	for l.Waiting() == 0 {
		runtime.Gosched()
	}
	l.Jam(errHangs)
	if err := <-second; !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, errHangs) {
		t.Errorf("behind it: %v", err)
	}
	if err := <-attempt("third"); !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, errHangs) {
		t.Errorf("meanwhile: %v", err)
	}
	select {
	case err := <-first:
		t.Fatalf("the commit goes on, and its caller is told %v", err)
	default:
	}
	l.LetGo()
	if err := <-first; !errors.Is(err, store.ErrUncertain) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("the commit itself: %v", err)
	}
	h.inside = make(chan struct{})
	h.end <- nil
	l.Flow()
	fourth := attempt("fourth")
	<-h.inside
	l.LetGo() // of nobody: it does not hang
	h.end <- errLost
	if err := <-fourth; !errors.Is(err, errLost) {
		t.Errorf("afterwards: %v", err)
	}
	l.Stop()
}

// An update of somebody who was let go is not run again, and one that had not begun never
// runs.
func TestUpdateOfNobody(t *testing.T) {
	t.Parallel()
	h := &hung{inside: make(chan struct{}), end: make(chan error), again: true}
	l := Start(h)
	runs := 0
	done := make(chan error)
	go func() { done <- l.Update(t.Context(), func(store.Tx) error { runs++; return nil }) }()
	<-h.inside
	l.Jam(errHangs)
	l.LetGo()
	if err := <-done; !errors.Is(err, store.ErrUncertain) {
		t.Errorf("the update: %v", err)
	}
	h.end <- errLost
	l.Stop()
	if runs != 1 || len(h.ran) != 2 || !errors.Is(h.ran[1], store.ErrUnavailable) {
		t.Errorf("%d runs, of which the second said %v", runs, h.ran)
	}
	j := &Job{update: func(store.Tx) error { return nil }}
	if err := j.leave(); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUncertain) {
		t.Errorf("one that had not begun: %v", err)
	}
	if err := j.run(nil); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("it runs for nobody: %v", err)
	}
}

// A line that is full does not keep those who hand over their jobs, nor who tells it.
func TestFullLineIsGivenBack(t *testing.T) {
	t.Parallel()
	h := &hung{inside: make(chan struct{}), end: make(chan error)}
	l := Start(h)
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = l.Attempt(t.Context(), store.Attempt{}) })
	<-h.inside
	for range length + 10 {
		wg.Go(func() {
			if _, err := l.Attempt(t.Context(), store.Attempt{}); !errors.Is(err, errHangs) {
				t.Errorf("in the line: %v", err)
			}
		})
	}
	for l.Waiting() < length {
		runtime.Gosched()
	}
	l.Jam(errHangs)
	h.end <- nil
	wg.Wait()
	l.Stop()
}
