package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/overview"
	"ostiary/internal/store"
)

type tokenOverviewOutput struct{ Body wire.TokenOverview }

type codeOverviewInput struct {
	From time.Time `query:"from" required:"true" doc:"From the hour of this time on (RFC 3339)."`
	To   time.Time `query:"to" required:"true" doc:"Before this time, including its hour; at most 366 days later."`
	By   string    `query:"by" enum:"hour,day" default:"hour" doc:"Length of a period; days are those of UTC."`
}
type codeOverviewOutput struct{ Body wire.CodeOverview }

func (a *API) overviewRoutes() {
	op := func(id, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: http.MethodGet, Path: path, Summary: summary,
			Tags: []string{"Overview"}}
	}
	register(a, authz.TokenView, op("count-tokens", "/api/v1/overview/tokens", "Count all tokens by state and type"),
		browse(a, a.countTokens))
	register(a, authz.AuditView, op("count-codes", "/api/v1/overview/codes", "Count accepted and refused codes over time"),
		browse(a, a.countCodes))
}

func (a *API) countTokens(ctx context.Context, _ caller, _ *struct{}) (*tokenOverviewOutput, error) {
	all, err := a.cfg.Overview.Tokens(ctx)
	if err != nil {
		return nil, err
	}
	out := wire.TokenOverview{AsOf: all.AsOf, Whole: all.Whole, Tokens: []wire.TokenSum{}, Use: []wire.UseOfSome{}}
	sums, use := map[wire.TokenSum]int{}, map[wire.UseOfSome]int{}
	for _, t := range all.Tallies {
		sums[wire.TokenSum{Kind: string(t.Kind), Type: t.Type, State: t.State.String(), Assigned: t.Held}] += t.N
		if t.Locked {
			out.Locked += t.N
		}
		addEnd(&out.Ends, t)
		if t.State == token.Valid && t.Held {
			use[useOf(t)] += t.N
		}
	}
	for s, n := range sums {
		s.Number = n
		out.Tokens = append(out.Tokens, s)
	}
	slices.SortFunc(out.Tokens, func(x, y wire.TokenSum) int {
		return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Type, y.Type), cmp.Compare(x.State, y.State),
			order(y.Assigned, x.Assigned))
	})
	for u, n := range use {
		u.Number = n
		out.Use = append(out.Use, u)
	}
	slices.SortFunc(out.Use, func(x, y wire.UseOfSome) int {
		return cmp.Or(order(x.Never, y.Never), cmp.Compare(x.UnusedDays, y.UnusedDays), cmp.Compare(x.Drift, y.Drift))
	})
	return &tokenOverviewOutput{out}, nil
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

// addEnd counts tokens by the borders of overview.Ends.
func addEnd(ends *wire.TokenEnds, t store.TokenTally) {
	switch t.Ends {
	case 1:
		ends.Expired += t.N
	case 2:
		ends.Within30 += t.N
		ends.Within90 += t.N
	case 3:
		ends.Within90 += t.N
	}
}

// useOf names the borders between which the use and the drift of tokens lie.
func useOf(t store.TokenTally) wire.UseOfSome {
	u := wire.UseOfSome{Never: t.Used == 0}
	if t.Used > 1 {
		u.UnusedDays = int(overview.Used[t.Used-2] / (24 * time.Hour))
	}
	if u.Drift = int64(min(t.Drift, 1)); t.Drift > 1 {
		u.Drift = overview.Drift[t.Drift-2]
	}
	return u
}

func (a *API) countCodes(ctx context.Context, _ caller, in *codeOverviewInput) (*codeOverviewOutput, error) {
	counts, whole, err := a.cfg.Overview.Codes(ctx, in.From, in.To)
	if err != nil {
		return nil, err
	}
	out := wire.CodeOverview{Whole: whole, Periods: []wire.CodeTally{}}
	period := time.Hour
	if in.By == "day" {
		period = 24 * time.Hour
	}
	for _, c := range counts {
		begin := c.Hour.Truncate(period)
		if n := len(out.Periods); n == 0 || !out.Periods[n-1].Begin.Equal(begin) {
			out.Periods = append(out.Periods, wire.CodeTally{Begin: begin})
		}
		p := &out.Periods[len(out.Periods)-1]
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
	return &codeOverviewOutput{out}, nil
}
