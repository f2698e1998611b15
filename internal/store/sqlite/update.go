package sqlite

import (
	"context"
	"fmt"

	"ostiary/internal/store"
	"ostiary/internal/store/tables"
)

// Update runs fn in a transaction of its own.
func (w *writer) Update(ctx context.Context, fn func(store.Tx) error) error {
	if err := w.connect(); err != nil {
		return w.health.Noted(w.disk.worded(err))
	}
	t, err := w.inTransaction(ctx, fn)
	if err != nil {
		return w.health.Noted(w.disk.worded(err))
	}
	w.health.Succeeds()
	w.names.Found.Forget(t.Effects.Touched)
	return nil
}

func (w *writer) inTransaction(ctx context.Context, fn func(store.Tx) error) (t *tables.Tx, err error) {
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
		w.guard.Undone()
		if _, rerr := w.conn.ExecContext(ctx, "ROLLBACK"); rerr != nil {
			w.reopen()
		}
	}()
	t = tables.NewTx(tables.NewReader(ctx, w.prepared, w.guard, dialect, nil, tables.Listed),
		func() bool { return w.line.Waiting() > 0 })
	if err := t.Enter(); err != nil {
		return nil, err
	}
	if err := fn(t); err != nil {
		return nil, err
	}
	if err := t.Leave(); err != nil {
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
	w.guard.Settle()
	w.spent.Settle(t.Effects.Spending)
	w.tail.Append(t.Effects.First, t.Effects.Entries)
	return t, nil
}
