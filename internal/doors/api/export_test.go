package api

import (
	"net/http"
	"net/http/httptest"

	"github.com/danielgtaylor/huma/v2"

	"ostiary/internal/core/authz"
)

// ParsePlainVerify is parsePlainVerify.
var ParsePlainVerify = parsePlainVerify

// StrictJSON is how the framework reads JSON here.
var StrictJSON = strictJSON

// Framework gives the framework's description of the operations.
func (a *API) Framework() huma.API { return a.huma }

// TakesShortWay tells whether a verifier's request is answered without the framework.
func (a *API) TakesShortWay(r *http.Request) bool {
	return a.answered(httptest.NewRecorder(), r,
		caller{known: true, principal: authz.Principal{Name: "key:verifier", Role: authz.Verifier}}) == nil
}
