package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"ostiary/internal/store"
	"ostiary/internal/store/tables"
)

// probeEvery is how often a database that takes no commits is tried again.
const probeEvery = time.Second

// health is how the last commit went. A database that answers reads and takes no
// commit can accept no code, so it is not ready.
type health struct {
	trouble atomic.Pointer[error] // nil while commits succeed
	synced  atomic.Pointer[error] // why the file could not be synced; nil while it can
	// report is told the trouble when the commits begin to fail, and nil when they
	// succeed again.
	report func(error)
}

// fails notes a commit that failed, with its cause.
func (h *health) fails(err error) {
	if h.trouble.Swap(&err) == nil && h.report != nil {
		h.report(err)
	}
}

// succeeds notes a commit.
func (h *health) succeeds() {
	if h.trouble.Load() != nil && h.trouble.Swap(nil) != nil && h.report != nil {
		h.report(nil)
	}
}

// breaks notes that a sync of the database file failed, for good: only a start can tell
// what is in the file, and the WAL is kept for it. It gives the error that all writes
// end with from now on.
func (h *health) breaks(err error) error {
	err = fmt.Errorf("%w: %w: sync of the database file, after which nothing is written until the server is started "+
		"again: %w", store.ErrUnavailable, store.ErrDisk, err)
	h.synced.CompareAndSwap(nil, &err)
	h.fails(err)
	return *h.synced.Load()
}

// broken gives the error of breaks, if it was called.
func (h *health) broken() error {
	if err := h.synced.Load(); err != nil {
		return *err
	}
	return nil
}

// noted notes what a transaction that failed says of the database, and gives its
// error back. What only the caller's function says is none of it.
func (h *health) noted(err error) error {
	if errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUncertain) {
		h.fails(err)
	}
	return err
}

// check gives the trouble of the last commit.
func (h *health) check() error {
	if trouble := h.trouble.Load(); trouble != nil {
		return fmt.Errorf("%w: the last commit failed: %w", store.ErrUnavailable, *trouble)
	}
	return nil
}

// probes try a database that takes no commits, so that it is ready again without
// anybody's request.
type probes struct {
	writer *writer
	end    sync.Once
	quit   chan struct{}
	done   chan struct{}
}

func startProbes(w *writer) *probes {
	p := &probes{writer: w, quit: make(chan struct{}), done: make(chan struct{})}
	go p.run()
	return p
}

func (p *probes) run() {
	defer close(p.done)
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-p.quit:
			return
		case <-ticker.C:
			if p.writer.health.check() != nil {
				_ = p.writer.probe() // what it finds is noted
			}
		}
	}
}

func (p *probes) stop() {
	if p == nil {
		return
	}
	p.end.Do(func() { close(p.quit) })
	<-p.done
}

// probe commits a change that means nothing.
func (w *writer) probe() error {
	return w.update(context.Background(), func(t store.Tx) error {
		_, err := t.(*tables.Tx).Change("UPDATE decoy_condition SET failures = failures + 1 WHERE token = 1")
		return err
	})
}
