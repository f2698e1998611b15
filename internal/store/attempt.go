package store

import (
	"math"
	"time"

	"ostiary/internal/core/token"
)

// Lookup names the tokens that a code is tried against: a serial, narrowed by
// type, manufacturer and key where given, or all tokens of a user.
type Lookup struct {
	User         string
	Serial       string
	Type         string
	Manufacturer *string
	KeyID        *string
}

// Candidate is a token with its sealed secret: one that a code may be tried
// against, or that an import brings.
type Candidate struct {
	Token  token.Token
	Sealed []byte
	// Applications are the further applications by index, of all modes. Only
	// DB.Candidates fills them in.
	Applications []Application
	// Forged says that its row, or that of an application, is not as this program
	// wrote it: no code is compared with it. DB.Candidates, Identity and Unmarked fill it in.
	Forged bool
}

// MaxCandidates bounds how many tokens one code is tried against, and so how
// many a user may hold.
const MaxCandidates = 32

// StandIn is what is read in place of what a lookup does not find, so that the time of a
// refusal does not tell whether it is there. A name always gets the same stand-ins, as
// long as rows neither come nor go: so whatever they are like, they tell nothing either.
// They are read and forgotten.
type StandIn struct {
	User int64 // for a user that does not exist
	// Candidate is for a serial or a user without tokens; its ID is 0 if there is no
	// token at all.
	Candidate Candidate
}

// Found is what a lookup finds. User is nil when the lookup names no user, or
// one that does not exist. Fresh says that it was read from the database just
// now; otherwise it comes from a cache.
type Found struct {
	User       *User
	Candidates []Candidate
	Fresh      bool
	// Kept is the number of what a cache keeps, if this is from it: another one is given when
	// all of it is forgotten. 0 if it was read.
	Kept uint64
	// Forged says that the user's row is not as this program wrote it. Then all
	// candidates are, too.
	Forged bool
	// StandIn is set where there is no user of that name, or no candidate.
	StandIn *StandIn
}

// Attempt is one presented code, judged against rows that may be stale by the
// time they are written to. Candidates proposes; the conditional write decides.
//
// For each proposal that Matched, the database itself demands, in the write:
// the epoch of Seen, a stored counter not above Counter, state VALID, validity
// dates around Now, no Lock that holds, no delay running, the import run
// published, and, when UserID is set, that the token is still that user's and
// the user is neither locked nor delayed. If the row count is one, the counter
// becomes Counter+1, the drift Drift, and the failures zero.
//
// If none is accepted, every proposal whose code was Tested and whose row takes
// codes at all counts one failure, and so does the user if UserID is set. A row
// that is locked, delayed or not VALID counts nothing: there the comparison was
// made only so that time tells nothing. If a row has changed since Seen so that
// the judgement may be another, nothing is written and the verdict is Stale.
//
// A proposal may be of a further application of the token. Then the write demands
// the same of the token, but for its counter; instead, an application of that
// index for one-time passwords, whose stored counter is not above Counter. If the
// row count is one, the token's failures become zero, and the counter and the
// drift that advance are those of the application. A code that is right for
// several keys advances all of them, of one token or of many, and is one
// acceptance. All proposals of one token count one failure together.
//
// With Proof, the code is the first of a PENDING token: the write demands the
// state PENDING instead of VALID, and all else as ever; accepted, the code is
// used up like any other and the token is VALID, under the next epoch, at once.
// Without Proof no code is accepted in the state PENDING. Further applications
// play no part in a proof: none is accepted.
//
// With Temporary, a code that no token accepts may be one of the user's temporary
// codes. The write demands: a code of that fingerprint and user, unused, Now
// before its end, and the user neither locked nor delayed. If the row count is
// one, the code is used, the user's failures are zero, and no token is touched.
// If none is accepted and the user has a temporary code that works, the code was
// a guess at it, too, and the user counts a failure even if no token does.
//
// A token whose secret others hold, too (token.Condition.Shared), is accepted only if
// the floor of the secret is not above Counter, and the floor is behind Counter then,
// in the same transaction. So of several proposals of one secret the first that is
// accepted decides, and no token of that secret takes a code of it again. What was
// judged as a token of its own is not accepted once it has a twin, and the other way
// round: it is judged anew. Further applications have keys of their own.
//
// A refusal reads and writes as many rows whatever its reason is: for each token of
// the proposals, or for the stand-in of none, and for the user, or the stand-in of nobody,
// a row is read, and either the failure is counted there or a row that means nothing is
// written.
//
// Attempts on one token or under one user are decided in the order of their
// arrival.
type Attempt struct {
	Now   time.Time
	Lock  token.Lock
	Delay func(failures int) time.Duration // how long to wait after so many failures
	// MaxDelay is how long a delay after so many failures may still last: a RetryAt
	// further than that from Now was written by a clock that was wrong, and holds nobody.
	// nil means no bound.
	MaxDelay func(failures int) time.Duration

	// Proof asks for PENDING tokens; UserID is then 0, and no proposal is of a
	// further application.
	Proof bool
	// UserID is set when the code was presented under a user's name.
	UserID int64
	// UserName, when set, is the name that the code was presented under: if the user of
	// UserID is not called so any more, the attempt is Stale. It is set for a user that
	// does not exist, too, so that this takes as long.
	UserName string
	// Temporary is the fingerprint of the code as a temporary one of that user;
	// nil when it cannot be one. It may be set for a user that does not exist,
	// so that this takes as long.
	Temporary []byte

	Proposals []Proposal
	// Kept is the number that Found had: where others change the database, what is kept may be
	// older than their changes, which makes the attempt Stale.
	Kept uint64
	// StandIn is what the lookup found in place of what is not there; nil if all is.
	StandIn *StandIn
	// Authentication makes an acceptance count as use (token.Condition.LastUsed).
	Authentication bool
	// QuietFor, when not empty, makes a refusal that changes nothing be counted
	// under this caller's name instead of being recorded in full, so that
	// nobody fills the log. The entry is made all the same, and as much is written.
	QuietFor string
	// Record gives the canonical audit entry for the outcome. It is called in
	// the transaction, once per decision, and must be quick and without side
	// effects.
	Record func(Outcome) []byte
}

