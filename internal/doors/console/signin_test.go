package console_test

import (
	"net/http"
	"strings"
	"testing"

	"ostiary/internal/core/authz"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/test/testkit"
)

const session = "__Host-session"

// An administrator signs in, chooses a password at once, gives a code of its own token from
// then on, and signs out. No code or password comes back, nor is it in the log.
func TestSignIn(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	fob := testkit.HOTP("1001")
	s.Import(t, fob)
	_, first, err := s.Config.Accounts.Add(t.Context(), authz.Principal{Role: authz.Root},
		credentials.AdminRequest{Name: "anna", Role: authz.Admin}, testkit.Origin)
	if err != nil {
		t.Fatal(err)
	}
	b := open(s)
	leads(t, b.get(t, "/account?x=1"), "/sign-in?to=account%3Fx%3D1")
	has(t, b.get(t, "/sign-in?to=account%3Fx%3D1"), 200, `value="account?x=1"`)
	wrong := b.post(t, "/sign-in", "name", "anna<b>", "password", "not-this-one", "to", "account?x=1")
	has(t, wrong, http.StatusUnauthorized, `value="anna&lt;b&gt;"`, "There is a problem", "<title>Error: ",
		`value="account?x=1"`, "!not-this-one")
	if len(b.cookies) != 0 {
		t.Errorf("a wrong password gives cookies: %v", b.cookies)
	}
	a := b.post(t, "/sign-in", "name", "anna", "password", first)
	leads(t, a, "/sign-in/password")
	if c := a.Header.Get("Set-Cookie"); !strings.HasPrefix(c, session+"=") || strings.Contains(c, "Domain") ||
		!strings.HasSuffix(c, "; Path=/; HttpOnly; Secure; SameSite=Strict") {
		t.Errorf("the cookie is %q", c)
	}
	leads(t, b.get(t, "/account"), "/sign-in/password")
	has(t, b.post(t, "/sign-in/password", "before", first, "password", chosen, "again", chosen+"!"), 422,
		"not the same in both", "!"+chosen, "!"+first)
	has(t, b.post(t, "/sign-in/password", "before", "not-this-one", "password", chosen, "again", chosen), 401,
		"!"+chosen, "!not-this-one")
	before := b.cookies[session]
	leads(t, b.post(t, "/sign-in/password", "before", first, "password", chosen, "again", chosen), "/dashboard")
	if b.cookies[session] == before {
		t.Error("the cookie is the one before the password was changed")
	}
	has(t, b.get(t, "/account"), 200, "You have no second factor yet", "ADMIN")

	s.User(t, "anna")
	s.Assign(t, "1001", "anna")
	b = as(t, s, "anna")
	leads(t, b.get(t, "/account"), "/sign-in/code")
	leads(t, b.get(t, "/sign-in/password"), "/sign-in/code")
	bad := testkit.Wrong(t, fob, 0, 1)[0]
	has(t, b.post(t, "/sign-in/code", "otp", bad), 401, "There is a problem", "!"+bad)
	code := testkit.Code(t, fob, 0)
	waiting := b.cookies[session]
	leads(t, b.post(t, "/sign-in/code", "otp", code[:3]+" "+code[3:]), "/dashboard")
	if b.cookies[session] == waiting {
		t.Error("the cookie is the one that waited for the code")
	}
	has(t, b.get(t, "/account"), 200, "A code of your token", "!no second factor")
	again := as(t, s, "anna")
	has(t, again.post(t, "/sign-in/code", "otp", code), 401)
	leads(t, again.get(t, "/account"), "/sign-in/code")

	old := b.cookies[session]
	leads(t, b.post(t, "/sign-out"), "/sign-in")
	if b.cookies[session] != "" {
		t.Error("the cookie is still there")
	}
	b.cookies[session] = old
	leads(t, b.get(t, "/account"), "/sign-in?to=account")
	for _, secret := range []string{first, chosen, "not-this-one", old, code, bad} {
		if strings.Contains(s.Log.String(), secret) {
			t.Errorf("the log of the server has %q", secret)
		}
		for _, e := range s.Kit.Log(t, 0) {
			if strings.Contains(e.Raw, secret) {
				t.Errorf("entry %s has %q", e.Raw, secret)
			}
		}
	}
}

// ROOT signs in, too, and / leads on.
func TestRootSignsIn(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	b := open(s)
	leads(t, b.get(t, "/"), "/sign-in")
	b = as(t, s, "root")
	has(t, b.get(t, "/account"), 200, "ROOT has no second factor", "ostiary root set-password", "!no second factor yet")
	has(t, b.post(t, "/account/password", "before", s.RootPassword, "password", chosen, "again", chosen), 409)
}

