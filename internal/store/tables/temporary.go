package tables

import (
	"ostiary/internal/store"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
)

func (r *Reader) TemporaryCodes(after store.TemporaryCode, limit int) ([]store.IssuedCode, error) {
	fingerprint := after.Fingerprint
	if fingerprint == nil {
		fingerprint = []byte{}
	}
	return query.All(r.ctx, r.q, func(s query.Scanner) (c store.IssuedCode, err error) {
		var expires, used int64
		err = s.Scan(&c.User, &c.Fingerprint, &expires, &used, &c.UserName)
		c.Expires, c.Used = query.Time(expires), query.Time(used)
		return c, err
	}, `SELECT t."user", t.fingerprint, t.expires, t.used, u.name FROM temporary_code t JOIN "user" u ON u.id = t."user"
		WHERE (t."user", t.fingerprint) > (?, ?) ORDER BY t."user", t.fingerprint LIMIT ?`, after.User, fingerprint, limit)
}

func (t *Tx) AddTemporaryCode(c store.TemporaryCode) error {
	if err := t.checkUser(c.User); err != nil {
		return err
	}
	err := t.changeOne(`INSERT INTO temporary_code ("user", fingerprint, expires) VALUES (?, ?, ?)
		ON CONFLICT ("user", fingerprint) DO NOTHING`, c.User, c.Fingerprint, query.Millis(c.Expires))
	if err == nil {
		key := proof.TemporaryRow(c.User, c.Fingerprint)
		t.added(key)
		t.Effects.Spending.Issued = append(t.Effects.Spending.Issued, key)
	}
	return err
}

func (t *Tx) RevokeTemporaryCodes(user int64) (int, error) {
	revoked, err := query.All(t.ctx, t.q, scanTemporary, "SELECT \"user\", fingerprint, expires FROM temporary_code "+
		"WHERE \"user\" = ? AND used = 0", user)
	if err != nil {
		return 0, err
	}
	for _, c := range revoked {
		t.Effects.Spending.Use(proof.TemporaryRow(c.User, c.Fingerprint), c.Expires)
	}
	n, err := t.Change("DELETE FROM temporary_code WHERE \"user\" = ? AND used = 0", user)
	return int(n), err
}
