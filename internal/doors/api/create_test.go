package api_test

import (
	"encoding/base32"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"ostiary/internal/doors/api"
	"ostiary/internal/doors/wire"
	"ostiary/internal/test/testkit"
)

const publicURL = "https://tokens.example.com"

func enrolServer(t *testing.T) *testkit.Server {
	t.Helper()
	return testkit.NewServer(t, func(c *api.Config) { c.PublicURL = publicURL + "/" })
}

// created asks for tokens.
func created(t *testing.T, s *testkit.Server, body any) (made wire.NewTokens, raw string) {
	t.Helper()
	a := s.Do(t, testkit.Admin, http.MethodPost, "/api/v1/tokens", body)
	status(t, a, http.StatusCreated, "")
	a.JSON(t, &made)
	return made, a.Body
}

// linkOf is the secret part of a token's link.
func linkOf(t *testing.T, n wire.NewToken) string {
	t.Helper()
	if n.Enrolment == nil {
		t.Fatalf("token %s has no link", n.Serial)
	}
	link, ok := strings.CutPrefix(n.Enrolment.URL, publicURL+"/enrol#")
	if !ok || len(link) < 26 {
		t.Fatalf("the link is %q", n.Enrolment.URL)
	}
	return link
}

// From the creation to the first login, all over HTTP; and nothing secret stays
// behind.
func TestEnrolment(t *testing.T) {
	t.Parallel()
	s := enrolServer(t)
	s.User(t, "anna")
	made, raw := created(t, s, object{"type": "app-totp", "user": "anna", "label": "phone"})
	tok := made.Tokens[0]
	if tok.Serial != "AT10000001" || tok.State != "PENDING" || tok.User != "anna" || tok.Label != "phone" ||
		tok.URI != "" || strings.Contains(raw, "otpauth") {
		t.Errorf("made %s", raw)
	}
	link := linkOf(t, tok)

	a := s.Do(t, testkit.Nobody, http.MethodPost, "/api/v1/enrolment/show", object{"token": link})
	status(t, a, http.StatusOK, "")
	var shown wire.EnrolmentSecret
	a.JSON(t, &shown)
	if shown.Serial != tok.Serial || shown.Issuer != "Ostiary" || shown.Account != "anna" || shown.Digits != 6 ||
		a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("shown %+v", shown)
	}
	key := testkit.KeyOf(t, tok.Serial, shown.URI)
	step := testkit.Step(t, key, s.Clock.Now())
	code, wrong := testkit.Code(t, key, step), testkit.Wrong(t, key, step, 1)[0]
	status(t, s.Do(t, testkit.Nobody, http.MethodPost, "/api/v1/enrolment/show", object{"token": link}),
		http.StatusNotFound, "link_invalid")

	present := func(ticket, otp string) testkit.Answer {
		return s.Do(t, testkit.Nobody, http.MethodPost, "/api/v1/enrolment/confirm",
			object{"ticket": ticket, "otp": otp})
	}
	valid(t, verify(t, s, testkit.Verifier, tok.Serial, code), false)
	status(t, present(link, code), http.StatusNotFound, "link_invalid")
	status(t, present("nonesuch", code), http.StatusNotFound, "link_invalid")
	status(t, present(shown.Ticket, "12345678"), http.StatusUnprocessableEntity, "otp_length")
	valid(t, present(shown.Ticket, wrong), false)
	valid(t, present(shown.Ticket, code), true)
	status(t, present(shown.Ticket, code), http.StatusConflict, "token_confirmed")
	valid(t, verify(t, s, testkit.Verifier, tok.Serial, code), false)
	s.Clock.Advance(30e9)
	next := testkit.Code(t, key, step+1)
	valid(t, verify(t, s, testkit.Verifier, tok.Serial, next), true)

	// What the user did is told of the link, from where it was.
	for _, e := range s.Kit.Log(t, 0) {
		if e.Action == "token.confirmed" && (e.Actor != "enrolment" || e.Role != "" || e.Source == "") {
			t.Errorf("the log says %s", e.Raw)
		}
	}
	list := s.Do(t, testkit.Admin, http.MethodGet, "/api/v1/tokens?state=VALID", nil)
	audit := s.Do(t, testkit.Admin, http.MethodGet, "/api/v1/audit?limit=1000", nil)
	for name, text := range map[string]string{"the server's log": s.Log.String(), "the list": list.Body,
		"the audit log": audit.Body} {
		for _, secret := range append(secretForms(key.Secret), link, shown.Ticket, shown.URI,
			base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(key.Secret)) {
			if strings.Contains(text, secret) {
				t.Errorf("%s holds a secret", name)
			}
		}
		for _, c := range []string{code, wrong, next} {
			if strings.Contains(text, `"`+c+`"`) || strings.Contains(text, "="+c) {
				t.Errorf("%s holds a code", name)
			}
		}
	}
}

