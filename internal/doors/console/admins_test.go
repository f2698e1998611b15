package console_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/token"
	"ostiary/internal/test/testkit"
)

// field gives the value of a hidden field of a form.
func field(t testing.TB, a testkit.Answer, name string) string {
	t.Helper()
	return link(t, a, `name="`+name+`" value="([^"]*)"`)
}

// unlogged checks that texts are neither in the server's log nor in the audit log.
func unlogged(t testing.TB, s *testkit.Server, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		if secret == "" || strings.Contains(s.Log.String(), secret) {
			t.Errorf("the log of the server has %q", secret)
		}
		for _, e := range s.Kit.Log(t, 0) {
			if strings.Contains(e.Raw, secret) {
				t.Errorf("entry %s has %q", e.Raw, secret)
			}
		}
	}
}

var shownOnce = regexp.MustCompile(`<dd class="mono"[^>]*>([^<]+)</dd>`)

func secretOf(t testing.TB, a testkit.Answer) string {
	t.Helper()
	has(t, a, 200, "It is shown this once")
	m := shownOnce.FindStringSubmatch(a.Body)
	if m == nil {
		t.Fatalf("no secret\n%s", a.Body)
	}
	return m[1]
}

// A SUPER_ADMIN adds an administrator and sees the first password once, gives another role,
// disables and enables the account, resets its password, and ends its sessions.
func TestAdministrators(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	account(t, s, "sue", authz.SuperAdmin, false)
	account(t, s, "max", authz.SuperAdmin, false)
	b := as(t, s, "sue")
	const name = "<b>&o'lga"
	const at = "/admins/%3Cb%3E&o%27lga"
	has(t, b.get(t, "/admin-new"), 200, "OPERATOR:", "ADMIN:", "!SUPER_ADMIN:")
	has(t, b.post(t, "/admin-new", "name", name), 422, "Choose a role", `value="&lt;b&gt;&amp;o&#39;lga"`)
	has(t, b.post(t, "/admin-new", "name", "ROOT", "role", "admin"), 422, "built-in administrator")
	has(t, b.post(t, "/admin-new", "name", "eve", "role", "super_admin"), 403, "only administrators of lower")
	s.User(t, name)
	s.Import(t, testkit.HOTP("1001"))
	s.Assign(t, "1001", name)
	added := b.post(t, "/admin-new", "name", name, "role", "operator", "help_desk", "yes")
	has(t, added, 200, "has 1 token already", "!<b>&o")
	first := secretOf(t, added)
	has(t, b.get(t, "/admins"), 200, "&lt;b&gt;&amp;o&#39;lga", "OPERATOR with help desk", "1 token", "!"+first,
		"Has to choose a password")
	has(t, b.get(t, at), 200, "&lt;b&gt;&amp;o&#39;lga", "!"+first, "Change the role")
	has(t, b.post(t, "/admin-new", "name", name, "role", "operator"), 409, "already an administrator")

	has(t, b.get(t, at+"/role"), 200, `value="operator" checked`, `value="yes" checked`)
	a := b.post(t, at+"/role", "role", "admin")
	has(t, b.get(t, a.Header.Get("Location")), 200, "The role is changed", "<dd>ADMIN</dd>")
	a = b.post(t, at+"/disable")
	has(t, b.get(t, a.Header.Get("Location")), 200, "is disabled", ">Disabled<", ">Enable<", "!>Disable<")
	a = b.post(t, at+"/enable")
	has(t, b.get(t, a.Header.Get("Location")), 200, "can sign in again", ">Disable<")
	second := secretOf(t, b.post(t, at+"/password", "forget_passkeys", "yes"))
	if second == first {
		t.Error("the password is the one before")
	}
	o := open(s)
	has(t, o.post(t, "/sign-in", "name", name, "password", first), 401)
	leads(t, o.post(t, "/sign-in", "name", name, "password", second), "/sign-in/code")
	has(t, b.get(t, at), 200, "End all sessions", "A browser")
	leads(t, b.post(t, at+"/sessions", "session", field(t, b.get(t, at), "session")),
		"/admins/%3Cb%3E&o%27lga?done=session")
	leads(t, o.get(t, "/sign-in/code"), "/sign-in?to=sign-in%2Fcode")
	o.post(t, "/sign-in", "name", name, "password", second)
	leads(t, b.post(t, at+"/sessions"), "/admins/%3Cb%3E&o%27lga?done=sessions")
	leads(t, o.get(t, "/sign-in/code"), "/sign-in?to=sign-in%2Fcode")

	// Those of one's own role are shown, and no more.
	has(t, b.get(t, "/admins/max"), 200, "SUPER_ADMIN", "!Change the role", "!/admins/max/")
	has(t, b.get(t, "/admins/max/role"), 403)
	for _, verb := range []string{"role", "disable", "password", "sessions"} {
		has(t, b.post(t, "/admins/max/"+verb, "role", "operator"), 403)
	}
	has(t, as(t, s, "ROOT").get(t, "/admin-new"), 200, "SUPER_ADMIN:")
	has(t, b.get(t, "/admins/nobody"), 404)
	unlogged(t, s, first, second)
}

