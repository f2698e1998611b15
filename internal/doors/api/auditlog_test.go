package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"ostiary/internal/doors/wire"
	"ostiary/internal/test/testkit"
)

func auditList(t *testing.T, s *testkit.Server, caller, query string) (list wire.AuditList) {
	t.Helper()
	a := s.Do(t, caller, http.MethodGet, "/api/v1/audit"+query, nil)
	status(t, a, http.StatusOK, "")
	a.JSON(t, &list)
	return list
}

// The log is searched by serial, user, action, outcome, actor, key and time, and by
// several of them.
func TestAuditSearchOverREST(t *testing.T) {
	t.Parallel()
	s := server(t, testkit.HOTP("1"), testkit.HOTP("2"))
	s.Do(t, testkit.Admin, http.MethodPost, "/api/v1/users", object{"name": "alice"})
	s.Clock.Advance(time.Hour)
	since := s.Clock.Now().UTC().Format(time.RFC3339Nano)
	a := s.Do(t, testkit.Admin, http.MethodPost, "/api/v1/tokens/1/assign", object{"user": "alice"})
	status(t, a, http.StatusOK, "")
	verify(t, s, testkit.Verifier, "1", "000000")
	verify(t, s, testkit.Verifier, "2", "000000")
	verifierID := s.LastEntry(t).ActorID
	if verifierID == "" {
		t.Fatalf("the entry names no key: %s", s.LastEntry(t).Raw)
	}
	for _, c := range []struct {
		query string
		want  string // the actions
	}{
		{"?serial=1&outcome=refused", "code.verified"},
		{"?serial=1&action=token.assigned", "token.assigned"},
		{"?user=ALICE", "code.verified token.assigned user.added"},
		{"?user=alice&from=" + since, "code.verified token.assigned"},
		{"?user=alice&to=" + since, "user.added"},
		{"?actor=key:verifier", "code.verified code.verified"},
		{"?actor_id=" + verifierID, "code.verified code.verified"},
		{"?actor_id=" + verifierID + "&actor=key:admin", ""},
		{"?actor=key:admin&outcome=done", "token.assigned user.added"},
		{"?action=code.verified&actor=key:admin", ""},
		{"?serial=nosuch", ""},
		{"?reason=wrong", "code.verified code.verified"},
		{"?reason=wrong&serial=1", "code.verified"},
		{"?reason=replayed", ""},
	} {
		var actions []string
		for _, e := range auditList(t, s, testkit.HelpDesk, c.query).Entries {
			actions = append(actions, e.Entry["action"].(string))
		}
		if got := strings.Join(actions, " "); got != c.want {
			t.Errorf("%s finds %q, want %q", c.query, got, c.want)
		}
	}
	for _, query := range []string{"?outcome=other", "?from=yesterday", "?after=x",
		"?action=" + strings.Repeat("x", 65)} {
		a := s.Do(t, testkit.Admin, http.MethodGet, "/api/v1/audit"+query, nil)
		if a.Status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", query, a.Status)
		}
	}
}

// A revoked key and a new one of its name are two actors.
func TestKeysOfOneNameAreToldApartInTheLog(t *testing.T) {
	t.Parallel()
	s := server(t)
	var ids []string
	for range 2 {
		var key wire.NewKey
		s.Do(t, testkit.SuperAdmin, http.MethodPost, "/api/v1/keys",
			object{"name": "radius", "role": "verifier"}).JSON(t, &key)
		s.Bearer["radius"] = key.Text
		verify(t, s, "radius", "1", "123456")
		if e := s.LastEntry(t); e.Actor != "key:radius" || e.ActorID != key.ID {
			t.Errorf("the entry of key %s: %s", key.ID, e.Raw)
		}
		ids = append(ids, key.ID)
		s.Do(t, testkit.SuperAdmin, http.MethodDelete, "/api/v1/keys/radius", nil)
	}
	for _, id := range ids {
		if list := auditList(t, s, testkit.Admin, "?actor_id="+id); len(list.Entries) != 1 {
			t.Errorf("key %s did %d things", id, len(list.Entries))
		}
	}
	if list := auditList(t, s, testkit.Admin, "?actor=key:radius"); len(list.Entries) != 2 {
		t.Errorf("both did %d things", len(list.Entries))
	}
}

