package e2e

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ostiary/internal/doors/wire"
	"ostiary/internal/seal"
	"ostiary/internal/seal/filekek"
	"ostiary/internal/store"
	"ostiary/internal/store/sqlite"
	"ostiary/internal/test/testkit"
)

// TestSecrets drives every command and every operation at log level debug and
// then looks for everything that must not be seen in every byte that came out:
// what the server and the commands printed, what the API answered, and all
// files of the data directory. The server that tokens move to and from is looked
// at in the same way.
func TestSecrets(t *testing.T) {
	onlyFile(t)
	t.Parallel()
	receiver := testkit.NewReceiver(t)
	receiver.Answer(func(int) int { return http.StatusInternalServerError }) // so that events stay in the database
	w := &watch{scene: stage(t, append(notifying(t, receiver), "--log-level", "debug", "--notify-passwords")...)}
	w.secretText("the key of events", strings.TrimPrefix(receiver.Key, "whsec_"))
	w.secretText("what the address of the receiver has", "sesame")
	w.secretText("the first ROOT password", w.password)
	w.secretText("the chosen ROOT password", chosenPassword)
	w.secretText("a session", w.session)
	w.secretSeed(w.token, w.spare, w.third, w.more, w.app, w.scanned(t), w.comes, w.goes, w.stays)
	w.secretText("the passphrase of the moves", movePhrase)
	w.secretText("the first ROOT password there", w.other.password)
	w.secretText("a ticket", w.shown.Ticket)
	w.secretCodes("the offer", string(encode(t, w.offered)))
	w.secretApp(w.active, w.seed)

	w.commands()
	w.mistakes()
	w.operations()
	for _, s := range []*server{w.server, w.other} {
		w.secretText("the key file", strings.TrimPrefix(strings.TrimSpace(read(t, filepath.Join(s.data, "kek"))),
			"ostiary-kek-1 "))
	}
	w.files(w.server, "while the server runs")
	w.files(w.other, "there, while it runs")
	w.metrics()
	w.stop()
	w.other.stop()
	w.issuers()
	w.files(w.server, "after the server stopped")
	w.files(w.other, "there, after it stopped")
	w.seen("the server's log", w.log.String())
	w.seen("the server's output", w.out.String(), "the first ROOT password")
	w.seen("the other server's log", w.other.log.String())
	w.seen("the other server's output", w.other.out.String(), "the first ROOT password there")

	w.mustSee()
	w.judge()
}

// watch collects what came out and what may not be in it.
type watch struct {
	*scene
	secrets []secret
	places  []place
	known   map[string]bool // commands that were run
}

type secret struct {
	name string
	form string
	raw  []byte
}

// place is one piece of output. The secrets it shows on purpose, this once, are
// allowed by name.
type place struct {
	name    string
	text    []byte
	allowed []string
}

func (w *watch) seen(where, text string, allowed ...string) {
	w.places = append(w.places, place{where, []byte(text), allowed})
}

func (w *watch) secretText(name, text string) {
	w.secrets = append(w.secrets, secret{name, "text", []byte(text)},
		secret{name, "text in base64", []byte(base64.StdEncoding.EncodeToString([]byte(text)))})
}

// secretBytes adds the forms in which a key is written.
func (w *watch) secretBytes(name, hexadecimal string) {
	w.t.Helper()
	raw, err := hex.DecodeString(hexadecimal)
	if err != nil {
		w.t.Fatal(err)
	}
	text := func(form, s string) { w.secrets = append(w.secrets, secret{name, form, []byte(s)}) }
	w.secrets = append(w.secrets, secret{name, "bytes", raw})
	text("hexadecimal", hex.EncodeToString(raw))
	text("hexadecimal in capitals", strings.ToUpper(hex.EncodeToString(raw)))
	// Without padding each form is found with padding as well.
	text("base32", base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw))
	text("base64", base64.RawStdEncoding.EncodeToString(raw))
	text("base64 of URLs", base64.RawURLEncoding.EncodeToString(raw))
	text("a list of numbers", strings.Trim(fmt.Sprint(raw), "[]"))
}

