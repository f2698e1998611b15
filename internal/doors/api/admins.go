package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/store"
)

type adminInput struct {
	Name string `path:"name" maxLength:"128"`
}
type adminSessionInput struct {
	Name    string `path:"name" maxLength:"128"`
	Session string `path:"session" maxLength:"16"`
}
type adminOutput struct{ Body wire.Admin }
type adminListOutput struct{ Body wire.AdminList }
type addAdminInput struct{ Body wire.AdminRequest }
type addAdminOutput struct{ Body wire.NewAdmin }
type adminRoleInput struct {
	Name string `path:"name" maxLength:"128"`
	Body wire.AdminRole
}
type adminResetInput struct {
	Name string `path:"name" maxLength:"128"`
	Body wire.AdminReset
}
type adminSessionsOutput struct{ Body wire.AdminSessionList }
type sessionsEndedOutput struct{ Body wire.SessionsEnded }

func (a *API) adminRoutes() {
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: "/api/v1/admins" + path, Summary: summary,
			Tags:   []string{"Administrators"},
			Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict}}
	}
	register(a, authz.AdminView, op("list-admins", http.MethodGet, "", "List administrators"),
		func(ctx context.Context, _ caller, _ *struct{}) (*adminListOutput, error) {
			all, err := a.cfg.Accounts.List(ctx)
			out := &adminListOutput{}
			out.Body.Admins = make([]wire.Admin, len(all))
			if err != nil {
				return nil, err
			}
			factors, err := a.cfg.Accounts.Factors(ctx, all...)
			if err != nil {
				return nil, err
			}
			for i, is := range all {
				out.Body.Admins[i] = wireAdmin(is, factors[i])
			}
			return out, nil
		})
	add := op("add-admin", http.MethodPost, "", "Add an administrator; the first password is shown this once")
	add.DefaultStatus = http.StatusCreated
	register(a, authz.AdminManage, add, a.addAdmin)
	register(a, authz.AdminView, op("show-admin", http.MethodGet, "/{name}", "Show an administrator"),
		func(ctx context.Context, _ caller, in *adminInput) (*adminOutput, error) {
			is, err := a.cfg.Accounts.Find(ctx, in.Name)
			return a.adminAnswer(ctx, is, err)
		})
	register(a, authz.AdminManage, op("set-admin-role", http.MethodPut, "/{name}/role",
		"Give an administrator another role; it ends the sessions"),
		func(ctx context.Context, c caller, in *adminRoleInput) (*adminOutput, error) {
			role, err := adminRole(in.Body.Role)
			if err != nil {
				return nil, err
			}
			is, err := a.cfg.Accounts.SetRole(ctx, c.principal, in.Name, role, in.Body.HelpDesk, c.origin())
			return a.adminAnswer(ctx, is, err)
		})
	register(a, authz.AdminManage, op("disable-admin", http.MethodPost, "/{name}/disable",
		"Keep an administrator from signing in; it ends the sessions"),
		func(ctx context.Context, c caller, in *adminInput) (*adminOutput, error) {
			is, err := a.cfg.Accounts.Disable(ctx, c.principal, in.Name, c.origin())
			return a.adminAnswer(ctx, is, err)
		})
	register(a, authz.AdminManage, op("enable-admin", http.MethodPost, "/{name}/enable",
		"Let a disabled administrator sign in again"),
		func(ctx context.Context, c caller, in *adminInput) (*adminOutput, error) {
			is, err := a.cfg.Accounts.Enable(ctx, c.principal, in.Name, c.origin())
			return a.adminAnswer(ctx, is, err)
		})
	register(a, authz.AdminManage, op("reset-admin-password", http.MethodPost, "/{name}/password",
		"Give an administrator a new random password; it is shown this once and ends the sessions"),
		func(ctx context.Context, c caller, in *adminResetInput) (*passwordOutput, error) {
			password, err := a.cfg.Accounts.ResetPassword(ctx, c.principal, in.Name, in.Body.ForgetPasskeys, c.origin())
			return &passwordOutput{wire.Password{Password: password}}, err
		})
	register(a, authz.AdminView, op("list-admin-sessions", http.MethodGet, "/{name}/sessions",
		"List the sessions of an administrator"),
		func(ctx context.Context, _ caller, in *adminInput) (*adminSessionsOutput, error) {
			all, err := a.cfg.Accounts.Sessions(ctx, in.Name)
			return adminSessionsAnswer(all, "", err)
		})
	register(a, authz.AdminManage, op("end-admin-sessions", http.MethodDelete, "/{name}/sessions",
		"End all sessions of an administrator"),
		func(ctx context.Context, c caller, in *adminInput) (*sessionsEndedOutput, error) {
			n, err := a.cfg.Accounts.EndSessions(ctx, c.principal, in.Name, "", c.origin())
			return &sessionsEndedOutput{wire.SessionsEnded{Ended: n}}, err
		})
	register(a, authz.AdminManage, op("end-admin-session", http.MethodDelete, "/{name}/sessions/{session}",
		"End a session of an administrator"),
		func(ctx context.Context, c caller, in *adminSessionInput) (*sessionsEndedOutput, error) {
			n, err := a.cfg.Accounts.EndSessions(ctx, c.principal, in.Name, in.Session, c.origin())
			return &sessionsEndedOutput{wire.SessionsEnded{Ended: n}}, err
		})
}

func adminRole(text string) (authz.Role, error) {
	role, err := authz.ParseRole(text)
	if err != nil {
		return role, fault.New(fault.Invalid, "admin_role", upperFirst(err.Error())+".")
	}
	return role, nil
}

func (a *API) addAdmin(ctx context.Context, c caller, in *addAdminInput) (*addAdminOutput, error) {
	role, err := adminRole(in.Body.Role)
	if err != nil {
		return nil, err
	}
	is, password, err := a.cfg.Accounts.Add(ctx, c.principal, credentials.AdminRequest{Name: in.Body.Name, Role: role,
		HelpDesk: in.Body.HelpDesk}, c.origin())
	if err != nil {
		return nil, err
	}
	out, err := a.adminAnswer(ctx, is, nil)
	if err != nil {
		return nil, err
	}
	return &addAdminOutput{wire.NewAdmin{Admin: out.Body, Password: password}}, nil
}

// adminSessionsAnswer lists sessions; own names that of the request, if it is among them.
func adminSessionsAnswer(all []credentials.Session, own string, err error) (*adminSessionsOutput, error) {
	out := &adminSessionsOutput{}
	out.Body.Sessions = make([]wire.AdminSession, len(all))
	for i, s := range all {
		out.Body.Sessions[i] = wire.AdminSession{Session: s.Name, Own: s.Name == own, Kind: string(s.Kind),
			Source: s.Source, Agent: s.Agent, SecondFactor: string(s.Factor), Started: s.Started, Used: s.Used,
			Until: s.Until}
	}
	return out, err
}

func (a *API) adminAnswer(ctx context.Context, is store.Admin, err error) (*adminOutput, error) {
	if err != nil {
		return nil, err
	}
	factors, err := a.cfg.Accounts.Factors(ctx, is)
	if err != nil {
		return nil, err
	}
	return &adminOutput{wireAdmin(is, factors[0])}, nil
}

func wireAdmin(a store.Admin, f credentials.Factors) wire.Admin {
	return wire.Admin{ID: a.ID, Name: a.Name, Role: a.Role, HelpDesk: a.HelpDesk, MustChange: a.MustChange,
		Created: a.Created, Disabled: optionalTime(a.Disabled), SignedIn: optionalTime(a.SignedIn), Tokens: f.Tokens,
		Passkeys: f.Passkeys}
}
