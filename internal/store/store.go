// Package store is the storage contract: what the engine asks of a database,
// and what it may rely on. sqlite implements it; storetest holds every
// implementation to it.
//
// All changes go through Update or Attempt. Both are durable when they return:
// the change and its audit entries are committed and synced together, or
// neither is there.
//
// Attempt is the hot path. Concurrent attempts share one transaction and one
// sync (group commit), and each gets its own verdict, decided by the row count
// of a conditional write that holds every condition of acceptance. See Attempt.
//
// A temporary code is decided by an Attempt, too, and not by an Update of its
// own: the same try is a try of the user's tokens, so that one transaction must
// decide both, count the failure once, and write the one audit entry; and a try
// then takes the same road whether or not the user has temporary codes.
package store

import (
	"context"
	"errors"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
	"ostiary/internal/seal"
)

// The conditions that callers branch on.
var (
	// ErrNotFound: the row named does not exist.
	ErrNotFound = errors.New("not found")
	// ErrConflict: the row is not in the state that the write demands, or it
	// exists already.
	ErrConflict = errors.New("conflict")
	// ErrUnavailable: the database did not commit, and nothing was changed.
	ErrUnavailable = errors.New("the database is not available")
	// ErrUncertain: a commit was begun and did not end well. The change may be
	// there after the next start, or not. The caller must say neither "accepted"
	// nor "nothing was changed".
	ErrUncertain = errors.New("the outcome of the commit is unknown")
	// ErrBusy: another import run is being staged.
	ErrBusy = errors.New("another import is running")
)

// DB is a database. It is safe for concurrent use.
type DB interface {
	// View runs fn over one consistent snapshot.
	View(ctx context.Context, fn func(Reader) error) error
	// Browse is View for lists and searches that people ask for: it has few readers
	// of its own, so that nothing else waits for them. When ctx ends, a query that
	// runs is ended.
	Browse(ctx context.Context, fn func(Reader) error) error
	// Update runs fn in a transaction and commits it durably. An error of fn
	// rolls back and is returned as it is. fn may run more than once and must
	// keep no state between runs. ctx is honoured until the transaction
	// begins; from then on it runs to its end.
	Update(ctx context.Context, fn func(Tx) error) error
	// Attempt decides one presented code; see Attempt.
	Attempt(ctx context.Context, a Attempt) (Outcome, error)
	// Candidates finds the published tokens that a lookup names, with their
	// sealed secrets. What it returns may be older than the last commit (it
	// may come from a cache); only Attempt decides. fresh bypasses the cache.
	Candidates(ctx context.Context, l Lookup, fresh bool) (Found, error)
	// Check reports whether the database answers, is as this program wrote it, and
	// takes changes: it fails from a commit that failed until one succeeds, which is
	// tried without requests.
	Check(ctx context.Context) error
	// Protect makes the database prove itself from now on, under its integrity key;
	// see IntegrityWriter. It is called once, before anything else is read or written.
	// begun is false when there is no record yet: then rows are tagged as they are
	// written, and Tx.BeginIntegrity makes the first record. ErrTampered if the record
	// is not under this key, or what it vouches for is not so. alarm, which may be
	// nil, is told what is found later.
	Protect(ctx context.Context, key *seal.Integrity, alarm func(Alarm)) (begun bool, err error)
	Close() error
}

// Reader reads. It is the sum of what the packages above declare for
// themselves; absent rows are ErrNotFound.
type Reader interface {
	TokenReader
	SecretReader
	ApplicationReader
	TypeReader
	ProfileReader
	SeriesReader
	EnrolmentReader
	UserReader
	KeyReader
	AuditReader
	RunReader
	MoveReader
	ActivationReader
	IntegrityReader
	TemporaryCodeReader
	NodeReader
	SessionReader
	MemoReader
	AdminReader
	EventReader
	JobReader
	// Setting gives the value stored under a name.
	Setting(name string) ([]byte, error)
	DataKeys() ([]seal.DataKey, error)
}

// Tx reads and writes. Reads see the writes before them.
type Tx interface {
	// Awaited reports whether others wait for the transaction to end.
	Awaited() bool
	Reader
	TokenWriter
	SecretWriter
	ApplicationWriter
	DateWriter
	TypeWriter
	ProfileWriter
	SeriesWriter
	TokenCreator
	EnrolmentWriter
	RunWriter
	MoveWriter
	ActivationWriter
	UserWriter
	TemporaryCodeWriter
	KeyWriter
	AuditWriter
	IntegrityWriter
	NodeWriter
	SessionWriter
	MemoWriter
	AdminWriter
	EventWriter
	JobWriter
	// SetSetting stores a value under a name, replacing the one before.
	SetSetting(name string, value []byte) error
	AddDataKey(seal.DataKey) error
}

