package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"

	"ostiary/internal/store"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
	"ostiary/internal/store/tables"
)

// OpenReadOnly opens a database that no server has open, to be read. Nobody may write to it
// meanwhile.
func OpenReadOnly(ctx context.Context, path string) (store.DB, error) {
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
	guard := &proof.Guard{}
	of := &DB{disk: disk{filepath.Dir(path)}, guard: guard, listed: tables.Listed}
	view := func(ctx context.Context, fn func(*tables.Reader) error) error {
		return viewOn(ctx, db, of, func(r store.Reader) error { return fn(r.(*tables.Reader)) })
	}
	return &tables.ReadOnly{Guard: guard, On: view, End: db.Close}, nil
}

// sameSchema demands the schema of this program.
func sameSchema(ctx context.Context, db *sql.DB) error {
	ms, err := migrations()
	if err != nil {
		return err
	}
	applied, err := query.One(ctx, pool{db}, query.Value[int], "SELECT count(*) FROM schema_migration")
	if err != nil {
		return notADatabase(err)
	}
	with, err := query.One(ctx, pool{db}, query.Value[bool], withMinBinary)
	switch {
	case err != nil:
		return err
	case applied > len(ms):
		return newer(applied, len(ms))
	case applied < len(ms) || !with:
		return errors.New("the database was last used by an older version of ostiary; start the server once")
	}
	return nil
}
