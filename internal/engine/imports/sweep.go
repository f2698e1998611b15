package imports

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/store"
)

// sweep removes what a run has staged, in short transactions, and closes it. A
// run that is open no longer, because its publishing was committed although
// that was reported as failed, is left alone.
func (s *Service) sweep(ctx context.Context, run int64, how ending) error {
	for closed := false; !closed; {
		err := s.db.Update(ctx, func(tx store.Tx) (err error) {
			open, err := tx.OpenRuns()
			if err != nil {
				return err
			}
			if closed = !slices.ContainsFunc(open, func(o store.OpenRun) bool { return o.ID == run }); closed {
				return nil
			}
			if closed, err = tx.SweepRun(run, s.now(), how.failure, tokens.Chunk); err != nil || !closed {
				return err
			}
			r, err := tx.Run(run)
			if err != nil || r.DryRun && how.action == audit.ImportAbandoned {
				return err // a dry run changed nothing that the log would have to tell
			}
			return tx.AppendAudit(audit.Entry{Time: s.now(), Action: how.action, Outcome: audit.Done,
				Reason: whyNot(r), Origin: how.origin,
				Subject: audit.Subject{Other: r.Label}, Before: []audit.Field{{Name: "run", Value: run}}}.Canonical())
		})
		if err != nil {
			return fmt.Errorf("sweep import run %d: %w", run, err)
		}
	}
	s.under.swept(run)
	return nil
}

// whyNot says for the audit log why a run was not published.
func whyNot(r store.Run) string {
	c := r.Counts
	switch {
	case r.Failure != "":
		return r.Failure
	case c.Refused+c.Conflict+c.Difference+c.Twin > 0:
		return fmt.Sprintf("of %s: %d refused, %d in conflict, %d different, %d twin, %d held back",
			fault.Plural(int(c.Keys()), "key", "keys"), c.Refused, c.Conflict, c.Difference, c.Twin, c.HeldBack)
	}
	return "every key was already here"
}

// SweepAbandoned removes what runs have staged that nobody works at any more, and
// closes them: after a crash, of this node or of another one that is gone since, and where
// the database took no writes when a run broke off. The server calls it before it serves and
// now and then; an import does, if one of them is in its way.
func (s *Service) SweepAbandoned(ctx context.Context) error {
	runs, err := s.under.abandoned(s.now(), func() (open []store.OpenRun, err error) {
		err = s.db.View(ctx, func(r store.Reader) error {
			open, err = r.OpenRuns()
			return err
		})
		return open, err
	})
	for run, how := range runs {
		err = errors.Join(err, s.sweep(ctx, run, how))
	}
	return err
}

// Cancel ends an import that is under way, also one that only waits for its upload, and
// removes what it has staged. Another node that works at it notices when it writes next. It
// gives the run as it ended. The error is a Conflict for one that has ended before.
func (s *Service) Cancel(ctx context.Context, id int64, origin audit.Origin) (store.Run, error) {
	run, err := s.openRun(ctx, id)
	if err != nil {
		return run, err
	}
	by := cancellation{origin}
	if r, ok := s.under.find(id); ok {
		r.cancel(by)
		r.interrupt()
		select {
		case <-r.ended:
		case <-ctx.Done():
			return run, ctx.Err()
		}
	} else if err := s.sweep(ctx, id, by.ending()); err != nil {
		return run, err
	}
	if run, err = s.Run(ctx, id); err != nil || run.Failure == by.ending().failure {
		return run, err
	}
	if run.Published.IsZero() && run.Closed.IsZero() {
		return run, fault.New(fault.Unavailable, "import_unswept", fmt.Sprintf("Import %d was stopped, but the "+
			"database accepts no writes, so its keys could not be removed. Nobody can see them.", id)).
			WithHint("The server's log has the reason. Once there is free space, the server removes them within a minute, or " +
				"before the next import.")
	}
	return run, endedFault(run)
}

// openRun gives a run that has not ended.
func (s *Service) openRun(ctx context.Context, id int64) (store.Run, error) {
	run, err := s.Run(ctx, id)
	if err == nil && (!run.Published.IsZero() || !run.Closed.IsZero()) {
		err = endedFault(run)
	}
	return run, err
}

// endedElsewhere words that another node has ended a run under way: somebody cancelled it
// there, or this server was taken for gone.
func endedElsewhere(run store.Run, cause error) error {
	return fault.New(fault.Conflict, "import_ended", fmt.Sprintf("Import %d was ended by another server of this "+
		"database; nothing was imported.", run.ID)).WithHint(fmt.Sprintf("See why: ostiary import show %d.", run.ID)).
		Because(cause)
}

func endedFault(run store.Run) error {
	return fault.New(fault.Conflict, "import_ended", fmt.Sprintf("Import %d has already ended.", run.ID)).
		WithHint(fmt.Sprintf("ostiary import show %d shows the result. To revoke tokens that were imported: ostiary batch state.",
			run.ID))
}
