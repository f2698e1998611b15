package sqlite

import (
	"context"
	"fmt"
	"sync/atomic"

	"ostiary/internal/store"
	"ostiary/internal/store/health"
	"ostiary/internal/store/tables"
)

// state is how the last commit went, and whether the file can be synced.
type state struct {
	health.Commits
	synced atomic.Pointer[error] // why the file could not be synced; nil while it can
}

// breaks notes that a sync of the database file failed, for good: only a start can tell
// what is in the file, and the WAL is kept for it. It gives the error that all writes
// end with from now on.
func (s *state) breaks(err error) error {
	err = fmt.Errorf("%w: %w: sync of the database file, after which nothing is written until the server is started "+
		"again: %w", store.ErrUnavailable, store.ErrDisk, err)
	s.synced.CompareAndSwap(nil, &err)
	s.Fails(err)
	return *s.synced.Load()
}

// broken gives the error of breaks, if it was called.
func (s *state) broken() error {
	if err := s.synced.Load(); err != nil {
		return *err
	}
	return nil
}

// probe commits a change that means nothing.
func (w *writer) probe() error {
	return w.line.Update(context.Background(), func(t store.Tx) error {
		_, err := t.(*tables.Tx).Change("UPDATE decoy_condition SET failures = failures + 1 WHERE token = 1")
		return err
	})
}
