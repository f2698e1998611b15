// Package decide is how an attempt is decided (store.Attempt), for whichever database
// there is. What it reads and writes are Rows of a transaction; each write that accepts a
// code holds every condition of acceptance itself, and its row count is the verdict.
//
// A Batch decides attempts one after the other in one transaction. What it says becomes
// true with the commit: nobody is answered, and nothing is cached, before.
package decide

import (
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
)

// Rows are what an attempt reads and writes.
type Rows interface {
	// User reads the row of a user.
	User(id int64) (User, error)
	// Condition reads that of a published token, and what its secret makes of it.
	Condition(id token.ID, spec token.Spec) (c token.Condition, ok bool, err error)
	// Application reads where the application of a proposal stands.
	Application(p *store.Proposal) (next uint64, drift int64, ok bool, err error)
	// Right reports whether the row of a token carries its tag; if not, it has raised the
	// alarm. Retag makes the tag of a token that its first code has proven.
	Right(id token.ID) (bool, error)
	Retag(id token.ID) error

	// Accept writes that a code is used, if all conditions of acceptance hold: of the token,
	// whose row stands as in before, of its secret or the application, and of the user.
	Accept(a *store.Attempt, p *store.Proposal, before Row, user User) (won bool, err error)
	// CountFailure writes the failures and the delay in after; the row is as it was read.
	CountFailure(p *store.Proposal, after token.Condition) error
	// ClearUser forgets the failures of a user.
	ClearUser(id int64) error
	// CountUserFailure writes one failure more than u has.
	CountUserFailure(id int64, u User, retryAt time.Time) error

	// UnusedTemporary reads the end and the tag of a temporary code that is unused; zero if
	// there is none.
	UnusedTemporary(user int64, fingerprint []byte) (expires int64, tag []byte, err error)
	// UseTemporary writes that the temporary code of an attempt is used, if it carries the
	// tag and all conditions hold.
	UseTemporary(a *store.Attempt, tag []byte, user User) (won bool, err error)
	// Temporary reads whether the user has the code, unused (1) or used (2), and whether any
	// that works.
	Temporary(user int64, fingerprint []byte, now time.Time) (known int64, works bool, err error)

	// DecoyToken and DecoyUser write a row that means nothing in the place of that of a token
	// or a user, or of its stand-in, where no failure is counted.
	DecoyToken(of int64, now time.Time) error
	DecoyUser(of int64, now time.Time) error
	Log
}

// User is what an attempt reads of a user.
type User struct {
	There    bool
	Name     string
	Failures int
	RetryAt  time.Time
}

// Standing is what wrong codes have brought the user.
func (u User) Standing() store.Standing {
	return store.Standing{Failures: u.Failures, RetryAt: u.RetryAt}
}

// Changed is what an attempt has changed of a token.
type Changed struct {
	ID        token.ID
	Condition token.Condition
	Proven    bool       // its state and epoch have changed as well
	Advanced  token.Spec // of a token whose code moved the floor of its secret
	// Application is the further application that has advanced to Next and Drift; 0 if none
	// has.
	Application int
	Next        uint64
	Drift       int64
}

// Batch decides attempts in one transaction.
type Batch struct {
	Rows  Rows
	Guard *proof.Guard
	// Past tells whether memory knows a temporary code as used or revoked.
	Past func(user int64, fingerprint []byte) bool
	// Ordered has All lock all tokens first.
	Ordered bool
	// Kept is the number of what is kept of tokens now. All gives back what was judged by
	// anything older, as Stale.
	Kept uint64

	// What it has changed.
	Changed  []Changed
	Users    []string // names of those whose failures were changed
	Spending proof.Spending
	// Where no failure is counted, what it would have changed.
	Decoyed      []Changed
	DecoyedUsers []string

	user            User // whose code the attempt is that is being decided; none, if nobody's
	forgedTemporary bool // the temporary code of that attempt does not carry its tag
}

// One decides one attempt and records it.
func (b *Batch) One(a *store.Attempt) (store.Outcome, error) {
	o, err := b.judge(a)
	if err != nil || o.Verdict == store.Stale {
		return o, err
	}
	entry := a.Record(o)
	if a.QuietFor == "" || o.Verdict != store.Refused {
		return o, b.Rows.Append(entry)
	}
	return o, b.Rows.AppendQuietly(a.QuietFor, entry, o.Counted)
}

