package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/users"
	"ostiary/internal/store"
)

type userInput struct {
	Name string `path:"name" maxLength:"128"`
}
type userOutput struct{ Body wire.User }
type addUserInput struct{ Body wire.UserRequest }
type renameUserInput struct {
	Name string `path:"name" maxLength:"128"`
	Body wire.RenameRequest
}
type shownUserOutput struct{ Body wire.ShownUser }
type listUsersInput struct {
	Locked       bool   `query:"locked" doc:"Only users whom wrong codes have locked."`
	WithoutToken bool   `query:"without_token" doc:"Only users who hold no token."`
	Search       string `query:"search" maxLength:"128" doc:"Only users with this text in the name, ignoring case."`
	Before       string `query:"before" maxLength:"4096" doc:"Cursor of the page before: previous of another page. Excludes after."`
	Counting
	Page
}
type unlockedUserOutput struct{ Body wire.UnlockedUser }
type listUsersOutput struct{ Body wire.UserList }

func (a *API) userRoutes() {
	const path = "/api/v1/users/{name}"
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"Users"},
			Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict}}
	}
	register(a, authz.UserView, op("list-users", http.MethodGet, "/api/v1/users", "List users"), browse(a, a.listUsers))
	add := op("add-user", http.MethodPost, "/api/v1/users", "Add a user")
	add.DefaultStatus = http.StatusCreated
	register(a, authz.UserManage, add, func(ctx context.Context, c caller, in *addUserInput) (*userOutput, error) {
		return a.user(a.cfg.Users.Add(ctx, in.Body.Name, c.origin()))
	})
	register(a, authz.UserView, op("show-user", http.MethodGet, path, "Show a user"),
		a.showUser)
	register(a, authz.UserManage, op("rename-user", http.MethodPost, path+"/rename",
		"Rename a user; the user keeps tokens, temporary codes and activations"),
		func(ctx context.Context, c caller, in *renameUserInput) (*userOutput, error) {
			return a.user(a.cfg.Users.Rename(ctx, in.Name, in.Body.Name, c.origin()))
		})
	register(a, authz.UserUnlock, op("unlock-user", http.MethodPost, path+"/unlock",
		"Clear the wrong codes of a user and of the user's tokens"), a.unlockUser)
	remove := op("delete-user", http.MethodDelete, path, "Delete a user who has no token")
	remove.DefaultStatus = http.StatusNoContent
	register(a, authz.UserManage, remove, func(ctx context.Context, c caller, in *userInput) (*struct{}, error) {
		return &struct{}{}, a.cfg.Users.Delete(ctx, in.Name, c.origin())
	})
}

func (a *API) showUser(ctx context.Context, _ caller, in *userInput) (*shownUserOutput, error) {
	u, err := a.cfg.Users.Find(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	former, err := a.cfg.Ledger.FormerNames(ctx, u.Name)
	return &shownUserOutput{wire.ShownUser{User: a.wireUser(u), FormerNames: former}}, err
}

func (a *API) unlockUser(ctx context.Context, c caller, in *userInput) (*unlockedUserOutput, error) {
	tokens, err := a.cfg.Users.Unlock(ctx, in.Name, c.origin())
	if err != nil {
		return nil, err
	}
	u, err := a.cfg.Users.Find(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	out := wire.UnlockedUser{User: a.wireUser(u), UnlockedTokens: []string{}}
	for _, t := range tokens {
		out.UnlockedTokens = append(out.UnlockedTokens, t.Identity.Serial)
	}
	return &unlockedUserOutput{out}, nil
}

func (a *API) user(u store.User, err error) (*userOutput, error) {
	if err != nil {
		return nil, err
	}
	return &userOutput{a.wireUser(u)}, nil
}

func (a *API) wireUser(u store.User) wire.User {
	locked, retryAt := a.held(u.Failures, u.RetryAt)
	return wire.User{Name: u.Name, Tokens: u.Tokens, Failures: u.Failures, Locked: locked, RetryAt: retryAt,
		Created: u.Created}
}

func (a *API) listUsers(ctx context.Context, _ caller, in *listUsersInput) (*listUsersOutput, error) {
	if in.After != "" && in.Before != "" {
		return nil, fault.New(fault.Invalid, "after_and_before", "after and before exclude each other.")
	}
	f := store.UserFilter{WithoutToken: in.WithoutToken, Contains: in.Search, After: in.After, Before: in.Before,
		Limit: in.Limit}
	if in.Locked {
		f.Failures, f.Delayed = a.cfg.Verifier.Holds()
	}
	found, on, err := a.cfg.Users.List(ctx, f)
	if err != nil {
		return nil, err
	}
	out := &listUsersOutput{}
	out.Body.Next, out.Body.Previous = users.Around(found, on, f)
	out.Body.Users = make([]wire.User, len(found))
	for i, u := range found {
		out.Body.Users[i] = a.wireUser(u)
	}
	if in.Count {
		count, err := a.cfg.Users.Count(ctx, f)
		if err != nil {
			return nil, err
		}
		out.Body.Count = wireCount(count)
	}
	return out, nil
}
