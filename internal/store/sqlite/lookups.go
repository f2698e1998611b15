package sqlite

import (
	"context"
	"database/sql"
	"slices"

	"ostiary/internal/store"
	"ostiary/internal/store/query"
	"ostiary/internal/store/tables"
)

// lookups runs statements of tables.Lookups, each prepared once per connection.
type lookups map[string]*sql.Stmt

func prepareLookups(ctx context.Context, db *sql.DB) (lookups, error) {
	l := lookups{}
	for _, text := range tables.NewLookups(nil, nil, dialect).Statements() {
		stmt, err := db.PrepareContext(ctx, text)
		if err != nil {
			return nil, err
		}
		l[text] = stmt
	}
	return l, nil
}

func (l lookups) Query(ctx context.Context, text string, args ...any) (query.Rows, error) {
	return rowsOrNone(l[text].QueryContext(ctx, args...))
}

func (l lookups) QueryRow(ctx context.Context, text string, args ...any) query.Scanner {
	return oneRow{l[text].QueryRowContext(ctx, args...)}
}

// Exec changes nothing: lookups only read.
func (l lookups) Exec(context.Context, string, ...any) (int64, error) { return 0, ErrReadOnly }

// Candidates finds tokens in the cache, else in the file.
func (db *DB) Candidates(ctx context.Context, l store.Lookup, fresh bool) (store.Found, error) {
	key := keyOf(l)
	f, generation, ok := db.cache.get(key)
	if ok && !fresh {
		return f, nil
	}
	f, err := db.lookups.Find(ctx, l)
	if err != nil {
		return store.Found{}, db.disk.unavailable(err)
	}
	if trusted(f) {
		db.cache.put(key, f, generation)
	}
	f.Fresh = true
	return f, nil
}

// trusted reports whether all rows of what was found are as this program wrote them.
func trusted(f store.Found) bool {
	return !f.Forged && !slices.ContainsFunc(f.Candidates, func(c store.Candidate) bool { return c.Forged })
}
