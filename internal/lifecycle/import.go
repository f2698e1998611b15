package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"ostiary/internal/audit"
	"ostiary/internal/fault"
	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/internal/token"
	"ostiary/pskc"
)

// KeySource gives the keys of a seed file one by one, in the manner of
// pskc.Reader: a *pskc.KeyError refuses one key, io.EOF ends the file, anything
// else ends the import.
type KeySource interface {
	Next() (*pskc.Key, error)
}

// ImportRequest is one file to be imported.
type ImportRequest struct {
	Keys KeySource
	// Label names the run, such as the file's name.
	Label string
	// DryRun reports what would happen and changes nothing.
	DryRun bool
	// SkipBad imports the good keys although others are refused. Without it a
	// file is imported whole or not at all.
	SkipBad bool
	Origin  audit.Origin
}

// Outcome is how one key ended.
type Outcome string

// The outcomes. Every key of a file ends as one of them.
const (
	Imported  Outcome = "imported"
	Duplicate Outcome = "duplicate" // the same token with the same secret is there
	Refused   Outcome = "refused"
)

// Row is the report on one key.
type Row struct {
	Type         string
	Manufacturer string
	Serial       string
	KeyID        string
	Line         int
	Outcome      Outcome
	Reason       string
}

// Report accounts for every key of a file.
type Report struct {
	Run                          int64 // 0 when nothing was changed
	DryRun                       bool
	Imported, Duplicate, Refused int
	Rows                         []Row
}

func (r *Report) count() {
	r.Imported, r.Duplicate, r.Refused = 0, 0, 0
	for i := range r.Rows {
		switch r.Rows[i].Outcome {
		case Imported:
			r.Imported++
		case Duplicate:
			r.Duplicate++
		case Refused:
			r.Refused++
		}
	}
}

// chunk is how many keys go into one transaction: logins wait no longer for an
// import than it takes to write so many.
const chunk = 250

// Import reads a file to its end and imports its keys.
//
// The rows are staged under a run in short transactions and become visible
// together, when one conditional write publishes the run. When that does not
// happen (a refused key, a broken file, a crash), nothing of the run was ever
// visible and its rows are swept. The error is a fault.Error for what is wrong
// with the file; a Report with refused keys is no error.
func (s *Service) Import(ctx context.Context, req ImportRequest) (Report, error) {
	if req.DryRun {
		return s.dryRun(ctx, req)
	}
	run, err := s.begin(ctx, req)
	if err != nil {
		return Report{}, err
	}
	rep := Report{Run: run}
	err = s.readAll(req.Keys, func(staged []staged) error { return s.stage(ctx, req, run, staged, &rep) })
	if err == nil {
		rep.count()
		switch {
		case rep.Refused > 0 && !req.SkipBad:
			rep.holdBack()
		case rep.Imported > 0:
			if err = s.publish(ctx, req, &rep); err == nil {
				return rep, nil
			}
		}
	}
	// Swept even when the caller is gone; what remains, the next start sweeps.
	if serr := s.sweep(context.WithoutCancel(ctx), run, req.Origin, req.Label, rep.whyNot(err)); serr != nil {
		return Report{}, errors.Join(err, serr)
	}
	rep.Run = 0
	if err != nil {
		return Report{}, err
	}
	return rep, nil
}

// whyNot says for the audit log why a run was not published.
func (r *Report) whyNot(err error) string {
	switch {
	case err != nil:
		return fault.Of(err).Text
	case r.Refused > 0:
		return fmt.Sprintf("%d of %d keys were refused or held back", r.Refused, len(r.Rows))
	}
	return "every key was there already"
}

// holdBack turns the good keys of a file with refused ones into refused ones.
func (r *Report) holdBack() {
	var first Row
	for _, row := range r.Rows {
		if row.Outcome == Refused {
			first = row
			break
		}
	}
	why := fmt.Sprintf("held back: nothing of the file is imported because the key in line %d is refused (--skip-bad takes the others)", first.Line)
	for i := range r.Rows {
		if r.Rows[i].Outcome == Imported {
			r.Rows[i].Outcome, r.Rows[i].Reason = Refused, why
		}
	}
	r.count()
}

