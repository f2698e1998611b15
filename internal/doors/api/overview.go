package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/internal/core/authz"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/overview"
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
	sum := all.Summary("")
	recent, err := a.cfg.Overview.Recent(ctx)
	if err != nil {
		return nil, err
	}
	out := wire.TokenOverview{AsOf: sum.AsOf, Whole: sum.Whole, Tokens: []wire.TokenSum{}, Use: []wire.UseOfSome{},
		Locked: sum.Locked, Ends: wire.TokenEnds(sum.Ends), OpenActivations: *wireCount(recent.OpenActivations)}
	for _, s := range sum.Sums {
		out.Tokens = append(out.Tokens, wire.TokenSum{Kind: string(s.Kind), Type: s.Type, State: s.State.String(),
			Assigned: s.Held, Number: s.N})
	}
	for _, u := range sum.Use {
		out.Use = append(out.Use, wire.UseOfSome{Never: u.Never, UnusedDays: u.UnusedDays, Drift: u.Drift, Number: u.N})
	}
	return &tokenOverviewOutput{out}, nil
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
	for _, p := range overview.Periods(counts, func(hour time.Time) time.Time { return hour.Truncate(period) }) {
		out.Periods = append(out.Periods, wire.CodeTally(p))
	}
	return &codeOverviewOutput{out}, nil
}
