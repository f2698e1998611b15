package console_test

import (
	"bytes"
	"net/http"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"ostiary/activation"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/api"
	"ostiary/internal/test/testkit"
)

var hidden = regexp.MustCompile(`<input type="hidden" name="(once|password)" value="([^"]*)">`)

// fill opens a form, and gives it as a browser sends it.
func (b *browser) fill(t testing.TB, path string, pairs ...string) url.Values {
	t.Helper()
	a := b.get(t, path)
	has(t, a, 200)
	form := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(a.Body, -1) {
		form.Set(m[1], m[2])
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return form
}

// fillIn opens a form, and sends it.
func (b *browser) fillIn(t testing.TB, path string, pairs ...string) testkit.Answer {
	t.Helper()
	return b.ask(t, http.MethodPost, path, b.fill(t, path, pairs...))
}

// onceShown checks that texts stand in an answer, which nobody keeps, and in none of the pages
// that come later, nor in the server's log.
func onceShown(t testing.TB, b *browser, a testkit.Answer, later []string, texts ...string) {
	t.Helper()
	has(t, a, 200, texts...)
	if cache := a.Header.Get("Cache-Control"); cache != "no-store" {
		t.Errorf("what is shown once may be kept: %q", cache)
	}
	for _, path := range later {
		for _, text := range texts {
			has(t, b.get(t, path), 200, "!"+text)
		}
	}
	for _, text := range texts {
		if strings.Contains(b.Log.String(), text) {
			t.Errorf("the log has %q", text)
		}
	}
}

const publicURL = "https://tokens.example.com"

// phones is a server with an administrator who has signed in, and the types of phones.
func phones(t testing.TB) (*testkit.Server, *browser) {
	t.Helper()
	s := testkit.NewServer(t, func(c *api.Config) { c.PublicURL = publicURL })
	s.DefaultProfiles(t)
	s.User(t, "bea")
	account(t, s, "anna", authz.Admin, false)
	return s, as(t, s, "anna")
}

var (
	enrolLink  = regexp.MustCompile(publicURL + `/enrol#([A-Z2-7]+)`)
	typedCode  = regexp.MustCompile(`<dt>Activation code</dt><dd[^>]*>([^<]+)<`)
	registered = regexp.MustCompile(`<dt>Registration code</dt><dd[^>]*>([^<]+)<`)
	password   = regexp.MustCompile(`Activation password: <span class="mono">([^<]+)<`)
)

// one gives what a pattern finds in a page.
func one(t testing.TB, a testkit.Answer, pattern *regexp.Regexp) string {
	t.Helper()
	m := pattern.FindStringSubmatch(a.Body)
	if m == nil {
		t.Fatalf("no %s\n%s", pattern, a.Body)
	}
	return m[1]
}

// Software tokens have a list and pages of their own, and are not among hardware tokens.
func TestSoftwareTokensApart(t *testing.T) {
	t.Parallel()
	s, b := phones(t)
	has(t, b.get(t, "/software"), 200, "There are no software tokens yet", "Create a software token", `aria-current="page"`)
	s.Import(t, testkit.HOTP("1001"))
	serial := s.Create(t, "app-totp").Serial
	has(t, b.get(t, "/tokens"), 200, ">1001<", "!"+serial, "!/software-new")
	has(t, b.get(t, "/software"), 200, ">"+serial+"<", "!>1001<", "1 token<", "Pending")
	has(t, b.get(t, "/software?serial=AT&state=PENDING&type=app-totp"), 200, ">"+serial+"<")
	has(t, b.get(t, "/software?serial=XX"), 200, "No software token matches these filters")
	has(t, b.get(t, "/software-filter"), 200, `<option value="app-totp">`, `!<option value="totp">`,
		`action="/software"`, `!name="batch"`)
	has(t, b.get(t, "/software.csv"), 200, serial, "!1001")
	for _, path := range []string{"/tokens/" + serial, "/tokens/" + serial + "/state", "/software/1001",
		"/software/1001/verify"} {
		has(t, b.get(t, path), 404)
	}
	leads(t, b.get(t, "/search?q="+serial), "/software?q="+serial)
	leads(t, b.get(t, "/search?q=1001"), "/tokens?q=1001")
	leads(t, b.get(t, "/search?q=nothing"), "/tokens?q=nothing")
	has(t, b.post(t, "/software/"+serial+"/state?back=-", "state", "REVOKED_TOKEN_OTHER", "reason", "gone"), 303)
	has(t, b.get(t, "/software/"+serial), 200, "Revoked, other reason", "All software tokens", "!/dates?x")
	leads(t, b.post(t, "/software/"+serial+"/delete?back=-"), "/software?did=delete&of="+serial)
}

// A token is made with a link that works once; the link is on no later page, and loading the
// page again makes no other token. The first code makes it valid.
func TestCreateWithLink(t *testing.T) {
	t.Parallel()
	s, b := phones(t)
	form := b.fill(t, "/software-new?user=bea", "type", "app-totp", "count", "1", "user", "bea", "label", "<b>phone</b>")
	a := b.ask(t, http.MethodPost, "/software-new", form)
	link := one(t, a, enrolLink)
	onceShown(t, b, a, []string{"/software", "/software/AT10000001", "/software/AT10000001/history", "/users/bea",
		"/users/bea/activity", "/software-new"}, link)
	has(t, a, 200, `role="img"`, "<title>QR code with the enrolment link</title>")
	again := b.ask(t, http.MethodPost, "/software-new", form)
	has(t, again, http.StatusConflict, "was sent before", "!"+link, "!/enrol#")
	if got := s.Count(t, "SELECT count(*) FROM token"); got != 1 {
		t.Errorf("%d tokens are there", got)
	}
	has(t, b.get(t, "/software/AT10000001"), 200, "&lt;b&gt;phone", "!<b>phone", ">Prove<", ">New link<", "!>Activate<")

	renewed := b.fillIn(t, "/software/AT10000001/link")
	second := one(t, renewed, enrolLink)
	if second == link {
		t.Error("the new link is the old one")
	}
	if _, err := s.Lifecycle.ShowSecret(t.Context(), link, testkit.Origin); err == nil {
		t.Error("the old link still works")
	}
	shown, err := s.Lifecycle.ShowSecret(t.Context(), second, testkit.Origin)
	if err != nil {
		t.Fatal(err)
	}
	has(t, b.fillIn(t, "/software/AT10000001/link"), http.StatusConflict, "There is a problem")
	key := testkit.KeyOf(t, "AT10000001", string(shown.URI.Bytes()))
	step := testkit.Step(t, key, s.Clock.Now())
	wrong, code := testkit.Wrong(t, key, step, 1)[0], testkit.Code(t, key, step)
	has(t, b.post(t, "/software/AT10000001/verify", "otp", code), 200, "waits for its first code", ">Prove</a>", "!"+code)
	has(t, b.post(t, "/software/AT10000001/prove", "otp", wrong), 200, "wrong code", ">New link</a>", "!value=\""+wrong)
	s.Clock.Advance(time.Minute)
	step = testkit.Step(t, key, s.Clock.Now())
	code = testkit.Code(t, key, step)
	a = b.post(t, "/software/AT10000001/prove", "otp", code)
	has(t, b.get(t, a.Header.Get("Location")), 200, "The token is valid", "Token AT10000001", "!>Prove<", "!"+code)
	has(t, b.post(t, "/software/AT10000001/verify", "otp", code), 200, "used before")
	if got := on(t, s, "AT10000001"); got.Condition.State != token.Valid || got.OwnerName != "bea" {
		t.Errorf("the token is %+v", got)
	}
}

// Of two that send one form, one makes a token.
func TestFormOnceAtOnce(t *testing.T) {
	t.Parallel()
	s, b := phones(t)
	form := b.fill(t, "/software-new", "type", "app-totp", "count", "1")
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			(&browser{Server: b.Server, cookies: map[string]string{session: b.cookies[session]}, site: "same-origin"}).
				ask(t, http.MethodPost, "/software-new", form)
		})
	}
	wait.Wait()
	if got := s.Count(t, "SELECT count(*) FROM token"); got != 1 {
		t.Errorf("%d tokens were made", got)
	}
}

