// Package sqlite keeps everything in one SQLite file.
//
// One connection writes, on one goroutine (writer); a small pool reads
// snapshots. The file is in WAL mode with synchronous=FULL: a commit returns
// after the log is synced, because a counter that falls back after a power cut
// re-opens a code that was used. Attempts are decided in batches that share a
// transaction and its sync (group commit); see writer.go.
//
// The WAL is written back into the file beside the writer (checkpoint.go), so that
// no login waits for that, or only for the last pages of it. The writer never does it
// itself: SQLite would not say when the sync of the file failed.
package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the driver

	"ostiary/internal/store"
	"ostiary/internal/store/auditlog"
	"ostiary/internal/store/cache"
	"ostiary/internal/store/gather"
	"ostiary/internal/store/health"
	"ostiary/internal/store/migrate"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
	"ostiary/internal/store/tables"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

const (
	readers  = 4
	browsers = 2
)

// Config says where the database is and how much it may cache.
type Config struct {
	// Path of the database file; it is made, with mode 0600, when missing.
	Path string
	// CachedTokens bounds how many tokens are kept in memory to propose
	// from, about 1.1 KB each. Zero means 131,072.
	CachedTokens int
	// Listed bounds how many rows a sorted list looks at for a page. Zero means 2,000.
	Listed int
	// Report, when set, is told the error when commits begin to fail, and nil when
	// they succeed again. It must not use the database.
	Report func(error)
	// TestOnlyDriver, when set, is the name of a driver that watches the one of SQLite.
	TestOnlyDriver string
}

// DB is a SQLite database.
type DB struct {
	reads   *sql.DB
	browses *sql.DB
	lookups lookups
	rounds  *gather.Rounds[store.Lookup, store.Found]
	writes  *sql.DB
	writer  *writer
	names   *cache.Names
	disk    disk
	guard   *proof.Guard
	tail    *auditlog.Tail
	listed  int
	// before is the digest of the small tables before the schema was brought up to
	// date, if there was a record, and migrated tells whether it was.
	before   [32]byte
	migrated bool

	checkpoints *checkpoints
	probes      *health.Probes
	indexer     *auditlog.Indexer
	asked       atomic.Uint64 // lookups of codes in the file
	endFill     func()
	filled      chan struct{} // closed when Fill is done
}

var _ store.DB = (*DB)(nil)

// Open opens the database, makes it when it is missing, and brings its schema
// up to date. It returns migrate.ErrNewer for a file that a newer program used, and
// ErrExposed for one that others can read or write.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	cfg.TestOnlyDriver = cmp.Or(cfg.TestOnlyDriver, "sqlite")
	if err := checkModes(cfg.Path); err != nil {
		return nil, err
	}
	// Made here so that it never exists with a wider mode.
	f, err := os.OpenFile(cfg.Path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	if err := registerFunctions(); err != nil {
		return nil, err
	}
	db := &DB{names: cache.NewNames(cmp.Or(cfg.CachedTokens, cache.Usual)), guard: &proof.Guard{},
		tail: auditlog.NewTail(auditlog.Usual), listed: cmp.Or(cfg.Listed, tables.Listed),
		disk: disk{filepath.Dir(cfg.Path)}, endFill: func() {}}
	if db.writes, err = sql.Open(cfg.TestOnlyDriver, dsn(cfg.Path, writerPragmas)); err != nil {
		return nil, err
	}
	db.writes.SetMaxOpenConns(1)
	if err := db.migrate(ctx); err != nil {
		return nil, errors.Join(err, db.writes.Close())
	}
	if db.reads, err = sql.Open(cfg.TestOnlyDriver, dsn(cfg.Path, readerPragmas)); err != nil {
		return nil, errors.Join(err, db.writes.Close())
	}
	db.reads.SetMaxOpenConns(readers)
	db.reads.SetMaxIdleConns(readers)
	l, err := prepareLookups(ctx, db.reads, tables.NewLookups(db.guard, dialect))
	if err != nil {
		return nil, errors.Join(err, db.reads.Close(), db.writes.Close())
	}
	db.lookups = l
	db.rounds = gather.New(db.find)
	if db.browses, err = sql.Open(cfg.TestOnlyDriver, dsn(cfg.Path, readerPragmas)); err != nil {
		return nil, errors.Join(err, db.reads.Close(), db.writes.Close())
	}
	db.browses.SetMaxOpenConns(browsers)
	db.browses.SetMaxIdleConns(browsers)
	if db.writer, err = startWriter(ctx, db.writes, db.names, db.disk, db.guard, db.tail,
		cfg.Report); err != nil {
		return nil, errors.Join(err, closed(db.browses), closed(db.reads), closed(db.writes))
	}
	if db.checkpoints, err = newCheckpoints(cfg.Path, db.writer); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	go db.checkpoints.run()
	// One that proves itself is written to when it is protected, and not before.
	if err := db.checkIndex(ctx); err != nil && !errors.Is(err, proof.ErrUnprotected) &&
		!errors.Is(err, auditlog.ErrNoHead) {
		return nil, errors.Join(err, db.Close())
	}
	db.probes = health.Probe(&db.writer.health.Commits, db.writer.probe)
	db.indexer = auditlog.NewIndexer(indexed{db}, db.tail, auditlog.Usual)
	go db.indexer.Run()
	return db, nil
}

