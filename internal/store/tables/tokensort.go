package tables

import (
	"fmt"
	"slices"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/query"
)

// sorting is an order of tokens in SQL.
type sorting struct {
	keys []string // no two tokens have the same
	last string   // true of tokens that come last in either direction; empty if none do
	// parts are the ways through all tokens in this order: first those that do not come
	// last, then the others. Without parts no index has the order.
	parts []part
	of    func(store.TokenPlace) []any
	place func(keys []any) store.TokenPlace // the other way round
}

// part is a way through tokens by an index.
type part struct {
	from string
	id   string   // the column that has the token's number
	keys []string // as they are named here
	same int      // so many keys, the first, are the same for all
	by   where    // what the index narrows the rows down to
	only string   // what else is true of the tokens of this part
	last bool     // it is that of tokens that come last in either direction
}

var (
	numberKeys = []string{"c.token"}
	serialKeys = []string{"t.serial", "t.type", "t.manufacturer", "t.key_id"}
	userKeys   = slices.Concat([]string{"coalesce(u.name, '')"}, serialKeys)
	// Users without a token are rows, too, so that a walk counts them.
	walkedKeys = []string{"u.name", "coalesce(t.serial, '')", "coalesce(t.type, '')", "coalesce(t.manufacturer, '')",
		"coalesce(t.key_id, '')"}
)

func (r *Reader) serialFrom() string { return " FROM token t " + r.dialect.Indexed(TokenSerials) }
func (r *Reader) numberFrom() string { return " FROM condition c " + r.dialect.Indexed(ByNumber) }
func (r *Reader) endFrom() string {
	return " FROM condition c " + r.dialect.Indexed("condition_ending")
}

func (r *Reader) userFrom() string {
	return ` FROM "user" u ` + r.dialect.Indexed(UserNames) + " LEFT JOIN condition c " +
		r.dialect.Indexed("condition_owner") + " ON c.owner = u.id LEFT JOIN token t ON t.id = c.token"
}

// sortingOf gives an order, with the way through what a filter chooses.
func (r *Reader) sortingOf(f store.TokenFilter, by store.TokenSort) (s sorting, err error) {
	switch by {
	case store.ByArrival:
		p := part{from: r.numberFrom(), id: "c.token", keys: numberKeys}
		if inOrder(f) {
			p.from, p.id, _ = r.tokenDriver(f)
			p.keys, p.by = []string{p.id}, r.narrowing(f)
		}
		s = sorting{keys: numberKeys, parts: []part{p},
			of:    func(p store.TokenPlace) []any { return []any{int64(p.ID)} },
			place: func(keys []any) store.TokenPlace { return store.TokenPlace{ID: token.ID(number(keys[0]))} }}
	case store.BySerial:
		s = sorting{keys: serialKeys, parts: []part{r.serialPart(f)},
			of:    func(p store.TokenPlace) []any { return serialKeysOf(p.Identity) },
			place: func(keys []any) store.TokenPlace { return store.TokenPlace{Identity: identityOf(keys)} }}
	case store.ByUser:
		s = sorting{keys: userKeys, last: "c.owner IS NULL", parts: r.userParts(f),
			of: func(p store.TokenPlace) []any { return append([]any{p.User}, serialKeysOf(p.Identity)...) },
			place: func(keys []any) store.TokenPlace {
				return store.TokenPlace{User: text(keys[0]), Identity: identityOf(keys[1:])}
			}}
	case store.ByEnd, store.ByLastUsed:
		s = sorting{keys: []string{"c.last_used", "c.token"},
			of: func(p store.TokenPlace) []any { return []any{query.Millis(p.At), int64(p.ID)} },
			place: func(keys []any) store.TokenPlace {
				return store.TokenPlace{At: query.Time(number(keys[0])), ID: token.ID(number(keys[1]))}
			}}
		if by == store.ByEnd {
			s.keys, s.last = []string{"c.not_after", "c.token"}, "c.not_after = 0"
			s.parts = r.endParts(f, s.keys)
		}
	case store.ByState, store.ByFailures, store.ByDrift:
		s = sorting{keys: []string{"c." + string(by), "c.token"},
			of: func(p store.TokenPlace) []any { return []any{p.Number, int64(p.ID)} },
			place: func(keys []any) store.TokenPlace {
				return store.TokenPlace{Number: number(keys[0]), ID: token.ID(number(keys[1]))}
			}}
		if by == store.ByState {
			p := part{from: " FROM condition c " + r.dialect.Indexed("condition_by_state"), id: "c.token", keys: s.keys}
			s.parts = []part{p.among(r.dialect, store.TokenFilter{State: f.State})}
		}
	case store.ByType, store.ByManufacturer:
		s = sorting{keys: []string{"t." + string(by), "t.id"},
			of: func(p store.TokenPlace) []any { return []any{p.Identity.Type, int64(p.ID)} },
			place: func(keys []any) store.TokenPlace {
				return store.TokenPlace{ID: token.ID(number(keys[1])), Identity: token.Identity{Type: text(keys[0])}}
			}}
		same := store.TokenFilter{Type: f.Type}
		if by == store.ByManufacturer {
			same = store.TokenFilter{Manufacturer: f.Manufacturer}
			s.of = func(p store.TokenPlace) []any { return []any{p.Identity.Manufacturer, int64(p.ID)} }
			s.place = func(keys []any) store.TokenPlace {
				return store.TokenPlace{ID: token.ID(number(keys[1])), Identity: token.Identity{Manufacturer: text(keys[0])}}
			}
		}
		p := part{from: " FROM token t " + r.dialect.Indexed("token_by_"+string(by)), id: "t.id", keys: s.keys}
		s.parts = []part{p.among(r.dialect, same)}
	default:
		err = fmt.Errorf("store: %q is no order of tokens", by)
	}
	return s, err
}

