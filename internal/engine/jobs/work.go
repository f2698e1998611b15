package jobs

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/nodes"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/store"
)

// batchRows is how many rows one transaction does at most; it does fewer while others wait.
const batchRows = 50

// lookEvery is how often it is looked whether a job waits that another server has left.
const lookEvery = nodes.BeatEvery

// errLost: a job has ended, or is another server's now.
var errLost = errors.New("the job is not this server's")

// Run works at jobs until ctx ends. tell is told of what goes wrong, once as long as it is the
// same: the jobs wait, and are tried again.
func (s *Service) Run(ctx context.Context, tell func(error)) {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for last := ""; ; {
		now := ""
		if err := s.Work(ctx); err != nil && ctx.Err() == nil {
			if now = err.Error(); now != last {
				tell(err)
			}
		}
		last = now
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		case <-s.wake:
		}
	}
}

// Work works at the jobs that no other server works at, until none is left.
func (s *Service) Work(ctx context.Context) error {
	var open []store.Job
	if err := s.cfg.DB.View(ctx, func(r store.Reader) (err error) {
		open, err = r.OpenJobs()
		return err
	}); err != nil {
		return err
	}
	var errs []error
	for _, j := range open {
		if j.Node != 0 && j.Node != s.cfg.Node && nodes.Lives(j.Seen, s.cfg.Now()) {
			continue
		}
		if err := s.work(ctx, j); err != nil && !errors.Is(err, errLost) {
			errs = append(errs, fmt.Errorf("job %d: %w", j.ID, err))
		}
	}
	return errors.Join(errs...)
}

// work takes a job and does all of its rows.
func (s *Service) work(ctx context.Context, j store.Job) error {
	if err := s.cfg.DB.Update(ctx, func(tx store.Tx) error {
		return held(tx.HoldJob(j.ID, j.Node, s.cfg.Node))
	}); err != nil {
		return err
	}
	d, err := DetailOf(j)
	if err != nil || !s.cfg.Hasher.Check(j.Proof, jobParts(j)...) {
		return s.cfg.DB.Update(ctx, func(tx store.Tx) error {
			if err := held(tx.HoldJob(j.ID, s.cfg.Node, s.cfg.Node)); err != nil {
				return err
			}
			return s.end(tx, &j, "The job is not as this server wrote it in the database.", j.Origin)
		})
	}
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		if more, err = s.step(ctx, j, d); err != nil {
			return err
		}
	}
	return nil
}

func held(err error) error {
	if errors.Is(err, store.ErrConflict) {
		return errLost
	}
	return err
}

// step does some rows. Where a row undoes the transaction, each runs alone: it keeps no other
// from being done.
func (s *Service) step(ctx context.Context, j store.Job, d Detail) (more bool, err error) {
	more, err = s.batch(ctx, j, d, batchRows)
	if _, of := refusal(err); !of {
		return more, err
	}
	more = true
	for n := 0; n < batchRows && more; n++ {
		more, err = s.batch(ctx, j, d, 1)
		if why, of := refusal(err); of {
			more, err = true, s.refuse(ctx, j, why)
		}
		if err != nil {
			return false, err
		}
	}
	return more, nil
}

// batch does up to limit rows in one transaction, and ends the job when none is left.
func (s *Service) batch(ctx context.Context, j store.Job, d Detail, limit int) (more bool, err error) {
	err = s.cfg.DB.Update(ctx, func(tx store.Tx) error {
		if err := held(tx.HoldJob(j.ID, s.cfg.Node, s.cfg.Node)); err != nil {
			return err
		}
		rows, err := tx.OpenJobRows(j.ID, limit)
		if err != nil {
			return err
		}
		if more = len(rows) > 0; !more {
			now, err := tx.Job(j.ID)
			if err != nil {
				return err
			}
			return s.end(tx, &now, "", j.Origin)
		}
		var counts store.JobCounts
		for i, row := range rows {
			if i > 0 && tx.Awaited() {
				break
			}
			outcome, why, err := s.row(tx, j, d, row)
			if err != nil {
				return err
			}
			switch outcome {
			case Changed:
				counts.Changed++
			case Unchanged:
				counts.Unchanged++
			default:
				counts.Refused++
			}
			if err := tx.SettleJobRow(j.ID, row.N, outcome, why); err != nil {
				return err
			}
		}
		return tx.CountJob(j.ID, counts)
	})
	return more, err
}

