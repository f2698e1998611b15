package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/internal/store/auditlog"
	"ostiary/internal/store/query"
	"ostiary/internal/store/tables"
)

var _ store.DB = (*DB)(nil)

// View runs fn over one snapshot.
func (db *DB) View(ctx context.Context, fn func(store.Reader) error) error {
	return db.read(ctx, db.reads, fn)
}

// Browse is View, on connections of its own.
func (db *DB) Browse(ctx context.Context, fn func(store.Reader) error) error {
	return db.read(ctx, db.browses, fn)
}

func (db *DB) read(ctx context.Context, pool *pgxpool.Pool, fn func(store.Reader) error) error {
	if err := db.versions.err(); err != nil {
		return err
	}
	return view(ctx, pool, db.kept, func(q query.Conn) error {
		r := tables.NewReader(ctx, q, db.guard, db.dialect, nil, db.listed)
		r.Reader = r.WithArrivals()
		return fn(&r)
	})
}

// indexed is the database as its indexer sees it: without the entries that have no place.
type indexed struct{ *DB }

func (i indexed) Read(ctx context.Context, do func(auditlog.Reader) error) error {
	return view(ctx, i.browses, i.kept, func(q query.Conn) error { return do(auditlog.NewReader(ctx, q, nil)) })
}

func (i indexed) Write(ctx context.Context, do func(auditlog.Writer) error) error {
	return i.Update(ctx, func(t store.Tx) error { return do(t.(*tables.Tx).Index()) })
}

// Update runs fn alone on all nodes. It may run more than once.
func (db *DB) Update(ctx context.Context, fn func(store.Tx) error) error {
	return db.line.Update(ctx, fn)
}

// Attempt decides one code.
func (db *DB) Attempt(ctx context.Context, a store.Attempt) (store.Outcome, error) {
	return db.line.Attempt(ctx, a)
}

// Candidates finds tokens in the cache, else in the database. A change on another node is
// noticed when the code is decided (follow.go).
func (db *DB) Candidates(ctx context.Context, l store.Lookup, fresh bool) (store.Found, error) {
	if !fresh {
		if f, ok := db.names.Found.Get(l); ok {
			return f, nil
		}
	}
	f, err := db.rounds.Ask(ctx, l)
	f.Fresh = err == nil
	return f, err
}

// find finds tokens in the database, and keeps them in the cache. Lookups need no
// transaction, whose begin and end would cost as much as they do. A server that does not
// answer soon does not answer: whoever presents a code is told so, and the next lookups are
// not kept waiting.
func (db *DB) find(ctx context.Context, ls []store.Lookup) ([]store.Found, error) {
	if err := db.versions.err(); err != nil {
		return nil, err
	}
	soon, end := context.WithTimeout(ctx, hangsAfter)
	defer end()
	c, err := db.reads.Acquire(soon)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	defer c.Release()
	return db.names.Keep(ls, func() ([]store.Found, error) {
		found, err := db.lookups.Find(soon, conn{c.Conn(), db.kept}, ls)
		if err != nil && soon.Err() != nil && ctx.Err() == nil {
			return nil, fmt.Errorf("%w: PostgreSQL has not answered a lookup for %v: %w", store.ErrUnavailable, hangsAfter,
				err)
		}
		return found, worded(c.Conn(), err)
	})
}

// Check reads one row, and tells how the last commit went. A server that does not answer
// soon does not answer.
func (db *DB) Check(ctx context.Context) error {
	if db.guard.Stopped() {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, store.ErrTampered)
	}
	if err := errors.Join(db.versions.err(), db.watch.Check()); err != nil {
		return err
	}
	ctx, end := context.WithTimeout(ctx, hangsAfter)
	defer end()
	return view(ctx, db.reads, db.kept, func(q query.Conn) error {
		_, err := query.One(ctx, q, query.Value[int], "SELECT count(*) FROM audit_head")
		return err
	})
}

// Protect checks the head and what it vouches for.
func (db *DB) Protect(ctx context.Context, key *seal.Integrity, alarm func(store.Alarm)) (bool, error) {
	if err := db.guard.Use(key, alarm); err != nil {
		return false, err
	}
	// A migration leaves the digest of the small tables as it was, unless it changes what was
	// in them. That of before may be overtaken by a node of the older version.
	vouched := func(config *[32]byte) error {
		return db.View(ctx, func(r store.Reader) error { return r.(*tables.Reader).Vouched(config) })
	}
	err, changed := vouched(nil), false
	if db.migrated && errors.Is(err, tables.ErrConfig) {
		changed, err = true, vouched(&db.before)
	}
	begun := db.guard.Begun()
	if err != nil || !begun {
		return false, err
	}
	err = db.Update(ctx, func(s store.Tx) error {
		t := s.(*tables.Tx)
		if changed {
			t.Migrated()
		}
		return t.Index().CheckIndex()
	})
	return true, errors.Join(err, tables.TagFurther(ctx, db))
}
