package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"ostiary/internal/store"
	"ostiary/internal/store/query"
	"ostiary/internal/store/tables"
)

// readConn is a transaction that reads. A statement that comes again in it is prepared,
// because to parse it takes longer than to run it.
type readConn struct {
	tx   *sql.Tx
	kept map[string]*sql.Stmt // nil for one that came once
}

func newReadConn(tx *sql.Tx) *readConn { return &readConn{tx: tx, kept: map[string]*sql.Stmt{}} }

// again gives the prepared form of a statement, or nil when it is to be run as it is. The
// transaction closes it.
func (c *readConn) again(ctx context.Context, stmt string) *sql.Stmt {
	prepared, came := c.kept[stmt]
	if came && prepared == nil {
		prepared, _ = c.tx.PrepareContext(ctx, stmt) // what is wrong with it shows when it is run
	}
	c.kept[stmt] = prepared
	return prepared
}

func (c *readConn) Query(ctx context.Context, stmt string, args ...any) (query.Rows, error) {
	if p := c.again(ctx, stmt); p != nil { //nolint:sqlclosecheck // the transaction closes it
		return rowsOrNone(p.QueryContext(ctx, args...))
	}
	return rowsOrNone(c.tx.QueryContext(ctx, stmt, args...))
}

func (c *readConn) QueryRow(ctx context.Context, stmt string, args ...any) query.Scanner {
	if p := c.again(ctx, stmt); p != nil { //nolint:sqlclosecheck // the transaction closes it
		return oneRow{p.QueryRowContext(ctx, args...)}
	}
	return oneRow{c.tx.QueryRowContext(ctx, stmt, args...)}
}

// Exec changes nothing: the transaction only reads.
func (c *readConn) Exec(context.Context, string, ...any) (int64, error) { return 0, tables.ErrReadOnly }

// pool runs single statements outside a transaction, where the schema is made and read.
type pool struct{ db *sql.DB }

func (p pool) Query(ctx context.Context, stmt string, args ...any) (query.Rows, error) {
	return rowsOrNone(p.db.QueryContext(ctx, stmt, args...))
}

func (p pool) QueryRow(ctx context.Context, stmt string, args ...any) query.Scanner {
	return oneRow{p.db.QueryRowContext(ctx, stmt, args...)}
}

func (p pool) Exec(ctx context.Context, stmt string, args ...any) (int64, error) {
	res, err := p.db.ExecContext(ctx, stmt, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// oneRow is one row, or store.ErrNotFound.
type oneRow struct{ *sql.Row }

func (r oneRow) Scan(dest ...any) error {
	err := r.Row.Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		err = store.ErrNotFound
	}
	return err
}

// rowsOrNone keeps a nil *sql.Rows from becoming an interface that is not nil.
func rowsOrNone(rows *sql.Rows, err error) (query.Rows, error) {
	if err != nil {
		return nil, err
	}
	return rows, nil
}