// The pragmas come in this order: whatever waits for a lock needs the timeout
// first.
var (
	writerPragmas = []string{"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
		"trusted_schema(0)", "cache_size(-65536)", "wal_autocheckpoint(0)", "journal_size_limit(67108864)"}
	readerPragmas = []string{"busy_timeout(5000)", "query_only(1)", "trusted_schema(0)", "cache_size(-8192)"}
)

func dsn(path string, pragmas []string) string {
	q := url.Values{"_pragma": pragmas}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

// Close lets the writer finish what it has accepted, then closes the file.
func (db *DB) Close() error {
	db.endFill()
	db.probes.Stop()
	if db.indexer != nil {
		db.indexer.Stop()
	}
	return errors.Join(db.checkpoints.stop(), db.writer.stop(), closed(db.browses), closed(db.reads), closed(db.writes),
		db.checkpoints.close())
}

// closePatience bounds the wait for connections that are being closed.
const closePatience = 5 * time.Second

// closed closes a pool and waits until its connections are. One whose transaction was
// cancelled is closed by a goroutine of package sql: if that came behind the writer's,
// or not before the process ends, a WAL would be left, and be played into whatever file
// is put in the place of this one.
func closed(pool *sql.DB) error {
	err := pool.Close()
	for end := time.Now().Add(closePatience); pool.Stats().OpenConnections > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return errors.Join(err, errors.New("connections of the database are still in use"))
		}
	}
	return err
}

// Check reads one row, and tells how the last commit went.
func (db *DB) Check(ctx context.Context) error {
	var n int
	if err := db.reads.QueryRowContext(ctx, "SELECT count(*) FROM audit_head").Scan(&n); err != nil {
		return db.disk.unavailable(err)
	}
	if db.guard.Stopped() {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, store.ErrTampered)
	}
	return db.writer.health.Check()
}

// View runs fn in one read transaction.
func (db *DB) View(ctx context.Context, fn func(store.Reader) error) (err error) {
	return viewOn(ctx, db.reads, db, fn)
}

// Browse is View on readers of its own.
func (db *DB) Browse(ctx context.Context, fn func(store.Reader) error) error {
	return viewOn(ctx, db.browses, db, fn)
}

func viewOn(ctx context.Context, readers *sql.DB, db *DB, fn func(store.Reader) error) (err error) {
	tx, err := readers.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return db.disk.unavailable(err)
	}
	// Deferred, so that a panic of fn does not keep one of the few readers.
	defer func() {
		if rerr := ignoreDone(tx.Rollback()); rerr != nil {
			err = errors.Join(err, rerr)
		}
	}()
	return db.disk.worded(fn(new(tables.NewReader(ctx, newReadConn(tx), db.guard, dialect, db.tail, db.listed))))
}

