// Package postgres keeps everything in a PostgreSQL database. It keeps the contract of
// package store, and is not offered to users yet: each code is a transaction of its own, the
// head of the log is written in it, and a database that proves itself is written to by one
// node at a time. Still to come are the batch, the entries of several nodes and what puts
// them into the log, and leases.
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
// A change runs SERIALIZABLE, one at a time on this node, and again when one of another node
// was in its way (database.go). What databases word differently is in dialect.go. No
// statement uses advisory locks, but for migrations, and none uses NOTIFY, temporary
// tables or triggers.
package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ostiary/internal/store"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
	"ostiary/internal/store/tables"
)

// How many connections a node has.
const (
	readers  = 8
	browsers = 2
	changes  = 4 // administrative ones at a time
)

// Config says where the database is.
type Config struct {
	// URL is postgres://USER@HOST/DATABASE, with several hosts if need be, and parameters.
	// It has no password.
	URL string
	// PasswordFile holds the password in its only line. Without it, pgx looks where every
	// program looks (~/.pgpass).
	PasswordFile string
	// Listed bounds how many rows a sorted list looks at for a page. Zero means 2,000.
	Listed int
}

// DB is a PostgreSQL database.
type DB struct {
	reads, browses, writes *pgxpool.Pool
	kept                   *statements
	guard                  *proof.Guard
	dialect                *tables.Dialect
	listed                 int
	// before is the digest of the small tables before the schema was brought up to date, and
	// migrated tells whether it was.
	before   [32]byte
	migrated bool

	// writing is held by what writes on this node, one at a time; waiting is how many wait.
	writing chan struct{}
	ending  sync.Once
	closed  chan struct{}
	waiting atomic.Int64
	past    tables.Spent
}

// Open connects to the database, refuses one that does not keep what it confirms
// (ErrUnsafe), and brings its schema up to date. It returns migrate.ErrNewer for one that a
// newer program used.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	c, err := configured(cfg)
	if err != nil {
		return nil, err
	}
	db := &DB{kept: newStatements(), guard: &proof.Guard{}, dialect: ownDialect(),
		listed: cmp.Or(cfg.Listed, tables.Listed), writing: make(chan struct{}, 1), closed: make(chan struct{})}
	if err := db.prepare(ctx, c); err != nil {
		return nil, err
	}
	for to, size := range map[**pgxpool.Pool]int32{&db.reads: readers, &db.browses: browsers, &db.writes: changes} {
		if *to, err = pool(ctx, c, size); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	err = view(ctx, db.reads, db.kept, func(q query.Conn) (err error) {
		db.past, err = tables.ReadSpent(ctx, q)
		return err
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// prepare checks the server and migrates, on a connection of its own.
func (db *DB) prepare(ctx context.Context, c *pgx.ConnConfig) (err error) {
	on, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	defer func() { err = errors.Join(err, on.Close(context.WithoutCancel(ctx))) }()
	if err := check(ctx, on); err != nil {
		return err
	}
	ms, err := migrations()
	if err != nil {
		return err
	}
	if db.before, err = dialect.ConfigDigest(ctx, conn{on, db.kept}); err != nil {
		return err
	}
	n, err := up(ctx, on, ms)
	db.migrated = n > 0
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

// Close lets what writes end, then ends the connections.
func (db *DB) Close() error {
	db.ending.Do(func() {
		close(db.closed)
		db.writing <- struct{}{} // and is kept: nothing writes any more
		for _, p := range []*pgxpool.Pool{db.reads, db.browses, db.writes} {
			if p != nil {
				p.Close()
			}
		}
	})
	return nil
}
