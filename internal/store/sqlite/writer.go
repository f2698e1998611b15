package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"

	"ostiary/internal/store"
	"ostiary/internal/store/auditlog"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/tables"
)

const (
	queueLength = 4096
	maxBatch    = 512
)

// writer owns the writing connection. Everything that changes the database is
// a job in its queue, done in the order of arrival on one goroutine.
//
// Consecutive attempts form a batch: while one batch is being synced, the next
// one gathers in the queue. A batch is one transaction; each attempt in it gets
// its own verdict. If a statement fails in a batch, the batch is rolled back
// and its attempts are run again singly, so that one caller's trouble is not
// another's. If the commit fails, nobody was answered yet and all are told so
// (trouble.go); the connection is opened anew, because its state is unknown.
//
// With a single writer there is nothing to deadlock with, so a batch needs no
// sorting and keeps the order of arrival throughout.
type writer struct {
	pool   *sql.DB
	cache  *cache
	disk   disk
	guard  *proof.Guard
	spent  tables.Spent
	tail   *auditlog.Tail
	health health
	jobs   chan *job
	done   chan struct{}

	mu     sync.RWMutex // held for reading while a job is handed over
	closed bool

	conn     *sql.Conn
	opening  error // why there is none
	hot      *hotStatements
	prepared *prepared
	batch    []*job
	gather   gatherer
	// testOnlyCommit, when set, runs before each commit and can make it fail.
	testOnlyCommit func() error
}

// job is an attempt, an update, or something to be done between transactions.
type job struct {
	ctx     context.Context
	attempt *store.Attempt
	update  func(store.Tx) error
	between func() error

	outcome  store.Outcome
	err      error
	finished chan struct{}
}

func startWriter(ctx context.Context, pool *sql.DB, c *cache, d disk, g *proof.Guard, end *auditlog.Tail,
	report func(error)) (*writer, error) {
	w := &writer{pool: pool, cache: c, disk: d, guard: g, tail: end, health: health{report: report},
		jobs: make(chan *job, queueLength),
		done: make(chan struct{})}
	if err := w.open(ctx); err != nil {
		return nil, err
	}
	var err error
	if w.spent, err = tables.ReadSpent(ctx, w.prepared); err != nil {
		return nil, err
	}
	go w.run()
	return w, nil
}

func (w *writer) open(ctx context.Context) error {
	conn, err := w.pool.Conn(ctx)
	if err != nil {
		return err
	}
	w.conn = conn
	err = conn.Raw(func(c any) error {
		w.hot, err = prepareHot(c.(driver.Conn))
		return err
	})
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	w.prepared = newPrepared(conn)
	return nil
}

// reopen gives up the connection and takes a new one. What the database holds
// then, only the database knows, so the cache starts anew.
func (w *writer) reopen() {
	w.cache.forget(tables.Touched{All: true})
	if w.conn != nil {
		// ErrBadConn makes the pool drop the connection instead of keeping it.
		w.prepared.close()
		_ = w.conn.Raw(func(any) error {
			w.hot.close()
			return driver.ErrBadConn
		})
		_ = w.conn.Close()
		w.conn, w.hot = nil, nil
	}
	w.opening = w.open(context.Background()) // tried again before the next job if it fails
}

// connect makes sure that there is a connection, and a file that keeps what is written.
func (w *writer) connect() error {
	if err := w.health.broken(); err != nil {
		return err
	}
	if w.conn == nil {
		w.reopen()
	}
	if w.conn == nil {
		return fmt.Errorf("%w: open: %w", errConnection, w.opening)
	}
	return nil
}

func (w *writer) stop() error {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.jobs)
	}
	w.mu.Unlock()
	<-w.done
	if w.conn == nil {
		return nil
	}
	w.prepared.close()
	err := w.conn.Raw(func(any) error { w.hot.close(); return nil })
	return errors.Join(err, w.conn.Close())
}

func (w *writer) update(ctx context.Context, fn func(store.Tx) error) error {
	j := &job{ctx: ctx, update: fn, finished: make(chan struct{})}
	if err := w.submit(j); err != nil {
		return err
	}
	return j.err
}

// between runs do while no transaction is under way on the writing connection.
func (w *writer) between(do func() error) error {
	j := &job{ctx: context.Background(), between: do, finished: make(chan struct{})}
	if err := w.submit(j); err != nil {
		return err
	}
	return j.err
}

func (w *writer) attempt(ctx context.Context, a store.Attempt) (store.Outcome, error) {
	j := &job{ctx: ctx, attempt: &a, finished: make(chan struct{})}
	if err := w.submit(j); err != nil {
		return store.Outcome{}, err
	}
	return j.outcome, j.err
}

// submit queues a job and waits for it. Once queued, a job is waited for even
// when its context ends: whether it happened must be known to be answered.
func (w *writer) submit(j *job) error {
	if err := w.enqueue(j); err != nil {
		return err
	}
	<-j.finished
	return nil
}

func (w *writer) enqueue(j *job) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return fmt.Errorf("%w: shutting down", store.ErrUnavailable)
	}
	select {
	case w.jobs <- j:
		return nil
	case <-j.ctx.Done():
		return j.ctx.Err()
	}
}

func (w *writer) run() {
	defer close(w.done)
	for j := range w.jobs {
		for j != nil {
			switch {
			case j.update != nil:
				w.runUpdate(j)
				j = nil
			case j.between != nil:
				j.err = j.between()
				close(j.finished)
				j = nil
			default:
				j = w.runBatch(j)
			}
		}
	}
}

// runBatch gathers attempts behind first and decides them. It returns the job
// that ended the batch because it is no attempt, or nil.
func (w *writer) runBatch(first *job) (next *job) {
	w.batch = append(w.batch[:0], first)
	next = w.gather.fill(w.jobs, &w.batch)
	w.batch = dropCancelled(w.batch)
	if len(w.batch) == 0 {
		return next
	}
	err := w.decide(w.batch)
	if err != nil && !errors.Is(err, errConnection) && len(w.batch) > 1 {
		for i := range w.batch {
			one := w.batch[i : i+1]
			if err := w.decide(one); err != nil {
				w.failed(one, err)
			}
		}
	} else if err != nil {
		w.failed(w.batch, err)
	}
	finish(w.batch)
	return next
}

func (w *writer) failed(jobs []*job, err error) {
	fail(jobs, w.health.noted(w.disk.worded(err)))
	if errors.Is(err, errConnection) {
		w.reopen()
	}
}

// dropCancelled ends jobs whose callers are gone before anything was written.
func dropCancelled(batch []*job) []*job {
	kept := batch[:0]
	for _, j := range batch {
		if err := j.ctx.Err(); err != nil {
			j.err = err
			close(j.finished)
			continue
		}
		kept = append(kept, j)
	}
	return kept
}

func fail(jobs []*job, err error) {
	for _, j := range jobs {
		j.outcome, j.err = store.Outcome{}, err
	}
}

func finish(jobs []*job) {
	for _, j := range jobs {
		close(j.finished)
	}
}
