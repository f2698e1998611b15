package console_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"ostiary/internal/core/authz"
	"ostiary/internal/engine/codes"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
)

var temporary = regexp.MustCompile(`<dd class="mono handed">(\d{4} \d{4})<`)

// A user's page has the tokens of both kinds; what is done with one leads back there.
func TestUsersTokens(t *testing.T) {
	t.Parallel()
	s, b := phones(t)
	s.Import(t, testkit.HOTP("1001"), testkit.HOTP("1002"))
	has(t, b.get(t, "/users/bea"), 200, "The user has no token", ">Assign a token<", "/software-new?user=bea", ">Delete<")
	has(t, b.fillIn(t, "/users/bea/assign", "serial", "9999"), 404, `value="9999"`)
	has(t, b.fillIn(t, "/users/bea/assign", "serial", " "), 422, "Enter the serial number")
	leads(t, b.fillIn(t, "/users/bea/assign", "serial", "1001"), "/users/bea?done=assign")
	has(t, b.fillIn(t, "/software-new?user=bea", "type", "app-totp", "count", "1"), 200)
	has(t, b.fillIn(t, "/users/bea/assign", "serial", "AT10000001"), 303)
	page := b.get(t, "/users/bea?done=assign")
	has(t, page, 200, "The token is assigned", `href="/tokens/1001?`, `href="/software/AT10000001?`, "Hardware<", "Software<",
		"!1002", "!>Delete</a></div>\n</div>")
	has(t, b.get(t, "/tokens"), 200, `<a href="/users/bea">bea</a>`)
	unassign := link(t, page, `href="(/tokens/1001/unassign[^"]*)"`)
	has(t, b.get(t, unassign), 200, `href="/users/bea" data-close`)
	a := b.post(t, unassign)
	leads(t, a, "/users/bea?did=unassign&of=1001")
	has(t, b.get(t, a.Header.Get("Location")), 200, "The token is in stock again", "!/tokens/1001", "AT10000001")
	a = b.post(t, link(t, page, `href="(/software/AT10000001/state[^"]*)"`), "state", "REVOKED_TOKEN_LOST")
	has(t, b.get(t, a.Header.Get("Location")), 200, "The state is changed", "Revoked, token lost")
	for _, evil := range []string{"%40..%2F..%2Fevil", "%40%2F%2Fevil.example", "%40https%3A%2F%2Fevil.example"} {
		where := b.post(t, "/tokens/1002/state?back="+evil, "state", "REVOKED_TOKEN_OTHER").Header.Get("Location")
		if u, err := url.Parse(where); err != nil || u.Host != "" || !strings.HasPrefix(u.EscapedPath(), "/users/") ||
			strings.Count(u.EscapedPath(), "/") != 2 {
			t.Errorf("back %s leads to %s", evil, where)
		}
		b.post(t, "/tokens/1002/state", "state", "VALID")
	}
}

// Temporary codes are shown once, let the user in once, and are revoked.
func TestTemporaryCodes(t *testing.T) {
	t.Parallel()
	s, b := phones(t)
	present := func(code string) bool {
		return s.Present(t, codes.Request{Lookup: store.Lookup{User: "bea"}, OTP: codes.Typed(code), Origin: testkit.Origin})
	}
	has(t, b.get(t, "/users/bea/codes"), 200, "Temporary codes · bea", `name="hours" type="number" value="24"`)
	has(t, b.fillIn(t, "/users/bea/codes", "count", "11", "hours", "5"), 422, "1 to 10", `value="5"`)
	form := b.fill(t, "/users/bea/codes", "count", "2", "hours", "5")
	a := b.ask(t, http.MethodPost, "/users/bea/codes", form)
	found := temporary.FindAllStringSubmatch(a.Body, -1)
	if len(found) != 2 {
		t.Fatalf("the page has the codes %v\n%s", found, a.Body)
	}
	first, second := found[0][1], found[1][1]
	onceShown(t, b, a, []string{"/users/bea", "/users/bea/activity", "/users/bea/codes", "/users"}, first, second)
	again := b.ask(t, http.MethodPost, "/users/bea/codes", form)
	has(t, again, http.StatusConflict, "was sent before")
	if temporary.MatchString(again.Body) {
		t.Error("loading the page again issued other codes")
	}
	if !present(first) || present(first) {
		t.Error("the first code is not good, or is good twice")
	}
	leads(t, b.fillIn(t, "/users/bea/revoke-codes"), "/users/bea?done=revoke-codes")
	has(t, b.get(t, "/users/bea?done=revoke-codes"), 200, "codes are revoked")
	if present(second) {
		t.Error("a revoked code is good")
	}
	has(t, b.fillIn(t, "/users/bea/revoke-codes"), http.StatusConflict, "has no unused temporary codes")
	has(t, b.get(t, "/users/bea/activity"), 200, "Temporary codes were issued", "A code was checked: accepted",
		"A code was checked: refused, ", "account:anna")
}

