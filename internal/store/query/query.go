// Package query runs statements on whichever database there is: what the statements of
// the packages beside it need of a transaction, and how they read what it answers.
//
// A statement names its arguments ? in their order, or ?1, ?2 and so on. Times are
// milliseconds since 1970, and the zero time is 0.
package query

import (
	"context"
	"errors"
	"strings"
	"time"
)

// Conn is a transaction, or a connection that is in one.
type Conn interface {
	Query(ctx context.Context, statement string, args ...any) (Rows, error)
	// QueryRow reads the first row; its Scan gives store.ErrNotFound if there is none.
	QueryRow(ctx context.Context, statement string, args ...any) Scanner
	// Exec gives the number of rows that were changed.
	Exec(ctx context.Context, statement string, args ...any) (int64, error)
}

// Rows are the rows of an answer, to be closed.
type Rows interface {
	Scanner
	Next() bool
	Err() error
	Close() error
	Columns() ([]string, error)
}

// Scanner is a row.
type Scanner interface{ Scan(dest ...any) error }

// All reads all rows.
func All[T any](ctx context.Context, c Conn, scan func(Scanner) (T, error), statement string, args ...any) ([]T,
	error) {
	rows, err := c.Query(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	return AllOf(rows, scan)
}

// AllOf reads all rows of an answer, and closes it.
func AllOf[T any](rows Rows, scan func(Scanner) (T, error)) (all []T, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// One reads the first row, or gives store.ErrNotFound.
func One[T any](ctx context.Context, c Conn, scan func(Scanner) (T, error), statement string, args ...any) (T, error) {
	return scan(c.QueryRow(ctx, statement, args...))
}

// Value reads a row of one column.
func Value[T any](s Scanner) (v T, err error) {
	err = s.Scan(&v)
	return v, err
}

// Behind is a row whose first columns go elsewhere.
type Behind struct {
	Scanner
	First []any
}

// Scan reads what stands behind the first columns.
func (b Behind) Scan(dest ...any) error { return b.Scanner.Scan(append(b.First, dest...)...) }

// Millis is how a time is stored.
func Millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// Time is what Millis stores.
func Time(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// RowsOf is n rows of a VALUES clause.
func RowsOf(row string, n int) string { return strings.Repeat(row+", ", n-1) + row }
