package imports

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/transfer"
	"ostiary/internal/store"
)

// received gathers what arrives of a move.
type received struct {
	transfer.Passage
	tokens []token.ID
}

// admit takes note of a key that is part of a move, and refuses a file that this
// server wrote itself: its tokens are here.
func (i *importer) admit(r store.Reader, k *staged, t *tally) error {
	switch {
	case k.passage.Move == "":
		return nil
	case t.received.Move == "":
		if _, err := r.Move(k.passage.Move); err == nil {
			return fault.New(fault.Conflict, "own_export", "This server itself exported the file, and its "+
				"tokens are MOVING.").
				WithHint("To take them back: ostiary move cancel " + k.passage.Move)
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		t.received.Passage = k.passage
	case t.received.Move != k.passage.Move || t.received.Key != k.passage.Key:
		k.end(Refused, "it belongs to another move than the keys before it")
	}
	return nil
}

func (i *importer) hasReceipt() bool { return len(i.received.tokens) > 0 && i.counts.HeldBack == 0 }

// receipt writes the receipt of a run, if it received tokens of a move.
func (i *importer) receipt(tx store.Tx) error {
	if !i.hasReceipt() {
		return nil
	}
	r := transfer.Receipt{Version: 1, Move: i.received.Move, Import: i.run, Issued: i.now().UTC().Truncate(time.Second),
		Tokens: i.received.tokens, Nonce: rand.Text()}
	r.Sign(i.received.Key[:])
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return tx.AddReceipt(i.run, r.Move, text)
}

// Receipt gives the receipt that an import wrote.
func (s *Service) Receipt(ctx context.Context, run int64) (text []byte, err error) {
	err = s.db.View(ctx, func(r store.Reader) error {
		text, err = r.Receipt(run)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = fault.New(fault.NotFound, "no_receipt", fmt.Sprintf("Import %d has no receipt.", run)).
			WithHint(
				"Only an import of a file that was exported with --move has one, once its tokens are here.").Because(
			err)
	}
	return text, err
}
