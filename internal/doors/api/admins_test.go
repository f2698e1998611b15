package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/authz"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/test/testkit"
)

const chosenPassword = "seventeen green umbrellas"

// signed signs an administrator in, and gives what the answer says.
func signed(t *testing.T, s *testkit.Server, name, password string) wire.Session {
	t.Helper()
	a := s.Do(t, testkit.Nobody, http.MethodPost, "/api/v1/session", object{"name": name, "password": password})
	status(t, a, http.StatusCreated, "")
	var session wire.Session
	a.JSON(t, &session)
	return session
}

// as sends a request with a token.
func as(t *testing.T, s *testkit.Server, token, method, path string, body any) testkit.Answer {
	t.Helper()
	return s.Do(t, testkit.Nobody, method, path, body, "Authorization", "Bearer "+token)
}

// added adds an administrator who has chosen a password.
func added(t *testing.T, s *testkit.Server, name, role string) (token string, secrets []string) {
	t.Helper()
	a := s.Do(t, testkit.Root, http.MethodPost, "/api/v1/admins", object{"name": name, "role": role})
	status(t, a, http.StatusCreated, "")
	var is wire.NewAdmin
	a.JSON(t, &is)
	first := signed(t, s, name, is.Password)
	if !first.MustChange || first.SecondFactor != "missing" {
		t.Errorf("the first session is %+v", first)
	}
	status(t, as(t, s, first.Token, http.MethodGet, "/api/v1/users", nil), http.StatusForbidden, "password_change_needed")
	a = as(t, s, first.Token, http.MethodPut, "/api/v1/session/password", object{"before": is.Password,
		"password": chosenPassword})
	status(t, a, http.StatusOK, "")
	var proven wire.Proven
	a.JSON(t, &proven)
	status(t, as(t, s, first.Token, http.MethodGet, "/api/v1/users", nil), http.StatusUnauthorized, "unauthenticated")
	return proven.Token, []string{is.Password, first.Token, proven.Token, chosenPassword}
}

// An administrator does what the role allows, and the log says who it was.
func TestAdministratorsSignIn(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	token, secrets := added(t, s, "Anna", "super_admin")
	a := as(t, s, token, http.MethodPost, "/api/v1/users", object{"name": "bea"})
	status(t, a, http.StatusCreated, "")
	if e := s.LastEntry(t); e.Actor != "account:anna" || e.ActorID == "" || e.Role != "super_admin" {
		t.Errorf("entry %s", e.Raw)
	}
	status(t, as(t, s, token, http.MethodPost, "/api/v1/root-password", nil), http.StatusForbidden, "forbidden")

	// What needs a proof needs a fresh one.
	lower := object{"name": "carl", "role": "operator"}
	status(t, as(t, s, token, http.MethodPost, "/api/v1/admins", lower), http.StatusCreated, "")
	s.Clock.Advance(credentials.FreshFor)
	status(t, as(t, s, token, http.MethodPost, "/api/v1/keys", object{"name": "k", "role": "verifier"}),
		http.StatusForbidden, "proof_needed")
	status(t, as(t, s, token, http.MethodPost, "/api/v1/session/proof", object{}), http.StatusUnprocessableEntity,
		"otp_or_password")
	status(t, as(t, s, token, http.MethodPost, "/api/v1/session/proof", object{"password": "wrong"}),
		http.StatusUnauthorized, "not_proven")
	status(t, as(t, s, token, http.MethodPost, "/api/v1/session/proof", object{"password": chosenPassword}),
		http.StatusOK, "")
	status(t, as(t, s, token, http.MethodPost, "/api/v1/keys", object{"name": "k", "role": "verifier"}),
		http.StatusCreated, "")

	status(t, as(t, s, token, http.MethodDelete, "/api/v1/session", nil), http.StatusNoContent, "")
	status(t, as(t, s, token, http.MethodGet, "/api/v1/users", nil), http.StatusUnauthorized, "unauthenticated")
	for _, secret := range secrets {
		if strings.Contains(s.Log.String(), secret) {
			t.Errorf("the log of the server holds %q", secret)
		}
		for _, e := range s.Kit.Log(t, 0) {
			if strings.Contains(e.Raw, secret) {
				t.Errorf("entry %s holds %q", e.Raw, secret)
			}
		}
	}
}

