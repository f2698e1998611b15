package lifecycle

import (
	"context"
	"errors"
	"fmt"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/engine/users"
	"ostiary/internal/store"
)

// Batches lists up to limit deliveries behind the name after, by name.
func (s *Service) Batches(ctx context.Context, after string, limit int) (batches []store.Batch, err error) {
	err = s.db.Browse(ctx, func(r store.Reader) error {
		batches, err = r.Batches(after, limit)
		return err
	})
	return batches, err
}

// Batch gives one delivery. The error is a fault, NotFound, if there is none of the name.
func (s *Service) Batch(ctx context.Context, name string) (b store.Batch, err error) {
	err = s.db.Browse(ctx, func(r store.Reader) error {
		b, err = r.Batch(name)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = noBatch(name, "")
	}
	return b, err
}

// noBatch says that there is no delivery; or says what else there may be.
func noBatch(name, or string) error {
	return fault.New(fault.NotFound, "batch_not_found", fmt.Sprintf("There is no batch %q%s.", name, or)).
		WithHint("ostiary batch list lists all batches.")
}

// SetBatchState changes the state of all tokens of a delivery, in short
// transactions, and gives the number that was changed: those that may not get the
// state, or have it, and those of superiors (users.MayArm) stay as they are. Each change
// is in the log.
// Tokens that ended do not become VALID.
func (s *Service) SetBatchState(ctx context.Context, batch string, to token.State, reason string, origin audit.Origin) (
	changed int, err error) {
	if err := tokens.CheckText("reason", reason, tokens.MaxReason); err != nil {
		return 0, fault.New(fault.Invalid, "reason", fault.Sentence(err.Error()))
	}
	var page []token.Token
	found := false
	for after := token.ID(0); ; {
		n := 0
		err := s.db.Update(ctx, func(tx store.Tx) (err error) {
			n = 0
			if page, err = tx.Tokens(store.TokenFilter{Batch: batch, After: after, Limit: tokens.Chunk}); err != nil {
				return err
			}
			var entries [][]byte
			for _, t := range page {
				if s.mayBecome(tx, t, to) != nil {
					continue
				}
				if err := users.MayArm(tx, t.OwnerName, origin); err != nil {
					if fault.Of(err).Kind == fault.Forbidden {
						continue
					}
					return err
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
		if len(page) == 0 {
			break
		}
		changed, found, after = changed+n, true, page[len(page)-1].ID
	}
	if !found {
		return 0, noBatch(batch, ", or none of its tokens exists any more")
	}
	return changed, nil
}