// What is wrong is said, what was typed stays, and the form can be sent again.
func TestCreateRefused(t *testing.T) {
	t.Parallel()
	s, b := phones(t)
	has(t, b.fillIn(t, "/software-new", "type", "app-totp", "count", "101", "label", "kept"), 422, "1 to 100", `value="kept"`)
	has(t, b.fillIn(t, "/software-new", "type", "app-totp", "count", "1", "user", "nobody <i>"), 404, "nobody &lt;i&gt;",
		`value="app-totp" selected`)
	has(t, b.fillIn(t, "/software-new", "type", "mobile-totp", "count", "1", "reveal", "yes"), 422,
		`name="reveal" value="yes" checked`)
	has(t, b.post(t, "/software-new", "type", "app-totp", "count", "1"), http.StatusConflict)
	form := b.fill(t, "/software-new", "type", "app-totp", "count", "0")
	has(t, b.ask(t, http.MethodPost, "/software-new", form), 422)
	form.Set("count", "2")
	has(t, b.ask(t, http.MethodPost, "/software-new", form), 200, "2 tokens are created", "AT10000001", "AT10000002")
	a := b.fillIn(t, "/software-new", "type", "app-totp", "count", "1", "reveal", "yes")
	onceShown(t, b, a, []string{"/software", "/software/AT10000003"}, "otpauth://totp/")
	has(t, b.fillIn(t, "/software-new", "type", "mobile-totp", "count", "1"), 200, "MT10000001",
		">Activate</a>", "!otpauth")
	if got := s.Count(t, "SELECT count(*) FROM token"); got != 4 {
		t.Errorf("%d tokens are there", got)
	}
}

