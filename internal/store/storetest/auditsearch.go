package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/store"
)

// found pages through what a filter chooses, limit entries at a time, and gives the
// places. A page may be short or empty before the end.
func (r *rig) found(f audit.Filter, limit int) (places []int64) {
	r.Helper()
	for before := int64(0); ; {
		var rows []store.AuditRow
		var next int64
		r.view(func(rd store.Reader) (err error) {
			rows, next, err = rd.FindAudit(f, before, limit)
			return err
		})
		if len(rows) > limit {
			r.Fatalf("a page of %d rows, of %d at most", len(rows), limit)
		}
		for _, row := range rows {
			if before > 0 && row.Seq >= before {
				r.Fatalf("%+v: entry %d on a page below %d", f, row.Seq, before)
			}
			places = append(places, row.Seq)
		}
		if next == 0 {
			return places
		}
		if before > 0 && next >= before {
			r.Fatalf("%+v: after the page below %d comes the one below %d", f, before, next)
		}
		before = next
	}
}

// history appends entries of a few actors, tokens and users, from a clock that
// is set back now and then, and gives them.
func (r *rig) history(n int, seed uint64) (entries [][]byte) {
	r.Helper()
	random := rand.New(rand.NewPCG(seed, 1))
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	at := start
	for len(entries) < n {
		at = at.Add(time.Duration(random.IntN(5000)) * time.Millisecond)
		switch random.IntN(60) {
		case 0:
			at = at.Add(-time.Hour)
		case 1:
			at = at.Add(40 * time.Minute)
		}
		e := audit.Entry{Time: at, Action: audit.Action(pick("code.verified", "code.verified", "token.assigned")),
			Outcome: audit.Outcome(pick("accepted", "refused", "done")),
			Origin:  audit.Origin{Actor: pick("system", "key:a", "key:b")},
			Subject: audit.Subject{Serial: pick("", "1", "2", "3", "ü\"<\\"), User: pick("", "alice", "bob", "1")}}
		if e.Outcome == audit.Refused {
			e.Reason = pick("wrong", "replayed", "ü\"<")
		}
		switch e.Origin.Actor {
		case "key:a":
			e.Origin.ActorID = pick("a1", "a2")
		case "key:b":
			e.Origin.ActorID = "b1"
		}
		if random.IntN(4) == 0 {
			e.Before = []audit.Field{{Name: "owner", Value: pick("alice", "carol")}}
			e.After = []audit.Field{{Name: "owner", Value: ""}, {Name: "replaced_by", Value: pick("2", "9")},
				{Name: "serials", Value: "3 4 55"}}
		}
		entries = append(entries, e.Canonical())
		if random.IntN(50) == 0 {
			entries = append(entries, entry("1"), []byte("\xff"))
		}
	}
	for chunk := range slices.Chunk(entries, 7) {
		r.update(func(tx store.Tx) error { return tx.AppendAudit(chunk...) })
	}
	return entries
}

// filters are each filter, each two of them, and some of more.
func auditFilters() (all []audit.Filter) {
	parts := []func(*audit.Filter){
		func(f *audit.Filter) { f.Serial = "2" },
		func(f *audit.Filter) { f.Serial = "ü\"<\\" },
		func(f *audit.Filter) { f.Serial = "55" },
		func(f *audit.Filter) { f.User = "alice" },
		func(f *audit.Filter) { f.User = "1" },
		func(f *audit.Filter) { f.User = "nobody" },
		func(f *audit.Filter) { f.Action = "token.assigned" },
		func(f *audit.Filter) { f.Action = "code" },
		func(f *audit.Filter) { f.Outcome = audit.Refused },
		func(f *audit.Filter) { f.Reason = "wrong" },
		func(f *audit.Filter) { f.Actor = "key:a" },
		func(f *audit.Filter) { f.Actor = "system" },
		func(f *audit.Filter) { f.ActorID = "a2" },
		func(f *audit.Filter) { f.From = start.Add(5 * time.Minute) },
		func(f *audit.Filter) { f.To = start.Add(9 * time.Minute) },
		func(f *audit.Filter) {
			f.From, f.To = start.Add(8*time.Minute), start.Add(8*time.Minute+30*time.Second)
		},
		func(f *audit.Filter) { f.From = start.Add(999 * time.Hour) },
		func(f *audit.Filter) { f.To = start },
	}
	all = append(all, audit.Filter{})
	for i := range parts {
		for j := range parts[:i+1] {
			for k := range parts[:j+1] {
				if (i+j+k)%3 > 0 && k != j {
					continue
				}
				var f audit.Filter
				parts[k](&f)
				parts[j](&f)
				parts[i](&f)
				all = append(all, f)
			}
		}
	}
	return all
}

