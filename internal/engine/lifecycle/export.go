package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/carry"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/engine/transfer"
	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/pskc"
)

// minPassphrase is the shortest passphrase of an export, in characters: the file
// may be tried for years.
const minPassphrase = 12

// ExportRequest is a set of tokens that leave, secrets and all.
type ExportRequest struct {
	Filter  Filter // After and Limit do not count
	Serials []string
	// Move puts the tokens into the state MOVING: they are to live elsewhere, and
	// take no code here from now on. Begun is told the number of the move before
	// anything leaves, and how many open activations end by it; it may be nil.
	Move  bool
	Begun func(move string, ended int)
	// Passphrase is the text that the file is encrypted under.
	Passphrase seal.Secret
	Origin     audit.Origin
}

// Export writes tokens as a PSKC file (RFC 6030) that this program and others
// read, and gives their number. What RFC 6030 has no place for stands in the
// record of each key: Record lists it.
//
// Before a secret is written, the log says, durably, that the token of that
// serial was exported. Nothing is written if no token fits; after that an error
// leaves a file that no reader takes for whole.
func (s *Service) Export(ctx context.Context, w io.Writer, req ExportRequest) (n int, err error) {
	if len([]rune(string(req.Passphrase.Bytes()))) < minPassphrase {
		return 0, fault.New(fault.Invalid, "passphrase_short", fmt.Sprintf("The passphrase has fewer than %d "+
			"characters.", minPassphrase)).
			WithHint("An attacker can try passphrases on the file for years: choose several unrelated words.")
	}
	q, err := s.filter(ctx, req.Filter)
	if err != nil {
		return 0, err
	}
	q.Serials, q.After, q.Limit = req.Serials, 0, tokens.Chunk
	open, err := s.exportable(ctx, q, req.Move)
	if err != nil {
		return 0, err
	}
	var way transfer.Passage
	if req.Move {
		if way, err = s.beginMove(ctx, req.Origin); err != nil {
			return 0, err
		}
		if req.Begun != nil {
			req.Begun(way.Move, open)
		}
	}
	var out *pskc.Writer
	for {
		page, err := s.exported(ctx, q, way.Move, req.Origin)
		if err != nil {
			return n, err
		}
		if len(page) == 0 {
			break
		}
		if out == nil {
			if out, err = pskc.NewWriter(
				w, pskc.WriterOptions{Passphrase: pskc.Secret(req.Passphrase.Bytes())}); err != nil {
				return 0, err
			}
		}
		for _, c := range page {
			if err := s.writeKey(ctx, out, c, way); err != nil {
				return n, fmt.Errorf("token %d: %w", c.Token.ID, err)
			}
			n++
		}
		q.After = page[len(page)-1].Token.ID
	}
	if out == nil {
		return 0, errors.New("the tokens to be exported are gone") // between the look and the export
	}
	return n, out.Close()
}