// offline begins an activation of codes, and gives the phone that was typed into.
func offline(t testing.TB, s *testkit.Server, b *browser, serial string, pairs ...string) (testkit.Phone,
	testkit.Answer) {
	t.Helper()
	a := b.fillIn(t, "/software/"+serial+"/activate", append([]string{"route", "offline"}, pairs...)...)
	has(t, a, 200)
	p, err := s.Profiles.Show(t.Context(), s.Token(t, serial).Profile)
	if err != nil {
		t.Fatal(err)
	}
	in := activation.CodeInput{Serial: serial, Password: activation.Secret(one(t, a, password))}
	secret, err := p.Vector.OpenCode(one(t, a, typedCode), in)
	if err != nil {
		t.Fatal(err)
	}
	return testkit.NewPhone(t, p.Vector, serial, secret, nil, nil), a
}

// A phone is activated by codes that are typed, confirmed with its first code, and used; then
// it is lost, and another one takes its place.
func TestActivate(t *testing.T) {
	t.Parallel()
	s, b := phones(t)
	has(t, b.fillIn(t, "/software-new", "type", "mobile-totp", "count", "1", "user", "bea"), 200)
	const where = "/software/MT10000001"
	has(t, b.get(t, where), 200, "It was not activated yet", ">Activate<", ">Letter<", "!>Confirm<", "!>Cancel<",
		"!>Unbind<", "!>Prove<")
	has(t, b.post(t, where+"/confirm", "otp", "123456"), http.StatusConflict)

	first, shown := offline(t, s, b, "MT10000001")
	code, pass := one(t, shown, typedCode), one(t, shown, password)
	onceShown(t, b, shown, []string{where, where + "/history", where + "/activate", "/software",
		"/users/bea/activity"}, code, pass)
	has(t, b.get(t, where), 200, "An activation is open until", ">Confirm<", ">Cancel<", "account:anna")
	wrong := "918273"
	c := first.Confirmation(t, s.Clock.Now(), false)
	if string(c.OTP) == wrong {
		wrong = "918274"
	}
	has(t, b.post(t, where+"/confirm", "otp", wrong, "derivation", string(c.Derivation)), 200, "4 tries are left",
		"!"+wrong)
	a := b.post(t, where+"/confirm", "otp", string(c.OTP), "derivation", string(c.Derivation))
	has(t, b.get(t, a.Header.Get("Location")), 200, "The device is activated", "Valid", "confirmed, in use", ">Unbind<",
		">Reset counts<", "!"+string(c.OTP))
	has(t, b.post(t, where+"/verify", "otp", string(c.OTP)), 200, "used before")
	s.Clock.Advance(10 * time.Minute)
	has(t, b.post(t, where+"/verify", "otp", first.Code(t, 1, s.Clock.Now())), 200, "<b>Valid</b>")

	second, _ := offline(t, s, b, "MT10000001", "reason", "device-lost")
	s.Clock.Advance(time.Minute)
	has(t, b.get(t, where), 200, "Revoked, token lost", "phone lost")
	has(t, b.post(t, where+"/verify", "otp", first.Code(t, 1, s.Clock.Now())), 200, "!<b>Valid</b>")
	c = second.Confirmation(t, s.Clock.Now(), true)
	has(t, b.post(t, where+"/confirm", "otp", string(c.OTP), "next_otp", string(c.Next), "derivation",
		string(c.Derivation)), 303)
	s.Clock.Advance(10 * time.Minute)
	s.Unlock(t, "MT10000001")
	has(t, b.post(t, where+"/verify", "otp", first.Code(t, 1, s.Clock.Now())), 200, "!<b>Valid</b>")
	s.Unlock(t, "MT10000001")
	s.Clock.Advance(10 * time.Minute)
	has(t, b.post(t, where+"/verify", "otp", second.Code(t, 1, s.Clock.Now())), 200, "<b>Valid</b>")

	has(t, b.post(t, where+"/reset"), 422, "There is a problem")
	has(t, b.post(t, where+"/reset", "interval", "yes", "successes", "yes", "failures", "yes"), 303)
	has(t, b.post(t, where+"/unbind"), 303)
	s.Clock.Advance(10 * time.Minute)
	has(t, b.post(t, where+"/verify", "otp", second.Code(t, 1, s.Clock.Now())), 200, "!<b>Valid</b>")
}

