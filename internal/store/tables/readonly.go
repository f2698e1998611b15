package tables

import (
	"context"
	"errors"
	"fmt"

	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
)

// ErrReadOnly is what a change of a database says that was opened to be read.
var ErrReadOnly = errors.New("the database was opened to be read only")

// ReadOnly is a database that was opened to be read. It changes no byte.
type ReadOnly struct {
	Guard *proof.Guard
	// On runs fn over one snapshot, and End closes the database.
	On  func(ctx context.Context, fn func(*Reader) error) error
	End func() error
}

var _ store.DB = (*ReadOnly)(nil)

// View runs fn over one snapshot.
func (r *ReadOnly) View(ctx context.Context, fn func(store.Reader) error) error {
	return r.On(ctx, func(t *Reader) error { return fn(t) })
}

// Protect takes the key by which the database proves itself. Nothing is refused here:
// whoever reads a database that is not as it was written wants to be told all of it
// (store.IntegrityReader).
func (r *ReadOnly) Protect(ctx context.Context, key *seal.Integrity, alarm func(store.Alarm)) (begun bool, err error) {
	if err := r.Guard.Use(key, alarm); err != nil {
		return false, err
	}
	err = r.On(ctx, func(t *Reader) error {
		row, err := t.Head()
		begun = row.Record != nil
		return err
	})
	return begun, err
}

// Browse is View.
func (r *ReadOnly) Browse(ctx context.Context, fn func(store.Reader) error) error {
	return r.View(ctx, fn)
}

// Update changes nothing.
func (r *ReadOnly) Update(context.Context, func(store.Tx) error) error { return ErrReadOnly }

// Attempt decides nothing.
func (r *ReadOnly) Attempt(context.Context, store.Attempt) (store.Outcome, error) {
	return store.Outcome{}, ErrReadOnly
}

// Candidates finds nothing: nothing is to be decided.
func (r *ReadOnly) Candidates(context.Context, store.Lookup, bool) (store.Found, error) {
	return store.Found{}, ErrReadOnly
}

// Check reads one row.
func (r *ReadOnly) Check(ctx context.Context) error {
	err := r.On(ctx, func(t *Reader) error {
		_, err := query.One(ctx, t.q, query.Value[int], "SELECT count(*) FROM audit_head")
		return err
	})
	if err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return nil
}

// Close closes the database.
func (r *ReadOnly) Close() error { return r.End() }
