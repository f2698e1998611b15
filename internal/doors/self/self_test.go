package self_test

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"ostiary/activation"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/self"
	"ostiary/internal/engine/users"
	"ostiary/internal/test/testkit"
)

// A user signs in, sees the tokens in words, and signs out. The code opens nothing again, and
// neither code nor cookie is in the log or comes back.
func TestSignIn(t *testing.T) {
	t.Parallel()
	s := scene(t)
	b := open(s)
	has(t, b.get(t, "/me"), 200, "<h1>Sign in</h1>", `name="name"`, "call 4711", "!Sign out")
	wrong := testkit.Wrong(t, testkit.HOTP("1001"), 0, 1)[0]
	has(t, b.post(t, "/me/sign-in", "name", "alice<b>", "code", wrong), 401, "There is a problem", "<title>Error: ",
		`value="alice&lt;b&gt;"`, "!"+wrong, "!<b>\"")
	if len(b.cookies) != 0 {
		t.Errorf("a wrong code gives cookies: %v", b.cookies)
	}
	code := testkit.Code(t, testkit.HOTP("1001"), 0)
	a := b.post(t, "/me/sign-in", "name", "Alice", "code", code[:3]+" "+code[3:])
	leads(t, a, "/me")
	if c := a.Header.Get("Set-Cookie"); !strings.HasPrefix(c, cookie+"=") || strings.Contains(c, "Domain") ||
		!strings.HasSuffix(c, "; Path=/; HttpOnly; Secure; SameSite=Strict") {
		t.Errorf("the cookie is %q", c)
	}
	page := b.get(t, "/me")
	has(t, page, 200, "Signed in as alice", "Key fob", "1001", "works", "2026", "!HOTP", "!hotp", "!ostiary ",
		`href="/me/try?token=1002"`, `href="/me/lost?token=1001"`, "!try?token=1001", "!2001")
	for name, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
		"Cross-Origin-Opener-Policy": "same-origin", "X-Frame-Options": "DENY"} {
		if got := page.Header.Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	has(t, open(s).post(t, "/me/sign-in", "name", "alice", "code", code), 401)
	old := b.cookies[cookie]
	leads(t, b.post(t, "/me/sign-out"), "/me")
	b.cookies[cookie] = old
	has(t, b.get(t, "/me"), 200, "<h1>Sign in</h1>")
	leads(t, b.get(t, "/me/past"), "/me")
	for _, secret := range []string{code, wrong, old} {
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

// Every page asks for a session, and for what it may do; a form of another site does nothing.
func TestPagesAskForASession(t *testing.T) {
	t.Parallel()
	s := scene(t)
	free := map[string]bool{"GET /me": true, "POST /me/sign-in": true, "POST /me/sign-out": true, "GET /me/help": true,
		"GET /me/link": true, "POST /me/link": true}
	temp := as(t, s, "alice", temporary(t, s, "alice"))
	mayNot := map[string]bool{"GET /me/try": true, "POST /me/try": true, "GET /me/fix": true, "POST /me/fix": true,
		"POST /me/activate": true, "POST /me/activate/password": true, "GET /me/app": true, "POST /me/app": true,
		"POST /me/app/confirm": true}
	for _, pattern := range patterns(t) {
		method, path, _ := strings.Cut(pattern, " ")
		if a := open(s).ask(t, method, path, nil); !free[pattern] && a.Header.Get("Location") != "/me" {
			t.Errorf("%s without a session: %d\n%s", pattern, a.Status, a.Body)
		}
		if !free[pattern] {
			b := open(s)
			b.cookies[cookie] = s.Bearer[testkit.Root]
			leads(t, b.ask(t, method, path, nil), "/me")
		}
		if mayNot[pattern] {
			has(t, temp.ask(t, method, path, nil), http.StatusForbidden, "does not allow")
		}
		if method == http.MethodPost {
			temp.site = "cross-site"
			has(t, temp.ask(t, method, path, nil), http.StatusForbidden, "not sent by a page of this server")
			temp.site = "same-origin"
		}
	}
	has(t, temp.get(t, "/me"), 200, "Signed in as alice", "!/me/try", "!/me/fix", "!/me/app", "/me/lost")
	// The console and REST know nothing of this cookie, nor these pages of the others.
	temp.cookies["__Host-session"] = temp.cookies[cookie]
	leads(t, temp.get(t, "/account"), "/sign-in?to=account")
	has(t, temp.get(t, "/api/v1/users"), http.StatusUnauthorized)
	has(t, temp.post(t, "/me/lost", "token", strings.Repeat("x", 20<<10)), http.StatusBadRequest)
}

// patterns are the pages, as the source has them.
func patterns(t *testing.T) (all []string) {
	t.Helper()
	text, err := os.ReadFile("self.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`"((?:GET|POST) /me[a-z/-]*)"`).FindAllSubmatch(text, -1) {
		all = append(all, string(m[1]))
	}
	if len(all) < 20 {
		t.Fatalf("only %q", all)
	}
	return all
}

// Unknown, wrong and locked are one answer, to the byte but for the name.
func TestRefusedSignInsAreAlike(t *testing.T) {
	t.Parallel()
	s := scene(t)
	wrong := testkit.Wrong(t, testkit.HOTP("1001"), 0, 1)[0]
	s.User(t, "locked")
	for range 30 {
		s.Clock.Advance(10 * time.Minute)
		s.VerifyUser(t, "locked", wrong)
	}
	want := ""
	for _, name := range []string{"alice", "nobody", "locked", "nobod\u200by"} {
		a := open(s).post(t, "/me/sign-in", "name", name, "code", wrong)
		got := strings.ReplaceAll(a.Body, `value="`+name+`"`, "")
		if want == "" {
			want = got
		}
		if a.Status != 401 || got != want {
			t.Errorf("%s: %d\n%s", name, a.Status, got)
		}
	}
}

// A code is tried, a fob is fixed, and lost.
func TestTryFixLose(t *testing.T) {
	t.Parallel()
	s := scene(t)
	b := as(t, s, "alice", testkit.Code(t, testkit.HOTP("1001"), 0))
	two := testkit.HOTP("1002")
	has(t, b.get(t, "/me/try?token=1002"), 200, "Try a code", `name="code"`)
	code := testkit.Code(t, two, 0)
	has(t, b.post(t, "/me/try", "token", "1002", "code", code), 200, "Right", "used up", "!"+code)
	has(t, b.post(t, "/me/try", "token", "1002", "code", code), 200, "was used already")
	has(t, b.post(t, "/me/try", "token", "1002", "code", testkit.Code(t, two, 40)), 200, "out of step",
		`href="/me/fix?token=1002"`)
	has(t, b.post(t, "/me/try", "token", "1002", "code", "12"), 422, "6 to 10 digits", "!ostiary ")
	has(t, b.post(t, "/me/try", "token", "2001", "code", code), 404, "no such token of yours", "!ostiary ")
	s.Clock.Advance(time.Minute)
	has(t, b.post(t, "/me/fix", "token", "1002", "code", testkit.Code(t, two, 40), "next", testkit.Code(t, two, 42)), 422,
		"not two codes in a row")
	s.Clock.Advance(time.Minute)
	leads(t, b.post(t, "/me/fix", "token", "1002", "code", testkit.Code(t, two, 40), "next", testkit.Code(t, two, 41)),
		"/me?done=fix")
	has(t, b.get(t, "/me?done=fix"), 200, "in step again")
	has(t, b.get(t, "/me/lost?token=1002"), 200, "Only the help desk can undo this", "button danger")
	leads(t, b.post(t, "/me/lost", "token", "1002"), "/me?done=lost")
	has(t, b.get(t, "/me?done=lost"), 200, "It is reported as lost", "reported lost", "!fix?token=1002")
	has(t, b.post(t, "/me/lost", "token", "1002"), 422, "That is so already")
	has(t, b.get(t, "/me/past"), 200, "A token was reported as lost", "Somebody signed in here as you", "from 127.0.0.1",
		"/me/disown")
	has(t, b.get(t, "/me/disown"), 200, "Key fob 1001", "!Key fob 1002")
	leads(t, b.post(t, "/me/disown", "token", "1001"), "/me?done=disown")
	has(t, b.get(t, "/me?done=disown"), 200, "All your sign-ins have ended", "<h1>Sign in</h1>")
	if got := s.Token(t, "1001").Condition.State; got != token.RevokedLost {
		t.Errorf("the token is %s", got)
	}
}

// A new app token is shown once, and counts once its first code is there.
func TestNewApp(t *testing.T) {
	t.Parallel()
	s := scene(t)
	b := as(t, s, "alice", testkit.Code(t, testkit.HOTP("1001"), 0))
	has(t, b.get(t, "/me/app"), 200, "New authenticator app")
	page := b.post(t, "/me/app")
	has(t, page, 200, "data:image/svg&#43;xml,", "otpauth://totp/", `name="token" value="AT10000001"`, `class="qr large"`)
	uri := regexp.MustCompile(`otpauth://[^<"]+`).FindString(page.Body)
	key := testkit.KeyOf(t, "AT10000001", strings.ReplaceAll(uri, "&amp;", "&"))
	step := testkit.Step(t, key, s.Clock.Now())
	has(t, b.post(t, "/me/app/confirm", "token", "AT10000001", "code", testkit.Wrong(t, key, step, 1)[0]), 422,
		"not the right code", "Begin anew", "!otpauth")
	s.Clock.Advance(time.Minute)
	code := testkit.Code(t, key, testkit.Step(t, key, s.Clock.Now()))
	leads(t, b.post(t, "/me/app/confirm", "token", "AT10000001", "code", code), "/me/app?done=AT10000001")
	has(t, b.get(t, "/me/app?done=AT10000001"), 200, "Token AT10000001 is yours")
	has(t, b.get(t, "/me"), 200, "Authenticator app", "AT10000001")
}

// An activation is begun by a code of another token. Its password is never beside the QR code:
// it is on a page of its own.
func TestActivation(t *testing.T) {
	t.Parallel()
	s := scene(t)
	s.PhoneType(t, testkit.Profile(t, func(p *activation.Profile) { p.Rules.Password = true }))
	phone := s.CreatePhone(t, "alice")
	one, two := testkit.HOTP("1001"), testkit.HOTP("1002")
	b := as(t, s, "alice", testkit.Code(t, one, 0))
	has(t, b.get(t, "/me"), 200, "App on a phone", "waits for its activation", "/me/activate?token="+phone)
	has(t, b.get(t, "/me/activate?token="+phone), 200, "Code of another token", "!Why?")
	has(t, b.post(t, "/me/activate", "token", phone, "code", testkit.Code(t, one, 0)), 422, "code was not accepted",
		"Code of another token")
	has(t, b.post(t, "/me/activate", "token", "1002", "code", testkit.Code(t, one, 1)), 422, "not activated on a phone")
	s.Clock.Advance(time.Minute)
	leads(t, b.post(t, "/me/activate", "token", phone, "code", testkit.Code(t, two, 0)), "/me/activate?token="+phone)
	page := b.get(t, "/me/activate?token="+phone)
	has(t, page, 200, "Scan this with the app", "data:image/svg", "Registration code", "me/activate/password", s.URL)
	has(t, b.get(t, "/me/activate/state?token="+phone), 200, `{"state":"waits"}`)
	shown := b.post(t, "/me/activate/password", "token", phone)
	has(t, shown, 200, "Activation password", "!data:image/svg", "!Registration code")
	password := regexp.MustCompile(`big-code">([^<]+)<`).FindStringSubmatch(shown.Body)
	if password == nil || strings.Contains(page.Body, password[1]) || strings.Contains(s.Log.String(), password[1]) {
		t.Errorf("the password is %q", password)
	}
	has(t, as(t, s, "alice", temporary(t, s, "alice")).get(t, "/me/activate?token="+phone), 200,
		"Nothing is waiting for your phone", "!Registration code")
}

func TestNewDemandsItsParts(t *testing.T) {
	t.Parallel()
	if _, err := self.New(self.Config{}); err == nil {
		t.Error("a door without parts")
	}
}

// A session that waits too long leads to the sign-in, and a server in trouble says so.
func TestTrouble(t *testing.T) {
	t.Parallel()
	s := scene(t)
	b := as(t, s, "alice", testkit.Code(t, testkit.HOTP("1001"), 0))
	s.Clock.Advance(15 * time.Minute)
	leads(t, b.get(t, "/me/past"), "/me")
	b = as(t, s, "alice", temporary(t, s, "alice"))
	for range 25 {
		open(s).post(t, "/me/sign-in", "name", "nobody", "code", "000000")
	}
	has(t, open(s).post(t, "/me/sign-in", "name", "nobody", "code", "000000"), http.StatusTooManyRequests,
		"Too many tries came from your address")
	if err := s.DB.Close(); err != nil {
		t.Fatal(err)
	}
	has(t, b.get(t, "/me/past"), http.StatusServiceUnavailable, "cannot do this at the moment", "Request ")
	s.Open(t)
}

// Strangers' text stays text, in every language.
func TestNamesStayText(t *testing.T) {
	t.Parallel()
	s := scene(t)
	const name = `"><script>alert(1)</script>`
	user, err := users.Canonical(name)
	if err != nil {
		t.Fatal(err)
	}
	s.User(t, name)
	b := as(t, s, name, temporary(t, s, name))
	for _, lang := range []string{"en", "de", "sv"} {
		for _, path := range []string{"/me", "/me/past", "/me/help", "/me/disown", "/me/app?done=" + "%3Cscript%3E"} {
			sign := "?"
			if strings.Contains(path, "?") {
				sign = "&"
			}
			a := b.get(t, path+sign+"lang="+lang)
			has(t, a, a.Status, "!"+user, "!<script>", `<html lang="`+lang+`"`)
		}
	}
	has(t, open(s).get(t, "/me?lang=%22%3E%3Cb%3E&x=%22%3E%3Cb%3E"), 200, `<html lang="en"`, "!<b>")
	de := open(s)
	de.header = []string{"Accept-Language", "de-CH, en;q=0.5"}
	has(t, de.get(t, "/me"), 200, "Anmelden", `lang="sv"`, "!Sign in<")
	has(t, de.post(t, "/me/sign-in", "name", "x", "code", "1"), 401, "<title>Fehler: Anmelden", "Es gibt ein Problem")
	has(t, b.get(t, "/me"), 200, "Inloggad som") // as it was chosen last
}

// TestTemplatesHaveNoText: all texts come from the catalogue.
func TestTemplatesHaveNoText(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"pages/me.html", "../enrol/page/enrol.html"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		bare := regexp.MustCompile(`(?s)\{\{.*?\}\}`).ReplaceAllString(string(text), " ")
		bare = regexp.MustCompile(`(?:alt|title|aria-label|placeholder)="[^"]*[a-zA-Z][^"]*"`).ReplaceAllStringFunc(bare,
			func(found string) string {
				t.Errorf("%s has %s", name, found)
				return found
			})
		bare = regexp.MustCompile(`<[^>]*>`).ReplaceAllString(bare, " ")
		if left := regexp.MustCompile(`\p{L}+`).FindString(bare); left != "" {
			t.Errorf("%s has the text %q", name, left)
		}
	}
}