// TokenReader reads tokens. Tokens of unpublished import runs are invisible.
type TokenReader interface {
	// Tokens lists tokens in the order of their arrival, or of their ends where the
	// filter has EndsBy.
	Tokens(TokenFilter) ([]token.Token, error)
	// SortedTokens lists the tokens that a filter chooses, but for its cursor, in an
	// order. It looks at so many tokens at most: a page may be short, or empty, before
	// the end. next is where to go on, nil at the end. ErrTooMany if that order has no
	// index, and the tokens are too many to be sorted. EndsBy tells which tokens, and not
	// in which order.
	SortedTokens(f TokenFilter, o TokenOrder) (tokens []token.Token, next *TokenPlace, err error)
	// CountTokens counts the tokens that a filter chooses, but for its cursor: up to
	// CountedTo, and among so many at most.
	CountTokens(TokenFilter) (Count, error)
	// TallyTokens counts some of the tokens behind a number, so many rows at most, and says up
	// to which number; 0 at the end.
	TallyTokens(by TallyBy, after token.ID, rows int) (counts []TokenTally, next token.ID, err error)
	// Identity finds the token of an identity, with its sealed secret, among
	// the published ones and those staged under run. Of software, type and serial
	// are the whole identity: nothing else tells two apart.
	Identity(id token.Identity, run int64) (Candidate, error)
	// Sealed is Tokens with the sealed secrets.
	Sealed(TokenFilter) ([]Candidate, error)
	// Holding counts the tokens of a user, of one type unless that is empty,
	// those of an open run included.
	Holding(owner int64, typeName string) (int, error)
	// Policy gives the policy that a token came with and its sealed PIN, or
	// ErrNotFound.
	Policy(id token.ID) (Policy, error)
}

// TokenFilter chooses tokens. Zero fields do not restrict.
type TokenFilter struct {
	ID           token.ID
	Kind         token.Kind
	Type         string
	Manufacturer *string
	Serial       string
	Serials      []string // any of these
	KeyID        *string
	State        *token.State
	Owner        int64 // a user's row number
	Run          int64
	Batch        string // of the import run
	Twins        bool   // those whose secret others hold, too (token.Condition.Shared)
	Fenced       bool   // those that wait for two codes in a row (token.TwoCodes)
	Free         bool   // those of nobody
	Failures     int    // those with so many failures at least
	Delayed      Span   // those whose delay ends within it
	Contains     string // in the serial, the label or the owner's name, in either case
	// What the serial and the owner's name begin with, letter by letter.
	SerialPrefix, OwnerPrefix string
	// What the serial, the owner's name and the label contain, in either case.
	SerialPart, OwnerPart, LabelPart string
	Held                             bool      // those of somebody
	UnusedSince                      time.Time // those not used since, or never
	NeverUsed                        bool
	// EndsBy, when not zero, chooses tokens whose end is after EndsAfter and not
	// after EndsBy.
	EndsAfter, EndsBy time.Time
	// After resumes behind the token of this cursor; Limit bounds the rows. With
	// EndsBy tokens come by their ends, and AfterEnd is that of the token After.
	After    token.ID
	AfterEnd time.Time
	Limit    int
}

// TokenWriter changes tokens. A conditional write that finds the row otherwise
// returns ErrConflict.
type TokenWriter interface {
	// NextTokenID reserves n consecutive token numbers, never used before, and
	// returns the first.
	NextTokenID(n int) (token.ID, error)
	// SetOwner assigns the token if its owner is still from (0: free).
	SetOwner(id token.ID, from, to int64) error
	// SetState changes the state if it is still from. A token that was never
	// proven (token.Condition.Proven) does not become VALID by it.
	SetState(id token.ID, from, to token.State, reason string) error
	// SetLabel changes the label if it is still from.
	SetLabel(id token.ID, from, to string) error
	// ResetFailures unlocks.
	ResetFailures(id token.ID) error
	// DeleteToken removes the token and its secret. ErrConflict if it is on its way to
	// another server (MoveWriter.Depart), unless what says so is forged.
	DeleteToken(id token.ID) error
}

// SecretBinding is where a token's sealed secret belongs.
func SecretBinding(id token.ID) seal.Binding {
	return seal.Binding{Table: "token", Column: "secret", Row: int64(id)}
}

// User is a person who holds tokens.
type User struct {
	ID      int64
	Name    string
	Created time.Time
	// Failures counts wrong codes presented under the user's name since the
	// last right one; RetryAt is the end of the delay they caused.
	Failures int
	RetryAt  time.Time
	Tokens   int // how many published tokens are assigned
}

// UserReader reads users.
type UserReader interface {
	User(name string) (User, error)
	// Users lists users by name, behind the name after.
	Users(after string, limit int) ([]User, error)
	// FindUsers lists the users that a filter chooses, by name. It looks at so many
	// users at most: a page may be short, or empty, before the end. next is the name to go
	// on behind, empty at the end.
	FindUsers(UserFilter) (users []User, next string, err error)
	// CountUsers counts the users that a filter chooses, but for its cursors, as CountTokens
	// counts tokens.
	CountUsers(UserFilter) (Count, error)
}

