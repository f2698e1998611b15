package ledger

import (
	"context"
	"fmt"
	"io"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/audit/archive"
	"ostiary/internal/core/fault"
	"ostiary/internal/store"
)

// Removal says which archive somebody has.
type Removal struct {
	To     int64     // the place behind its last entry
	Before time.Time // as it was asked for
	File   archive.Sum
	Origin audit.Origin
}

// RemoveArchived removes the entries of an archive from the database. The caller has
// the file, and has read it back. It is made once more, and must be the same to the
// byte. Then one commit moves the beginning of the log, and the rows are removed behind
// it, in short transactions; whoever is interrupted there calls again, or Trim.
func (l *Ledger) RemoveArchived(ctx context.Context, r Removal) (a Archived, err error) {
	select {
	case l.archiving <- struct{}{}:
		defer func() { <-l.archiving }()
	case <-ctx.Done():
		return a, ctx.Err()
	}
	all, err := l.Archives(ctx)
	if err != nil {
		return a, err
	}
	for _, a := range all {
		if a.To == r.To && a.File == r.File {
			return a, l.trim(ctx)
		}
	}
	if err := l.trim(ctx); err != nil {
		return a, err
	}
	p, err := l.plan(ctx, r.Before, r.To)
	if err != nil {
		return a, err
	}
	staged := int64(0)
	m, err := l.make(ctx, p, io.Discard, func(lines [][]byte) error {
		err := l.db.Update(ctx, func(tx store.Tx) error { return tx.StageState(p.To, staged, lines) })
		staged += int64(len(lines))
		return err
	})
	if err != nil {
		return a, err
	}
	if m.File != r.File {
		return a, fault.New(fault.Conflict, "other_archive", "The file is not the archive that this server writes for "+
			"these entries: its SHA-256 is different. Nothing was removed.").WithHint("Keep the file until you know where " +
			"it comes from, and archive to another one.")
	}
	if err := l.seam(ctx, p, m, r); err != nil {
		return a, err
	}
	return Archived{From: p.From, To: p.To, Until: p.until, File: m.File}, l.trim(ctx)
}

// seam moves the beginning of the log.
func (l *Ledger) seam(ctx context.Context, p plan, m made, r Removal) error {
	proofs := map[int64][]byte{}
	for _, size := range p.kept {
		var err error
		if proofs[size], err = m.proofs.Proof(size); err != nil {
			return err
		}
	}
	s := audit.Seam{Frontier: m.proofs.Frontier, Note: p.Note, Lines: m.Lines, State: m.State, File: m.File}
	e := audit.Entry{Time: l.now(), Action: audit.Archived, Outcome: audit.Done, Origin: r.Origin,
		After: []audit.Field{{Name: "before", Value: audit.Stamp(r.Before)}, {Name: "entries", Value: p.To - p.From},
			{Name: "file", Value: m.File.String()}, {Name: "from", Value: p.From},
			{Name: "state", Value: m.Sums.State.String()}, {Name: "to", Value: p.To},
			{Name: "until", Value: audit.Stamp(p.until)}}}
	err := l.db.Update(ctx, func(tx store.Tx) error {
		if err := tx.AddSeam(s, proofs); err != nil {
			return err
		}
		return tx.AppendAudit(e.Canonical())
	})
	if err != nil {
		return fmt.Errorf("archive the audit log: %w", err)
	}
	return nil
}

// Trim removes what is left of archived entries, as after a server that was killed.
func (l *Ledger) Trim(ctx context.Context) error {
	select {
	case l.archiving <- struct{}{}:
		defer func() { <-l.archiving }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return l.trim(ctx)
}

// trimRows is how many rows one transaction removes.
const trimRows = 1000

func (l *Ledger) trim(ctx context.Context) error {
	if l.keepMark != nil {
		// The checkpoint that the mark names may be one of those that go.
		if err := l.keepMark(ctx); err != nil {
			return err
		}
	}
	for more := true; more; {
		began := time.Now()
		err := l.db.Update(ctx, func(tx store.Tx) (err error) {
			more, err = tx.RemoveArchived(trimRows)
			return err
		})
		if err != nil {
			return fmt.Errorf("remove archived entries: %w", err)
		}
		// So logins have the writer for half of the time, at least.
		timer := time.NewTimer(time.Since(began))
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
	return nil
}
