package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"ostiary/internal/store"
)

// runUpdate runs one update in a transaction of its own.
func (w *writer) runUpdate(j *job) {
	defer close(j.finished)
	if j.err = j.ctx.Err(); j.err != nil {
		return
	}
	if w.conn == nil {
		w.reopen()
	}
	if w.conn == nil {
		j.err = store.ErrUnavailable
		return
	}
	// The transaction runs to its end even when the caller leaves.
	ctx := context.WithoutCancel(j.ctx)
	t, err := w.inTransaction(ctx, j.update)
	if err != nil {
		j.err = err
		return
	}
	w.cache.forget(t.touched)
}

func (w *writer) inTransaction(ctx context.Context, fn func(store.Tx) error) (t *tx, err error) {
	if _, err := w.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		w.reopen()
		return nil, fmt.Errorf("%w: begin: %w", store.ErrUnavailable, err)
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
		if _, rerr := w.conn.ExecContext(ctx, "ROLLBACK"); rerr != nil {
			w.reopen()
		}
	}()
	t = &tx{reader: reader{ctx: ctx, q: w.prepared}, exec: w.prepared}
	if err := fn(t); err != nil {
		return nil, err
	}
	if w.testOnlyCommit != nil {
		err = w.testOnlyCommit()
	}
	if err == nil {
		_, err = w.conn.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		err = fmt.Errorf("%w: commit: %w", store.ErrUnavailable, err)
		given = true
		w.reopen()
		return nil, err
	}
	return t, nil
}

// prepared runs statements on the writer's connection and keeps them prepared:
// an import runs the same few a million times.
type prepared struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

// maxPrepared bounds how many are kept; the fixed ones are about fifty, the
// rest are lists with filters.
const maxPrepared = 128

func newPrepared(conn *sql.Conn) *prepared {
	return &prepared{conn: conn, stmts: map[string]*sql.Stmt{}}
}

// stmt gives the kept statement, or nil when the query is to be run unprepared:
// because there are too many, or so that its own error shows.
func (p *prepared) stmt(ctx context.Context, query string) *sql.Stmt {
	s, ok := p.stmts[query]
	if ok || len(p.stmts) == maxPrepared {
		return s
	}
	s, err := p.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil
	}
	p.stmts[query] = s
	return s
}

func (p *prepared) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if s := p.stmt(ctx, query); s != nil {
		return s.ExecContext(ctx, args...)
	}
	return p.conn.ExecContext(ctx, query, args...)
}

func (p *prepared) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if s := p.stmt(ctx, query); s != nil {
		return s.QueryContext(ctx, args...)
	}
	return p.conn.QueryContext(ctx, query, args...)
}

func (p *prepared) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if s := p.stmt(ctx, query); s != nil {
		return s.QueryRowContext(ctx, args...)
	}
	return p.conn.QueryRowContext(ctx, query, args...)
}

func (p *prepared) close() {
	if p == nil {
		return
	}
	for _, s := range p.stmts {
		_ = s.Close()
	}
}

// execer is what changes rows.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// tx is a store.Tx on the writer's connection.
type tx struct {
	reader
	exec    execer
	touched touched
}

var _ store.Tx = (*tx)(nil)

// change runs a statement and returns the number of rows it changed.
func (t *tx) change(query string, args ...any) (int64, error) {
	res, err := t.exec.ExecContext(t.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// changeOne runs a conditional write on one row; ErrConflict if it is not so.
func (t *tx) changeOne(query string, args ...any) error {
	n, err := t.change(query, args...)
	if err == nil && n != 1 {
		err = store.ErrConflict
	}
	return err
}
