package imports

import (
	"context"
	"errors"
	"fmt"

	"ostiary/internal/core/fault"
	"ostiary/internal/store"
)

// Run gives an import by its number, also one that is still under way.
func (s *Service) Run(ctx context.Context, id int64) (run store.Run, err error) {
	err = s.db.View(ctx, func(r store.Reader) error {
		run, err = r.Run(id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = fault.New(fault.NotFound, "import_not_found", fmt.Sprintf("There is no import %d.", id)).
			WithHint("ostiary import list lists all imports.").Because(err)
	}
	return run, err
}

// Runs lists up to limit imports before the one of number before (0:
// all), the newest first.
func (s *Service) Runs(ctx context.Context, before int64, limit int) (runs []store.Run, err error) {
	err = s.db.Browse(ctx, func(r store.Reader) error {
		runs, err = r.Runs(before, limit)
		return err
	})
	return runs, err
}

// Rows lists up to limit keys of an import about which there is something
// to say, behind the key of number after.
func (s *Service) Rows(ctx context.Context, id int64, after, limit int) (rows []store.RunRow, err error) {
	err = s.db.Browse(ctx, func(r store.Reader) error {
		rows, err = r.RunRows(id, after, limit)
		return err
	})
	return rows, err
}
