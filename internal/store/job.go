package store

import (
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
)

// Job is one change of many tokens, which a server makes row by row.
type Job struct {
	ID     int64
	Kind   string
	Detail []byte // what is to be done, as the engine words it
	Total  int    // how many rows it has
	Origin audit.Origin
	Opened time.Time
	Begun  time.Time
	Ended  time.Time // zero while it is under way
	Node   int64     // that works at it; 0 for none
	Seen   time.Time // that node, last; zero if it has stopped, or there is none
	JobCounts
	Stopped string // why it ended before its last row; empty otherwise
	Proof   []byte // by which the engine knows the job; to the store it is bytes
}

// JobCounts says how the rows of a job ended that are done.
type JobCounts struct{ Changed, Unchanged, Refused int }

// JobRow is one token of a job, and what became of it.
type JobRow struct {
	N            int // from 1
	Token        token.ID
	Line         int // of the list that names the token; 0 without one
	Serial, Type string
	User         string // who gets the token, in a job that assigns
	// State and Owner are as they were when the job was prepared.
	State   token.State
	Owner   int64
	Outcome string // empty for a row that is still to be done
	Reason  string
	Proof   []byte // as that of the job; a row that is done has none
}

// JobReader reads jobs. One that is being prepared is there for nobody.
type JobReader interface {
	Job(id int64) (Job, error)
	// Jobs lists up to limit jobs before the one of number before (0: all), the newest first.
	Jobs(before int64, limit int) ([]Job, error)
	// OpenJobs lists those that are under way, by number.
	OpenJobs() ([]Job, error)
	// JobRows lists up to limit rows of a job behind the one of number after.
	JobRows(job int64, after, limit int) ([]JobRow, error)
	// OpenJobRows lists up to limit rows that are still to be done, by number.
	OpenJobRows(job int64, limit int) ([]JobRow, error)
	// OldJobs lists up to limit jobs that ended before a time, or were opened before it and
	// have not begun.
	OldJobs(before time.Time, limit int) ([]int64, error)
}

// JobWriter changes jobs. ErrConflict if a job or a row is not so any more.
type JobWriter interface {
	// OpenJob prepares a job and returns its number. Of j it keeps Kind, Detail, Origin and
	// Opened.
	OpenJob(j Job) (int64, error)
	// AddJobRows adds rows to a job that has not begun.
	AddJobRows(job int64, rows []JobRow) error
	// BeginJob begins a job that has not begun, with Total, Begun, Proof and the counts of j.
	BeginJob(j Job) error
	// HoldJob gives a job that is under way from one node to another, or to the same.
	HoldJob(id, from, to int64) error
	// SettleJobRow says what became of a row that was still to be done.
	SettleJobRow(job int64, n int, outcome, reason string) error
	// CountJob adds to the counts of a job.
	CountJob(id int64, more JobCounts) error
	// EndJob ends a job that is under way.
	EndJob(id int64, at time.Time, stopped string) error
	// RemoveJob removes up to limit rows of a job that has ended, or not begun, and the job
	// itself when none is left.
	RemoveJob(id int64, limit int) (gone bool, err error)
}
