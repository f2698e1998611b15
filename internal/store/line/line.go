// Package line is where those wait who change a database. Everything that changes it is a
// job, done in the order of arrival by one goroutine.
//
// Consecutive attempts form a batch: while one batch is being committed, the next one
// gathers in the line. A batch is one transaction; each attempt in it gets its own verdict.
// If a statement fails in a batch, its attempts are run again singly, so that one caller's
// trouble is not another's. Nobody is answered before the commit.
//
// A commit can hang: a database may wait for another machine without end. The line then
// goes no further, but nobody has to wait with it: what stands in it is given back undone
// (Jam), and whoever waits for the commit itself can be let go, knowing nothing of its
// outcome (LetGo).
package line

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"ostiary/internal/store"
)

const (
	length = 4096
	// MaxBatch is how many attempts a batch has at most.
	MaxBatch = 512
)

// Job is an attempt, an update, or something to be done between transactions.
type Job struct {
	Ctx     context.Context
	Attempt *store.Attempt
	Outcome store.Outcome // of the attempt
	Err     error

	update   func(store.Tx) error
	between  func() error
	finished chan struct{}

	mu    sync.Mutex // held while update runs
	begun bool       // the update ran at least once
	left  bool       // whoever waited for it has been let go
}

var errLeft = fmt.Errorf("%w: it waited behind a commit that hangs", store.ErrUnavailable)

// run runs the update. It does not run for somebody who was let go: what it works with may
// be gone.
func (j *Job) run(t store.Tx) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.left {
		return errLeft
	}
	j.begun = true
	return j.update(t)
}

// leave tells a job that nobody waits for it any more, and gives what is known of it.
func (j *Job) leave() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.left = true
	if j.update != nil && !j.begun {
		return errLeft
	}
	return fmt.Errorf("%w: the commit hangs", store.ErrUncertain)
}

// Writer does what stands in the line. Only one of its methods runs at a time.
type Writer interface {
	// Decide decides the attempts of a batch in one transaction, and sets their outcomes. On
	// an error nothing of it is in the database, unless Lost says otherwise.
	Decide(batch []*Job) error
	// Lost tells whether after this error attempts are not to be run again: the commit may
	// have happened, or the connection is of no use.
	Lost(err error) bool
	// Failed is told the error that attempts end with, and words it for their callers.
	Failed(err error) error
	// Update runs fn in a transaction of its own, which goes on to its end.
	Update(ctx context.Context, fn func(store.Tx) error) error
}

// Line is the jobs that wait.
type Line struct {
	writer Writer
	jobs   chan *Job
	done   chan struct{}

	mu     sync.RWMutex // held for reading while a job is handed over
	closed bool
	jam    error         // why nothing is taken, while a commit hangs
	letGo  chan struct{} // closed when nobody is to wait for it any more

	batch  []*Job
	gather gatherer
}

// Start lets a writer work until Stop.
func Start(w Writer) *Line {
	l := &Line{writer: w, jobs: make(chan *Job, length), done: make(chan struct{}), letGo: make(chan struct{})}
	go l.run()
	return l
}

// Stop does the jobs that wait, and takes no more.
func (l *Line) Stop() {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.jobs)
	}
	l.mu.Unlock()
	<-l.done
}

// Jam is called when a commit hangs, and tells why. What stands in the line is given back
// with that error, undone, and so is what comes, until Flow.
func (l *Line) Jam(why error) {
	why = fmt.Errorf("%w: %w", store.ErrUnavailable, why)
	for !l.mu.TryLock() { // where the line is full, those who hold the lock wait for room in it
		l.giveBack(why)
		runtime.Gosched()
	}
	defer l.mu.Unlock()
	l.jam = why
	l.giveBack(why)
}

// giveBack empties the line.
func (l *Line) giveBack(why error) {
	for {
		select {
		case j, ok := <-l.jobs:
			if !ok {
				return
			}
			j.Err = why
			close(j.finished)
		default:
			return
		}
	}
}

