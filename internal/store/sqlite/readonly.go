package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/internal/store/migrate"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
	"ostiary/internal/store/tables"
)

// ErrReadOnly is what a change of a database says that was opened to be read.
var ErrReadOnly = errors.New("the database was opened to be read only")

// ReadOnly is a database that no server has open, to be read. It changes no byte.
type ReadOnly struct {
	reads *sql.DB
	disk  disk
	guard *proof.Guard
}

var _ store.DB = (*ReadOnly)(nil)

// OpenReadOnly opens a database that is there. Nobody may write to it meanwhile.
func OpenReadOnly(ctx context.Context, path string) (*ReadOnly, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	q := url.Values{"_pragma": {"query_only(1)", "trusted_schema(0)"}, "mode": {"ro"}}
	if wal, err := os.Stat(path + "-wal"); errors.Is(err, os.ErrNotExist) || err == nil && wal.Size() == 0 {
		// All is in the file, and nothing needs to be made beside it to read it.
		q.Set("immutable", "1")
	}
	file := &url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}
	db, err := sql.Open("sqlite", file.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if err := sameSchema(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &ReadOnly{reads: db, disk: disk{filepath.Dir(path)}, guard: &proof.Guard{}}, nil
}

// sameSchema demands the schema of this program.
func sameSchema(ctx context.Context, db *sql.DB) error {
	ms, err := migrations()
	if err != nil {
		return err
	}
	applied, err := query.All(ctx, pool{db}, query.Value[string], "SELECT sum FROM schema_migration ORDER BY number")
	switch {
	case err != nil:
		return notADatabase(err)
	case len(applied) > len(ms):
		return migrate.ErrNewer
	case len(applied) < len(ms):
		return errors.New("the database was last used by an older version of ostiary; start the server once")
	}
	return nil
}

// View runs fn in one read transaction.
func (r *ReadOnly) View(ctx context.Context, fn func(store.Reader) error) error {
	return viewOn(ctx, r.reads, &DB{disk: r.disk, guard: r.guard, listed: tables.Listed}, fn)
}

// Protect takes the key by which the database proves itself. Nothing is refused here:
// whoever reads a database that is not as it was written wants to be told all of it
// (store.IntegrityReader).
func (r *ReadOnly) Protect(ctx context.Context, key *seal.Integrity, alarm func(store.Alarm)) (begun bool, err error) {
	if err := r.guard.Use(key, alarm); err != nil {
		return false, err
	}
	err = r.View(ctx, func(rd store.Reader) error {
		row, err := rd.(*tables.Reader).Head()
		begun = row.Record != nil
		return err
	})
	return begun, err
}

// Browse is View.
func (r *ReadOnly) Browse(ctx context.Context, fn func(store.Reader) error) error {
	return r.View(ctx, fn)
}

// Update changes nothing.
func (r *ReadOnly) Update(context.Context, func(store.Tx) error) error { return ErrReadOnly }

// Attempt decides nothing.
func (r *ReadOnly) Attempt(context.Context, store.Attempt) (store.Outcome, error) {
	return store.Outcome{}, ErrReadOnly
}

// Candidates finds nothing: nothing is to be decided.
func (r *ReadOnly) Candidates(context.Context, store.Lookup, bool) (store.Found, error) {
	return store.Found{}, ErrReadOnly
}

// Check reads one row.
func (r *ReadOnly) Check(ctx context.Context) error {
	if _, err := query.One(ctx, pool{r.reads}, query.Value[int], "SELECT count(*) FROM audit_head"); err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return nil
}

// Close closes the file.
func (r *ReadOnly) Close() error { return r.reads.Close() }
