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

// A token's way through the operations, and what the log keeps of it.
func TestTokenOperations(t *testing.T) {
	t.Parallel()
	s := server(t, testkit.HOTP("A/1 ü"))
	const path = "/api/v1/tokens/A%2F1%20%C3%BC"
	s.User(t, "anna")
	var tok wire.Token
	for _, c := range []struct {
		caller, method, path string
		body                 any
		status               int
		code                 string
		check                func() bool
	}{
		{testkit.Admin, "GET", path, nil, 200, "", func() bool {
			return tok.Serial == "A/1 ü" && tok.State == "VALID" && tok.User == "" && tok.Algorithm == "HOTP"
		}},
		{testkit.Admin, "POST", path + "/assign", object{"user": "ANNA"}, 200, "",
			func() bool { return tok.User == "anna" }},
		{testkit.Admin, "POST", path + "/assign", object{"user": "anna"}, 409, "token_taken", nil},
		{testkit.Admin, "DELETE", "/api/v1/users/anna", nil, 409, "user_holds_tokens", nil},
		{testkit.HelpDesk, "POST", path + "/state", object{"state": "REVOKED_TOKEN_BROKEN"}, 403, "forbidden", nil},
		{testkit.HelpDesk, "POST", path + "/state", object{"state": "REVOKED_TOKEN_LOST", "reason": "left in a taxi"},
			200, "",
			func() bool { return tok.State == "REVOKED_TOKEN_LOST" && tok.StateReason == "left in a taxi" }},
		{testkit.HelpDesk, "POST", path + "/state", object{"state": "VALID"}, 403, "forbidden", nil},
		{testkit.HelpDesk, "POST", path + "/state", object{"state": "REVOKED_TOKEN_LOST"}, 409, "state_unchanged", nil},
		{testkit.Admin, "POST", path + "/state", object{"state": "VALID", "reason": "found"}, 200, "",
			func() bool { return tok.State == "VALID" }},
		{testkit.HelpDesk, "POST", path + "/label", object{"label": "desk"}, 403, "forbidden", nil},
		{testkit.Admin, "POST", path + "/label", object{"label": "desk"}, 200, "",
			func() bool { return tok.Label == "desk" }},
		{testkit.Admin, "POST", path + "/label", object{"label": "desk"}, 409, "label_unchanged", nil},
		{testkit.Admin, "POST", path + "/label", object{"label": ""}, 200, "", func() bool { return tok.Label == "" }},
		{testkit.Admin, "POST", path + "/unassign", nil, 200, "", func() bool { return tok.User == "" }},
		{testkit.Admin, "POST", path + "/unassign", nil, 409, "token_free", nil},
		{testkit.HelpDesk, "DELETE", path, nil, 403, "forbidden", nil},
		{testkit.Admin, "DELETE", path, nil, 200, "", func() bool { return tok.Serial == "A/1 ü" }},
		{testkit.Admin, "DELETE", path, nil, 404, "token_not_found", nil},
		{testkit.Admin, "DELETE", "/api/v1/users/anna", nil, 204, "", nil},
		{testkit.Admin, "GET", "/api/v1/users/anna", nil, 404, "user_not_found", nil},
	} {
		size := s.LogSize(t)
		a := s.Do(t, c.caller, c.method, c.path, c.body)
		status(t, a, c.status, c.code)
		want := int64(0)
		if c.status < 300 && c.method != "GET" {
			want = 1
		}
		if n := s.LogSize(t) - size; n != want {
			t.Errorf("%s %s as %s: %d entries, want %d", c.method, c.path, c.caller, n, want)
		}
		tok = wire.Token{}
		if c.check == nil {
			continue
		}
		if a.JSON(t, &tok); !c.check() {
			t.Errorf("%s %s: %s", c.method, c.path, a.Body)
		}
	}
}

