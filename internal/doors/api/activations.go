package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/activation"
	"ostiary/internal/core/authz"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/activations"
)

type activateInput struct {
	Selector
	Body wire.ActivationRequest
}
type activationOutput struct{ Body wire.Activation }
type activationOverviewOutput struct{ Body wire.ActivationOverview }
type confirmActivationInput struct {
	Selector
	Body wire.ActivationConfirm
}
type activationResultOutput struct{ Body wire.ActivationResult }
type resetActivationInput struct {
	Selector
	Body wire.ActivationReset
}
type activateAheadInput struct{ Body wire.ActivationsRequest }
type activateAheadOutput struct{ Body wire.Activations }

func (a *API) activationRoutes() {
	const path = "/api/v1/tokens/{serial}/activation"
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary,
			Tags:   []string{"Activation"},
			Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict}}
	}
	start := op("start-activation", http.MethodPost, path, "Begin an activation of a token, and end the open one")
	start.Description = "The codes are only in this answer. Until the device has confirmed the activation, the previous epoch " +
		"remains valid, unless the token was reported lost."
	start.DefaultStatus = http.StatusCreated
	a.used = append(a.used, authz.ActivationBeyond)
	register(a, authz.ActivationStart, start, a.startActivation)
	register(a, authz.TokenView, op("show-activations", http.MethodGet, path, "Show the activations of a "+
		"token"), a.showActivations)
	register(a, authz.ActivationConfirm, op("confirm-activation", http.MethodPost, path+"/confirm",
		"Confirm the open activation by what the device shows"),
		func(ctx context.Context, c caller, in *confirmActivationInput) (*activationResultOutput, error) {
			result, err := a.cfg.Activations.Confirm(
				ctx, activations.Typed{Token: in.selector(), OTP: in.Body.OTP, NextOTP: in.Body.NextOTP,
					Derivation: in.Body.Derivation, Origin: c.origin()})
			return activationResult(result, err)
		})
	register(a, authz.ActivationStart, op("cancel-activation", http.MethodPost, path+"/cancel",
		"End the open activation"),
		func(ctx context.Context, c caller, in *Selector) (*tokenOutput, error) {
			return a.token(a.cfg.Activations.Cancel(ctx, in.selector(), c.origin()))
		})
	register(a, authz.ActivationReset, op("reset-activation", http.MethodPost, path+"/reset",
		"Reset counts of activations"),
		func(ctx context.Context, c caller, in *resetActivationInput) (*tokenOutput, error) {
			return a.token(a.cfg.Activations.Reset(ctx, in.selector(), activations.Counts(in.Body), c.origin()))
		})
	register(a, authz.ActivationUnbind, op("unbind-token", http.MethodPost, path+"/unbind",
		"Delete the secret of a token, and end its device permanently"),
		func(ctx context.Context, c caller, in *Selector) (*tokenOutput, error) {
			return a.token(a.cfg.Activations.Unbind(ctx, in.selector(), c.origin()))
		})
	ahead := op("activate-ahead", http.MethodPost, "/api/v1/activations", "Create tokens with activations made "+
		"ahead, for nobody yet")
	ahead.Description = "With serials, create new codes for tokens that an earlier request created and whose " +
		"answer was lost."
	ahead.DefaultStatus = http.StatusCreated
	register(a, authz.ActivationAhead, ahead, a.activateAhead)
}

func (a *API) startActivation(ctx context.Context, c caller, in *activateInput) (*activationOutput, error) {
	r := in.Body
	started, err := a.cfg.Activations.Start(
		ctx, activations.Request{Token: in.selector(), Route: activations.Route(r.Route),
			Reason:   activations.Reason(r.Reason),
			Password: r.Password, Expiry: days(r.Days), ERC: r.ERC, To: activations.Device{Key: r.Key, Request: r.Request},
			By: c.principal, Origin: c.origin()})
	if err != nil {
		return nil, err
	}
	out, err := a.wireActivation(started, r.Route)
	return &activationOutput{out}, err
}

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