func (w *watch) secretSeed(devices ...device) {
	for _, d := range devices {
		w.secretBytes("the seed of "+d.Serial, d.Seed)
	}
}

// otp is a code that is presented: it may stand in no log and no file.
func (w *watch) otp(code string) string {
	w.secretText("the code "+code, code)
	return code
}

// did runs a command and keeps what it printed.
func (w *watch) did(code int, args []string, allowed ...string) string {
	w.t.Helper()
	return w.on(w.server, code, args, allowed...)
}

// on is did at one of the servers.
func (w *watch) on(s *server, code int, args []string, allowed ...string) string {
	w.t.Helper()
	r := s.run(args...)
	if r.code != code {
		w.t.Errorf("ostiary %q ended with %d, want %d:\n%s%s", args, r.code, code, r.out, r.err)
	}
	w.seen(fmt.Sprintf("the output of %q", args), r.out, allowed...)
	w.seen(fmt.Sprintf("what %q says beside it", args), r.err)
	for n := 1; n <= len(args) && n <= 3; n++ {
		w.known[strings.Join(args[:n], " ")] = true
	}
	return r.out
}

// commands runs every command there is.
func (w *watch) commands() {
	t := w.t
	w.known = map[string]bool{"serve": true}
	psk, passphrase := random(16), "passphrase-"+random(12)
	a, b, c := hotp("91000001"), totp("91000002"), ocra("91000003")
	byKey := seedFile(t, order{Keys: []device{a, b}, PSK: psk})
	byPassphrase := seedFile(t, order{Keys: []device{c}, Passphrase: passphrase})
	w.secretSeed(a, b, c)
	w.secretBytes("the pre-shared key", psk)
	w.secretText("the passphrase", passphrase)
	keyFile, passFile := writeFile(t, "key", psk), writeFile(t, "pass", passphrase)
	wrongKey, wrongPass := random(16), "wrong-"+random(12)
	w.secretBytes("the wrong pre-shared key", wrongKey)
	w.secretText("the wrong passphrase", wrongPass)
	wrongKeyFile, wrongPassFile := writeFile(t, "key", wrongKey), writeFile(t, "pass", wrongPass)

	w.did(0, []string{"version"})
	w.did(2, []string{"token", "import", byKey})
	w.did(2, []string{"token", "import", byKey, "--key-hex-file", wrongKeyFile})
	w.did(2, []string{"token", "import", byPassphrase, "--passphrase-file", wrongPassFile})
	w.did(2, []string{"token", "import", byPassphrase, "--key-hex-file", passFile})
	w.did(0, []string{"token", "import", byKey, "--key-hex-file", keyFile, "--dry-run", "--json"})
	w.did(0, []string{"token", "import", byKey, "--key-hex-file", keyFile})
	w.did(0, []string{"token", "import", byKey, "--key-hex-file", keyFile, "--json"})
	w.did(0, []string{"token", "import", byPassphrase, "--passphrase-file", passFile, "--json"})
	for n, form := range [][]string{{}, {"--json"}} {
		did := func(code int, args ...string) { w.did(code, append(args, form...)) }
		user, victim, codes := fmt.Sprint("user", n), []device{b, c}[n], a.codes(t, uint64(22*n), 22)
		did(0, "user", "add", user)
		did(0, "user", "add", "--list", writeFile(t, "users.csv", "user,mail\n"+user+",x\nlisted"+user+",y\n"))
		did(0, "user", "show", user)
		did(0, "user", "list")
		did(0, "user", "rename", user, user+".new")
		did(0, "user", "rename", user+".new", user)
		did(0, "user", "unlock", user)
		issued := fmt.Sprint("temporary codes ", n)
		out := w.did(0, append([]string{"user", "code", user, "--count", "2"}, form...), issued)
		for _, code := range regexp.MustCompile(`\b\d{8}\b`).FindAllString(out, -1) {
			w.secretText(issued, code)
		}
		did(0, "user", "code", user, "--revoke")
		handed := fmt.Sprint("a help desk's link ", n)
		out = w.did(0, append([]string{"user", "link", user, "--for", "app"}, form...), handed)
		w.secretText(handed, regexp.MustCompile(`#(\w+)`).FindStringSubmatch(out)[1])
		did(0, "job", "list")
		for _, verb := range []string{"show", "rows", "cancel"} {
			did(2, "job", verb, "99000") // there is none
		}
		did(0, "token", "list")
		did(0, "token", "show", a.Serial)
		did(0, "token", "assign", a.Serial, user)
		did(0, "token", "verify", a.Serial, w.otp(codes[0]))
		did(1, "token", "verify", a.Serial, codes[0], "--client", "192.0.2.7")
		did(1, "token", "verify", "no-such", w.otp("48151623"))
		did(0, "token", "resync", a.Serial, w.otp(codes[20]), w.otp(codes[21]))
		did(0, "token", "unassign", a.Serial)
		did(0, "token", "state", victim.Serial, "REVOKED_TOKEN_LOST", "--reason", "because")
		did(0, "token", "unlock", a.Serial)
		did(0, "token", "label", a.Serial, "desk "+user)
		did(0, "token", "dates", a.Serial, "--until", "2100-01-01")
		did(2, "token", "delete", victim.Serial)
		did(0, "token", "delete", victim.Serial, "--yes")
		w.enrolments(n, form)
		w.activations(n, form)
		w.moves(n, form)
		typ := fmt.Sprint("type-", n)
		did(0, "type", "create", typ, "--kind", "software", "--algorithm", "TOTP", "--prefix", fmt.Sprint("Q", n))
		did(0, "type", "change", typ, "--lifetime", "3")
		did(0, "type", "show", typ)
		did(0, "series", "list")
		did(0, "series", "set", typ, "20000001")
		out = w.did(0, []string{"token", "create", typ, "--user", user, "--json"}, "the enrolment link of "+user)
		w.secretText("the enrolment link of "+user,
			into[wire.NewTokens](t, answer{status: 200, body: []byte(out)}).Tokens[0].Enrolment.URL)
		replaced := fmt.Sprint("the enrolment link in place of that ", n)
		serial := into[wire.NewTokens](t, answer{status: 200, body: []byte(out)}).Tokens[0].Serial
		out = w.did(0, append([]string{"token", "replace", serial, "--reason", "new phone"}, form...), replaced)
		w.secretText(replaced, regexp.MustCompile(`#(\w+)`).FindStringSubmatch(out)[1])
		did(0, "token", "delete", regexp.MustCompile(`Q\d{9}`).FindString(out), "--yes")
		w.profiles(fmt.Sprint("profile-", n), did)
		did(0, "type", "retire", typ)
		did(0, "type", "list")
		did(0, "user", "delete", user)
		did(0, "audit", "list")
		did(0, "audit", "actions")
		did(0, "audit", "verify")
		did(0, "audit", "checkpoint")
		did(2, "audit", "archive", "--before", "2001-01-01", "--out", writeFile(w.t, "log.archive", ""))
		did(2, "database", "accept", "--reason", "while the server runs")
		did(2, "store", "copy", "--to", t.TempDir())
		did(2, "store", "fence", "--reason", "while the server runs")
		w.administrators(fmt.Sprint("admin", n), form, did)
		did(0, "key", "list")
		did(0, "events", "list")
		did(1, "events", "test")
		did(0, "events", "retry", "--all")
		drawn := fmt.Sprint("a key for events ", n)
		w.secretText(drawn, regexp.MustCompile(`whsec_[^"\s]+`).FindString(w.did(0, append([]string{"events", "new-key"},
			form...), drawn)))
		table := hotp(fmt.Sprint(93000001 + n))
		w.secretSeed(table)
		file := writeFile(w.t, "table.csv", "serial,secret\n"+table.Serial+","+table.Seed+"\n")
		did(0, "seedfile", "inspect", file)
		did(0, "seedfile", "inspect", writeFile(w.t, "inspected.pskc", container(table)))
		did(0, "token", "import", file)
		did(2, "import", "cancel", "1") // it has ended

		name := fmt.Sprint("key", n)
		out = w.did(0, append([]string{"key", "create", name, "--role", "operator", "--help-desk"}, form...),
			"the API key "+name)
		key := keyText.FindString(out)
		w.secretText("the API key "+name, key)
		w.secretText("the API key "+name, key[strings.LastIndex(key, "_")+1:])
		did(0, "key", "revoke", name)
		did(0, "root", "set-password", "--password-file", writeFile(t, "chosen", chosenPassword))
		did(2, "root", "set-password", "--password-file", writeFile(t, "short", chosenPassword[:11]))
		out = w.did(0, append([]string{"root", "reset-password"}, form...), fmt.Sprint("password ", n))
		w.password = regexp.MustCompile(`[A-Z2-7]{26}`).FindString(out)
		w.secretText(fmt.Sprint("password ", n), w.password)
	}
	for _, leaf := range leaves(t) {
		if !w.known[leaf] {
			t.Errorf("the command %q is new: run it in secrets_test.go", leaf)
		}
	}
}

