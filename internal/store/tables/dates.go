package tables

import (
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/query"
)

func (t *Tx) SetDates(id token.ID, before, after store.Dates) error {
	if err := t.alterToken(id); err != nil {
		return err
	}
	return t.changeOne("UPDATE condition SET not_before = ?, not_after = ? WHERE token = ? AND not_before = ? AND "+
		"not_after = ?",
		query.Millis(after.NotBefore), query.Millis(after.NotAfter), int64(id), query.Millis(before.NotBefore),
		query.Millis(before.NotAfter))
}

func (t *Tx) SetLabel(id token.ID, from, to string) error {
	if err := t.alterToken(id); err != nil {
		return err
	}
	return t.changeOne("UPDATE token SET label = ? WHERE id = ? AND label = ?", to, int64(id), from)
}

func (t *Tx) Expire(id token.ID, now time.Time, reason string) error {
	if err := t.alterToken(id); err != nil {
		return err
	}
	if err := t.changeOne("UPDATE condition SET state = ? WHERE token = ? AND state = 0 AND not_after > 0 AND "+
		"not_after <= ?",
		int64(token.RevokedOther), int64(id), query.Millis(now)); err != nil {
		return err
	}
	return t.changeOne("UPDATE token SET state_reason = ? WHERE id = ?", reason, int64(id))
}