// wireActivation writes what an activation shows, this once.
func (a *API) wireActivation(s activations.Started, route string) (out wire.Activation, err error) {
	rules := s.Profile.Rules
	out = wire.Activation{Serial: s.Token.Identity.Serial, Route: route, Profile: s.Token.Profile,
		Title: s.Profile.Name, Issuer: s.Profile.Issuer,
		User: s.Token.OwnerName, Expires: s.Expires, Code: activation.Group(string(s.Code)),
		ERC: activation.Group(s.ERC), QRBody: string(s.QRBody),
		Password: activation.Group(string(s.Password)), PasswordSent: s.PasswordSent,
		NeedsPass: rules.Password, Binding: rules.DeviceBinding,
		Pair: s.Pair, Warnings: s.Warnings}
	if known := s.Token.DeviceSerial(); known != out.Serial {
		out.DeviceSerial = known
	}
	if s.Sealed != nil {
		out.Enc, out.XFAD, out.XERC = s.Sealed.Enc, s.Sealed.XFAD, s.Sealed.XERC
	}
	if route != string(activations.Online) {
		return out, nil
	}
	out.Registration, out.URL = activation.Group(string(s.Registration.Text())), a.server()
	text, err := s.Offer(out.URL)
	out.Offer = string(text)
	return out, err
}

// server is this server's address for apps.
func (a *API) server() string { return strings.TrimSuffix(a.cfg.PublicURL, "/") }

func activationResult(r activations.Result, err error) (*activationResultOutput, error) {
	if err != nil {
		return nil, err
	}
	out := wire.ActivationResult{Serial: r.Token.Identity.Serial, Accepted: r.Accepted,
		State: r.Token.Condition.State.String()}
	if !r.Accepted {
		out.TriesLeft = &r.TriesLeft
	}
	return &activationResultOutput{out}, nil
}

func (a *API) showActivations(ctx context.Context, _ caller, in *Selector) (*activationOverviewOutput, error) {
	o, err := a.cfg.Activations.Show(ctx, in.selector())
	if err != nil {
		return nil, err
	}
	out := wire.ActivationOverview{Serial: o.Token.Identity.Serial, State: o.Token.Condition.State.String(),
		User: o.Token.OwnerName, Profile: o.Token.Profile,
		Counts: wire.ActivationCounts{Days: int(o.Limits.Window / days(1)), Window: int64(o.Limits.Window / time.Second),
			Successes: o.Standing.Successes, MaxSuccesses: o.Limits.Successes,
			Failures: o.Standing.Failures, MaxFailures: o.Limits.Failures, NextAt: optionalTime(o.Standing.NextAt)},
		Activations: make([]wire.PastActivation, len(o.Activations))}
	for i, p := range o.Activations {
		out.Activations[i] = wirePast(p)
	}
	return &activationOverviewOutput{out}, nil
}

func wirePast(p activations.Past) wire.PastActivation {
	w := wire.PastActivation{Route: string(p.Route), Reason: string(p.Reason), By: p.Actor, SelfService: p.Self,
		Again: p.Again, NewSecret: p.NewSecret,
		Status: activations.StatusWord(p.Status), Live: p.Live, Opened: p.Opened, Expires: p.Expires,
		Ended: optionalTime(p.Ended), WrongTries: p.WrongTries,
		Taken: optionalTime(p.Taken), DeviceName: p.DeviceName, Device: p.DeviceMark}
	if w.Status == "open" {
		w.TriesLeft = &p.TriesLeft
	}
	if !p.Taken.IsZero() {
		w.DeviceType = activations.DeviceType(p.DeviceType)
	}
	return w
}

func (a *API) activateAhead(ctx context.Context, c caller, in *activateAheadInput) (*activateAheadOutput, error) {
	r := in.Body
	made, err := a.cfg.Activations.Ahead(ctx, activations.BatchRequest{Type: r.Type, Profile: r.Profile, Count: r.Count,
		Serials: r.Serials, Label: r.Label, Expiry: days(r.Days), By: c.principal,
		Origin: c.origin()})
	if err != nil {
		return nil, err
	}
	out := &activateAheadOutput{wire.Activations{Activations: make([]wire.Activation, len(made.Started)),
		Missing: made.Missing}}
	if made.Why != nil {
		out.Body.Problem = a.problem(ctx, c, made.Why).Detail
	}
	for i, s := range made.Started {
		if out.Body.Activations[i], err = a.wireActivation(s, string(activations.Offline)); err != nil {
			return nil, err
		}
	}
	return out, nil
}