// administrators runs the commands of administrators. Their passwords are shown once.
func (w *watch) administrators(name string, form []string, did func(code int, args ...string)) {
	shown := func(args ...string) {
		out := w.did(0, append(append([]string{"admin"}, args...), form...), "the password of "+name)
		w.secretText("the password of "+name, regexp.MustCompile(`[A-Z2-7]{26}`).FindString(out))
	}
	shown("add", name, "--role", "operator")
	shown("reset-password", name)
	did(0, "admin", "list")
	did(0, "admin", "set-role", name, "--role", "admin")
	did(0, "admin", "disable", name)
	did(0, "admin", "enable", name)
	did(0, "admin", "sessions", "list", name)
	did(0, "admin", "sessions", "end", name)
}

// profiles runs the commands of profiles. Their issuers' seeds are nobody's to see.
func (w *watch) profiles(name string, did func(code int, args ...string)) {
	did(0, "profile", "create", name, "--file", profileSample)
	did(2, "profile", "create", name, "--file", profileSample)
	did(0, "profile", "show", name)
	did(0, "profile", "list")
	did(0, "profile", "retire", name)
	did(0, "profile", "retire", name, "--undo")
	did(0, "profile", "limits", name)
	did(0, "profile", "limits", name, "--tries", "3", "--reactivation-interval", "1h")
	did(2, "profile", "limits", name, "--tries", "3")
	did(0, "profile", "limits", name, "--default", "all")
	w.did(0, []string{"profile", "show", name, "--static-vector"})
}

