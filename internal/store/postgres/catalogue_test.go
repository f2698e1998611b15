package postgres

import (
	"database/sql"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ostiary/internal/store/query"
	"ostiary/internal/test/cluster"
)

// table is what both databases tell of one.
type table struct {
	Columns []column // in their order
	Primary string
	Unique  []string          // the columns of each constraint
	Indexes map[string]string // by name: columns, and what is said of them
	Foreign []string
}

type column struct {
	Name, Type string
	Null       bool
	Default    string
}

// The tables of PostgreSQL are those of SQLite: by the names of tables and indexes, the
// columns and their order, what may be NULL, defaults, constraints, and the rows that the
// migrations put in.
func TestTablesAreSQLites(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	names, err := filepath.Glob("../sqlite/migrations/*.sql")
	if err != nil || len(names) < 21 {
		t.Fatalf("%d migrations, %v", len(names), err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), string(text)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	ms, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	own := make([]string, len(ms))
	for i, m := range ms {
		own[i] = m.Name
	}
	for i := range names {
		names[i] = strings.TrimSuffix(filepath.Base(names[i])[5:], ".sql")
	}
	if diff := cmp.Diff(names, own); diff != "" {
		t.Errorf("steps (-sqlite +postgres):\n%s", diff)
	}
	on := connect(t, cluster.Schema(t))
	if n, _, err := up(t.Context(), on, ms); err != nil || n != len(ms) {
		t.Fatalf("%d migrations, %v", n, err)
	}
	c := conn{on, newStatements()}
	theirs, ours := ofSQLite(t, lite{db}), ofPostgres(t, c)
	delete(ours, "schema_migration")
	if len(theirs) < 30 || len(theirs["condition"].Columns) < 13 || len(theirs["token"].Indexes) < 6 {
		t.Fatalf("of SQLite %d tables were read", len(theirs))
	}
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Errorf("tables (-sqlite +postgres):\n%s", diff)
	}
	for name, table := range theirs {
		if diff := cmp.Diff(content(t, lite{db}, name, table), content(t, c, name, table)); diff != "" {
			t.Errorf("rows of %s (-sqlite +postgres):\n%s", name, diff)
		}
	}
}

// content are the rows that a new database has.
func content(t *testing.T, c query.Conn, name string, of table) [][]any {
	t.Helper()
	rows, err := query.All(t.Context(), c, func(s query.Scanner) ([]any, error) {
		values, dest := make([]any, len(of.Columns)), make([]any, len(of.Columns))
		for i := range values {
			dest[i] = &values[i]
		}
		return values, s.Scan(dest...)
	}, `SELECT * FROM "`+name+`" ORDER BY 1`)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return rows
}

// texts reads rows of texts.
func texts(t *testing.T, c query.Conn, stmt string, args ...any) [][]string {
	t.Helper()
	all, err := query.All(t.Context(), c, func(s query.Scanner) ([]string, error) {
		rows := s.(query.Rows)
		names, err := rows.Columns()
		if err != nil {
			return nil, err
		}
		values, dest := make([]string, len(names)), make([]any, len(names))
		for i := range values {
			dest[i] = &values[i]
		}
		return values, s.Scan(dest...)
	}, stmt, args...)
	if err != nil {
		t.Fatalf("%s: %v", stmt, err)
	}
	return all
}

func ofSQLite(t *testing.T, c query.Conn) map[string]table {
	t.Helper()
	all := map[string]table{}
	for _, row := range texts(t, c, "SELECT name FROM sqlite_schema WHERE type = 'table' AND "+
		"name NOT LIKE 'sqlite_%'") {
		name := row[0]
		t1 := table{Indexes: map[string]string{}}
		for _, r := range texts(t, c, `SELECT name, type, CASE WHEN "notnull" OR pk THEN '' ELSE 'NULL' END,
			coalesce(dflt_value, '') FROM pragma_table_info(?)`, name) {
			t1.Columns = append(t1.Columns, column{r[0],
				map[string]string{"INTEGER": "bigint", "TEXT": "text", "BLOB": "bytea"}[r[1]], r[2] != "", r[3]})
		}
		t1.Primary = texts(t, c, "SELECT coalesce(group_concat(name, ', ' ORDER BY pk), '') FROM pragma_table_info(?) "+
			"WHERE pk > 0", name)[0][0]
		for _, r := range texts(t, c, `SELECT l.name, l.origin, CASE WHEN l."unique" THEN 'UNIQUE ' ELSE '' END,
			(SELECT group_concat(coalesce(i.name, '(1)'), ', ' ORDER BY i.seqno) FROM pragma_index_info(l.name) i),
			coalesce((SELECT sql FROM sqlite_schema s WHERE s.name = l.name), '') FROM pragma_index_list(?) l`, name) {
			switch r[1] {
			case "c":
				_, where, _ := strings.Cut(r[4], " WHERE ")
				t1.Indexes[r[0]] = r[2] + "(" + r[3] + ")" + bare(where)
			case "u":
				t1.Unique = append(t1.Unique, r[3])
			}
		}
		for _, r := range texts(t, c, `SELECT "from", "table", "to", on_delete FROM pragma_foreign_key_list(?)`, name) {
			t1.Foreign = append(t1.Foreign, strings.Join(r, " "))
		}
		all[name] = t1.likeSQLites()
	}
	return all
}