// Of two administrators who change one account the second is told, and may do it all the same.
func TestTheSecondOfTwoIsTold(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	account(t, s, "sue", authz.SuperAdmin, false)
	account(t, s, "olga", authz.Operator, false)
	s.Import(t, testkit.HOTP("1001"))
	s.User(t, "bea")
	s.User(t, "carl")
	one, two := as(t, s, "sue"), as(t, s, "ROOT")

	seen := field(t, two.get(t, "/admins/olga/disable"), "seen")
	leads(t, one.post(t, "/admins/olga/role", "role", "admin", "seen", seen), "/admins/olga?done=role")
	for _, verb := range []string{"disable", "role", "password", "enable"} {
		told := two.post(t, "/admins/olga/"+verb, "role", "operator", "seen", seen)
		has(t, told, 409, "Somebody changed the administrator olga", "ADMIN")
		if now := field(t, told, "seen"); now == seen {
			t.Errorf("%s: the form has what was seen before", verb)
		}
	}
	seen = field(t, two.post(t, "/admins/olga/disable", "seen", seen), "seen")
	leads(t, two.post(t, "/admins/olga/disable", "seen", seen), "/admins/olga?done=disable")

	const where = "/tokens/1001/"
	for verb, typed := range map[string][]string{"state": {"state", "REVOKED_TOKEN_LOST"},
		"dates": {"until", "2040-01-01T08:00"}, "assign": {"user", "bea"}, "delete": nil} {
		seen := field(t, two.get(t, where+verb), "seen")
		label := "of " + verb
		if _, err := s.Lifecycle.SetLabel(t.Context(), testkit.Serial("1001"), label, testkit.Origin); err != nil {
			t.Fatal(err)
		}
		told := two.post(t, where+verb, append(typed, "seen", seen)...)
		has(t, told, 409, "Somebody changed token 1001")
		is := on(t, s, "1001")
		if is.Condition.State != token.Valid || is.OwnerName != "" || !is.Condition.NotAfter.IsZero() {
			t.Errorf("%s was done: %+v", verb, is)
		}
	}
	seen = field(t, two.get(t, where+"assign"), "seen")
	if !s.Verify(t, "1001", testkit.Code(t, testkit.HOTP("1001"), 0)) {
		t.Error("the code is refused")
	}
	if a := two.post(t, where+"assign", "user", "carl", "seen", seen); a.Status != http.StatusSeeOther {
		t.Errorf("a code of the token is no change of it: %d\n%s", a.Status, a.Body)
	}
	for _, verb := range []string{"unassign", "replace"} {
		has(t, two.post(t, where+verb, "state", "REVOKED_TOKEN_LOST", "by", "1002", "seen", seen), 409, "Somebody changed")
	}
}

// API keys are created, shown once, used, and revoked.
func TestKeys(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	account(t, s, "sue", authz.SuperAdmin, false)
	b := as(t, s, "sue")
	has(t, b.get(t, "/key-new"), 200, "VERIFIER:", "!SUPER_ADMIN:")
	has(t, b.post(t, "/key-new", "name", "a<b", "role", "verifier"), 422, "value=\"a&lt;b\"", `value="verifier" checked`)
	has(t, b.post(t, "/key-new", "name", "radius", "role", "verifier", "expires", "yesterday"), 422, "such as 2027")
	text := secretOf(t, b.post(t, "/key-new", "name", "radius", "role", "admin", "expires", "2099-12-31"))
	ask := func() int {
		req, err := http.NewRequest(http.MethodGet, s.URL+"/api/v1/users", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+text)
		res, err := http.DefaultClient.Do(req) //nolint:bodyclose // ReadAnswer closes it
		if err != nil {
			t.Fatal(err)
		}
		return testkit.ReadAnswer(t, res).Status
	}
	if got := ask(); got != 200 {
		t.Errorf("the key opens: %d", got)
	}
	page := b.get(t, "/keys")
	has(t, page, 200, "radius", "2100-01-01", "/keys/radius/revoke", "!"+text, "!/keys/super-admin/revoke")
	has(t, b.get(t, "/keys/radius/revoke"), 200, "are refused from now on")
	has(t, b.get(t, "/keys/super-admin/revoke"), 403)
	has(t, b.post(t, "/keys/super-admin/revoke"), 403)
	leads(t, b.post(t, "/keys/radius/revoke"), "/keys?done=revoke")
	if got := ask(); got != 401 {
		t.Errorf("the revoked key opens: %d", got)
	}
	has(t, b.get(t, "/keys?done=revoke"), 200, "The key is revoked", ">Revoked<", "!/keys/radius/revoke")
	has(t, b.post(t, "/keys/radius/revoke"), 404)
	unlogged(t, s, text)
}

