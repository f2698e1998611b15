package sqlite

import (
	"errors"
	"fmt"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
	"ostiary/internal/store/decide"
	"ostiary/internal/store/tables"
)

// errConnection marks errors after which the connection is of no more use: a
// transaction that did not begin, commit or roll back.
var errConnection = errors.New("connection lost")

// decide runs the attempts of a batch in one transaction. On an error nothing
// of it is in the database, unless a commit failed: then only the database
// knows, and the error is errConnection.
func (w *writer) decide(batch []*job) error {
	if err := w.connect(); err != nil {
		return err
	}
	var changed []decide.Changed
	var users []string
	err := w.conn.Raw(func(any) (err error) {
		changed, users, err = w.transact(batch)
		return err
	})
	if err != nil {
		return err
	}
	w.health.succeeds()
	w.cache.forget(tables.Touched{Names: users})
	for _, c := range changed {
		w.cache.raise(c)
		if c.Proven {
			w.cache.forget(tables.Touched{Tokens: []token.ID{c.ID}})
			continue
		}
		w.cache.set(c)
	}
	return nil
}

// transact gives what it changed: conditions of tokens, and users by name.
func (w *writer) transact(batch []*job) (changed []decide.Changed, users []string, err error) {
	h := w.hot
	if _, err := h.begin.exec(); err != nil {
		return nil, nil, fmt.Errorf("%w: begin: %w", errConnection, err)
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
		return nil, nil, err
	}
	head := &audit.Frontier{}
	if err := head.UnmarshalBinary(found.Frontier); err != nil {
		return nil, nil, err
	}
	first := head.Size()
	rows := hotRows{hot: h, head: head, guard: w.guard}
	b := decide.Batch{Rows: &decide.Stored{Executor: &rows, Log: &rows, Guard: w.guard}, Guard: w.guard, Past: w.spent.Has}
	for _, j := range batch {
		if j.outcome, err = b.One(j.attempt); err != nil {
			return nil, nil, err
		}
	}
	if err := rows.saveHead(); err != nil {
		return nil, nil, err
	}
	committing = true
	if w.testOnlyCommit != nil {
		if err := w.testOnlyCommit(); err != nil {
			return nil, nil, fmt.Errorf("%w: %w: %w", errConnection, errCommit, err)
		}
	}
	if _, err := h.commit.exec(); err != nil {
		return nil, nil, fmt.Errorf("%w: %w: %w", errConnection, errCommit, err)
	}
	begun = false
	w.guard.Settle()
	b.Spending.Now = batch[0].attempt.Now
	w.spent.Settle(b.Spending)
	w.tail.Append(first, rows.entries)
	return b.Changed, b.Users, nil
}
