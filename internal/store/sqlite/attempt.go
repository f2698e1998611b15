package sqlite

import (
	"errors"
	"fmt"

	"ostiary/internal/core/audit"
	"ostiary/internal/store/decide"
	"ostiary/internal/store/line"
)

// errConnection marks errors after which the connection is of no more use: a
// transaction that did not begin, commit or roll back.
var errConnection = errors.New("connection lost")

// Decide runs the attempts of a batch in one transaction. On an error nothing
// of it is in the database, unless a commit failed: then only the database
// knows, and the error is errConnection.
func (w *writer) Decide(batch []*line.Job) error {
	if err := w.connect(); err != nil {
		return err
	}
	var b *decide.Batch
	err := w.conn.Raw(func(any) (err error) {
		b, err = w.transact(batch)
		return err
	})
	if err != nil {
		return err
	}
	w.health.Succeeds()
	w.names.Follow(b)
	return nil
}

// transact gives what it decided.
func (w *writer) transact(batch []*line.Job) (b *decide.Batch, err error) {
	h := w.hot
	if _, err := h.begin.exec(); err != nil {
		return nil, fmt.Errorf("%w: begin: %w", errConnection, err)
	}
	begun, committing := true, false
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic while deciding: %v", r)
		}
		if err != nil && begun {
			if !committing {
				w.guard.Undone()
			}
			if _, rerr := h.rollback.exec(); rerr != nil {
				// A connection that is still in a transaction serves nobody.
				err = fmt.Errorf("%w: %w; and the rollback: %w", errConnection, err, rerr)
			}
		}
	}()
	found, err := h.enter(w.guard)
	if err != nil {
		return nil, err
	}
	head := &audit.Frontier{}
	if err := head.UnmarshalBinary(found.Frontier); err != nil {
		return nil, err
	}
	first := head.Size()
	rows := hotRows{hot: h, head: head, guard: w.guard}
	b = &decide.Batch{Rows: &decide.Stored{Executor: &rows, Log: &rows, Guard: w.guard}, Guard: w.guard, Past: w.spent.Has,
		Changed: w.changed[:0], Decoyed: w.decoyed[:0]}
	for _, j := range batch {
		if j.Outcome, err = b.One(j.Attempt); err != nil {
			return nil, err
		}
	}
	if err := rows.saveHead(); err != nil {
		return nil, err
	}
	committing = true
	if w.testOnlyCommit != nil {
		if err := w.testOnlyCommit(); err != nil {
			return nil, fmt.Errorf("%w: %w: %w", errConnection, errCommit, err)
		}
	}
	if _, err := h.commit.exec(); err != nil {
		return nil, fmt.Errorf("%w: %w: %w", errConnection, errCommit, err)
	}
	begun = false
	w.guard.Settle()
	b.Spending.Now = batch[0].Attempt.Now
	w.spent.Settle(b.Spending)
	w.tail.Append(first, rows.entries)
	w.changed, w.decoyed = b.Changed, b.Decoyed
	return b, nil
}
