package sqlite

import (
	"context"
	"errors"
	"strings"

	"ostiary/internal/store"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
	"ostiary/internal/store/tables"
)

// dialect is SQLite's. It knows too little of how many rows have what to choose an index.
var dialect = &tables.Dialect{
	Indexed: func(index string) string {
		switch index {
		case tables.ByNumber:
			return "NOT INDEXED"
		case tables.TokenSerials:
			index = "sqlite_autoindex_token_1"
		case tables.UserNames:
			index = "sqlite_autoindex_user_1"
		}
		return "INDEXED BY " + index
	},
	Then:    "CROSS JOIN",
	Holds:   func(columns []string) string { return "holds(?, " + strings.Join(columns, ", ") + ")" },
	Among:   func(query string) string { return "IN (" + query + ")" },
	Numbers: each,
	Texts:   each,
	PerRow: func(table, few, beside, columns string) string {
		return "SELECT " + columns + " FROM json_each(?1) l LEFT JOIN " + table + " x ON x.id IN (" + few + ")" + beside
	},
	Insert:  tables.Values,
	AtOnce:  25,
	Reserve: reserve,
	Columns: func(tables string) string {
		return "SELECT m.name, c.name FROM sqlite_schema m CROSS JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND " +
			"m.name IN (" + tables + ") ORDER BY m.name, c.cid"
	},
	Highest:     highest,
	Raise:       raise,
	Load:        load,
	Tables:      "SELECT name FROM sqlite_master WHERE type = 'table'",
	CheckSchema: checkSchema,
	Schema:      checkSchemaVersion,
}

func each(argument string) string { return "SELECT value FROM json_each(" + argument + ")" }

// reserve goes by AUTOINCREMENT's own memory of the highest number that was ever used.
func reserve(ctx context.Context, q query.Conn, table string, n int) (first int64, err error) {
	last, err := highest(ctx, q, table)
	if err == nil {
		err = raise(ctx, q, table, last+int64(n))
	}
	return last + 1, err
}

func highest(ctx context.Context, q query.Conn, table string) (int64, error) {
	n, err := query.One(ctx, q, query.Value[int64], "SELECT seq FROM sqlite_sequence WHERE name = ?", table)
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return n, err
}

func raise(ctx context.Context, q query.Conn, table string, n int64) error {
	changed, err := q.Exec(ctx, "UPDATE sqlite_sequence SET seq = ? WHERE name = ?", n, table)
	if err == nil && changed == 0 {
		_, err = q.Exec(ctx, "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", table, n)
	}
	return err
}

func load(ctx context.Context, q query.Conn, table string, columns []string, next func() ([]any, error)) error {
	stmt := `INSERT INTO "` + table + `" ("` + strings.Join(columns, `", "`) + `") VALUES (` +
		query.RowsOf("?", len(columns)) + ")"
	for {
		row, err := next()
		if err != nil || row == nil {
			return err
		}
		if _, err := q.Exec(ctx, stmt, row...); err != nil {
			return err
		}
	}
}

func checkSchemaVersion(ctx context.Context, q query.Conn, g *proof.Guard) error {
	version, err := query.One(ctx, q, query.Value[int64], schemaVersionSQL)
	if err != nil {
		return err
	}
	return g.SchemaIs(version, func() error { return checkSchema(ctx, q) })
}
