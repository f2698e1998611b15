package store

import (
	"errors"
	"fmt"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/seal"
)

// What the database itself has found wrong.
var (
	// ErrForged: a row is not as this program wrote it.
	ErrForged = errors.New("a row of the database is forged")
	// ErrTampered: the head of the log is not the one that this program wrote
	// last, or what the head vouches for is not so.
	ErrTampered = errors.New("the database was changed by another program")
	// ErrMoved: the database has been moved since it was opened, and takes no changes.
	ErrMoved = errors.New("the database was moved to another one")
)

// A database that Protect was called on proves itself:
//
//   - Each commit writes the record of the log's head (audit.Record) and its MAC.
//     The writer keeps the record and checks it inside each transaction. When
//     another one is there, that is ErrTampered; nothing is written any more, and
//     Check says so.
//   - The rows that say who gets in carry a tag, 16 bytes of a MAC over them. Writes
//     write it. It is checked when a row is read to be judged (Candidates, Attempt
//     for temporary codes, enrolments, activations) and before a write changes the
//     row; a wrong one is ErrForged, or Candidate.Forged. Counters and failures
//     carry none: they must follow from the log. Deleting a row asks for no tag.
//   - The record holds a digest of the small tables (settings, keys, types,
//     profiles), made anew by an Update that changes one, if they were as the record
//     said before.

// Alarm tells of what a running database found.
type Alarm struct {
	// Table and Row name a forged row; empty when the head is not the right one.
	Table, Row string
	Err        error
	// Commit is the number of the last commit that was seen, where the head is not the right one.
	Commit uint64
}

// IntegrityReader reads what the database says of itself.
type IntegrityReader interface {
	// Record gives the record of the head, unchecked; ErrNotFound before the first.
	Record() (audit.Record, error)
	// IntegrityKeys gives the wrapped integrity keys.
	IntegrityKeys() ([]seal.WrappedIntegrity, error)
	// Used reports whether the database holds anything that a new one does not.
	Used() (bool, error)
	// Moved gives what SetMoved was told last; ErrNotFound unless the database is moved.
	Moved() ([]byte, error)
	// CheckIntegrity recomputes the head's MAC, the digest, the number of checkpoints
	// and all tags, and says what does not fit. ErrNotFound without an integrity key.
	CheckIntegrity() (Checked, error)
}

// Checked is what does not fit: of the head and what it vouches for, and single rows.
type Checked struct {
	Problems []string
	Forged   []ForgedRow
	More     int // forged rows beyond those that are named
}

// ForgedRow is a row that is not as this program wrote it.
type ForgedRow struct {
	Table, Row string // Row is its key
	Of         string // the token or the user that it belongs to, as people know it; empty if nothing tells
}

func (r ForgedRow) String() string {
	return fmt.Sprintf("row %s of table %s is not as this server wrote it", r.Row, r.Table)
}

// IntegrityWriter makes a database prove itself.
type IntegrityWriter interface {
	AddIntegrityKey(k seal.WrappedIntegrity, at time.Time) error
	// TagRows tags up to limit rows that have no tag, and keys the hashes of
	// enrolments among them. It gives how many it tagged; fewer than limit are the
	// last. ErrConflict once the first record is there.
	TagRows(limit int) (n int, err error)
	// BeginIntegrity makes the transaction write the first record. ErrConflict if
	// there is one.
	BeginIntegrity() error
	// SetAPIKeyHash replaces the hash of a working key, if it is still that.
	SetAPIKeyHash(id string, before, after []byte) error
	// DeleteSetting removes a setting.
	DeleteSetting(name string) error
	// SetMoved says, in a setting and in the record of the head, that another database takes
	// the place of this one, and tells of it; nil takes that back. Every other process that
	// has the database open writes to it no more (ErrMoved). Whoever opens it later must
	// look.
	SetMoved(what []byte) error
	// Fence makes sure that no code works which could have been used before now: it
	// moves what counts time beyond now, makes what counts events ask for two codes
	// (token.TwoCodes), revokes the temporary codes and the enrolment links, and cancels the
	// open activations: each may have been confirmed, by a code that would do so again.
	Fence(now time.Time) (Fenced, error)
}

// Fenced is what Fence has done.
type Fenced struct {
	// Time and Events are tokens that count these, Codes the temporary codes, Links the
	// enrolment links that were revoked, Activations those that were cancelled.
	Time, Events, Codes, Links, Activations int
}
