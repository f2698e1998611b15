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
	tokens []token.ID       // by their numbers where they come from
	here   []token.Identity // and as they are called here
}

// arrival is what is kept of a move that arrived. Older versions kept the receipt alone.
type arrival struct {
	Receipt transfer.Receipt `json:"receipt"`
	Here    []token.Identity `json:"here"`
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
	text, err := json.Marshal(arrival{Receipt: r, Here: i.received.here})
	if err != nil {
		return err
	}
	return tx.AddReceipt(i.run, r.Move, text)
}

// Receipt gives the receipt that an import wrote, and the serials of those of its tokens that
// are no longer here: once the receipt is handed in, they are on neither of the two servers,
// unless they moved on to a third. Of an import by an older version none are known.
func (s *Service) Receipt(ctx context.Context, run int64) (r transfer.Receipt, missing []string, err error) {
	var a arrival
	err = s.db.View(ctx, func(rd store.Reader) error {
		text, err := rd.Receipt(run)
		if err != nil {
			return err
		}
		if err := errors.Join(json.Unmarshal(text, &a), json.Unmarshal(text, &r)); err != nil {
			return fmt.Errorf("receipt of import %d: %w", run, err)
		}
		if r.Version == 0 {
			r = a.Receipt
		}
		missing = nil
		for _, id := range a.Here {
			if _, err := rd.Identity(id, 0); errors.Is(err, store.ErrNotFound) {
				missing = append(missing, id.Serial)
			} else if err != nil && !errors.Is(err, store.ErrForged) {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		if _, none := s.Run(ctx, run); none != nil {
			return r, nil, none
		}
		err = fault.New(fault.NotFound, "no_receipt", fmt.Sprintf("Import %d has no receipt.", run)).
			WithHint(
				"Only an import of a file that was exported with --move has one, once its tokens are here.").Because(
			err)
	}
	return r, missing, err
}
