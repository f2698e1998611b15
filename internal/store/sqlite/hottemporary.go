package sqlite

import (
	"bytes"
	"database/sql/driver"
	"fmt"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
	"time"
)

const (
	// The conditional write that uses up a temporary code: every condition of
	// acceptance stands here, and the row count is the verdict.
	//
	//	?1 now  ?2 user  ?3 fingerprint  ?4 most failures  ?5 the tag it must carry  ?6 the latest end of a delay
	useTemporarySQL = `UPDATE temporary_code SET used = max(?1, 1), tag = NULL
	WHERE user = ?2 AND fingerprint = ?3 AND used = 0 AND expires > ?1 AND tag IS ?5
	  AND EXISTS (SELECT 1 FROM user WHERE id = ?2 AND failures <= ?4 AND (retry_at <= ?1 OR retry_at > ?6))`

	// The tag is over the end of the code, so that is read first.
	unusedTemporarySQL = `SELECT coalesce((SELECT expires FROM temporary_code
	WHERE user = ?1 AND fingerprint = ?2 AND used = 0), 0), (SELECT tag FROM temporary_code
	WHERE user = ?1 AND fingerprint = ?2 AND used = 0)`

	// Whether the user has the code, unused (1) or used (2), and any that works.
	temporarySQL = `SELECT coalesce((SELECT 1 + (used > 0) FROM temporary_code WHERE user = ?1 AND fingerprint = ?2), 0),
	EXISTS (SELECT 1 FROM temporary_code WHERE user = ?1 AND used = 0 AND expires > ?3)`
)

// acceptTemporary tries the conditional write. It runs whether or not there are
// temporary codes, as does the query of refuseTemporary.
func (d *decision) acceptTemporary(a *store.Attempt) (o store.Outcome, decided bool, err error) {
	tag, end, err := d.temporaryTag(a)
	if err != nil || d.forgedTemporary {
		return o, false, err
	}
	n, err := d.hot.useTemporary.exec(query.Millis(a.Now), a.UserID, a.Temporary, a.MostFailures(), tag,
		query.Millis(a.LatestRetry(d.user.failures)))
	if err != nil || n != 1 {
		return o, false, err
	}
	o = store.Outcome{Verdict: store.Accepted, Index: -1, Temporary: true, Counted: true}
	d.spending.Use(proof.TemporaryRow(a.UserID, a.Temporary), end)
	err = d.clearUser(a, &o)
	return o, true, err
}

// temporaryTag is the tag that the temporary code must carry, with the end of the code;
// whichever it has, while the database does not prove itself. A code that is unused in
// the file and past in memory is as forged as one without its tag.
func (d *decision) temporaryTag(a *store.Attempt) (tag any, end time.Time, err error) {
	var v [2]driver.Value
	if _, err := d.hot.unusedTemporary.row(v[:], a.UserID, a.Temporary); err != nil {
		return nil, end, err
	}
	expires, _ := v[0].(int64)
	end = query.Time(expires)
	if d.forgedTemporary = false; !d.guard.Begun() {
		return v[1], end, nil
	}
	must := d.guard.Keys().Tag(proof.TemporaryTable.Name, proof.TemporaryText(a.UserID, a.Temporary, expires))
	carries, _ := v[1].([]byte)
	past := d.spent.has(a.UserID, a.Temporary) || d.spending.Has(a.UserID, a.Temporary)
	if d.forgedTemporary = expires != 0 && (past || !bytes.Equal(must, carries)); d.forgedTemporary {
		_ = d.guard.Forged(proof.TemporaryTable.Name, fmt.Sprint(a.UserID)) // the alarm; the code is refused
	}
	return must, end, nil
}

// refuseTemporary tells a code that is past from a wrong one. A wrong one is a
// guess at those that the user has, and counts where no token was tested, too. Of a user
// who takes no code nothing is told.
func (d *decision) refuseTemporary(a *store.Attempt, byUser token.Reason, o *store.Outcome) error {
	var v [2]driver.Value
	if _, err := d.hot.temporary.row(v[:], a.UserID, a.Temporary, query.Millis(a.Now)); err != nil {
		return err
	}
	if byUser != token.NoReason {
		return nil
	}
	guess := v[1].(int64) == 1 && !o.Counted
	if guess {
		o.Counted, o.UserFailures = true, d.user.failures+1
	}
	switch known := v[0].(int64); {
	case known == 1 && d.forgedTemporary:
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
