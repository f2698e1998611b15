package sqlite

import (
	"slices"
	"strings"

	"ostiary/internal/store"
	"ostiary/internal/token"
)

func (t *tx) StageToken(run int64, c store.Candidate) error {
	staged, err := t.StageTokens(run, []store.Candidate{c})
	if err == nil && !staged[0] {
		err = store.ErrConflict
	}
	return err
}

func (t *tx) StageTokens(run int64, cs []store.Candidate) ([]bool, error) {
	if err := t.changeOne("UPDATE import_run SET opened = opened WHERE id = ? AND published = 0 AND closed = 0", run); err != nil {
		return nil, err
	}
	return t.insertTokens(run, cs)
}

// createdHere is the run of tokens that no import brings.
const createdHere = 0

func (t *tx) AddToken(c store.Candidate) error {
	if err := t.touchOwners(c.Token.ID, c.Token.Condition.Owner); err != nil {
		return err
	}
	t.touched.names = append(t.touched.names, c.Token.Identity.Serial)
	added, err := t.insertTokens(createdHere, []store.Candidate{c})
	if err == nil && !added[0] {
		err = store.ErrConflict
	}
	return err
}

// insertRows is how many tokens one statement inserts: a statement for each takes
// twice the time, and an import is mostly that.
const insertRows = 25

const (
	tokenRow     = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
	conditionRow = "(?, ?, nullif(?, 0), ?, ?, ?, ?, 0, ?, ?, ?, ?)"
)

// insertTokens inserts tokens and their conditions, and says which were inserted.
func (t *tx) insertTokens(run int64, cs []store.Candidate) (inserted []bool, err error) {
	for rows := range slices.Chunk(cs, insertRows) {
		ids, err := t.insertSome(run, rows)
		if err != nil {
			return nil, err
		}
		for _, c := range rows {
			inserted = append(inserted, ids[c.Token.ID])
		}
	}
	return inserted, nil
}

func (t *tx) insertSome(run int64, cs []store.Candidate) (map[token.ID]bool, error) {
	values := make([]any, 0, 20*len(cs))
	for i := range cs {
		k := &cs[i].Token
		values = append(values, int64(k.ID), string(k.Kind), k.Identity.Type, k.Identity.Manufacturer, k.Identity.Serial, k.Identity.KeyID,
			string(k.Spec.Algorithm), k.Spec.Hash, k.Spec.Digits, k.Spec.Period, k.Spec.T0, k.Spec.Suite,
			k.Model, k.Issuer, k.Label, k.Profile, run, millis(k.Created), k.StateReason, cs[i].Sealed)
	}
	ids, err := queryAll(t.ctx, t.q, scanOne[int64], `INSERT INTO token (id, kind, type, manufacturer, serial, key_id, algorithm, hash, digits, period,
		t0, suite, model, issuer, label, profile, run, created, state_reason, secret) VALUES `+rowsOf(tokenRow, len(cs))+`
		ON CONFLICT DO NOTHING RETURNING id`, values...)
	if err != nil {
		return nil, err
	}
	inserted := make(map[token.ID]bool, len(ids))
	for _, id := range ids {
		inserted[token.ID(id)] = true
	}
	if len(ids) == 0 {
		return inserted, nil
	}
	values = values[:0]
	for i := range cs {
		k, c := &cs[i].Token, &cs[i].Token.Condition
		if inserted[k.ID] {
			values = append(values, int64(k.ID), run, c.Owner, c.Epoch, int64(c.Next), c.Drift, c.Failures, int64(c.State),
				millis(c.NotBefore), millis(c.NotAfter), millis(c.LastUsed))
		}
	}
	_, err = t.change(`INSERT INTO condition (token, run, owner, epoch, next, drift, failures, retry_at, state, not_before, not_after, last_used)
		VALUES `+rowsOf(conditionRow, len(ids)), values...)
	return inserted, err
}

// rowsOf is n rows of a VALUES clause.
func rowsOf(row string, n int) string { return strings.Repeat(row+", ", n-1) + row }
