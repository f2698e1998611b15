package serve

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"ostiary/internal/store"
	"ostiary/internal/test/cluster"
)

// testdata/kept holds databases that earlier versions have left, with data in each table
// that the version fills: NNNN-sqlite and NNNN-postgres are of schema NNNN. Each is the data
// directory of a stopped server, whose database is packed, and kept.json, which says what
// somebody knows who used it. Those up to 25 were made by the programs of that time; TestKeep
// makes the one of today (docs/architecture.md says when).
const keptFolder = "testdata/kept"

// known is kept.json. A pair is the serial of a token, and a code.
type known struct {
	Schema    int         `json:"schema"`
	At        time.Time   `json:"at"` // when the server was stopped
	Password  string      `json:"password,omitempty"`
	Key       string      `json:"key,omitempty"` // of an API key named radius
	User      string      `json:"user,omitempty"`
	Temporary string      `json:"temporary,omitempty"` // a temporary code of that user
	Used      [][2]string `json:"used"`                // accepted before At
	Next      [][2]string `json:"next"`                // to be accepted after it
}

// later is when a kept server is started again: the codes of the next 30 seconds count.
const later = 30 * time.Second

// unpacked is a kept data directory.
type unpacked struct {
	known
	data, url string // url is empty with SQLite
}

func (k unpacked) config() Config {
	return Config{Data: k.data, Database: k.url, NoStandby: k.url != "",
		Now: func() time.Time { return k.At.Add(later) }}
}

func unpack(t *testing.T, folder string) (k unpacked) {
	t.Helper()
	k.data = filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(k.data, 0o700); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		content, err := os.ReadFile(filepath.Join(folder, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		name, packed := strings.CutSuffix(f.Name(), ".gz")
		if packed {
			r, err := gzip.NewReader(bytes.NewReader(content))
			if err != nil {
				t.Fatal(err)
			}
			if content, err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		}
		switch name {
		case "kept.json":
			if err := json.Unmarshal(content, &k.known); err != nil {
				t.Fatalf("%s: %v", f.Name(), err)
			}
		case "database.sql":
			k.url = cluster.Restore(t, content)
		default:
			if err := os.WriteFile(filepath.Join(k.data, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return k
}

// works opens a kept server and demands that all works that did: what was used is used, what
// was not works, once, and the log and the state are whole; also after another start.
func (k unpacked) works(t *testing.T) {
	t.Helper()
	check := func(accepts bool, pairs [][2]string, s *Server) {
		t.Helper()
		for _, p := range pairs {
			if s.verify(t, store.Lookup{Serial: p[0]}, p[1]) != accepts {
				t.Errorf("code %s of token %s: accepted %t", p[1], p[0], !accepts)
			}
		}
	}
	for start := range 2 {
		s, err := Open(t.Context(), k.config())
		if err != nil {
			t.Fatal(err)
		}
		s.whole(t)
		check(false, k.Used, s)
		check(start == 0, k.Next, s)
		check(false, k.Next, s)
		if k.Temporary != "" {
			of := store.Lookup{User: k.User}
			if s.verify(t, of, k.Temporary) != (start == 0) || s.verify(t, of, k.Temporary) {
				t.Errorf("start %d: the temporary code is not accepted once", start)
			}
		}
		if k.Key != "" {
			if p, ok := s.keys.Principal(k.Key); !ok || p.Name != "key:radius" {
				t.Errorf("the API key is %+v, %t", p, ok)
			}
		}
		if k.Password != "" {
			if _, _, err := s.root.Start(t.Context(), k.Password, origin); err != nil {
				t.Errorf("ROOT's password: %v", err)
			}
		}
		if rep := s.whole(t); !rep.Whole() || s.degraded() {
			t.Errorf("start %d: degraded %t, findings %v", start, s.degraded(), rep.State.Findings)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// schema describes all tables, columns and indexes of a database.
func (k unpacked) schema(t *testing.T) string {
	t.Helper()
	if k.url == "" {
		return k.lines(t, "SELECT coalesce(sql, name) FROM sqlite_schema ORDER BY type, name")
	}
	return k.lines(t, `SELECT line FROM (
		SELECT c.relname || ' ' || a.attnum || ' ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' ||
			a.attnotnull || ' ' || a.attidentity::text || ' ' || coalesce(pg_get_expr(d.adbin, d.adrelid), '') || ' ' ||
			a.attcollation::regcollation || ' ' || coalesce(c.reloptions::text, '') AS line
			FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND
			d.adnum = a.attnum WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND
			NOT a.attisdropped
		UNION ALL SELECT pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class c ON c.oid = indrelid
			WHERE c.relnamespace = 'public'::regnamespace
		UNION ALL SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
			WHERE connamespace = 'public'::regnamespace
		UNION ALL SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace) l ORDER BY line`)
}

// lines runs a query of texts at the database of a stopped server.
func (k unpacked) lines(t *testing.T, query string) string {
	t.Helper()
	var all []string
	if k.url != "" {
		c, err := pgx.Connect(t.Context(), k.url)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }()
		rows, err := c.Query(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		if all, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			t.Fatal(err)
		}
		return strings.Join(all, "\n")
	}
	db, err := sql.Open("sqlite", filepath.Join(k.data, "ostiary.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		all = append(all, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, "\n")
}

// fresh gives the schema of a new database.
func freshSchema(t *testing.T, postgres bool) string {
	t.Helper()
	k := unpacked{data: filepath.Join(t.TempDir(), "data")}
	if postgres {
		k.url = cluster.Empty(t)
	}
	s, err := Open(t.Context(), Config{Data: k.data, Database: k.url, NoStandby: postgres})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return k.schema(t)
}

// What earlier versions have left works on, and has the schema of today.
func TestKeptDatabases(t *testing.T) {
	t.Parallel()
	folders, err := filepath.Glob(keptFolder + "/*")
	if err != nil || len(folders) < 12 {
		t.Fatalf("%d kept databases, %v", len(folders), err)
	}
	if !slices.ContainsFunc(folders, func(f string) bool { return strings.HasSuffix(f, "-postgres") }) {
		t.Error("no database of PostgreSQL is kept")
	}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			k := unpack(t, folder)
			if n := k.lines(t, "SELECT CAST(count(*) AS text) FROM schema_migration"); n != strings.TrimLeft(
				filepath.Base(folder)[:4], "0") {
				t.Errorf("it has %s migrations", n)
			}
			k.works(t)
			if diff := cmp.Diff(freshSchema(t, k.url != ""), k.schema(t)); diff != "" {
				t.Errorf("the schema (-new +upgraded):\n%s", diff)
			}
		})
	}
}
