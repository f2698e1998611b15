package console_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ostiary/internal/core/authz"
	"ostiary/internal/doors/console"
	"ostiary/internal/test/testkit"
)

// roles are those who open a console, and nobody.
var roles = []struct {
	name string
	authz.Principal
}{
	{"ROOT", authz.Principal{Role: authz.Root}},
	{"super", authz.Principal{Role: authz.SuperAdmin}},
	{"admin", authz.Principal{Role: authz.Admin}},
	{"operator", authz.Principal{Role: authz.Operator}},
	{"desk", authz.Principal{Role: authz.Operator, HelpDesk: true}},
	{"", authz.Principal{}},
}

var verbs = regexp.MustCompile(`href="/tokens/1001/([a-z]+)\?`)

// Every page and action, as every role: what a role may not do is refused, and is in none of
// its pages; what it may do is there.
func TestRolesWalkAllPages(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	s.Import(t, testkit.HOTP("1001"), testkit.HOTP("1002"))
	s.User(t, "bea")
	s.Assign(t, "1001", "bea")
	s.DefaultProfiles(t)
	app := s.Create(t, "app-totp").Serial
	for _, r := range roles {
		if r.Role != authz.None && r.Role != authz.Root {
			account(t, s, r.name, r.Role, r.HelpDesk)
		}
	}
	for _, r := range roles {
		b := open(s)
		if r.name != "" {
			b = as(t, s, r.name)
		}
		for _, p := range console.Table() {
			method, path, _ := strings.Cut(p.Pattern, " ")
			serial := "1001"
			if strings.HasPrefix(path, "/software/") {
				serial = app
			}
			path = strings.NewReplacer("{serial}", serial, "{$}", "", "{name}", "bea", "{type}",
				"app-totp", "{profile}", "app-onestep", "{entry}", "0", "{move}", "nosuch").Replace(path)
			if p.Needs == "" || path == "/sign-out" {
				continue
			}
			// Empty forms change nothing but for those that have no fields.
			if method == http.MethodPost && authz.Allows(r.Principal, p.Needs) &&
				slices.Contains([]string{"unassign", "delete", "unlock"}, path[strings.LastIndex(path, "/")+1:]) {
				path = strings.NewReplacer(serial, "9999", "bea", "nobody").Replace(path)
			}
			a := b.ask(t, method, path, nil)
			switch {
			case r.name == "":
				if a.Status != http.StatusSeeOther || !strings.HasPrefix(a.Header.Get("Location"), "/sign-in") {
					t.Errorf("nobody: %s: %d", p.Pattern, a.Status)
				}
			case authz.Allows(r.Principal, p.Needs) == (a.Status == http.StatusForbidden) || a.Status >= 500:
				t.Errorf("%s: %s: %d\n%s", r.name, p.Pattern, a.Status, a.Body)
			}
		}
		if r.name == "" {
			continue
		}
		sees := authz.Allows(r.Principal, authz.TokenView)
		if home := b.get(t, "/account").Body; strings.Contains(home, `href="/tokens"`) != sees ||
			strings.Contains(home, `role="search"`) != sees {
			t.Errorf("%s: the list or the search is in the frame, or is not", r.name)
		}
		if !sees {
			leads(t, b.get(t, "/"), "/users")
			continue
		}
		for _, m := range regexp.MustCompile(`href="/software/`+app+`/([a-z]+)\?`).
			FindAllStringSubmatch(b.get(t, "/software/"+app).Body, -1) {
			for _, p := range console.Table() {
				if p.Pattern == "GET /software/{serial}/"+m[1] && !authz.Allows(r.Principal, p.Needs) {
					t.Errorf("%s: the page of a software token has the action %s", r.name, m[1])
				}
			}
		}
		for _, page := range []string{"/tokens", "/tokens/1001"} {
			var want, got []string
			for _, p := range console.Table() {
				verb, is := strings.CutPrefix(p.Pattern, "GET /tokens/{serial}/")
				if is && authz.Allows(r.Principal, p.Needs) && verb != "assign" && verb != "unlock" { // held, no failures
					want = append(want, verb)
				}
			}
			for _, m := range verbs.FindAllStringSubmatch(b.get(t, page).Body, -1) {
				got = append(got, m[1])
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%s: %s has the actions %v, want %v", r.name, page, got, want)
			}
		}
	}
}

// A help desk marks a token lost, and gives it no other state; nor does it take that back.
func TestHelpDeskMarksLost(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	s.Import(t, testkit.HOTP("1001"))
	account(t, s, "desk", authz.Operator, true)
	b := as(t, s, "desk")
	has(t, b.get(t, "/tokens/1001/state"), 200, "REVOKED_TOKEN_LOST", `!value="VALID"`, "!REVOKED_TOKEN_BROKEN")
	has(t, b.post(t, "/tokens/1001/state", "state", "REVOKED_TOKEN_BROKEN"), http.StatusForbidden)
	a := b.post(t, "/tokens/1001/state", "state", "REVOKED_TOKEN_LOST")
	if a.Status != http.StatusSeeOther {
		t.Fatalf("answer %d\n%s", a.Status, a.Body)
	}
	has(t, b.get(t, a.Header.Get("Location")), 200, "The state is changed", "!Undo")
	has(t, b.post(t, "/tokens/1001/state", "state", "VALID"), http.StatusForbidden)
}

// What the console does, a script can do: each page names an operation of REST.
func TestRestDoesTheSame(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	raw, err := s.API.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
		}
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, path := range doc.Paths {
		for _, op := range path {
			known[op.OperationID] = true
		}
	}
	for _, p := range console.Table() {
		pageAlone := p.Pattern == "GET /{$}" || p.Pattern == "POST /account/display" ||
			strings.HasPrefix(p.Pattern, "GET /sign-in")
		if known[p.Rest] == pageAlone {
			t.Errorf("%s names the operation %q", p.Pattern, p.Rest)
		}
	}
}
