package sqlite

import (
	"context"
	"fmt"

	"ostiary/internal/store"
	"ostiary/internal/store/auditlog"
)

// runUpdate runs one update in a transaction of its own.
func (w *writer) runUpdate(j *job) {
	defer close(j.finished)
	if j.err = j.ctx.Err(); j.err != nil {
		return
	}
	if err := w.connect(); err != nil {
		j.err = w.health.noted(w.disk.worded(err))
		return
	}
	// The transaction runs to its end even when the caller leaves.
	ctx := context.WithoutCancel(j.ctx)
	t, err := w.inTransaction(ctx, j.update)
	if err != nil {
		j.err = w.health.noted(w.disk.worded(err))
		return
	}
	w.health.succeeds()
	w.cache.forget(t.touched)
}

func (w *writer) inTransaction(ctx context.Context, fn func(store.Tx) error) (t *tx, err error) {
	if _, err := w.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		w.reopen()
		return nil, fmt.Errorf("%w: begin: %w", errConnection, err)
	}
	given := false // up, with the connection
	defer func() {
		r := recover()
		if err == nil && r == nil {
			return
		}
		if r != nil {
			err = fmt.Errorf("panic in a transaction: %v", r)
		}
		if given {
			return
		}
		w.guard.undone()
		if _, rerr := w.conn.ExecContext(ctx, "ROLLBACK"); rerr != nil {
			w.reopen()
		}
	}()
	t = &tx{reader: newReader(ctx, w.prepared, w.guard, nil, maxListed), awaited: func() bool { return len(w.jobs) > 0 }}
	if err := t.enter(); err != nil {
		return nil, err
	}
	if err := fn(t); err != nil {
		return nil, err
	}
	if err := t.leave(); err != nil {
		return nil, err
	}
	if w.testOnlyCommit != nil {
		err = w.testOnlyCommit()
	}
	if err == nil {
		_, err = w.conn.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		err = fmt.Errorf("%w: %w: %w", errConnection, errCommit, err)
		given = true
		w.reopen()
		return nil, err
	}
	w.guard.settle()
	w.spent.settle(t.spending)
	w.tail.Append(t.first, t.entries)
	return t, nil
}

// tx is a store.Tx on the writer's connection.
type tx struct {
	reader
	awaited func() bool
	touched touched
	// What the record of the head is to say: the first one, with begin.
	says          headChange
	configAltered bool
	begin         bool
	spending      spending // what it does of temporary codes
	values        []any    // of a statement of many rows
	// The entries that it appended, and the place of the first.
	entries [][]byte
	first   int64
}

var _ store.Tx = (*tx)(nil)

// index is where the index of the log is written.
func (t *tx) index() auditlog.Writer { return auditlog.NewWriter(t.ctx, t.q) }

func (t *tx) Awaited() bool { return t.awaited() }

// change runs a statement and returns the number of rows it changed.
func (t *tx) change(stmt string, args ...any) (int64, error) {
	return t.q.Exec(t.ctx, stmt, args...)
}

// changeOne runs a conditional write on one row; ErrConflict if it is not so.
func (t *tx) changeOne(stmt string, args ...any) error {
	n, err := t.change(stmt, args...)
	if err == nil && n != 1 {
		err = store.ErrConflict
	}
	return err
}

// insertOne inserts a row; ErrConflict if there is one of its key, and the transaction
// can go on.
func (t *tx) insertOne(stmt string, args ...any) error {
	return t.changeOne(stmt+" ON CONFLICT DO NOTHING", args...)
}
