package auditlog

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/store"
	"ostiary/internal/store/query"
)

// tallied is what codes are counted by.
type tallied struct {
	hour            int64 // since 1970
	outcome, reason string
}

// tally counts the codes of an entry: one that was checked, or refusals that were only
// counted.
func (g *gathering) tally(f audit.Facets, entry []byte) {
	n := int64(1)
	outcome, reason := f.Outcome, f.Reason
	switch f.Action {
	case audit.CodeVerified:
	case audit.RefusalsSuppressed:
		var e struct {
			After struct {
				Count int64 `json:"count"`
			} `json:"after"`
		}
		if json.Unmarshal(entry, &e) != nil {
			return
		}
		n, outcome, reason = e.After.Count, audit.Refused, store.OnlyCounted
	default:
		return
	}
	if !f.Time.IsZero() && n > 0 {
		g.codes[tallied{hourOf(f.Time), string(outcome), reason}] += n
	}
}

func hourOf(at time.Time) int64 { return query.Millis(at) / time.Hour.Milliseconds() }

// tallyRows is how many counts one statement writes.
const tallyRows = 64

func (w Writer) addTally(codes map[tallied]int64) error {
	for some := range slices.Chunk(sortedTally(codes), tallyRows) {
		args := make([]any, 0, 4*len(some))
		for _, k := range some {
			args = append(args, k.hour, k.outcome, k.reason, codes[k])
		}
		if _, err := w.change("INSERT INTO code_tally (hour, outcome, reason, n) VALUES "+
			query.RowsOf("(?, ?, ?, ?)", len(some))+" ON CONFLICT (hour, outcome, reason) DO UPDATE SET "+
			"n = code_tally.n + excluded.n", args...); err != nil {
			return err
		}
	}
	return nil
}

// sortedTally gives what was counted in one order, in which all writers write.
func sortedTally(codes map[tallied]int64) []tallied {
	return slices.SortedFunc(maps.Keys(codes), func(a, b tallied) int {
		return cmp.Or(cmp.Compare(a.hour, b.hour), cmp.Compare(a.outcome, b.outcome), cmp.Compare(a.reason, b.reason))
	})
}

// tallyReads is how many entries that no segment covers are read to count their codes.
const tallyReads = 16_384

// CodeCounts gives what was counted with the segments, and counts the rest: from the tail,
// or by reading.
func (r Reader) CodeCounts(from, to time.Time) (counts []store.CodeCount, whole bool, err error) {
	sums := map[tallied]int64{}
	rows, err := query.All(r.ctx, r.q, func(s query.Scanner) (k tallied, err error) {
		var n int64
		err = s.Scan(&k.hour, &k.outcome, &k.reason, &n)
		sums[k] += n
		return k, err
	}, "SELECT hour, outcome, reason, n FROM code_tally WHERE hour >= ? AND hour < ?", hourOf(from), hourOf(to))
	if err != nil {
		return nil, false, err
	}
	indexed, err := r.Indexed()
	if err != nil {
		return nil, false, err
	}
	add := func(codes map[tallied]int64) {
		for k, n := range codes {
			if k.hour >= hourOf(from) && k.hour < hourOf(to) {
				sums[k] += n
			}
		}
	}
	end, first := r.tail.codes(indexed)
	add(end)
	limit := int64(tallyReads)
	if first >= 0 {
		limit = min(limit, first-indexed)
	}
	g := gatherFrom(indexed)
	if limit > 0 {
		entries, err := r.AuditEntries(indexed, int(limit))
		if err != nil {
			return nil, false, err
		}
		for _, row := range entries {
			g.tally(audit.FacetsOf(row.Entry), row.Entry)
		}
		whole = len(entries) < tallyReads
	}
	add(g.codes)
	counts = make([]store.CodeCount, 0, len(rows))
	for _, k := range sortedTally(sums) {
		counts = append(counts, store.CodeCount{Hour: query.Time(k.hour * time.Hour.Milliseconds()), Outcome: k.outcome,
			Reason: k.reason, N: sums[k]})
	}
	return counts, whole || limit < tallyReads, nil
}

// codes gives the counts of the gatherings from a place on, and where they begin: at -1 if
// there are none.
func (t *Tail) codes(from int64) (codes map[tallied]int64, first int64) {
	first = -1
	if t == nil {
		return nil, first
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gather()
	codes = map[tallied]int64{}
	for _, g := range t.parts {
		if g.first < from {
			continue
		}
		if first < 0 {
			first = g.first
		}
		for k, n := range g.codes {
			codes[k] += n
		}
	}
	return codes, first
}
