package postgres

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"ostiary/internal/store"
	"ostiary/internal/store/health"
	"ostiary/internal/store/line"
	"ostiary/internal/store/tables"
)

// A commit waits for the standby without end, and no setting of PostgreSQL bounds that. It
// must not be cut off either, because then its outcome would be unknown. So it is left
// waiting, and after a while nobody waits with it.
const (
	// hangsAfter is when the database is not ready any more, and takes nothing in.
	hangsAfter = 2 * time.Second
	// letGoAfter is when those who wait for the commit itself are told that nobody knows.
	letGoAfter = 5 * time.Second
)

var errHangs = errors.New("a commit has been waiting for 2 seconds or longer, for the disk or the standby of PostgreSQL")

var errTurn = errors.New("a change has been waiting for 2 seconds or longer, for one of another server, whose commit " +
	"may hang")

// watch watches the commits, and batches as a whole.
type watch struct {
	health.Commits
	line *line.Line

	mu      sync.Mutex
	hanging map[*wait]bool
	closing bool
}

// wait is a commit that is under way, a batch, or a change that waits for its turn.
type wait struct {
	of    *watch
	on    *pgconn.PgConn // nil unless it is a commit
	turn  bool           // it gives up by itself, and nothing was changed
	timer *time.Timer
	over  bool
	late  bool // nobody waits for it any more
}

func newWatch(report func(error)) *watch {
	return &watch{Commits: health.Commits{Report: report}, hanging: map[*wait]bool{}}
}

// watchKey is where a connection that writes remembers who watches it.
const watchKey = "ostiary: watch"

// watched begins to watch the commit of a connection, if somebody is to.
func watched(on *pgconn.PgConn) (end func()) {
	if w, ok := on.CustomData()[watchKey].(*watch); ok {
		return w.begin(on)
	}
	return func() {}
}

func (w *watch) begin(on *pgconn.PgConn) (end func()) { return w.start(&wait{of: w, on: on}) }

// turn watches how long a change waits for the changes of other nodes.
func (w *watch) turn() (end func()) { return w.start(&wait{of: w, turn: true}) }

func (w *watch) start(c *wait) (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.timer = time.AfterFunc(hangsAfter, c.hangs)
	return c.ends
}

func (c *wait) hangs() {
	w := c.of
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.over {
		return
	}
	w.hanging[c] = true
	why := errHangs
	if c.turn {
		why = errTurn
	} else {
		c.timer = time.AfterFunc(letGoAfter-hangsAfter, c.letGo)
	}
	w.Fails(why)
	w.line.Jam(why)
}

func (c *wait) letGo() {
	w := c.of
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.over {
		return
	}
	c.late = true
	w.line.LetGo()
	c.cut()
}

// cut ends the connection of a commit that nobody waits for, if the database is being
// closed. The server goes on with the commit all the same.
func (c *wait) cut() {
	if c.of.closing && c.late && c.on != nil {
		_ = c.on.Conn().Close()
	}
}

func (c *wait) ends() {
	w := c.of
	w.mu.Lock()
	defer w.mu.Unlock()
	c.over = true
	c.timer.Stop()
	if !w.hanging[c] {
		return
	}
	if delete(w.hanging, c); len(w.hanging) == 0 {
		w.line.Flow()
	}
}

// close lets no commit that hangs keep the end.
func (w *watch) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closing = true
	for c := range w.hanging {
		c.cut()
	}
}

// noting is a writer whose commits are noted, for readiness.
type noting struct {
	line.Writer
	watch *watch
}

func (n noting) Decide(batch []*line.Job) error {
	defer n.watch.begin(nil)()
	return n.noted(n.Writer.Decide(batch))
}

func (n noting) Update(ctx context.Context, fn func(store.Tx) error) error {
	return n.noted(n.Writer.Update(ctx, fn))
}

// noted notes how a transaction went. One that others were in the way of says nothing of
// the database.
func (n noting) noted(err error) error {
	switch {
	case err == nil:
		n.watch.Succeeds()
	case !hasCode(err, serializationFailure, deadlockDetected, uniqueViolation):
		return n.watch.Noted(err)
	}
	return err
}

// probe commits a change that means nothing.
func (db *DB) probe() error {
	return db.line.Update(context.Background(), func(t store.Tx) error {
		_, err := t.(*tables.Tx).Change("UPDATE decoy_condition SET failures = failures + 1 WHERE token = 1")
		return err
	})
}
