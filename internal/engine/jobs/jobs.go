// Package jobs changes many tokens at once: their state or label, whose they are, or whether
// they are there at all.
//
// What is to be changed is named three ways: by a filter, token by token, or by a list of
// tokens and their users. A preview (Preview) says how many tokens that are, and sums them up
// in a digest. Start is given both back. It asks the filter again, and begins nothing if other
// tokens match now than the preview showed, or one of them has another state or user: who looks
// at the preview decides for what is in it, no more and no less.
//
// A job that has begun has one row for each token, and goes on without the one who began it.
// One server works at it (Work): that it lives is its lease, and another takes over a job whose
// server is gone. In one transaction it makes sure that the job is still its own, changes some
// tokens as the operations for single ones do, with their entries in the log, and writes what
// became of each row. So no row is done twice, whatever stops the server. A token that does not
// match the filter any more, or is not as the preview showed it, is left as it is, and its row
// says so.
//
// The rows that are still to be done say what a server is going to do to tokens. So they carry a
// keyed hash, and the server does nothing that another program has written there.
package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/seal"
	"ostiary/internal/store"
)

// Kind says what a job does to each token.
type Kind string

// The kinds.
const (
	State    Kind = "state"
	Label    Kind = "label"
	Unassign Kind = "unassign"
	Delete   Kind = "delete"
	Assign   Kind = "assign" // by a list
)

var needs = map[Kind]authz.Operation{State: authz.TokenState, Label: authz.TokenLabel, Unassign: authz.TokenAssign,
	Assign: authz.TokenAssign, Delete: authz.TokenDelete}

// Needs is the operation that a job of the kind needs: that for one token.
func (k Kind) Needs() authz.Operation { return needs[k] }

// The outcomes of a row.
const (
	Changed   = "changed"
	Unchanged = "unchanged" // the token was so already
	Refused   = "refused"
)

const (
	// MaxTokens is how many tokens one job changes at most.
	MaxTokens = 100_000
	// KeepFor is how long a job that has ended is kept, with its report.
	KeepFor = 30 * 24 * time.Hour
)

// Config holds what a Service needs. DB, Tokens and Hasher are required.
type Config struct {
	DB     store.DB
	Tokens *lifecycle.Service
	Hasher *seal.Hasher // of seal.Job
	Node   int64        // that this server is; 0 for none
	// Now is time.Now unless a test replaces it.
	Now func() time.Time
}

// Service prepares jobs, works at them, and shows them. It is safe for concurrent use.
type Service struct {
	cfg  Config
	wake chan struct{} // a job has begun here
}

// New makes a Service.
func New(cfg Config) (*Service, error) {
	if cfg.DB == nil || cfg.Tokens == nil || cfg.Hasher == nil {
		return nil, errors.New("jobs: DB, Tokens and Hasher are required")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Service{cfg: cfg, wake: make(chan struct{}, 1)}, nil
}

// Job gives a job that has begun.
func (s *Service) Job(ctx context.Context, id int64) (j store.Job, err error) {
	err = s.cfg.DB.View(ctx, func(r store.Reader) error {
		j, err = r.Job(id)
		return err
	})
	return j, worded(id, err)
}

func worded(id int64, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return fault.New(fault.NotFound, "job_not_found", fmt.Sprintf("There is no job %d.", id)).
			WithHint("Jobs are kept for " + fault.Span(KeepFor) + " after their end. See those that there are: ostiary job " +
				"list.").Because(err)
	}
	return err
}

// Jobs lists up to limit jobs before the one of number before (0: all), the newest first.
func (s *Service) Jobs(ctx context.Context, before int64, limit int) (all []store.Job, err error) {
	err = s.cfg.DB.Browse(ctx, func(r store.Reader) error {
		all, err = r.Jobs(before, limit)
		return err
	})
	return all, err
}

