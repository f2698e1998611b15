package tables

import (
	"fmt"
	"strings"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/query"
)

// Listed is how many rows a list looks at for a page. What a filter chooses is sorted
// if it is as little; else the index of the order is walked, and what the filter does not
// choose is passed over. It keeps the first page of each filter in each order below 20 ms
// at a million tokens.
const Listed = 2000

func (r *Reader) SortedTokens(f store.TokenFilter, o store.TokenOrder) ([]token.Token, *store.TokenPlace, error) {
	f.After = 0
	s, err := r.sortingOf(f, o.By)
	if err != nil {
		return nil, nil, err
	}
	few, err := r.Few(f)
	switch {
	case err != nil:
		return nil, nil, err
	case few:
		return r.sorted(f, o, s)
	case len(s.parts) == 0:
		return nil, nil, store.ErrTooMany
	case o.By == store.ByArrival && !o.Desc && f.Batch != "" && f.EndsBy.IsZero():
		// Import by import, however far behind the others they are.
		if o.After != nil {
			f.After = o.After.ID
		}
		limit := f.Limit
		f.Limit++
		tokens, err := r.Tokens(f)
		tokens, next := cut(tokens, limit, o.By)
		return tokens, next, err
	}
	return r.walk(f, o, s)
}

// Few tells whether what the filter's index finds is little enough to be sorted.
func (r *Reader) Few(f store.TokenFilter) (bool, error) {
	switch {
	case f.ID != 0 || f.Serial != "" || f.Owner != 0:
		return true, nil
	case f.Serials != nil:
		return len(f.Serials) <= r.listed, nil
	case f.Batch != "" && f.Run == 0 && conditionIndex(f) == "":
		n, err := query.One(r.ctx, r.q, query.Value[int], "SELECT CAST(coalesce(sum(tokens), 0) AS BIGINT) FROM import_run "+
			"WHERE batch = ? AND batch <> '' AND published > 0", f.Batch)
		return n <= r.listed, err
	}
	from, _, _ := r.tokenDriver(f)
	w := r.narrowing(f)
	n, err := query.One(r.ctx, r.q, query.Value[int], fmt.Sprintf("SELECT count(*) FROM (SELECT 1%s%s LIMIT %d) few", from,
		w.clause(), r.listed+1), w.args...)
	return n <= r.listed, err
}

// sorted reads all that the filter's index finds, and sorts it.
func (r *Reader) sorted(f store.TokenFilter, o store.TokenOrder, s sorting) ([]token.Token, *store.TokenPlace, error) {
	from, _ := r.tokenFrom(f)
	w := r.tokenWhere(f)
	order := columns(s.keys, o.Desc)
	if s.last != "" {
		order = s.last + ", " + order
	}
	if p := o.After; p != nil {
		behind, args := beyond(s.keys, s.of(*p), o.Desc)
		switch {
		case s.last == "":
			w.add(behind, args...)
		case p.Last:
			w.add(s.last+" AND "+behind, args...)
		default:
			w.add("("+s.last+" OR "+behind+")", args...)
		}
	}
	tokens, err := query.All(r.ctx, r.q, scanToken, fmt.Sprintf("SELECT "+TokenColumns+"%s%s%s ORDER BY %s LIMIT %d",
		from, tokenJoins, w.clause(), order, f.Limit+1), w.args...)
	tokens, next := cut(tokens, f.Limit, o.By)
	return tokens, next, err
}

// Walk lists tokens by the index of an order, whether or not they are few.
func (r *Reader) Walk(f store.TokenFilter, o store.TokenOrder) ([]token.Token, *store.TokenPlace, error) {
	s, err := r.sortingOf(f, o.By)
	if err != nil {
		return nil, nil, err
	}
	return r.walk(f, o, s)
}

// walk goes through the parts of an order one after the other.
func (r *Reader) walk(f store.TokenFilter, o store.TokenOrder, s sorting) (all []token.Token, next *store.TokenPlace,
	err error) {
	begin := 0
	if o.After != nil && o.After.Last {
		begin = 1
	}
	for i, p := range s.parts {
		if i < begin {
			continue
		}
		rows := p.rows(o, s, i == begin)
		w := r.tokenWhere(f)
		if p.only != "" {
			w.add(p.only)
		}
		some, err := query.All(r.ctx, r.q, scanToken, fmt.Sprintf("SELECT "+TokenColumns+
			" FROM (SELECT %s AS id%s LIMIT %d) x %s token t ON t.id = x.id %[4]s condition c ON c.token = t.id%s%s%s LIMIT %d", p.id,
			rows.text, r.listed, r.dialect.Then, tokenJoins, w.clause(), r.reordered(p.keys[p.same:], o.Desc),
			f.Limit+1-len(all)), append(rows.args, w.args...)...)
		if err != nil {
			return nil, nil, err
		}
		if all, next = cut(append(all, some...), f.Limit, o.By); next != nil {
			return all, next, nil
		}
		// Whether there are rows that were not looked at, only the last one tells.
		last, err := query.All(r.ctx, r.q, scanKeys(len(p.keys)), fmt.Sprintf("SELECT %s%s LIMIT 1 OFFSET %d",
			strings.Join(p.keys, ", "), rows.text, r.listed-1), rows.args...)
		if err != nil {
			return nil, nil, err
		}
		if len(last) > 0 {
			place := s.place(last[0])
			place.Last = i > 0
			return all, &place, nil
		}
	}
	return all, nil, nil
}

// reordered orders what is joined to rows that come in an order, if the join loses it.
func (r *Reader) reordered(keys []string, desc bool) string {
	if !r.dialect.Reordered {
		return ""
	}
	return " ORDER BY " + columns(keys, desc)
}

// walked are the rows of a walk, from FROM to ORDER BY.
type walked struct {
	text string
	args []any
}

func (p part) rows(o store.TokenOrder, s sorting, behind bool) walked {
	w := p.by
	keys := p.keys[p.same:]
	if behind && o.After != nil {
		cond, args := beyond(keys, s.of(*o.After)[p.same:], o.Desc)
		w.add(cond, args...)
	}
	return walked{p.from + w.clause() + " ORDER BY " + columns(keys, o.Desc), w.args}
}

// beyond words that keys are behind others. The first one stands alone, too, because an
// index finds by it.
func beyond(keys []string, values []any, desc bool) (cond string, args []any) {
	op := ">"
	if desc {
		op = "<"
	}
	if len(keys) == 1 {
		return keys[0] + " " + op + " ?", values
	}
	return fmt.Sprintf("(%s %s= ? AND (%s) %s (?%s))", keys[0], op, strings.Join(keys, ", "), op,
		strings.Repeat(", ?", len(keys)-1)), append([]any{values[0]}, values...)
}

func columns(keys []string, desc bool) string {
	if desc {
		return strings.Join(keys, " DESC, ") + " DESC"
	}
	return strings.Join(keys, ", ")
}

// cut gives the tokens of a page, and where to go on if there was one more.
func cut(tokens []token.Token, limit int, by store.TokenSort) ([]token.Token, *store.TokenPlace) {
	if len(tokens) <= limit {
		return tokens, nil
	}
	return tokens[:limit], placeOf(tokens[limit-1], by)
}

func scanKeys(n int) func(query.Scanner) ([]any, error) {
	return func(s query.Scanner) ([]any, error) {
		keys, into := make([]any, n), make([]any, n)
		for i := range keys {
			into[i] = &keys[i]
		}
		return keys, s.Scan(into...)
	}
}
