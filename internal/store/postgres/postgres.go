// Package postgres keeps everything in a PostgreSQL database, for one node or several.
//
// The tables are SQLite's, column for column; its statements are rewritten when they first
// run (statement.go), and values come and go as SQLite's do (values.go), so the packages
// with the statements do not know which database they work on.
//
// A commit counts once PostgreSQL has it on its disk, and on the synchronous standby if
// there is one. synchronous_commit is set on each connection, whatever the role has; what
// the server must be set to besides is checked when the database is opened (check.go). A
// commit that may not be on the standby, although it was answered, is uncertain
// (transaction.go): never "accepted", never "refused".
//
// An administrative change runs SERIALIZABLE and again when another one was in its way. No
// statement uses advisory locks, but for migrations, and none uses NOTIFY, temporary
// tables or triggers.
package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ostiary/internal/store"
)

// How many connections a node has.
const (
	readers = 8
	changes = 4 // administrative ones at a time
)

// Config says where the database is.
type Config struct {
	// URL is postgres://USER@HOST/DATABASE, with several hosts if need be, and parameters.
	// It has no password.
	URL string
	// PasswordFile holds the password in its only line. Without it, pgx looks where every
	// program looks (~/.pgpass).
	PasswordFile string
}

// DB is a PostgreSQL database.
type DB struct {
	reads  *pgxpool.Pool
	writes *pgxpool.Pool
	kept   *statements
}

// Open connects to the database, refuses one that does not keep what it confirms
// (ErrUnsafe), and brings its schema up to date. It returns migrate.ErrNewer for one that a
// newer program used.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	c, err := configured(cfg)
	if err != nil {
		return nil, err
	}
	if err := prepare(ctx, c); err != nil {
		return nil, err
	}
	db := &DB{kept: newStatements()}
	if db.reads, err = pool(ctx, c, readers); err != nil {
		return nil, err
	}
	if db.writes, err = pool(ctx, c, changes); err != nil {
		db.reads.Close()
		return nil, err
	}
	return db, nil
}

// prepare checks the server and migrates, on a connection of its own.
func prepare(ctx context.Context, c *pgx.ConnConfig) (err error) {
	on, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	defer func() { err = errors.Join(err, on.Close(context.WithoutCancel(ctx))) }()
	if err := check(ctx, on); err != nil {
		return err
	}
	ms, err := migrations()
	if err == nil {
		_, err = up(ctx, on, ms)
	}
	return err
}

func pool(ctx context.Context, c *pgx.ConnConfig, size int32) (*pgxpool.Pool, error) {
	// The pool takes only what its own parser made; all of it is replaced.
	p, err := pgxpool.ParseConfig("")
	if err != nil {
		return nil, err
	}
	p.ConnConfig, p.MaxConns = c.Copy(), size
	return pgxpool.NewWithConfig(ctx, p)
}

// Close ends the connections, once what runs on them has ended.
func (db *DB) Close() error {
	db.reads.Close()
	db.writes.Close()
	return nil
}