// A user gets another name, and is deleted; what the log has under the new name is in words.
func TestRenameAndDeleteUser(t *testing.T) {
	t.Parallel()
	s, b := phones(t)
	s.User(t, "carl")
	has(t, b.fillIn(t, "/users/bea/rename", "name", "carl"), http.StatusConflict, `value="carl"`)
	leads(t, b.fillIn(t, "/users/bea/rename", "name", "Bea.Olsen"), "/users/bea.olsen?done=rename")
	has(t, b.get(t, "/users/bea.olsen?done=rename"), 200, "has another name", "<dt>Called before</dt><dd>bea</dd>")
	has(t, b.get(t, "/users/bea.olsen/activity"), 200, "The user got another name")
	const script = "<script>x</script>"
	has(t, b.post(t, "/user-new", "name", script), 303)
	for _, verb := range []string{"", "/assign", "/codes", "/rename", "/delete", "/activity"} {
		has(t, b.get(t, "/users/"+url.PathEscape(script)+verb), 200, "!"+script, "&lt;script&gt;x")
	}
	s.Import(t, testkit.HOTP("1001"))
	s.Assign(t, "1001", "carl")
	has(t, b.get(t, "/users/carl"), 200, "!/users/carl/delete")
	has(t, b.fillIn(t, "/users/carl/delete"), http.StatusConflict, "There is a problem")
	a := b.fillIn(t, "/users/"+url.PathEscape(script)+"/delete")
	has(t, b.get(t, a.Header.Get("Location")), 200, "The user is deleted", "!"+script)
	has(t, b.get(t, "/users/"+url.PathEscape(script)), 404)
}

// An operator reads what the log has of a user, and sees no serial; a help desk issues codes.
func TestRolesOnAUser(t *testing.T) {
	t.Parallel()
	s, _ := phones(t)
	s.Import(t, testkit.HOTP("100177"))
	s.Assign(t, "100177", "bea")
	account(t, s, "op", authz.Operator, false)
	account(t, s, "desk", authz.Operator, true)
	op, desk := as(t, s, "op"), as(t, s, "desk")
	has(t, op.get(t, "/users/bea"), 200, "!100177", "!Temporary codes", "!>Assign a token<", "/users/bea/activity")
	has(t, op.get(t, "/users/bea/activity"), 200, "A token was assigned", "!100177")
	has(t, op.get(t, "/users/bea/codes"), http.StatusForbidden)
	has(t, desk.get(t, "/users/bea"), 200, "100177", "Temporary codes", "!>Assign a token<", "!>Rename<")
	has(t, desk.get(t, "/users/bea/activity"), 200, "A token was assigned", "100177")
	if a := desk.fillIn(t, "/users/bea/codes"); !temporary.MatchString(a.Body) && a.Status != 422 {
		t.Errorf("answer %d\n%s", a.Status, a.Body)
	}
	has(t, desk.fillIn(t, "/users/bea/codes", "count", "1", "hours", "1"), 200, "Good until")
}
