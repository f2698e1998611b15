package api_test

import (
	"net/http"
	"strings"
	"testing"

	"ostiary/internal/doors/wire"
	"ostiary/internal/test/testkit"
)

// A help desk issues a code, and its user logs in by it, once.
func TestTemporaryCodes(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	s.User(t, "anna")
	const path = "/api/v1/users/Anna/codes"
	issue := func(body object) (codes wire.TemporaryCodes) {
		t.Helper()
		a := s.Do(t, testkit.HelpDesk, http.MethodPost, path, body)
		status(t, a, http.StatusCreated, "")
		if a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("the headers are %v", a.Header)
		}
		a.JSON(t, &codes)
		return codes
	}
	codes := issue(object{})
	if codes.User != "anna" || len(codes.Codes) != 1 || !codes.Expires.Equal(testkit.Start.Add(24*3600e9)) {
		t.Errorf("issued %+v", codes)
	}
	login := func(body object) testkit.Answer {
		return s.Do(t, testkit.Verifier, http.MethodPost, "/api/v1/verify", body)
	}
	valid(t, login(object{"serial": "anna", "otp": codes.Codes[0]}), false)
	valid(t, login(object{"user": "ANNA", "otp": codes.Codes[0]}), true)
	valid(t, login(object{"user": "anna", "otp": codes.Codes[0]}), false)

	more := issue(object{"count": 10, "hours": 168})
	if len(more.Codes) != 10 || !more.Expires.Equal(testkit.Start.Add(168*3600e9)) {
		t.Errorf("issued %+v", more)
	}
	a := s.Do(t, testkit.HelpDesk, http.MethodDelete, path, nil)
	if status(t, a, http.StatusOK, ""); a.Body != `{"user":"anna","revoked":10}`+"\n" {
		t.Errorf("revoked: %s", a.Body)
	}
	status(t, s.Do(t, testkit.HelpDesk, http.MethodDelete, path, nil), http.StatusConflict, "no_codes")
	valid(t, login(object{"user": "anna", "otp": more.Codes[0]}), false)
	unchanged(t, s, func() {
		status(t, s.Do(t, testkit.HelpDesk, http.MethodPost, path, object{"count": 11}), http.StatusUnprocessableEntity,
			"count")
		status(t, s.Do(t, testkit.HelpDesk, http.MethodPost, path, object{"hours": 0}), http.StatusUnprocessableEntity,
			"hours")
		status(t, s.Do(t, testkit.HelpDesk, http.MethodPost, path, object{"code": "12345678"}),
			http.StatusUnprocessableEntity, "invalid_request")
		status(t, s.Do(t, testkit.HelpDesk, http.MethodPost, "/api/v1/users/nobody/codes", object{}),
			http.StatusNotFound, "user_not_found")
	})
	audit := s.Do(t, testkit.Admin, http.MethodGet, "/api/v1/audit?limit=1000", nil)
	for _, code := range append(codes.Codes, more.Codes...) {
		if strings.Contains(audit.Body, code) || strings.Contains(s.Log.String(), code) {
			t.Error("a code is in a log")
		}
	}
}
