package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/internal/core/authz"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/users"
)

type userListInput struct{ Body wire.UserListRequest }
type userListOutput struct{ Body wire.UserListReport }

// maxUserListBody is room for as many names as a list may have, of the most bytes.
const maxUserListBody = users.MaxList * 1024

func (a *API) userListRoutes() {
	register(a, authz.UserManage, huma.Operation{OperationID: "add-users", Method: http.MethodPost,
		Path: "/api/v1/user-lists", Tags: []string{"Users"}, MaxBodyBytes: maxUserListBody,
		Summary:     "Add the users of a list who do not exist yet",
		Description: "All users are added in one step, or none. For longer lists send several requests.",
	}, func(ctx context.Context, c caller, in *userListInput) (*userListOutput, error) {
		all, whole, err := a.cfg.Users.AddAll(ctx, users.ListRequest{Names: in.Body.Users, DryRun: in.Body.DryRun,
			SkipBad: in.Body.SkipBad, Origin: c.origin()})
		out := &userListOutput{wire.UserListReport{Applied: whole && !in.Body.DryRun,
			Users: make([]wire.UserListEntry, len(all))}}
		for i, l := range all {
			out.Body.Users[i] = wire.UserListEntry{Name: l.Name, User: l.User, Outcome: string(l.Outcome),
				Reason: l.Reason}
		}
		return out, err
	})
}
