package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"

	"ostiary/internal/store/migrate"
	"ostiary/internal/store/query"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

func migrations() ([]migrate.Migration, error) {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return nil, err
	}
	return migrate.Load(files)
}

const (
	// One run of migrations at a time in a schema. The first number is this program's.
	lockSQL   = "SELECT pg_advisory_lock(1869900137, hashtext(current_schema()))"
	unlockSQL = "SELECT pg_advisory_unlock(1869900137, hashtext(current_schema()))"

	// Who waits for the lock of a table lets nobody else at that table, so a migration
	// waits briefly, and tries again.
	tableLockSQL  = "SET LOCAL lock_timeout = '2s'"
	migrationRuns = 10
	migrationRest = time.Second
)

// up brings the schema up to what this program knows and returns how many migrations were
// applied. Another program that does the same meanwhile is waited for. The connection is
// one to the server itself: a pooler between would lend the lock to others.
func up(ctx context.Context, on *pgx.Conn, ms []migrate.Migration) (n int, s migrate.Schema, err error) {
	if _, err := on.Exec(ctx, lockSQL); err != nil {
		return 0, s, fmt.Errorf("wait for other migrations: %w", err)
	}
	defer func() {
		// One that cannot say so gives the lock back by its end.
		if _, uerr := on.Exec(context.WithoutCancel(ctx), unlockSQL); uerr != nil {
			err = errors.Join(err, uerr, on.Close(context.WithoutCancel(ctx)))
		}
	}()
	return migrate.Up(ctx, target{on, newStatements()}, ms)
}

// target lets package migrate work on a database.
type target struct {
	on   *pgx.Conn
	kept *statements
}

const withMinBinary = `SELECT count(*) > 0 FROM pg_attribute WHERE attname = 'min_binary' AND NOT attisdropped AND
	attrelid = (quote_ident(current_schema()) || '.schema_migration')::regclass`

func (t target) Applied(ctx context.Context) (sums []string, minBinary int, err error) {
	c := conn{t.on, t.kept}
	// IF NOT EXISTS would need the right to create tables even where there is one.
	there, err := query.One(ctx, c, query.Value[bool],
		"SELECT to_regclass(quote_ident(current_schema()) || '.schema_migration') IS NOT NULL")
	if err == nil && !there {
		_, err = c.Exec(ctx, `CREATE TABLE schema_migration (number bigint PRIMARY KEY,
			name text COLLATE "C" NOT NULL, sum text COLLATE "C" NOT NULL, applied text COLLATE "C" NOT NULL)`)
	}
	if err == nil {
		there, err = query.One(ctx, c, query.Value[bool], withMinBinary)
	}
	if err == nil && !there { // no server looks at the table that does not know the column
		_, err = c.Exec(ctx, "ALTER TABLE schema_migration ADD COLUMN min_binary bigint NOT NULL DEFAULT 0")
	}
	if err != nil {
		return nil, 0, err
	}
	s, err := schemaOf(ctx, c)
	if err != nil {
		return nil, 0, err
	}
	sums, err = query.All(ctx, c, query.Value[string], "SELECT sum FROM schema_migration ORDER BY number")
	return sums, s.MinBinary, err
}

// schemaOf tells what the database says of its schema.
func schemaOf(ctx context.Context, q query.Conn) (migrate.Schema, error) {
	return query.One(ctx, q, func(row query.Scanner) (s migrate.Schema, err error) {
		err = row.Scan(&s.Version, &s.MinBinary)
		return s, err
	}, "SELECT coalesce(max(number), 0), coalesce(max(min_binary), 0) FROM schema_migration")
}

func (t target) Apply(ctx context.Context, m migrate.Migration) error {
	for run := 1; ; run++ {
		err := t.apply(ctx, m)
		if !hasCode(err, lockNotAvailable) || run == migrationRuns {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(migrationRest):
		}
	}
}

func (t target) apply(ctx context.Context, m migrate.Migration) error {
	return inTransaction(ctx, t.on, pgx.TxOptions{}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, tableLockSQL); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, m.SQL); err != nil { // without arguments, so many statements may be in it
			return err
		}
		_, err := conn{tx, t.kept}.Exec(ctx, `INSERT INTO schema_migration (number, name, sum, applied, min_binary)
			VALUES (?, ?, ?, to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), ?)`, m.Number, m.Name, m.Sum,
			m.MinBinary)
		return err
	})
}
