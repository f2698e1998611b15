package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"ostiary/internal/store"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
	"ostiary/internal/store/tables"
)

// dialect is PostgreSQL's. It chooses indexes and the order of joins itself, by its
// statistics, but where lists are read (asWritten); greatest and least are its own.
var dialect = &tables.Dialect{
	Indexed:   func(string) string { return "" },
	Then:      "JOIN",
	Reordered: true,
	Holds:     holds,
	// IN would become a join, whose place is behind those that are written.
	Among: func(query string) string { return "= ANY (ARRAY(" + query + "))" },
	Numbers: func(argument string) string {
		return "SELECT CAST(n AS bigint) FROM json_array_elements_text(CAST(" + argument + " AS json)) AS list (n)"
	},
	Texts: func(argument string) string {
		return `SELECT t COLLATE "C" FROM json_array_elements_text(CAST(` + argument + " AS json)) AS list (t)"
	},
	// OFFSET keeps the planner from joining whole tables to all rows at once.
	PerRow: func(_, few, beside, columns string) string {
		return "SELECT found.* FROM json_array_elements(CAST(?1 AS json)) AS l (value) CROSS JOIN LATERAL (SELECT " +
			columns + " FROM (SELECT 1) one LEFT JOIN (" + few + ") x ON true" + beside + " OFFSET 0) found"
	},
	Insert:  insert,
	AtOnce:  1000,
	Reserve: reserve,
	Columns: func(tables string) string {
		return "SELECT c.relname::text, a.attname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid " +
			"WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND c.relname IN (" + tables + ") AND " +
			"a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum"
	},
	Highest:     highest,
	Raise:       raise,
	Load:        load,
	Tables:      "SELECT relname::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'",
	CheckSchema: checkSchema,
}

// holds is worded out: a function of the database would take longer for a row than all else.
func holds(columns []string) string {
	each := make([]string, len(columns))
	for i, column := range columns {
		each[i] = "position(? IN lower(" + column + ` COLLATE "und-x-icu")) > 0`
	}
	return "(" + strings.Join(each, " OR ") + ")"
}

// ownDialect gives that of one database. A schema that was found to be right is taken to be
// so for a while (versionEvery).
func ownDialect(v *versions) *tables.Dialect {
	d := *dialect
	d.Schema = func(ctx context.Context, q query.Conn, g *proof.Guard) error {
		if v.fresh() {
			return nil
		}
		err := v.usable(ctx, q)
		if err == nil && g.Begun() {
			if err = checkSchema(ctx, q); errors.Is(err, store.ErrTampered) {
				return g.Stop(err)
			}
		}
		if err == nil {
			v.found()
		}
		return err
	}
	return &d
}

// reserveRuns bounds how often n numbers are drawn until they follow each other: another
// node may draw some between.
const reserveRuns = 100

// reserve draws from the sequence of a table. What was drawn in vain is not used.
func reserve(ctx context.Context, q query.Conn, table string, n int) (first int64, err error) {
	for range reserveRuns {
		var last int64
		err := q.QueryRow(ctx, "SELECT coalesce(min(n), 0), coalesce(max(n), -1) FROM (SELECT nextval(s.sequence) AS n "+
			"FROM (SELECT pg_get_serial_sequence(?1, 'id')::regclass AS sequence OFFSET 0) s "+
			"CROSS JOIN generate_series(1, ?2)) drawn", table, n).Scan(&first, &last)
		if err != nil {
			return 0, err
		}
		if last-first == int64(n)-1 {
			return first, nil
		}
	}
	return 0, fmt.Errorf("%w: no %d numbers of table %s follow each other", store.ErrUnavailable, n, table)
}

func highest(ctx context.Context, q query.Conn, table string) (int64, error) {
	// The sequence itself says whether it was drawn from; its name may need quotes.
	name, err := query.One(ctx, q, query.Value[string], "SELECT pg_get_serial_sequence(quote_ident(?), 'id')::text", table)
	if err != nil {
		return 0, err
	}
	return query.One(ctx, q, query.Value[int64], "SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM "+
		name)
}

func raise(ctx context.Context, q query.Conn, table string, n int64) error {
	_, err := q.Exec(ctx, "SELECT setval(pg_get_serial_sequence(quote_ident(?1), 'id'), greatest(?2, 1), ?2 > 0)", table, n)
	return err
}

// load copies rows, and has the planner know of them: no statement waits for autovacuum.
func load(ctx context.Context, q query.Conn, table string, columns []string, next func() ([]any, error)) error {
	_, err := q.(conn).on.(pgx.Tx).CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromFunc(next))
	if err == nil {
		_, err = q.Exec(ctx, "ANALYZE "+pgx.Identifier{table}.Sanitize())
	}
	return err
}

// ownFunctions are those that the migrations make. Lists of an older version use holds.
const ownFunctions = "'holds'"

// What could change rows in the server's own transactions, or show it others than there
// are: triggers, rules, views in the place of tables, policies, and functions.
const foreignSQL = `SELECT coalesce(string_agg(what, ', ' ORDER BY what), '') FROM (
	SELECT 'trigger ' || t.tgname AS what FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
		WHERE NOT t.tgisinternal AND c.relnamespace = current_schema()::regnamespace
	UNION ALL SELECT 'rule ' || r.rulename FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
		WHERE c.relnamespace = current_schema()::regnamespace
	UNION ALL SELECT 'relation ' || relname FROM pg_class
		WHERE relnamespace = current_schema()::regnamespace AND relkind NOT IN ('r', 'i', 'S', 't')
	UNION ALL SELECT 'policy ' || p.polname FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
		WHERE c.relnamespace = current_schema()::regnamespace
	UNION ALL SELECT 'function ' || proname FROM pg_proc
		WHERE pronamespace = current_schema()::regnamespace AND proname NOT IN (` + ownFunctions + `)) found`

func checkSchema(ctx context.Context, q query.Conn) error {
	found, err := query.One(ctx, q, query.Value[string], foreignSQL)
	if err == nil && found != "" {
		err = fmt.Errorf("%w: it has what this program did not make: %s", store.ErrTampered, found)
	}
	return err
}