// UserWriter changes users.
type UserWriter interface {
	// AddUser returns ErrConflict when the name is taken.
	AddUser(name string, at time.Time) (User, error)
	// RenameUser changes the name if it is still from; all that is the user's stays so.
	// ErrConflict if it is not, or to is taken, also by a user of an open run.
	RenameUser(id int64, from, to string) error
	// DeleteUser returns ErrConflict while tokens are assigned.
	DeleteUser(id int64) error
	ResetUserFailures(id int64) error
}

// APIKey is a machine's credential. Hash is a keyed hash of it; a revoked key has
// none.
type APIKey struct {
	ID       string
	Name     string
	Role     string
	HelpDesk bool
	Hash     []byte
	Created  time.Time
	Revoked  time.Time // zero while it works
	Expires  time.Time // when it ends by itself; zero for never
	// LastUsed is as NoteKeyUse was told; zero for never.
	LastUsed time.Time
}

// KeyReader reads API keys.
type KeyReader interface {
	APIKey(id string) (APIKey, error)
	APIKeys() ([]APIKey, error)
}

// KeyWriter changes API keys.
type KeyWriter interface {
	// AddAPIKey returns ErrConflict when a working key has the name.
	AddAPIKey(APIKey) error
	RevokeAPIKey(id string, at time.Time) error
	// NoteKeyUse remembers when a key was last used, unless a later time is remembered.
	// What it writes is beside the key, and proves nothing.
	NoteKeyUse(id string, at time.Time) error
}

// AuditRow is a stored entry with its place in the log, from 0.
type AuditRow struct {
	Seq   int64
	Entry []byte
}

// CodeCount is how many codes of an hour had an outcome, and why. It is no evidence.
type CodeCount struct {
	Hour            time.Time
	Outcome, Reason string
	N               int64
}

// OnlyCounted stands for the reason of refusals that the log only counts.
const OnlyCounted = "suppressed"

// AuditReader reads the log.
type AuditReader interface {
	// AuditEntries gives up to limit entries from place from upwards, none of those
	// that were archived.
	AuditEntries(from int64, limit int) ([]AuditRow, error)
	// FindAudit gives up to limit entries that a filter chooses, the newest first,
	// below the place before (0: all). next is where to go on from, 0 at the end; a
	// page may be short before the end when much was looked at in vain.
	FindAudit(f audit.Filter, before int64, limit int) (rows []AuditRow, next int64, err error)
	// CodeCounts gives how many codes were accepted and refused in the hours from one to
	// before another, by the hour, as far as entries were counted: whole says that all were.
	CodeCounts(from, to time.Time) (counts []CodeCount, whole bool, err error)
	AuditHead() (*audit.Frontier, error)
	// Checkpoints gives all checkpoints, oldest first.
	Checkpoints() ([]audit.StoredNote, error)
	// CheckpointsOf gives those that were signed over so many entries.
	CheckpointsOf(size int64) ([]string, error)
	// LastCheckpoint gives the newest one, or ErrNotFound.
	LastCheckpoint() (string, error)
	// CheckpointUpTo gives the one of the most entries among those of so many at most,
	// or ErrNotFound.
	CheckpointUpTo(size int64) (string, error)
	// Seams gives the places where entries were archived, oldest first.
	Seams() ([]audit.Seam, error)
	// SeamState gives up to limit lines of the state at a seam, from line from on.
	SeamState(seam, from int64, limit int) ([][]byte, error)
	// QuietRefusals gives the refusals counted by CountQuietly since they were
	// last cleared, by caller.
	QuietRefusals() (map[string]int64, error)
}

// AuditWriter appends to the log.
type AuditWriter interface {
	// AppendAudit appends entries in their order, in canonical form.
	AppendAudit(entries ...[]byte) error
	AddCheckpoint(size int64, note string) error
	ClearQuietRefusals() error
	// StageState adds lines, the first of which is number from, to the state of a seam
	// that is to be added.
	StageState(seam, from int64, lines [][]byte) error
	// AddSeam archives the entries before a seam: nothing gives them any more, and
	// RemoveArchived takes them away. All lines of its state must have been staged.
	// proofs are those of the checkpoints that are kept, by their sizes. ErrConflict
	// if the seam is not behind the last one, or one of that is missing.
	AddSeam(s audit.Seam, proofs map[int64][]byte) error
	// RemoveArchived removes up to limit rows of what was archived: entries, their part
	// of the index, checkpoints without a proof, and states that are not the last
	// seam's. more is false when none was left.
	RemoveArchived(limit int) (more bool, err error)
}