func TestUsers(t *testing.T) {
	t.Parallel()
	s := server(t)
	var u wire.User
	a := s.Do(t, testkit.Admin, "POST", "/api/v1/users", object{"name": "Anna Müller"})
	status(t, a, http.StatusCreated, "")
	if a.JSON(t, &u); u.Name != "anna müller" || u.Tokens != 0 || u.Locked {
		t.Errorf("added %+v", u)
	}
	status(t, s.Do(t, testkit.Admin, "POST", "/api/v1/users", object{"name": "ANNA MÜLLER"}), http.StatusConflict,
		"user_exists")
	status(t, s.Do(t, testkit.Operator, "GET", "/api/v1/users/Anna%20M%C3%BCller", nil), http.StatusOK, "")
	status(t, s.Do(t, testkit.HelpDesk, "POST", "/api/v1/users/anna%20m%C3%BCller/unlock", nil), http.StatusOK, "")
	a = s.Do(t, testkit.Admin, "POST", "/api/v1/users/Anna%20M%C3%BCller/rename", object{"name": "Anna Berg"})
	status(t, a, http.StatusOK, "")
	if a.JSON(t, &u); u.Name != "anna berg" {
		t.Errorf("renamed %+v", u)
	}
	var shown wire.ShownUser
	s.Do(t, testkit.Operator, "GET", "/api/v1/users/anna%20berg", nil).JSON(t, &shown)
	if shown.Name != "anna berg" || !slices.Equal(shown.FormerNames, []string{"anna müller"}) {
		t.Errorf("shown %+v", shown)
	}
	status(t, s.Do(t, testkit.Admin, "POST", "/api/v1/users/nobody/rename", object{"name": "x"}), http.StatusNotFound,
		"user_not_found")
	status(t, s.Do(t, testkit.HelpDesk, "POST", "/api/v1/users/nobody/unlock", nil), http.StatusNotFound,
		"user_not_found")
}

// Pages follow each other without loss and end.
func TestPages(t *testing.T) {
	t.Parallel()
	var keys []*pskc.Key
	for i := range 25 {
		keys = append(keys, testkit.HOTP(fmt.Sprintf("%02d", i)))
	}
	s := server(t, keys...)
	for i := range 7 {
		s.User(t, fmt.Sprintf("user%d", i))
	}
	walk := func(path string, names func(a testkit.Answer) ([]string, *string)) (all []string, pages int) {
		t.Helper()
		for after := ""; ; pages++ {
			a := s.Do(t, testkit.Root, "GET", path+after, nil)
			status(t, a, 200, "")
			page, next := names(a)
			all = append(all, page...)
			if next == nil || pages > 50 {
				return all, pages + 1
			}
			after = "&after=" + *next
		}
	}
	tokens, pages := walk("/api/v1/tokens?limit=10", func(a testkit.Answer) (names []string, _ *string) {
		var l wire.TokenList
		a.JSON(t, &l)
		for _, tok := range l.Tokens {
			names = append(names, tok.Serial)
		}
		return names, l.Next
	})
	if len(tokens) != 25 || pages != 3 || !slices.IsSorted(tokens) || tokens[24] != "24" {
		t.Errorf("%d pages of tokens: %v", pages, tokens)
	}
	users, pages := walk("/api/v1/users?limit=7", func(a testkit.Answer) (names []string, _ *string) {
		var l wire.UserList
		a.JSON(t, &l)
		for _, u := range l.Users {
			names = append(names, u.Name)
		}
		return names, l.Next
	})
	if len(users) != 7 || pages != 1 {
		t.Errorf("%d pages of users: %v", pages, users)
	}
	size := s.LogSize(t)
	var last int64
	entries, _ := walk("/api/v1/audit?limit=7", func(a testkit.Answer) (seqs []string, _ *string) {
		var l wire.AuditList
		a.JSON(t, &l)
		for _, e := range l.Entries {
			if last != 0 && e.Seq != last-1 {
				t.Errorf("entry %d follows %d", e.Seq, last)
			}
			last = e.Seq
			seqs = append(seqs, fmt.Sprint(e.Seq))
		}
		return seqs, l.Next
	})
	if int64(len(entries)) != size || entries[0] != fmt.Sprint(size-1) || last != 0 {
		t.Errorf("%d of %d entries, from %s to %d", len(entries), size, entries[0], last)
	}
	about, _ := walk("/api/v1/audit?limit=7&serial=13", func(a testkit.Answer) (names []string, _ *string) {
		var l wire.AuditList
		a.JSON(t, &l)
		for _, e := range l.Entries {
			names = append(names, fmt.Sprint(e.Entry["action"]))
		}
		return names, l.Next
	})
	if !slices.Equal(about, []string{"token.staged"}) {
		t.Errorf("about token 13 the log has %v", about)
	}
	empty := s.Do(t, testkit.Root, "GET", "/api/v1/tokens?serial=none", nil)
	if strings.TrimSpace(empty.Body) != `{"tokens":[],"next":null}` {
		t.Errorf("an empty list is %s", empty.Body)
	}
}

