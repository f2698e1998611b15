package console_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/codes"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
)

// Users are listed by name, page after page, found, added and unlocked.
func TestUsers(t *testing.T) {
	t.Parallel()
	s, b := admin(t, testkit.HOTP("1001"))
	has(t, b.get(t, "/users"), 200, "There are no users yet", "Add a user")
	has(t, b.post(t, "/user-new", "name", " "), 422, "There is a problem")
	leads(t, b.post(t, "/user-new", "name", "Bea"), "/users/bea?done=add")
	has(t, b.get(t, "/users/bea?done=add"), 200, "The user is added", "User · bea", "The user has no token", "!Unlock")
	has(t, b.post(t, "/user-new", "name", "bea"), http.StatusConflict, `value="bea"`)
	const script = "<script>x</script>"
	has(t, b.post(t, "/user-new", "name", script), 303)
	for i := range 22 {
		s.User(t, fmt.Sprintf("user%02d", i))
	}
	names := func(a testkit.Answer) (all []string) {
		for _, m := range regexp.MustCompile(`data-open href="[^"]*">([^<]*)<`).FindAllStringSubmatch(a.Body, -1) {
			all = append(all, m[1])
		}
		return all
	}
	first := b.get(t, "/users")
	has(t, first, 200, "24 users", "20 of 24", "!"+script)
	second := b.get(t, link(t, first, `rel="next" href="([^"]*)"`))
	if got := fmt.Sprint(names(second)); got != "[user18 user19 user20 user21]" {
		t.Errorf("the second page is %s", got)
	}
	again := b.get(t, link(t, second, `rel="prev" href="([^"]*)"`))
	if strings.Join(names(again), " ") != strings.Join(names(first), " ") {
		t.Errorf("back is %v, was %v", names(again), names(first))
	}
	has(t, b.get(t, "/users?q=EA"), 200, "1 user<", ">bea<")
	has(t, b.get(t, "/users?q=nobody"), 200, "No user’s name has this text")
	has(t, b.get(t, "/users/nobody"), 404)
	has(t, b.get(t, link(t, first, `data-open href="([^"]*script[^"]*)"`)), 200, "!"+script, "&lt;script&gt;x")

	s.Assign(t, "1001", "bea")
	for range 10 {
		_, err := s.Engine.Verify(t.Context(), codes.Request{Lookup: store.Lookup{User: "bea"},
			OTP: testkit.Wrong(t, testkit.HOTP("1001"), 0, 1)[0], Origin: testkit.Origin})
		if err != nil {
			t.Fatal(err)
		}
		s.Clock.Advance(2 * time.Minute)
	}
	has(t, b.get(t, "/users/bea"), 200, "locked</span>", ">Unlock<")
	leads(t, b.post(t, "/users/bea/unlock"), "/users/bea?done=unlock")
	if u, err := s.Users.Find(t.Context(), "bea"); err != nil || u.Failures != 0 ||
		on(t, s, "1001").Condition.Failures != 0 || on(t, s, "1001").Condition.State != token.Valid {
		t.Errorf("after it: %+v, %v", u, err)
	}
}

// An operator finds users, and changes none.
func TestOperatorSeesUsers(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	s.User(t, "bea")
	account(t, s, "op", authz.Operator, false)
	b := as(t, s, "op")
	leads(t, b.get(t, "/"), "/users")
	has(t, b.get(t, "/users"), 200, ">bea<", "!Add a user")
	has(t, b.get(t, "/users/bea"), 200, "!/tokens", "!Unlock")
	has(t, b.post(t, "/user-new", "name", "carl"), http.StatusForbidden)
}
