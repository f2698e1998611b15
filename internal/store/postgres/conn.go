package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"ostiary/internal/store"
	"ostiary/internal/store/query"
)

// asker is a transaction or a connection of pgx.
type asker interface {
	Query(ctx context.Context, statement string, args ...any) (pgx.Rows, error)
	Exec(ctx context.Context, statement string, args ...any) (pgconn.CommandTag, error)
}

// conn runs statements of package query. PostgreSQL answers one statement at a time: the
// rows of one are closed before the next is run.
type conn struct {
	on   asker
	kept *statements
}

var _ query.Conn = conn{}

// inBinary asks for all columns in one format.
var inBinary = pgx.QueryResultFormats{pgtype.BinaryFormatCode}

// prepare rewrites a statement and converts its arguments; before the arguments stands
// the format of the answer.
func (c conn) prepare(text string, args []any) (string, []any, error) {
	values, kinds := make([]any, len(args)), make([]byte, len(args))
	for i, arg := range args {
		var err error
		if values[i], kinds[i], err = argument(arg); err != nil {
			return "", nil, fmt.Errorf("argument %d: %w", i+1, err)
		}
	}
	s, err := c.kept.rewritten(text, kinds)
	if err != nil {
		return "", nil, fmt.Errorf("%w, in %s", err, text)
	}
	params := make([]any, 1, 1+len(s.args))
	params[0] = inBinary
	for _, arg := range s.args {
		params = append(params, values[arg])
	}
	return s.text, params, nil
}

func (c conn) Query(ctx context.Context, text string, args ...any) (query.Rows, error) {
	s, params, err := c.prepare(text, args)
	if err != nil {
		return nil, err
	}
	answer, err := c.on.Query(ctx, s, params...)
	if err != nil {
		return nil, err
	}
	return &rows{Rows: answer}, nil
}

func (c conn) QueryRow(ctx context.Context, text string, args ...any) query.Scanner {
	answer, err := c.Query(ctx, text, args...)
	return firstRow{answer, err}
}

func (c conn) Exec(ctx context.Context, text string, args ...any) (int64, error) {
	s, params, err := c.prepare(text, args)
	if err != nil {
		return 0, err
	}
	tag, err := c.on.Exec(ctx, s, params[1:]...)
	return tag.RowsAffected(), err
}

// rows are those of pgx, read as SQLite's are.
type rows struct{ pgx.Rows }

// Close gives what went wrong in the rows that were not read; Err gave the rest.
func (r *rows) Close() error {
	told := r.Rows.Err()
	r.Rows.Close()
	if told != nil {
		return nil //nolint:nilerr // Err gave it
	}
	return r.Rows.Err()
}

func (r *rows) Columns() ([]string, error) {
	fields := r.FieldDescriptions()
	names := make([]string, len(fields))
	for i := range fields {
		names[i] = fields[i].Name
	}
	return names, r.Rows.Err()
}

func (r *rows) Scan(dest ...any) error {
	fields, raw := r.FieldDescriptions(), r.RawValues()
	if len(dest) != len(raw) {
		return fmt.Errorf("%d columns are read into %d places", len(raw), len(dest))
	}
	for i := range dest {
		if err := (cell{&fields[i], raw[i]}).scan(dest[i]); err != nil {
			return fmt.Errorf("column %d (%s): %w", i+1, fields[i].Name, err)
		}
	}
	return nil
}

// firstRow is a row that is still to be fetched, or why it cannot be.
type firstRow struct {
	rows query.Rows
	err  error
}

func (r firstRow) Scan(dest ...any) (err error) {
	if r.err != nil {
		return r.err
	}
	defer func() {
		if cerr := r.rows.Close(); cerr != nil {
			err = errors.Join(err, cerr)
		}
	}()
	if r.rows.Next() {
		return r.rows.Scan(dest...)
	}
	if err := r.rows.Err(); err != nil {
		return err
	}
	return store.ErrNotFound
}