func (b *Batch) judge(a *store.Attempt) (store.Outcome, error) {
	b.user = User{}
	switch {
	case a.UserID != 0:
		var err error
		if b.user, err = b.Rows.User(a.UserID); err != nil {
			return store.Outcome{}, err
		}
		// Whoever was renamed is not whom the code was presented for.
		if !b.user.There || a.UserName != "" && b.user.Name != a.UserName {
			return store.Outcome{Verdict: store.Stale}, nil
		}
	case a.UserName != "":
		if _, err := b.Rows.User(standIn(a).User); err != nil {
			return store.Outcome{}, err
		}
	}
	if o, decided, err := b.accept(a); decided || err != nil {
		return o, err
	}
	if a.Temporary != nil {
		if o, decided, err := b.acceptTemporary(a); decided || err != nil {
			return o, err
		}
	}
	return b.refuse(a)
}

// accept tries the conditional write for each match. Every token and application
// that the code is right for advances, so that two records of one secret do not
// take it twice.
func (b *Batch) accept(a *store.Attempt) (o store.Outcome, decided bool, err error) {
	if a.UserID != 0 && a.UserRefusal(b.user.Standing()) != token.NoReason {
		return o, false, nil // the write would find the same, and a right code would take longer
	}
	for i := range a.Proposals {
		p := &a.Proposals[i]
		// The state and the dates that were seen are those that the tag was checked
		// with; the write looks at what the row has now. What was seen to take no code is
		// not written to, so that the time of a refusal does not tell a right code; where
		// it takes one now, it is judged again.
		if !p.Matched || a.Refusal(p.Seen) != token.NoReason {
			continue
		}
		if a.Proof {
			// The write changes what the tag is over; it must not vouch for more.
			if right, err := b.Rows.Right(p.ID); err != nil || !right {
				return o, false, err
			}
		}
		// Seen is most often the row as it is. Where it is not, the code may
		// still be good, and the log and the cache are to hear of the row that
		// the write found.
		before, ok := Seen(p), true
		won, err := b.Rows.Accept(a, p, before, b.user)
		if err == nil && !won {
			if before, ok, err = b.find(p); err == nil && ok {
				before = before.besides(p.Seen)
				if before.Drift == token.TwoCodes {
					continue // it was not asked for two when it was judged
				}
				won, err = b.Rows.Accept(a, p, before, b.user)
			}
		}
		if err != nil {
			return o, false, err
		}
		if !won {
			continue
		}
		if a.Proof {
			if err := b.Rows.Retag(p.ID); err != nil {
				return o, false, err
			}
		}
		if !decided {
			o = store.Outcome{Verdict: store.Accepted, Index: i, Before: before.told(), Counted: true}
			decided = true
		} else {
			o.Others = append(o.Others, store.Effect{Index: i, Before: before.told()})
		}
		b.Changed = append(b.Changed, accepted(a, p, before.Condition))
	}
	if decided && a.UserID != 0 {
		if err := b.clearUser(a, &o); err != nil {
			return o, false, err
		}
	}
	return o, decided, nil
}

// clearUser forgets the failures of a user whose code was right, and tells what they
// were.
func (b *Batch) clearUser(a *store.Attempt, o *store.Outcome) error {
	if b.user.Failures == 0 && b.user.RetryAt.IsZero() {
		return nil
	}
	o.UserBefore = b.user.Standing()
	b.Users = append(b.Users, b.user.Name)
	return b.Rows.ClearUser(a.UserID)
}

// accepted is what an acceptance makes of a condition and of the application that
// the code was of.
func accepted(a *store.Attempt, p *store.Proposal, c token.Condition) Changed {
	c.Failures, c.RetryAt = 0, time.Time{}
	if now := query.Time(query.Millis(a.Now)); a.Authentication && now.After(c.LastUsed) {
		c.LastUsed = now
	}
	if p.Application != 0 {
		return Changed{ID: p.ID, Condition: c, Application: p.Application, Next: p.Counter + 1, Drift: p.Drift}
	}
	c.Use(p.Spec, p.Counter, p.Drift)
	return Changed{ID: p.ID, Condition: c, Proven: a.Proof, Advanced: p.Spec}
}