// issuers adds the seeds of all profiles' issuers, which nothing ever shows, from
// the database of a server that has stopped.
func (w *watch) issuers() {
	w.t.Helper()
	ctx := w.t.Context()
	kek, err := filekek.Open(filepath.Join(w.data, "kek"))
	if err != nil {
		w.t.Fatal(err)
	}
	db, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(w.data, "ostiary.db")})
	if err != nil {
		w.t.Fatal(err)
	}
	n := 0
	err = db.View(ctx, func(r store.Reader) error {
		keys, err := r.DataKeys()
		if err != nil {
			return err
		}
		ring, err := seal.OpenKeyring(ctx, kek, keys)
		if err != nil {
			return err
		}
		all, err := r.Profiles()
		for _, p := range all {
			seed, err := ring.Open(store.ProfileBinding(p.Vector), p.Issuer)
			if err != nil {
				return err
			}
			w.secretBytes("the issuer of profile "+p.Name, hex.EncodeToString(seed.Bytes()))
			n++
		}
		return err
	})
	if err := errors.Join(err, db.Close()); err != nil {
		w.t.Fatal(err)
	}
	if n < 5 { // two that are there from the start, two by commands, one by the API
		w.t.Errorf("%d profiles were there", n)
	}
}

// enrolments runs the commands of software tokens.
func (w *watch) enrolments(n int, form []string) {
	t := w.t
	did := func(code int, args []string, allowed ...string) string {
		return w.did(code, append(args, form...), allowed...)
	}
	serialIn := func(out string) string { return regexp.MustCompile(`SC\d{8}`).FindString(out) }
	link, again := fmt.Sprint("link ", n), fmt.Sprint("another link ", n)
	out := did(0, []string{"token", "create", sceneType}, link)
	w.secretText(link, linkText.FindStringSubmatch(out)[1])
	out = did(0, []string{"token", "enrol", serialIn(out)}, again)
	w.secretText(again, linkText.FindStringSubmatch(out)[1])

	// A secret stands in the picture, and as text where --json asks for it.
	png, shown := filepath.Join(t.TempDir(), "key.png"), fmt.Sprint("the seed shown ", n)
	out = did(0, []string{"token", "create", sceneType, "--qr", "--png", png}, shown)
	text, err := exec.Command(need(t, "zbarimg", "zbar-tools"), "-q", "--raw", png).Output()
	if err != nil {
		t.Fatalf("zbarimg: %v", err)
	}
	app := appOf(t, serialIn(out), strings.TrimSpace(string(text)))
	w.secretBytes(shown, app.Seed)
	did(2, []string{"token", "enrol", app.Serial})
	did(1, []string{"token", "confirm", app.Serial, w.otp("57721566")})
	did(0, []string{"token", "confirm", app.Serial, w.otp(app.code(t, 0))})
	did(2, []string{"token", "confirm", app.Serial, app.code(t, 0)})
	did(0, []string{"token", "verify", app.Serial, w.otp(app.code(t, 1))})
}