// exportable refuses a choice that holds tokens without a secret that no activation is
// to make. A move takes all holders of a secret along, or none: else the secret would
// live on two servers. open is how many activations of the choice are open.
func (s *Service) exportable(ctx context.Context, q store.TokenFilter, move bool) (open int, err error) {
	var without, moving []string
	found := false
	chosen := map[token.Mark][]token.ID{} // of secrets that several tokens hold
	for more := true; more; {
		err := s.db.View(ctx, func(r store.Reader) error {
			page, err := r.Tokens(q)
			if more = len(page) == q.Limit; len(page) > 0 {
				q.After = page[len(page)-1].ID
			}
			found = found || len(page) > 0
			for _, t := range page {
				typ, terr := r.Type(t.Identity.Type)
				if m := t.Condition.Shared.Mark; m != 0 && move {
					chosen[m] = append(chosen[m], t.ID)
				}
				if t.Condition.State == token.Moving {
					moving = append(moving, t.Identity.Serial)
				}
				err = errors.Join(err, terr)
				if t.Profile != "" && move {
					switch _, oerr := r.OpenActivation(t.ID); {
					case oerr == nil:
						open++
					case !errors.Is(oerr, store.ErrNotFound):
						err = errors.Join(err, oerr)
					}
				}
				if t.Profile == "" && typ.Activation != token.NoActivation && !t.Condition.Proven() {
					without = append(without, t.Identity.Serial)
				}
			}
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	switch {
	case !found:
		return 0, fault.New(fault.NotFound, "nothing_to_export", "No token matches.").WithHint(
			"ostiary token list with the same filters shows what would be exported.")
	case len(moving) > 0:
		return 0, fault.New(fault.Conflict, "moving_already", fmt.Sprintf("Of the tokens to be exported %d are on "+
			"their way to another server: %s.", len(moving), shorten(moving))).
			WithHint("End that first: ostiary move confirm, or ostiary move cancel.")
	case len(without) == 0:
		return open, s.allHolders(ctx, chosen)
	}
	return 0, fault.New(fault.Conflict, "no_secret_yet", fmt.Sprintf("Of the tokens to be exported %d have no secret "+
		"and no profile by which they could get one: %s.",
		len(without), shorten(without))).WithHint("Delete them, or exclude them: --state VALID.")
}

// allHolders refuses a choice of some of the tokens that hold a secret.
func (s *Service) allHolders(ctx context.Context, chosen map[token.Mark][]token.ID) error {
	var left []string
	err := s.db.View(ctx, func(r store.Reader) error {
		for _, m := range slices.Sorted(maps.Keys(chosen)) {
			holders, err := r.Holders(0, m)
			if err != nil {
				return err
			}
			for _, h := range holders {
				if !slices.Contains(chosen[m], h.ID) {
					left = append(left, h.Identity.Serial)
				}
			}
		}
		return nil
	})
	if err != nil || len(left) == 0 {
		return err
	}
	return fault.New(fault.Conflict, "shares_secret",
		fmt.Sprintf("Tokens to be moved have the same secrets as %s that "+
			"would remain here: %s. A code would be accepted on both servers.", fault.Plural(len(left), "token", "tokens"),
			shorten(left))).
		WithHint("Move those tokens, too, or delete them: ostiary token list --twins.")
}

// shorten lists the first few of many.
func shorten(names []string) string {
	if len(names) > 10 {
		return strings.Join(names[:10], ", ") + ", …"
	}
	return strings.Join(names, ", ")
}

// exported reads a page of tokens and says in the log that they leave.
func (s *Service) exported(ctx context.Context, q store.TokenFilter, move string, origin audit.Origin) (
	page []leaving, err error) {
	err = s.db.Update(ctx, func(tx store.Tx) error {
		found, err := tx.Sealed(q)
		if page = page[:0]; err != nil || len(found) == 0 {
			return err
		}
		serials := make([]string, len(found))
		var entries [][]byte
		for i, c := range found {
			rows, err := carry.Gather(tx, c.Token, s.now())
			if err != nil {
				return err
			}
			page = append(page, leaving{c, rows})
			serials[i] = c.Token.Identity.Serial
			if move == "" {
				continue
			}
			ended, err := s.endActivation(tx, c.Token, origin)
			if err != nil {
				return err
			}
			entries = append(entries, ended...)
			if err := tx.Depart(move, c.Token); err != nil {
				return err
			}
			entries = append(entries, stateEntry(c.Token, c.Token.Condition.State, token.Moving, "move "+move+" begun",
				s.now(), origin))
		}
		return tx.AppendAudit(
			append(entries, audit.Entry{Time: s.now(), Action: audit.TokensExported, Outcome: audit.Done,
				Origin: origin,
				After: []audit.Field{{Name: "move", Value: move}, {Name: "serials", Value: strings.Join(serials, " ")},
					{Name: "tokens", Value: int64(len(page))}}}.Canonical())...)
	})
	return page, err
}

// leaving is a token that leaves, as it was when it did.
type leaving struct {
	store.Candidate
	rows *carry.Rows // what its device needs; nil without an activation
}

// endActivation ends the open activation of a token that moves: whoever has its letter
// or code could not know where to turn to.
func (s *Service) endActivation(tx store.Tx, t token.Token, origin audit.Origin) (entries [][]byte, err error) {
	open, err := tx.OpenActivation(t.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return [][]byte{audit.Entry{Time: s.now(), Action: audit.ActivationEnded, Outcome: audit.Done, Reason: "moved",
			Origin: origin, Subject: audit.SubjectOf(t),
			After: []audit.Field{{Name: "activation", Value: open.ID}}}.Canonical()},
		tx.EndActivation(open.ID, store.ActivationCancelled, s.stamp())
}

// writeKey writes one token, and its PIN behind it if it has one.
func (s *Service) writeKey(ctx context.Context, out *pskc.Writer, c leaving, way transfer.Passage) error {
	secret, err := tokens.OpenSecret(s.keys, c.Candidate)
	if err != nil {
		return err
	}
	defer secret.Wipe()
	key := transfer.Key(c.Token)
	if way.Move != "" {
		way.Token = c.Token.ID
		key.Record = append(key.Record, pskc.Property{Name: transfer.RecordMove, Value: way.String()})
	}
	key.Secret = pskc.Secret(secret.Bytes())
	defer key.Wipe()
	if err := c.rows.Add(key, s.keys, secret); err != nil {
		return err
	}
	if err := s.addUnshown(ctx, c.Token, key); err != nil {
		return err
	}
	pin, err := s.policyOf(ctx, c.Token.ID, key)
	if err != nil {
		return err
	}
	if err := out.Write(key); err != nil || pin == nil {
		return err
	}
	defer clear(pin.Secret)
	return out.Write(pin)
}

// addUnshown says in the record of a PENDING token that no link has shown its
// secret yet, so that the receiving server can make one.
func (s *Service) addUnshown(ctx context.Context, t token.Token, key *pskc.Key) error {
	if t.Condition.State != token.Pending {
		return nil
	}
	err := s.db.View(ctx, func(r store.Reader) error {
		e, err := r.EnrolmentOf(t.ID)
		if err == nil && e.Shown.IsZero() {
			key.Record = append(key.Record, pskc.Property{Name: transfer.RecordUnshown, Value: "yes"})
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// policyOf gives a key the policy it came with, and the key of its PIN.
func (s *Service) policyOf(ctx context.Context, id token.ID, key *pskc.Key) (pin *pskc.Key, err error) {
	var p store.Policy
	err = s.db.View(ctx, func(r store.Reader) error {
		p, err = r.Policy(id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return s.openPolicy(id, p, key)
}
