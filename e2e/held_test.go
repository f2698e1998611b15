package e2e

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
)

// holder holds locks in a database of PostgreSQL, so that a transaction stands where a test
// wants it.
type holder struct {
	t       testing.TB
	locks   pgx.Tx
	on, see *pgx.Conn
}

// hold runs a statement, and keeps its locks until release.
func hold(t testing.TB, url, statement string, args ...any) *holder {
	t.Helper()
	h := &holder{t: t}
	ctx := context.Background()
	var err error
	if h.on, err = pgx.Connect(ctx, url); err == nil {
		h.see, err = pgx.Connect(ctx, url)
	}
	if err == nil {
		h.locks, err = h.on.Begin(ctx)
	}
	if err == nil {
		_, err = h.locks.Exec(ctx, statement, args...)
	}
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	t.Cleanup(func() {
		_ = h.on.Close(ctx)
		_ = h.see.Close(ctx)
	})
	return h
}

// holdToken holds the row that decides the codes of a token.
func holdToken(t testing.TB, url, serial string) *holder {
	t.Helper()
	return hold(t, url, "SELECT FROM condition WHERE token = (SELECT id FROM token WHERE serial = $1) FOR UPDATE", serial)
}

// waiting waits until so many wait for the holder, or for one who does.
func (h *holder) waiting(n int) {
	h.t.Helper()
	var are int
	eventually(h.t, "transactions wait for a lock", func() bool {
		err := h.see.QueryRow(context.Background(), `WITH RECURSIVE w AS (SELECT $1::int AS pid UNION SELECT s.pid FROM w,
			pg_stat_activity s WHERE s.wait_event_type = 'Lock' AND w.pid = ANY(pg_blocking_pids(s.pid)))
			SELECT count(*) - 1 FROM w`, h.on.PgConn().PID()).Scan(&are)
		if err != nil {
			h.t.Fatal(err)
		}
		return are == n
	})
}

func (h *holder) release() {
	h.t.Helper()
	if err := h.locks.Rollback(context.Background()); err != nil {
		h.t.Fatal(err)
	}
}
