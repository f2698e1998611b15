package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"ostiary/internal/doors/wire"
	"ostiary/internal/test/testkit"
)

// A key works from its creation to its revocation, and as what it was made.
func TestKeys(t *testing.T) {
	t.Parallel()
	s := server(t)
	create := func(caller string, body object) testkit.Answer {
		return s.Do(t, caller, http.MethodPost, "/api/v1/keys", body)
	}
	a := create(testkit.SuperAdmin, object{"name": "radius", "role": "verifier"})
	status(t, a, http.StatusCreated, "")
	var key struct{ Key, ID, Name, Role string }
	a.JSON(t, &key)
	if !strings.HasPrefix(key.Key, "ostiary_"+key.ID+"_") || key.Name != "radius" || key.Role != "verifier" {
		t.Errorf("the key is %+v", key)
	}
	s.Bearer["radius"] = key.Key
	valid(t, verify(t, s, "radius", "1", "123456"), false)
	if e := s.LastEntry(t); e.Actor != "key:radius" {
		t.Errorf("the log says %s", e.Raw)
	}
	status(t, s.Do(t, "radius", http.MethodGet, "/api/v1/tokens", nil), http.StatusForbidden, "forbidden")
	status(t, create(testkit.SuperAdmin, object{"name": "radius", "role": "admin"}), http.StatusConflict, "key_exists")

	list := s.Do(t, testkit.SuperAdmin, http.MethodGet, "/api/v1/keys", nil)
	if secret := key.Key[len("ostiary_")+11:]; strings.Contains(list.Body, secret) ||
		strings.Contains(s.Dump(t), secret) || strings.Contains(s.Log.String(), secret) {
		t.Error("the key can be had again")
	}
	status(t, s.Do(t, testkit.SuperAdmin, http.MethodDelete, "/api/v1/keys/radius", nil), http.StatusNoContent, "")
	status(t, verify(t, s, "radius", "1", "123456"), http.StatusUnauthorized, "unauthenticated")
	status(t, s.Do(t, testkit.SuperAdmin, http.MethodDelete, "/api/v1/keys/radius", nil), http.StatusNotFound,
		"key_not_found")
	// The name is free again, and the old key stays dead.
	status(t, create(testkit.SuperAdmin, object{"name": "radius", "role": "verifier"}), http.StatusCreated, "")
	status(t, verify(t, s, "radius", "1", "123456"), http.StatusUnauthorized, "unauthenticated")
	var l wire.KeyList
	s.Do(t, testkit.SuperAdmin, http.MethodGet, "/api/v1/keys", nil).JSON(t, &l)
	if last := l.Keys[len(l.Keys)-1]; last.Name != "radius" || last.Revoked == nil {
		t.Errorf("the last key is %+v, want the revoked one", last)
	}
}

// Nobody makes or revokes keys of his own role or above.
func TestKeyCeilings(t *testing.T) {
	t.Parallel()
	s := server(t)
	for _, c := range []struct {
		caller, role string
		status       int
	}{
		{testkit.Admin, "verifier", 403}, {testkit.SuperAdmin, "admin", 201}, {testkit.SuperAdmin, "operator", 201},
		{testkit.SuperAdmin, "super_admin", 403}, {testkit.Root, "super_admin", 201},
	} {
		name := c.caller + "-" + c.role
		if a := s.Do(t, c.caller, http.MethodPost, "/api/v1/keys",
			object{"name": name, "role": c.role}); a.Status != c.status {
			t.Errorf("%s makes a key of %s: %d, want %d", c.caller, c.role, a.Status, c.status)
		}
	}
	status(t, s.Do(t, testkit.SuperAdmin, http.MethodDelete, "/api/v1/keys/root-super_admin", nil),
		http.StatusForbidden, "role_too_high")
	status(t, s.Do(t, testkit.SuperAdmin, http.MethodDelete, "/api/v1/keys/super-admin", nil), http.StatusForbidden,
		"role_too_high")
	status(t, s.Do(t, testkit.Root, http.MethodDelete, "/api/v1/keys/root-super_admin", nil), http.StatusNoContent, "")
}

