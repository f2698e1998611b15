package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"sync"

	"ostiary/internal/store"
	"ostiary/internal/store/migrate"
	"ostiary/internal/store/query"
)

// A trigger or a view that somebody put into the file would change rows in the server's
// own transactions, which then vouches for them. So the schema must be to the letter
// the one that the migrations make.

const (
	// Tables of SQLite's own that ANALYZE makes are left out, and only those: so nothing else
	// gets by under a name that is like theirs.
	schemaSQL = "SELECT coalesce(group_concat(line, char(10) ORDER BY line), '') FROM (SELECT type || ' ' || name || " +
		"' ' || tbl_name || ' ' || coalesce(sql, '') AS line FROM sqlite_schema) WHERE line NOT IN (" +
		"'table sqlite_stat1 sqlite_stat1 CREATE TABLE sqlite_stat1(tbl,idx,stat)', " +
		"'table sqlite_stat4 sqlite_stat4 CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)')"

	// A number that every change of the schema changes, and a VACUUM.
	schemaVersionSQL = "PRAGMA schema_version"
)

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
		_, _, err = migrate.Up(context.Background(), target{db}, ms)
	}
	if err != nil {
		return "", err
	}
	return schemaOf(context.Background(), pool{db})
})

func schemaOf(ctx context.Context, q query.Conn) (string, error) {
	return query.One(ctx, q, query.Value[string], schemaSQL)
}

// checkSchema holds the schema of a database against the program's.
func checkSchema(ctx context.Context, q query.Conn) error {
	is, err := schemaOf(ctx, q)
	if err != nil {
		return err
	}
	return sameAsOwn(is)
}

func sameAsOwn(schema string) error {
	own, err := ownSchema()
	if err == nil && schema != own {
		err = errSchema
	}
	return err
}
