package console_test

import (
	"encoding/csv"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// hostile is a text of strangers, which a file of seeds may have as well as a person.
const hostile = `=1+1<script>x</script>"`

func try(t testing.TB, s *testkit.Server, serial, otp string) {
	t.Helper()
	if _, err := s.Engine.Verify(t.Context(), codes.Request{Lookup: store.Lookup{Serial: serial}, OTP: otp,
		Origin: testkit.Origin}); err != nil {
		t.Fatal(err)
	}
}

var linked = regexp.MustCompile(`href="([^"]*)"><?b?>?([0-9]+)<`)

// Each number of the dashboard leads to a view that has as many tokens or entries.
func TestDashboardNumbersLead(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	account(t, s, "anna", authz.Admin, false)
	b := as(t, s, "anna")
	has(t, b.get(t, "/dashboard"), 200, "No code was checked", "No user has a valid hardware token", "Import tokens",
		"Keep a checkpoint", "!Create an API key", "<b>0</b> open activations")
	totp := testkit.TOTP("2001")
	s.Import(t, testkit.HOTP("1001"), testkit.HOTP("1002"), testkit.HOTP("1003"), testkit.HOTP("1004"), totp)
	s.User(t, "bea")
	for _, serial := range []string{"1001", "1002", "2001"} {
		s.Assign(t, serial, "bea")
	}
	has(t, b.post(t, "/tokens/1003/state", "state", "REVOKED_TOKEN_LOST", "reason", "x"), 303)
	soon := s.Clock.Now().Local().AddDate(0, 0, 10).Format("2006-01-02T15:04")
	has(t, b.post(t, "/tokens/1004/dates", "until", soon), 303)
	try(t, s, "1001", testkit.Code(t, testkit.HOTP("1001"), 0))
	try(t, s, "1001", testkit.Code(t, testkit.HOTP("1001"), 0))
	for range 11 {
		try(t, s, "1002", testkit.Wrong(t, testkit.HOTP("1002"), 0, 1)[0])
		s.Clock.Advance(2 * time.Minute)
	}
	s.Clock.Advance(10 * time.Minute)
	b = as(t, s, "anna")
	page := b.get(t, "/dashboard")
	has(t, page, 200, `aria-label="Codes accepted by day"`, `aria-label="Stock by type"`, "replayed", "wrong",
		"<b>1</b> locked now", "<b>1</b> expire within 30 days", "!style=", "!onload", "Done</span>")
	links := 0
	for _, m := range linked.FindAllStringSubmatch(page.Body, -1) {
		where, number := html.UnescapeString(m[1]), m[2]
		view := b.get(t, where)
		if view.Status == http.StatusSeeOther { // to its one spelling
			view = b.get(t, view.Header.Get("Location"))
		}
		rows := strings.Count(view.Body, "data-open href")
		if strings.HasPrefix(where, "/audit") {
			rows = strings.Count(view.Body, `" data-open>`)
		}
		if fmt.Sprint(rows) != number {
			t.Errorf("%s has %d rows, the dashboard says %s", where, rows, number)
		}
		links++
	}
	if links < 12 {
		t.Errorf("only %d numbers lead somewhere", links)
	}
	s.Clock.Advance(100 * 24 * time.Hour)
	b = as(t, s, "anna")
	has(t, b.get(t, "/dashboard"), 200, "90 to 179 days", "No code was checked",
		`href="/tokens?held=yes&amp;state=VALID&amp;unused=90"`)
}

// Who may see no tokens has no dashboard, and begins with the users.
func TestDashboardIsForThoseWhoSeeTokens(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	account(t, s, "op", authz.Operator, false)
	op := as(t, s, "op")
	has(t, op.get(t, "/dashboard"), http.StatusForbidden, "!/dashboard")
	leads(t, op.get(t, "/"), "/users")
}

// The log is filtered by each of its columns, page after page, and the view is a file, too.
func TestAuditLog(t *testing.T) {
	t.Parallel()
	s, b := admin(t, testkit.HOTP("1001"), testkit.HOTP("1002"))
	s.User(t, "bea")
	s.Assign(t, "1001", "bea")
	has(t, b.post(t, "/tokens/1002/state", "state", "REVOKED_TOKEN_LOST", "reason", hostile), 303)
	for range 60 {
		try(t, s, "1001", testkit.Wrong(t, testkit.HOTP("1001"), 0, 1)[0])
		s.Clock.Advance(2 * time.Hour)
	}
	b = as(t, s, "anna")
	rows := func(a testkit.Answer) int { return strings.Count(a.Body, `" data-open>`) }
	first := b.get(t, "/audit")
	has(t, first, 200, "code.verified", `rel="next"`, "The log was not verified yet", "!>First<")
	if n := rows(first); n != 50 {
		t.Errorf("the first page has %d entries", n)
	}
	second := b.get(t, link(t, first, `rel="next" href="([^"]*)"`))
	has(t, second, 200, ">First<", "token.assigned", "!<script>x", "&lt;script&gt;x")
	for view, want := range map[string]string{"serial=1001&action=token.assigned": "token.assigned",
		"reason=" + url.QueryEscape(hostile):            "token.state_changed",
		"actor=account:anna&action=token.state_changed": ">1002<",
		"user=BEA&action=token.assigned":                ">bea<", "action=user.added&to=2100-01-01T00:00": "user.added",
		"outcome=done&action=user.added&from=1990-01-01T00:00": "user.added"} {
		a := b.get(t, "/audit?"+view)
		if has(t, a, 200, want, "Clear all"); rows(a) != 1 {
			t.Errorf("%s has %d entries", view, rows(a))
		}
	}
	// As the form of the filters is sent.
	has(t, b.get(t, "/audit?action=code.verified&outcome=refused&reason=&actor=&serial=&user=&from=&to="), 200,
		"Outcome: <b>refused</b>", "Action: <b>code.verified</b>", `rel="next"`, "!Reason: ")
	has(t, b.get(t, "/audit?reason=nosuch"), 200, "No entry of the log matches", "Show all entries")
	has(t, b.get(t, "/audit?from=yesterday"), 422, "A time is written such as")
	has(t, b.get(t, "/audit?before=x"), 422)
	has(t, b.get(t, "/audit-filter?reason=wrong"), 200, `value="wrong"`, `<option value="token.assigned">`, `id="serial"`)

	a := b.get(t, "/audit.csv?action=token.state_changed")
	all, err := csv.NewReader(strings.NewReader(a.Body)).ReadAll()
	if err != nil || len(all) != 2 || all[1][4] != "'"+hostile || all[1][9] != "1002" {
		t.Errorf("the file is %v, %v", all, err)
	}
	if n := strings.Count(b.get(t, "/audit.csv").Body, "code.verified"); n != 60 {
		t.Errorf("the file of all has %d codes", n)
	}

	has(t, b.get(t, link(t, b.get(t, "/audit?action=token.state_changed"), `<a href="(/audit/entries/[0-9]+)"`)), 200,
		"the state of a token before and after", "Before and after", "VALID", "REVOKED_TOKEN_LOST", "!<script>x", "1002")
	has(t, b.get(t, "/audit/entries/4711"), 404)
	has(t, b.get(t, "/audit/entries/x"), 422)

	checkpoint := b.get(t, "/audit/checkpoint")
	if note, _, err := s.Ledger.Latest(t.Context()); err != nil || checkpoint.Body != note ||
		!strings.HasPrefix(checkpoint.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("the checkpoint is %q, %v", checkpoint.Body, err)
	}
	if _, err := s.Ledger.VerifyBeside(t.Context()); err != nil {
		t.Fatal(err)
	}
	has(t, b.get(t, "/audit"), 200, "Log verified up to entry")
}

// Who sees no serials neither reads them in the log, nor finds out by searching.
func TestOperatorSeesNoSerialsInTheLog(t *testing.T) {
	t.Parallel()
	s, b := admin(t, testkit.HOTP("SN9001"))
	has(t, b.post(t, "/tokens/SN9001/state", "state", "REVOKED_TOKEN_LOST", "reason", "SN9001 lost"), 303)
	account(t, s, "op", authz.Operator, false)
	op := as(t, s, "op")
	page := op.get(t, "/audit")
	has(t, page, 200, "token.state_changed", "hidden", "!SN9001", "!>Token</a>")
	has(t, op.get(t, link(t, op.get(t, "/audit?action=token.state_changed"), `<a href="(/audit/entries/[0-9]+)"`)), 200,
		"Parts of this entry are hidden", "!SN9001")
	has(t, op.get(t, "/audit.csv"), 200, "token.state_changed", "!SN9001")
	has(t, op.get(t, "/audit-filter"), 200, `!id="serial"`)
	has(t, op.get(t, "/audit?serial=SN9001"), http.StatusForbidden)
	has(t, op.get(t, "/audit?reason=SN9001+lost"), 200, "No entry of the log matches")
	has(t, op.get(t, "/audit?reason=SN9001+lost&outcome=done"), http.StatusForbidden)
}

// Types are made, changed and retired; of two who change one, the second is told.
func TestTypes(t *testing.T) {
	t.Parallel()
	s, b := admin(t)
	has(t, b.get(t, "/types"), 200, "app-totp", ">New type<", "SHA1", `href="/types/hotp" data-open`)
	has(t, b.get(t, "/types/hotp"), 200, "built in", `href="/tokens?type=hotp"`)
	has(t, b.post(t, "/type-new", "name", "no good"), 422, "There is a problem", `value="no good"`)
	fields := []string{"name", "door", "kind", "software", "algorithm", "TOTP", "activation", "none", "prefix", "DR",
		"digits", "8", "manufacturer", hostile}
	has(t, b.post(t, "/type-new", append(fields, "width", "eight")...), 422, "takes a whole number", `value="eight"`)
	leads(t, b.post(t, "/type-new", fields...), "/types/door?done=create")
	has(t, b.get(t, "/types/door?done=create"), 200, "The type is made", "8 digits", "DR10000001", "!<script>x",
		"Many authenticator apps ignore 8 digits")
	form := b.get(t, "/types/door/change")
	seen := link(t, form, `name="seen" value="([^"]*)"`)
	change := []string{"algorithm", "TOTP", "hash", "SHA1", "digits", "6", "period", "30", "activation", "none",
		"prefix", "DR", "width", "8", "start", "10000001", "seen", seen}
	leads(t, b.post(t, "/types/door/change", append(change, "max_per_user", "2")...), "/types/door?done=change")
	has(t, b.post(t, "/types/door/change", append(change, "max_per_user", "3")...), 409, "Somebody else has changed",
		`value="3"`)
	if got, err := s.Lifecycle.Type(t.Context(), "door"); err != nil || got.MaxPerUser != 2 || got.Manufacturer != "" {
		t.Errorf("the type is %+v, %v", got, err)
	}
	leads(t, b.post(t, "/types/door/retire"), "/types/door?done=retire")
	has(t, b.get(t, "/types/door"), 200, "Retired", ">Restore<")
	has(t, b.post(t, "/types/door/retire"), 409)
	leads(t, b.post(t, "/types/door/restore"), "/types/door?done=restore")
	has(t, b.get(t, "/types/nosuch"), 404)

	has(t, b.get(t, "/series"), 200, "DR10000001", "Set the next")
	has(t, b.post(t, "/series/door/next", "next", "DR1"), 422, "There is a problem", `value="DR1"`)
	leads(t, b.post(t, "/series/door/next", "next", "DR10000500"), "/series?done=next")
	has(t, b.get(t, "/series?done=next"), 200, "The next serial is set", "DR10000500")
	has(t, b.get(t, "/series/nosuch/next"), 404)
	account(t, s, "desk", authz.Operator, true)
	desk := as(t, s, "desk")
	has(t, desk.get(t, "/types"), 200, "!New type", "!/series")
	has(t, desk.get(t, "/types/door"), 200, "!Retire", "!>Change<")
	has(t, desk.post(t, "/types/door/retire"), http.StatusForbidden)
}

// A profile shows its limits and where they are set; they change at once.
func TestProfiles(t *testing.T) {
	t.Parallel()
	s, b := admin(t)
	has(t, b.get(t, "/profiles"), 200, "New profile")
	has(t, b.post(t, "/profile-new", "name", "door", "toml", "nonsense <b>"), 422, "Nothing was created",
		"nonsense &lt;b&gt;")
	leads(t, b.post(t, "/profile-new", "name", "door", "toml", exampleProfile(t)), "/profiles/door?done=create")
	page := b.get(t, "/profiles/door?done=create")
	has(t, page, 200, "The profile is made", "Limits of its activations", "the server", "!this profile", "Static vector")
	has(t, b.get(t, "/profiles"), 200, ">door<", "In use")
	has(t, b.get(t, "/profiles/door/limits"), 200, "the server has ", `id="tries"`)
	has(t, b.post(t, "/profiles/door/limits", "tries", "many"), 422, "takes a whole number", `value="many"`)
	has(t, b.post(t, "/profiles/door/limits", "tries", "1000"), 422, "There is a problem", `value="1000"`)
	leads(t, b.post(t, "/profiles/door/limits", "tries", "4", "expiry", "90"), "/profiles/door?done=limits")
	has(t, b.get(t, "/profiles/door"), 200, "this profile", "90 minutes")
	want := token.ActivationLimits{Tries: 4, Expiry: 90 * time.Minute}
	if l, err := s.Config.Activations.Limits(t.Context(), "door"); err != nil || l.Own != want {
		t.Errorf("the limits are %+v, %v", l, err)
	}
	leads(t, b.post(t, "/profiles/door/retire"), "/profiles/door?done=retire")
	has(t, b.get(t, "/profiles/door"), 200, "Retired", ">Restore<")
	leads(t, b.post(t, "/profiles/door/restore"), "/profiles/door?done=restore")
	has(t, b.get(t, "/profiles/nosuch"), 404)
	account(t, s, "desk", authz.Operator, true)
	desk := as(t, s, "desk")
	has(t, desk.get(t, "/profiles/door"), 200, "90 minutes", "!Change the limits", "!Retire")
	has(t, desk.get(t, "/profiles/door/limits"), http.StatusForbidden)
}

// The state of a delivery changes; of many tokens the number is typed.
func TestBatches(t *testing.T) {
	t.Parallel()
	s, b := admin(t)
	has(t, b.get(t, "/batches"), 200, "A batch is a delivery of tokens")
	deliver(t, s, "few "+hostile, 3)
	deliver(t, s, "many", 51)
	page := b.get(t, "/batches")
	has(t, page, 200, "!<script>x", "&lt;script&gt;x", ">51<")
	few := link(t, page, `href="(/batches/state\?name=few[^"]*)"`)
	has(t, b.get(t, few), 200, "Change 3 tokens", "!How many tokens", "!<script>x")
	has(t, b.post(t, few, "state", "nosuch"), 422, "Choose a status")
	has(t, b.post(t, few, "state", "MOVING"), 422, "Choose a status")
	leads(t, b.post(t, few, "state", "REVOKED_TOKEN_OTHER", "reason", "recalled"), "/batches?changed=3")
	has(t, b.get(t, "/batches?changed=3"), 200, "The state of 3 tokens is changed")
	const many = "/batches/state?name=many"
	has(t, b.get(t, many), 200, "How many tokens are changed?")
	for _, number := range []string{"", "50", "051"} {
		has(t, b.post(t, many, "state", "REVOKED_TOKEN_OTHER", "number", number, "reason", "typed"), 422, "type this number",
			`value="typed"`)
	}
	lost := token.RevokedOther
	if n, err := s.Lifecycle.Count(t.Context(), filterOf("many", lost)); err != nil || n.Number != 0 {
		t.Errorf("%+v were changed without the number, %v", n, err)
	}
	leads(t, b.post(t, many, "state", "REVOKED_TOKEN_OTHER", "number", "51"), "/batches?changed=51")
	has(t, b.get(t, "/batches/state?name=nosuch"), 404)
	account(t, s, "desk", authz.Operator, true)
	has(t, as(t, s, "desk").get(t, "/batches"), 200, ">many<", "!Change status")
}

// Moves are listed, and what is on its way comes back.
func TestMoves(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	account(t, s, "sue", authz.SuperAdmin, false)
	s.Import(t, testkit.HOTP("1001"), testkit.HOTP("1002"))
	b := as(t, s, "sue")
	has(t, b.get(t, "/moves"), 200, "A move takes tokens to another server", "ostiary token export FILE")
	a := s.Do(t, testkit.SuperAdmin, http.MethodPost, "/api/v1/exports", map[string]any{
		"passphrase": "correct horse battery", "all": true, "move": true})
	if a.Status != 200 {
		t.Fatalf("export: %d %s", a.Status, a.Body)
	}
	page := b.get(t, "/moves")
	has(t, page, 200, "Open", "key:super-admin", "ostiary move confirm RECEIPT")
	cancel := link(t, page, `href="(/moves/[^"]*/cancel)"`)
	has(t, b.get(t, cancel), 200, "work here again")
	if on(t, s, "1001").Condition.State != token.Moving {
		t.Error("asking has cancelled it")
	}
	leads(t, b.post(t, cancel), "/moves?done=cancel")
	has(t, b.get(t, "/moves?done=cancel"), 200, "The move is cancelled", "Ended", "!/cancel")
	if on(t, s, "1001").Condition.State != token.Valid {
		t.Error("the token is still on its way")
	}
	has(t, b.post(t, "/moves/nosuch/cancel"), 404)
	account(t, s, "anna", authz.Admin, false)
	has(t, as(t, s, "anna").get(t, "/moves"), http.StatusForbidden, "!/moves")
}

func exampleProfile(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("../../../examples/profiles/plain.toml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// deliver imports so many tokens as a batch.
func deliver(t testing.TB, s *testkit.Server, batch string, n int) {
	t.Helper()
	var keys []*pskc.Key
	for i := range n {
		keys = append(keys, testkit.HOTP(fmt.Sprintf("%.3s%d", batch, i)))
	}
	if _, err := s.Imports.Import(t.Context(), imports.Request{Keys: testkit.Keys(keys...), Label: "test", Batch: batch,
		Origin: testkit.Origin}); err != nil {
		t.Fatal(err)
	}
}

func filterOf(batch string, state token.State) lifecycle.Filter {
	return lifecycle.Filter{Batch: batch, State: &state}
}
