package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"ostiary/internal/store/tables"
)

// Raw runs fn on the rows as they are: of one snapshot, or to write them. Whoever has written
// closes the database then.
func (db *DB) Raw(ctx context.Context, write bool, fn func(tables.Raw) error) error {
	if write {
		return db.writer.line.Between(func() error { return db.writer.raw(ctx, fn) })
	}
	tx, err := db.reads.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return db.disk.unavailable(err)
	}
	err = fn(tables.Raw{Conn: newReadConn(tx), Dialect: dialect})
	return errors.Join(db.disk.worded(err), ignoreDone(tx.Rollback()))
}

func (w *writer) raw(ctx context.Context, fn func(tables.Raw) error) error {
	if err := w.connect(); err != nil {
		return w.disk.worded(err)
	}
	defer w.reopen() // what was read before is of other rows
	_, err := w.conn.ExecContext(ctx, "BEGIN IMMEDIATE")
	if err == nil {
		if err = fn(tables.Raw{Conn: w.prepared, Dialect: dialect}); err == nil {
			_, err = w.conn.ExecContext(ctx, "COMMIT")
		}
	}
	return w.disk.worded(err)
}
