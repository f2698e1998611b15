package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"

	"ostiary/internal/store"
	"ostiary/internal/store/migrate"
)

// A trigger or a view that somebody put into the file would change rows in the server's
// own transactions, which then vouches for them. So the schema must be to the letter
// the one that the migrations make.

const schemaSQL = "SELECT type || ' ' || name || ' ' || tbl_name || ' ' || coalesce(sql, '') FROM sqlite_schema " +
	"WHERE name NOT LIKE 'sqlite_stat%' ORDER BY 1"

var errSchema = fmt.Errorf("%w: its tables, indexes or triggers are not those that this program made",
	store.ErrTampered)

// ownSchema is what the migrations of this program make.
var ownSchema = sync.OnceValues(func() (string, error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return "", err
	}
	defer db.Close()
	db.SetMaxOpenConns(1) // each connection has a memory of its own
	ms, err := migrations()
	if err == nil {
		_, err = migrate.Up(context.Background(), target{db}, ms)
	}
	if err != nil {
		return "", err
	}
	return schemaOf(context.Background(), db)
})

func schemaOf(ctx context.Context, q querier) (string, error) {
	all, err := queryAll(ctx, q, scanOne[string], schemaSQL)
	return strings.Join(all, "\n"), err
}

// checkSchema holds the schema of a database against the program's.
func checkSchema(ctx context.Context, q querier) error {
	want, err := ownSchema()
	if err != nil {
		return err
	}
	is, err := schemaOf(ctx, q)
	if err == nil && is != want {
		err = errSchema
	}
	return err
}
