package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/audit/archive"
	"ostiary/internal/core/audit/derive"
	"ostiary/internal/core/fault"
	"ostiary/internal/store"
)

// Archived says what was archived, and in which file.
type Archived struct {
	From, To int64     // places: To is that of the first entry behind
	Until    time.Time // the entries are older
	File     archive.Sum
}

// KeepMarkBy has keep called before checkpoints are removed, so that a mark that names
// one of them names a later one.
func (l *Ledger) KeepMarkBy(keep func(context.Context) error) { l.keepMark = keep }

// VerifierKey is the key that checks this server's signatures.
func (l *Ledger) VerifierKey() string { return l.verifier }

// Archives gives the archives of this log, oldest first.
func (l *Ledger) Archives(ctx context.Context) (all []Archived, err error) {
	err = l.db.View(ctx, func(r store.Reader) error {
		seams, err := r.Seams()
		if err != nil {
			return err
		}
		all, err = l.archives(seams)
		return err
	})
	return all, err
}

func (l *Ledger) archives(seams []audit.Seam) (all []Archived, err error) {
	from := int64(0)
	for i := range seams {
		c, err := audit.OpenCheckpoint(seams[i].Note, l.verifier)
		if err != nil {
			return nil, fmt.Errorf("seam of the audit log: %w", err)
		}
		to := seams[i].Frontier.Size()
		all = append(all, Archived{From: from, To: to, Until: c.Time, File: seams[i].File})
		from = to
	}
	return all, nil
}

// plan is what an archive is to hold.
type plan struct {
	archive.Header
	root  [32]byte
	until time.Time
	seam  *audit.Seam // at which it begins; nil for the first entry of all
	kept  []int64     // sizes of the checkpoints that stay, with their proofs
}

// plan finds the last checkpoint before a time, or, with to, the one of so many entries
// if it is before it.
func (l *Ledger) plan(ctx context.Context, before time.Time, to int64) (p plan, err error) {
	err = l.db.View(ctx, func(r store.Reader) error {
		seams, err := r.Seams()
		if err != nil {
			return err
		}
		p.From = audit.First(seams)
		if len(seams) > 0 {
			p.seam = &seams[len(seams)-1]
			p.Frontier, p.State = p.seam.Frontier, p.seam.State
		}
		record, err := r.Record()
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		p.Genesis = record.Genesis
		beyond := to + 1
		if to == 0 {
			head, err := r.AuditHead()
			if err != nil {
				return err
			}
			beyond = head.Size() + 1
		}
		c, err := l.last(r, p.From, beyond, before)
		if err == nil && to != 0 && c.Size != to {
			err = store.ErrNotFound
		}
		if errors.Is(err, store.ErrNotFound) {
			return fault.New(fault.NotFound, "nothing_to_archive", fmt.Sprintf("There is nothing to archive: no "+
				"checkpoint before %s has entries that are not archived yet.", before.Format(time.RFC3339))).WithHint(
				l.laterHint(before))
		} else if err != nil {
			return err
		}
		p.To, p.Note, p.root, p.until = c.Size, c.Note, c.Root, c.Time
		p.kept, err = l.daily(r, p.From, c)
		return err
	})
	return p, err
}

// laterHint says when there is something to archive.
func (l *Ledger) laterHint(before time.Time) string {
	const signed = "A checkpoint is signed each minute in which the log grew"
	if before.After(l.now()) {
		return signed + ": run the command again when it has grown."
	}
	return signed + "; give a later date."
}

// last finds the checkpoint of the most entries, more than first and fewer than beyond,
// that was signed before a time; ErrNotFound if there is none.
func (l *Ledger) last(r store.Reader, first, beyond int64, before time.Time) (c audit.Checkpoint, err error) {
	upTo := func(size int64) (c audit.Checkpoint, err error) {
		note, err := r.CheckpointUpTo(size)
		if err != nil {
			return c, err
		}
		return audit.OpenCheckpoint(note, l.verifier)
	}
	// Those of low entries and fewer are early enough, those of high and more are not.
	low, high := first, beyond
	for high-low > 1 {
		middle := low + (high-low)/2
		c, err := upTo(middle)
		switch {
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return c, err
		case err != nil || c.Size <= first || c.Time.Before(before):
			low = middle
		default:
			high = middle
		}
	}
	if c, err = upTo(low); err == nil && c.Size <= first {
		err = store.ErrNotFound
	}
	return c, err
}

