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

type createKeyInput struct{ Body wire.KeyRequest }
type createKeyOutput struct{ Body wire.NewKey }
type listKeysOutput struct{ Body wire.KeyList }
type keyInput struct {
	Name string `path:"name" maxLength:"64"`
}

func (a *API) keyRoutes() {
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"API keys"},
			Errors: []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict}}
	}
	register(a, authz.KeyView, op("list-keys", http.MethodGet, "/api/v1/keys", "List API keys"),
		func(ctx context.Context, _ caller, _ *struct{}) (*listKeysOutput, error) {
			keys, err := a.cfg.Keys.List(ctx)
			out := &listKeysOutput{}
			out.Body.Keys = make([]wire.Key, len(keys))
			for i, k := range keys {
				out.Body.Keys[i] = wireKey(k)
			}
			return out, err
		})
	create := op("create-key", http.MethodPost, "/api/v1/keys", "Create an API key; its text is shown this once")
	create.DefaultStatus = http.StatusCreated
	register(a, authz.KeyManage, create, a.createKey)
	revoke := op("revoke-key", http.MethodDelete, "/api/v1/keys/{name}", "Revoke an API key")
	revoke.DefaultStatus = http.StatusNoContent
	register(a, authz.KeyManage, revoke, func(ctx context.Context, c caller, in *keyInput) (*struct{}, error) {
		return &struct{}{}, a.cfg.Keys.Revoke(ctx, c.principal, in.Name, c.origin())
	})
}

func (a *API) createKey(ctx context.Context, c caller, in *createKeyInput) (*createKeyOutput, error) {
	role, err := authz.ParseRole(in.Body.Role)
	if err != nil {
		return nil, fault.New(fault.Invalid, "key_role", upperFirst(err.Error())+".")
	}
	req := credentials.KeyRequest{Name: in.Body.Name, Role: role, HelpDesk: in.Body.HelpDesk}
	if in.Body.Expires != nil {
		req.Expires = *in.Body.Expires
	}
	key, text, err := a.cfg.Keys.Create(ctx, c.principal, req, c.origin())
	if err != nil {
		return nil, err
	}
	return &createKeyOutput{wire.NewKey{Key: wireKey(key), Text: text}}, nil
}

func wireKey(k store.APIKey) wire.Key {
	return wire.Key{ID: k.ID, Name: k.Name, Role: k.Role, HelpDesk: k.HelpDesk, Created: k.Created,
		Revoked: optionalTime(k.Revoked), Expires: optionalTime(k.Expires), LastUsed: optionalTime(k.LastUsed)}
}
