package copying_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ostiary/internal/store"
	"ostiary/internal/store/copying"
	"ostiary/internal/store/postgres"
	"ostiary/internal/store/query"
	"ostiary/internal/store/sqlite"
	"ostiary/internal/store/tables"
	"ostiary/internal/test/cluster"
)

func TestMain(m *testing.M) { os.Exit(cluster.Run(m)) }

type database interface {
	copying.Database
	Close() error
}

func lite(t *testing.T) database {
	db, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "ostiary.db")})
	return closed(t, db, err)
}

func postgreSQL(t *testing.T) database {
	db, err := postgres.Open(t.Context(), postgres.Config{URL: cluster.Schema(t)})
	return closed(t, db, err)
}

func closed(t *testing.T, db database, err error) database {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func raw(t *testing.T, db database, write bool, fn func(tables.Raw) error) {
	t.Helper()
	if err := db.Raw(t.Context(), write, fn); err != nil {
		t.Fatal(err)
	}
}

func do(t *testing.T, db database, stmt string, args ...any) {
	t.Helper()
	raw(t, db, true, func(q tables.Raw) error {
		_, err := q.Exec(t.Context(), stmt, args...)
		return err
	})
}

// without are tables that are not filled: those that each database has for itself.
var without = []string{"schema_migration", "audit_arrival", "sqlite_sequence"}

// fill puts three rows into each table that a database has, whichever that is: with the
// largest numbers, texts beyond ASCII, no bytes, and NULL where it may be.
func fill(t *testing.T, db database) (filled int) {
	t.Helper()
	raw(t, db, true, func(q tables.Raw) error {
		left, err := query.All(t.Context(), q, query.Value[string], q.Tables)
		if err != nil {
			return err
		}
		left = slices.DeleteFunc(left, func(name string) bool { return slices.Contains(without, name) })
		filled = len(left)
		// What others refer to comes first, in the end.
		first := []string{"token_type", "import_run", "user", "token", "move"}
		slices.SortStableFunc(left, func(a, b string) int {
			place := func(s string) int { return (slices.Index(first, s) + len(first) + 1) % (len(first) + 1) }
			return place(a) - place(b)
		})
		for _, name := range left {
			if err := fillTable(t.Context(), q, name); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		for i, name := range []string{"user", "import_run", "token", "checkpoint", "activation", "node", "event"} {
			if err := q.Raise(t.Context(), q.Conn, name, int64(1000+i)); err != nil {
				return err
			}
		}
		return nil
	})
	return filled
}

var texts = []string{"ä", "t1", "T2 \U0001F600 'x' \"y\""}

func fillTable(ctx context.Context, q tables.Raw, name string) error {
	rows, err := q.Query(ctx, `SELECT * FROM "`+name+`"`)
	if err != nil {
		return err
	}
	columns, err := rows.Columns()
	if err = errors.Join(err, rows.Close()); err != nil {
		return err
	}
	if name == "audit_head" {
		_, err := q.Exec(ctx, "UPDATE audit_head SET frontier = ?, record = ?", []byte{}, []byte("a record"))
		return err
	}
	n := 0
	return q.Load(ctx, q.Conn, name, columns, func() ([]any, error) {
		if n++; n > 3 {
			return nil, nil
		}
		row := make([]any, len(columns))
		for i, column := range columns {
			row[i] = valueOf(name, column, n)
		}
		return row, nil
	})
}

// valueOf is what row n has. Numbers of rows agree, so that what one refers to is there.
func valueOf(table, column string, n int) any {
	nullable := map[string]bool{"hash": table == "enrolment", "tag": true, "mark": table == "token",
		"twin":   table == "condition",
		"record": true, "mac": true, "pin": true, "proof": table == "checkpoint", "receipt": table == "move_token",
		"device": true, "answer": true, "locator": true}
	blob := map[string]bool{"value": true, "wrapped": true, "vector": true, "issuer": table == "profile", "secret": true,
		"fingerprint": true, "entry": true, "frontier": true, "record": true, "mac": true, "tag": true, "data": true,
		"state": table == "audit_seam", "file": true, "line": table == "seam_state", "proof": true, "digest": true,
		"receipt": true, "pin": true, "device": true, "registration": true, "password": table != "admin",
		"request": table != "job",
		"answer":  true, "confirm": true, "key": table == "move", "hash": table == "enrolment" || table == "api_key",
		"id": table == "session" || table == "passkey", "public_key": true, "aaguid": true, "passkey": true,
		"body": true}
	text := map[string]bool{"name": true, "kek": true, "role": true, "purpose": true, "label": true, "batch": true,
		"note": true, "supplier": true, "format": true, "actor": true, "remarks": true, "series": true, "failure": true,
		"kind": true, "type": true, "manufacturer": true, "serial": true, "key_id": true, "algorithm": true,
		"hash": !blob["hash"], "suite": true, "model": true, "issuer": !blob["issuer"], "state_reason": true,
		"outcome": true, "reason": true, "policy": true, "prefix": true, "activation": true, "profile": true, "product": true,
		"id": table == "api_key" || table == "move" || table == "admin", "key": table == "api_key_use",
		"move": true, "caller": true,
		"what": true, "about": true, "who": true, "route": true, "counters": true, "device_mark": true, "device_name": true,
		"locator": true, "password": true, "admin": true, "host": true, "source": true, "agent": true, "factor": true,
		"challenge": true, "message": true, "way": true, "subject": true, "problem": true, "request": true, "detail": true,
		"actor_id": true, "list": true, "query": true, "stopped": true, "user": table == "job_row"}
	switch {
	case nullable[column] && n == 1:
		return nil
	case blob[column] && n == 2:
		return []byte{}
	case blob[column]:
		return []byte{0, 0xFF, byte(n)}
	case text[column]:
		return texts[n-1] + strings.Repeat("é", n)
	case column == "next" && table == "token_series":
		return int64(n + 10)
	case column == "newest":
		return int64(1<<63 - 1)
	case strings.HasPrefix(table, "decoy"):
		return int64(n + 2000) // there are some
	}
	return int64(n)
}

// A copy is as its source in all tables, through both databases and back; and a new row has a
// number that none had. What was in the target is gone.
func TestCopy(t *testing.T) {
	t.Parallel()
	first := lite(t)
	if n := fill(t, first); n < 40 {
		t.Fatalf("%d tables were filled", n)
	}
	var before []copying.Table
	at := first
	for i, open := range []func(*testing.T) database{postgreSQL, lite, lite, postgreSQL, postgreSQL} {
		to := open(t)
		do(t, to, `INSERT INTO setting (name, value) VALUES ('of an unfinished copy', ?)`, []byte{1})
		calls, last, of := 0, int64(0), int64(0)
		copied, err := copying.Copy(t.Context(), at, to, nil, func(_ string, done, all int64) {
			calls++
			last, of = done, all
		})
		if err != nil {
			t.Fatalf("copy %d: %v", i, err)
		}
		if len(copied) < 40 || calls < 200 || last != of || int64(calls) != of {
			t.Errorf("copy %d: %d tables, %d calls, at last %d of %d", i, len(copied), calls, last, of)
		}
		for k, c := range copied {
			if c.Rows == 0 || before != nil && c != before[k] {
				t.Errorf("copy %d: %s has %d rows, %x", i, c.Name, c.Rows, c.Sum)
			}
		}
		for k, table := range []string{"user", "import_run", "token", "checkpoint", "activation", "node", "event"} {
			raw(t, to, false, func(q tables.Raw) error {
				n, err := q.Highest(t.Context(), q.Conn, table)
				if n != int64(1000+k) {
					t.Errorf("copy %d: the highest number of %s is %d", i, table, n)
				}
				return err
			})
		}
		before, at = copied, to
	}
	do(t, at, "INSERT INTO node (name, started, seen) VALUES ('new', 1, 1)")
	raw(t, at, false, func(q tables.Raw) error {
		id, err := query.One(t.Context(), q, query.Value[int64], "SELECT max(id) FROM node")
		if id != 1006 {
			t.Errorf("a new node is number %d", id)
		}
		return err
	})
}

// A table that is not in the list ends a copy, so that none is forgotten; so does a target
// that another has filled since, and a source whose log is not whole. Nothing is changed.
func TestCopyIsRefused(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) database{"SQLite": lite, "PostgreSQL": postgreSQL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			from, to := open(t), open(t)
			do(t, to, "INSERT INTO setting (name, value) VALUES ('kept', ?)", []byte{1})
			kept := func(when string) {
				t.Helper()
				raw(t, to, false, func(q tables.Raw) error {
					n, err := query.One(ctx, q, query.Value[int], "SELECT count(*) FROM setting WHERE name = 'kept'")
					if n != 1 {
						t.Errorf("%s: the target was changed", when)
					}
					return err
				})
			}
			if _, err := copying.Copy(ctx, from, to, new([32]byte), nil); !errors.Is(err, copying.ErrOther) {
				t.Errorf("to a target that is another one: %v", err)
			}
			kept("another target")
			do(t, to, "UPDATE audit_head SET record = ?", []byte("a record"))
			for _, config := range []*[32]byte{nil, {}} {
				if _, err := copying.Copy(ctx, from, to, config, nil); !errors.Is(err, copying.ErrOther) {
					t.Errorf("to a target that was filled: %v", err)
				}
			}
			kept("a target that was filled")
			do(t, to, "UPDATE audit_head SET record = NULL")
			do(t, from, "INSERT INTO audit_arrival (id, stream, n, entry) VALUES (1, 1, 1, ?)", []byte{1})
			if _, err := copying.Copy(ctx, from, to, nil, nil); !errors.Is(err, copying.ErrAtWork) {
				t.Errorf("with entries that have no place: %v", err)
			}
			kept("a source at work")
			do(t, from, "DELETE FROM audit_arrival")
			do(t, from, "CREATE TABLE forgotten (id BIGINT PRIMARY KEY)")
			if _, err := copying.Copy(ctx, from, to, nil, nil); !errors.Is(err, store.ErrTampered) ||
				!strings.Contains(err.Error(), "forgotten") {
				t.Errorf("with a table that is not in the list: %v", err)
			}
			kept("a foreign table")
			if _, err := copying.Copy(ctx, to, from, nil, nil); !errors.Is(err, store.ErrTampered) {
				t.Errorf("to a target with a table that is not in the list: %v", err)
			}
		})
	}
}

