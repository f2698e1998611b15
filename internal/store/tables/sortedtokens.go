package tables

import (
	"fmt"
	"slices"
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
	tokens, next, err := r.sortedTokens(f, o)
	if o.Back {
		slices.Reverse(tokens)
	}
	return tokens, next, err
}

// sortedTokens gives the tokens of a page in the order in which they are found: backwards
// if so asked.
func (r *Reader) sortedTokens(f store.TokenFilter, o store.TokenOrder) ([]token.Token, *store.TokenPlace, error) {
	f.After = 0
	s, err := r.sortingOf(f, o.By)
	if err != nil {
		return nil, nil, err
	}
	short, err := r.short(f)
	switch {
	case err != nil:
		return nil, nil, err
	case short != nil:
		return r.sorted(f, o, s, *short)
	case len(s.parts) == 0:
		return nil, nil, store.ErrTooMany
	case o.By == store.ByArrival && !o.Desc && !o.Back && f.Batch != "" && f.EndsBy.IsZero():
		// Import by import, however far behind the others they are.
		if o.After != nil {
			f.After = o.After.ID
		}
		if o.After != nil && o.After.Itself {
			f.After--
		}
		limit := f.Limit
		f.Limit++
		tokens, err := r.Tokens(f)
		tokens, next := cut(tokens, limit, o.By)
		return tokens, next, err
	}
	return r.walk(f, o, s)
}

// sorted reads all that a way finds, and sorts it.
func (r *Reader) sorted(f store.TokenFilter, o store.TokenOrder, s sorting, by way) ([]token.Token, *store.TokenPlace,
	error) {
	found, also := r.found(by)
	w := r.tokenWhere(f)
	w.also(also)
	order := columns(s.keys, backwards(o))
	if s.last != "" {
		order = columns([]string{s.last}, o.Back) + ", " + order
	}
	if p := o.After; p != nil {
		behind, args := beyond(s.keys, s.of(*p), o)
		end := s.last // of the part that comes at the end of the way
		if o.Back {
			end = "NOT (" + s.last + ")"
		}
		switch {
		case s.last == "":
			w.add(behind, args...)
		case p.Last != o.Back:
			w.add(end+" AND "+behind, args...)
		default:
			w.add("("+end+" OR "+behind+")", args...)
		}
	}
	tokens, err := query.All(r.ctx, r.q, scanToken, fmt.Sprintf("SELECT "+TokenColumns+"%s%s%s ORDER BY %s LIMIT %d",
		found.text, tokenJoins, w.clause(), order, f.Limit+1), slices.Concat(found.args, w.args)...)
	tokens, next := cut(tokens, f.Limit, o.By)
	return tokens, next, err
}

// Walk lists tokens by the index of an order, whether or not they are few, in the order in
// which they are found.
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
	for _, p := range s.steps(o) {
		rows := p.rows(o)
		w := r.tokenWhere(f)
		if p.only != "" {
			w.add(p.only)
		}
		from, order := r.looked(p.id, rows, p.keys[p.same:], r.listed)
		some, err := query.All(r.ctx, r.q, scanToken, fmt.Sprintf("SELECT "+TokenColumns+"%s%s%s%s LIMIT %d", from,
			tokenJoins, w.clause(), r.reordered(order, backwards(o)), f.Limit+1-len(all)),
			slices.Concat(rows.args, w.args)...)
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
			place.Last = p.last
			return all, &place, nil
		}
	}
	return all, nil, nil
}

// steps gives what is to be gone through from a place on, in its order. Of an order with two
// keys many tokens may have the first one of the place, and SQLite finds by both only where
// the first one is the same.
func (s sorting) steps(o store.TokenOrder) (steps []part) {
	behind := o.After == nil
	for i := range s.parts {
		if o.Back {
			i = len(s.parts) - 1 - i
		}
		p := s.parts[i]
		p.last = i > 0
		switch {
		case behind:
			steps = append(steps, p)
		case o.After.Last != p.last:
		case len(p.keys)-p.same == 2:
			first, others := p, p
			key, value := p.keys[p.same], s.of(*o.After)[p.same]
			first.by = p.by.and(key+" = ?", value)
			first.same, behind = p.same+1, true
			others.by = p.by.and(key+" "+comparison(o)+" ?", value)
			steps = append(steps, first.onward(o, s), others)
		default:
			behind = true
			steps = append(steps, p.onward(o, s))
		}
	}
	return steps
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

func (p part) rows(o store.TokenOrder) walked {
	return walked{p.from + p.by.clause() + " ORDER BY " + columns(p.keys[p.same:], backwards(o)), p.by.args}
}

// onward is the part behind the place of an order.
func (p part) onward(o store.TokenOrder, s sorting) part {
	cond, args := beyond(p.keys[p.same:], s.of(*o.After)[p.same:], o)
	p.by = p.by.and(cond, args...)
	return p
}

// backwards tells whether the keys of an order are gone through from the highest down.
func backwards(o store.TokenOrder) bool { return o.Desc != o.Back }

// beyond words that keys are behind a place. Of several the first one stands alone, too,
// because an index finds by it.
func beyond(keys []string, values []any, o store.TokenOrder) (cond string, args []any) {
	op := comparison(o)
	or := op
	if o.After.Itself {
		or += "="
	}
	if len(keys) == 1 {
		return keys[0] + " " + or + " ?", values
	}
	return fmt.Sprintf("(%s %s= ? AND (%s) %s (?%s))", keys[0], op, strings.Join(keys, ", "), or,
		strings.Repeat(", ?", len(keys)-1)), append([]any{values[0]}, values...)
}

// comparison is that of what comes behind with what comes before.
func comparison(o store.TokenOrder) string {
	if backwards(o) {
		return "<"
	}
	return ">"
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
	place := store.PlaceOf(tokens[limit-1], by)
	return tokens[:limit], &place
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
