package overview

import (
	"cmp"
	"slices"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// Sum is how many tokens have a type and a state, with a user or without.
type Sum struct {
	Kind  token.Kind
	Type  string
	State token.State
	Held  bool
	N     int
}

// Use is how many tokens were last used, and have drifted, alike. UnusedDays and Drift are the
// borders that they reach.
type Use struct {
	Never      bool
	UnusedDays int
	Drift      int64
	N          int
}

// Ending is how many tokens have expired, or will.
type Ending struct{ Expired, Within30, Within90 int }

// Summary is what was counted of tokens, as people want to know it.
type Summary struct {
	AsOf   time.Time
	Whole  bool
	Sums   []Sum
	Locked int
	Ends   Ending
	Use    []Use // of the VALID tokens that somebody has
}

// Summary sums up what was counted of one kind of tokens, or of all if kind is empty.
func (t Tokens) Summary(kind token.Kind) Summary {
	out := Summary{AsOf: t.AsOf, Whole: t.Whole}
	sums, use := map[Sum]int{}, map[Use]int{}
	for _, c := range t.Tallies {
		if kind != "" && c.Kind != kind {
			continue
		}
		sums[Sum{Kind: c.Kind, Type: c.Type, State: c.State, Held: c.Held}] += c.N
		if c.Locked {
			out.Locked += c.N
		}
		out.Ends.add(c)
		if c.State == token.Valid && c.Held {
			use[useOf(c)] += c.N
		}
	}
	for s, n := range sums {
		s.N = n
		out.Sums = append(out.Sums, s)
	}
	slices.SortFunc(out.Sums, func(x, y Sum) int {
		return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Type, y.Type),
			cmp.Compare(x.State.String(), y.State.String()), order(y.Held, x.Held))
	})
	for u, n := range use {
		u.N = n
		out.Use = append(out.Use, u)
	}
	slices.SortFunc(out.Use, func(x, y Use) int {
		return cmp.Or(order(x.Never, y.Never), cmp.Compare(x.UnusedDays, y.UnusedDays), cmp.Compare(x.Drift, y.Drift))
	})
	return out
}

// order puts what is not so before what is.
func order(x, y bool) int {
	switch {
	case x == y:
		return 0
	case y:
		return -1
	}
	return 1
}

// add counts tokens by the borders of Ends.
func (e *Ending) add(c store.TokenTally) {
	switch c.Ends {
	case 1:
		e.Expired += c.N
	case 2:
		e.Within30 += c.N
		e.Within90 += c.N
	case 3:
		e.Within90 += c.N
	}
}

// useOf names the borders between which the use and the drift of tokens lie.
func useOf(c store.TokenTally) Use {
	u := Use{Never: c.Used == 0}
	if c.Used > 1 {
		u.UnusedDays = int(Used[c.Used-2] / day)
	}
	if u.Drift = int64(min(c.Drift, 1)); c.Drift > 1 {
		u.Drift = Drift[c.Drift-2]
	}
	return u
}

// Period is how many codes were accepted and refused in a time. Reasons are those of the
// refusals; nil if there were none.
type Period struct {
	Begin             time.Time
	Accepted, Refused int64
	Reasons           map[string]int64
}

// Periods sums up counts of hours, which are in their order, by the times in which begin says
// that they lie. Times without a code are left out.
func Periods(counts []store.CodeCount, begin func(hour time.Time) time.Time) []Period {
	all := []Period{}
	for _, c := range counts {
		at := begin(c.Hour)
		if n := len(all); n == 0 || !all[n-1].Begin.Equal(at) {
			all = append(all, Period{Begin: at})
		}
		p := &all[len(all)-1]
		if c.Outcome == string(audit.Accepted) {
			p.Accepted += c.N
			continue
		}
		p.Refused += c.N
		if p.Reasons == nil {
			p.Reasons = map[string]int64{}
		}
		p.Reasons[c.Reason] += c.N
	}
	return all
}