// daily gives the sizes of the last checkpoint of each day before an archive's end, and
// of the one at its begin, smallest first.
func (l *Ledger) daily(r store.Reader, first int64, end audit.Checkpoint) (sizes []int64, err error) {
	for c := end; ; {
		day := c.Time.UTC().Truncate(24 * time.Hour)
		if c, err = l.last(r, max(0, first-1), c.Size, day); errors.Is(err, store.ErrNotFound) {
			break
		} else if err != nil {
			return nil, err
		}
		sizes = append(sizes, c.Size)
	}
	if first > 0 && !slices.Contains(sizes, first) {
		sizes = append(sizes, first)
	}
	slices.Reverse(sizes)
	return sizes, nil
}

// made is an archive that was written.
type made struct {
	archive.Sums
	proofs *audit.Prover
}

// make writes an archive to out, and gives the lines of its state to stage, some at a
// time. The same plan gives the same file, to the byte.
func (l *Ledger) make(ctx context.Context, p plan, out io.Writer, stage func([][]byte) error) (m made, err error) {
	w, err := archive.NewWriter(out, p.Header)
	if err != nil {
		return m, err
	}
	if m.proofs, err = audit.NewProver(&p.Frontier, p.kept, p.To); err != nil {
		return m, err
	}
	fold := derive.New()
	before := func(fn func([]byte) error) error {
		if p.seam == nil {
			return nil
		}
		return eachLine(ctx, l.db, p.From, fn)
	}
	if p.seam != nil {
		wrong, err := loadState(fold, p.seam, before)
		if err == nil && wrong != nil {
			err = notWhole(wrong)
		}
		if err != nil {
			return m, err
		}
	}
	if err := l.read(ctx, p, func(row store.AuditRow) error {
		m.proofs.Append(row.Entry)
		fold.Add(row.Seq, row.Entry)
		return w.Entry(row.Entry)
	}); err != nil {
		return m, err
	}
	if m.proofs.Root() != p.root {
		return m, notWhole(errors.New("the entries do not match their checkpoint"))
	}
	lines := &stager{write: stage}
	keeper, err := fold.Keep(func(line []byte) error { return errors.Join(w.Line(line), lines.add(line)) })
	if err != nil {
		return m, err
	}
	if err := before(keeper.Line); err != nil {
		return m, err
	}
	if err := l.read(ctx, p, func(row store.AuditRow) error { return keeper.Entry(row.Seq, row.Entry) }); err != nil {
		return m, err
	}
	if err := errors.Join(keeper.End(), lines.flush()); err != nil {
		return m, err
	}
	m.Sums, err = w.Sign(l.signer)
	return m, err
}

// read gives the entries of a plan, all of them.
func (l *Ledger) read(ctx context.Context, p plan, fn func(store.AuditRow) error) error {
	next := p.From
	view := func(do func(store.Reader) error) error { return l.db.View(ctx, do) }
	err := eachEntry(p.From, p.To, view, func(time.Duration) {}, func(row store.AuditRow) error {
		if row.Seq != next {
			return notWhole(fmt.Errorf("entry %d is missing", next))
		}
		next++
		return fn(row)
	})
	if err == nil && next != p.To {
		err = notWhole(fmt.Errorf("entry %d is missing", next))
	}
	return err
}

func notWhole(err error) error {
	return fault.New(fault.Conflict, "log_not_whole", "The audit log was not archived, because it is not intact: "+
		err.Error()+".").WithHint("If another archive was written meanwhile, run the command again; otherwise: ostiary audit verify.").
		Because(err)
}

// stager hands lines on, some at a time.
type stager struct {
	write func([][]byte) error
	lines [][]byte
}

func (s *stager) add(line []byte) error {
	if s.write == nil {
		return nil
	}
	if s.lines = append(s.lines, slices.Clone(line)); len(s.lines) < pageRead {
		return nil
	}
	return s.flush()
}

func (s *stager) flush() error {
	if len(s.lines) == 0 {
		return nil
	}
	err := s.write(s.lines)
	s.lines = s.lines[:0]
	return err
}

// WriteArchive writes the archive of all entries up to the last checkpoint before a
// time. Nothing is removed; see RemoveArchived. After an error what was written is no
// archive.
func (l *Ledger) WriteArchive(ctx context.Context, before time.Time, out io.Writer) error {
	p, err := l.plan(ctx, before, 0)
	if err != nil {
		return err
	}
	_, err = l.make(ctx, p, out, nil)
	return err
}
