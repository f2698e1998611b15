package lifecycle

import (
	"context"
	"errors"
	"fmt"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// ImportRun gives an import by its number, also one that is still under way.
func (s *Service) ImportRun(ctx context.Context, id int64) (run store.Run, err error) {
	err = s.db.View(ctx, func(r store.Reader) error {
		run, err = r.Run(id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = fault.New(fault.NotFound, "import_not_found", fmt.Sprintf("There is no import %d.", id)).
			WithHint("ostiary import list shows the imports there were.").Because(err)
	}
	return run, err
}

// ImportRuns lists up to limit imports before the one of number before (0:
// all), the newest first.
func (s *Service) ImportRuns(ctx context.Context, before int64, limit int) (runs []store.Run, err error) {
	err = s.db.Browse(ctx, func(r store.Reader) error {
		runs, err = r.Runs(before, limit)
		return err
	})
	return runs, err
}

// ImportRows lists up to limit keys of an import about which there is something
// to say, behind the key of number after.
func (s *Service) ImportRows(ctx context.Context, id int64, after, limit int) (rows []store.RunRow, err error) {
	err = s.db.Browse(ctx, func(r store.Reader) error {
		rows, err = r.RunRows(id, after, limit)
		return err
	})
	return rows, err
}

// Batches lists up to limit deliveries behind the name after, by name.
func (s *Service) Batches(ctx context.Context, after string, limit int) (batches []store.Batch, err error) {
	err = s.db.Browse(ctx, func(r store.Reader) error {
		batches, err = r.Batches(after, limit)
		return err
	})
	return batches, err
}

// SetBatchState changes the state of all tokens of a delivery, in short
// transactions, and gives the number that was changed: those that may not get the
// state, or have it, stay as they are. Each change is in the log.
// Tokens that ended do not become VALID.
func (s *Service) SetBatchState(ctx context.Context, batch string, to token.State, reason string, origin audit.Origin) (
	changed int, err error) {
	if err := checkText("reason", reason, maxReason); err != nil {
		return 0, fault.New(fault.Invalid, "reason", fault.Sentence(err.Error()))
	}
	var tokens []token.Token
	found := false
	for after := token.ID(0); ; {
		n := 0
		err := s.db.Update(ctx, func(tx store.Tx) (err error) {
			n = 0
			if tokens, err = tx.Tokens(store.TokenFilter{Batch: batch, After: after, Limit: chunk}); err != nil {
				return err
			}
			var entries [][]byte
			for _, t := range tokens {
				if s.mayBecome(tx, t, to) != nil {
					continue
				}
				e, err := setState(tx, &t, to, reason)
				if err != nil {
					return err
				}
				n++
				e.Time, e.Outcome, e.Origin = s.now(), audit.Done, origin
				entries = append(entries, e.Canonical())
			}
			return tx.AppendAudit(entries...)
		})
		if err != nil {
			return changed, err
		}
		if len(tokens) == 0 {
			break
		}
		changed, found, after = changed+n, true, tokens[len(tokens)-1].ID
	}
	if !found {
		return 0, fault.New(fault.NotFound, "batch_not_found", fmt.Sprintf("There is no batch %q, or none of its "+
			"tokens is left.", batch)).
			WithHint("ostiary batch list shows the batches there are.")
	}
	return changed, nil
}