// Each route shows its own codes, a reload begins no other activation, and an open one is
// cancelled.
func TestActivationRoutes(t *testing.T) {
	t.Parallel()
	s, b := phones(t)
	has(t, b.fillIn(t, "/software-new", "type", "mobile-totp", "count", "1", "user", "bea"), 200)
	const where = "/software/MT10000001"
	has(t, b.get(t, where+"/activate"), 200, `value="online" checked`, "Activation password", `type="password"`)
	has(t, b.fillIn(t, where+"/activate", "days", "4"), 422, "Choose how", `value="4"`)
	has(t, b.fillIn(t, where+"/activate", "route", "pushed"), 422)
	const own = "a password of nobody"
	has(t, b.fillIn(t, where+"/activate", "route", "offline", "password", "short"), 422, "!short")
	form := b.fill(t, where+"/activate", "route", "online", "password", own)
	a := b.ask(t, http.MethodPost, where+"/activate", form)
	has(t, a, 200, publicURL+"<", "QR code with the registration code", "!"+own, "!Activation password:")
	registration := one(t, a, registered)
	onceShown(t, b, a, []string{where, where + "/history"}, registration)
	has(t, b.ask(t, http.MethodPost, where+"/activate", form), http.StatusConflict, "!"+registration)
	if got := s.Count(t, "SELECT count(*) FROM activation"); got != 1 {
		t.Errorf("%d activations were begun", got)
	}
	has(t, b.fillIn(t, where+"/activate", "route", "qr"), 200, "QR code with the activation", "!<dt>Activation code",
		"Activation password:")
	has(t, b.get(t, where), 200, "another one was begun", "QR code", "Online")
	has(t, b.post(t, where+"/cancel"), 303)
	has(t, b.post(t, where+"/cancel"), http.StatusConflict)
	has(t, b.get(t, where), 200, "cancelled", "!An activation is open")
}

// pdfText reads a PDF.
func pdfText(t testing.TB, pdf string) string {
	t.Helper()
	cmd := exec.Command("pdftotext", "-", "-")
	cmd.Stdin = strings.NewReader(pdf)
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("pdftotext, of poppler-utils: %v", err)
	}
	return out.String()
}

