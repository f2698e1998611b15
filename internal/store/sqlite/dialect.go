package sqlite

import (
	"context"
	"errors"

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
	Then:        "CROSS JOIN",
	Numbers:     each,
	Texts:       each,
	Reserve:     reserve,
	Tables:      "SELECT name FROM sqlite_master WHERE type = 'table'",
	CheckSchema: checkSchema,
	Schema:      checkSchemaVersion,
}

func each(argument string) string { return "SELECT value FROM json_each(" + argument + ")" }

// reserve goes by AUTOINCREMENT's own memory of the highest number that was ever used.
func reserve(ctx context.Context, q query.Conn, table string, n int) (first int64, err error) {
	last, err := query.One(ctx, q, query.Value[int64], "SELECT seq FROM sqlite_sequence WHERE name = ?", table)
	switch {
	case errors.Is(err, store.ErrNotFound):
		_, err = q.Exec(ctx, "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", table, n)
	case err == nil:
		_, err = q.Exec(ctx, "UPDATE sqlite_sequence SET seq = seq + ? WHERE name = ?", n, table)
	}
	return last + 1, err
}

func checkSchemaVersion(ctx context.Context, q query.Conn, g *proof.Guard) error {
	version, err := query.One(ctx, q, query.Value[int64], schemaVersionSQL)
	if err != nil {
		return err
	}
	return g.SchemaIs(version, func() error { return checkSchema(ctx, q) })
}