func TestSettings(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	has(t, as(t, s, "ROOT").get(t, "/settings"), 200, "listen", "&lt;b&gt;:8443", "flag", "Where it listens.",
		"ostiary serve")
	account(t, s, "anna", authz.Admin, false)
	has(t, as(t, s, "anna").get(t, "/tokens"), 200, "!/settings", "!/admins", "!/keys")
}

// What needs a fresh proof asks for one, and leads back with what was typed; never with a
// secret, and to no other server.
func TestFreshProof(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	account(t, s, "sue", authz.SuperAdmin, false)
	account(t, s, "olga", authz.Operator, false)
	b := as(t, s, "sue")
	has(t, b.get(t, "/admin-new"), 200)
	s.Clock.Advance(6 * time.Minute)
	has(t, b.get(t, "/admins"), 200)
	leads(t, b.get(t, "/admin-new"), "/proof?to=admin-new")
	const back = "admin-new?help_desk=yes&name=%3Co%3E&role=operator"
	proof := b.post(t, "/admin-new", "name", "<o>", "role", "operator", "help_desk", "yes", "password", "secret-1",
		"otp", "123456", "answer", "secret-2")
	leads(t, proof, "/proof?to=admin-new%3Fhelp_desk%3Dyes%26name%3D%253Co%253E%26role%3Doperator")
	if _, err := s.Config.Accounts.Find(t.Context(), "<o>"); err == nil {
		t.Error("the account was added without a proof")
	}
	page := b.get(t, proof.Header.Get("Location"))
	has(t, page, 200, "Prove that it is you", `name="password"`, `!name="otp"`, "!secret")
	to := field(t, page, "to")
	if to != back {
		t.Errorf("it leads back to %q", to)
	}
	has(t, b.post(t, "/proof", "to", to, "password", "not-this-one"), 401, "!not-this-one", "There is a problem")
	leads(t, b.get(t, "/admin-new"), "/proof?to=admin-new")
	for _, elsewhere := range []string{"//evil.example", "https://evil.example", "/evil", `\\evil`} {
		leads(t, b.post(t, "/proof", "to", elsewhere, "password", chosen), "/dashboard")
	}
	leads(t, b.post(t, "/proof", "to", to, "password", chosen), "/"+back)
	has(t, b.get(t, "/"+back), 200, `value="&lt;o&gt;"`, `value="operator" checked`, `name="help_desk" value="yes" checked`)
	secretOf(t, b.post(t, "/admin-new", "name", "<o>", "role", "operator", "help_desk", "yes"))

	// A form without a page of its own leads back to the page that it is on.
	s.Clock.Advance(6 * time.Minute)
	leads(t, b.post(t, "/admins/olga/disable", "seen", "x"), "/proof?to=admins%2Folga%2Fdisable")
	leads(t, b.post(t, "/account/passkeys", "passkey", "x"), "/proof?to=account")
	leads(t, b.get(t, "/account/passkey-new"), "/proof?to=account%2Fpasskey-new")

	// ROOT gives the password, too, and an administrator with a token a code of it.
	r := as(t, s, "ROOT")
	s.Clock.Advance(6 * time.Minute)
	leads(t, r.get(t, "/key-new"), "/proof?to=key-new")
	leads(t, r.post(t, "/proof", "to", "key-new", "password", s.RootPassword), "/key-new")
	has(t, r.get(t, "/key-new"), 200)
	fob := testkit.HOTP("1001")
	s.Import(t, fob)
	s.User(t, "sue")
	s.Assign(t, "1001", "sue")
	b = as(t, s, "sue")
	b.post(t, "/sign-in/code", "otp", testkit.Code(t, fob, 0))
	s.Clock.Advance(6 * time.Minute)
	has(t, b.get(t, "/proof?to=keys"), 200, `name="otp"`, `!name="password"`)
	has(t, b.post(t, "/proof", "to", "key-new", "password", chosen), 409, "proves nothing here")
	has(t, b.post(t, "/proof", "to", "key-new", "otp", testkit.Code(t, fob, 0)), 401)
	leads(t, b.post(t, "/proof", "to", "key-new", "otp", testkit.Code(t, fob, 1)), "/key-new")
	has(t, b.get(t, "/key-new"), 200)
	unlogged(t, s, chosen, "secret-1", "secret-2", testkit.Code(t, fob, 1))
}