// A letter is a file that is not kept, and the activation password is not in it: the form
// shows it, another one each time.
func TestLetter(t *testing.T) {
	t.Parallel()
	s, b := phones(t)
	has(t, b.fillIn(t, "/software-new", "type", "mobile-totp", "count", "1", "user", "bea"), 200)
	const where = "/software/MT10000001/letter"
	page := b.get(t, where)
	pass := one(t, page, password)
	if one(t, b.get(t, where), password) == pass {
		t.Error("the form shows the same password again")
	}
	form := b.fill(t, where, "language", "xx")
	has(t, b.ask(t, http.MethodPost, where, form), 422, "!"+form.Get("password"), "Choose the language")
	form = b.fill(t, where, "language", "de", "page", "https://bank.example.com/token")
	form.Del("password")
	has(t, b.ask(t, http.MethodPost, where, form), 422, "nobody would know it")
	form = b.fill(t, where, "language", "de", "page", "https://bank.example.com/token")
	a := b.ask(t, http.MethodPost, where, form)
	if a.Status != 200 || a.Header.Get("Content-Type") != "application/pdf" ||
		a.Header.Get("Cache-Control") != "no-store" ||
		!strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment") || !strings.HasPrefix(a.Body, "%PDF-") {
		t.Fatalf("answer %d %v\n%.80s", a.Status, a.Header, a.Body)
	}
	has(t, b.ask(t, http.MethodPost, where, form), http.StatusConflict)
	if got := s.Count(t, "SELECT count(*) FROM activation"); got != 1 {
		t.Errorf("%d activations were begun", got)
	}
	text := pdfText(t, a.Body)
	if !strings.Contains(text, "MT10000001") || !strings.Contains(text, "bank.example.com") ||
		strings.Contains(text, form.Get("password")) {
		t.Errorf("the letter says\n%s", text)
	}
	code := regexp.MustCompile(`(?:[0-9A-Z]{5}[- ]){5}[0-9A-Z]{5}`).FindString(text)
	p, err := s.Profiles.Show(t.Context(), "mobile-totp")
	if err != nil {
		t.Fatal(err)
	}
	secret, err := p.Vector.OpenCode(code, activation.CodeInput{Serial: "MT10000001",
		Password: activation.Secret(form.Get("password"))})
	if err != nil {
		t.Fatalf("%q: %v\n%s", code, err, text)
	}
	phone := testkit.NewPhone(t, p.Vector, "MT10000001", secret, nil, nil)
	c := phone.Confirmation(t, s.Clock.Now(), false)
	has(t, b.post(t, "/software/MT10000001/confirm", "otp", string(c.OTP), "derivation", string(c.Derivation)), 303)
}

// Activations are made ahead, as letters or on a page; passwords go into no letter.
func TestLettersAhead(t *testing.T) {
	t.Parallel()
	s, b := phones(t)
	s.PhoneType(t, testkit.Profile(t))
	const where = "/software-letters"
	fields := []string{"language", "en", "count", "3"}
	has(t, b.fillIn(t, where, append(fields, "type", "mobile-totp", "as", "letters")...), 422, "has activation passwords")
	a := b.fillIn(t, where, append(fields, "type", "mobile-totp", "as", "page", "label", "spare")...)
	if codes := typedCode.FindAllString(a.Body, -1); len(codes) != 3 {
		t.Errorf("the page has the codes %v\n%s", codes, a.Body)
	}
	has(t, a, 200, "Activation passwords, to be sent another way", "MT10000003")
	onceShown(t, b, a, []string{"/software", "/software/MT10000001"}, one(t, a, typedCode))
	a = b.fillIn(t, where, append(fields, "type", testkit.PhoneType, "as", "letters")...)
	if a.Status != 200 || !strings.HasPrefix(a.Body, "%PDF-") {
		t.Errorf("answer %d\n%.200s", a.Status, a.Body)
	}
	a = b.fillIn(t, where, "language", "en", "type", "mobile-totp", "as", "page", "count", "", "serials",
		"MT10000001, MT10000002")
	has(t, a, 200, "2 activations have begun", "!MT10000003")
	has(t, b.fillIn(t, where, "language", "en", "type", "mobile-totp", "as", "page", "count", "x"), 422)
	if got := s.Count(t, "SELECT count(*) FROM token"); got != 6 {
		t.Errorf("%d tokens are there", got)
	}
}