func TestSession(t *testing.T) {
	t.Parallel()
	s := server(t)
	start := func(password string) testkit.Answer {
		return s.Do(t, testkit.Nobody, http.MethodPost, "/api/v1/session", object{"name": "ROOT", "password": password})
	}
	bearer := startSession(t, s, s.RootPassword)
	s.Bearer["second"] = bearer
	status(t, s.Do(t, "second", http.MethodGet, "/api/v1/keys", nil), http.StatusOK, "")
	a := start("wrong-password-1")
	status(t, a, http.StatusUnauthorized, "wrong_password")
	if e := s.LastEntry(t); e.Action != "session.started" || e.Outcome != "refused" ||
		strings.Contains(e.Raw+a.Body+s.Log.String(), "wrong-password-1") {
		t.Errorf("the log says %s", e.Raw)
	}
	status(t, s.Do(t, "second", http.MethodDelete, "/api/v1/session", nil), http.StatusNoContent, "")
	status(t, s.Do(t, "second", http.MethodGet, "/api/v1/keys", nil), http.StatusUnauthorized, "unauthenticated")
	status(t, s.Do(t, "second", http.MethodDelete, "/api/v1/session", nil), http.StatusUnauthorized, "unauthenticated")
	status(t, s.Do(t, testkit.Root, http.MethodGet, "/api/v1/keys", nil), http.StatusOK, "")
	status(t, s.Do(t, testkit.Admin, http.MethodDelete, "/api/v1/session", nil), http.StatusConflict, "no_session")
	// A session ends by itself.
	s.Clock.Advance(30 * time.Minute)
	status(t, s.Do(t, testkit.Root, http.MethodGet, "/api/v1/keys", nil), http.StatusUnauthorized, "unauthenticated")
	// Guessing is slowed down, also for the right password.
	throttled := 0
	for i := range 15 {
		if a := start(fmt.Sprintf("guess-%d", i)); a.Status == http.StatusTooManyRequests {
			status(t, a, http.StatusTooManyRequests, "too_many_tries")
			throttled++
		}
	}
	if throttled == 0 {
		t.Error("15 guesses at once are all looked at")
	}
	if a := start(s.RootPassword); a.Status != http.StatusTooManyRequests {
		t.Errorf("the right password after them: %d, want 429", a.Status)
	}
	s.Clock.Advance(time.Minute)
	startSession(t, s, s.RootPassword)
}

func TestAuditOverREST(t *testing.T) {
	t.Parallel()
	s := server(t, testkit.HOTP("1"))
	check := func(body object, ok bool) wire.AuditReport {
		t.Helper()
		a := s.Do(t, testkit.Operator, http.MethodPost, "/api/v1/audit/verify", body)
		status(t, a, http.StatusOK, "")
		var rep wire.AuditReport
		if a.JSON(t, &rep); rep.OK != ok || (rep.Problem == "") != ok {
			t.Errorf("the report is %s, want ok %v", a.Body, ok)
		}
		return rep
	}
	a := s.Do(t, testkit.Operator, http.MethodGet, "/api/v1/audit/checkpoint", nil)
	status(t, a, http.StatusOK, "")
	var c wire.Checkpoint
	a.JSON(t, &c)
	verify(t, s, testkit.Verifier, "1", "123456")
	if rep := check(object{"checkpoints": []string{c.Checkpoint}}, true); rep.Entries != s.LogSize(t) ||
		rep.Checkpoints != 1 && rep.Checkpoints != 2 {
		t.Errorf("the report is %+v, the log has %d entries", rep, s.LogSize(t))
	}
	for _, note := range []string{strings.Replace(c.Checkpoint, "\n", "\n1", 1), "no checkpoint"} {
		a := s.Do(t, testkit.Operator, http.MethodPost, "/api/v1/audit/verify", object{"checkpoints": []string{note}})
		status(t, a, http.StatusUnprocessableEntity, "foreign_checkpoint")
	}
	s.Exec(t, `UPDATE audit_entry SET entry = CAST(replace(CAST(entry AS TEXT), 'key:test', 'key:best') AS BLOB) WHERE seq = 2`)
	if rep := check(object{}, false); rep.Problem == "" {
		t.Error("an edited log does not say what is wrong")
	}
}