func (s *Service) begin(ctx context.Context, req ImportRequest) (run int64, err error) {
	err = s.db.Update(ctx, func(tx store.Tx) error {
		run, err = tx.BeginRun(s.now(), req.Label)
		return err
	})
	if errors.Is(err, store.ErrBusy) {
		err = fault.New(fault.Conflict, "import_running", "Another import is running.").WithHint("Try again when it has ended.").Because(err)
	}
	return run, err
}

// staged is one key on its way in: either a token with its secret, or a row
// that is refused already.
type staged struct {
	row    Row
	token  token.Token
	secret seal.Secret
}

// readAll reads the source to its end, handing on chunks.
func (s *Service) readAll(keys KeySource, chunkDone func([]staged) error) error {
	var pending []staged
	flush := func() error {
		err := chunkDone(pending)
		for _, p := range pending {
			p.secret.Wipe()
		}
		pending = pending[:0]
		return err
	}
	n := 0
	for {
		key, err := keys.Next()
		var bad *pskc.KeyError
		switch {
		case errors.Is(err, io.EOF):
			if n == 0 {
				return fault.New(fault.Invalid, "no_keys", "The file holds no keys.").
					WithHint("Is it the right file? Manufacturers often ship the keys apart from the delivery note.")
			}
			return flush()
		case errors.As(err, &bad):
			pending = append(pending, staged{row: Row{Manufacturer: bad.Manufacturer, Serial: bad.Serial, KeyID: bad.ID, Line: bad.Line,
				Outcome: Refused, Reason: flagged(bad.Reason)}})
		case err != nil:
			return fileFault(err)
		default:
			pending = append(pending, s.fromKey(key))
		}
		if n++; len(pending) == chunk {
			if err := flush(); err != nil {
				return err
			}
		}
	}
}

// stage writes one chunk.
func (s *Service) stage(ctx context.Context, req ImportRequest, run int64, keys []staged, rep *Report) error {
	var rows []Row
	err := s.db.Update(ctx, func(tx store.Tx) error {
		rows = rows[:0] // fn may run again
		now := s.now()
		id, err := tx.NextTokenID(len(keys))
		if err != nil {
			return err
		}
		past, err := s.past(tx)
		if err != nil {
			return err
		}
		defer past.key.Wipe()
		var entries [][]byte
		for i := range keys {
			k := keys[i]
			if k.row.Outcome != Refused {
				k.token.ID, k.token.Run, k.token.Created = id, run, now
				if err := s.stageOne(tx, past, &k); err != nil {
					return err
				}
			}
			if k.row.Outcome == Imported {
				entries = append(entries, audit.Entry{Time: now, Action: audit.TokenStaged, Outcome: audit.Done, Origin: req.Origin,
					Subject: audit.SubjectOf(k.token), After: []audit.Field{{Name: "next", Value: k.token.Condition.Next}, {Name: "run", Value: run}}}.Canonical())
				id++
			}
			rows = append(rows, k.row)
		}
		return tx.AppendAudit(entries...)
	})
	rep.Rows = append(rep.Rows, rows...)
	return err
}

// stageOne writes one key, or finds out that its identity is taken.
func (s *Service) stageOne(tx store.Tx, past past, k *staged) (err error) {
	if found, err := s.twin(tx, k); found || err != nil {
		return err
	}
	if k.token.Condition.Next, err = past.resume(k.token, k.secret); err != nil {
		return err
	}
	sealed, err := s.keys.Seal(store.SecretBinding(k.token.ID), k.secret)
	if err != nil {
		return err
	}
	err = tx.StageToken(k.token.Run, store.Candidate{Token: k.token, Sealed: sealed})
	if !errors.Is(err, store.ErrConflict) {
		k.row.Outcome = Imported
		return err
	}
	existing, err := tx.Identity(k.token.Identity, k.token.Run)
	if err != nil {
		return err
	}
	k.row.Outcome, k.row.Reason, err = s.compare(existing, k.token.Run, k.secret)
	return err
}

