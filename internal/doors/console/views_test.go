package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"ostiary/internal/core/authz"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// Columns and size are kept for each administrator, and set back; the address bar holds the
// view all the same, and news in it are kept.
func TestUsualColumns(t *testing.T) {
	t.Parallel()
	var keys []*pskc.Key
	for i := range 12 {
		keys = append(keys, testkit.HOTP(fmt.Sprint(1001+i)))
	}
	s, b := admin(t, keys...)
	account(t, s, "bea", authz.Admin, false)
	const usual = "/tokens?column=label&column=drift&size=10"
	leads(t, b.post(t, "/token-views", "usual", "yes", "view", "column=label&column=drift&size=10&q=100&at=x"),
		"/tokens?at=x&column=label&column=drift&q=100&size=10")
	leads(t, b.get(t, "/tokens"), usual)
	has(t, b.get(t, usual), 200, "10 of 12", "<th scope=\"col\">Label</th>")
	leads(t, b.get(t, "/tokens?q=1001"), "/tokens?column=label&column=drift&q=1001&size=10")
	leads(t, b.get(t, "/tokens?did=delete&of=1001"), usual+"&did=delete&of=1001")
	has(t, b.get(t, usual+"&did=delete&of=1001"), 200, "The token is deleted")
	// A copied link shows the same to everybody, also the usual size without columns.
	has(t, b.get(t, "/tokens?size=20"), 200, "12 of 12", "!>Label</th>")
	has(t, b.get(t, "/token-filter?size=20"), 200, `name="size" value="20"`)
	has(t, as(t, s, "bea").get(t, "/tokens"), 200, "12 of 12", "!>Label</th>")
	has(t, as(t, s, "bea").get(t, usual), 200, "10 of 12", ">Label</th>")
	has(t, b.get(t, "/token-views?size=20"), 200, "Reset columns and size")
	leads(t, b.post(t, "/token-views/remove", "name", "", "view", "column=label&q=100&size=10", "reset", "yes"),
		"/tokens?q=100")
	has(t, b.get(t, "/tokens"), 200, "12 of 12", "!>Label</th>")
	has(t, b.get(t, "/token-views"), 200, "!Reset columns")
}

// A view is kept under a name, which is any text, is replaced by another one of the name, and
// is removed. Nobody else sees it.
func TestKeptViews(t *testing.T) {
	t.Parallel()
	s, b := admin(t, testkit.HOTP("1001"))
	account(t, s, "bea", authz.Admin, false)
	const name = `<script>alert("1")</script>`
	has(t, b.post(t, "/token-views", "name", " ", "view", "q=1"), 422, "Enter a name", `value="q=1&amp;size=20"`)
	has(t, b.post(t, "/token-views", "name", "a\u202eb", "view", "q=1"), 422, "cannot be shown")
	has(t, b.post(t, "/token-views", "name", strings.Repeat("x", 65), "view", "q=1"), 422)
	has(t, b.post(t, "/token-views", "name", "x", "view", "sort=nonsense"), 422)
	leads(t, b.post(t, "/token-views", "name", name, "view", "q=1001&at=x&size=50"), "/tokens?at=x&q=1001&size=50")
	leads(t, b.post(t, "/token-views", "name", name, "view", "state=VALID"), "/tokens?state=VALID")
	has(t, b.get(t, "/token-views"), 200, "&lt;script&gt;alert(&#34;1&#34;)", "!<script>alert",
		`href="/tokens?size=20&amp;state=VALID"`, "!q=1001")
	has(t, as(t, s, "bea").get(t, "/token-views"), 200, "!script&gt;")
	has(t, as(t, s, "bea").post(t, "/token-views/remove", "name", name), http.StatusNotFound)
	for i := range 49 {
		leads(t, b.post(t, "/token-views", "name", fmt.Sprint(i)), "/tokens")
	}
	has(t, b.post(t, "/token-views", "name", "one more"), http.StatusConflict, "At most 50")
	leads(t, b.post(t, "/token-views", "name", "7", "view", "q=7"), "/tokens?q=7")
	leads(t, b.post(t, "/token-views/remove", "name", name, "view", "q=%3Cb"), "/tokens?"+url.Values{"q": {"<b"}}.Encode())
	has(t, b.get(t, "/token-views"), 200, "!script&gt;alert")
}
