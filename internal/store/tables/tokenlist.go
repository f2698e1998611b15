package tables

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/query"
)

func (r *Reader) Tokens(f store.TokenFilter) ([]token.Token, error) {
	return listTokens(r, f, "", scanToken, func(t token.Token) token.ID { return t.ID })
}

func (r *Reader) Sealed(f store.TokenFilter) ([]store.Candidate, error) {
	return listTokens(r, f, ", t.secret", scanCandidate, func(c store.Candidate) token.ID { return c.Token.ID })
}

// listTokens lists the tokens of a delivery import by import: an index holds those of
// one import in their order, not those of several.
func listTokens[T any](r *Reader, f store.TokenFilter, further string, scan func(query.Scanner) (T, error),
	id func(T) token.ID) ([]T, error) {
	list := func(f store.TokenFilter) ([]T, error) {
		stmt, args := r.tokenQuery(f, further)
		return query.All(r.ctx, r.q, scan, stmt, args...)
	}
	if f.Batch == "" || !f.EndsBy.IsZero() {
		return list(f)
	}
	runs, err := r.batchRuns(f)
	if err != nil {
		return nil, err
	}
	var all []T
	for _, run := range runs {
		// The runs come by their first token: once a page is full, only one that
		// begins within it has more of it.
		if full := f.Limit > 0 && len(all) >= f.Limit; full && id(all[f.Limit-1]) < run.first {
			break
		}
		of := f
		of.Batch, of.Run = "", run.id
		some, err := list(of)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
		slices.SortFunc(all, func(a, b T) int { return cmp.Compare(id(a), id(b)) })
	}
	if f.Limit > 0 && len(all) > f.Limit {
		all = all[:f.Limit]
	}
	return all, nil
}

// batchRun is a run of a delivery, with its first token behind the cursor.
type batchRun struct {
	id    int64
	first token.ID
}

func (r *Reader) batchRuns(f store.TokenFilter) (runs []batchRun, err error) {
	all, err := query.All(r.ctx, r.q, func(s query.Scanner) (b batchRun, err error) {
		err = s.Scan(&b.id, &b.first)
		return b, err
	}, `SELECT id, coalesce((SELECT min(t.id) FROM token t WHERE t.run = r.id AND t.id > ?), 0) AS first FROM import_run r
		WHERE batch = ? AND batch <> '' AND published > 0 ORDER BY first`, int64(f.After), f.Batch)
	for _, b := range all {
		if b.first != 0 && (f.Run == 0 || f.Run == b.id) {
			runs = append(runs, b)
		}
	}
	return runs, err
}

// where collects conditions and their arguments.
type where struct {
	conds []string
	args  []any
}

func (w *where) add(cond string, args ...any) {
	w.conds = append(w.conds, cond)
	w.args = append(w.args, args...)
}

// and gives the conditions and one more, and leaves w as it is.
func (w where) and(cond string, args ...any) where {
	return where{append(slices.Clone(w.conds), cond), append(slices.Clone(w.args), args...)}
}

// also takes what another one has, too.
func (w *where) also(other where) {
	w.conds, w.args = append(w.conds, other.conds...), append(w.args, other.args...)
}

// clause gives the conditions in SQL, if there are any.
func (w *where) clause() string {
	if len(w.conds) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conds, " AND ")
}

// tokenQuery words a filter, in the order of arrival, or of the ends with EndsBy.
func (r *Reader) tokenQuery(f store.TokenFilter, further string) (string, []any) {
	from, id := r.tokenFrom(f)
	w, order := r.tokenWhere(f), id
	if !f.EndsBy.IsZero() {
		order = "c.not_after, " + id
		if f.After != 0 {
			w.add("(c.not_after, "+id+") > (?, ?)", query.Millis(f.AfterEnd), int64(f.After))
		}
	} else {
		w.add(id+" > ?", int64(f.After))
	}
	stmt := "SELECT " + TokenColumns + further + from + tokenJoins + w.clause() + " ORDER BY " + order
	if f.Limit > 0 {
		stmt += fmt.Sprintf(" LIMIT %d", f.Limit)
	}
	return stmt, w.args
}

