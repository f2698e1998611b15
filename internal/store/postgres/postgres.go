// Package postgres keeps everything in a PostgreSQL database, on which several nodes work. It
// keeps the contract of package store. What nodes must know of each other above the store is
// in package engine/nodes.
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
// What writes stands in a line on each node (package line). Codes are decided in batches,
// which run READ COMMITTED: right codes by one statement for all, the others one by one
// (batch.go). They lock users, then tokens, by their numbers, so that no two wait for each
// other. A change runs SERIALIZABLE, holds the head of the log, and is alone on all nodes, as
// it is with SQLite: what was counted before it writes is still so when it commits.
//
// Codes do not wait for the head. Their entries are committed with them, without a place in
// the log (package tables, arrivals.go); whoever writes the head next gives them their
// places, at the latest after a quarter of a second (integrate.go). Who reads the log sees
// them behind the others. Each entry has the number of its node's stream, its number in it
// and a MAC; the record of the head says how far each stream has come. So an entry that was
// changed, left out, or put in a second time is noticed before it is in the log, as it is
// after; a node whose last entries are gone notices it itself. Each transaction looks at the
// head, whose commits are numbered: one that was put back ends all writing.
//
// Nodes of two neighbouring versions may work on one database. A node looks each second, and
// before it writes, whether a newer one has brought the schema further than it may use it
// (versions.go).
//
// Codes are judged by rows that are kept in memory (package cache), as with SQLite. Each batch
// looks whether another node has changed anything since they were read (follow.go).
//
// What databases word differently is in dialect.go. No statement uses advisory locks, but
// for migrations, and none uses NOTIFY, temporary tables or triggers.
package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ostiary/internal/store"
	"ostiary/internal/store/auditlog"
	"ostiary/internal/store/cache"
	"ostiary/internal/store/gather"
	"ostiary/internal/store/health"
	"ostiary/internal/store/line"
	"ostiary/internal/store/migrate"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
	"ostiary/internal/store/tables"
)

// How many connections a node has.
const (
	readers  = 8
	browsers = 2
	writers  = 1
	placers  = 1
)

// Config says where the database is.
type Config struct {
	// URL is postgres://USER@HOST/DATABASE, with several hosts if need be, and parameters.
	// It has no password.
	URL string
	// PasswordFile holds the password in its only line. Without it, pgx looks where every
	// program looks (~/.pgpass).
	PasswordFile string
	// Standby demands a synchronous standby. Without it, one that is lacking is only told
	// (Lacks).
	Standby bool
	// Listed bounds how many rows a sorted list looks at for a page. Zero means 2,000.
	Listed int
	// Report, when set, is told the error when commits begin to fail, and nil when they
	// succeed again. It must not use the database.
	Report func(error)
	// Lacks, when set, is told what the server lacks, when that has changed: at the start,
	// and while the database is open.
	Lacks func([]Lack)
	// Overtaken, when set, is told once that a newer program has brought the schema further
	// than this one may use it. Nothing is written and no code is taken from then on.
	Overtaken func(error)
	// TestOnlyFurther are migrations of a next version.
	TestOnlyFurther []migrate.Migration
	// TestOnlyCheckEvery, when set, is how often the server is checked again.
	TestOnlyCheckEvery time.Duration
}

// DB is a PostgreSQL database.
type DB struct {
	reads, browses, writes, places *pgxpool.Pool

	kept    *statements
	guard   *proof.Guard
	dialect *tables.Dialect
	lookups tables.Lookups
	rounds  *gather.Rounds[store.Lookup, store.Found]
	names   *cache.Names
	changes int64 // of which the cache knows (follow.go); only the line uses it
	listed  int
	// before is the digest of the small tables before the schema was brought up to date, and
	// migrated tells whether it was.
	before   [32]byte
	migrated bool
	versions *versions

	line       *line.Line // of what writes on this node, one after the other
	past       tables.Spent
	stream     stream
	integrator *integrator
	indexer    *auditlog.Indexer
	heads      sync.Mutex // held by who writes the head
	watch      *watch
	probes     *health.Probes
	checks     *checks
}

