package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/store"
)

// Selector names one token (exported for the framework, which reads embedded
// structs only so): its serial in the path, and in the query what may be needed
// to tell it from others of that serial.
type Selector struct {
	Serial       string `path:"serial" maxLength:"128"`
	Type         string `query:"type" maxLength:"64" doc:"Token type, if several tokens have the serial."`
	Manufacturer string `query:"manufacturer" maxLength:"128" doc:"Manufacturer, if several tokens have the serial; may be empty."`
	KeyID        string `query:"key_id" maxLength:"128" doc:"Key id, if a device has several keys of one type; may be empty."`

	manufacturer, keyID *string // nil when the parameter is absent
}

var _ huma.Resolver = (*Selector)(nil)

// Resolve tells an empty parameter, which asks for a token without a
// manufacturer, from an absent one.
func (s *Selector) Resolve(ctx huma.Context) []error {
	u := ctx.URL()
	query := u.Query()
	if query.Has("manufacturer") {
		s.manufacturer = &s.Manufacturer
	}
	if query.Has("key_id") {
		s.keyID = &s.KeyID
	}
	return nil
}

// mayBeEmpty tells which parameters mean something when they are empty.
func (s *Selector) mayBeEmpty(parameter string) bool {
	return parameter == "manufacturer" || parameter == "key_id"
}

func (s *Selector) selector() tokens.Selector {
	return tokens.Selector{Serial: s.Serial, Type: s.Type, Manufacturer: s.manufacturer, KeyID: s.keyID}
}

func (s *Selector) lookup() store.Lookup {
	return store.Lookup{Serial: s.Serial, Type: s.Type, Manufacturer: s.manufacturer, KeyID: s.keyID}
}

type tokenOutput struct{ Body wire.Token }

type assignInput struct {
	Selector
	Body wire.AssignRequest
}

type resyncInput struct {
	Selector
	Body wire.ResyncRequest
}

type stateInput struct {
	Selector
	Body wire.StateRequest
}

func (a *API) tokenRoutes() {
	const path = "/api/v1/tokens/{serial}"
	conflicts := []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict}
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"Tokens"},
			Errors: conflicts}
	}
	register(a, authz.TokenView, op("list-tokens", http.MethodGet, "/api/v1/tokens", "List tokens"),
		browse(a, a.listTokens))
	register(a, authz.TokenView, op("show-token", http.MethodGet, path, "Show a token"),
		func(ctx context.Context, _ caller, in *Selector) (*tokenOutput, error) {
			return a.token(a.cfg.Lifecycle.Show(ctx, in.selector()))
		})
	register(a, authz.TokenAssign, op("assign-token", http.MethodPost, path+"/assign", "Assign a free token to a user"),
		func(ctx context.Context, c caller, in *assignInput) (*tokenOutput, error) {
			return a.token(a.cfg.Lifecycle.Assign(ctx, in.selector(), in.Body.User, c.origin()))
		})
	register(a, authz.TokenAssign, op("unassign-token", http.MethodPost, path+"/unassign",
		"Unassign a token"),
		func(ctx context.Context, c caller, in *Selector) (*tokenOutput, error) {
			return a.token(a.cfg.Lifecycle.Unassign(ctx, in.selector(), c.origin()))
		})
	register(a, authz.TokenResync, op("resync-token", http.MethodPost, path+"/resync", "Resynchronise by two "+
		"consecutive codes"), a.resync)
	a.used = append(a.used, authz.TokenState)
	register(a, authz.TokenMarkLost, op("set-token-state", http.MethodPost, path+"/state", "Change a token's state"),
		a.setState)
	register(a, authz.TokenUnlock, op("unlock-token", http.MethodPost, path+"/unlock", "Clear a token's failures"),
		func(ctx context.Context, c caller, in *Selector) (*tokenOutput, error) {
			return a.token(a.cfg.Lifecycle.Unlock(ctx, in.selector(), c.origin()))
		})
	register(a, authz.TokenDelete,
		op("delete-token", http.MethodDelete, path, "Delete a token and its secret permanently"),
		func(ctx context.Context, c caller, in *Selector) (*tokenOutput, error) {
			return a.token(a.cfg.Lifecycle.Delete(ctx, in.selector(), c.origin()))
		})
}

func (a *API) token(t token.Token, err error) (*tokenOutput, error) {
	if err != nil {
		return nil, err
	}
	return &tokenOutput{a.wireToken(t)}, nil
}

func (a *API) resync(ctx context.Context, c caller, in *resyncInput) (*verifyOutput, error) {
	valid, err := a.cfg.Verifier.Resync(
		ctx, codes.ResyncRequest{Lookup: in.lookup(), OTP1: in.Body.OTP1, OTP2: in.Body.OTP2,
			Counter: in.Body.Counter, Steps: in.Body.Steps, Origin: c.origin()})
	return &verifyOutput{wire.VerifyResponse{Valid: valid}}, err
}

// setState lets a help desk mark a token lost and nothing else.
func (a *API) setState(ctx context.Context, c caller, in *stateInput) (*tokenOutput, error) {
	state, err := token.ParseState(in.Body.State)
	if err != nil {
		return nil, fault.New(fault.Invalid, "state", err.Error())
	}
	if state != token.RevokedLost {
		if err := c.may(authz.TokenState); err != nil {
			return nil, err
		}
	}
	return a.token(a.cfg.Lifecycle.SetState(ctx, in.selector(), state, in.Body.Reason, c.origin()))
}

func (a *API) wireToken(t token.Token) wire.Token {
	c := t.Condition
	locked, retryAt := a.held(c.Failures, c.RetryAt)
	return wire.Token{
		Serial: t.Identity.Serial, Type: t.Identity.Type, Manufacturer: t.Identity.Manufacturer,
		KeyID: t.Identity.KeyID,
		Kind:  string(t.Kind), Algorithm: string(t.Spec.Algorithm), Hash: t.Spec.Hash, Digits: t.Spec.Digits,
		Period: t.Spec.Period,
		Suite:  t.Spec.Suite, Model: t.Model, Issuer: t.Issuer, Label: t.Label, Profile: t.Profile,
		State: c.State.String(), StateReason: t.StateReason, User: t.OwnerName,
		Counter: c.Next, Drift: shownDrift(c), Fenced: c.Fenced(), Failures: c.Failures,
		FailureLimit: a.cfg.Verifier.Policy().FailureLimit, Locked: locked,
		RetryAt: retryAt, ValidFrom: optionalTime(c.NotBefore), ValidUntil: optionalTime(c.NotAfter),
		LastUsed: optionalTime(c.LastUsed), Created: t.Created,
	}
}

// held tells whether wrong codes lock a token or a user, and until when it takes no code:
// nil for a lock that does not end, and where nothing was to be waited for.
func (a *API) held(failures int, retryAt time.Time) (locked bool, until *time.Time) {
	if locked = a.cfg.Verifier.Locked(failures, retryAt); locked && !a.cfg.Verifier.Policy().Lock().Ends {
		return true, nil
	}
	return locked, optionalTime(retryAt)
}

func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// shownDrift is 0 for a token that counts events, whatever it stands for there.
func shownDrift(c token.Condition) int64 {
	if c.Fenced() {
		return 0
	}
	return c.Drift
}
