package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"ostiary/internal/store"
	"ostiary/internal/store/query"
	"ostiary/internal/store/tables"
)

// lookups are those of the file, each statement prepared once per connection.
type lookups struct {
	tables.Lookups
	prepared map[string]*sql.Stmt
}

func prepareLookups(ctx context.Context, db *sql.DB, of tables.Lookups) (lookups, error) {
	l := lookups{of, map[string]*sql.Stmt{}}
	for _, text := range of.Statements() {
		stmt, err := db.PrepareContext(ctx, text) //nolint:sqlclosecheck // kept as long as the database is open
		if err != nil {
			return l, fmt.Errorf("prepare %q: %w", text, err)
		}
		l.prepared[text] = stmt
	}
	return l, nil
}

func (l lookups) Query(ctx context.Context, text string, args ...any) (query.Rows, error) {
	return rowsOrNone(l.prepared[text].QueryContext(ctx, args...))
}

func (l lookups) QueryRow(ctx context.Context, text string, args ...any) query.Scanner {
	return oneRow{l.prepared[text].QueryRowContext(ctx, args...)}
}

// Exec changes nothing: lookups only read.
func (l lookups) Exec(context.Context, string, ...any) (int64, error) { return 0, tables.ErrReadOnly }

// Candidates finds tokens in the cache, else in the file.
func (db *DB) Candidates(ctx context.Context, l store.Lookup, fresh bool) (store.Found, error) {
	if !fresh {
		if f, ok := db.names.Found.Get(l); ok {
			return f, nil
		}
	}
	db.asked.Add(1)
	f, err := db.rounds.Ask(ctx, l)
	if err != nil {
		return store.Found{}, db.disk.unavailable(err)
	}
	f.Fresh = true
	return f, nil
}

// find finds tokens in the file, and keeps them in the cache.
func (db *DB) find(ctx context.Context, ls []store.Lookup) ([]store.Found, error) {
	return db.names.Keep(ls, func() ([]store.Found, error) { return db.lookups.Find(ctx, db.lookups, ls) })
}
