package api_test

import (
	"net/http"
	"testing"
	"time"

	"ostiary/internal/doors/wire"
	"ostiary/internal/test/testkit"
)

// Administrators of each role see and end their own sessions, and nobody else's.
func TestOwnSessions(t *testing.T) {
	t.Parallel()
	s := server(t, testkit.TOTP("1001"))
	other, _ := added(t, s, "bea", "admin")
	mine, _ := added(t, s, "olga", "operator")
	s.Clock.Advance(time.Second)
	second := signed(t, s, "olga", chosenPassword).Token
	const all = "/api/v1/session/all"
	list := func(token string) []wire.AdminSession {
		t.Helper()
		a := as(t, s, token, http.MethodGet, all, nil)
		status(t, a, http.StatusOK, "")
		var l wire.AdminSessionList
		a.JSON(t, &l)
		return l.Sessions
	}
	ends := func(token, session string, want int) {
		t.Helper()
		a := as(t, s, token, http.MethodDelete, all+session, nil)
		status(t, a, http.StatusOK, "")
		var n wire.SessionsEnded
		if a.JSON(t, &n); n.Ended != want {
			t.Errorf("%d sessions were ended", n.Ended)
		}
	}
	alive := func(what, token string, want bool) {
		t.Helper()
		if a := as(t, s, token, http.MethodGet, "/api/v1/users", nil); (a.Status == http.StatusOK) != want {
			t.Errorf("%s: %d %s", what, a.Status, a.Body)
		}
	}
	both, hers := list(mine), list(other)
	if len(both) != 2 || !both[0].Own || both[1].Own || len(hers) != 1 || !hers[0].Own {
		t.Fatalf("olga has %+v, bea %+v", both, hers)
	}
	status(t, as(t, s, mine, http.MethodDelete, all+"/"+hers[0].Session, nil), http.StatusNotFound, "session_not_found")
	alive("bea's", other, true)
	ends(mine, "/"+both[1].Session, 1)
	if e := s.LastEntry(t); e.Action != "session.ended" || e.Actor != "account:olga" ||
		e.Before["session"] != both[1].Session {
		t.Errorf("entry %s", e.Raw)
	}
	alive("the one that was ended", second, false)
	alive("the one that ended it", mine, true)

	// The password alone neither shows nor ends the others.
	s.User(t, "olga")
	s.Assign(t, "1001", "olga")
	waiting := signed(t, s, "olga", chosenPassword).Token
	for method, path := range map[string]string{http.MethodGet: all, http.MethodDelete: all} {
		status(t, as(t, s, waiting, method, path, nil), http.StatusForbidden, "second_factor_needed")
	}
	status(t, as(t, s, waiting, http.MethodDelete, all+"/"+both[0].Session, nil), http.StatusForbidden,
		"second_factor_needed")
	alive("after these", mine, true)
	status(t, s.Do(t, testkit.Root, http.MethodGet, all, nil), http.StatusConflict, "no_account")

	ends(mine, "", 2)
	alive("after all were ended", mine, false)
	alive("bea's at the end", other, true)
}
