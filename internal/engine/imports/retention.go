package imports

import (
	"context"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/store"
)

// RemoveReports removes, in short transactions, the rows of imports that ended before a
// time: what became of single keys. The sums of those imports stay. It gives the number
// of imports; each is in the log.
func (s *Service) RemoveReports(ctx context.Context, before time.Time) (n int, err error) {
	for {
		var runs []int64
		err := s.db.View(ctx, func(r store.Reader) (err error) {
			runs, err = r.RunsWithRows(before, 100)
			return err
		})
		if err != nil || len(runs) == 0 {
			return n, err
		}
		for _, run := range runs {
			if err := s.removeRows(ctx, run); err != nil {
				return n, err
			}
			n++
		}
	}
}

func (s *Service) removeRows(ctx context.Context, run int64) error {
	for done, rows := false, 0; !done; {
		removed := 0
		err := s.db.Update(ctx, func(tx store.Tx) (err error) {
			now := s.now()
			if removed, err = tx.RemoveRows(run, now, tokens.Chunk); err != nil {
				return err
			}
			r, err := tx.Run(run)
			if done = removed == 0 || !r.Removed.IsZero(); err != nil || removed == 0 || !done {
				return err
			}
			return tx.AppendAudit(audit.Entry{Time: now, Action: audit.ImportRowsRemoved, Outcome: audit.Done,
				Origin: audit.Origin{Actor: "system"}, Subject: audit.Subject{Other: r.Label},
				Before: []audit.Field{{Name: "rows", Value: int64(rows + removed)},
					{Name: "run", Value: run}}}.Canonical())
		})
		if err != nil {
			return err
		}
		rows += removed
	}
	return nil
}
