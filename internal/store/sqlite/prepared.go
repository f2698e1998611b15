package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
)

// prepared runs statements on the writer's connection and keeps them prepared:
// an import runs the same few a million times. Those that write are prepared on
// the raw driver connection, as those of the batch are (hotStatements).
type prepared struct {
	conn   *sql.Conn
	reads  map[string]*sql.Stmt
	writes map[string]driver.StmtExecContext
	values []driver.NamedValue // of the statement that runs; the driver copies them
}

// maxPrepared bounds how many are kept of each kind; the fixed ones are about
// fifty, the rest are lists with filters.
const maxPrepared = 128

func newPrepared(conn *sql.Conn) *prepared {
	return &prepared{conn: conn, reads: map[string]*sql.Stmt{}, writes: map[string]driver.StmtExecContext{}}
}

// read gives the kept statement of a query, or nil when it is to be run
// unprepared: because there are too many, or so that its own error shows.
func (p *prepared) read(ctx context.Context, query string) *sql.Stmt {
	s, ok := p.reads[query]
	if ok || len(p.reads) == maxPrepared {
		return s
	}
	s, err := p.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil
	}
	p.reads[query] = s
	return s
}

// write is read for what changes rows; c is the driver's connection.
func (p *prepared) write(c any, query string) driver.StmtExecContext {
	s, ok := p.writes[query]
	if ok || len(p.writes) == maxPrepared {
		return s
	}
	prepared, err := c.(driver.Conn).Prepare(query)
	if err != nil {
		return nil
	}
	if s, ok = prepared.(driver.StmtExecContext); !ok {
		_ = prepared.Close()
		return nil
	}
	p.writes[query] = s
	return s
}

func (p *prepared) ExecContext(ctx context.Context, query string, args ...any) (res sql.Result, err error) {
	p.values = p.values[:0]
	for i, arg := range args {
		value, err := driver.DefaultParameterConverter.ConvertValue(arg)
		if err != nil {
			return nil, fmt.Errorf("argument %d: %w", i+1, err)
		}
		p.values = append(p.values, driver.NamedValue{Ordinal: i + 1, Value: value})
	}
	run := false
	err = p.conn.Raw(func(c any) (err error) {
		s := p.write(c, query)
		if s == nil {
			return nil
		}
		run = true
		res, err = s.ExecContext(ctx, p.values)
		return err
	})
	if err == nil && !run {
		return p.conn.ExecContext(ctx, query, args...)
	}
	return res, err
}

func (p *prepared) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if s := p.read(ctx, query); s != nil { //nolint:sqlclosecheck // kept for the next query; close ends it
		return s.QueryContext(ctx, args...)
	}
	return p.conn.QueryContext(ctx, query, args...)
}

func (p *prepared) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if s := p.read(ctx, query); s != nil { //nolint:sqlclosecheck // kept for the next query; close ends it
		return s.QueryRowContext(ctx, args...)
	}
	return p.conn.QueryRowContext(ctx, query, args...)
}

// PrepareContext gives a kept statement. Where there are too many of them, it is one
// that ends with the connection.
func (p *prepared) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	if s := p.read(ctx, query); s != nil {
		return s, nil
	}
	return p.conn.PrepareContext(ctx, query)
}

func (p *prepared) close() {
	if p == nil {
		return
	}
	for _, s := range p.reads {
		_ = s.Close()
	}
	_ = p.conn.Raw(func(any) error {
		for _, s := range p.writes {
			_ = s.(driver.Stmt).Close()
		}
		return nil
	})
}
