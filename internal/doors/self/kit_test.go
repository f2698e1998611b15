package self_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"ostiary/internal/engine/tempcodes"
	"ostiary/internal/test/testkit"
)

const cookie = "__Host-me"

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
	req, err := http.NewRequest(method, b.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
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

// scene is alice with two fobs, and bob with one.
func scene(t testing.TB) *testkit.Server {
	t.Helper()
	s := testkit.NewServer(t)
	s.Import(t, testkit.HOTP("1001"), testkit.HOTP("1002"), testkit.HOTP("2001"))
	s.User(t, "alice")
	s.User(t, "bob")
	s.Assign(t, "1001", "alice")
	s.Assign(t, "1002", "alice")
	s.Assign(t, "2001", "bob")
	return s
}

// temporary is a code of the help desk.
func temporary(t testing.TB, s *testkit.Server, user string) string {
	t.Helper()
	issued, err := s.Temporary.Issue(t.Context(), tempcodes.Request{User: user, Count: 1, Hours: 1,
		Origin: testkit.Origin})
	if err != nil {
		t.Fatal(err)
	}
	return string(issued.Codes[0].Bytes())
}

// as opens a browser in which a user has signed in.
func as(t testing.TB, s *testkit.Server, user, code string) *browser {
	t.Helper()
	b := open(s)
	leads(t, b.post(t, "/me/sign-in", "name", user, "code", code), "/me")
	return b
}
