package testkit

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Statement is one that a database was given.
type Statement struct {
	Text    string // the statement
	Found   int    // rows that were read of it
	Changed int64  // rows that it changed
}

// Kind is what a statement costs, whichever table it is about: its verb and how many rows
// it read and changed.
func (s Statement) Kind() string {
	verb, _, _ := strings.Cut(s.Text, " ")
	return fmt.Sprintf("%s %d/%d", verb, s.Found, s.Changed)
}

func (s Statement) String() string {
	text := strings.Join(strings.Fields(s.Text), " ")
	return fmt.Sprintf("%s: %.100s", s.Kind(), text)
}

// Road is all that a database was given to do, statement by statement. It stands
// between package sqlite and the driver.
type Road struct {
	mu         sync.Mutex
	statements []*Statement
}

// Taken gives the statements since it was last called.
func (r *Road) Taken() []Statement {
	r.mu.Lock()
	defer r.mu.Unlock()
	statements := make([]Statement, len(r.statements))
	for i, s := range r.statements {
		statements[i] = *s
	}
	r.statements = nil
	return statements
}

func (r *Road) take(text string) *Statement {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &Statement{Text: text}
	r.statements = append(r.statements, s)
	return s
}

var roads atomic.Int64

// NewWatched makes a Kit whose database is watched.
func NewWatched(t testing.TB) (*Kit, *Road) {
	t.Helper()
	pool, err := sql.Open("sqlite", "")
	if err != nil {
		t.Fatal(err)
	}
	road := &Road{}
	name := fmt.Sprintf("sqlite, watched %d", roads.Add(1))
	sql.Register(name, watchedDriver{pool.Driver(), road})
	if err := pool.Close(); err != nil {
		t.Fatal(err)
	}
	return newIn(t, t.TempDir(), name), road
}

type watchedDriver struct {
	driver.Driver
	road *Road
}

func (d watchedDriver) Open(name string) (driver.Conn, error) {
	c, err := d.Driver.Open(name)
	if err != nil {
		return nil, err
	}
	return watchedConn{c.(connection), d.road}, nil
}

// connection is what the driver's connections can do.
type connection interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type watchedConn struct {
	connection
	road *Road
}

func (c watchedConn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

func (c watchedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	s, err := c.connection.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return watchedStmt{s.(watchable), query, c.road}, nil
}

func (c watchedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return changed(c.road.take(query), func() (driver.Result, error) { return c.connection.ExecContext(ctx, query, args) })
}

func (c watchedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := c.connection.QueryContext(ctx, query, args)
	return watchedRows{rows, c.road, c.road.take(query)}, err
}

type watchable interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type watchedStmt struct {
	watchable
	text string
	road *Road
}

func (s watchedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return changed(s.road.take(s.text), func() (driver.Result, error) { return s.watchable.ExecContext(ctx, args) })
}

func (s watchedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := s.watchable.QueryContext(ctx, args)
	return watchedRows{rows, s.road, s.road.take(s.text)}, err
}

// changed notes how many rows a statement changed. The driver says of others than these
// how many the last one before them did.
func changed(statement *Statement, exec func() (driver.Result, error)) (driver.Result, error) {
	res, err := exec()
	if err != nil || !slices.ContainsFunc([]string{"INSERT", "UPDATE", "DELETE"},
		func(verb string) bool { return strings.HasPrefix(statement.Text, verb) }) {
		return res, err
	}
	n, err := res.RowsAffected()
	statement.Changed = n
	return res, err
}

type watchedRows struct {
	driver.Rows
	road      *Road
	statement *Statement
}

func (r watchedRows) Next(dest []driver.Value) error {
	err := r.Rows.Next(dest)
	if err == nil {
		r.road.mu.Lock()
		defer r.road.mu.Unlock()
		r.statement.Found++
	}
	return err
}
