package tables

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"ostiary/internal/store"
	"ostiary/internal/store/query"
)

// way is how the tokens of a filter are found: by an index that knows a part of it.
type way struct {
	index string // FROM, with the rows of the index alone
	id    string // which of its columns has the token's number
	by    where  // what the index narrows its rows down to
	from  string // FROM with token t and condition c
	also  where  // what must be asked of the index's table, as t and c do not know it
}

// ways gives those of a filter. The first usually finds the fewest.
func (r *Reader) ways(f store.TokenFilter) []way {
	var prefixes []way
	if f.SerialPrefix != "" {
		index := " FROM token x " + r.dialect.Indexed(TokenSerials)
		by := begins("x.serial", f.SerialPrefix)
		prefixes = append(prefixes, way{index: index, id: "x.id", by: by, also: by,
			from: fmt.Sprintf("%s %s token t ON t.id = x.id %[2]s condition c ON c.token = t.id", index, r.dialect.Then)})
	}
	if f.OwnerPrefix != "" {
		owned := "condition c " + r.dialect.Indexed("condition_owner") + " ON c.owner = n.id"
		names := ` FROM "user" n ` + r.dialect.Indexed(UserNames)
		by := begins("n.name", f.OwnerPrefix)
		// Users without a token are rows, too, so that looking at them is counted.
		prefixes = append(prefixes, way{index: names + " LEFT JOIN " + owned, id: "c.token", by: by, also: by,
			from: fmt.Sprintf("%s %s %s %[2]s token t ON t.id = c.token", names, r.dialect.Then, owned)})
	}
	usual := r.usualWay(f)
	if conditionIndex(f) == "" && (tokenIndex(f) == ByNumber || tokenIndex(f) == "token_by_kind") {
		return append(prefixes, usual)
	}
	all := append([]way{usual}, prefixes...)
	// What is usually rarer is not always so.
	for _, part := range []store.TokenFilter{{State: f.State}, {Type: f.Type}, {Manufacturer: f.Manufacturer},
		{Free: f.Free}, {Kind: f.Kind}} {
		if w := r.usualWay(part); w.index != usual.index && len(w.by.conds) > 0 {
			all = append(all, w)
		}
	}
	return all
}

func (r *Reader) usualWay(f store.TokenFilter) way {
	index, id, _ := r.tokenDriver(f)
	from, _ := r.tokenFrom(f)
	if conditionIndex(f) == "" && tokenIndex(f) == TokenSerials {
		id = "x.id"
	}
	return way{index: index, id: id, by: r.narrowing(f), from: from}
}

// begins words that a text begins with another. No text has a character as high as the end.
func begins(column, prefix string) (w where) {
	w.add(column+" >= ?", prefix)
	w.add(column+" < ?", prefix+"\U0010FFFF")
	return w
}

// Few tells whether some index finds for a filter little enough to be sorted.
func (r *Reader) Few(f store.TokenFilter) (bool, error) {
	w, err := r.short(f)
	return w != nil, err
}

// short gives a way that finds little enough to be sorted; nil if there is none.
func (r *Reader) short(f store.TokenFilter) (*way, error) {
	usual := r.usualWay(f)
	switch {
	case f.ID != 0 || f.Serial != "" || f.Owner != 0, f.Serials != nil && len(f.Serials) <= r.listed:
		return &usual, nil
	case f.Serials != nil:
		return nil, nil
	case f.Batch != "" && f.Run == 0 && conditionIndex(f) == "":
		n, err := query.One(r.ctx, r.q, query.Value[int], "SELECT CAST(coalesce(sum(tokens), 0) AS BIGINT) FROM import_run "+
			"WHERE batch = ? AND batch <> '' AND published > 0", f.Batch)
		if err != nil || n <= r.listed {
			return &usual, err
		}
	}
	for _, w := range r.ways(f) {
		if n, err := r.rowsOf(w, r.listed+1); err != nil || n <= r.listed {
			return &w, err
		}
	}
	return nil, nil
}

