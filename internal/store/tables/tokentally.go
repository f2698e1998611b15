package tables

import (
	"errors"
	"fmt"
	"strings"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/query"
)

func (r *Reader) TallyTokens(by store.TallyBy, after token.ID, rows int) (counts []store.TokenTally, next token.ID,
	err error) {
	var w where // collects the arguments of the columns
	used, drift, ends := cases{w: &w}, cases{w: &w}, cases{w: &w}
	used.when("c.last_used = 0")
	for _, at := range by.Used {
		used.when("c.last_used >= ?", query.Millis(at))
	}
	drift.when("c.drift = 0 OR " + needsTwo)
	for _, d := range by.Drift {
		drift.when("abs(c.drift) < ?", d)
	}
	ends.when("c.not_after = 0")
	for _, at := range by.Ends {
		ends.when("c.not_after <= ?", query.Millis(at))
	}
	locked := "c.failures >= ?"
	w.args = append(w.args, by.Failures)
	if by.Delayed != (store.Span{}) {
		locked += " AND c.retry_at > ? AND c.retry_at <= ?"
		w.args = append(w.args, query.Millis(by.Delayed.After), query.Millis(by.Delayed.Until))
	}
	walked := " FROM condition " + r.dialect.Indexed(ByNumber) + " WHERE token > ? ORDER BY token"
	counts, err = query.All(r.ctx, r.q, scanTally, fmt.Sprintf("SELECT t.kind, t.type, c.state, "+
		"CASE WHEN c.owner IS NULL THEN 0 ELSE 1 END, %s, %s, %s, CASE WHEN %s THEN 1 ELSE 0 END, count(*) "+
		"FROM (SELECT token AS id%s LIMIT %d) x %s condition c ON c.token = x.id %[7]s token t ON t.id = x.id WHERE %s "+
		"GROUP BY 1, 2, 3, 4, 5, 6, 7, 8", used, drift, ends, locked, walked, rows, r.dialect.Then, published),
		append(w.args, int64(after))...)
	if err != nil {
		return nil, 0, err
	}
	next, err = query.One(r.ctx, r.q, query.Value[token.ID], fmt.Sprintf("SELECT token%s LIMIT 1 OFFSET %d", walked,
		rows-1), int64(after))
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return counts, next, err
}

func scanTally(s query.Scanner) (c store.TokenTally, err error) {
	var state, held, locked int64
	err = s.Scan(&c.Kind, &c.Type, &state, &held, &c.Used, &c.Drift, &c.Ends, &locked, &c.N)
	c.State, c.Held, c.Locked = StateOf(state), held != 0, locked != 0
	return c, err
}

// cases is a column that has the number of the first condition that holds.
type cases struct {
	w     *where
	conds []string
}

func (c *cases) when(cond string, args ...any) {
	c.conds = append(c.conds, fmt.Sprintf("WHEN %s THEN %d", cond, len(c.conds)))
	c.w.args = append(c.w.args, args...)
}

// String words the column.
func (c cases) String() string {
	return fmt.Sprintf("CASE %s ELSE %d END", strings.Join(c.conds, " "), len(c.conds))
}
