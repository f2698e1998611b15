package tables

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
)

func (t *Tx) StageToken(run int64, c store.Candidate) error {
	staged, err := t.StageTokens(run, []store.Candidate{c})
	if err == nil && !staged[0] {
		err = store.ErrConflict
	}
	return err
}

func (t *Tx) StageTokens(run int64, cs []store.Candidate) ([]bool, error) {
	// All are counted at first, by the write that demands that the run is open: each write of
	// its row costs the rows that refer to it.
	count := func(n int) error {
		return t.changeOne("UPDATE import_run SET tokens = tokens + ? WHERE id = ? AND "+stillOpen, n, run)
	}
	if err := count(len(cs)); err != nil {
		return nil, err
	}
	staged, err := t.insertTokens(run, cs)
	if err != nil {
		return nil, err
	}
	taken := 0
	for _, in := range staged {
		if !in {
			taken++
		}
	}
	if taken > 0 {
		err = count(-taken)
	}
	return staged, err
}

// createdHere is the run of tokens that no import brings.
const createdHere = 0

func (t *Tx) AddToken(c store.Candidate) error {
	if err := t.touchOwners(c.Token.ID, c.Token.Condition.Owner); err != nil {
		return err
	}
	t.Effects.Touched.Names = append(t.Effects.Touched.Names, c.Token.Identity.Serial)
	added, err := t.insertTokens(createdHere, []store.Candidate{c})
	if err == nil && !added[0] {
		err = store.ErrConflict
	}
	return err
}

// The columns of the two tables, first those that are most often the same in all
// rows of an import: then they are bound once.
const (
	insertToken = `INSERT INTO token (kind, type, manufacturer, algorithm, hash, digits, period, t0, suite,
		model, issuer, label, profile, run, created, state_reason, id, serial, key_id, secret, mark, tag) `
	tokenAlike, tokenOwn = 16, 6

	insertCondition = `INSERT INTO condition (run, owner, epoch, next, drift, failures, state, not_before, not_after, last_used,
		retry_at, token) `
	conditionAlike, conditionOwn = 11, 1
)

// insertTokens inserts tokens and their conditions, and says which were inserted.
// Their ids are new, and rise.
func (t *Tx) insertTokens(run int64, cs []store.Candidate) (inserted []bool, err error) {
	for rows := range slices.Chunk(cs, t.dialect.AtOnce) {
		some, err := t.insertSome(run, rows)
		if err != nil {
			return nil, err
		}
		inserted = append(inserted, some...)
	}
	return inserted, nil
}

func (t *Tx) insertSome(run int64, cs []store.Candidate) ([]bool, error) {
	alike, own := tokenAlike, tokenOwn
	if !tokensAlike(cs) {
		alike, own = 0, tokenAlike+tokenOwn
	}
	t.values = t.values[:0]
	for i := range cs {
		k := &cs[i].Token
		if err := t.checkUser(k.Condition.Owner); err != nil {
			return nil, err
		}
		if i == 0 || alike == 0 {
			t.values = append(t.values, string(k.Kind), k.Identity.Type, k.Identity.Manufacturer,
				string(k.Spec.Algorithm), k.Spec.Hash, k.Spec.Digits,
				k.Spec.Period, k.Spec.T0, k.Spec.Suite, k.Model, k.Issuer, k.Label, k.Profile, run, query.Millis(k.Created),
				k.StateReason)
		}
		t.values = append(t.values, int64(k.ID), k.Identity.Serial, k.Identity.KeyID, cs[i].Sealed,
			orNull(int64(k.Mark)), t.tokenTag(run, cs[i]))
	}
	n, err := t.dialect.Insert(t.ctx, t.q, insertToken, " ON CONFLICT DO NOTHING", alike, own, t.values)
	if err != nil {
		return nil, err
	}
	inserted := make([]bool, len(cs))
	if err := t.whichInserted(inserted, cs, int(n)); err != nil || n == 0 {
		return inserted, err
	}
	return inserted, t.insertConditions(run, cs, inserted)
}

// orNull gives a number, or NULL for 0.
func orNull(n int64) any {
	if n == 0 {
		return nil
	}
	return n
}

// Values inserts rows by one statement that lists them. It is for Dialect.Insert.
func Values(ctx context.Context, q query.Conn, into, behind string, alike, own int, values []any) (int64, error) {
	row := make([]string, 0, alike+own)
	for i := range alike {
		row = append(row, "?"+strconv.Itoa(i+1))
	}
	for range own {
		row = append(row, "?")
	}
	rows := query.RowsOf("("+strings.Join(row, ", ")+")", (len(values)-alike)/own)
	return q.Exec(ctx, into+"VALUES "+rows+behind, values...)
}

// tokenTag is the tag of a new token; none without an integrity key.
func (t *Tx) tokenTag(run int64, c store.Candidate) []byte {
	keys := t.guard.Keys()
	if keys == nil {
		return nil
	}
	c.Token.Run = run
	return keys.Tag(proof.TokenTable.Name, proof.TokenText(&c))
}

// whichInserted finds out which n of the tokens are there now.
func (t *Tx) whichInserted(inserted []bool, cs []store.Candidate, n int) error {
	there := map[int64]bool{}
	if n > 0 && n < len(cs) {
		ids, err := query.All(t.ctx, t.q, query.Value[int64], "SELECT id FROM token WHERE id BETWEEN ? AND ?",
			int64(cs[0].Token.ID), int64(cs[len(cs)-1].Token.ID))
		if err != nil {
			return err
		}
		for _, id := range ids {
			there[id] = true
		}
	}
	for i := range cs {
		inserted[i] = n == len(cs) || there[int64(cs[i].Token.ID)]
	}
	return nil
}

func (t *Tx) insertConditions(run int64, cs []store.Candidate, inserted []bool) error {
	alike, own := conditionAlike, conditionOwn
	if !conditionsAlike(cs) {
		alike, own = 0, conditionAlike+conditionOwn
	}
	t.values = t.values[:0]
	for i := range cs {
		if !inserted[i] {
			continue
		}
		if c := &cs[i].Token.Condition; len(t.values) == 0 || alike == 0 {
			t.values = append(t.values, run, orNull(c.Owner), c.Epoch, int64(c.Next), c.Drift, c.Failures, int64(c.State),
				query.Millis(c.NotBefore), query.Millis(c.NotAfter), query.Millis(c.LastUsed), 0)
		}
		t.values = append(t.values, int64(cs[i].Token.ID))
	}
	_, err := t.dialect.Insert(t.ctx, t.q, insertCondition, "", alike, own, t.values)
	return err
}

// tokensAlike tells whether tokens differ in nothing but id, serial, key id,
// secret, mark and condition.
func tokensAlike(cs []store.Candidate) bool {
	plain := func(c store.Candidate) token.Token {
		t := c.Token
		t.ID, t.Identity.Serial, t.Identity.KeyID, t.OwnerName, t.Condition = 0, "", "", "", token.Condition{}
		t.Mark = 0
		return t
	}
	first := plain(cs[0])
	return !slices.ContainsFunc(cs[1:], func(c store.Candidate) bool { return plain(c) != first })
}

func conditionsAlike(cs []store.Candidate) bool {
	return !slices.ContainsFunc(
		cs[1:], func(c store.Candidate) bool { return c.Token.Condition != cs[0].Token.Condition })
}
