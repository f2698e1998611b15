package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/internal/core/authz"
	"ostiary/internal/doors/wire"
)

type settingsOutput struct{ Body wire.SettingList }

func (a *API) settingRoutes() {
	register(a, authz.SettingView, huma.Operation{OperationID: "list-settings", Method: http.MethodGet,
		Path: "/api/v1/settings", Tags: []string{"Server"}, Summary: "List the settings that the server was started with",
		Errors: []int{http.StatusUnauthorized, http.StatusForbidden}},
		func(context.Context, caller, *struct{}) (*settingsOutput, error) {
			out := &settingsOutput{}
			out.Body.Settings = append([]wire.Setting{}, a.cfg.Settings...)
			return out, nil
		})
}