// A sign-in leads to pages of this server alone.
func TestSignInLeadsNowhereElse(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	for _, to := range []string{"//evil.example", "/evil", "https://evil.example", `\\evil.example`, "javascript:1",
		"https:evil.example"} {
		a := open(s).post(t, "/sign-in", "name", "ROOT", "password", s.RootPassword, "to", to)
		if where := a.Header.Get("Location"); a.Status != http.StatusSeeOther || strings.Contains(where, "evil") ||
			strings.Contains(where, "javascript") {
			t.Errorf("%s: %d leads to %q", to, a.Status, where)
		}
	}
	leads(t, open(s).post(t, "/sign-in", "name", "ROOT", "password", s.RootPassword, "to", "account?done=display"),
		"/account?done=display")
}

// A session of a program opens no page, and one of a browser no operation of REST.
func TestCookiesAndBearersStayApart(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	account(t, s, "anna", authz.SuperAdmin, false)
	bearer, _, err := s.Config.Accounts.SignIn(t.Context(), credentials.SignIn{Name: "anna", Password: chosen,
		Kind: credentials.Bearer}, testkit.Origin)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{bearer, s.Bearer[testkit.Root], s.Bearer[testkit.SuperAdmin]} {
		b := open(s)
		b.header = []string{"Authorization", "Bearer " + text}
		leads(t, b.get(t, "/account"), "/sign-in?to=account")
		b.header = nil
		b.cookies[session] = text
		leads(t, b.get(t, "/account"), "/sign-in?to=account")
	}
	for _, name := range []string{"anna", "ROOT"} {
		b := as(t, s, name)
		has(t, b.get(t, "/account"), 200)
		has(t, b.get(t, "/api/v1/users"), http.StatusUnauthorized)
		b.header = []string{"Authorization", "Bearer " + b.cookies[session]}
		has(t, b.get(t, "/api/v1/users"), http.StatusUnauthorized)
	}
}

// A form of another site does nothing, whatever cookie comes with it.
func TestFormsOfOtherSites(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	account(t, s, "anna", authz.Admin, false)
	b := as(t, s, "anna")
	for _, site := range []string{"cross-site", "same-site"} {
		b.site = site
		for _, path := range []string{"/sign-out", "/account/sessions", "/sign-in", "/account/passkeys", "/proof",
			"/sign-in/question", "/admin-new", "/key-new"} {
			has(t, b.post(t, path, "name", "anna", "password", chosen), http.StatusForbidden, "another site")
		}
	}
	b.site = ""
	b.header = []string{"Origin", "https://evil.example"}
	has(t, b.post(t, "/sign-out"), http.StatusForbidden)
	b.header = nil
	has(t, b.get(t, "/account"), 200)
	has(t, b.post(t, "/sign-in", "name", strings.Repeat("x", 20<<10)), http.StatusBadRequest, "too long")
}

// One's own sessions are listed and ended, and the password is changed, which ends the others.
func TestAccount(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	account(t, s, "anna", authz.Operator, false)
	account(t, s, "bea", authz.Operator, false)
	b, other, beas := as(t, s, "anna"), as(t, s, "anna"), as(t, s, "bea")
	page := b.get(t, "/account")
	has(t, page, 200, "this one", "OPERATOR")
	ends := func(page string) (names []string) {
		for _, part := range strings.Split(page, `name="session" value="`)[1:] {
			names = append(names, part[:strings.Index(part, `"`)])
		}
		return names
	}
	others := ends(page.Body) // of the account's first password change, and other
	if len(others) != 2 {
		t.Fatalf("the other sessions are %v\n%s", others, page.Body)
	}
	has(t, beas.post(t, "/account/sessions", "session", others[0]), http.StatusNotFound)
	leads(t, b.post(t, "/account/sessions"), "/account") // none is not all
	for _, name := range others {
		leads(t, b.post(t, "/account/sessions", "session", name), "/account?done=session")
	}
	leads(t, other.get(t, "/account"), "/sign-in?to=account")
	has(t, b.get(t, "/account?done=session"), 200, "The session has ended")

	other = as(t, s, "anna")
	const next = "eleven wooden teapots"
	has(t, b.post(t, "/account/password", "before", "wrong", "password", next, "again", next), 401, "!"+next)
	leads(t, b.post(t, "/account/password", "before", chosen, "password", next, "again", next), "/account?done=password")
	has(t, b.get(t, "/account"), 200)
	leads(t, other.get(t, "/account"), "/sign-in?to=account")

	leads(t, b.post(t, "/account/display", "theme", "dark"), "/account?done=display")
	has(t, b.get(t, "/account"), 200, `data-theme="dark"`, `class="keys-off"`)
	leads(t, b.post(t, "/account/display", "theme", `"><b>`, "keys", "on"), "/account?done=display")
	has(t, b.get(t, "/account"), 200, "!data-theme", "!keys-off")
}

// The body of a request for a page is not read, however long it is.
func TestAPageReadsNoBody(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	body := "--x\r\nContent-Disposition: form-data; name=\"to\"\r\n\r\nfrom-the-body\r\n--x--\r\n"
	a := open(s).request(t, http.MethodGet, "/sign-in", "multipart/form-data; boundary=x", strings.NewReader(body))
	has(t, a, 200, "Sign in", "!from-the-body")
}
