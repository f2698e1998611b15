package token

import (
	"fmt"
	"strings"
	"time"
)

// State is where a token stands in its life. A lock is no state: it is the
// failure counter speaking.
type State uint8

// The states. Their numbers are stored; do not reorder.
const (
	Valid         State = 0
	RevokedLost   State = 1
	RevokedBroken State = 2
	RevokedOther  State = 3
	Pending       State = 4 // a software token whose first right code is still to come
	Moving        State = 5 // on its way to another server, which may have it already
)

var stateNames = [...]string{
	Valid:         "VALID",
	RevokedLost:   "REVOKED_TOKEN_LOST",
	RevokedBroken: "REVOKED_TOKEN_BROKEN",
	RevokedOther:  "REVOKED_TOKEN_OTHER",
	Pending:       "PENDING",
	Moving:        "MOVING",
}

// StateNames lists the states as they are written, VALID first.
func StateNames() []string { return append([]string(nil), stateNames[:]...) }

// SetStateNames lists those that an administrator may set.
func SetStateNames() []string { return append([]string(nil), stateNames[:Pending]...) }

// String gives the word administrators know.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// ParseState reads a state by its word, in either case.
func ParseState(s string) (State, error) {
	for i, name := range stateNames {
		if strings.EqualFold(s, name) {
			return State(i), nil
		}
	}
	return 0, fmt.Errorf("%q is not a state; the states are %s", s, strings.Join(stateNames[:], ", "))
}

// CanBecome reports whether an administrator may change a token from s to
// next. Every state may follow every other: a lost token is found again, and a
// revoked one may be made VALID, with its counters kept. But a token is PENDING
// from its creation only, and VALID after that only by proof (see
// Condition.Proven), and MOVING from its export to the end of the move. A change
// to the state it already has is no change.
func (s State) CanBecome(next State) bool {
	return s != next && s < Moving && next < Pending && (s != Pending || next != Valid)
}

// Reason says why a code was refused. It goes into the audit log and never to
// the person who typed the code.
type Reason string

// The reasons for a refusal.
const (
	NoReason       Reason = ""
	Wrong          Reason = "wrong"           // the code belongs to no counter nearby
	Replayed       Reason = "replayed"        // the code was right for a counter already passed
	OutOfWindow    Reason = "out_of_window"   // the code is right further ahead than the window
	TooOld         Reason = "too_old"         // the code was right, some time ago, and nobody used it or a later one
	Malformed      Reason = "malformed"       // not the number of digits the token shows
	Locked         Reason = "locked"          // too many failures; an administrator unlocks
	Delayed        Reason = "delayed"         // tried again too soon after failures
	Revoked        Reason = "revoked"         // state is not VALID
	NotYetValid    Reason = "not_yet_valid"   // before its start date
	Expired        Reason = "expired"         // after its end date
	Unknown        Reason = "unknown"         // no such serial or user
	Unassigned     Reason = "unassigned"      // the user has no token
	Ambiguous      Reason = "ambiguous"       // the serial stands under several identities
	NeedsChallenge Reason = "needs_challenge" // an OCRA token, which answers challenges
	UserLocked     Reason = "user_locked"     // too many failures of the user over all tokens
	UserDelayed    Reason = "user_delayed"    // the user tried again too soon
	ClientLocked   Reason = "client_locked"   // too many failures under this name by the client that presents the code
	NotProven      Reason = "pending"         // its first code is still to confirm it
	OnItsWay       Reason = "moving"          // it was exported, to live on another server
	AlreadyProven  Reason = "already_proven"  // a first code, of a token that is VALID
	RowForged      Reason = "row_forged"      // the database's row is not as this server wrote it
	NeedsTwo       Reason = "two_codes"       // fenced: two codes in a row must show where it stands
	NotConsecutive Reason = "not_consecutive" // a resynchronisation whose codes do not follow each other in reach
)

// TwoCodes, as the drift of a token that counts events, says that the server does
// not know how far it was used, as after a backup was put back: it takes two codes
// in a row and no single one. No clock drifts so far.
const TwoCodes = -1 << 40

// Fenced reports whether the token takes no code before two in a row (TwoCodes).
func (c Condition) Fenced() bool { return c.Drift == TwoCodes }

// Proven reports whether the token has ever been VALID: an imported one from the
// start, a software token since its first right code.
func (c Condition) Proven() bool { return c.Epoch > 0 }

// Refusal says why a token in this condition takes no code at now, or NoReason
// if it does.
func (c Condition) Refusal(now time.Time, lock Lock) Reason {
	switch c.State {
	case Valid:
		return c.barred(now, lock)
	case Pending:
		return NotProven
	case Moving:
		return OnItsWay
	}
	return Revoked
}

// ProofRefusal is Refusal for the code that is to prove a PENDING token.
func (c Condition) ProofRefusal(now time.Time, lock Lock) Reason {
	switch c.State {
	case Pending:
		return c.barred(now, lock)
	case Valid:
		return AlreadyProven
	case Moving:
		return OnItsWay
	}
	return Revoked
}

// Ended reports whether the end of the token's validity has passed.
func (c Condition) Ended(now time.Time) bool { return !c.NotAfter.IsZero() && !now.Before(c.NotAfter) }

// barred says what beside the state keeps a token from taking a code.
func (c Condition) barred(now time.Time, lock Lock) Reason {
	switch {
	case !c.NotBefore.IsZero() && now.Before(c.NotBefore):
		return NotYetValid
	case c.Ended(now):
		return Expired
	case lock.Holds(c.Failures, c.RetryAt, now):
		return Locked
	case now.Before(c.RetryAt):
		return Delayed
	}
	return NoReason
}