// Open connects to the database, refuses one that does not keep what it confirms
// (ErrUnsafe), and brings its schema up to date. It returns migrate.ErrNewer for one that a
// newer program has brought further than this one may use it (package migrate).
func Open(ctx context.Context, cfg Config) (*DB, error) {
	c, err := configured(cfg)
	if err != nil {
		return nil, err
	}
	ms, err := migrations()
	if err != nil {
		return nil, err
	}
	ms = append(ms, cfg.TestOnlyFurther...)
	v := &versions{known: len(ms), overtaken: cfg.Overtaken}
	db := &DB{kept: newStatements(), guard: &proof.Guard{}, dialect: ownDialect(v), versions: v,
		names: cache.NewNames(cache.Usual), changes: unknown, listed: cmp.Or(cfg.Listed, tables.Listed),
		watch: newWatch(cfg.Report)}
	db.guard.Share()
	db.lookups, db.rounds = tables.NewLookups(db.guard, db.dialect), gather.New(db.find)
	lacks, err := db.prepare(ctx, c, ms, cfg.Standby)
	if err != nil {
		return nil, err
	}
	for to, of := range map[**pgxpool.Pool]struct {
		size    int32
		watched *watch
		set     map[string]string
	}{&db.reads: {readers, nil, nil}, &db.browses: {browsers, nil, asWritten}, &db.writes: {writers, db.watch, nil},
		&db.places: {placers, db.watch, nil}} {
		if *to, err = pool(ctx, c, of.size, of.watched, of.set); err != nil {
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
	db.versions.follow(db.reads, db.kept)
	db.line = line.Start(noting{writer{db}, db.watch})
	db.watch.line = db.line
	db.integrator = startIntegrator(db)
	db.indexer = auditlog.NewIndexer(indexed{db}, nil, auditlog.Usual)
	go db.indexer.Run()
	db.probes = health.Probe(&db.watch.Commits, db.probe)
	db.checks = startChecks(db.reads, cfg, lacks)
	return db, nil
}

// prepare checks the server and migrates, on a connection of its own. It gives what the
// server lacks and may lack.
func (db *DB) prepare(ctx context.Context, c *pgx.ConnConfig, ms []migrate.Migration, standby bool) (lacks []Lack,
	err error) {
	on, err := pgx.ConnectConfig(ctx, c)
	switch {
	case hasCode(err, protocolViolation) && strings.Contains(err.Error(), "unsupported startup parameter"):
		return nil, fmt.Errorf("%w: %w", errPooler, err) // PostgreSQL says it in other words
	case err != nil:
		return nil, fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	defer func() { err = errors.Join(err, on.Close(context.WithoutCancel(ctx))) }()
	if lacks, err = check(ctx, on, standby); err == nil {
		err = refused(lacks)
	}
	if err != nil {
		return nil, err
	}
	if db.before, err = dialect.ConfigDigest(ctx, conn{on, db.kept}); err != nil {
		return nil, err
	}
	n, schema, err := up(ctx, on, ms)
	db.migrated = n > 0
	db.versions.is.Store(int64(schema.Version))
	return lacks, err
}

// asWritten are settings of connections that read lists: tables are joined in the order in
// which they are named, row by row, and by indexes, as in SQLite. Lists are worded so that few
// rows are looked at. The planner expects a page to be full soon, or whole tables to be as
// good; with a filter that chooses little it took up to a second.
var asWritten = map[string]string{"join_collapse_limit": "1", "from_collapse_limit": "1", "enable_hashjoin": "off",
	"enable_mergejoin": "off", "enable_seqscan": "off", "max_parallel_workers_per_gather": "0"}

// pool makes connections. With w they are for writing, and their commits are watched.
func pool(ctx context.Context, c *pgx.ConnConfig, size int32, w *watch, set map[string]string) (*pgxpool.Pool, error) {
	// The pool takes only what its own parser made; all of it is replaced.
	p, err := pgxpool.ParseConfig("")
	if err != nil {
		return nil, err
	}
	p.ConnConfig, p.MaxConns = c.Copy(), size
	maps.Copy(p.ConnConfig.RuntimeParams, set)
	if w != nil {
		p.ConnConfig.RuntimeParams[idle] = idleOfBatches
	}
	p.AfterConnect = func(_ context.Context, on *pgx.Conn) error {
		if w != nil {
			on.PgConn().CustomData()[watchKey] = w
		}
		return nil
	}
	return pgxpool.NewWithConfig(ctx, p)
}

// Close lets what stands in the line be done, then ends the connections. A commit that
// hangs is left to the server.
func (db *DB) Close() error {
	db.watch.close()
	db.probes.Stop()
	db.checks.stop()
	db.versions.stop()
	if db.line != nil {
		db.indexer.Stop() // before what it writes through
		db.line.Stop()
		db.integrator.stop()
	}
	for _, p := range []*pgxpool.Pool{db.reads, db.browses, db.writes, db.places} {
		if p != nil {
			p.Close() // a second time does nothing
		}
	}
	return nil
}
