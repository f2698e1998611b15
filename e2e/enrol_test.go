package e2e

import (
	"encoding/hex"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"ostiary/internal/doors/wire"
	"ostiary/oath"
)

var linkText = regexp.MustCompile(`/enrol#([A-Z2-7]{26})`)

// appOf is the app that was given a key URI.
func appOf(t testing.TB, serial, uri string) device {
	t.Helper()
	u, err := oath.ParseURI(uri)
	if err != nil {
		t.Fatal(err)
	}
	return device{ID: serial, Serial: serial, Kind: u.Type, Seed: hex.EncodeToString(u.Secret.Bytes()),
		Digits: u.Digits, Interval: int(u.Period), Hash: u.Hash.String()}
}

// create makes one software token and shows its secret.
func (s *server) create(typeName string) device {
	s.t.Helper()
	made := decode[wire.NewTokens](s, "token", "create", typeName, "--qr").Tokens[0]
	return appOf(s.t, made.Serial, made.URI)
}

// enrolling makes one software token and gives its serial and link.
func (s *server) enrolling(typeName string) (serial, link string) {
	s.t.Helper()
	made := decode[wire.NewTokens](s, "token", "create", typeName).Tokens[0]
	m := linkText.FindStringSubmatch(made.Enrolment.URL)
	if m == nil || !strings.HasPrefix(made.Enrolment.URL, s.url+"/enrol#") {
		s.t.Fatalf("the link is %q", made.Enrolment.URL)
	}
	return made.Serial, m[1]
}

// show uses up a link.
func (s *server) show(link string) wire.EnrolmentSecret {
	s.t.Helper()
	return into[wire.EnrolmentSecret](
		s.t, s.as("").json(http.MethodPost, "/api/v1/enrolment/show", wire.EnrolmentRequest{Token: link}))
}

// TestEnrolment goes the way of a user: a link, a QR code that another program
// reads, an app that oathtool plays, the first code, a login; and again after a
// restart, no code works twice.
func TestEnrolment(t *testing.T) {
	t.Parallel()
	s := start(t, newData(t))
	login := s.as(s.key("login", "verifier"))
	s.ok("user", "add", "alice")
	s.ok("token", "create", "app-totp", "--user", "alice", "--label", "not this one")
	serial, link := s.enrolling("app-totp")
	s.ok("token", "assign", serial, "alice")

	shown := s.show(link)
	if shown.Account != "alice" || shown.Serial != serial {
		t.Errorf("shown %s of %s", shown.Serial, shown.Account)
	}
	if again := s.as("").json(http.MethodPost, "/api/v1/enrolment/show",
		wire.EnrolmentRequest{Token: link}); again.status != http.StatusNotFound {
		t.Errorf("the link once more: %d %s", again.status, again.body)
	}
	app := appOf(t, serial, scanned(t, shown.QR))

	first := app.at(t, time.Now(), 0)
	if login.verify("user", "alice", first) {
		t.Fatal("a code of a PENDING token is accepted")
	}
	a := s.as("").json(http.MethodPost, "/api/v1/enrolment/confirm",
		wire.EnrolmentConfirm{Ticket: shown.Ticket, OTP: first})
	if valid, err := a.verdict(); !valid || err != nil {
		t.Fatalf("confirm: %v, %v", valid, err)
	}
	next := app.at(t, time.Now(), 1) // the clock is allowed to be so far ahead
	if login.verify("serial", serial, first) || !login.verify("user", "alice", next) ||
		login.verify("user", "alice", next) {
		t.Error("the first code works again, or the next one not once")
	}
	s = s.restart()
	login = s.as(login.key)
	if login.verify("serial", serial, first) || login.verify("serial", serial, next) {
		t.Error("a used code works after a restart")
	}
	if got := s.tokens()[serial]; got.State != "VALID" || got.User != "alice" {
		t.Errorf("the token is %+v", got)
	}
	s.auditOK()
}

// scanned has other programs render a drawing and read its code.
func scanned(t testing.TB, svg string) string {
	t.Helper()
	picture := filepath.Join(t.TempDir(), "qr.png")
	render := exec.Command(need(t, "rsvg-convert", "librsvg2-bin"), "--width", "600", "--output", picture)
	render.Stdin = strings.NewReader(svg)
	if out, err := render.CombinedOutput(); err != nil {
		t.Fatalf("rsvg-convert: %v\n%s", err, out)
	}
	text, err := exec.Command(need(t, "zbarimg", "zbar-tools"), "-q", "--raw", picture).Output()
	if err != nil {
		t.Fatalf("zbarimg: %v", err)
	}
	return strings.TrimSuffix(string(text), "\n")
}