// A reply holds a secret only if that was asked for.
func TestSecretOnlyOnRequest(t *testing.T) {
	t.Parallel()
	s := enrolServer(t)
	_, raw := created(t, s, object{"type": "app-totp", "count": 3})
	if strings.Contains(raw, "otpauth") || strings.Contains(raw, "secret") || strings.Contains(raw, `"uri"`) {
		t.Errorf("the answer is %s", raw)
	}
	made, raw := created(t, s, object{"type": "app-hotp", "reveal": true})
	tok := made.Tokens[0]
	if tok.Enrolment != nil || !strings.HasPrefix(tok.URI, "otpauth://hotp/Ostiary:AH10000001?secret=") {
		t.Errorf("the answer is %s", raw)
	}
	key := testkit.KeyOf(t, tok.Serial, tok.URI)
	path := "/api/v1/tokens/" + tok.Serial
	status(t, s.Do(t, testkit.Admin, http.MethodPost, path+"/enrolment", nil), http.StatusConflict, "secret_shown")
	valid(t, s.Do(t, testkit.HelpDesk, http.MethodPost, path+"/confirm", object{"otp": testkit.Wrong(t, key, 0, 1)[0]}),
		false)
	valid(t, s.Do(t, testkit.HelpDesk, http.MethodPost, path+"/confirm", object{"otp": testkit.Code(t, key, 0)}), true)
	for _, a := range []testkit.Answer{s.Do(t, testkit.Admin, http.MethodGet, path, nil),
		s.Do(t, testkit.Admin, http.MethodGet, "/api/v1/audit", nil)} {
		for _, form := range append(secretForms(key.Secret), "otpauth") {
			if strings.Contains(a.Body+s.Log.String(), form) {
				t.Errorf("the secret is in %s", a.Body)
			}
		}
	}
	s.DefaultProfiles(t)
	made, _ = created(t, s, object{"type": "mobile-totp"})
	if n := made.Tokens[0]; n.Enrolment != nil || n.URI != "" || n.State != "PENDING" {
		t.Errorf("a token to be activated is %+v", n)
	}
}

func TestCreateIsRefused(t *testing.T) {
	t.Parallel()
	s := enrolServer(t)
	for _, c := range []struct {
		body   object
		status int
		code   string
	}{
		{object{"type": "app-totp", "count": 0}, 422, "count"},
		{object{"type": "app-totp", "count": 10_001}, 422, "count"},
		{object{"type": "app-totp", "count": "3"}, 422, "invalid_request"},
		{object{"type": "hotp"}, 409, "no_series"},
		{object{"type": "nonesuch"}, 404, "type_not_found"},
		{object{}, 422, "invalid_request"},
	} {
		unchanged(
			t, s,
			func() { status(t, s.Do(t, testkit.Admin, http.MethodPost, "/api/v1/tokens", c.body), c.status, c.code) })
	}
	made, _ := created(t, s, object{"type": "app-totp"})
	path := "/api/v1/tokens/" + made.Tokens[0].Serial + "/state"
	unchanged(t, s, func() {
		status(t, s.Do(t, testkit.Admin, http.MethodPost, path, object{"state": "VALID"}), 409, "not_proven")
		status(t, s.Do(t, testkit.Admin, http.MethodPost, path, object{"state": "PENDING"}), 422, "invalid_request")
	})
}

// 64 callers create at once: every serial is given once, and without a gap.
func TestParallelCreators(t *testing.T) {
	t.Parallel()
	s := enrolServer(t)
	var mu sync.Mutex
	var serials []string
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			made, _ := created(t, s, object{"type": "app-totp", "count": 1 + i%4})
			mu.Lock()
			defer mu.Unlock()
			for _, n := range made.Tokens {
				serials = append(serials, n.Serial)
			}
		})
	}
	wg.Wait()
	slices.Sort(serials)
	if len(serials) != 160 {
		t.Fatalf("%d serials", len(serials))
	}
	for i, serial := range serials {
		if want := fmt.Sprintf("AT%08d", 10_000_001+i); serial != want {
			t.Fatalf("serial %d is %s, want %s", i, serial, want)
		}
	}
	a := s.Do(t, testkit.Admin, http.MethodGet, "/api/v1/series", nil)
	if !strings.Contains(a.Body, `{"type":"app-totp","next":"AT10000161","highest_present":"AT10000160","used":160,"left":89999839}`) {
		t.Errorf("the series are %s", a.Body)
	}
}

