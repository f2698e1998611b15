package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"ostiary/internal/doors/wire"
	"ostiary/internal/test/testkit"
)

func show(t *testing.T, s *testkit.Server, path string) (tok wire.Token) {
	t.Helper()
	a := s.Do(t, testkit.Admin, http.MethodGet, "/api/v1/tokens/"+path, nil)
	status(t, a, http.StatusOK, "")
	a.JSON(t, &tok)
	return tok
}

// A verifier's acceptance is a login; an administrator's is a check, which uses
// the code up as well.
func TestVerify(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	s := server(t, key)
	code := testkit.Code(t, key, 0)
	valid(t, verify(t, s, testkit.Admin, "1", code), true)
	if tok := show(t, s, "1"); tok.LastUsed != nil || tok.Counter != 1 {
		t.Errorf("after a check: %+v", tok)
	}
	valid(t, verify(t, s, testkit.Verifier, "1", code), false)
	a := verify(t, s, testkit.Verifier, "1", testkit.Code(t, key, 1))
	valid(t, a, true)
	tok := show(t, s, "1")
	if tok.LastUsed == nil || !tok.LastUsed.Equal(testkit.Start) || tok.Counter != 2 || tok.Failures != 0 {
		t.Errorf("after a login: %+v", tok)
	}
	e := s.LastEntry(t)
	if e.Actor != "key:verifier" || e.Role != "verifier" || !strings.HasPrefix(e.Source, "127.0.0.1:") ||
		e.Request != a.Header.Get("X-Request-Id") {
		t.Errorf("the log says %s", e.Raw)
	}
	for _, caller := range []string{testkit.HelpDesk, testkit.Root, testkit.SuperAdmin} {
		s.Clock.Advance(time.Minute)
		valid(t, verify(t, s, caller, "1", testkit.Code(t, key, show(t, s, "1").Counter)), true)
	}
	if again := show(t, s, "1"); !again.LastUsed.Equal(*tok.LastUsed) {
		t.Errorf("checks moved the last use to %v", again.LastUsed)
	}
}

func TestVerifyByUserAndWide(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	s := server(t, key)
	s.User(t, "anna")
	s.Assign(t, "1", "anna")
	post := func(caller string, body object) testkit.Answer {
		return s.Do(t, caller, http.MethodPost, "/api/v1/verify", body)
	}
	valid(t, post(testkit.Verifier, object{"user": "Anna", "otp": testkit.Code(t, key, 0)}), true)
	valid(t, post(testkit.Verifier, object{"user": "anna", "otp": testkit.Code(t, key, 50)}), false)
	status(t, post(testkit.Verifier, object{"serial": "1", "otp": testkit.Code(t, key, 50), "resynchronize": true}),
		http.StatusForbidden, "forbidden")
	valid(t, post(testkit.HelpDesk, object{"serial": "1", "otp": testkit.Code(t, key, 50), "resynchronize": true}),
		true)
	if tok := show(t, s, "1"); tok.Counter != 51 || tok.User != "anna" {
		t.Errorf("the token is %+v", tok)
	}
}

// Who may see tokens is told which a serial may mean; a verifier is not.
func TestVerifyAmbiguousSerial(t *testing.T) {
	t.Parallel()
	h, other := testkit.HOTP("1"), testkit.HOTP("1")
	other.ID, other.Manufacturer, other.Secret = "second", "", testkit.SecretOf("second")
	s := server(t, h, testkit.TOTP("1"), other)
	code := testkit.Code(t, h, 0)
	valid(t, verify(t, s, testkit.Verifier, "1", code), false)
	for _, caller := range []string{testkit.Admin, testkit.HelpDesk} {
		a := verify(t, s, caller, "1", code)
		status(t, a, http.StatusConflict, "serial_ambiguous")
		want := []wire.Identity{{Type: "hotp", Manufacturer: "Acme", KeyID: "1"},
			{Type: "totp", Manufacturer: "Acme", KeyID: "1"}, {Type: "hotp", KeyID: "second"}}
		if p := a.Problem(t); len(p.Candidates) != 3 || p.Candidates[0] != want[0] || p.Candidates[1] != want[1] ||
			p.Candidates[2] != want[2] {
			t.Errorf("the candidates are %+v, want %+v", p.Candidates, want)
		}
	}
	post := func(body object) testkit.Answer {
		return s.Do(t, testkit.Verifier, http.MethodPost, "/api/v1/verify", body)
	}
	valid(t, post(object{"serial": "1", "type": "hotp", "key_id": "1", "otp": code}), true)
	valid(t, post(object{"serial": "1", "manufacturer": "", "otp": testkit.Code(t, other, 0)}), true)
	valid(t, post(object{"serial": "1", "key_id": "second", "otp": testkit.Code(t, other, 1)}), true)
	// In a path the same is said in the query, also by an empty value.
	status(t, s.Do(t, testkit.Admin, http.MethodGet, "/api/v1/tokens/1", nil), http.StatusConflict, "serial_ambiguous")
	if tok := show(t, s, "1?manufacturer="); tok.KeyID != "second" {
		t.Errorf("the token without a manufacturer is %+v", tok)
	}
	if tok := show(t, s, "1?type=totp"); tok.Type != "totp" {
		t.Errorf("the time-based token is %+v", tok)
	}
	status(t, s.Do(t, testkit.Admin, http.MethodGet, "/api/v1/tokens/1?key_id=", nil), http.StatusNotFound,
		"token_not_found")
}

