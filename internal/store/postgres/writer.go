package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"ostiary/internal/store"
	"ostiary/internal/store/decide"
	"ostiary/internal/store/line"
	"ostiary/internal/store/query"
	"ostiary/internal/store/tables"
)

// writer does what stands in the line of this node.
type writer struct{ *DB }

var _ line.Writer = writer{}

// Who changes the head of the log is alone, on all nodes: what it reads is as the one before
// has left it. Codes do not wait for it, because their entries arrive beside the log.
const oneWriter = "LOCK TABLE audit_head IN EXCLUSIVE MODE"

// alone runs fn in a transaction that finds the head as its last writer left it, and writes
// it anew; again when another transaction was in its way. lock is oneWriter, or a way to give
// up soon.
func (db *DB) alone(ctx context.Context, pool *pgxpool.Pool, lock string, fn func(*tables.Tx) error) error {
	db.heads.Lock()
	defer db.heads.Unlock()
	err := again(ctx, pool, serializable, db.kept, func(q query.Conn) (err error) {
		defer recovered(&err)
		ends := db.watch.turn()
		_, err = q.Exec(ctx, lock)
		if ends(); err != nil {
			return err
		}
		t := tables.NewTx(tables.NewReader(ctx, q, db.guard, db.dialect, nil, tables.Listed),
			func() bool { return db.line.Waiting() > 0 })
		if err := t.Enter(); err != nil {
			return err
		}
		if err := fn(t); err != nil {
			return err
		}
		return t.Leave()
	})
	if err == nil {
		db.guard.Settle()
	} else {
		db.guard.Undone() // or it is in the database, bears the MAC, and is the newer one
	}
	return err
}

// recovered makes an error of a panic: the transaction is rolled back, and this node goes on.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("panic in a transaction: %v", r)
	}
}

// Update runs fn in a transaction of its own. It may run more than once.
func (w writer) Update(ctx context.Context, fn func(store.Tx) error) error {
	var effects tables.Effects
	var before, after int64
	err := w.alone(ctx, w.writes, oneWriter, func(t *tables.Tx) error {
		_, placed, err := t.Integrate(allArrivals, time.Now())
		if err != nil {
			return err
		}
		if before, err = changed(t, placed); err != nil {
			return err
		}
		if err := fn(t); err != nil {
			return err
		}
		effects = t.Effects
		after, err = changed(t, placed)
		return err
	})
	switch {
	case err == nil:
		w.past.Settle(effects.Spending)
		w.follow(before, after, &effects.Touched)
	case errors.Is(err, store.ErrUncertain):
		w.follow(unknown, unknown, nil)
	}
	return err
}

// Decide decides the attempts of a batch. Its statements read rows as they are when each is
// run, so one that waited for a row finds what the other has made of it.
func (w writer) Decide(batch []*line.Job) error {
	ctx := context.Background()
	of, err := w.stream.open(ctx, w.DB)
	if err != nil {
		return err
	}
	as := make([]*store.Attempt, len(batch))
	for i, j := range batch {
		as[i] = j.Attempt
	}
	var outcomes []store.Outcome
	var b *decide.Batch
	arrived, ordered := 0, false
	err = again(ctx, w.writes, readCommitted, w.kept, func(q query.Conn) (err error) {
		defer recovered(&err)
		if err := w.see(ctx, q); err != nil {
			return err
		}
		run := &batchRows{ctx: ctx, q: q.(conn), quiet: map[string]*counted{}}
		b = &decide.Batch{Rows: &decide.Stored{Executor: run, Log: run, Guard: w.guard}, Guard: w.guard, Past: w.past.Has,
			Ordered: ordered, Kept: w.names.Found.Kept()}
		if outcomes, err = b.All(as, run); err != nil {
			ordered = true
			return err
		}
		arrived = len(run.entries)
		return errors.Join(run.count(), run.arrive(of, w.guard))
	})
	w.stream.decided(arrived, err)
	if err != nil {
		return err
	}
	b.Spending.Now = as[0].Now
	w.past.Settle(b.Spending)
	w.names.Follow(b)
	for i, j := range batch {
		j.Outcome = outcomes[i]
	}
	return nil
}

// Lost reports whether the attempts of a batch are not to be run again.
func (writer) Lost(err error) bool {
	return errors.Is(err, store.ErrUncertain) || errors.Is(err, store.ErrUnavailable)
}

// Failed says it as it is.
func (writer) Failed(err error) error { return err }
