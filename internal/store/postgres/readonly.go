package postgres

import (
	"context"
	"errors"
	"fmt"

	"ostiary/internal/store"
	"ostiary/internal/store/migrate"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
	"ostiary/internal/store/tables"
)

// OpenReadOnly opens a database to be read, by a program that is no node of it. Nodes may work
// on it meanwhile: what is read is one snapshot. It need not keep what it confirms, so a
// standby is as good.
func OpenReadOnly(ctx context.Context, cfg Config) (_ store.DB, err error) {
	c, err := configured(cfg)
	if err != nil {
		return nil, err
	}
	ms, err := migrations()
	if err != nil {
		return nil, err
	}
	p, err := pool(ctx, c, browsers, nil, nil)
	if err != nil {
		return nil, err
	}
	guard, kept := &proof.Guard{}, newStatements()
	guard.Share()
	err = view(ctx, p, kept, func(q query.Conn) error { return sameSchema(ctx, q, len(ms)) })
	if err != nil {
		p.Close()
		return nil, err
	}
	return &tables.ReadOnly{Guard: guard, End: func() error { p.Close(); return nil },
		On: func(ctx context.Context, fn func(*tables.Reader) error) error {
			return view(ctx, p, kept, func(q query.Conn) error {
				r := tables.NewReader(ctx, q, guard, dialect, nil, tables.Listed)
				r.Reader = r.WithArrivals()
				return fn(&r)
			})
		}}, nil
}

var errOlder = errors.New("the database was last used by an older version of ostiary; start a server of this one once")

// sameSchema demands the schema of this program: entries of a newer one would be findings.
func sameSchema(ctx context.Context, q query.Conn, known int) error {
	there, err := query.One(ctx, q, query.Value[bool],
		"SELECT to_regclass(quote_ident(current_schema()) || '.schema_migration') IS NOT NULL")
	if err != nil {
		return err
	}
	if !there {
		return errors.New("the database is not one of ostiary: no server was started with it")
	}
	with, err := query.One(ctx, q, query.Value[bool], withMinBinary)
	if err != nil {
		return err
	}
	if !with {
		return errOlder
	}
	s, err := schemaOf(ctx, q)
	switch {
	case err != nil:
		return err
	case s.Version > known:
		return fmt.Errorf("the database has schema %d, and this program knows schema %d: %w", s.Version, known,
			migrate.ErrNewer)
	case s.Version < known:
		return errOlder
	}
	return nil
}
