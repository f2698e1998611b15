package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/audit/archive"
	"ostiary/internal/core/audit/derive"
	"ostiary/internal/core/fault"
	"ostiary/internal/store"
)

// Verify recomputes the log and holds the state against it; see audit.Verify and
// package derive. An extra checkpoint that does not bear this server's signature is a
// fault.Error of kind Invalid.
func (l *Ledger) Verify(ctx context.Context, extra ...string) (Report, error) {
	return l.verify(ctx, func(time.Duration) {}, extra...)
}

// attempts bounds how often a verification begins anew because entries were archived
// meanwhile.
const attempts = 5

// verify calls rest after each page with the time that it took.
func (l *Ledger) verify(ctx context.Context, rest func(time.Duration), extra ...string) (rep Report, err error) {
	for i, note := range extra {
		if _, err := audit.OpenCheckpoint(note, l.verifier); err != nil {
			return Report{}, fault.New(fault.Invalid, "foreign_checkpoint",
				fmt.Sprintf("Checkpoint %d of those given is not signed by this server's key %s.", i+1,
					l.verifier)).
				WithHint("It is damaged or belongs to another server; or this server's log was created again with another key. " +
					"Compare the verifier key that you kept with it.").Because(err)
		}
	}
	select {
	case l.verifying <- struct{}{}:
		defer func() { <-l.verifying }()
	case <-ctx.Done():
		return rep, ctx.Err()
	}
	for range attempts {
		src := &source{ctx: ctx, db: l.db, fold: derive.New(), rest: rest}
		if rep, err = src.verify(l.verifier, extra); !errors.Is(err, errSeamMoved) {
			return rep, err
		}
	}
	return rep, err
}

// errSeamMoved says that entries were archived which were to be read.
var errSeamMoved = errors.New("entries were archived meanwhile")

// source reads the log up to the head it began with, in pages, so that a long
// log holds no snapshot open.
type source struct {
	ctx   context.Context
	db    store.DB
	head  *audit.Frontier
	seams []audit.Seam
	notes []audit.StoredNote
	// beyond is an entry that the head of that moment does not cover.
	beyond []store.AuditRow
	fold   *derive.Fold
	rest   func(time.Duration)
	told   map[int64]archived // by the entries audit.archived, by the ends of their files
}

// archived is what an entry tells of an archive.
type archived struct{ file, state string }

func (s *source) Head() (*audit.Frontier, error)     { return s.head, nil }
func (s *source) Seams() ([]audit.Seam, error)       { return s.seams, nil }
func (s *source) Notes() ([]audit.StoredNote, error) { return s.notes, nil }
func (s *source) first() int64                       { return audit.First(s.seams) }
func (s *source) lines(fn func(line []byte) error) error {
	return eachLine(s.ctx, s.db, s.first(), fn)
}

// view reads, if the log still begins where it began.
func (s *source) view(do func(store.Reader) error) error {
	return s.db.View(s.ctx, func(r store.Reader) error {
		seams, err := r.Seams()
		if err == nil && audit.First(seams) != s.first() {
			err = errSeamMoved
		}
		if err != nil {
			return err
		}
		return do(r)
	})
}

func (s *source) verify(verifier string, extra []string) (rep Report, err error) {
	var checked store.Checked
	err = s.db.View(s.ctx, func(r store.Reader) (err error) {
		if checked, err = r.CheckIntegrity(); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if s.notes, err = r.Checkpoints(); err == nil {
			s.head, err = r.AuditHead()
		}
		if err == nil {
			s.seams, err = r.Seams()
		}
		if err == nil {
			s.beyond, err = r.AuditEntries(s.head.Size(), 1)
		}
		return err
	})
	if errors.Is(err, store.ErrTampered) && len(checked.Problems) > 0 {
		rep.Problem = strings.Join(checked.Problems, "; ")
		return rep, nil
	}
	if err != nil {
		return Report{}, err
	}
	begin, err := s.begin()
	if err != nil {
		return rep, err
	}
	if rep.Report, err = audit.Verify(s, verifier, extra...); err != nil {
		return rep, err
	}
	if rep.Problem == "" {
		rep.Problem = begin
	}
	if rep.Problem == "" {
		rep.Problem = s.untold()
	}
	whole := rep.Problem == ""
	if problems := checked.Problems; len(problems) > 0 {
		if !whole {
			problems = append([]string{rep.Problem}, problems...)
		}
		rep.Problem = strings.Join(problems, "; ")
	}
	if !whole {
		s.fold = derive.New() // of a log that is not whole nothing follows
	}
	forged(s.fold, checked)
	if whole {
		err = (&comparison{s}).run()
	}
	rep.State = s.fold.Result()
	return rep, err
}