// A session that waits for the second factor opens nothing.
func TestTheSecondFactorComesFirst(t *testing.T) {
	t.Parallel()
	s := server(t, testkit.TOTP("1001"))
	_, secrets := added(t, s, "anna", "admin")
	s.User(t, "anna")
	s.Assign(t, "1001", "anna")
	waiting := signed(t, s, "anna", chosenPassword)
	if waiting.SecondFactor != "needed" {
		t.Errorf("%+v", waiting)
	}
	for id, op := range operations(t, s) {
		r, ok := requests[id]
		if !ok || r.needs == authz.SessionManage {
			continue
		}
		a := as(t, s, waiting.Token, op[0], op[1]+r.query, r.body)
		if code := a.Problem(t).Code; a.Status != http.StatusForbidden ||
			code != "second_factor_needed" && code != "forbidden" {
			t.Errorf("%s: %d %s", id, a.Status, a.Body)
		}
	}
	code := testkit.OathtoolTOTP(t, testkit.TOTP("1001"), 0, s.Clock.Now())
	a := as(t, s, waiting.Token, http.MethodPost, "/api/v1/session/proof", object{"otp": code})
	status(t, a, http.StatusOK, "")
	var proven wire.Proven
	a.JSON(t, &proven)
	if proven.SecondFactor != "code" || proven.Token == "" || proven.Token == waiting.Token {
		t.Errorf("%+v", proven)
	}
	status(t, as(t, s, proven.Token, http.MethodGet, "/api/v1/users", nil), http.StatusOK, "")
	status(t, as(t, s, waiting.Token, http.MethodGet, "/api/v1/users", nil), http.StatusUnauthorized, "unauthenticated")
	again := signed(t, s, "anna", chosenPassword)
	a = as(t, s, again.Token, http.MethodPost, "/api/v1/session/proof", object{"otp": code})
	status(t, a, http.StatusUnauthorized, "not_proven")
	for _, secret := range append(secrets, waiting.Token, proven.Token) {
		if strings.Contains(s.Log.String(), secret) || strings.Contains(a.Body, secret) {
			t.Errorf("%q is told", secret)
		}
	}
}

// A cookie of a page opens no operation, however it is sent.
func TestACookieOpensNoOperation(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	added(t, s, "anna", "admin")
	for name, password := range map[string]string{"anna": chosenPassword, "ROOT": s.RootPassword} {
		page, _, err := s.Config.Accounts.SignIn(t.Context(), credentials.SignIn{Name: name, Password: password,
			Kind: credentials.Page}, testkit.Origin)
		if err != nil {
			t.Fatal(err)
		}
		status(t, as(t, s, page, http.MethodGet, "/api/v1/users", nil), http.StatusUnauthorized, "unauthenticated")
		a := s.Do(t, testkit.Nobody, http.MethodGet, "/api/v1/users", nil, "Cookie", "__Host-ostiary="+page)
		status(t, a, http.StatusUnauthorized, "unauthenticated")
	}
}

func TestAdministratorsAreManaged(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	token, _ := added(t, s, "anna", "admin")
	do := func(method, path string, body any, want int, code string) testkit.Answer {
		t.Helper()
		a := s.Do(t, testkit.Root, method, "/api/v1/admins"+path, body)
		status(t, a, want, code)
		return a
	}
	var list wire.AdminList
	do(http.MethodGet, "", nil, http.StatusOK, "").JSON(t, &list)
	if len(list.Admins) != 1 || list.Admins[0].Name != "anna" || list.Admins[0].SignedIn == nil {
		t.Errorf("%+v", list)
	}
	var sessions wire.AdminSessionList
	do(http.MethodGet, "/anna/sessions", nil, http.StatusOK, "").JSON(t, &sessions)
	if len(sessions.Sessions) != 1 || sessions.Sessions[0].Kind != "bearer" || sessions.Sessions[0].Source != "127.0.0.1" {
		t.Errorf("%+v", sessions)
	}
	do(http.MethodDelete, "/anna/sessions/00000000", nil, http.StatusNotFound, "session_not_found")
	do(http.MethodDelete, "/anna/sessions/"+sessions.Sessions[0].Session, nil, http.StatusOK, "")
	status(t, as(t, s, token, http.MethodGet, "/api/v1/users", nil), http.StatusUnauthorized, "unauthenticated")
	for range 2 {
		signed(t, s, "anna", chosenPassword)
	}
	var ended wire.SessionsEnded
	do(http.MethodDelete, "/anna/sessions", nil, http.StatusOK, "").JSON(t, &ended)
	if ended.Ended != 2 {
		t.Errorf("%+v", ended)
	}
	var is wire.Admin
	do(http.MethodPut, "/anna/role", object{"role": "operator", "help_desk": true}, http.StatusOK, "").JSON(t, &is)
	if is.Role != "operator" || !is.HelpDesk {
		t.Errorf("%+v", is)
	}
	var disabled, enabled wire.Admin
	do(http.MethodPost, "/anna/disable", nil, http.StatusOK, "").JSON(t, &disabled)
	refused := s.Do(t, testkit.Nobody, http.MethodPost, "/api/v1/session", object{"name": "anna",
		"password": chosenPassword})
	status(t, refused, http.StatusUnauthorized, "wrong_password")
	do(http.MethodPost, "/anna/enable", nil, http.StatusOK, "").JSON(t, &enabled)
	if disabled.Disabled == nil || enabled.Disabled != nil {
		t.Errorf("%+v, %+v", disabled, enabled)
	}
	var reset wire.Password
	do(http.MethodPost, "/anna/password", object{"forget_passkeys": true}, http.StatusOK, "").JSON(t, &reset)
	s.Clock.Advance(time.Minute)
	if in := signed(t, s, "anna", reset.Password); !in.MustChange {
		t.Errorf("%+v", in)
	}
	do(http.MethodPost, "", object{"name": "anna", "role": "admin"}, http.StatusConflict, "admin_exists")
	do(http.MethodGet, "/nobody", nil, http.StatusNotFound, "admin_not_found")
	a := s.Do(t, testkit.SuperAdmin, http.MethodPost, "/api/v1/admins", object{"name": "x", "role": "super_admin"})
	status(t, a, http.StatusForbidden, "role_too_high")
}