// changing is a target whose rows are others when they are read again.
type changing struct {
	database
	stmt string
}

func (c changing) Raw(ctx context.Context, write bool, fn func(tables.Raw) error) error {
	return c.database.Raw(ctx, write, func(q tables.Raw) error {
		own := *q.Dialect
		load := own.Load
		own.Load = func(ctx context.Context, on query.Conn, table string, columns []string,
			next func() ([]any, error)) error {
			err := load(ctx, on, table, columns, next)
			if err == nil && table == "audit_head" { // the last
				_, err = q.Exec(ctx, c.stmt)
			}
			return err
		}
		q.Dialect = &own
		return fn(q)
	})
}

// What the target makes of the rows is compared, to the byte.
func TestCopyIsCompared(t *testing.T) {
	t.Parallel()
	from := lite(t)
	fill(t, from)
	for _, stmt := range []string{"DELETE FROM memo WHERE n = 2", "UPDATE token SET tag = x'' WHERE id = 1",
		"UPDATE condition SET next = next + 1 WHERE token = 3", "UPDATE audit_head SET mac = x'01'",
		"INSERT INTO retired SELECT x'77', 7, 0"} {
		to := lite(t)
		_, err := copying.Copy(t.Context(), from, changing{to, stmt}, nil, nil)
		if err == nil || !strings.Contains(err.Error(), "is not as it was written") {
			t.Errorf("%s: %v", stmt, err)
		}
		raw(t, to, false, func(q tables.Raw) error {
			n, err := query.One(t.Context(), q, query.Value[int], "SELECT count(*) FROM audit_entry")
			if n != 0 {
				t.Errorf("%s: the copy was kept", stmt)
			}
			return err
		})
	}
}
