package console_test

import (
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

var serials = regexp.MustCompile(`data-open href="[^"]*">([^<]*)<`)

// listed gives the serials of a list, in its order.
func listed(a testkit.Answer) (all []string) {
	for _, m := range serials.FindAllStringSubmatch(a.Body, -1) {
		all = append(all, m[1])
	}
	return all
}

// link gives where a link of a page with some text leads, from its attributes on.
func link(t testing.TB, a testkit.Answer, pattern string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(a.Body)
	if m == nil {
		t.Fatalf("no link %s\n%s", pattern, a.Body)
	}
	return html.UnescapeString(m[1])
}

// admin is a server with an administrator who has signed in, and tokens.
func admin(t testing.TB, keys ...*pskc.Key) (*testkit.Server, *browser) {
	t.Helper()
	s := testkit.NewServer(t)
	account(t, s, "anna", authz.Admin, false)
	if len(keys) > 0 {
		s.Import(t, keys...)
	}
	return s, as(t, s, "anna")
}

// The list has its order, its filters and its page in the address, and goes both ways.
func TestList(t *testing.T) {
	t.Parallel()
	var keys []*pskc.Key
	for i := range 25 {
		keys = append(keys, testkit.HOTP(fmt.Sprint(1001+i)))
	}
	s, b := admin(t)
	has(t, b.get(t, "/tokens"), 200, "There are no hardware tokens yet", `href="/import-new"`)
	s.Import(t, keys...)
	for i, name := range []string{"zoe", "bea"} {
		s.User(t, name)
		s.Assign(t, fmt.Sprint(1003+i), name)
	}
	leads(t, b.get(t, "/"), "/dashboard")
	first := b.get(t, "/tokens?size=10")
	if got := fmt.Sprint(listed(first)); got != "[1004 1003 1001 1002 1005 1006 1007 1008 1009 1010]" {
		t.Errorf("the first page is %s", got)
	}
	has(t, first, 200, "25 tokens", "10 of 25", `aria-sort="ascending"`, "!Previous", `aria-current="page"`,
		"You have no second factor yet")
	second := b.get(t, link(t, first, `rel="next" href="([^"]*)"`))
	third := b.get(t, link(t, second, `rel="next" href="([^"]*)"`))
	if got := fmt.Sprint(listed(third)); got != "[1021 1022 1023 1024 1025]" || strings.Contains(third.Body, `rel="next"`) {
		t.Errorf("the last page is %s", got)
	}
	back := b.get(t, link(t, third, `rel="prev" href="([^"]*)"`))
	if fmt.Sprint(listed(back)) != fmt.Sprint(listed(second)) {
		t.Errorf("back is %v, was %v", listed(back), listed(second))
	}
	has(t, back, 200, `<a class="button" href="/tokens?size=10">First</a>`)

	for view, want := range map[string]string{
		"sort=-serial&size=10": "[1025 1024 1023 1022 1021 1020 1019 1018 1017 1016]",
		"serial=102":           "[1020 1021 1022 1023 1024 1025]",
		"serial=%2A25":         "[1025]",
		"user=Z":               "[1003]",
		"user=%2Aea":           "[1004]",
		"q=bea":                "[1004]",
		"state=PENDING":        "[]",
		"locked=yes":           "[]",
		"serial=1003&unused=1": "[1003]",
	} {
		a := b.get(t, "/tokens?"+view)
		if got := fmt.Sprint(listed(a)); a.Status != 200 || got != want {
			t.Errorf("%s: %d, %s, want %s", view, a.Status, got, want)
		}
	}
	has(t, b.get(t, "/tokens?size=10&stock=yes"), 200, "23 tokens", "In stock: <b>yes</b>", "Clear all")
	has(t, b.get(t, "/tokens?state=PENDING"), 200, "No hardware token matches these filters", "Show all tokens")
	// An address has one spelling; a form with empty fields leads to it.
	leads(t, b.get(t, "/tokens?user=&serial=10&state=&size=20&sort=user&other=1"), "/tokens?serial=10")
	leads(t, b.get(t, "/search?q=bea+"), "/tokens?q=bea")
	for _, bad := range []string{"sort=colour", "state=GONE", "unused=0", "unused=x", "stock=yes&user=a",
		"at=bm8", "serial=" + strings.Repeat("1", 5000)} {
		has(t, b.get(t, "/tokens?"+bad), 422, "This was not done")
	}
	filter := b.get(t, "/token-filter?serial=10&size=50&sort=-serial&column=label")
	has(t, filter, 200, `value="10"`, `name="size" value="50"`, `name="sort" value="-serial"`,
		`value="label" checked`)
	has(t, b.get(t, "/tokens?column=manufacturer&column=label&serial=1001"), 200, ">Label</th>", "Acme")
	has(t, b.get(t, "/tokens?serial=1001"), 200, "!>Label</th>", "!Acme</td>")
}

// Software tokens are not in the list, and have no page here.
func TestSoftwareTokensStayAway(t *testing.T) {
	t.Parallel()
	s, b := admin(t, testkit.HOTP("1001"))
	soft := s.Create(t, "app-totp")
	has(t, b.get(t, "/tokens"), 200, "1 token<", "!"+soft.Serial)
	has(t, b.get(t, "/tokens/"+soft.Serial), 404)
	has(t, b.post(t, "/tokens/"+soft.Serial+"/delete"), 404)
	has(t, b.get(t, "/tokens.csv"), 200, "1001", "!"+soft.Serial)
}

// Strangers' text stays text, in pages and in spreadsheets.
func TestStrangersText(t *testing.T) {
	t.Parallel()
	const script, formula = `<script>alert(1)</script>`, `=HYPERLINK("x")`
	key := testkit.HOTP(`"><b>1`)
	key.Manufacturer = script
	s, b := admin(t, key, testkit.HOTP("=2+3"))
	sel := tokens.Selector{Serial: key.Serial}
	if _, err := s.Lifecycle.SetLabel(t.Context(), sel, script, testkit.Origin); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lifecycle.SetLabel(t.Context(), tokens.Selector{Serial: "=2+3"}, formula, testkit.Origin); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lifecycle.SetState(t.Context(), sel, token.RevokedLost, script, testkit.Origin); err != nil {
		t.Fatal(err)
	}
	page := b.get(t, "/tokens?column=manufacturer&column=label&serial=%22")
	has(t, page, 200, "!<script>alert", "!<b>1", "&lt;script&gt;alert(1)")
	one := link(t, page, `data-open href="([^"]*)"`)
	has(t, b.get(t, one), 200, "!<script>alert", "!<b>1", "&lt;script&gt;alert(1)")
	path, query, _ := strings.Cut(one, "?")
	for _, verb := range []string{"verify", "history", "delete"} {
		has(t, b.get(t, path+"/"+verb+"?"+query), 200, "!<script>alert", "!<b>1")
	}
	has(t, b.get(t, "/tokens?"+url.Values{"q": {script}}.Encode()), 200, "!<script>alert")
	has(t, b.get(t, "/tokens?did=delete&of="+url.QueryEscape(script)), 200, "!<script>alert")
	csv := b.get(t, "/tokens.csv")
	has(t, csv, 200, "\n,'=2+3,", `,"'=HYPERLINK(""x"")",`)
	if got := csv.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/csv") {
		t.Errorf("the list is %s", got)
	}
}

