package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // to compare with

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/query"
	"ostiary/internal/test/cluster"
)

func TestMain(m *testing.M) { os.Exit(cluster.Run(m)) }

// connect gives a connection to a schema of its own.
func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.WithoutCancel(t.Context())) })
	return c
}

func connOf(t *testing.T) conn {
	t.Helper()
	return conn{connect(t, cluster.Schema(t)), newStatements()}
}

// lite is SQLite under the same interface, as its package has it.
type lite struct{ db *sql.DB }

func (l lite) Query(ctx context.Context, stmt string, args ...any) (query.Rows, error) {
	rows, err := l.db.QueryContext(ctx, stmt, args...) //nolint:rowserrcheck // who reads them checks it
	if err != nil {
		return nil, err
	}
	return rows, nil
}

func (l lite) QueryRow(ctx context.Context, stmt string, args ...any) query.Scanner {
	rows, err := l.Query(ctx, stmt, args...)
	return firstRow{rows, err}
}

func (l lite) Exec(ctx context.Context, stmt string, args ...any) (int64, error) {
	res, err := l.db.ExecContext(ctx, stmt, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// both are the two databases with a table of each type.
func both(t *testing.T) map[string]query.Conn {
	t.Helper()
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	all := map[string]query.Conn{"sqlite": lite{db}, "postgres": connOf(t)}
	for name, stmt := range map[string]string{
		"sqlite":   "CREATE TABLE kind (n INTEGER, s TEXT, b BLOB) STRICT",
		"postgres": `CREATE TABLE kind (n bigint, s text COLLATE "C", b bytea)`,
	} {
		if _, err := all[name].Exec(t.Context(), stmt); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

type (
	named  string
	sealed []byte
)

// What goes in comes out, the same from both databases, wherever it is read into.
func TestValuesAreAsInSQLite(t *testing.T) {
	t.Parallel()
	seven, word := 7, "word"
	for name, c := range both(t) {
		for _, tt := range []struct {
			column string
			in     any
			dest   any // points to the zero value of what it is read into
			want   any
		}{
			{"n", 7, new(int), 7},
			{"n", int64(math.MinInt64), new(int64), int64(math.MinInt64)},
			{"n", int64(math.MaxInt64), new(any), int64(math.MaxInt64)},
			{"n", uint64(7), new(uint64), uint64(7)},
			{"n", uint8(200), new(uint8), uint8(200)},
			{"n", int16(-7), new(int32), int32(-7)},
			{"n", uint32(7), new(uint16), uint16(7)},
			{"n", token.ID(7), new(token.ID), token.ID(7)},
			{"n", token.Mark(-7), new(token.Mark), token.Mark(-7)},
			{"n", token.Valid, new(token.State), token.Valid},
			{"n", true, new(bool), true},
			{"n", false, new(bool), false},
			{"n", true, new(any), int64(1)},
			{"n", false, new(int), 0},
			{"n", &seven, new(int), 7},
			{"n", (*int)(nil), new(any), nil},
			{"n", nil, new(any), nil},
			{"n", nil, new(*int64), (*int64)(nil)},
			{"n", 7, new(*int), &seven},
			{"s", "text", new(string), "text"},
			{"s", "", new(string), ""},
			{"s", "über", new(any), "über"},
			{"s", token.Kind("software"), new(token.Kind), token.Kind("software")},
			{"s", named("named"), new(named), named("named")},
			{"s", "text", new([]byte), []byte("text")},
			{"s", nil, new([]byte), []byte(nil)},
			{"s", nil, new(*string), (*string)(nil)},
			{"s", &word, new(*string), &word},
			{"b", []byte{0, 255}, new([]byte), []byte{0, 255}},
			{"b", []byte{}, new([]byte), []byte(nil)},
			{"b", []byte(nil), new([]byte), []byte(nil)},
			{"b", []byte(nil), new(any), nil},
			{"b", []byte{}, new(any), []byte(nil)}, // and not nil
			{"b", []byte{1}, new(any), []byte{1}},
			{"b", sealed{1, 2}, new(sealed), sealed{1, 2}},
			{"b", sealed{1, 2}, new([]byte), []byte{1, 2}},
			{"b", []byte("text"), new(string), "text"},
			{"b", []byte{}, new(string), ""},
			{"b", sealed{}, new(sealed), sealed(nil)},
		} {
			what := fmt.Sprintf("%s: %T %v in %s, read into %T", name, tt.in, tt.in, tt.column, tt.dest)
			if _, err := c.Exec(t.Context(), "DELETE FROM kind"); err != nil {
				t.Fatal(err)
			}
			if n, err := c.Exec(t.Context(), "INSERT INTO kind ("+tt.column+") VALUES (?)", tt.in); err != nil || n != 1 {
				t.Errorf("%s: %d rows, %v", what, n, err)
				continue
			}
			if err := c.QueryRow(t.Context(), "SELECT "+tt.column+" FROM kind").Scan(tt.dest); err != nil {
				t.Errorf("%s: %v", what, err)
				continue
			}
			if diff := cmp.Diff(tt.want, reflect.ValueOf(tt.dest).Elem().Interface()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
	}
}

// What cannot be stored or read says so, in both databases.
func TestValuesThatDoNotFit(t *testing.T) {
	t.Parallel()
	for name, c := range both(t) {
		if _, err := c.Exec(t.Context(), "INSERT INTO kind (n, s, b) VALUES (?, ?, NULL)", 300, "text"); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			expr string
			dest any
		}{
			{"n", new(uint8)},
			{"n", new(bool)},
			{"-n", new(uint64)},
			{"s", new(int64)},
			{"s", new(bool)},
			{"b", new(string)},
			{"b", new(int64)},
			{"CAST(NULL AS bigint)", new(int)},
			{"n", new(struct{})},
			{"n", 7},
			{"n", (*int)(nil)},
		} {
			if err := c.QueryRow(t.Context(), "SELECT "+tt.expr+" FROM kind").Scan(tt.dest); err == nil {
				t.Errorf("%s: %s is read into %T", name, tt.expr, tt.dest)
			}
		}
		if err := c.QueryRow(t.Context(), "SELECT n, s FROM kind").Scan(new(int)); err == nil {
			t.Errorf("%s: two columns are read into one place", name)
		}
		for _, in := range []any{uint64(math.MaxInt64 + 1), struct{}{}, []int{1}} {
			if _, err := c.Exec(t.Context(), "INSERT INTO kind (n) VALUES (?)", in); err == nil {
				t.Errorf("%s: %T is stored", name, in)
			}
		}
	}
}

// A row, no row, several rows, their columns, changes and failures.
func TestConnIsAsSQLites(t *testing.T) {
	t.Parallel()
	for name, c := range both(t) {
		var n int64
		if err := c.QueryRow(t.Context(), "SELECT n FROM kind").Scan(&n); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: no row: %v", name, err)
		}
		if n, err := c.Exec(t.Context(), "INSERT INTO kind (n, s) VALUES (?1, ?2), (?1 + 1, ?2), (?3, 'it''s ?')", 1, "a",
			int64(1<<40)); err != nil || n != 3 {
			t.Errorf("%s: %d rows, %v", name, n, err)
		}
		if n, err := c.Exec(t.Context(), "UPDATE kind SET n = n + ? WHERE s = ?", int64(1<<40), "a"); err != nil || n != 2 {
			t.Errorf("%s: %d rows, %v", name, n, err)
		}
		if n, err := c.Exec(t.Context(), "DELETE FROM kind WHERE s = ?", "none"); err != nil || n != 0 {
			t.Errorf("%s: %d rows, %v", name, n, err)
		}
		ns, err := query.All(t.Context(), c, query.Value[int64], "SELECT n FROM kind WHERE n > ? + 0 ORDER BY n LIMIT ?",
			int64(1<<40), 5)
		if diff := cmp.Diff([]int64{1<<40 + 1, 1<<40 + 2}, ns); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
		if s, err := query.One(t.Context(), c, query.Value[string], "SELECT s FROM kind WHERE s LIKE '%?' AND n = ?",
			int64(1<<40)); err != nil || s != "it's ?" {
			t.Errorf("%s: %q, %v", name, s, err)
		}
		if is, err := query.One(t.Context(), c, query.Value[bool], "SELECT EXISTS (SELECT 1 FROM kind)"); err != nil || !is {
			t.Errorf("%s: exists: %v, %v", name, is, err)
		}
		if n, err := query.One(t.Context(), c, query.Value[int], "SELECT n > 0 FROM kind"); err != nil || n != 1 {
			t.Errorf("%s: a comparison as a number: %d, %v", name, n, err)
		}
		// What is left of an answer does not disturb the next statement.
		rows, err := c.Query(t.Context(), "SELECT n, s AS word FROM kind")
		if err != nil {
			t.Fatal(err)
		}
		if columns, err := rows.Columns(); err != nil || strings.Join(columns, " ") != "n word" {
			t.Errorf("%s: columns %q, %v", name, columns, err)
		}
		if !rows.Next() || rows.Close() != nil || rows.Err() != nil || rows.Next() {
			t.Errorf("%s: rows that are closed", name)
		}
		if _, err := query.All(t.Context(), c, query.Value[int64], "SELECT n FROM missing"); err == nil {
			t.Errorf("%s: a table that is not there is read", name)
		}
		if err := c.QueryRow(t.Context(), "SELECT n FROM missing").Scan(&n); err == nil ||
			errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: a row of a table that is not there: %v", name, err)
		}
		// An error behind the first rows is an error of the whole, and told once.
		_, err = query.All(t.Context(), c, query.Value[int64], "SELECT abs(n) FROM (SELECT n, 0 AS o FROM kind UNION ALL "+
			"SELECT -9223372036854775807 - 1, 1) AS x ORDER BY o")
		if err == nil || strings.Count(err.Error(), "\n") > 0 {
			t.Errorf("%s: an overflow: %v", name, err)
		}
		if n, err := query.One(t.Context(), c, query.Value[int], "SELECT count(*) FROM kind"); err != nil || n != 3 {
			t.Errorf("%s: %d rows, %v", name, n, err)
		}
	}
}

// A value that stands for itself has one of three types: another one would be another
// value in SQLite, and the digest of a row another one.
func TestOtherTypesStandForNothing(t *testing.T) {
	t.Parallel()
	c := connOf(t)
	for expr, want := range map[string]string{"1": "int4", "1 = 1": "bool", "sum(x)": "numeric", "NULL::boolean": "bool",
		"'a'::varchar": "varchar", "now()": "timestamptz"} {
		var v any
		err := c.QueryRow(t.Context(), "SELECT "+expr+" FROM (VALUES (1::bigint)) AS v (x) GROUP BY x").Scan(&v)
		if err == nil || !strings.Contains(err.Error(), want+" is neither bigint, text nor bytea: cast it") {
			t.Errorf("%s: %v, %v", expr, v, err)
		}
	}
	var n int64
	if err := c.QueryRow(t.Context(), "SELECT sum(x) FROM (VALUES (1::bigint)) AS v (x)").Scan(&n); err == nil {
		t.Error("a numeric is read into an integer")
	}
}

// A statement while the answer to another is read is a mistake, and is told.
func TestRowsThatAreOpen(t *testing.T) {
	t.Parallel()
	c := connOf(t)
	rows, err := c.Query(t.Context(), "SELECT x::bigint FROM generate_series(1, 100000) AS s (x)")
	if err != nil {
		t.Fatal(err)
	}
	if !rows.Next() {
		t.Fatal("no row")
	}
	if _, err := c.Exec(t.Context(), "SELECT ?", 1); err == nil || !strings.Contains(err.Error(), "conn busy") {
		t.Errorf("a second statement: %v", err)
	}
	if err := rows.Close(); err != nil {
		t.Error(err)
	}
	if n, err := query.One(t.Context(), c, query.Value[int64], "SELECT ?", 1); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
}