func (s *Service) publish(ctx context.Context, req ImportRequest, rep *Report) error {
	return s.db.Update(ctx, func(tx store.Tx) error {
		now := s.now()
		if err := tx.PublishRun(rep.Run, now); err != nil {
			return err
		}
		return tx.AppendAudit(audit.Entry{Time: now, Action: audit.ImportPublished, Outcome: audit.Done, Origin: req.Origin, Subject: audit.Subject{Other: req.Label},
			After: []audit.Field{{Name: "duplicate", Value: int64(rep.Duplicate)}, {Name: "imported", Value: int64(rep.Imported)},
				{Name: "refused", Value: int64(rep.Refused)}, {Name: "run", Value: rep.Run}}}.Canonical())
	})
}

// sweep removes an unpublished run in short transactions. A run that is open no
// longer, because its publishing was committed although that was reported as
// failed, is left alone.
func (s *Service) sweep(ctx context.Context, run int64, origin audit.Origin, label, reason string) error {
	for gone := false; !gone; {
		err := s.db.Update(ctx, func(tx store.Tx) (err error) {
			open, err := tx.OpenRuns()
			if err != nil {
				return err
			}
			if gone = !slices.Contains(open, run); gone {
				return nil
			}
			if gone, err = tx.SweepRun(run, chunk); err != nil || !gone {
				return err
			}
			return tx.AppendAudit(audit.Entry{Time: s.now(), Action: audit.ImportAbandoned, Outcome: audit.Done, Reason: reason, Origin: origin,
				Subject: audit.Subject{Other: label}, Before: []audit.Field{{Name: "run", Value: run}}}.Canonical())
		})
		if err != nil {
			return fmt.Errorf("sweep import run %d: %w", run, err)
		}
	}
	return nil
}

// SweepAbandoned removes the runs that a crash left unpublished. The server
// calls it before it serves.
func (s *Service) SweepAbandoned(ctx context.Context) error {
	var runs []int64
	err := s.db.Update(ctx, func(tx store.Tx) (err error) {
		runs, err = tx.OpenRuns()
		return err
	})
	for _, run := range runs {
		err = errors.Join(err, s.sweep(ctx, run, audit.Origin{Actor: "system"}, "", "the server stopped before the import ended"))
	}
	return err
}

// fileFault words what is wrong with the file as a whole.
func fileFault(err error) error {
	make := func(code, hint string) error {
		text := strings.TrimPrefix(err.Error(), "pskc: ")
		text = strings.Replace(text, " (option AllowTripleDES reads it nevertheless)", "", 1) // the hint says it
		return fault.New(fault.Invalid, code, sentence(text)).WithHint(hint).Because(err)
	}
	switch {
	case errors.Is(err, pskc.ErrKeyNeeded):
		return make("key_needed", "Give the passphrase or the key that came with the file (ostiary token import --passphrase-file, --key-hex-file or --private-key-file).")
	case errors.Is(err, pskc.ErrWrongKey):
		return make("wrong_key", "Check the passphrase or key against the manufacturer's letter. If it is right, ask for the file again.")
	case errors.Is(err, pskc.ErrKeyLength):
		return make("key_length", "")
	case errors.Is(err, pskc.ErrNoMAC):
		return fault.New(fault.Invalid, "no_mac", "The file is encrypted without a MAC: anyone on its way could have changed it.").
			WithHint("If it came over a channel you trust, import it with --allow-unauthenticated.").Because(err)
	case errors.Is(err, pskc.ErrNotPSKC):
		return make("not_pskc", "Ostiary reads PSKC files (RFC 6030).")
	case errors.Is(err, pskc.ErrMalformed):
		return make("malformed_file", "The file is damaged; fetch or copy it again.")
	case errors.Is(err, pskc.ErrLimit):
		return make("file_limit", "")
	case errors.Is(err, pskc.ErrUnsupported):
		if strings.Contains(err.Error(), "AllowTripleDES") {
			return make("unsupported_file", "Ask the manufacturer for the file under AES. If there is none, --allow-3des reads this one.")
		}
		return make("unsupported_file", "")
	}
	return err
}

var _ KeySource = (*pskc.Reader)(nil)