// refuse settles the next row, which cannot be done.
func (s *Service) refuse(ctx context.Context, j store.Job, why string) error {
	return s.cfg.DB.Update(ctx, func(tx store.Tx) error {
		if err := held(tx.HoldJob(j.ID, s.cfg.Node, s.cfg.Node)); err != nil {
			return err
		}
		rows, err := tx.OpenJobRows(j.ID, 1)
		if err != nil || len(rows) == 0 {
			return err
		}
		return errors.Join(tx.SettleJobRow(j.ID, rows[0].N, Refused, why),
			tx.CountJob(j.ID, store.JobCounts{Refused: 1}))
	})
}

// row does one row, and says what became of it.
func (s *Service) row(tx store.Tx, j store.Job, d Detail, row store.JobRow) (outcome, why string, err error) {
	if !s.cfg.Hasher.Check(row.Proof, rowParts(j.ID, row)...) {
		return Refused, "This row of the job is not as this server wrote it in the database.", nil
	}
	t, why, err := target(tx, d, row)
	if err == nil && why == "" {
		why = changedSince(Kind(j.Kind), t, row)
	}
	if err != nil || why != "" {
		return Refused, why, err
	}
	e, err := d.edit(Kind(j.Kind), row)
	if err != nil {
		return "", "", err
	}
	err = s.cfg.Tokens.Edit(tx, t, e, j.Origin)
	switch why, of := refusal(err); {
	case err == nil:
		return Changed, "", nil
	case errors.Is(err, lifecycle.ErrUnchanged):
		return Unchanged, "", nil
	case of && !e.Delete: // which may have written something
		return Refused, why, nil
	}
	return "", "", err
}

// target finds the token of a row, if it still matches the filter.
func target(r store.TokenReader, d Detail, row store.JobRow) (t token.Token, why string, err error) {
	var f store.TokenFilter
	if d.Filter != nil {
		f = *d.Filter
	}
	f.ID = row.Token
	found, err := r.Tokens(f)
	if err != nil || len(found) > 0 {
		if err == nil {
			t = found[0]
		}
		return t, "", err
	}
	switch _, err = tokens.ByID(r, row.Token); {
	case err == nil:
		return t, "The token does not match the filter any more.", nil
	case errors.Is(err, store.ErrNotFound):
		return t, "The token is not there any more.", nil
	}
	return t, "", err
}

// changedSince says why a token is left as it is that is not as the preview showed it.
func changedSince(k Kind, t token.Token, row store.JobRow) string {
	c := t.Condition
	switch {
	case (k == State || k == Delete) && c.State != row.State:
		return fmt.Sprintf("Since the preview the token became %s.", c.State)
	case k != Label && k != State && c.Owner != row.Owner && t.OwnerName == "":
		return "Since the preview the token was unassigned."
	case k != Label && k != State && c.Owner != row.Owner:
		return fmt.Sprintf("Since the preview the token was assigned to %s.", t.OwnerName)
	}
	return ""
}

func (s *Service) jobProof(j store.Job) []byte {
	sum := s.cfg.Hasher.Sum(jobParts(j)...)
	return sum[:]
}

// jobParts is what the proof of a job is over: all that a server goes by when it works at it.
func jobParts(j store.Job) [][]byte {
	o := j.Origin
	return [][]byte{[]byte("job"), number(j.ID), []byte(j.Kind), j.Detail, []byte(o.Actor), []byte(o.ActorID),
		[]byte(o.Role), []byte(o.Source), []byte(o.Request), number(j.Begun.UnixMilli())}
}

func (s *Service) rowProof(job int64, r store.JobRow) []byte {
	sum := s.cfg.Hasher.Sum(rowParts(job, r)...)
	return sum[:]
}

func rowParts(job int64, r store.JobRow) [][]byte {
	return [][]byte{[]byte("row"), number(job), number(int64(r.N)), number(int64(r.Token)), []byte(r.User),
		number(int64(r.State)), number(r.Owner)}
}

func number(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

// Words says in a few words what a job does.
func Words(j store.Job) string {
	d, err := DetailOf(j)
	if err != nil {
		return j.Kind
	}
	switch Kind(j.Kind) {
	case State:
		return "state " + d.State
	case Label:
		return fmt.Sprintf("label %q", d.Label)
	}
	return j.Kind
}

// Status is what a job is in one word.
func Status(j store.Job) string {
	switch {
	case j.Ended.IsZero():
		return "running"
	case j.Stopped != "":
		return "stopped"
	}
	return "done"
}
