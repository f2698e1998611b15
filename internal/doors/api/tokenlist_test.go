package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"ostiary/internal/doors/wire"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// Each page leads to the one before it, in every order; the first has none before it.
func TestPagesBackwards(t *testing.T) {
	t.Parallel()
	var keys []*pskc.Key
	for i := range 7 {
		keys = append(keys, testkit.HOTP(fmt.Sprint(i)))
	}
	s := server(t, keys...)
	for i := range 5 {
		s.User(t, fmt.Sprintf("user%d", i))
		s.Assign(t, fmt.Sprint(i), fmt.Sprintf("user%d", i))
	}
	type page struct {
		names          string
		next, previous *string
	}
	tokens := func(query string) (p page) {
		var l wire.TokenList
		a := s.Do(t, testkit.Admin, "GET", "/api/v1/tokens?limit=2"+query, nil)
		status(t, a, http.StatusOK, "")
		a.JSON(t, &l)
		for _, tok := range l.Tokens {
			p.names += tok.Serial + " "
		}
		return page{p.names, l.Next, l.Previous}
	}
	users := func(query string) (p page) {
		var l wire.UserList
		a := s.Do(t, testkit.Admin, "GET", "/api/v1/users?limit=2"+query, nil)
		status(t, a, http.StatusOK, "")
		a.JSON(t, &l)
		for _, u := range l.Users {
			p.names += u.Name + " "
		}
		return page{p.names, l.Next, l.Previous}
	}
	check := func(what string, fetch func(query string) page, before string) {
		t.Helper()
		all := []page{fetch("")}
		for p := all[0]; p.next != nil && len(all) < 10; all = append(all, p) {
			p = fetch("&after=" + *p.next)
		}
		if len(all) < 3 || all[0].previous != nil {
			t.Fatalf("%s: %d pages, the first of which says that %v is before it", what, len(all), all[0].previous)
		}
		for i, p := range slices.Backward(all[1:]) {
			if p.previous == nil {
				t.Errorf("%s: nothing is before page %d", what, i+1)
				continue
			}
			back := fetch("&" + before + "=" + *p.previous)
			if back.names != all[i].names || (back.previous == nil) != (i == 0) || back.next == nil {
				t.Errorf("%s: before page %d is %+v, want %+v", what, i+1, back, all[i])
				continue
			}
			if again := fetch("&after=" + *back.next); again.names != p.names {
				t.Errorf("%s: behind page %d is %q, want %q", what, i, again.names, p.names)
			}
		}
	}
	for _, sort := range []string{"user", "serial", "arrival", "last-used", "expires", "state", "type", "manufacturer",
		"failures", "drift"} {
		for _, desc := range []string{"", "&desc=true"} {
			check(sort+desc, func(query string) page { return tokens("&sort=" + sort + desc + query) }, "after")
		}
	}
	check("users", users, "before")
	status(t, s.Do(t, testkit.Admin, "GET", "/api/v1/users?after=a&before=b", nil), http.StatusUnprocessableEntity,
		"after_and_before")
	var l wire.TokenList
	s.Do(t, testkit.Admin, "GET", "/api/v1/tokens?limit=2&sort=serial", nil).JSON(t, &l)
	status(t, s.Do(t, testkit.Admin, "GET", "/api/v1/tokens?sort=type&after="+*l.Next, nil),
		http.StatusUnprocessableEntity, "cursor")
}

// Each filter chooses what it says, and the count is that of the list.
func TestFurtherFilters(t *testing.T) {
	t.Parallel()
	one := testkit.HOTP("AB1")
	s := server(t, one, testkit.HOTP("ab2"), testkit.TOTP("C*3"))
	s.User(t, "anna")
	s.User(t, "änne")
	s.Assign(t, "AB1", "anna")
	s.Assign(t, "ab2", "änne")
	valid(t, verify(t, s, testkit.Verifier, "AB1", testkit.Code(t, one, 0)), true)
	status(t, s.Do(t, testkit.Admin, "POST", "/api/v1/tokens/C*3/label", object{"label": "Drawer 3"}), http.StatusOK, "")
	now := testkit.Start.Add(time.Hour).UTC().Format(time.RFC3339)
	for query, want := range map[string]string{
		"serial_prefix=AB": "AB1", "serial_prefix=C*": "C*3", "serial_prefix=x": "", "serial_contains=b": "AB1 ab2",
		"user_prefix=AN": "AB1", "user_prefix=%C3%84N": "ab2", "user_contains=nn": "AB1 ab2", "label=drawer": "C*3",
		"assigned=true": "AB1 ab2", "never_used=true": "ab2 C*3", "unused_since=" + now: "AB1 ab2 C*3",
		"unused_since=2020-01-01T00:00:00Z": "ab2 C*3", "serial_prefix=a&type=hotp": "ab2", "locked=true": "",
	} {
		var l wire.TokenList
		a := s.Do(t, testkit.Admin, "GET", "/api/v1/tokens?count=true&sort=user&"+query, nil)
		status(t, a, http.StatusOK, "")
		a.JSON(t, &l)
		var serials []string
		for _, tok := range l.Tokens {
			serials = append(serials, tok.Serial)
		}
		if got := strings.Join(serials, " "); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
		if l.Count == nil || *l.Count != (wire.Count{Number: len(serials)}) {
			t.Errorf("%s: counted %+v of %d", query, l.Count, len(serials))
		}
	}
	status(t, s.Do(t, testkit.Admin, "GET", "/api/v1/tokens?free=true&assigned=true", nil),
		http.StatusUnprocessableEntity, "free_and_user")
	var users wire.UserList
	s.Do(t, testkit.Operator, "GET", "/api/v1/users?count=true&search=nn&limit=1", nil).JSON(t, &users)
	if users.Count == nil || *users.Count != (wire.Count{Number: 2}) {
		t.Errorf("users: %+v", users.Count)
	}
	var log wire.AuditList
	s.Do(t, testkit.Operator, "GET", "/api/v1/audit?count=true&limit=1", nil).JSON(t, &log)
	if log.Count == nil || *log.Count != (wire.Count{Number: int(s.LogSize(t))}) {
		t.Errorf("entries: %+v", log.Count)
	}
}

// Why a code was refused is told to those who ask for it and may see tokens. To all others
// a refusal looks as ever.
func TestExplainedRefusal(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	s := server(t, key)
	explain := func(caller, otp string) testkit.Answer {
		return s.Do(t, caller, http.MethodPost, "/api/v1/verify", object{"serial": "1", "otp": otp, "explain": true})
	}
	for _, caller := range []string{testkit.Admin, testkit.HelpDesk} {
		a := explain(caller, testkit.Code(t, key, 24))
		if want := `{"valid":false,"reason":"out_of_window","ahead":24}` + "\n"; a.Status != http.StatusOK || a.Body != want {
			t.Errorf("%s: %d %s, want %s", caller, a.Status, a.Body, want)
		}
		s.Clock.Advance(time.Hour)
	}
	for _, caller := range []string{testkit.Verifier, testkit.Operator} {
		unchanged(t, s, func() {
			status(t, explain(caller, testkit.Code(t, key, 24)), http.StatusForbidden, "forbidden")
		})
	}
	valid(t, verify(t, s, testkit.Verifier, "1", testkit.Code(t, key, 24)), false)
	valid(t, verify(t, s, testkit.Admin, "1", testkit.Code(t, key, 24)), false)
	s.Clock.Advance(time.Hour)
	valid(t, explain(testkit.Admin, testkit.Code(t, key, 0)), true)
}