// rowsOf counts what a way finds, up to so many.
func (r *Reader) rowsOf(w way, most int) (int, error) {
	return query.One(r.ctx, r.q, query.Value[int], fmt.Sprintf("SELECT count(*) FROM (SELECT 1%s%s LIMIT %d) few", w.index,
		w.by.clause(), most), w.by.args...)
}

// looked are the first so many of some rows, which tell the number of a token, with token t
// and condition c for each; and the columns that they are in order of, as they are named here.
//
// PostgreSQL sees the order of the rows only if their columns come with it, and then it ends as
// soon as a page is full. Rows of one table are taken whole: to find each of them a second time
// would take as long as all else.
func (r *Reader) looked(id string, rows walked, keys []string, most int) (from string, order []string) {
	if !r.dialect.Reordered {
		return fmt.Sprintf(" FROM (SELECT %s AS id%s LIMIT %d) x %s token t ON t.id = x.id %[4]s condition c ON c.token = t.id",
			id, rows.text, most, r.dialect.Then), keys
	}
	table, _, _ := strings.Cut(id, ".")
	switch {
	case strings.Contains(rows.text, " JOIN "):
	case table == "c":
		return fmt.Sprintf(" FROM (SELECT c.*%s LIMIT %d) c JOIN token t ON t.id = c.token", rows.text, most), keys
	default:
		return fmt.Sprintf(" FROM (SELECT %s.*%s LIMIT %d) t JOIN condition c ON c.token = t.id", table, rows.text, most), keys
	}
	columns := id + " AS id"
	for i, key := range keys {
		columns += fmt.Sprintf(", %s AS k%d", key, i)
		order = append(order, fmt.Sprintf("x.k%d", i))
	}
	return fmt.Sprintf(" FROM (SELECT %s%s LIMIT %d) x JOIN token t ON t.id = x.id JOIN condition c ON c.token = t.id",
		columns, rows.text, most), order
}

// found are all rows of a way, with token t and condition c for each, and what must be asked of
// them. PostgreSQL is kept from beginning with another table.
func (r *Reader) found(by way) (rows walked, also where) {
	if !r.dialect.Reordered || len(by.by.conds) == 0 {
		return walked{by.from, nil}, by.also
	}
	from, _ := r.looked(by.id, walked{by.index + by.by.clause(), nil}, nil, math.MaxInt32)
	return walked{from, by.by.args}, where{}
}

// countedOf is how many times as many rows are looked at to count as to list.
const countedOf = 5

func (r *Reader) CountTokens(f store.TokenFilter) (store.Count, error) {
	f.After, f.Limit = 0, 0
	short, err := r.short(f)
	if err != nil {
		return store.Count{}, err
	}
	w := r.tokenWhere(f)
	if short != nil {
		found, also := r.found(*short)
		w.also(also)
		n, err := r.upTo(store.CountedTo, found.text+tokenJoins+w.clause(), slices.Concat(found.args, w.args))
		return counted(n), err
	}
	if f.Serials != nil {
		return store.Count{More: true}, nil
	}
	first, most := r.ways(f)[0], countedOf*r.listed
	from, _ := r.looked(first.id, walked{first.index + first.by.clause(), nil}, nil, most)
	n, err := r.upTo(store.CountedTo, from+tokenJoins+w.clause(), slices.Concat(first.by.args, w.args))
	count := counted(n)
	if err != nil || count.More {
		return count, err
	}
	rows, err := r.rowsOf(first, most+1)
	count.More = rows > most
	return count, err
}

// upTo counts rows, and one more than so many at most.
func (r *Reader) upTo(most int, from string, args []any) (int, error) {
	return query.One(r.ctx, r.q, query.Value[int], fmt.Sprintf("SELECT count(*) FROM (SELECT 1%s LIMIT %d) found", from,
		most+1), args...)
}

func counted(n int) store.Count {
	return store.Count{Number: min(n, store.CountedTo), More: n > store.CountedTo}
}
