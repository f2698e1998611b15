package tables

import (
	"crypto/subtle"
	"errors"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
)

func (r *Reader) Enrolment(hash []byte) (e store.Enrolment, err error) {
	id, err := query.One(r.ctx, r.q, query.Value[token.ID], "SELECT token FROM enrolment WHERE hash = ?", hash)
	if err == nil {
		e, err = r.EnrolmentOf(id)
	}
	if err == nil && subtle.ConstantTimeCompare(e.Hash, hash) != 1 {
		err = r.misled(proof.EnrolmentIndex, int64(id))
	}
	if err == nil {
		err = r.check(proof.Row{Table: proof.EnrolmentTable, ID: int64(id)})
	}
	return e, err
}

func (r *Reader) EnrolmentOf(id token.ID) (store.Enrolment, error) {
	return query.One(r.ctx, r.q, scanEnrolment, "SELECT token, hash, expires, shown FROM enrolment WHERE token = ?",
		int64(id))
}

func scanEnrolment(s query.Scanner) (e store.Enrolment, err error) {
	var expires, shown int64
	err = s.Scan(&e.Token, &e.Hash, &expires, &shown)
	e.Expires, e.Shown = query.Time(expires), query.Time(shown)
	return e, err
}

func (t *Tx) AddEnrolment(e store.Enrolment) error {
	var hash any
	if len(e.Hash) > 0 {
		hash = e.Hash
	}
	err := t.insertOne("INSERT INTO enrolment (token, hash, expires, shown) VALUES (?, ?, ?, ?)",
		int64(e.Token), hash, query.Millis(e.Expires), query.Millis(e.Shown))
	t.added(proof.Row{Table: proof.EnrolmentTable, ID: int64(e.Token)})
	return err
}

// pending: nothing is shown of a token that is proven or revoked.
const pending = " AND shown = 0 AND EXISTS (SELECT 1 FROM condition c WHERE c.token = enrolment.token AND c.state = 4)"

func (t *Tx) RenewEnrolment(id token.ID, hash []byte, expires time.Time) error {
	if err := t.alter(proof.Row{Table: proof.EnrolmentTable, ID: int64(id)}); err != nil {
		return err
	}
	return t.changeOne("UPDATE enrolment SET hash = ?, expires = ? WHERE token = ?"+pending, hash, query.Millis(expires),
		int64(id))
}

func (t *Tx) ShowEnrolment(link []byte, now time.Time, ticket []byte, expires time.Time) (token.ID, error) {
	found, err := t.Enrolment(link)
	if err == nil {
		err = t.alter(proof.Row{Table: proof.EnrolmentTable, ID: int64(found.Token)})
	}
	if errors.Is(err, store.ErrNotFound) {
		return 0, store.ErrConflict
	} else if err != nil {
		return 0, err
	}
	return found.Token, t.changeOne("UPDATE enrolment SET hash = ?1, expires = ?2, shown = ?3 WHERE token = ?5 AND "+
		"hash = ?4 AND expires > ?3"+pending, ticket, query.Millis(expires), query.Millis(now), link, int64(found.Token))
}
