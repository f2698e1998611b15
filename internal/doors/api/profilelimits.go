package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/activations"
)

type changeLimitsInput struct {
	Name string `path:"name" maxLength:"32"`
	Body wire.ProfileLimitsChange
}
type limitsOutput struct{ Body wire.ProfileLimits }

// profileLimitRoutes are about the limits of a profile's activations.
func (a *API) profileLimitRoutes() {
	op := func(id, method, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: "/api/v1/profiles/{name}/limits", Summary: summary,
			Tags:   []string{"Profiles"},
			Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict}}
	}
	register(a, authz.ProfileView, op("show-profile-limits", http.MethodGet,
		"Show the limits of a profile's activations, and where they are set"),
		func(ctx context.Context, _ caller, in *profileInput) (*limitsOutput, error) {
			return limitsAnswer(a.cfg.Activations.Limits(ctx, in.Name))
		})
	change := op("change-profile-limits", http.MethodPatch, "Change the limits of a profile's activations")
	change.Description = "The given limits change, and apply at once; 0 resets a limit to the server's flag."
	register(a, authz.ProfileManage, change,
		func(ctx context.Context, c caller, in *changeLimitsInput) (*limitsOutput, error) {
			return limitsAnswer(a.cfg.Activations.SetLimits(ctx, in.Name,
				func(l *token.ActivationLimits) { changeLimits(l, in.Body) }, c.origin()))
		})
}

func changeLimits(l *token.ActivationLimits, c wire.ProfileLimitsChange) {
	set(&l.Tries, c.Tries)
	set(&l.Successes, c.Reactivations)
	set(&l.Failures, c.Failures)
	setSeconds(&l.Expiry, c.Expiry)
	setSeconds(&l.Window, c.Window)
	setSeconds(&l.Interval, c.Interval)
}

// setSeconds takes over a time that is given.
func setSeconds(to *time.Duration, from *int64) {
	if from != nil {
		*to = time.Duration(*from) * time.Second
	}
}

func limitsAnswer(l activations.Limits, err error) (*limitsOutput, error) {
	if err != nil {
		return nil, err
	}
	one := func(own, server int64) wire.Limit {
		if own == 0 {
			return wire.Limit{Value: server, From: "server", Server: server}
		}
		return wire.Limit{Value: own, From: "profile", Server: server}
	}
	count := func(own, server int) wire.Limit { return one(int64(own), int64(server)) }
	span := func(own, server time.Duration) wire.Limit {
		return one(int64(own/time.Second), int64(server/time.Second))
	}
	o, s := l.Own, l.Server
	return &limitsOutput{wire.ProfileLimits{Profile: l.Profile, Expiry: span(o.Expiry, s.Expiry),
		Tries: count(o.Tries, s.Tries), Reactivations: count(o.Successes, s.Successes),
		Failures: count(o.Failures, s.Failures), Window: span(o.Window, s.Window),
		Interval: span(o.Interval, s.Interval)}}, nil
}
