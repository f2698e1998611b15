package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/engine/transfer"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// A token must not live on two servers, each with a counter of its own: a code
// would be accepted on both. So a move has two phases. The export puts its tokens
// into the state MOVING, in which they take no code, before a secret leaves. The
// server that imports them writes a receipt; with it they are deleted here, and
// remembered where they stood. Or the move is cancelled, and they are as before.
// Package transfer has what the two servers tell each other.

// beginMove opens a move.
func (s *Service) beginMove(ctx context.Context, origin audit.Origin) (p transfer.Passage, err error) {
	p = transfer.NewPassage()
	sealed, err := s.keys.Seal(store.MoveBinding(p.Move), seal.NewSecret(slices.Clone(p.Key[:])))
	if err != nil {
		return p, err
	}
	return p, s.db.Update(ctx, func(tx store.Tx) error {
		return tx.AddMove(store.Move{ID: p.Move, Opened: s.now(), Actor: origin.Actor, Sealed: sealed})
	})
}

// Moves lists up to limit moves opened before the one of ID before, the newest
// first.
func (s *Service) Moves(ctx context.Context, before string, limit int) (moves []store.Move, err error) {
	err = s.db.Browse(ctx, func(r store.Reader) error {
		moves, err = r.Moves(before, limit)
		return err
	})
	return moves, err
}

// ConfirmMove takes a receipt and deletes the tokens that it names, remembering
// where they stood. The same receipt again changes nothing.
func (s *Service) ConfirmMove(ctx context.Context, r transfer.Receipt, origin audit.Origin) (store.Move, error) {
	move, err := s.move(ctx, r.Move)
	if err != nil {
		return move, err
	}
	key, err := s.keys.Open(store.MoveBinding(move.ID), move.Sealed)
	if err != nil {
		return move, fmt.Errorf("key of move %s: %w", move.ID, err)
	}
	defer key.Wipe()
	if r.Version != 1 || !r.SignedBy(key.Bytes()) {
		return move,
			fault.New(fault.Invalid, "receipt_wrong", "The receipt does not belong to this move, or it was changed.").
				WithHint("Fetch it again where the tokens were imported: ostiary import receipt.")
	}
	if err := s.takeReceipt(ctx, r); err != nil {
		return move, err
	}
	for ids := range slices.Chunk(r.Tokens, tokens.Chunk) {
		err := s.db.Update(ctx, func(tx store.Tx) error {
			for _, id := range ids {
				if err := s.arriveOne(tx, move.ID, id, origin); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return move, err
		}
	}
	return s.move(ctx, move.ID)
}

// takeReceipt refuses a receipt of tokens that another one has told of: they are on
// two servers then, and a code of them counts on both.
func (s *Service) takeReceipt(ctx context.Context, r transfer.Receipt) error {
	var first int64
	err := s.db.Update(ctx, func(tx store.Tx) (err error) {
		first, err = tx.TakeReceipt(store.MoveReceipt{Move: r.Move, Digest: r.Digest(), Import: r.Import,
			Taken: s.now()}, r.Tokens)
		return err
	})
	if errors.Is(err, store.ErrConflict) {
		return fault.New(fault.Conflict, "receipt_second", fmt.Sprintf("Tokens of this receipt, of import %d, have "+
			"already arrived by another receipt, of import %d.", r.Import, first)).
			WithHint(fmt.Sprintf("If the two imports are on two servers, the tokens work on both: delete those that "+
				"import %d brought there (ostiary token list --import %d), on the server of this second receipt. If "+
				"both are on one server, there is nothing to do.", r.Import, r.Import)).Because(err)
	}
	return err
}

func (s *Service) arriveOne(tx store.Tx, move string, id token.ID, origin audit.Origin) error {
	if err := tx.Arrive(move, id); errors.Is(err, store.ErrConflict) {
		// It was deleted on its way, which ends here; or it has gone before, or was never part of it.
		if err = tx.Forget(move, id); errors.Is(err, store.ErrConflict) {
			return nil
		}
		return err
	} else if err != nil {
		return err
	}
	found, err := tx.Tokens(store.TokenFilter{ID: id})
	if err != nil {
		return err
	}
	if len(found) != 1 {
		return fmt.Errorf("token %d of move %s: %w", id, move, store.ErrNotFound)
	}
	left, err := s.marks.Retire(tx, s.keys, found[0], s.now())
	if err != nil {
		return err
	}
	if err := tx.DeleteToken(id); err != nil {
		return err
	}
	return tx.AppendAudit(audit.Entry{Time: s.now(), Action: audit.TokenMoved, Outcome: audit.Done, Origin: origin,
		Subject: audit.SubjectOf(found[0]),
		Before:  audit.ConditionFields(found[0].Condition, found[0].OwnerName),
		After:   append(left, audit.Field{Name: "move", Value: move})}.Canonical())
}

// CancelMove puts the tokens that are still on their way back into the states
// that they had. Whoever calls it knows that they were not imported elsewhere. Of a token
// that a receipt names it is known that it was: the error is Conflict.
func (s *Service) CancelMove(ctx context.Context, id string, origin audit.Origin) (store.Move, error) {
	if _, err := s.move(ctx, id); err != nil {
		return store.Move{}, err
	}
	for more := true; more; {
		err := s.db.Update(ctx, func(tx store.Tx) error {
			left, err := tx.Movements(id, 0, tokens.Chunk)
			if more = len(left) == tokens.Chunk; err != nil {
				return err
			}
			for _, m := range left {
				if err := s.returnOne(tx, id, m, origin); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return store.Move{}, err
		}
	}
	return s.move(ctx, id)
}

func (s *Service) returnOne(tx store.Tx, move string, m store.Movement, origin audit.Origin) error {
	found, err := tx.Tokens(store.TokenFilter{ID: m.Token})
	if err != nil {
		return err
	}
	if len(found) == 0 { // deleted on its way
		return tx.Forget(move, m.Token)
	}
	if m.Arrived {
		return fault.New(fault.Conflict, "receipt_taken", fmt.Sprintf("Token %s is on the other server: a receipt of "+
			"move %s names it.", found[0].Identity.Serial, move)).
			WithHint("Hand in the receipt again: ostiary move confirm RECEIPT. Then cancel what is left.")
	}
	if err := tx.Return(move, m.Token); err != nil {
		return err
	}
	return tx.AppendAudit(stateEntry(found[0], token.Moving, m.Before, "move "+move+" cancelled", s.now(), origin))
}

func (s *Service) move(ctx context.Context, id string) (m store.Move, err error) {
	err = s.db.View(ctx, func(r store.Reader) error {
		m, err = r.Move(id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = fault.New(fault.NotFound, "move_not_found", "There is no such move here.").
			WithHint("ostiary move list shows the moves of this server; a receipt goes to the server that exported " +
				"the tokens.").Because(err)
	}
	return m, err
}
