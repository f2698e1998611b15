package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"ostiary/internal/core/audit"
	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/internal/store/decide"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
	"ostiary/internal/store/tables"
)

var _ store.DB = (*DB)(nil)

// View runs fn over one snapshot.
func (db *DB) View(ctx context.Context, fn func(store.Reader) error) error {
	return db.read(ctx, db.reads, fn)
}

// Browse is View, on connections of its own.
func (db *DB) Browse(ctx context.Context, fn func(store.Reader) error) error {
	return db.read(ctx, db.browses, fn)
}

func (db *DB) read(ctx context.Context, pool *pgxpool.Pool, fn func(store.Reader) error) error {
	return view(ctx, pool, db.kept, func(q query.Conn) error {
		return fn(new(tables.NewReader(ctx, q, db.guard, db.dialect, nil, db.listed)))
	})
}

// Update runs fn alone on this node. It may run more than once.
func (db *DB) Update(ctx context.Context, fn func(store.Tx) error) error {
	if err := db.begin(ctx); err != nil {
		return err
	}
	defer db.end()
	// The transaction runs to its end even when the caller leaves.
	ctx = context.WithoutCancel(ctx)
	var spending proof.Spending
	err := db.transact(ctx, func(_ query.Conn, t *tables.Tx) error {
		err := fn(t)
		spending = t.Effects.Spending
		return err
	})
	if err == nil {
		db.past.Settle(spending)
	}
	return err
}

// Every change writes the head of the log. Who waits for it before the snapshot is taken
// finds it as the one before has left it, and need not run again.
const oneWriter = "LOCK TABLE audit_head IN EXCLUSIVE MODE"

// transact runs fn in a transaction that finds the head as this node left it, and writes it
// anew; again when another node was in its way.
func (db *DB) transact(ctx context.Context, fn func(query.Conn, *tables.Tx) error) error {
	entered := false // before that, a commit that nobody is sure of is still to be told from the head
	err := update(ctx, db.writes, db.kept, func(q query.Conn) (err error) {
		defer recovered(&err)
		if entered {
			db.guard.Undone()
		}
		if _, err := q.Exec(ctx, oneWriter); err != nil {
			return err
		}
		t := tables.NewTx(tables.NewReader(ctx, q, db.guard, db.dialect, nil, tables.Listed), db.awaited)
		if err := t.Enter(); err != nil {
			return err
		}
		entered = true
		if err := fn(q, t); err != nil {
			return err
		}
		return t.Leave()
	})
	switch {
	case err == nil:
		db.guard.Settle()
	case entered && !errors.Is(err, store.ErrUncertain): // else only the database knows
		db.guard.Undone()
	}
	return err
}

// Attempt decides one code, in a transaction of its own.
func (db *DB) Attempt(ctx context.Context, a store.Attempt) (o store.Outcome, err error) {
	if err := db.begin(ctx); err != nil {
		return o, err
	}
	defer db.end()
	ctx = context.WithoutCancel(ctx)
	var spending proof.Spending
	err = db.transact(ctx, func(q query.Conn, t *tables.Tx) error {
		head, err := t.AuditHead()
		if err != nil {
			return err
		}
		run := executor{ctx, q, t, head}
		b := decide.Batch{Rows: &decide.Stored{Executor: run, Log: run, Guard: db.guard}, Guard: db.guard, Past: db.past.Has}
		o, err = b.One(&a)
		spending = b.Spending
		return err
	})
	if err != nil {
		return store.Outcome{}, err
	}
	spending.Now = a.Now
	db.past.Settle(spending)
	return o, nil
}

// recovered makes an error of a panic: the transaction is rolled back, and this node goes on.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("panic in a transaction: %v", r)
	}
}

// begin waits for what writes on this node.
func (db *DB) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	db.waiting.Add(1)
	defer db.waiting.Add(-1)
	select {
	case <-db.closed:
		return fmt.Errorf("%w: shutting down", store.ErrUnavailable)
	case db.writing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (db *DB) end() { <-db.writing }

func (db *DB) awaited() bool { return db.waiting.Load() > 0 }

// Candidates asks the database each time.
func (db *DB) Candidates(ctx context.Context, l store.Lookup, _ bool) (f store.Found, err error) {
	err = view(ctx, db.reads, db.kept, func(q query.Conn) error {
		f, err = tables.NewLookups(q, db.guard, db.dialect).Find(ctx, l)
		return err
	})
	f.Fresh = true
	return f, err
}

// Check reads one row.
func (db *DB) Check(ctx context.Context) error {
	if db.guard.Stopped() {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, store.ErrTampered)
	}
	return view(ctx, db.reads, db.kept, func(q query.Conn) error {
		_, err := query.One(ctx, q, query.Value[int], "SELECT count(*) FROM audit_head")
		return err
	})
}

// Protect checks the head and what it vouches for.
func (db *DB) Protect(ctx context.Context, key *seal.Integrity, alarm func(store.Alarm)) (bool, error) {
	if err := db.guard.Use(key, alarm); err != nil {
		return false, err
	}
	err := db.View(ctx, func(r store.Reader) error {
		row, err := r.(*tables.Reader).Vouched(db.before)
		if err == nil && row.Record != nil {
			db.guard.Adopt(row)
		}
		return err
	})
	begun := db.guard.Begun()
	if err != nil || !begun {
		return false, err
	}
	if db.migrated {
		err = db.Update(ctx, func(t store.Tx) error {
			t.(*tables.Tx).Migrated()
			return nil
		})
	}
	return true, errors.Join(err, tables.TagFurther(ctx, db))
}

// executor runs the statements of an attempt in a transaction.
type executor struct {
	ctx  context.Context
	q    query.Conn
	t    *tables.Tx
	head *audit.Frontier
}

func (e executor) Exec(s *decide.Statement, args ...any) (int64, error) {
	return e.q.Exec(e.ctx, s.SQL, args...)
}

func (e executor) Row(s *decide.Statement, dest []any, args ...any) (bool, error) {
	into := make([]any, len(dest))
	for i := range dest {
		into[i] = &dest[i]
	}
	err := e.q.QueryRow(e.ctx, s.SQL, args...).Scan(into...)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func (e executor) Append(entry []byte) error { return e.t.AppendAudit(entry) }

func (e executor) CountQuietly(caller string, entry []byte) error {
	e.head.Clone().Append(entry)
	_, err := e.Exec(decide.CountQuietly, caller, entry)
	return err
}
