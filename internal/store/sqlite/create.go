package sqlite

import (
	"errors"
	"time"

	"ostiary/internal/store"
	"ostiary/internal/token"
)

func (t *tx) AddToken(n store.Candidate) error {
	k, c := &n.Token, &n.Token.Condition
	if err := t.touchOwners(k.ID, c.Owner); err != nil {
		return err
	}
	t.touched.names = append(t.touched.names, k.Identity.Serial)
	err := t.changeOne(`INSERT INTO token (id, kind, type, manufacturer, serial, key_id, algorithm, hash, digits, period,
			t0, suite, model, issuer, label, run, created, secret)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)
			ON CONFLICT (serial, type, manufacturer, key_id) DO NOTHING`,
		int64(k.ID), string(k.Kind), k.Identity.Type, k.Identity.Manufacturer, k.Identity.Serial, k.Identity.KeyID,
		string(k.Spec.Algorithm), k.Spec.Hash, k.Spec.Digits, k.Spec.Period, k.Spec.T0, k.Spec.Suite,
		k.Model, k.Issuer, k.Label, millis(k.Created), n.Sealed)
	if err != nil {
		return err
	}
	_, err = t.change(`INSERT INTO condition (token, run, owner, epoch, next, drift, failures, retry_at, state,
			not_before, not_after, last_used) VALUES (?, 0, nullif(?, 0), ?, ?, ?, 0, 0, ?, ?, ?, 0)`,
		int64(k.ID), c.Owner, c.Epoch, int64(c.Next), c.Drift, int64(c.State), millis(c.NotBefore), millis(c.NotAfter))
	return err
}

func (r *reader) Enrolment(hash []byte) (store.Enrolment, error) {
	return queryOne(r.ctx, r.q, func(s scanner) (e store.Enrolment, err error) {
		var expires, shown int64
		err = s.Scan(&e.Token, &e.Hash, &expires, &shown)
		e.Expires, e.Shown = fromMillis(expires), fromMillis(shown)
		return e, err
	}, "SELECT token, hash, expires, shown FROM enrolment WHERE hash = ?", hash)
}

func (t *tx) AddEnrolment(e store.Enrolment) error {
	var hash any
	if len(e.Hash) > 0 {
		hash = e.Hash
	}
	_, err := t.change("INSERT INTO enrolment (token, hash, expires, shown) VALUES (?, ?, ?, ?)",
		int64(e.Token), hash, millis(e.Expires), millis(e.Shown))
	if isUnique(err) {
		err = store.ErrConflict
	}
	return err
}

// pending: nothing is shown of a token that is proven or revoked.
const pending = " AND shown = 0 AND EXISTS (SELECT 1 FROM condition c WHERE c.token = enrolment.token AND c.state = 4)"

func (t *tx) RenewEnrolment(id token.ID, hash []byte, expires time.Time) error {
	return t.changeOne("UPDATE enrolment SET hash = ?, expires = ? WHERE token = ?"+pending, hash, millis(expires), int64(id))
}

func (t *tx) ShowEnrolment(link []byte, now time.Time, ticket []byte, expires time.Time) (token.ID, error) {
	id, err := queryOne(t.ctx, t.q, scanOne[int64], "UPDATE enrolment SET hash = ?1, expires = ?2, shown = ?3 WHERE hash = ?4 AND expires > ?3"+
		pending+" RETURNING token", ticket, millis(expires), millis(now), link)
	if errors.Is(err, store.ErrNotFound) {
		err = store.ErrConflict
	}
	return token.ID(id), err
}