func ofPostgres(t *testing.T, c query.Conn) map[string]table {
	t.Helper()
	all := map[string]table{}
	for _, row := range texts(t, c, "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND "+
		"relnamespace = current_schema()::regnamespace") {
		name := row[0]
		t1 := table{Indexes: map[string]string{}}
		for _, r := range texts(t, c, `SELECT attname::text, format_type(atttypid, atttypmod),
			CASE WHEN attnotnull THEN '' ELSE 'NULL' END, coalesce(pg_get_expr(adbin, adrelid), ''),
			CASE WHEN atttypid <> 'text'::regtype OR (SELECT collname FROM pg_collation o WHERE o.oid = attcollation) = 'C'
				THEN '' ELSE 'of another collation' END
			FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
			WHERE attrelid = quote_ident(?)::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`, name) {
			t1.Columns = append(t1.Columns, column{r[0], r[1] + r[4], r[2] != "",
				quoted.ReplaceAllString(typed.ReplaceAllString(r[3], ""), "$1")})
		}
		for _, r := range texts(t, c, `SELECT i.relname::text, CASE WHEN indisprimary THEN 'p'
				WHEN EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype = 'u') THEN 'u' ELSE 'c' END,
			CASE WHEN indisunique THEN 'UNIQUE ' ELSE '' END,
			(SELECT string_agg(pg_get_indexdef(indexrelid, k, false), ', ' ORDER BY k) FROM generate_series(1, indnatts) k),
			coalesce(pg_get_expr(indpred, indrelid), '')
			FROM pg_index JOIN pg_class i ON i.oid = indexrelid WHERE indrelid = quote_ident(?)::regclass`, name) {
			columns := strings.ReplaceAll(r[3], `"`, "")
			switch r[1] {
			case "p":
				t1.Primary = columns
			case "u":
				t1.Unique = append(t1.Unique, columns)
			default:
				t1.Indexes[r[0]] = r[2] + "(" + columns + ")" + bare(r[4])
			}
		}
		for _, r := range texts(t, c, `SELECT f.attname::text, p.relname::text, a.attname::text,
			CASE confdeltype WHEN 'a' THEN 'NO ACTION' WHEN 'c' THEN 'CASCADE' ELSE 'another' END
			FROM pg_constraint JOIN pg_class p ON p.oid = confrelid
			JOIN pg_attribute f ON f.attrelid = conrelid AND f.attnum = conkey[1]
			JOIN pg_attribute a ON a.attrelid = confrelid AND a.attnum = confkey[1]
			WHERE contype = 'f' AND conrelid = quote_ident(?)::regclass`, name) {
			t1.Foreign = append(t1.Foreign, strings.Join(r, " "))
		}
		all[name] = t1.likeSQLites()
	}
	return all
}

// likeSQLites leaves out of indexes what SQLite's all end with: the number of the row.
func (t table) likeSQLites() table {
	slices.Sort(t.Foreign)
	if i := slices.IndexFunc(t.Columns, func(c column) bool { return c.Name == t.Primary }); i >= 0 &&
		t.Columns[i].Type == "bigint" {
		for name, index := range t.Indexes {
			t.Indexes[name] = strings.Replace(index, ", "+t.Primary+")", ")", 1)
		}
	}
	return t
}

var (
	typed  = regexp.MustCompile(`::[a-z]+`)
	quoted = regexp.MustCompile(`^'(-?[0-9]+)'$`) // a number that is no int4
	marks  = regexp.MustCompile(`[()'" ]`)
)

// bare is a condition without what each database adds to it.
func bare(condition string) string {
	if condition == "" {
		return ""
	}
	return " WHERE " + marks.ReplaceAllString(typed.ReplaceAllString(condition, ""), "")
}