// tokenJoins are what a list shows beside token and condition.
const tokenJoins = " LEFT JOIN \"user\" u ON u.id = c.owner LEFT JOIN secret s ON s.mark = c.twin"

// tokenFrom says by which index the tokens of a filter are found, and by which column
// they come in the order of their arrival: SQLite knows too little of how many tokens
// have what to choose.
func (r *Reader) tokenFrom(f store.TokenFilter) (from, id string) {
	driver, id, other := r.tokenDriver(f)
	return driver + " " + r.dialect.Then + " " + other, id
}

// tokenDriver is tokenFrom in two: the table that the index is of, and what goes with it.
// What is named by its serial is read from the row itself, t, behind its entry in the index,
// x: somebody else may have written the entry, and the token is going to be changed.
func (r *Reader) tokenDriver(f store.TokenFilter) (from, id, other string) {
	if index := conditionIndex(f); index != "" {
		return " FROM condition c " + r.dialect.Indexed(index), "c.token", "token t ON t.id = c.token"
	}
	if index := tokenIndex(f); index != TokenSerials {
		return " FROM token t " + r.dialect.Indexed(index), "t.id", "condition c ON c.token = t.id"
	}
	return " FROM token x " + r.dialect.Indexed(TokenSerials), "t.id",
		"token t ON t.id = x.id " + r.dialect.Then + " condition c ON c.token = t.id"
}

// narrowing words of a filter what its index knows.
func (r *Reader) narrowing(f store.TokenFilter) (w where) {
	index := conditionIndex(f)
	if index == "" {
		index = tokenIndex(f)
	}
	switch index {
	case "condition_owner":
		w.chosen(r.dialect, store.TokenFilter{Owner: f.Owner})
	case "condition_ending":
		w.chosen(r.dialect, store.TokenFilter{EndsAfter: f.EndsAfter, EndsBy: f.EndsBy})
	case "condition_failing":
		w.chosen(r.dialect, store.TokenFilter{Failures: f.Failures})
	case "condition_fenced":
		w.add(needsTwo)
	case "condition_twin":
		w.chosen(r.dialect, store.TokenFilter{Twins: true})
	case "condition_by_state":
		w.chosen(r.dialect, store.TokenFilter{State: f.State})
	case "condition_free":
		w.chosen(r.dialect, store.TokenFilter{Free: true})
	case "token_run":
		w.chosen(r.dialect, store.TokenFilter{Run: f.Run, Batch: f.Batch})
	case "token_by_type":
		w.chosen(r.dialect, store.TokenFilter{Type: f.Type})
	case "token_by_manufacturer":
		w.chosen(r.dialect, store.TokenFilter{Manufacturer: f.Manufacturer})
	case "token_by_kind":
		w.chosen(r.dialect, store.TokenFilter{Kind: f.Kind})
	}
	return w
}

// tokenWhere words what a filter chooses, but for its cursor.
func (r *Reader) tokenWhere(f store.TokenFilter) where {
	w := where{conds: []string{published}}
	if conditionIndex(f) == "" && tokenIndex(f) == TokenSerials {
		w.named("x.serial", r.dialect, f)
	}
	w.chosen(r.dialect, f)
	return w
}

// named words the serials of a filter.
func (w *where) named(column string, d *Dialect, f store.TokenFilter) {
	if f.Serial != "" {
		w.add(column+" = ?", f.Serial)
	}
	if f.Serials != nil {
		serials, _ := json.Marshal(f.Serials) // strings always can
		w.add(column+" IN ("+d.Texts("?")+")", string(serials))
	}
}

