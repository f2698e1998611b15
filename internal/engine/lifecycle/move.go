package lifecycle

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// A token must not live on two servers, each with a counter of its own: a code
// would be accepted on both. So a move has two phases. The export puts its tokens
// into the state MOVING, in which they take no code, before a secret leaves. The
// server that imports them writes a receipt; with it they are deleted here, and
// remembered where they stood. Or the move is cancelled, and they are as before.
//
// The file tells the receiver, inside the encrypted record of each key, the
// move, a key, and the token's number here. A receipt is the list of numbers
// under an HMAC with that key, so that only who could read the file can write it.

// passage is what a key of a file says of the move that it is part of.
type passage struct {
	move  string
	key   [sha256.Size]byte
	token token.ID // on the server that it comes from
}

func (p passage) String() string {
	return p.move + " " + hex.EncodeToString(p.key[:]) + " " + strconv.FormatInt(int64(p.token), 10)
}

func parsePassage(s string) (p passage, err error) {
	parts := strings.Split(s, " ")
	if len(parts) != 3 || len(parts[1]) != 2*len(p.key) || parts[0] == "" {
		return p, errors.New("it is not a move, a key and a number")
	}
	n, err := strconv.ParseInt(parts[2], 10, 64)
	if _, herr := hex.Decode(p.key[:], []byte(parts[1])); err != nil || herr != nil || n < 1 {
		return p, errors.New("it is not a move, a key and a number")
	}
	p.move, p.token = parts[0], token.ID(n)
	return p, nil
}

// beginMove opens a move.
func (s *Service) beginMove(ctx context.Context, origin audit.Origin) (p passage, err error) {
	p.move = rand.Text()
	_, _ = rand.Read(p.key[:]) // never fails (crypto/rand)
	sealed, err := s.keys.Seal(store.MoveBinding(p.move), seal.NewSecret(slices.Clone(p.key[:])))
	if err != nil {
		return p, err
	}
	return p, s.db.Update(ctx, func(tx store.Tx) error {
		return tx.AddMove(store.Move{ID: p.move, Opened: s.now(), Actor: origin.Actor, Sealed: sealed})
	})
}

// Receipt is what the receiving server says of a move.
type Receipt struct {
	Version int        `json:"ostiary_receipt"`
	Move    string     `json:"move"`
	Import  int64      `json:"import"` // the run on the receiving server
	Issued  time.Time  `json:"issued"`
	Tokens  []token.ID `json:"tokens"` // by their numbers on the server they come from
	MAC     string     `json:"mac"`
}

// sum is the MAC over everything else.
func (r Receipt) sum(key []byte) string {
	r.MAC = ""
	text, _ := json.Marshal(r) // numbers and strings always can
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("ostiary receipt 1\x00"))
	mac.Write(text)
	return hex.EncodeToString(mac.Sum(nil))
}

// received gathers what arrives of a move.
type received struct {
	passage
	tokens []token.ID
}

// admit takes note of a key that is part of a move, and refuses a file that this
// server wrote itself: its tokens are here.
func (i *importer) admit(r store.Reader, k *staged, t *tally) error {
	switch {
	case k.passage.move == "":
		return nil
	case t.received.move == "":
		if _, err := r.Move(k.passage.move); err == nil {
			return fault.New(fault.Conflict, "own_export", "The file was exported by this server itself, where its "+
				"tokens are MOVING.").
				WithHint("To have them back: ostiary move cancel " + k.passage.move)
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		t.received.passage = k.passage
	case t.received.move != k.passage.move || t.received.key != k.passage.key:
		k.end(Refused, "it is part of another move than the keys before it")
	}
	return nil
}

// receipt writes the receipt of a run, if it received tokens of a move.
func (i *importer) receipt(tx store.Tx) error {
	if len(i.received.tokens) == 0 || i.counts.HeldBack > 0 {
		return nil
	}
	r := Receipt{Version: 1, Move: i.received.move, Import: i.run, Issued: i.now().UTC().Truncate(time.Second),
		Tokens: i.received.tokens}
	r.MAC = r.sum(i.received.key[:])
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
func (s *Service) ConfirmMove(ctx context.Context, r Receipt, origin audit.Origin) (store.Move, error) {
	move, err := s.move(ctx, r.Move)
	if err != nil {
		return move, err
	}
	key, err := s.keys.Open(store.MoveBinding(move.ID), move.Sealed)
	if err != nil {
		return move, fmt.Errorf("key of move %s: %w", move.ID, err)
	}
	defer key.Wipe()
	if r.Version != 1 || !hmac.Equal([]byte(r.sum(key.Bytes())), []byte(r.MAC)) {
		return move,
			fault.New(fault.Invalid, "receipt_wrong", "The receipt is not one of this move, or it was changed.").
				WithHint("Fetch it anew where the tokens were imported: ostiary import receipt.")
	}
	for ids := range slices.Chunk(r.Tokens, chunk) {
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

func (s *Service) arriveOne(tx store.Tx, move string, id token.ID, origin audit.Origin) error {
	if err := tx.Arrive(move, id); errors.Is(err, store.ErrConflict) {
		return nil // it has gone before, or was never part of it
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
	if err := s.retire(tx, &found[0]); err != nil {
		return err
	}
	if err := tx.DeleteToken(id); err != nil {
		return err
	}
	return tx.AppendAudit(audit.Entry{Time: s.now(), Action: audit.TokenMoved, Outcome: audit.Done, Origin: origin,
		Subject: audit.SubjectOf(found[0]),
		Before:  []audit.Field{{Name: "next", Value: found[0].Condition.Next}},
		After:   []audit.Field{{Name: "move", Value: move}}}.Canonical())
}

// CancelMove puts the tokens that are still on their way back into the states
// that they had. Whoever calls it knows that they were not imported elsewhere.
func (s *Service) CancelMove(ctx context.Context, id string, origin audit.Origin) (store.Move, error) {
	if _, err := s.move(ctx, id); err != nil {
		return store.Move{}, err
	}
	for more := true; more; {
		err := s.db.Update(ctx, func(tx store.Tx) error {
			left, err := tx.Movements(id, 0, chunk)
			if more = len(left) == chunk; err != nil {
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
	if err := tx.Return(move, m.Token); err != nil {
		return err
	}
	return tx.AppendAudit(audit.Entry{Time: s.now(), Action: audit.TokenStateChanged, Outcome: audit.Done,
		Reason: "move " + move + " cancelled", Origin: origin,
		Subject: audit.SubjectOf(found[0]), Before: []audit.Field{{Name: "state", Value: token.Moving.String()}},
		After: []audit.Field{{Name: "state", Value: m.Before.String()}}}.Canonical())
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