var listed = regexp.MustCompile(`(?m)^  ([a-z][a-z-]*) {2,}\S`)

// leaves finds the commands by their help.
func leaves(t testing.TB, path ...string) (all []string) {
	t.Helper()
	help := command(t, nil, append(path, "--help")...).out
	_, below, ok := strings.Cut(help, "\nCommands:\n")
	if !ok {
		return []string{strings.Join(path, " ")}
	}
	below, _, _ = strings.Cut(below, "\n\n")
	for _, m := range listed.FindAllStringSubmatch(below, -1) {
		if m[1] != "help" && m[1] != "completion" { // they speak to no server
			all = append(all, leaves(t, append(slices.Clone(path), m[1])...)...)
		}
	}
	return all
}

// mistakes puts secrets where they do not belong: refusals must not repeat them.
func (w *watch) mistakes() {
	d := hotp("92000001")
	w.secretSeed(d)
	raw, _ := hex.DecodeString(d.Seed)
	b32 := base32.StdEncoding.EncodeToString(raw)
	password := random(13)
	w.secretText("a wrong password", password)
	key := "ostiary_" + strings.ToLower(base32.StdEncoding.EncodeToString(raw)[:10]) + "_" + b32[:26]
	w.secretText("a key that is none", key)
	verifier, local, nobody := w.as(w.key("mistakes", "verifier")), w.local(), w.as("")
	w.secretText("the key of a verifier", verifier.key)
	for _, try := range []struct {
		by         *caller
		path, body string
	}{
		{verifier, "/api/v1/verify", `{"serial":"91000001","otp":"` + b32 + `"}`},
		{verifier, "/api/v1/verify", `{"serial":"91000001","otp":"` + d.Seed},
		{verifier, "/api/v1/verify", `{"serial":"91000001","otp":"123456","seed":"` + d.Seed + `"}`},
		{verifier, "/api/v1/verify", d.Seed},
		{local, "/api/v1/tokens/91000001/state", `{"state":"` + d.Seed + `"}`},
		{local, "/api/v1/keys", `{"name":"x","role":"` + d.Seed + `"}`},
		{local, "/api/v1/imports", d.Seed},
		{local, "/api/v1/profiles", `{"name":"x","toml":"` + d.Seed + `"}`},
		{local, "/api/v1/profiles", `{"name":"x","toml":"name = ` + d.Seed + `"}`},
		{local, "/api/v1/profiles", `{"name":"x","toml":"[pin]\npenalty = '` + d.Seed + `'"}`},
		{local, "/api/v1/profiles", `{"name":"x","toml":"[pin]\nmin = '` + d.Seed + `'"}`},
		{nobody, "/api/v1/enrolment/show", `{"token":"` + b32 + `"}`},
		{nobody, "/api/v1/enrolment/show", `{"token":["` + b32 + `"]}`},
		{nobody, "/api/v1/enrolment/confirm", `{"ticket":"` + b32 + `","otp":"` + w.otp("31415926") + `"}`},
		{nobody, "/api/v1/enrolment/confirm", `{"ticket":"x","otp":"` + b32 + `"}`},
		{nobody, "/api/v1/session", `{"name":"ROOT","password":"` + password + `"}`},
		{nobody, "/api/v1/session", `{"name":"ROOT","password":["` + password + `"]}`},
		{nobody, "/api/v1/session", `{"name":"ROOT","password":"` + password},
		{local, "/api/v1/tokens/" + w.phone + "/activation", `{"route":"offline","password":"` + password + "\u00e9" + `"}`},
		{local, "/api/v1/tokens/" + w.phone + "/activation", `{"route":"` + password + `"}`},
		{local, "/api/v1/tokens/" + w.phone + "/activation", `{"route":"pushed","device_key":"` + b32 + `"}`},
		{local, "/api/v1/tokens/" + w.phone + "/activation/confirm", `{"otp":"` + w.otp("1414213562") + `","derivation_code":"` + b32[:20] + `"}`},
		{local, "/api/v1/self-service/activation", `{"user":"` + sceneUser + `","serial":"` + w.own + `","code":"` + w.otp("1732050807") + `"}`},
		{nobody, "/api/v1/activate", b32},
		{nobody, "/api/v1/activate/confirm", d.Seed},
		{w.as(key), "/api/v1/users", `{"name":"x"}`},
	} {
		a := try.by.raw(http.MethodPost, try.path, "application/json", try.body)
		if a.status/100 != 4 {
			w.t.Errorf("%s %s: %d", try.path, try.body, a.status)
		}
		w.answered(try.path+" "+try.body[:10], a)
	}
	file := writeFile(w.t, "tokens.pskc", substitute(w.t, container(d), "</Secret>", "</Secret></Secret>"))
	w.did(2, []string{"token", "import", file})
	w.did(
		2, []string{"token", "import", writeFile(w.t, "tokens.csv", "number;seed of the token\n92000001;"+d.Seed+"\n")})
	w.did(2, []string{"token", "verify", "91000001", w.otp("16180339"), "more"})
	w.did(2, []string{"token", "verify", "91000001", "-" + w.otp("27182818")})
}