// A page is small, and the file has the whole view, over all pages.
func TestLongList(t *testing.T) {
	t.Parallel()
	var keys []*pskc.Key
	for i := range 1100 {
		keys = append(keys, testkit.HOTP(fmt.Sprint(10000+i)))
	}
	_, b := admin(t, keys...)
	const most = 30 << 10
	b.header = []string{"Accept-Encoding", "gzip"}
	a := b.get(t, "/tokens?column=manufacturer&column=label&column=drift&column=expires&size=100")
	t.Logf("100 rows have %d bytes, compressed", len(a.Body))
	if len(a.Body) > most || a.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("100 rows have %d bytes, compressed, and %d are the most", len(a.Body), most)
	}
	b.header = nil
	has(t, b.get(t, "/tokens"), 200, "1000&#43; tokens")
	lines := strings.Split(strings.TrimSpace(b.get(t, "/tokens.csv").Body), "\r\n")
	if len(lines) != 1101 || !strings.HasPrefix(lines[1100], ",11099,VALID,hotp,") {
		t.Errorf("%d lines, the last is %s", len(lines), lines[len(lines)-1])
	}
	lines = strings.Split(strings.TrimSpace(b.get(t, "/tokens.csv?serial=110&sort=-serial").Body), "\r\n")
	if len(lines) != 101 || !strings.HasPrefix(lines[1], ",11099,") {
		t.Errorf("%d lines, the first is %s", len(lines), lines[1])
	}
}