// chosen is what a filter is to choose, the newest first.
func chosen(entries [][]byte, f audit.Filter) (places []int64) {
	for i, e := range slices.Backward(entries) {
		if f == (audit.Filter{}) || f.Matches(audit.FacetsOf(e)) {
			places = append(places, int64(i))
		}
	}
	return places
}

var auditSearchTests = []test{
	// Codes are counted by the hour, wherever the index is, and so are the refusals that
	// were only counted.
	{"CodesAreCounted", func(r *rig) {
		entries := r.history(300, 9)
		suppressed := audit.Entry{Time: start.Add(time.Hour), Action: audit.RefusalsSuppressed, Outcome: audit.Done,
			After: []audit.Field{{Name: "count", Value: int64(70)}}}
		r.update(func(tx store.Tx) error { return tx.AppendAudit(suppressed.Canonical(), []byte("{}")) })
		all := map[store.CodeCount]int64{{Hour: start.Add(time.Hour), Outcome: "refused", Reason: store.OnlyCounted}: 70}
		for _, e := range entries {
			if f := audit.FacetsOf(e); f.Action == audit.CodeVerified {
				all[store.CodeCount{Hour: f.Time.Truncate(time.Hour).UTC(), Outcome: string(f.Outcome), Reason: f.Reason}]++
			}
		}
		if len(all) < 5 {
			r.Fatalf("only %d kinds of codes", len(all))
		}
		for _, span := range [][2]time.Time{{start.Add(-100 * time.Hour), start.Add(1000 * time.Hour)},
			{start, start.Add(time.Hour)}, {start.Add(time.Hour), start.Add(2 * time.Hour)}, {start, start}} {
			want, got := map[store.CodeCount]int64{}, map[store.CodeCount]int64{}
			for k, n := range all {
				if !k.Hour.Before(span[0]) && k.Hour.Before(span[1]) {
					want[k] = n
				}
			}
			r.view(func(rd store.Reader) error {
				clear(got)
				counts, whole, err := rd.CodeCounts(span[0], span[1])
				for _, c := range counts {
					n := c.N
					c.N = 0
					got[c] = n
				}
				if !whole {
					r.Error("not all were counted")
				}
				return err
			})
			r.same(fmt.Sprint("codes from ", span[0], " to ", span[1]), got, want)
		}
	}},
	{"EveryFilterFindsWhatReadingFinds", func(r *rig) {
		entries := r.history(400, 1)
		for _, f := range auditFilters() {
			want := chosen(entries, f)
			r.same(fmt.Sprintf("%+v", f), r.found(f, 50), want)
		}
	}},
	// Whatever part of the log an index covers, and however pages are cut.
	{"SearchesSeeWhatWasJustAppended", func(r *rig) {
		var entries [][]byte
		for i := range 12 {
			entries = append(entries, r.history(1+i*7%40, uint64(i))...)
			for _, f := range []audit.Filter{{}, {Serial: "2"}, {User: "alice", Outcome: audit.Refused},
				{Actor: "key:a", Action: "code.verified"}, {From: start.Add(time.Minute)}} {
				r.same(fmt.Sprintf("%d entries, %+v", len(entries), f), r.found(f, 1+i), chosen(entries, f))
			}
		}
	}},
	{"EntriesAreFoundByteForByte", func(r *rig) {
		entries := r.history(40, 2)
		r.view(func(rd store.Reader) error {
			rows, _, err := rd.FindAudit(audit.Filter{Serial: "3"}, 0, 100)
			if len(rows) == 0 {
				r.Error("nothing is found")
			}
			for _, row := range rows {
				r.same("entry", string(row.Entry), string(entries[row.Seq]))
			}
			return err
		})
	}},
	{"ASearchInATransactionSeesItsEntries", func(r *rig) {
		r.update(func(tx store.Tx) error {
			e := audit.Entry{Time: start, Action: audit.UserAdded, Subject: audit.Subject{User: "zoe"}}.Canonical()
			if err := tx.AppendAudit(e); err != nil {
				return err
			}
			rows, next, err := tx.FindAudit(audit.Filter{User: "zoe"}, 0, 10)
			if len(rows) != 1 || next != 0 {
				r.Errorf("%d rows, next %d", len(rows), next)
			}
			return err
		})
	}},
}
