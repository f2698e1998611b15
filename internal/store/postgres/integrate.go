package postgres

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"ostiary/internal/store"
	"ostiary/internal/store/query"
	"ostiary/internal/store/tables"
)

const (
	// integrateEvery is how often a node looks for entries without a place.
	integrateEvery = 250 * time.Millisecond
	// someArrivals bounds what gets its place at once, while no change waits for more.
	someArrivals = 20_000
	allArrivals  = math.MaxInt32
	// streamUsed is how long a node writes to a stream after its last entry. Then it begins
	// another, for the head forgets those in which nothing came for a month.
	streamUsed = 24 * time.Hour
)

// oneWriterNow is oneWriter for who can as well wait for the next time.
const oneWriterNow = oneWriter + " NOWAIT"

// position is how far a stream has come.
type position struct{ stream, n int64 }

// stream is that of the entries of this node: position is that of the last one that was
// committed. Behind a commit of which nobody knows comes another stream, so that none has a
// gap.
type stream struct {
	mu sync.Mutex
	position
	used time.Time
}

func (s *stream) now() position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.position
}

// open gives the stream, or begins one. Only the line calls it and decided.
func (s *stream) open(ctx context.Context, db *DB) (position, error) {
	if at := s.now(); at.stream != 0 && time.Since(s.used) < streamUsed {
		return at, nil
	}
	var at position
	err := db.alone(ctx, db.writes, oneWriter, func(t *tables.Tx) (err error) {
		at.stream, err = t.OpenStream(time.Now())
		return err
	})
	if err != nil {
		return position{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.position, s.used = at, time.Now()
	return at, nil
}

// decided is told how a transaction ended that wrote so many entries.
func (s *stream) decided(entries int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.n += int64(entries)
		s.used = time.Now()
	case errors.Is(err, store.ErrUncertain):
		s.position = position{}
	}
}

// integrator gives entries that have arrived their places, until it is stopped. Every node
// has one; whoever holds the head does it, and the others try again soon.
type integrator struct {
	end        sync.Once
	quit, done chan struct{}
}

func startIntegrator(db *DB) *integrator {
	i := &integrator{quit: make(chan struct{}), done: make(chan struct{})}
	go i.run(db)
	return i
}

func (i *integrator) stop() {
	i.end.Do(func() { close(i.quit) })
	<-i.done
}

func (i *integrator) run(db *DB) {
	defer close(i.done)
	ctx := context.Background()
	for wait := integrateEvery; ; {
		select {
		case <-i.quit:
			return
		case <-time.After(wait):
		}
		begun := time.Now()
		// What goes wrong is told by the commits of codes, and tried again.
		more, err := db.integrate(ctx)
		if wait = max(integrateEvery-time.Since(begun), 0); more && err == nil {
			wait = 0
		}
	}
}

// errNothing undoes a transaction that found nothing to do.
var errNothing = errors.New("nothing has arrived")

// integrate gives places to some of what has arrived. A node whose entries are neither in
// the log nor among those was robbed of them, and ends.
func (db *DB) integrate(ctx context.Context) (more bool, err error) {
	own := db.stream.now()
	waits, err := query.One(ctx, conn{db.places, db.kept}, query.Value[bool],
		"SELECT EXISTS (SELECT 1 FROM audit_arrival) OR EXISTS (SELECT 1 FROM audit_stream WHERE id = ? AND n < ?)",
		own.stream, own.n)
	if err != nil || !waits {
		return false, err
	}
	err = db.alone(ctx, db.places, oneWriterNow, func(t *tables.Tx) error {
		n, placed, err := t.Integrate(someArrivals, time.Now())
		if more = n == someArrivals; err != nil || more {
			return err
		}
		if missing := own.n - placed[own.stream]; own.stream != 0 && missing > 0 && db.guard.Begun() {
			return t.Missed(missing)
		}
		if n == 0 {
			return errNothing
		}
		return nil
	})
	if errors.Is(err, errNothing) || hasCode(err, lockNotAvailable) {
		return false, nil
	}
	return more, err
}