// Rows lists up to limit rows of a job behind the one of number after.
func (s *Service) Rows(ctx context.Context, id int64, after, limit int) (rows []store.JobRow, err error) {
	err = s.cfg.DB.Browse(ctx, func(r store.Reader) error {
		rows, err = r.JobRows(id, after, limit)
		return err
	})
	return rows, err
}

// Cancel ends a job that is under way: what it has not done yet, it does not do any more. The
// error is a Conflict for one that has ended before.
func (s *Service) Cancel(ctx context.Context, id int64, origin audit.Origin) (j store.Job, err error) {
	err = s.cfg.DB.Update(ctx, func(tx store.Tx) error {
		if j, err = tx.Job(id); err != nil {
			return worded(id, err)
		}
		return s.end(tx, &j, "Cancelled by "+origin.Actor+".", origin)
	})
	if errors.Is(err, store.ErrConflict) {
		err = fault.New(fault.Conflict, "job_ended", fmt.Sprintf("Job %d has already ended.", id)).
			WithHint(fmt.Sprintf("See the result: ostiary job show %d.", id)).Because(err)
	}
	return j, err
}

// end ends a job, with its entry. stopped says why, if rows are left.
func (s *Service) end(tx store.Tx, j *store.Job, stopped string, origin audit.Origin) error {
	j.Ended, j.Stopped = s.cfg.Now().UTC().Truncate(time.Millisecond), stopped
	return errors.Join(tx.EndJob(j.ID, j.Ended, stopped), tx.AppendAudit(audit.Entry{Time: j.Ended, Action: audit.JobEnded,
		Outcome: audit.Done, Reason: strings.TrimSuffix(stopped, "."), Origin: origin, Subject: subject(j.ID),
		After: []audit.Field{{Name: "changed", Value: int64(j.Changed)}, {Name: "kind", Value: j.Kind},
			{Name: "refused", Value: int64(j.Refused)}, {Name: "unchanged", Value: int64(j.Unchanged)}}}.Canonical()))
}

func subject(id int64) audit.Subject { return audit.Subject{Other: fmt.Sprintf("job %d", id)} }

// RemoveOld removes, in short transactions, the jobs whose time is over, and gives their number.
func (s *Service) RemoveOld(ctx context.Context) (n int, err error) {
	for {
		var old []int64
		err := s.cfg.DB.View(ctx, func(r store.Reader) (err error) {
			old, err = r.OldJobs(s.cfg.Now().Add(-KeepFor), 100)
			return err
		})
		if err != nil || len(old) == 0 {
			return n, err
		}
		for _, id := range old {
			for gone := false; !gone; {
				if err := s.cfg.DB.Update(ctx, func(tx store.Tx) (err error) {
					gone, err = tx.RemoveJob(id, tokens.Chunk)
					return err
				}); err != nil {
					return n, fmt.Errorf("remove job %d: %w", id, err)
				}
			}
			n++
		}
	}
}

// Detail is what a job does, as its row holds it.
type Detail struct {
	State  string             `json:"state,omitempty"`
	Reason string             `json:"reason,omitempty"`
	Label  string             `json:"label,omitempty"`
	Filter *store.TokenFilter `json:"filter,omitempty"`
}

// DetailOf reads what a job does.
func DetailOf(j store.Job) (d Detail, err error) {
	if err = json.Unmarshal(j.Detail, &d); err != nil {
		err = fmt.Errorf("job %d: %w", j.ID, err)
	}
	return d, err
}

// edit is what a job of a kind does to the token of a row.
func (d Detail) edit(k Kind, row store.JobRow) (e lifecycle.Edit, err error) {
	switch k {
	case State:
		var state token.State
		state, err = token.ParseState(d.State)
		return lifecycle.Edit{State: &state, Reason: d.Reason}, err
	case Label:
		return lifecycle.Edit{Label: &d.Label}, nil
	case Unassign:
		return lifecycle.Edit{Unassign: true}, nil
	case Delete:
		return lifecycle.Edit{Delete: true}, nil
	case Assign:
		return lifecycle.Edit{User: row.User}, nil
	}
	return e, fmt.Errorf("no job is of the kind %q", k)
}