func (w *where) chosen(d *Dialect, f store.TokenFilter) {
	if f.ID != 0 {
		w.add("t.id = ?", int64(f.ID))
	}
	for _, c := range []struct {
		name, value string
		given       bool
	}{
		{"kind", string(f.Kind), f.Kind != ""}, {"type", f.Type, f.Type != ""},
		{"manufacturer", deref(f.Manufacturer), f.Manufacturer != nil}, {"key_id", deref(f.KeyID), f.KeyID != nil},
	} {
		if c.given {
			w.add("t."+c.name+" = ?", c.value)
		}
	}
	w.named("t.serial", d, f)
	if f.State != nil {
		w.add("c.state = ?", int64(*f.State))
	}
	if f.Owner != 0 {
		w.add("c.owner = ?", f.Owner)
	}
	if !f.EndsBy.IsZero() {
		w.add("c.not_after > 0 AND c.not_after > ? AND c.not_after <= ?", query.Millis(f.EndsAfter), query.Millis(f.EndsBy))
	}
	if f.Twins {
		w.add("c.twin IS NOT NULL")
	}
	if f.Fenced {
		w.add(needsTwo)
		w.add("NOT ("+noSecretYet+")", int64(token.Pending))
	}
	if f.Free {
		w.add("c.owner IS NULL")
	}
	if f.Failures > 0 {
		w.add("c.failures > 0 AND c.failures >= ?", f.Failures)
	}
	if f.Delayed != (store.Span{}) {
		w.add("c.retry_at > ? AND c.retry_at <= ?", query.Millis(f.Delayed.After), query.Millis(f.Delayed.Until))
	}
	w.texts(d, f)
	if f.Held {
		w.add("c.owner IS NOT NULL")
	}
	if !f.UnusedSince.IsZero() {
		w.add("c.last_used < ?", query.Millis(f.UnusedSince))
	}
	if f.NeverUsed {
		w.add("c.last_used = 0")
	}
	if f.Run != 0 {
		w.add("t.run = ?", f.Run)
	}
	if f.Batch != "" {
		w.add("t.run "+d.Among("SELECT id FROM import_run WHERE batch = ? AND batch <> '' AND published > 0"), f.Batch)
	}
}

// texts words what a filter asks of texts.
func (w *where) texts(d *Dialect, f store.TokenFilter) {
	for _, c := range [][2]string{{"t.serial", f.SerialPrefix}, {"u.name", f.OwnerPrefix}} {
		if c[1] != "" {
			w.also(begins(c[0], c[1]))
		}
	}
	w.holds(d, f.Contains, "t.serial", "t.label", "u.name")
	w.holds(d, f.SerialPart, "t.serial")
	w.holds(d, f.OwnerPart, "u.name")
	w.holds(d, f.LabelPart, "t.label")
}

// holds words that one of some columns holds a text, if there is one.
func (w *where) holds(d *Dialect, text string, columns ...string) {
	if text != "" {
		cond := d.Holds(columns)
		w.add(cond, slices.Repeat([]any{Fold(text)}, strings.Count(cond, "?"))...)
	}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// needsTwo is so of what is fenced, written out as in the index.
var needsTwo = fmt.Sprintf("c.drift = %d", token.TwoCodes)

// noSecretYet is so of a token that awaits its activation, which draws another secret: it
// has no codes.
const noSecretYet = "c.state = ? AND t.profile <> ''"

// conditionIndex is the index of condition that a list goes by; empty if it goes by
// what a token is.
func conditionIndex(f store.TokenFilter) string {
	named := f.ID != 0 || f.Serial != "" || f.Serials != nil
	switch {
	case named:
		return ""
	case f.Owner != 0:
		return "condition_owner"
	case !f.EndsBy.IsZero():
		return "condition_ending"
	case f.Failures > 0:
		return "condition_failing"
	case f.Fenced:
		return "condition_fenced"
	case f.Twins:
		return "condition_twin"
	case f.Run != 0 || f.Batch != "":
		return ""
	// Most tokens are VALID: what else is asked for narrows it down further.
	case f.State != nil && *f.State != token.Valid:
		return "condition_by_state"
	case f.Type != "" || f.Manufacturer != nil:
		return ""
	case f.Free:
		return "condition_free"
	case f.State != nil:
		return "condition_by_state"
	}
	return ""
}

// tokenIndex is the same for token.
func tokenIndex(f store.TokenFilter) string {
	switch {
	case f.ID != 0:
		return ByNumber
	case f.Serial != "" || f.Serials != nil:
		return TokenSerials
	case f.Run != 0 || f.Batch != "":
		return "token_run"
	case f.Type != "":
		return "token_by_type"
	case f.Manufacturer != nil:
		return "token_by_manufacturer"
	case f.Kind != "":
		return "token_by_kind"
	}
	return ByNumber
}
