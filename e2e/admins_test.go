package e2e

import (
	"net/http"
	"strings"
	"testing"

	"ostiary/internal/doors/wire"
)

// refused demands a problem of that code.
func (a answer) refused(t testing.TB, what string, status int, code string) {
	t.Helper()
	if p := a.problem(t); a.status != status || p.Code != code {
		t.Errorf("%s: %d %s, want %d %s", what, a.status, p.Code, status, code)
	}
}

// A server that requires a second factor lets nobody in by a password alone but ROOT, and an
// ADMIN cannot give a superior's user a token.
func TestASecondFactorIsRequired(t *testing.T) {
	t.Parallel()
	s := start(t, newData(t), "--require-second-factor")
	first, second := hotp("14000401"), hotp("14000402")
	s.imports(plain(t, first, second), 2)
	anna := decode[wire.NewAdmin](s, "admin", "add", "anna", "--role", "super_admin", "--json")
	nobody := s.as("")
	signIn := func(name, password string) answer {
		return nobody.json(http.MethodPost, "/api/v1/session", map[string]string{"name": name, "password": password})
	}
	opens := func(token string) answer { return s.as(token).json(http.MethodGet, "/api/v1/users", nil) }

	signIn("anna", anna.Password).refused(t, "without a second factor", http.StatusForbidden, "second_factor_missing")
	root := into[wire.Session](t, signIn("ROOT", s.password))
	if root.SecondFactor != "none" || opens(root.Token).status != http.StatusOK {
		t.Errorf("ROOT's session is %+v", root)
	}

	s.ok("user", "add", "anna")
	admin := s.as(s.key("portal", "admin"))
	admin.json(http.MethodPost, "/api/v1/tokens/"+first.Serial+"/assign", map[string]string{"user": "anna"}).
		refused(t, "a token by an ADMIN", http.StatusForbidden, "administrators_token")
	if tok := s.token(first.Serial); tok.User != "" {
		t.Errorf("the token is %s's", tok.User)
	}
	s.ok("token", "assign", second.Serial, "anna")

	signed := into[wire.Session](t, signIn("anna", anna.Password))
	if signed.SecondFactor != "needed" {
		t.Errorf("the session is %+v", signed)
	}
	opens(signed.Token).refused(t, "before the code", http.StatusForbidden, "second_factor_needed")
	code := second.code(t, 0)
	prove := func(token, otp string) answer {
		return s.as(token).json(http.MethodPost, "/api/v1/session/proof", map[string]string{"otp": otp})
	}
	prove(signed.Token, first.code(t, 0)).refused(t, "a code of a token of nobody", http.StatusUnauthorized, "not_proven")
	proven := into[wire.Proven](t, prove(signed.Token, code))
	opens(proven.Token).refused(t, "with the first password", http.StatusForbidden, "password_change_needed")
	const chosen = "seventeen green umbrellas"
	changed := into[wire.Proven](t, s.as(proven.Token).json(http.MethodPut, "/api/v1/session/password",
		map[string]string{"before": anna.Password, "password": chosen}))
	if a := opens(changed.Token); a.status != http.StatusOK {
		t.Errorf("with everything: %d %s", a.status, a.body)
	}
	again := into[wire.Session](t, signIn("anna", chosen))
	prove(again.Token, code).refused(t, "the code once more", http.StatusUnauthorized, "not_proven")

	for _, secret := range []string{anna.Password, chosen, s.password, signed.Token, changed.Token} {
		if strings.Contains(s.log.String(), secret) {
			t.Error("the log of the server holds a secret")
		}
	}
	s.auditOK()
}
