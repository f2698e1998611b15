package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"ostiary/internal/store/query"
	"ostiary/internal/store/tables"
)

// Both wait long for the other database of a copy. A batch of codes that has seen the head
// before it said that the database is moved is waited for, also one that has written nothing
// yet: whoever has read the head holds its table until the end.
var (
	rawRead  = []string{patient, "LOCK TABLE audit_head IN ACCESS EXCLUSIVE MODE"}
	rawWrite = []string{patient, oneWriter}
)

const patient = "SET LOCAL " + idle + " = 0"

// Raw runs fn on the rows as they are: of one snapshot, or to write them. Whoever has written
// closes the database then.
func (db *DB) Raw(ctx context.Context, write bool, fn func(tables.Raw) error) error {
	pool, first := db.reads, rawRead
	opts := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	if write {
		pool, first, opts = db.writes, rawWrite, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}
	}
	return onOne(ctx, pool, opts, db.kept, func(q query.Conn) error {
		for _, stmt := range first {
			if _, err := q.Exec(ctx, stmt); err != nil {
				return err
			}
		}
		return fn(tables.Raw{Conn: q, Dialect: db.dialect})
	})
}
