package sqlite

import (
	"context"
	"database/sql"
)

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
