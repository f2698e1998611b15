package sqlite

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

func (r *reader) Tokens(f store.TokenFilter) ([]token.Token, error) {
	return listTokens(r, f, "", scanToken, func(t token.Token) token.ID { return t.ID })
}

func (r *reader) Sealed(f store.TokenFilter) ([]store.Candidate, error) {
	return listTokens(r, f, ", t.secret", scanCandidate, func(c store.Candidate) token.ID { return c.Token.ID })
}

// listTokens lists the tokens of a delivery import by import: an index holds those of
// one import in their order, not those of several.
func listTokens[T any](r *reader, f store.TokenFilter, further string, scan func(scanner) (T, error),
	id func(T) token.ID) ([]T, error) {
	list := func(f store.TokenFilter) ([]T, error) {
		query, args := tokenQuery(f, further)
		return queryAll(r.ctx, r.q, scan, query, args...)
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

func (r *reader) batchRuns(f store.TokenFilter) (runs []batchRun, err error) {
	all, err := queryAll(r.ctx, r.q, func(s scanner) (b batchRun, err error) {
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

// tokenQuery words a filter. It also says by which index the tokens are found: SQLite
// knows too little of how many tokens have what to choose.
func tokenQuery(f store.TokenFilter, further string) (string, []any) {
	w := where{conds: []string{published}}
	id, order := "t.id", "t.id"
	tables := " FROM token t " + tokenIndex(f) + " CROSS JOIN condition c ON c.token = t.id"
	if index := conditionIndex(f); index != "" {
		id, order = "c.token", "c.token"
		tables = " FROM condition c " + index + " CROSS JOIN token t ON t.id = c.token"
	}
	if !f.EndsBy.IsZero() {
		order = "c.not_after, " + id
		w.add("c.not_after > 0 AND c.not_after > ? AND c.not_after <= ?", millis(f.EndsAfter), millis(f.EndsBy))
		if f.After != 0 {
			w.add("(c.not_after, "+id+") > (?, ?)", millis(f.AfterEnd), int64(f.After))
		}
	} else {
		w.add(id+" > ?", int64(f.After))
	}
	if f.ID != 0 {
		w.add("t.id = ?", int64(f.ID))
	}
	for _, c := range []struct {
		name, value string
		given       bool
	}{
		{"kind", string(f.Kind), f.Kind != ""}, {"serial", f.Serial, f.Serial != ""}, {"type", f.Type, f.Type != ""},
		{"manufacturer", deref(f.Manufacturer), f.Manufacturer != nil}, {"key_id", deref(f.KeyID), f.KeyID != nil},
	} {
		if c.given {
			w.add("t."+c.name+" = ?", c.value)
		}
	}
	if f.Serials != nil {
		serials, _ := json.Marshal(f.Serials) // strings always can
		w.add("t.serial IN (SELECT value FROM json_each(?))", string(serials))
	}
	if f.State != nil {
		w.add("c.state = ?", int64(*f.State))
	}
	if f.Owner != 0 {
		w.add("c.owner = ?", f.Owner)
	}
	if f.Twins {
		w.add("c.twin IS NOT NULL")
	}
	if f.Fenced {
		w.add(fmt.Sprintf("c.drift = %d", token.TwoCodes)) // written out, as in the index
	}
	if f.Run != 0 {
		w.add("t.run = ?", f.Run)
	}
	if f.Batch != "" {
		w.add("t.run IN (SELECT id FROM import_run WHERE batch = ? AND batch <> '' AND published > 0)", f.Batch)
	}
	query := "SELECT " + tokenColumns + further + tables + " LEFT JOIN user u ON u.id = c.owner " +
		"LEFT JOIN secret s ON s.mark = c.twin WHERE " +
		strings.Join(w.conds, " AND ") + " ORDER BY " + order
	if f.Limit > 0 {
		query += fmt.Sprintf(" LIMIT %d", f.Limit)
	}
	return query, w.args
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// conditionIndex is the index of condition that a list goes by; empty if it goes by
// what a token is.
func conditionIndex(f store.TokenFilter) string {
	named := f.ID != 0 || f.Serial != "" || f.Serials != nil
	switch {
	case named:
		return ""
	case f.Owner != 0:
		return "INDEXED BY condition_owner"
	case !f.EndsBy.IsZero():
		return "INDEXED BY condition_ending"
	case f.Fenced:
		return "INDEXED BY condition_fenced"
	case f.Twins:
		return "INDEXED BY condition_twin"
	case f.Run != 0:
		return ""
	// Most tokens are VALID: what else is asked for narrows it down further.
	case f.State != nil && (*f.State != token.Valid || f.Type == "" && f.Manufacturer == nil):
		return "INDEXED BY condition_by_state"
	}
	return ""
}

// tokenIndex is the same for token.
func tokenIndex(f store.TokenFilter) string {
	switch {
	case f.ID != 0:
		return "NOT INDEXED"
	case f.Serial != "" || f.Serials != nil:
		return "INDEXED BY sqlite_autoindex_token_1"
	case f.Run != 0:
		return "INDEXED BY token_run"
	case f.Type != "":
		return "INDEXED BY token_by_type"
	case f.Manufacturer != nil:
		return "INDEXED BY token_by_manufacturer"
	case f.Kind != "":
		return "INDEXED BY token_by_kind"
	}
	return "NOT INDEXED"
}
