package store

import (
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/seal"
)

// Run is one reading of a seed file and what came of it. Its tokens count from
// the moment it is published. A run that is closed without that left nothing;
// a dry run stages nothing and is closed at its end.
type Run struct {
	ID       int64
	Label    string // such as the file's name
	Batch    string // the delivery it belongs to; empty if none was named
	Note     string
	Supplier string
	Format   string // of the file, as package seedfile names it
	Actor    string // who asked for it
	DryRun   bool
	Node     int64 // that works at it, or did; 0 for none

	Opened    time.Time
	Published time.Time // zero unless its tokens count
	Closed    time.Time // zero unless it ended without that
	Removed   time.Time // when its rows were; zero while they are kept
	RunProgress
	Failure string // why it ended without a result; empty otherwise
}

// OpenRun is a run that is neither published nor closed.
type OpenRun struct {
	ID   int64
	Node int64     // that began it
	Seen time.Time // that node, last; zero if it has stopped, or there is none
}

// RunProgress is how far a run is.
type RunProgress struct {
	Counts  RunCounts
	Remarks []string // on the file as a whole, a sentence each
	Series  []RunSeries
}

// RunSeries is what a run means for the series of a software type. Serials are
// full ones; an empty one is none.
type RunSeries struct {
	Type            string `json:"type"`
	Incoming        int    `json:"incoming"`         // keys of the file that are of the type
	HighestIncoming string `json:"highest_incoming"` // of those whose serial is of the series
	HighestPresent  string `json:"highest_present"`  // before the run
	Collisions      int    `json:"collisions"`       // serials that are taken by another secret
	NextBefore      string `json:"next_before"`
	NextAfter       string `json:"next_after"`
}

// RunCounts says how the keys of a file ended. The first eight add up to the keys
// read so far.
type RunCounts struct {
	Imported, Duplicate, Conflict, Difference, Twin, Replaced, Refused int
	// HeldBack are good keys that were not imported because others are bad.
	HeldBack   int
	Renumbered int // of the imported ones, because the serial was taken
	Assigned   int // of the imported ones
	Users      int // made for them
}

// Keys is the number of keys read.
func (c RunCounts) Keys() int {
	return c.Imported + c.Duplicate + c.Conflict + c.Difference + c.Twin + c.Replaced + c.Refused + c.HeldBack
}

// RunRow is what there is to say of one key of a run.
type RunRow struct {
	N            int // its place among the keys of the file, from 1
	Line         int // of the file; 0 if that has no lines
	Serial       string
	KeyID        string
	Type         string
	Manufacturer string
	Outcome      string
	Reason       string
}

// Batch sums up the published runs of one delivery.
type Batch struct {
	Name     string
	Supplier string // of the newest run, as is the note
	Note     string
	Runs     int
	Tokens   int // that are there now
	Newest   time.Time
}

// Policy is what a seed file allows a token to be used for, as the importer
// wrote it, and the sealed PIN that belongs to it, if there is one.
type Policy struct {
	Text   string
	Sealed []byte
}

// PINBinding is where a token's sealed PIN belongs.
func PINBinding(id token.ID) seal.Binding {
	return seal.Binding{Table: "token_policy", Column: "pin", Row: int64(id)}
}

// RunReader reads runs.
type RunReader interface {
	Run(id int64) (Run, error)
	// Runs lists up to limit runs before the one of number before (0: all),
	// the newest first.
	Runs(before int64, limit int) ([]Run, error)
	// OpenRuns lists the runs that are neither published nor closed, by number.
	OpenRuns() ([]OpenRun, error)
	// RunRows lists up to limit rows of a run behind the key of number after.
	RunRows(run int64, after, limit int) ([]RunRow, error)
	// RunsWithRows lists up to limit runs that ended before a time and have rows.
	RunsWithRows(before time.Time, limit int) ([]int64, error)
	// Batches lists up to limit batches behind the name after, by name.
	Batches(after string, limit int) ([]Batch, error)
	// Batch gives one; ErrNotFound if there is none of the name.
	Batch(name string) (Batch, error)
}

// RunWriter stages an import. The rows of a run stay invisible until PublishRun.
// One run that is no dry run is staged at a time.
type RunWriter interface {
	// BeginRun opens a run and returns its number; ErrBusy while another is
	// open and this is no dry run. Of r it keeps Label to Opened.
	BeginRun(r Run) (int64, error)
	// RecordRun stores how far an open run is, and more rows.
	RecordRun(id int64, p RunProgress, rows []RunRow) error
	// StageTokens inserts tokens into an open run, their secrets sealed for
	// SecretBinding of their IDs. Of each it says whether it was inserted; it was
	// not if the identity is taken, by one before it in cs or by another. The
	// transaction can go on. ErrConflict if the run is not open.
	StageTokens(run int64, cs []Candidate) (staged []bool, err error)
	// StageToken is StageTokens for one; ErrConflict also if its identity is taken.
	StageToken(run int64, c Candidate) error
	// StagePolicy gives a token of an open run its policy.
	StagePolicy(run int64, id token.ID, p Policy) error
	// StageReplacement keeps a new secret, with what else the file says of the
	// token, for a published token of the epoch that c has. ErrConflict if the
	// run has one for that token already.
	StageReplacement(run int64, c Candidate) error
	// StageUser makes a user who is there once the run is published, and gives
	// the row number; made is false if the run had made that user before.
	// ErrConflict if the name is taken otherwise.
	StageUser(run int64, name string, at time.Time) (id int64, made bool, err error)
	// PublishRun makes the run's tokens and users visible and puts its
	// replacements in force, if the run is still open: those tokens get the
	// next epoch, without failures and to themselves (see ShareSecret). ErrConflict if a token to be replaced has
	// got another epoch or was deleted meanwhile.
	PublishRun(run int64, at time.Time) error
	// SweepRun removes up to limit rows that an open run has staged, and closes
	// it when none is left; it reports whether it is closed. failure says why
	// it has no result, if it has none; what the first call says, stays. From the first
	// call on nothing else writes to the run: RecordRun, what stages and PublishRun return
	// ErrConflict.
	SweepRun(run int64, at time.Time, failure string, limit int) (closed bool, err error)
	// RemoveRows removes up to limit rows of a run that has ended, and gives their
	// number; when it is the last of them, the run says that they were removed.
	RemoveRows(run int64, at time.Time, limit int) (n int, err error)
}