// indexed is the database as its indexer sees it.
type indexed struct{ db *DB }

func (i indexed) Read(ctx context.Context, do func(auditlog.Reader) error) error {
	return i.db.View(ctx, func(r store.Reader) error { return do(r.(*tables.Reader).Reader) })
}

func (i indexed) Write(ctx context.Context, do func(auditlog.Writer) error) error {
	return i.db.writer.line.Update(ctx, func(t store.Tx) error { return do(t.(*tables.Tx).Index()) })
}

// Update runs fn on the writer.
func (db *DB) Update(ctx context.Context, fn func(store.Tx) error) error {
	return db.writer.line.Update(ctx, fn)
}

// Attempt queues a for the next batch and waits for its verdict.
func (db *DB) Attempt(ctx context.Context, a store.Attempt) (store.Outcome, error) {
	return db.writer.line.Attempt(ctx, a)
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// target lets package migrate work on the file.
type target struct{ db *sql.DB }

func (db *DB) migrate(ctx context.Context) error {
	ms, err := migrations()
	if err != nil {
		return err
	}
	if db.before, err = dialect.ConfigDigest(ctx, pool{db.writes}); err != nil {
		return notADatabase(err)
	}
	n, schema, err := migrate.Up(ctx, target{db.writes}, ms)
	db.migrated = n > 0
	if err == nil && schema.Version > len(ms) {
		err = newer(schema.Version, len(ms))
	}
	return err
}

// newer refuses the file of a newer program, whatever its migrations allow: one server has
// the file to itself, so no two versions need to work on it side by side, and this one could
// not tell the tables of the newer one from what somebody else has put there (schema.go).
func newer(version, known int) error {
	return fmt.Errorf("the database has schema %d, and this program knows schema %d: %w", version, known, migrate.ErrNewer)
}

func migrations() ([]migrate.Migration, error) {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return nil, err
	}
	return migrate.Load(files)
}

const withMinBinary = "SELECT count(*) > 0 FROM pragma_table_info('schema_migration') WHERE name = 'min_binary'"

// Applied makes the table as the first version made it, and the column that came later by
// itself: so the text of the schema is the same for old files and for new ones.
func (t target) Applied(ctx context.Context) (sums []string, minBinary int, err error) {
	_, err = t.db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS schema_migration (
		number INTEGER PRIMARY KEY, name TEXT NOT NULL, sum TEXT NOT NULL, applied TEXT NOT NULL) STRICT`)
	if err != nil {
		return nil, 0, notADatabase(err)
	}
	there, err := query.One(ctx, pool(t), query.Value[bool], withMinBinary)
	if err == nil && !there {
		_, err = t.db.ExecContext(ctx, "ALTER TABLE schema_migration ADD COLUMN min_binary INTEGER NOT NULL DEFAULT 0")
	}
	if err != nil {
		return nil, 0, err
	}
	if minBinary, err = query.One(ctx, pool(t), query.Value[int],
		"SELECT coalesce(max(min_binary), 0) FROM schema_migration"); err != nil {
		return nil, 0, err
	}
	sums, err = query.All(ctx, pool(t), query.Value[string], "SELECT sum FROM schema_migration ORDER BY number")
	return sums, minBinary, err
}

func (t target) Apply(ctx context.Context, m migrate.Migration) error {
	tx, err := t.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, m.SQL); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO schema_migration (number, name, sum, applied, min_binary)
		VALUES (?, ?, ?, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), ?)`, m.Number, m.Name, m.Sum, m.MinBinary)
	if err != nil {
		return err
	}
	return tx.Commit()
}

func notADatabase(err error) error {
	if strings.Contains(err.Error(), "not a database") {
		return fmt.Errorf("the file is not a database of ostiary, or it is damaged: %w", err)
	}
	return err
}