// LetGo ends the wait for the commit that hangs. Whether it happens is not known.
func (l *Line) LetGo() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.jam != nil {
		close(l.letGo)
		l.letGo = make(chan struct{})
	}
}

// Flow is called when the commit has come to an end.
func (l *Line) Flow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.jam = nil
}

// Waiting is how many jobs wait.
func (l *Line) Waiting() int { return len(l.jobs) }

// Update runs fn in a transaction of its own.
func (l *Line) Update(ctx context.Context, fn func(store.Tx) error) error {
	return l.do(&Job{Ctx: ctx, update: fn})
}

// Between runs fn while no transaction is under way.
func (l *Line) Between(fn func() error) error {
	return l.do(&Job{Ctx: context.Background(), between: fn})
}

// Attempt decides an attempt.
func (l *Line) Attempt(ctx context.Context, a store.Attempt) (store.Outcome, error) {
	j := &Job{Ctx: ctx, Attempt: &a}
	if err := l.do(j); err != nil {
		return store.Outcome{}, err
	}
	return j.Outcome, nil
}

// do queues a job and waits for it. Once queued, a job is waited for even when its context
// ends: whether it happened must be known to be answered.
func (l *Line) do(j *Job) error {
	j.finished = make(chan struct{})
	letGo, err := l.enqueue(j)
	if err != nil {
		return err
	}
	select {
	case <-j.finished:
		return j.Err
	case <-letGo:
	}
	err = j.leave()
	select {
	case <-j.finished: // both have happened
		return j.Err
	default:
		return err
	}
}

// enqueue hands a job over. What it gives is closed when nobody is to wait any more.
func (l *Line) enqueue(j *Job) (letGo <-chan struct{}, err error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	switch {
	case l.closed:
		return nil, fmt.Errorf("%w: shutting down", store.ErrUnavailable)
	case l.jam != nil:
		return nil, l.jam
	}
	select {
	case l.jobs <- j:
		return l.letGo, nil
	case <-j.Ctx.Done():
		return nil, j.Ctx.Err()
	}
}

func (l *Line) run() {
	defer close(l.done)
	for j := range l.jobs {
		for j != nil {
			switch {
			case j.Attempt != nil:
				j = l.runBatch(j)
				continue
			case j.between != nil:
				j.Err = j.between()
			default:
				if j.Err = j.Ctx.Err(); j.Err == nil {
					// The transaction runs to its end even when the caller leaves.
					j.Err = l.writer.Update(context.WithoutCancel(j.Ctx), j.run)
				}
			}
			close(j.finished)
			j = nil
		}
	}
}

// runBatch gathers attempts behind first and decides them. It returns the job that ended
// the batch because it is no attempt, or nil.
func (l *Line) runBatch(first *Job) (next *Job) {
	l.batch = append(l.batch[:0], first)
	next = l.gather.fill(l.jobs, &l.batch)
	l.batch = dropCancelled(l.batch)
	if len(l.batch) == 0 {
		return next
	}
	err := l.writer.Decide(l.batch)
	switch {
	case err == nil:
	case len(l.batch) > 1 && !l.writer.Lost(err):
		for i := range l.batch {
			one := l.batch[i : i+1]
			if err := l.writer.Decide(one); err != nil {
				fail(one, l.writer.Failed(err))
			}
		}
	default:
		fail(l.batch, l.writer.Failed(err))
	}
	for _, j := range l.batch {
		close(j.finished)
	}
	return next
}

// dropCancelled ends jobs whose callers are gone before anything was written.
func dropCancelled(batch []*Job) []*Job {
	kept := batch[:0]
	for _, j := range batch {
		if err := j.Ctx.Err(); err != nil {
			j.Err = err
			close(j.finished)
			continue
		}
		kept = append(kept, j)
	}
	return kept
}

func fail(jobs []*Job, err error) {
	for _, j := range jobs {
		j.Outcome, j.Err = store.Outcome{}, err
	}
}
