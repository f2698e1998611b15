package imports

import (
	"crypto/sha256"
	"maps"
	"slices"

	"ostiary/internal/core/token"
	"ostiary/internal/engine/carry"
	"ostiary/internal/engine/transfer"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// staged is one key on its way in: either a token with its secret, or a row
// that is refused already.
type staged struct {
	row    store.RunRow
	token  token.Token
	secret seal.Secret
	user   string // who is to get it, as the file says; may be empty
	noUser error  // why the user that the file names is none
	policy string // that the file gives it; empty for none
	pinID  string // the key of the file that is its PIN; may be empty
	isPIN  bool   // it is no token, but the PIN of one

	passage transfer.Passage // the move that it is part of, if it is
	load    *carry.Load      // what its device needs; nil without an activation
	unshown bool             // its secret is still to be shown to its user, by a link

	late       bool // it waits for the end of the file, to be given a serial of this server
	renumbered bool // it was given one

	short bool // its secret has fewer bits than RFC 4226 demands

	here *token.Token // that has its secret and goes on as it is; nil if there is none

	pair bool // its secret was used here by tokens of the other kind
}

// kept is a key that outlives its chunk, whose secrets are wiped.
func (k *staged) kept() staged {
	kept := *k
	kept.secret = seal.NewSecret(slices.Clone(k.secret.Bytes()))
	kept.load = k.load.Clone()
	return kept
}

// note says more of a key, whatever becomes of it.
func (k *staged) note(text string) {
	if k.row.Reason != "" {
		text = k.row.Reason + "; " + text
	}
	k.row.Reason = text
}

// end says how a key ended.
func (k *staged) end(outcome, reason string) { k.row.Outcome, k.row.Reason = outcome, reason }

// tally is what one transaction adds to an importer, once it is committed.
type tally struct {
	counts   store.RunCounts
	rows     []store.RunRow
	replaced []token.ID
	// different are those of them that keep their secret.
	different map[token.ID]difference
	named     []namedPIN
	late      []staged            // that wait for the end of the file
	arrivals  map[string]arrivals // by type
	received  received
	short     int // keys that are imported with short secrets
	entries   [][]byte
	file      map[token.Mark]held // the secrets of the keys that are imported
	sheets    [][sha256.Size]byte // the profiles of those that are imported
	shared    map[token.Mark]bool // those that several of them have
}

// count takes a key that has ended into the tally.
func (t *tally) count(i *importer, k *staged) {
	c := &t.counts
	if k.late {
		t.late = append(t.late, k.kept())
		return
	}
	if slices.Contains([]string{Imported, Replaced, Duplicate, Difference, Conflict}, k.row.Outcome) {
		i.sample(k)
	}
	switch k.row.Outcome {
	case Imported:
		t.hold(i, k)
		if k.load != nil {
			t.sheets = append(t.sheets, k.load.Hash())
		}
		t.short += oneIf(k.short)
		c.Imported++
		if k.renumbered {
			c.Renumbered++
		}
	case Replaced:
		t.hold(i, k)
		t.short += oneIf(k.short)
		c.Replaced++
	case Duplicate:
		c.Duplicate++
	case Conflict:
		c.Conflict++
	case Difference:
		c.Difference++
	case Twin:
		c.Twin++
	default:
		c.Refused++
	}
	if k.pinID != "" {
		t.named = append(t.named, namedPIN{id: k.pinID, token: k.token.ID, policy: k.policy,
			imported: k.row.Outcome == Imported,
			refused:  !slices.Contains([]string{Imported, Replaced, Duplicate}, k.row.Outcome)})
	}
	if k.passage.Move != "" && slices.Contains([]string{Imported, Replaced, Duplicate}, k.row.Outcome) {
		t.received.tokens = append(t.received.tokens, k.passage.Token)
		t.received.here = append(t.received.here, k.token.Identity)
	}
	if k.row.Outcome != Imported || k.row.Reason != "" {
		t.rows = append(t.rows, k.row)
	}
}

func oneIf(b bool) int {
	if b {
		return 1
	}
	return 0
}

// tally begins where the importer is.
func (i *importer) tally() tally {
	return tally{counts: i.counts, short: i.short, arrivals: maps.Clone(i.arrivals), received: i.received,
		different: map[token.ID]difference{}, file: map[token.Mark]held{}, shared: map[token.Mark]bool{}}
}

// commit runs do in a transaction and takes over what it adds.
func (i *importer) commit(do func(tx store.Tx, t *tally) error) error {
	var t tally
	err := i.db.Update(i.ctx, func(tx store.Tx) error {
		t = i.tally() // fn may run again
		if err := do(tx, &t); err != nil {
			return err
		}
		if err := tx.RecordRun(i.run, store.RunProgress{Counts: t.counts}, t.rows); err != nil {
			return err
		}
		return tx.AppendAudit(t.entries...)
	})
	if err != nil {
		return err
	}
	i.counts, i.arrivals, i.received, i.short = t.counts, t.arrivals, t.received, t.short
	for _, id := range t.replaced {
		i.replaced[id] = true
	}
	maps.Copy(i.different, t.different)
	maps.Copy(i.file, t.file)
	maps.Copy(i.shared, t.shared)
	for _, hash := range t.sheets {
		if i.sheetsUsed == nil {
			i.sheetsUsed = map[[sha256.Size]byte]bool{}
		}
		i.sheetsUsed[hash] = true
	}
	i.late = append(i.late, t.late...)
	for _, n := range t.named {
		i.pins.named[n.id] = append(i.pins.named[n.id], n)
	}
	if i.req.Progress != nil {
		i.req.Progress(i.counts)
	}
	return nil
}
