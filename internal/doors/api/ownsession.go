package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/store"
)

type proofInput struct{ Body wire.ProofRequest }
type provenOutput struct{ Body wire.Proven }
type changePasswordInput struct{ Body wire.ChangePasswordRequest }
type passkeysOutput struct{ Body wire.PasskeyList }
type passkeyOutput struct{ Body wire.Passkey }
type passkeyInput struct {
	ID string `path:"id" maxLength:"1400"`
}
type ownSessionInput struct {
	Session string `path:"session" maxLength:"16"`
}
type viewListInput struct {
	List string `path:"list" maxLength:"32"`
}
type keepViewInput struct {
	List string `path:"list" maxLength:"32"`
	Body wire.View
}
type removeViewInput struct {
	List string `path:"list" maxLength:"32"`
	Name string `query:"name" maxLength:"64" doc:"Empty: how the list opens."`
}
type viewsOutput struct{ Body wire.ViewList }
type questionInput struct{ Body wire.PasskeyQuestion }
type questionOutput struct{ Body map[string]any }
type newPasskeyInput struct{ Body wire.NewPasskey }
type answerInput struct{ Body wire.PasskeyAnswer }

// ownSessionRoutes are what administrators do with the session that they bring, and with
// their other ones. Those that prove it, or change the password, are open to sessions that
// open nothing else yet.
func (a *API) ownSessionRoutes() {
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: "/api/v1/session" + path, Summary: summary,
			Tags: []string{"Sessions"}, MaxBodyBytes: 64 << 10,
			Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusConflict}}
	}
	own(a, op("prove-session", http.MethodPost, "/proof", "Give the second factor, or prove again who it is"),
		func(ctx context.Context, c caller, s credentials.Session, in *proofInput) (*provenOutput, error) {
			switch {
			case (in.Body.OTP == "") == (in.Body.Password == ""):
				return nil, fault.New(fault.Invalid, "otp_or_password", "Give either a code or the password.")
			case in.Body.OTP != "":
				return provenAnswer(a.cfg.Accounts.ProveCode(ctx, s, in.Body.OTP, c.origin()))
			}
			after, err := a.cfg.Accounts.ProvePassword(ctx, s, in.Body.Password, c.origin())
			return provenAnswer("", after, err)
		})
	own(a, op("change-password", http.MethodPut, "/password",
		"Change one's own password; it ends all other sessions, and this one has another token"),
		func(ctx context.Context, c caller, s credentials.Session, in *changePasswordInput) (*provenOutput, error) {
			return provenAnswer(a.cfg.Accounts.ChangePassword(ctx, s, in.Body.Before, in.Body.Password, c.origin()))
		})
	own(a, op("list-sessions", http.MethodGet, "/all", "List one's own sessions"),
		func(ctx context.Context, _ caller, s credentials.Session, _ *struct{}) (*adminSessionsOutput, error) {
			all, err := a.cfg.Accounts.OwnSessions(ctx, s)
			return adminSessionsAnswer(all, s.Name, err)
		})
	own(a, op("end-sessions", http.MethodDelete, "/all", "End all of one's own sessions, this one among them"),
		func(ctx context.Context, c caller, s credentials.Session, _ *struct{}) (*sessionsEndedOutput, error) {
			n, err := a.cfg.Accounts.EndOwnSessions(ctx, s, "", c.origin())
			return &sessionsEndedOutput{wire.SessionsEnded{Ended: n}}, err
		})
	end := op("end-own-session", http.MethodDelete, "/all/{session}", "End one of one's own sessions")
	end.Errors = append(end.Errors, http.StatusNotFound)
	own(a, end,
		func(ctx context.Context, c caller, s credentials.Session, in *ownSessionInput) (*sessionsEndedOutput, error) {
			n, err := a.cfg.Accounts.EndOwnSessions(ctx, s, in.Session, c.origin())
			return &sessionsEndedOutput{wire.SessionsEnded{Ended: n}}, err
		})
	own(a, op("list-views", http.MethodGet, "/views/{list}", "List the views of a list that one has kept"),
		func(ctx context.Context, _ caller, s credentials.Session, in *viewListInput) (*viewsOutput, error) {
			all, err := a.cfg.Accounts.Views(ctx, s, in.List)
			out := &viewsOutput{}
			out.Body.Views = make([]wire.View, len(all))
			for i, v := range all {
				out.Body.Views[i] = wire.View{Name: v.Name, Query: v.Query}
			}
			return out, err
		})
	keep := op("keep-view", http.MethodPut, "/views/{list}", "Keep a view of a list, in the place of the one of its name")
	keep.DefaultStatus = http.StatusNoContent
	own(a, keep, func(ctx context.Context, _ caller, s credentials.Session, in *keepViewInput) (*struct{}, error) {
		return &struct{}{}, a.cfg.Accounts.KeepView(ctx, s, store.View{List: in.List, Name: in.Body.Name,
			Query: in.Body.Query})
	})
	forget := op("remove-view", http.MethodDelete, "/views/{list}", "Remove a view of a list")
	forget.DefaultStatus, forget.Errors = http.StatusNoContent, append(forget.Errors, http.StatusNotFound)
	own(a, forget, func(ctx context.Context, _ caller, s credentials.Session, in *removeViewInput) (*struct{}, error) {
		return &struct{}{}, a.cfg.Accounts.RemoveView(ctx, s, in.List, in.Name)
	})
	own(a, op("list-passkeys", http.MethodGet, "/passkeys", "List one's own passkeys"),
		func(ctx context.Context, _ caller, s credentials.Session, _ *struct{}) (*passkeysOutput, error) {
			all, err := a.cfg.Accounts.Passkeys(ctx, s)
			out := &passkeysOutput{}
			out.Body.Passkeys = make([]wire.Passkey, len(all))
			for i, p := range all {
				out.Body.Passkeys[i] = wirePasskey(p)
			}
			return out, err
		})
	own(a, op("ask-passkey", http.MethodPost, "/passkeys/question", "Options of WebAuthn for a browser"),
		func(ctx context.Context, _ caller, s credentials.Session, in *questionInput) (*questionOutput, error) {
			ask := a.cfg.Accounts.AskForUse
			if in.Body.For == "create" {
				ask = a.cfg.Accounts.AskForNew
			}
			raw, err := ask(ctx, s)
			if err != nil {
				return nil, err
			}
			out := &questionOutput{}
			return out, json.Unmarshal(raw, &out.Body)
		})
	add := op("add-passkey", http.MethodPost, "/passkeys", "Add the passkey that answered the question")
	add.DefaultStatus = http.StatusCreated
	own(a, add, func(ctx context.Context, c caller, s credentials.Session, in *newPasskeyInput) (*passkeyOutput, error) {
		raw, err := json.Marshal(in.Body.Answer)
		if err != nil {
			return nil, err
		}
		p, err := a.cfg.Accounts.AddPasskey(ctx, s, in.Body.Name, raw, c.origin())
		return &passkeyOutput{wirePasskey(p)}, err
	})
	own(a, op("prove-session-by-passkey", http.MethodPost, "/proof/passkey",
		"Give the second factor, or prove again who it is, by the passkey that answered the question"),
		func(ctx context.Context, c caller, s credentials.Session, in *answerInput) (*provenOutput, error) {
			raw, err := json.Marshal(in.Body.Answer)
			if err != nil {
				return nil, err
			}
			return provenAnswer(a.cfg.Accounts.ProvePasskey(ctx, s, raw, c.origin()))
		})
	remove := op("remove-passkey", http.MethodDelete, "/passkeys/{id}",
		"Remove a passkey; sessions that it proved end")
	remove.DefaultStatus = http.StatusNoContent
	own(a, remove, func(ctx context.Context, c caller, s credentials.Session, in *passkeyInput) (*struct{}, error) {
		return &struct{}{}, a.cfg.Accounts.RemovePasskey(ctx, s, in.ID, c.origin())
	})
}

// own registers an operation of those who bring the session of an account.
func own[I, O any](a *API, op huma.Operation, do func(context.Context, caller, credentials.Session, *I) (*O, error)) {
	register(a, authz.SessionManage, op, func(ctx context.Context, c caller, in *I) (*O, error) {
		if c.session == nil {
			return nil, fault.New(fault.Conflict, "no_account", "The request was not made with the session of an "+
				"administrator's account.").WithHint("Sign in: POST /api/v1/session.")
		}
		return do(ctx, c, *c.session, in)
	})
}

func wireSession(token string, s credentials.Session) *sessionOutput {
	return &sessionOutput{wire.Session{Token: token, Until: s.Until, SecondFactor: string(s.Factor),
		MustChange: s.MustChange}}
}

func provenAnswer(token string, s credentials.Session, err error) (*provenOutput, error) {
	return &provenOutput{wire.Proven{Token: token, Until: s.Until, SecondFactor: string(s.Factor),
		MustChange: s.MustChange}}, err
}

func wirePasskey(p credentials.Passkey) wire.Passkey {
	return wire.Passkey{ID: p.ID, Name: p.Name, Host: p.Host, Created: p.Created, Used: optionalTime(p.Used)}
}