func (w *watch) answered(name string, a answer, allowed ...string) {
	w.seen("the answer to "+name, fmt.Sprint(a.header)+"\n"+string(a.body), allowed...)
}

// operations calls every operation of the API.
func (w *watch) operations() {
	w.t.Helper()
	var again wire.Session
	a := w.as("").json(http.MethodPost, "/api/v1/session", wire.SessionRequest{Name: "ROOT", Password: w.password})
	again = into[wire.Session](w.t, a)
	w.session = again.Token
	w.secretText("another session", w.session)
	w.otp(w.app.code(w.t, 0))
	w.otp(w.scanned(w.t).code(w.t, 0))
	w.otp(w.token.code(w.t, 0))
	w.otp(w.token.code(w.t, 50))
	w.otp(w.token.code(w.t, 51))
	w.otp(w.token.code(w.t, 52))
	w.each(w.local(), func(c call, method string, a answer) {
		// No import is under way that could be cancelled, and there is no browser with a passkey.
		no := map[string]int{"cancel-import": http.StatusConflict, "add-passkey": http.StatusUnauthorized,
			"prove-session-by-passkey": http.StatusUnauthorized, "remove-passkey": http.StatusNotFound,
			"retry-event": http.StatusNotFound,
			"cancel-job":  http.StatusConflict} // it has ended
		if a.status/100 != 2 && a.status != no[c.id] {
			w.t.Errorf("%s: %d %s", c.id, a.status, a.body)
		}
		name := "what " + c.id + " gives"
		switch c.id {
		case "export-tokens":
			if !strings.Contains(string(a.body), "KeyContainer") || !strings.Contains(string(a.body), w.token.Serial) {
				w.t.Errorf("the export is no file with its token: %s", a.body)
			}
		case "create-tokens":
			w.secretText(name, linkText.FindStringSubmatch(string(a.body))[1])
		case "renew-enrolment":
			w.secretText(name, linkText.FindStringSubmatch(string(a.body))[1])
		case "show-enrolment":
			shown := into[wire.EnrolmentSecret](w.t, a)
			w.secretText(name, shown.Ticket)
			name = "the seed of " + shown.Serial
			w.secretSeed(appOf(w.t, shown.Serial, shown.URI))
			w.answered(c.id, a, name, "what "+c.id+" gives")
			return
		case "start-activation", "start-own-activation", "activate-ahead":
			w.secretCodes(name, string(a.body))
		case "create-key":
			w.secretText(name, into[wire.NewKey](w.t, a).Text)
		case "issue-codes":
			for _, code := range into[wire.TemporaryCodes](w.t, a).Codes {
				w.secretText(name, code)
			}
		case "issue-link":
			_, text, _ := strings.Cut(into[wire.UserLink](w.t, a).Link, "#")
			w.secretText(name, text)
		case "start-session":
			w.secretText(name, into[wire.Session](w.t, a).Token)
		case "reset-root-password":
			w.secretText(name, into[wire.Password](w.t, a).Password)
		}
		w.answered(c.id, a, name)
	})
}