func TestResync(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	s := server(t, key)
	post := func(caller string, body object) testkit.Answer {
		return s.Do(t, caller, http.MethodPost, "/api/v1/tokens/1/resync", body)
	}
	pair := func(c uint64) object {
		return object{"otp1": testkit.Code(t, key, c), "otp2": testkit.Code(t, key, c+1)}
	}
	status(t, post(testkit.Verifier, pair(500)), http.StatusForbidden, "forbidden")
	valid(t, post(testkit.HelpDesk, pair(500)), true)
	valid(t, post(testkit.Admin, pair(500)), false)
	below := pair(600)
	below["counter"] = 501
	status(t, post(testkit.Admin, below), http.StatusUnprocessableEntity, "counter_used")
	far := pair(1_000_000)
	far["counter"] = 1_000_000
	valid(t, post(testkit.Admin, far), true)
	if tok := show(t, s, "1"); tok.Counter != 1_000_002 || tok.Failures != 0 {
		t.Errorf("the token is %+v", tok)
	}
	s.SetState(t, "1", 1)
	status(t, post(testkit.Admin, pair(1_000_002)), http.StatusConflict, "token_refuses")
}

// The lock is shown, and undone by the help desk.
func TestLockAndUnlock(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	s := server(t, key)
	for i, guess := range testkit.Wrong(t, key, 0, 10) {
		if tok := show(t, s, "1"); tok.Failures != i || tok.Locked || tok.FailureLimit != 10 {
			t.Errorf("after %d failures: %+v", i, tok)
		}
		valid(t, verify(t, s, testkit.Verifier, "1", guess), false)
		if tok := show(t, s, "1"); (i >= 2 && !tok.Locked) != (tok.RetryAt != nil) {
			t.Errorf("after %d failures the delay ends at %v", i+1, tok.RetryAt)
		}
		s.Clock.Advance(time.Hour)
	}
	if tok := show(t, s, "1"); !tok.Locked || tok.State != "VALID" {
		t.Errorf("after 10 failures: %+v", tok)
	}
	valid(t, verify(t, s, testkit.Verifier, "1", testkit.Code(t, key, 0)), false)
	a := s.Do(t, testkit.HelpDesk, http.MethodPost, "/api/v1/tokens/1/unlock", nil)
	status(t, a, http.StatusOK, "")
	var tok wire.Token
	if a.JSON(t, &tok); tok.Locked || tok.Failures != 0 {
		t.Errorf("unlocked: %+v", tok)
	}
	valid(t, verify(t, s, testkit.Verifier, "1", testkit.Code(t, key, 0)), true)
}

// No answer about a token holds its secret, in any spelling.
func TestAnswersHoldNoSecret(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	s := server(t, key)
	bodies := ""
	for _, path := range []string{"/api/v1/tokens", "/api/v1/tokens/1", "/api/v1/audit", "/api/v1/keys", "/metrics"} {
		bodies += s.Do(t, testkit.Root, http.MethodGet, path, nil).Body
	}
	raw, err := json.Marshal(s.Kit.Token(t, "1"))
	if err != nil {
		t.Fatal(err)
	}
	bodies += string(raw) + s.Log.String()
	for _, form := range secretForms(key.Secret) {
		if strings.Contains(strings.ToLower(bodies), strings.ToLower(form)) {
			t.Error("an answer holds the secret")
		}
	}
	for caller, bearer := range s.Bearer {
		if strings.Contains(bodies, bearer[len(bearer)-20:]) {
			t.Errorf("an answer holds the credential of %s", caller)
		}
	}
}
