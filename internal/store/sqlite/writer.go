package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"ostiary/internal/store/auditlog"
	"ostiary/internal/store/cache"
	"ostiary/internal/store/decide"
	"ostiary/internal/store/health"
	"ostiary/internal/store/line"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/tables"
)

// writer owns the writing connection, and does what stands in the line: it is its
// line.Writer.
//
// If the commit of a batch fails, nobody was answered yet and all are told so (trouble.go);
// the connection is opened anew, because its state is unknown.
//
// With a single writer there is nothing to deadlock with, so a batch needs no
// sorting and keeps the order of arrival throughout.
type writer struct {
	pool   *sql.DB
	names  *cache.Names
	disk   disk
	guard  *proof.Guard
	spent  tables.Spent
	tail   *auditlog.Tail
	health state
	line   *line.Line

	conn     *sql.Conn
	opening  error // why there is none
	hot      *hotStatements
	prepared *prepared
	// Of the last batch, so that there is room for those of the next.
	changed, decoyed []decide.Changed
	// testOnlyCommit, when set, runs before each commit and can make it fail.
	testOnlyCommit func() error
}

func startWriter(ctx context.Context, pool *sql.DB, c *cache.Names, d disk, g *proof.Guard, end *auditlog.Tail,
	report func(error)) (*writer, error) {
	w := &writer{pool: pool, names: c, disk: d, guard: g, tail: end,
		health: state{Commits: health.Commits{Report: report}}}
	if err := w.open(ctx); err != nil {
		return nil, err
	}
	var err error
	if w.spent, err = tables.ReadSpent(ctx, w.prepared); err != nil {
		return nil, err
	}
	w.line = line.Start(w)
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
	w.names.Found.Forget(tables.Touched{All: true})
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
	w.line.Stop()
	if w.conn == nil {
		return nil
	}
	w.prepared.close()
	err := w.conn.Raw(func(any) error { w.hot.close(); return nil })
	return errors.Join(err, w.conn.Close())
}

// Lost reports whether the connection is of no more use.
func (w *writer) Lost(err error) bool { return errors.Is(err, errConnection) }

// Failed words an error; after a lost connection it takes a new one.
func (w *writer) Failed(err error) error {
	if w.Lost(err) {
		defer w.reopen()
	}
	return w.health.Noted(w.disk.worded(err))
}