// begin makes the fold go on from the state at the seam. problem says that this is
// not the one that was kept there.
func (s *source) begin() (problem string, err error) {
	if len(s.seams) == 0 {
		return "", nil
	}
	seam := &s.seams[len(s.seams)-1]
	wrong, err := loadState(s.fold, seam, s.lines)
	if err == nil && wrong != nil {
		err = s.view(func(store.Reader) error { return nil }) // or was it moved meanwhile?
	}
	if err != nil || wrong == nil {
		return "", err
	}
	s.fold = derive.New()
	return fmt.Sprintf("the state that was saved when the entries before %d were archived is not as this server wrote "+
		"it (%v)", s.first(), wrong), nil
}

// loadState reads the state at a seam into a fold. wrong says that it is not the one
// of the seam.
func loadState(fold *derive.Fold, seam *audit.Seam, lines func(func([]byte) error) error) (wrong, err error) {
	sum, n, loader := sha256.New(), int64(0), fold.Load()
	err = lines(func(line []byte) error {
		n++
		sum.Write(line)
		sum.Write([]byte{'\n'})
		if wrong == nil {
			wrong = loader.Line(line)
		}
		return nil
	})
	if err == nil && (n != seam.Lines || archive.Sum(sum.Sum(nil)) != archive.Sum(seam.State)) {
		wrong = fmt.Errorf("lines: %d of %d, and their digest is another", n, seam.Lines)
	}
	return wrong, err
}

// tells takes note of what an entry tells of an archive.
func (s *source) tells(entry []byte) {
	if !bytes.Contains(entry, []byte(`"`+string(audit.Archived)+`"`)) {
		return
	}
	var e struct {
		Action audit.Action
		After  struct {
			To          int64
			File, State string
		}
	}
	if json.Unmarshal(entry, &e) == nil && e.Action == audit.Archived {
		s.told[e.After.To] = archived{e.After.File, e.After.State}
	}
}

// untold demands that the seams are as the entries tell, the last of them at least:
// what tells of the others may be archived itself.
func (s *source) untold() (problem string) {
	for i := range s.seams {
		seam := &s.seams[i]
		at := seam.Frontier.Size()
		told, ok := s.told[at]
		switch is := (archived{hex.EncodeToString(seam.File[:]), hex.EncodeToString(seam.State[:])}); {
		case !ok && i == len(s.seams)-1:
			return fmt.Sprintf("no entry records that the entries before %d were archived", at)
		case ok && told != is:
			return fmt.Sprintf("the file or the state of the entries before %d in the database is not the one in the entry that "+
				"records their archive", at)
		}
	}
	return ""
}

func (s *source) Each(fn func(int64, []byte, bool) error) error {
	s.told = map[int64]archived{}
	if err := eachEntry(s.first(), s.head.Size(), s.view, s.rest, func(row store.AuditRow) error {
		s.tells(row.Entry)
		return fn(row.Seq, row.Entry, s.fold.Add(row.Seq, row.Entry))
	}); err != nil {
		return err
	}
	for _, row := range s.beyond {
		if err := fn(row.Seq, row.Entry, false); err != nil {
			return err
		}
	}
	return nil
}

var _ audit.Source = (*source)(nil)

// eachEntry gives the entries from a place to before another that are there, in pages
// that view reads.
func eachEntry(from, to int64, view func(func(store.Reader) error) error, rest func(time.Duration),
	fn func(store.AuditRow) error) error {
	for at := from; at < to; {
		began := time.Now()
		var page []store.AuditRow
		err := view(func(r store.Reader) (err error) {
			page, err = r.AuditEntries(at, int(min(pageRead, to-at)))
			return err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		for _, row := range page {
			at = row.Seq + 1
			if row.Seq >= to {
				break
			}
			if err := fn(row); err != nil {
				return err
			}
		}
		rest(time.Since(began))
	}
	return nil
}

// eachLine gives the lines of the state at a seam, in pages.
func eachLine(ctx context.Context, db store.DB, seam int64, fn func([]byte) error) error {
	for at, n := int64(0), pageRead; n == pageRead; at += int64(n) {
		var page [][]byte
		err := db.View(ctx, func(r store.Reader) (err error) {
			page, err = r.SeamState(seam, at, pageRead)
			return err
		})
		if err != nil {
			return err
		}
		n = len(page)
		for _, line := range page {
			if err := fn(line); err != nil {
				return err
			}
		}
	}
	return nil
}