// The page is static, loads nothing from elsewhere, and is framed by nobody.
func TestEnrolmentPage(t *testing.T) {
	t.Parallel()
	s := enrolServer(t)
	a := s.Do(t, testkit.Nobody, http.MethodGet, "/enrol", nil)
	if a.Status != http.StatusOK || a.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("%d %s", a.Status, a.Header.Get("Content-Type"))
	}
	csp := a.Header.Get("Content-Security-Policy")
	for _, rule := range []string{"default-src 'none'", "script-src 'self'", "connect-src 'self'",
		"frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'"} {
		if !strings.Contains(csp, rule) {
			t.Errorf("the policy %q lacks %q", csp, rule)
		}
	}
	if strings.Contains(csp, "unsafe") || a.Header.Get("Referrer-Policy") != "no-referrer" ||
		a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("the headers are %v", a.Header)
	}
	for _, foreign := range []string{"http:", "https:", "//cdn", "<style", "onclick", "style="} {
		if strings.Contains(a.Body, foreign) {
			t.Errorf("the page holds %q", foreign)
		}
	}
	if strings.Count(a.Body, "<script") != 1 {
		t.Errorf("the page has other scripts than its own: %s", a.Body)
	}
	for _, m := range regexp.MustCompile(`(?:src|href)="(look/(?:enrol|style|mark)-[^"]+)"`).FindAllStringSubmatch(a.Body, -1) {
		file := s.Do(t, testkit.Nobody, http.MethodGet, "/"+m[1], nil)
		if file.Status != http.StatusOK || file.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("%s: %d %v", m[1], file.Status, file.Header)
		}
	}
	if n := strings.Count(a.Body, `="look/`); n != 3 {
		t.Errorf("the page loads %d files: %s", n, a.Body)
	}
	for _, path := range []string{"/enrol/", "/enrol/enrol.html", "/enrol/../openapi.json"} {
		if a := s.Do(t, testkit.Nobody, http.MethodGet, path, nil); a.Status != http.StatusNotFound &&
			a.Status/100 != 3 {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
	status(t, s.Do(t, testkit.Nobody, http.MethodPost, "/enrol", object{}), http.StatusNotFound, "no_operation")
}

// Who looks for a page with a browser is told so by one; a program gets a problem document,
// and so does everybody who asks the API.
func TestNoPage(t *testing.T) {
	t.Parallel()
	s := server(t)
	const browser = "text/html,application/xhtml+xml,*/*;q=0.8"
	a := s.Do(t, testkit.Nobody, http.MethodGet, "/no/<b>page", nil, "Accept", browser)
	if a.Status != http.StatusNotFound || a.Header.Get("Content-Type") != "text/html; charset=utf-8" ||
		!strings.Contains(a.Body, "no page at /no/&lt;b&gt;page.") ||
		!strings.Contains(a.Body, a.Header.Get("X-Request-Id")) || a.Header.Get("Content-Security-Policy") == "" {
		t.Errorf("%d %v %s", a.Status, a.Header, a.Body)
	}
	status(t, s.Do(t, testkit.Nobody, http.MethodGet, "/no/page", nil), http.StatusNotFound, "no_operation")
	status(t, s.Do(t, testkit.Nobody, http.MethodGet, "/api/v1/no", nil, "Accept", browser), http.StatusNotFound,
		"no_operation")
	status(t, s.Do(t, testkit.Nobody, http.MethodPost, "/no/page", object{}, "Accept", browser), http.StatusNotFound,
		"no_operation")

	s = testkit.NewServer(t, func(c *api.Config) {
		c.Pages = map[string]http.Handler{"GET /broken": http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			panic("the inside")
		})}
	})
	a = s.Do(t, testkit.Nobody, http.MethodGet, "/broken", nil, "Accept", browser)
	if a.Status != http.StatusInternalServerError || a.Header.Get("Content-Type") != "text/html; charset=utf-8" ||
		strings.Contains(a.Body, "the inside") || !strings.Contains(a.Body, a.Header.Get("X-Request-Id")) {
		t.Errorf("%d %v %s", a.Status, a.Header, a.Body)
	}
	status(t, s.Do(t, testkit.Nobody, http.MethodGet, "/broken", nil), http.StatusInternalServerError, "internal")
}
