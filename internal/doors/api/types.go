package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/tokens"
)

type typeInput struct {
	Name string `path:"name" maxLength:"32"`
}
type createTypeInput struct{ Body wire.TokenTypeRequest }
type changeTypeInput struct {
	Name string `path:"name" maxLength:"32"`
	Body wire.TokenTypeChange
}
type typeOutput struct{ Body wire.TokenType }
type listTypesOutput struct{ Body wire.TokenTypeList }

type listSeriesOutput struct{ Body wire.SeriesList }
type setSeriesInput struct {
	Name string `path:"name" maxLength:"32" doc:"Name of the token type."`
	Body wire.SeriesRequest
}
type seriesOutput struct{ Body wire.Series }

func (a *API) typeRoutes() {
	const path = "/api/v1/types/{name}"
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary,
			Tags:   []string{"Token types"},
			Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict}}
	}
	register(a, authz.TypeView, op("list-types", http.MethodGet, "/api/v1/types", "List token types, the "+
		"retired ones too"), browse(a, a.listTypes))
	register(a, authz.TypeView, op("show-type", http.MethodGet, path, "Show a token type"),
		func(ctx context.Context, _ caller, in *typeInput) (*typeOutput, error) {
			t, err := a.cfg.Lifecycle.Type(ctx, in.Name)
			return a.typeAnswer(ctx)(t, nil, err)
		})
	create := op("create-type", http.MethodPost, "/api/v1/types", "Create a token type")
	create.DefaultStatus = http.StatusCreated
	register(a, authz.TypeManage, create, func(ctx context.Context, c caller, in *createTypeInput) (
		*typeOutput, error) {
		return a.typeAnswer(ctx)(a.cfg.Lifecycle.CreateType(ctx, newType(in.Body), c.origin()))
	})
	register(a, authz.TypeManage, op("change-type", http.MethodPatch, path, "Change a token type"),
		func(ctx context.Context, c caller, in *changeTypeInput) (*typeOutput, error) {
			return a.typeAnswer(ctx)(a.cfg.Lifecycle.ChangeType(ctx, in.Name, func(t *token.Type) { applyChange(t, in.Body) },
				c.origin()))
		})
	register(a, authz.TypeManage, op("retire-type", http.MethodPost, path+"/retire", "Retire a type: no new tokens"),
		func(ctx context.Context, c caller, in *typeInput) (*typeOutput, error) {
			t, err := a.cfg.Lifecycle.RetireType(ctx, in.Name, c.origin())
			return a.typeAnswer(ctx)(t, nil, err)
		})
	register(a, authz.TypeManage, op("restore-type", http.MethodPost, path+"/restore", "Allow new tokens of a "+
		"retired type again"),
		func(ctx context.Context, c caller, in *typeInput) (*typeOutput, error) {
			t, err := a.cfg.Lifecycle.RestoreType(ctx, in.Name, c.origin())
			return a.typeAnswer(ctx)(t, nil, err)
		})
}

// seriesRoutes are about where the serials of software types come from.
func (a *API) seriesRoutes() {
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary,
			Tags:   []string{"Token types"},
			Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict}}
	}
	register(a, authz.SeriesView, op("list-series", http.MethodGet, "/api/v1/series", "List the serial series of "+
		"all software types"),
		browse(a, func(ctx context.Context, _ caller, _ *struct{}) (*listSeriesOutput, error) {
			all, err := a.cfg.Lifecycle.Series(ctx)
			out := &listSeriesOutput{}
			out.Body.Series = make([]wire.Series, len(all))
			for i, s := range all {
				out.Body.Series[i] = wireSeries(s)
			}
			return out, err
		}))
	register(a, authz.SeriesManage, op("set-series", http.MethodPut, "/api/v1/series/{name}",
		"Set the next serial of a software type"),
		func(ctx context.Context, c caller, in *setSeriesInput) (*seriesOutput, error) {
			s, err := a.cfg.Lifecycle.SetSeries(ctx, in.Name, in.Body.Next, c.origin())
			return &seriesOutput{wireSeries(s)}, err
		})
}

func wireSeries(s tokens.Series) wire.Series {
	return wire.Series{Type: s.Name, Next: s.Next(), Present: s.Present(), Issued: s.At.Issued, Left: s.Left()}
}

func (a *API) listTypes(ctx context.Context, _ caller, _ *struct{}) (*listTypesOutput, error) {
	types, err := a.cfg.Lifecycle.Types(ctx)
	if err != nil {
		return nil, err
	}
	retired, err := a.cfg.Profiles.Retired(ctx)
	out := &listTypesOutput{}
	out.Body.Types = make([]wire.TokenType, len(types))
	for i, t := range types {
		out.Body.Types[i] = wireType(t, retired)
	}
	return out, err
}

// typeAnswer words a type that something was done with.
func (a *API) typeAnswer(ctx context.Context) func(t token.Type, warnings []string, err error) (*typeOutput, error) {
	return func(t token.Type, warnings []string, err error) (*typeOutput, error) {
		if err != nil {
			return nil, err
		}
		retired, err := a.cfg.Profiles.Retired(ctx)
		out := &typeOutput{wireType(t, retired)}
		out.Body.Warnings = warnings
		return out, err
	}
}

func newType(r wire.TokenTypeRequest) token.Type {
	return token.Type{Name: r.Name, Kind: token.Kind(r.Kind),
		Spec: token.Spec{Algorithm: token.Algorithm(r.Algorithm), Hash: r.Hash, Digits: r.Digits, Period: r.Period,
			Suite: r.Suite},
		Prefix: r.Prefix, Width: r.Width, Start: r.Start, Activation: token.Activation(r.Activation),
		Profile:      r.Profile,
		Manufacturer: r.Manufacturer, Product: r.Product, MaxPerUser: r.MaxPerUser, Lifetime: r.LifetimeDays}
}

func applyChange(t *token.Type, c wire.TokenTypeChange) {
	set((*string)(&t.Algorithm), c.Algorithm)
	set(&t.Hash, c.Hash)
	set(&t.Digits, c.Digits)
	set(&t.Period, c.Period)
	set(&t.Suite, c.Suite)
	set(&t.Prefix, c.Prefix)
	set(&t.Width, c.Width)
	set(&t.Start, c.Start)
	set((*string)(&t.Activation), c.Activation)
	set(&t.Profile, c.Profile)
	set(&t.Manufacturer, c.Manufacturer)
	set(&t.Product, c.Product)
	set(&t.MaxPerUser, c.MaxPerUser)
	set(&t.Lifetime, c.LifetimeDays)
}

// set takes over what is given.
func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// wireType words a type; retired are the profiles that are.
func wireType(t token.Type, retired map[string]time.Time) wire.TokenType {
	return wire.TokenType{Name: t.Name, Kind: string(t.Kind), BuiltIn: token.BuiltIn(t.Name),
		Algorithm: string(t.Algorithm), Hash: t.Hash,
		Digits: t.Digits, Period: t.Period, Suite: t.Suite, Prefix: t.Prefix, Width: t.Width, Start: t.Start,
		Activation: string(t.Activation),
		Profile:    t.Profile, Manufacturer: t.Manufacturer, Product: t.Product, MaxPerUser: t.MaxPerUser,
		LifetimeDays: t.Lifetime,
		Retired:      optionalTime(t.Retired), ProfileRetired: optionalTime(retired[t.Profile])}
}
