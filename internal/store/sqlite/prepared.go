package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"

	"ostiary/internal/store/query"
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
func (p *prepared) read(ctx context.Context, text string) *sql.Stmt {
	s, ok := p.reads[text]
	if ok || len(p.reads) == maxPrepared {
		return s
	}
	s, err := p.conn.PrepareContext(ctx, text)
	if err != nil {
		return nil
	}
	p.reads[text] = s
	return s
}

// write is read for what changes rows; c is the driver's connection.
func (p *prepared) write(c any, text string) driver.StmtExecContext {
	s, ok := p.writes[text]
	if ok || len(p.writes) == maxPrepared {
		return s
	}
	prepared, err := c.(driver.Conn).Prepare(text)
	if err != nil {
		return nil
	}
	if s, ok = prepared.(driver.StmtExecContext); !ok {
		_ = prepared.Close()
		return nil
	}
	p.writes[text] = s
	return s
}

// Exec runs what changes rows.
func (p *prepared) Exec(ctx context.Context, text string, args ...any) (changed int64, err error) {
	p.values = p.values[:0]
	for i, arg := range args {
		value, err := driver.DefaultParameterConverter.ConvertValue(arg)
		if err != nil {
			return 0, fmt.Errorf("argument %d: %w", i+1, err)
		}
		p.values = append(p.values, driver.NamedValue{Ordinal: i + 1, Value: value})
	}
	var res sql.Result
	err = p.conn.Raw(func(c any) (err error) {
		if s := p.write(c, text); s != nil {
			res, err = s.ExecContext(ctx, p.values)
		}
		return err
	})
	if err == nil && res == nil {
		res, err = p.conn.ExecContext(ctx, text, args...)
	}
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (p *prepared) Query(ctx context.Context, text string, args ...any) (query.Rows, error) {
	if s := p.read(ctx, text); s != nil { //nolint:sqlclosecheck // kept for the next query; close ends it
		return rowsOrNone(s.QueryContext(ctx, args...))
	}
	return rowsOrNone(p.conn.QueryContext(ctx, text, args...))
}

func (p *prepared) QueryRow(ctx context.Context, text string, args ...any) query.Scanner {
	if s := p.read(ctx, text); s != nil { //nolint:sqlclosecheck // kept for the next query; close ends it
		return oneRow{s.QueryRowContext(ctx, args...)}
	}
	return oneRow{p.conn.QueryRowContext(ctx, text, args...)}
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
