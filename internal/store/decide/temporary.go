package decide

import (
	"crypto/subtle"
	"fmt"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
)

// acceptTemporary tries the conditional write. It runs whether or not there are
// temporary codes, as does the query of refuseTemporary.
func (b *Batch) acceptTemporary(a *store.Attempt) (o store.Outcome, decided bool, err error) {
	tag, end, err := b.temporaryTag(a)
	if err != nil || b.forgedTemporary {
		return o, false, err
	}
	won, err := b.Rows.UseTemporary(a, tag, b.user)
	if err != nil || !won {
		return o, false, err
	}
	o = store.Outcome{Verdict: store.Accepted, Index: -1, Temporary: true, Counted: true}
	b.Spending.Use(proof.TemporaryRow(a.UserID, a.Temporary), end)
	err = b.clearUser(a, &o)
	return o, true, err
}

// temporaryTag is the tag that the temporary code must carry, with the end of the code;
// whichever it has, while the database does not prove itself. A code that is unused in
// the database and past in memory is as forged as one without its tag.
func (b *Batch) temporaryTag(a *store.Attempt) (tag []byte, end time.Time, err error) {
	expires, carries, err := b.Rows.UnusedTemporary(a.UserID, a.Temporary)
	if err != nil {
		return nil, end, err
	}
	end = query.Time(expires)
	if b.forgedTemporary = false; !b.Guard.Begun() {
		return carries, end, nil
	}
	must := b.Guard.Keys().Tag(proof.TemporaryTable.Name, proof.TemporaryText(a.UserID, a.Temporary, expires))
	past := b.Past(a.UserID, a.Temporary) || b.Spending.Has(a.UserID, a.Temporary)
	if b.forgedTemporary = expires != 0 && (past || subtle.ConstantTimeCompare(must, carries) != 1); b.forgedTemporary {
		_ = b.Guard.Forged(proof.TemporaryTable.Name, fmt.Sprint(a.UserID)) // the alarm; the code is refused
	}
	return must, end, nil
}

// refuseTemporary tells a code that is past from a wrong one. A wrong one is a
// guess at those that the user has, and counts where no token was tested, too. Of a user
// who takes no code nothing is told.
func (b *Batch) refuseTemporary(a *store.Attempt, byUser token.Reason, o *store.Outcome) error {
	known, works, err := b.Rows.Temporary(a.UserID, a.Temporary, a.Now)
	if err != nil || byUser != token.NoReason {
		return err
	}
	guess := works && !o.Counted
	if guess {
		o.Counted, o.UserFailures = true, b.user.Failures+1
	}
	switch {
	case known == 1 && b.forgedTemporary:
		o.Refusal = token.RowForged
	case known == 1:
		o.Refusal = token.Expired // or the write had accepted it
	case known == 2:
		o.Refusal = token.Replayed
	case guess:
		o.Refusal = token.Wrong
	}
	return nil
}
