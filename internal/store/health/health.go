// Package health knows how the commits of a database go. One that answers reads and takes
// no commit can accept no code, so it is not ready.
package health

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"ostiary/internal/store"
)

// probeEvery is how often a database that takes no commits is tried again.
const probeEvery = time.Second

// Commits is how the last commit went.
type Commits struct {
	// Report, when set, is told the trouble when the commits begin to fail, and nil when
	// they succeed again. It must not use the database.
	Report func(error)

	trouble atomic.Pointer[error] // nil while commits succeed
}

// Fails notes a commit that failed, with its cause.
func (c *Commits) Fails(err error) {
	if c.trouble.Swap(&err) == nil && c.Report != nil {
		c.Report(err)
	}
}

// Succeeds notes a commit.
func (c *Commits) Succeeds() {
	if c.trouble.Load() != nil && c.trouble.Swap(nil) != nil && c.Report != nil {
		c.Report(nil)
	}
}

// Noted notes what a transaction that failed says of the database, and gives its
// error back. What only the caller's function says is none of it.
func (c *Commits) Noted(err error) error {
	if errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUncertain) {
		c.Fails(err)
	}
	return err
}

// Check gives the trouble of the last commit.
func (c *Commits) Check() error {
	if trouble := c.trouble.Load(); trouble != nil {
		return fmt.Errorf("%w: the last commit failed: %w", store.ErrUnavailable, *trouble)
	}
	return nil
}

// Probes try a database that takes no commits, so that it is ready again without
// anybody's request.
type Probes struct {
	end  sync.Once
	quit chan struct{}
	done chan struct{}
}

// Probe lets try commit a change that means nothing, while the commits fail.
func Probe(c *Commits, try func() error) *Probes {
	p := &Probes{quit: make(chan struct{}), done: make(chan struct{})}
	go p.run(c, try)
	return p
}

func (p *Probes) run(c *Commits, try func() error) {
	defer close(p.done)
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-p.quit:
			return
		case <-ticker.C:
			if c.trouble.Load() != nil {
				_ = try() // what it finds is noted
			}
		}
	}
}

// Stop ends the probes, and waits for one that runs.
func (p *Probes) Stop() {
	if p == nil {
		return
	}
	p.end.Do(func() { close(p.quit) })
	<-p.done
}