// Refusal says why a token in this condition takes no code of this kind, or
// NoReason if it does.
func (a *Attempt) Refusal(c token.Condition) token.Reason {
	if !a.Holds(c.Failures, c.RetryAt) {
		c.RetryAt = time.Time{}
	}
	if a.Proof {
		return c.ProofRefusal(a.Now, a.Lock)
	}
	return c.Refusal(a.Now, a.Lock)
}

// UserRefusal says why a user takes no code, or NoReason if the user does.
func (a *Attempt) UserRefusal(s Standing) token.Reason {
	if !a.Holds(s.Failures, s.RetryAt) {
		s.RetryAt = time.Time{}
	}
	switch {
	case a.Lock.Holds(s.Failures, s.RetryAt, a.Now):
		return token.UserLocked
	case a.Now.Before(s.RetryAt):
		return token.UserDelayed
	}
	return token.NoReason
}

// Holds reports whether a delay that so many failures caused, and that ends at retryAt, is
// running.
func (a *Attempt) Holds(failures int, retryAt time.Time) bool {
	return a.Now.Before(retryAt) && !retryAt.After(a.LatestRetry(failures))
}

// MostFailures is how many failures a row has at most that may take a code. A lock that
// ends is a delay, and the write demands that none is running.
func (a *Attempt) MostFailures() int64 {
	if a.Lock.Ends {
		return math.MaxInt64
	}
	return int64(a.Lock.Limit) - 1
}

// LatestRetry is the latest end of a delay after so many failures that holds.
func (a *Attempt) LatestRetry(failures int) time.Time {
	if a.MaxDelay == nil {
		return time.UnixMilli(math.MaxInt64)
	}
	return a.Now.Add(a.MaxDelay(failures))
}

// Proposal is the judgement on one candidate, or on a further application of one.
type Proposal struct {
	ID   token.ID
	Seen token.Condition
	// Spec is that of the token, by which its counter is held against the floor of
	// its secret (token.Condition.Shared).
	Spec token.Spec
	// Application is the index of the further application, 0 for the token itself.
	// SeenNext and SeenDrift are then the application's, beside the token's in Seen.
	Application int
	SeenNext    uint64
	SeenDrift   int64
	// Tested says that the code was compared with the codes of this key.
	Tested bool
	// Matched says that it is the code for Counter; Drift is then the new drift.
	Matched bool
	Counter uint64
	Drift   int64
}

// Verdict is how an attempt ended.
type Verdict uint8

// The verdicts. The zero Verdict is Refused.
const (
	Refused  Verdict = iota // final; failures were counted if anything was tested
	Accepted                // final; every matching token or application has advanced, or a temporary code is used
	Stale                   // nothing was written; judge again with fresh rows
)

// Outcome is the verdict on an attempt.
type Outcome struct {
	Verdict Verdict
	// Index is the proposal that decided: the first that was accepted; else the
	// first whose row takes codes, or the first. It is -1 when there was none, or
	// a temporary code was accepted.
	Index int
	// Before is the token of that proposal as the transaction found it; for a
	// further application, Next and Drift are those of the application.
	Before token.Condition
	// Failures is that token's count after the attempt, RetryAt the end of the delay.
	Failures int
	RetryAt  time.Time
	// Others are the further proposals whose rows the attempt changed: those that
	// advanced as well, or the other tokens that counted a failure.
	Others []Effect
	// Counted says that the attempt changed the database: an acceptance, or a
	// failure that was counted.
	Counted bool
	// Refusal is set when the row or the user refused without a test, and where
	// the temporary codes know better: Replayed and Expired for one that is, Wrong
	// for a guess that only they were there for.
	Refusal token.Reason
	// Temporary says that a temporary code was accepted.
	Temporary bool
	// UserFailures is the user's count after the attempt, if the user alone
	// counted a failure; 0 otherwise.
	UserFailures int
	// UserBefore and UserAfter are the user's row; they differ if it was changed.
	UserBefore, UserAfter Standing
}

// Effect is what an attempt changed of one more row, the one of the proposal at
// Index. The other fields are what they are in an Outcome.
type Effect struct {
	Index    int
	Before   token.Condition
	Failures int
	RetryAt  time.Time
}

// Standing is what wrong codes have brought a user.
type Standing struct {
	Failures int
	RetryAt  time.Time
}