func (w *watch) metrics() {
	for _, path := range []string{"/metrics", "/healthz", "/readyz", "/no/such/path", "/api/v1/openapi.json"} {
		w.answered(path, w.as("").json(http.MethodGet, path, nil))
	}
}

// files keeps all bytes of a data directory. The key file holds its key.
func (w *watch) files(s *server, when string) {
	w.t.Helper()
	entries, err := os.ReadDir(s.data)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range entries {
		if e.Type().IsRegular() {
			allowed := []string{}
			if e.Name() == "kek" {
				allowed = append(allowed, "the key file")
			}
			w.seen("the file "+e.Name()+" "+when, read(w.t, filepath.Join(s.data, e.Name())), allowed...)
		}
	}
}

// mustSee makes sure that the places hold what they should, so that nothing
// cannot be found because nothing was kept.
func (w *watch) mustSee() {
	for _, want := range []struct{ place, text string }{
		{"the file ostiary.db after", w.token.Serial},
		{"the file ostiary.db after", "code.verified"},
		{"the file ostiary.db-wal while", "code.verified"},
		{"the file kek while", "ostiary-kek-1"},
		{"the file ostiary.db there, after", w.goes.Serial},
		{"the file ostiary.db there, after", "import.published"},
		{"the other server's log", "level=DEBUG"},
		{"the answer to watch-import", "event: report"},
		{"the answer to list-audit", "tokens.exported"},
		{"an exported file", "EncryptedValue"},
		{"the answer to list-audit", "activation.confirmed"},
		{"the answer to show-activations", `"status":"open"`},
		{`the output of ["activation" "show"`, "on the desk"},
		{"the server's log", "level=DEBUG"},
		{"the server's log", "/api/v1/verify"},
		{"the server's output", "ROOT password: "},
		{`the output of ["token" "list"]`, "91000001"},
		{"the answer to list-audit", "token.state_changed"},
		{"the answer to list-audit", "profile.created"},
		{"the answer to show-profile", "ost1."},
		{"the answer to /metrics", "ostiary_codes_total"},
	} {
		if !slices.ContainsFunc(w.places, func(p place) bool {
			return strings.HasPrefix(p.name, want.place) && bytes.Contains(p.text, []byte(want.text))
		}) {
			w.t.Errorf("%s … does not hold %q", want.place, want.text)
		}
	}
}

// judge looks for every secret in every place.
func (w *watch) judge() {
	for _, p := range w.places {
		for _, s := range w.secrets {
			if bytes.Contains(p.text, s.raw) && !slices.Contains(p.allowed, s.name) {
				w.t.Errorf("%s holds %s (%s)", p.name, s.name, s.form)
			}
		}
	}
	w.t.Logf("looked for %d texts in %d places", len(w.secrets), len(w.places))
}
