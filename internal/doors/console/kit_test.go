package console_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"ostiary/internal/core/authz"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/test/testkit"
)

const chosen = "seventeen green umbrellas"

// browser keeps cookies as one does, and sends forms from pages of the server itself.
type browser struct {
	*testkit.Server
	cookies map[string]string
	site    string
	header  []string
}

func open(s *testkit.Server) *browser {
	return &browser{Server: s, cookies: map[string]string{}, site: "same-origin"}
}

// ask sends a request and does not follow where the answer leads.
func (b *browser) ask(t testing.TB, method, path string, form url.Values) testkit.Answer {
	t.Helper()
	return b.askRaw(t, method, path, form.Encode())
}

// askRaw sends what may be no form.
func (b *browser) askRaw(t testing.TB, method, path, body string) testkit.Answer {
	t.Helper()
	kind := ""
	if method == http.MethodPost {
		kind = "application/x-www-form-urlencoded"
	}
	return b.request(t, method, path, kind, strings.NewReader(body))
}

// sendBody sends a form of another kind.
func (b *browser) sendBody(t testing.TB, path, kind string, body io.Reader) testkit.Answer {
	t.Helper()
	return b.request(t, http.MethodPost, path, kind, body)
}

func (b *browser) request(t testing.TB, method, path, kind string, body io.Reader) testkit.Answer {
	t.Helper()
	req, err := http.NewRequest(method, b.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	req.Header.Set("Sec-Fetch-Site", b.site)
	req.Header.Set("Accept", "text/html")
	for i := 0; i+1 < len(b.header); i += 2 {
		req.Header.Set(b.header[i], b.header[i+1])
	}
	for name, value := range b.cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	res, err := http.DefaultTransport.RoundTrip(req) //nolint:bodyclose // ReadAnswer closes it
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range res.Cookies() {
		if b.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return testkit.ReadAnswer(t, res)
}

func (b *browser) get(t testing.TB, path string) testkit.Answer {
	t.Helper()
	return b.ask(t, http.MethodGet, path, nil)
}

// post sends a form of pairs.
func (b *browser) post(t testing.TB, path string, pairs ...string) testkit.Answer {
	t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return b.ask(t, http.MethodPost, path, form)
}

// leads checks that an answer leads to a page.
func leads(t testing.TB, a testkit.Answer, where string) {
	t.Helper()
	if got := a.Header.Get("Location"); a.Status != http.StatusSeeOther || got != where {
		t.Errorf("answer %d leads to %q, want %q\n%s", a.Status, got, where, a.Body)
	}
}

// has checks the status of an answer, and what its page has; what begins with ! it has not.
func has(t testing.TB, a testkit.Answer, status int, texts ...string) {
	t.Helper()
	if a.Status != status {
		t.Errorf("answer %d, want %d, %q\n%s", a.Status, status, a.Header.Get("Location"), a.Body)
	}
	for _, text := range texts {
		not, absent := strings.CutPrefix(text, "!")
		if strings.Contains(a.Body, not) == absent {
			t.Errorf("the page has %q: %t\n%s", not, absent, a.Body)
		}
	}
}

// account adds an administrator, whose password is chosen.
func account(t testing.TB, s *testkit.Server, name string, role authz.Role, helpDesk bool) {
	t.Helper()
	ctx := t.Context()
	accounts := s.Config.Accounts
	_, first, err := accounts.Add(ctx, authz.Principal{Role: authz.Root}, credentials.AdminRequest{Name: name, Role: role,
		HelpDesk: helpDesk}, testkit.Origin)
	if err != nil {
		t.Fatal(err)
	}
	_, session, err := accounts.SignIn(ctx, credentials.SignIn{Name: name, Password: first, Kind: credentials.Page},
		testkit.Origin)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err = accounts.ChangePassword(ctx, session, first, chosen, testkit.Origin); err != nil {
		t.Fatal(err)
	}
}

// as opens a browser in which an administrator has signed in.
func as(t testing.TB, s *testkit.Server, name string) *browser {
	t.Helper()
	b := open(s)
	password := chosen
	if strings.EqualFold(name, credentials.RootName) {
		password = s.RootPassword
	}
	if a := b.post(t, "/sign-in", "name", name, "password", password); a.Status != http.StatusSeeOther {
		t.Fatalf("sign-in: %d\n%s", a.Status, a.Body)
	}
	return b
}