// Operators without the help-desk set see no serial in the log, and search by none.
func TestOperatorsSeeNoSerialsInTheLog(t *testing.T) {
	t.Parallel()
	const one, two = "SN99000001", "SN99000002"
	s := server(t, testkit.HOTP(one), testkit.HOTP(two))
	s.Do(t, testkit.Admin, http.MethodPost, "/api/v1/users", object{"name": "alice"})
	for _, c := range []struct {
		path   string
		body   object
		status int
	}{
		{one + "/assign", object{"user": "alice"}, http.StatusOK},
		{one + "/replace", object{"by": two, "reason": "lost " + one}, http.StatusCreated},
		{two + "/state", object{"state": "REVOKED_TOKEN_LOST", "reason": two + " fell into the sea"}, http.StatusOK},
	} {
		status(t, s.Do(t, testkit.Admin, http.MethodPost, "/api/v1/tokens/"+c.path, c.body), c.status, "")
	}
	verify(t, s, testkit.Verifier, one, "000000")
	verify(t, s, testkit.Verifier, two, "000000")
	status(t, s.Do(t, testkit.SuperAdmin, http.MethodPost, "/api/v1/exports",
		object{"passphrase": "correct horse battery", "all": true}), http.StatusOK, "")
	for _, query := range []string{"?limit=1000", "?user=alice", "?action=code.verified", "?action=tokens.exported"} {
		a := s.Do(t, testkit.Operator, http.MethodGet, "/api/v1/audit"+query, nil)
		status(t, a, http.StatusOK, "")
		if strings.Contains(a.Body, "SN9900") {
			t.Errorf("%s shows a serial: %s", query, a.Body)
		}
		if !strings.Contains(a.Body, `"hidden":true`) {
			t.Errorf("%s does not say that something is hidden: %s", query, a.Body)
		}
		if b := s.Do(t, testkit.HelpDesk, http.MethodGet, "/api/v1/audit"+query, nil); !strings.Contains(b.Body, one) ||
			strings.Contains(b.Body, `"hidden"`) {
			t.Errorf("%s hides serials from the help desk: %s", query, b.Body)
		}
	}
	// Nor does an entry by itself, nor a search for what was written.
	list := auditList(t, s, testkit.Admin, "?action=token.state_changed")
	at := fmt.Sprintf("/api/v1/audit/entries/%d", list.Entries[0].Seq)
	if a := s.Do(t, testkit.Operator, http.MethodGet, at, nil); a.Status != http.StatusOK ||
		strings.Contains(a.Body, "SN9900") || !strings.Contains(a.Body, `"hidden":true`) {
		t.Errorf("the entry shows a serial: %s", a.Body)
	}
	if a := s.Do(t, testkit.HelpDesk, http.MethodGet, at, nil); !strings.Contains(a.Body, two) {
		t.Errorf("the entry hides the serial from the help desk: %s", a.Body)
	}
	status(t, s.Do(t, testkit.Admin, http.MethodGet, "/api/v1/audit/entries/4711", nil), http.StatusNotFound,
		"entry_not_found")
	written := "?reason=" + url.QueryEscape(two+" fell into the sea")
	if n := len(auditList(t, s, testkit.HelpDesk, written).Entries); n != 1 {
		t.Errorf("the help desk finds %d entries by a reason", n)
	}
	if n := len(auditList(t, s, testkit.Operator, written).Entries); n != 0 {
		t.Errorf("an operator finds %d entries by a reason that is hidden", n)
	}
	if n := len(auditList(t, s, testkit.Operator, "?reason=revoked").Entries); n != 2 {
		t.Errorf("an operator finds %d refusals by their reason", n)
	}
	status(t, s.Do(t, testkit.Operator, http.MethodGet, "/api/v1/audit"+written+"&outcome=done", nil),
		http.StatusForbidden, "forbidden")
	for _, serial := range []string{one, "nosuch"} {
		status(t, s.Do(t, testkit.Operator, http.MethodGet, "/api/v1/audit?serial="+url.QueryEscape(serial), nil),
			http.StatusForbidden, "forbidden")
	}
}