// With device binding the app shows a derivation code, which does not come back either.
func TestDerivationCodeNeverComesBack(t *testing.T) {
	t.Parallel()
	s, b := phones(t)
	v := s.PhoneType(t, testkit.Profile(t, func(p *activation.Profile) { p.Rules.DeviceBinding = true }))
	serial := s.CreatePhone(t, "bea")
	where := "/software/" + serial
	a := b.fillIn(t, where+"/activate", "route", "offline")
	secret, err := v.OpenCode(one(t, a, typedCode), activation.CodeInput{Serial: serial})
	if err != nil {
		t.Fatal(err)
	}
	phone := testkit.NewPhone(t, v, serial, secret, nil, nil)
	c := phone.Confirmation(t, s.Clock.Now(), false)
	otp, derivation := string(c.OTP), string(c.Derivation)
	has(t, b.post(t, where+"/confirm", "otp", "12", "derivation", derivation), 422, "Derivation code", "!"+derivation)
	has(t, b.post(t, where+"/confirm", "otp", otp, "derivation", derivation), 303)
	has(t, b.get(t, where), 200, "confirmed, in use", "!"+otp, "!"+derivation)
}

// The name of a device, which a stranger chose, stays text.
func TestDeviceNameStaysText(t *testing.T) {
	t.Parallel()
	s, b := phones(t)
	has(t, b.fillIn(t, "/software-new", "type", "mobile-totp", "count", "1", "user", "bea"), 200)
	const where = "/software/MT10000001"
	a := b.fillIn(t, where+"/activate", "route", "online")
	code, err := activation.ParseRegistrationCode(one(t, a, registered))
	if err != nil {
		t.Fatal(err)
	}
	const name = `<script>x</script>"&`
	e, err := activation.NewExchange(code, activation.Device{Type: activation.Android, Name: name},
		strings.NewReader(strings.Repeat("r", 4096)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Activations.Take(t.Context(), e.Request(), testkit.Origin); err != nil {
		t.Fatal(err)
	}
	has(t, b.get(t, where), 200, "!<script>x", "&lt;script&gt;x", "has taken it", "(Android)")
}

// A user's software token is replaced by a new one, whose link is shown once, or by one of stock.
func TestReplaceSoftware(t *testing.T) {
	t.Parallel()
	s, b := phones(t)
	s.Import(t, testkit.HOTP("1001"))
	has(t, b.fillIn(t, "/software-new", "type", "app-totp", "count", "1", "user", "bea"), 200)
	has(t, b.fillIn(t, "/software/AT10000001/replace", "by", "9999", "state", "REVOKED_TOKEN_LOST"), 404, `value="9999"`)
	a := b.fillIn(t, "/software/AT10000001/replace", "by", "", "state", "REVOKED_TOKEN_LOST", "reason", "river")
	onceShown(t, b, a, []string{"/software/AT10000002", "/software/AT10000001/history"}, one(t, a, enrolLink))
	if old, is := on(t, s, "AT10000001"), on(t, s, "AT10000002"); old.Condition.State != token.RevokedLost ||
		old.OwnerName != "" || is.OwnerName != "bea" {
		t.Errorf("the old token is %v of %q, the new one of %q", old.Condition.State, old.OwnerName, is.OwnerName)
	}
	a = b.fillIn(t, "/software/AT10000002/replace?back=%40bea", "by", "1001", "state", "REVOKED_TOKEN_OTHER")
	leads(t, a, "/users/bea?did=replace&of=AT10000002")
	has(t, b.get(t, a.Header.Get("Location")), 200, "The user has the other token", ">1001<", "!>AT10000002<")
}

// A help desk activates and confirms, and makes no tokens.
func TestHelpDeskActivates(t *testing.T) {
	t.Parallel()
	s, _ := phones(t)
	s.PhoneType(t, testkit.Profile(t))
	serial := s.CreatePhone(t, "bea")
	account(t, s, "desk", authz.Operator, true)
	b := as(t, s, "desk")
	has(t, b.get(t, "/software"), 200, ">"+serial+"<", "!/software-new", "!/software-letters")
	has(t, b.get(t, "/software/"+serial), 200, ">Activate<", "!>Assign<", "!>Delete<", "!>Replace<", "!>Dates<")
	has(t, b.fillIn(t, "/software/"+serial+"/activate", "route", "qr"), 200, "An activation has begun")
	has(t, b.get(t, "/software/"+serial), 200, ">Confirm<", ">Cancel<", "!>Reset counts<")
	has(t, b.post(t, "/software/"+serial+"/reset", "interval", "yes"), http.StatusForbidden)
	has(t, b.post(t, "/software-new"), http.StatusForbidden)
}
