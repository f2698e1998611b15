package tables

import (
	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
)

const (
	// ApplicationColumns are what ScanApplication reads.
	ApplicationColumns = "token, idx, mode, algorithm, hash, digits, period, suite, next, drift, secret"

	applicationsSQL = "SELECT " + ApplicationColumns + " FROM application WHERE token = ?1 ORDER BY idx"

	// HasApplications is asked along with a token, so that one without any costs no query of its own.
	// No EXISTS, for which PostgreSQL might read the whole table.
	HasApplications = "(SELECT max(a.idx) FROM application a WHERE a.token = t.id) IS NOT NULL"
)

// ScanApplication reads a further application.
func ScanApplication(s query.Scanner) (a store.Application, err error) {
	var next int64
	err = s.Scan(&a.Token, &a.Index, &a.Mode, &a.Spec.Algorithm, &a.Spec.Hash, &a.Spec.Digits, &a.Spec.Period,
		&a.Spec.Suite,
		&next, &a.Drift, &a.Sealed)
	a.Next = uint64(next)
	return a, err
}

func (r *Reader) Applications(id token.ID) ([]store.Application, error) {
	return query.All(r.ctx, r.q, ScanApplication, applicationsSQL, int64(id))
}

func (r *Reader) ApplicationsUpTo(after, last token.ID) ([]store.Application, error) {
	return query.All(r.ctx, r.q, ScanApplication, "SELECT "+ApplicationColumns+
		" FROM application WHERE token > ? AND token <= ? ORDER BY token, idx", int64(after), int64(last))
}

func (t *Tx) SetApplications(id token.ID, all []store.Application) error {
	t.Effects.Touched.Tokens = append(t.Effects.Touched.Tokens, id)
	if _, err := query.One(t.ctx, t.q, query.Value[int64], "SELECT id FROM token WHERE id = ?", int64(id)); err != nil {
		return err
	}
	if _, err := t.Change("DELETE FROM application WHERE token = ?", int64(id)); err != nil {
		return err
	}
	for _, a := range all {
		err := t.insertOne("INSERT INTO application ("+ApplicationColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			int64(id), a.Index, int64(a.Mode), string(a.Spec.Algorithm), a.Spec.Hash, a.Spec.Digits, a.Spec.Period,
			a.Spec.Suite,
			int64(a.Next), a.Drift, a.Sealed)
		if err != nil {
			return err
		}
		t.added(proof.Row{Table: proof.ApplicationTable, ID: int64(id), Index: a.Index})
	}
	return nil
}