// among narrows a part down to what has one value of its first key, if a filter says so.
func (p part) among(d *Dialect, f store.TokenFilter) part {
	if p.by.chosen(d, f); len(p.by.conds) > 0 {
		p.same = 1
	}
	return p
}

// serialPart is the way by the serials.
func (r *Reader) serialPart(f store.TokenFilter) part {
	p := part{from: r.serialFrom(), id: "t.id", keys: serialKeys}
	if f.SerialPrefix != "" {
		p.by = begins("t.serial", f.SerialPrefix)
	}
	return p
}

// userParts are those who have tokens by their names, and then the tokens of nobody by
// their serials.
func (r *Reader) userParts(f store.TokenFilter) []part {
	held, free := part{from: r.userFrom(), id: "t.id", keys: walkedKeys}, r.serialPart(f)
	free.keys, free.same, free.only = slices.Concat([]string{"''"}, serialKeys), 1, "c.owner IS NULL"
	if f.OwnerPrefix != "" {
		held.by = begins("u.name", f.OwnerPrefix)
	}
	if f.Free {
		held.by.add("1 = 0")
	}
	if f.Held || f.OwnerPrefix != "" || f.OwnerPart != "" {
		free.by.add("1 = 0")
	}
	return []part{held, free}
}

func (r *Reader) endParts(f store.TokenFilter, keys []string) []part {
	ending := part{from: r.endFrom(), id: "c.token", keys: keys}
	ending.by.add("c.not_after > 0")
	if !f.EndsBy.IsZero() {
		ending.by = r.narrowing(store.TokenFilter{EndsAfter: f.EndsAfter, EndsBy: f.EndsBy})
		return []part{ending}
	}
	return []part{ending, {from: r.numberFrom(), id: "c.token", keys: []string{"CAST(0 AS BIGINT)", "c.token"}, same: 1,
		only: "c.not_after = 0"}}
}

// inOrder tells whether the index that a filter goes by has the order of arrival.
func inOrder(f store.TokenFilter) bool {
	named := f.ID != 0 || f.Serial != "" || f.Serials != nil
	return !named && f.Batch == "" && (f.EndsBy.IsZero() || f.Owner != 0 || f.Failures > 0)
}

func serialKeysOf(id token.Identity) []any {
	return []any{id.Serial, id.Type, id.Manufacturer, id.KeyID}
}

func identityOf(keys []any) token.Identity {
	return token.Identity{Serial: text(keys[0]), Type: text(keys[1]), Manufacturer: text(keys[2]), KeyID: text(keys[3])}
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func number(v any) int64 {
	n, _ := v.(int64)
	return n
}
