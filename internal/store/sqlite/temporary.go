package sqlite

import (
	"database/sql/driver"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

func (r *reader) TemporaryCodes(after store.TemporaryCode, limit int) ([]store.IssuedCode, error) {
	fingerprint := after.Fingerprint
	if fingerprint == nil {
		fingerprint = []byte{}
	}
	return queryAll(r.ctx, r.q, func(s scanner) (c store.IssuedCode, err error) {
		var expires, used int64
		err = s.Scan(&c.User, &c.Fingerprint, &expires, &used, &c.UserName)
		c.Expires, c.Used = fromMillis(expires), fromMillis(used)
		return c, err
	}, `SELECT t.user, t.fingerprint, t.expires, t.used, u.name FROM temporary_code t JOIN user u ON u.id = t.user
		WHERE (t.user, t.fingerprint) > (?, ?) ORDER BY t.user, t.fingerprint LIMIT ?`, after.User, fingerprint, limit)
}

func (t *tx) AddTemporaryCode(c store.TemporaryCode) error {
	return t.changeOne(`INSERT INTO temporary_code (user, fingerprint, expires) VALUES (?, ?, ?)
		ON CONFLICT (user, fingerprint) DO NOTHING`, c.User, c.Fingerprint, millis(c.Expires))
}

func (t *tx) RevokeTemporaryCodes(user int64) (int, error) {
	n, err := t.change("DELETE FROM temporary_code WHERE user = ? AND used = 0", user)
	return int(n), err
}

const (
	// The conditional write that uses up a temporary code: every condition of
	// acceptance stands here, and the row count is the verdict.
	//
	//	?1 now  ?2 user  ?3 fingerprint  ?4 failure limit
	useTemporarySQL = `UPDATE temporary_code SET used = max(?1, 1)
	WHERE user = ?2 AND fingerprint = ?3 AND used = 0 AND expires > ?1
	  AND EXISTS (SELECT 1 FROM user WHERE id = ?2 AND failures < ?4 AND retry_at <= ?1)`

	// Whether the user has the code, unused (1) or used (2), and any that works.
	temporarySQL = `SELECT coalesce((SELECT 1 + (used > 0) FROM temporary_code WHERE user = ?1 AND fingerprint = ?2), 0),
	EXISTS (SELECT 1 FROM temporary_code WHERE user = ?1 AND used = 0 AND expires > ?3)`
)

// acceptTemporary tries the conditional write. It runs whether or not there are
// temporary codes, as does the query of refuseTemporary.
func (d *decision) acceptTemporary(a *store.Attempt) (o store.Outcome, decided bool, err error) {
	n, err := d.hot.useTemporary.exec(millis(a.Now), a.UserID, a.Temporary, int64(a.Limit))
	if err != nil || n != 1 {
		return o, false, err
	}
	o = store.Outcome{Verdict: store.Accepted, Index: -1, Temporary: true, Counted: true}
	err = d.clearUser(a.UserID, &o)
	return o, true, err
}

// refuseTemporary tells a code that is past from a wrong one. A wrong one is a
// guess at those that the user has, and counts where no token was tested, too.
func (d *decision) refuseTemporary(a *store.Attempt, u userCondition, o *store.Outcome) error {
	var v [2]driver.Value
	if _, err := d.hot.temporary.row(v[:], a.UserID, a.Temporary, millis(a.Now)); err != nil {
		return err
	}
	guess := v[1].(int64) == 1 && !o.Counted
	if guess {
		o.Counted, o.UserFailures = true, u.failures+1
	}
	switch known := v[0].(int64); {
	case known == 1:
		o.Refusal = token.Expired // or the write had accepted it
	case known == 2:
		o.Refusal = token.Replayed
	case guess:
		o.Refusal = token.Wrong
	}
	return nil
}