func TestListFilters(t *testing.T) {
	t.Parallel()
	s := server(t, testkit.HOTP("1"), testkit.TOTP("2"), testkit.OCRA("3"))
	s.User(t, "anna")
	s.Assign(t, "2", "anna")
	s.SetState(t, "3", 1)
	key := testkit.HOTP("1")
	for _, otp := range testkit.Wrong(t, key, 0, s.Config.Verifier.Policy().FailureLimit) {
		verify(t, s, testkit.Verifier, "1", otp)
		s.Clock.Advance(time.Hour)
	}
	for query, want := range map[string]string{
		"": "2 1 3", "serial=2": "2", "type=hotp": "1", "user=Anna": "2", "state=VALID": "2 1",
		"state=REVOKED_TOKEN_LOST": "3",
		"kind=hardware":            "2 1 3", "kind=software": "", "limit=1": "2", "serial=2&type=hotp": "",
		"kind=all": "2 1 3", "sort=user": "2 1 3", "sort=user&desc=true": "2 3 1", "sort=serial": "1 2 3",
		"sort=serial&desc=true": "3 2 1", "sort=arrival": "1 2 3", "sort=last-used": "1 2 3", "sort=expires": "1 2 3",
		"free=true": "1 3", "free=true&state=VALID": "1", "locked=true": "1", "free=false": "2 1 3", "search=NNA": "2",
		"search=3": "3", "search=x": "", "search=%25": "",
	} {
		var l wire.TokenList
		a := s.Do(t, testkit.Admin, "GET", "/api/v1/tokens?"+query, nil)
		status(t, a, 200, "")
		a.JSON(t, &l)
		var got []string
		for _, tok := range l.Tokens {
			got = append(got, tok.Serial)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %v, want %s", query, got, want)
		}
	}
	status(t, s.Do(t, testkit.Admin, "GET", "/api/v1/tokens?user=nobody", nil), 404, "user_not_found")
	status(t, s.Do(t, testkit.Admin, "GET", "/api/v1/tokens?user=anna&free=true", nil), 422, "free_and_user")
	s.User(t, "bert")
	s.User(t, "bo anna")
	for query, want := range map[string]string{"": "anna,bert,bo anna", "without_token=true": "bert,bo anna",
		"locked=true": "", "search=ANNA": "anna,bo anna", "search=ANNA&without_token=true": "bo anna", "search=_": ""} {
		var l wire.UserList
		s.Do(t, testkit.Admin, "GET", "/api/v1/users?"+query, nil).JSON(t, &l)
		var got []string
		for _, u := range l.Users {
			got = append(got, u.Name)
		}
		if strings.Join(got, ",") != want {
			t.Errorf("users %q: %v, want %s", query, got, want)
		}
	}
}

// A page goes on only in the order that its cursor is of, and behind a token that is gone.
func TestCursorsOfTokens(t *testing.T) {
	t.Parallel()
	s := server(t, testkit.HOTP("1"), testkit.HOTP("2"), testkit.HOTP("3"))
	s.User(t, "ännchen")
	s.Assign(t, "3", "ännchen")
	for _, order := range []string{"user", "serial", "arrival", "last-used", "expires"} {
		for _, desc := range []string{"", "&desc=true"} {
			var first, rest wire.TokenList
			path := "/api/v1/tokens?sort=" + order + desc
			s.Do(t, testkit.Admin, "GET", path+"&limit=1", nil).JSON(t, &first)
			s.Do(t, testkit.Admin, "GET", path+"&after="+*first.Next, nil).JSON(t, &rest)
			if len(first.Tokens) != 1 || len(rest.Tokens) != 2 || rest.Next != nil ||
				rest.Tokens[0].Serial == first.Tokens[0].Serial || rest.Tokens[1].Serial == first.Tokens[0].Serial {
				t.Errorf("%s: %v, then %v", path, first.Tokens, rest.Tokens)
			}
			other := map[string]string{"user": "serial"}[order]
			if other == "" {
				other = "user"
			}
			for _, path := range []string{"/api/v1/tokens?sort=" + other + desc, "/api/v1/tokens?sort=" + order +
				map[string]string{"": "&desc=true"}[desc]} {
				status(t, s.Do(t, testkit.Admin, "GET", path+"&after="+*first.Next, nil), 422, "cursor")
			}
		}
	}
	for _, bad := range []string{"1", "e30", "bm8", "eyJzIjoidXNlciJ9e30", "eyJzIjoidXNlciIsIngiOjF9",
		"eyJzIjoidXNlciJ9="} {
		status(t, s.Do(t, testkit.Admin, "GET", "/api/v1/tokens?after="+bad, nil), 422, "cursor")
	}
}
