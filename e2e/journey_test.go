package e2e

import (
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ostiary/internal/doors/wire"
)

// TestJourney goes the way of an administrator: from an empty directory to
// tokens in use, lost, found, out of step, locked and deleted.
func TestJourney(t *testing.T) {
	t.Parallel()
	j := &journey{server: start(t, newData(t)),
		fob: hotp("10000001"), card: totp("10000002"), short: hotp("20000001"), reader: ocra("20000002")}
	j.short.Digits = 6
	if j.password == "" {
		t.Fatal("the first start prints no password of ROOT")
	}
	for _, step := range []struct {
		name string
		do   func()
	}{
		{"import", j.imports},
		{"several keys on one serial", j.severalKeys},
		{"verify from the command line", j.verifyByCommand},
		{"verify over HTTP", j.verifyOverHTTP},
		{"restart", j.restarts},
		{"time", j.time},
		{"out of step", j.outOfStep},
		{"lost and found", j.lostAndFound},
		{"delay and unlock", j.delayAndUnlock},
		{"another machine", j.anotherMachine},
		{"sign in as ROOT", j.signIn},
		{"delete", j.remove},
		{"audit", j.audit},
	} {
		step.do()
		if t.Failed() {
			t.Fatalf("in the step %q", step.name)
		}
	}
}

// journey is the state that one step leaves to the next.
type journey struct {
	*server
	fob, card, short, reader device
	next                     uint64 // counter at which the fob stands
	key                      string // of the role verifier
}

// press is the next code of the fob.
func (j *journey) press() string {
	j.t.Helper()
	j.next++
	return j.fob.code(j.t, j.next-1)
}

func (j *journey) imports() {
	t := j.t
	bare := plain(t, j.fob, j.card)
	psk := random(16)
	encrypted := seedFile(t, order{Keys: []device{j.short, j.reader}, PSK: psk})
	transport := writeFile(t, "transport.key", psk+"\n")

	if out := j.ok("token", "import", bare, "--dry-run"); !strings.Contains(out, "2 would be imported") {
		t.Errorf("the dry run says:\n%s", out)
	}
	if got := j.tokens(); len(got) != 0 {
		t.Fatalf("a dry run left tokens: %v", got)
	}
	j.server.imports(bare, 2)
	if out := j.exits(2, "token", "import", encrypted); !strings.Contains(out, "--key-hex-file") {
		t.Errorf("an encrypted file without its key is refused with:\n%s", out)
	}
	j.server.imports(encrypted, 2, "--key-hex-file", transport)
	again := decode[wire.ImportReport](j.server, "token", "import", encrypted, "--key-hex-file", transport)
	if again.Imported != 0 || again.Duplicate != 2 || again.Refused != 0 {
		t.Errorf("the second import of a file: %+v", again)
	}

	list := decode[wire.TokenList](j.server, "token", "list")
	var got []string
	for _, tok := range list.Tokens {
		got = append(got, tok.Serial+" "+tok.Algorithm)
	}
	want := []string{"10000001 HOTP", "10000002 TOTP", "20000001 HOTP", "20000002 OCRA"}
	if !slices.Equal(got, want) {
		t.Errorf("tokens %v, want %v", got, want)
	}
	text := j.ok("token", "list")
	for _, serial := range []string{"10000001", "10000002", "20000001", "20000002"} {
		if !strings.Contains(text, serial) {
			t.Errorf("token list does not show %s:\n%s", serial, text)
		}
	}
}

func (j *journey) severalKeys() {
	t := j.t
	const serial = "30000001"
	a, b, c := hotp(serial), totp(serial), hotp(serial)
	a.ID, b.ID, c.ID = serial+"#1", serial+"#2", serial+"#3"
	const passphrase = "a passphrase with blanks, and ümlauts"
	file := seedFile(t, order{Keys: []device{a, b, c}, Passphrase: passphrase})
	j.server.imports(file, 3, "--passphrase-file", writeFile(t, "letter.txt", passphrase+"\n"))

	out := j.exits(2, "token", "show", serial)
	for _, id := range []string{a.ID, b.ID, c.ID} {
		if !strings.Contains(out, id) {
			t.Errorf("an ambiguous serial is refused without naming %s:\n%s", id, out)
		}
	}
	j.exits(2, "token", "verify", serial, c.code(t, 0))
	j.exits(1, "token", "verify", serial, c.code(t, 0), "--key-id", a.ID)
	j.exits(0, "token", "verify", serial, c.code(t, 0), "--key-id", c.ID)
	if out := j.ok("token", "show", serial, "--type", "totp"); !strings.Contains(out, b.ID) {
		t.Errorf("token show --type totp:\n%s", out)
	}
	verifier := j.as(j.server.key("several", "verifier"))
	ask := map[string]string{"serial": serial, "otp": a.code(t, 0)}
	if got, err := verifier.json(http.MethodPost, "/api/v1/verify", ask).verdict(); got || err != nil {
		t.Errorf("an ambiguous serial tells a verifier %v, %v", got, err)
	}
	ask["key_id"] = a.ID
	if got, err := verifier.json(http.MethodPost, "/api/v1/verify", ask).verdict(); !got || err != nil {
		t.Errorf("a key id tells a verifier %v, %v", got, err)
	}
	j.ok("key", "revoke", "several")
}

func (j *journey) verifyByCommand() {
	t := j.t
	j.ok("user", "add", "alice")
	j.ok("token", "assign", j.fob.Serial, "Alice")
	j.ok("token", "assign", j.card.Serial, "alice")
	if out := j.exits(2, "token", "assign", j.fob.Serial, "alice"); !strings.Contains(out, "alice") {
		t.Errorf("assigning a taken token says:\n%s", out)
	}
	code := j.press()
	j.exits(0, "token", "verify", j.fob.Serial, code)
	j.exits(1, "token", "verify", j.fob.Serial, code)
	j.exits(0, "token", "verify", j.short.Serial, j.short.code(t, 0))
	if out := j.exits(2, "token", "verify", j.reader.Serial, "12345678"); !strings.Contains(out, "OCRA") {
		t.Errorf("a code for an OCRA token says:\n%s", out)
	}
	if tok := j.token(j.fob.Serial); tok.Counter != j.next || tok.LastUsed != nil || tok.User != "alice" {
		t.Errorf("after a check by an administrator: %+v", tok)
	}
}

func (j *journey) verifyOverHTTP() {
	t := j.t
	j.key = j.server.key("radius", "verifier")
	verifier := j.as(j.key)
	for _, who := range []struct{ by, name string }{{"serial", j.fob.Serial}, {"user", "alice"}, {"user", "ALICE"}} {
		code := j.press()
		if !verifier.verify(who.by, who.name, code) {
			t.Errorf("a right code by %s is refused", who.by)
		}
		for _, replay := range []string{"serial " + j.fob.Serial, "user alice"} {
			by, name, _ := strings.Cut(replay, " ")
			if verifier.verify(by, name, code) {
				t.Errorf("a used code is accepted again by %s", replay)
			}
		}
		// Two replays are two failures: unlocked, so that no delay builds up.
		j.ok("token", "unlock", j.fob.Serial)
		j.ok("token", "unlock", j.card.Serial)
		j.ok("user", "unlock", "alice")
	}
	if tok := j.token(j.fob.Serial); tok.Counter != j.next || tok.LastUsed == nil {
		t.Errorf("after an authentication: %+v", tok)
	}
}

func (j *journey) restarts() {
	t := j.t
	used := j.fob.code(t, j.next-1)
	out := refusesToStart(t, j.data, "--listen", "127.0.0.1:0")
	if !strings.Contains(out, "another server is running on "+j.data) {
		t.Errorf("a second server on a data directory says:\n%s", out)
	}
	if !j.as(j.key).verify("serial", j.fob.Serial, j.press()) {
		t.Error("the first server refuses a right code after a second one tried to start")
	}
	j.stop()
	if out := j.exits(2, "token", "list"); !strings.Contains(out, "no server is running on "+j.data) {
		t.Errorf("without a server, a command says:\n%s", out)
	}
	j.server = start(t, j.data)
	if j.password != "" {
		t.Error("a later start prints a password again")
	}
	verifier := j.as(j.key)
	if verifier.verify("serial", j.fob.Serial, used) {
		t.Error("a code used before the restart is accepted after it")
	}
	if !verifier.verify("serial", j.fob.Serial, j.press()) {
		t.Error("after a restart a right code is refused")
	}
}

func (j *journey) time() {
	t := j.t
	verifier, at := j.as(j.key), time.Now()
	for _, step := range []struct {
		steps int
		want  bool
	}{{0, true}, {0, false}, {1, true}, {0, false}, {5, false}} {
		if got := verifier.verify("serial", j.card.Serial, j.card.at(t, at, step.steps)); got != step.want {
			t.Errorf("the code of %+d steps: %v, want %v", step.steps, got, step.want)
		}
	}
	// The clock of the card runs ahead.
	j.ok("token", "unlock", j.card.Serial)
	j.exits(0, "token", "resync", j.card.Serial, j.card.at(t, at, 10), j.card.at(t, at, 11))
	if tok := j.token(j.card.Serial); tok.Drift < 9 || tok.Drift > 11 {
		t.Errorf("the drift learned is %d", tok.Drift)
	}
	if !verifier.verify("user", "alice", j.card.at(t, at, 12)) {
		t.Error("a code at the learned drift is refused")
	}
}

func (j *journey) outOfStep() {
	t := j.t
	j.next += 500
	codes := j.fob.codes(t, j.next, 3)
	verifier := j.as(j.key)
	if verifier.verify("serial", j.fob.Serial, codes[0]) {
		t.Error("a code from far ahead is accepted")
	}
	j.exits(1, "token", "verify", j.fob.Serial, codes[0], "--resynchronize")
	j.ok("token", "unlock", j.fob.Serial)
	j.exits(1, "token", "resync", j.fob.Serial, codes[0], codes[2])
	j.exits(0, "token", "resync", j.fob.Serial, codes[0], codes[1])
	if verifier.verify("serial", j.fob.Serial, codes[1]) {
		t.Error("a code used for resynchronisation is accepted")
	}
	if !verifier.verify("serial", j.fob.Serial, codes[2]) {
		t.Error("after resynchronisation the next code is refused")
	}
	j.next += 3
}

func (j *journey) lostAndFound() {
	t := j.t
	verifier, code := j.as(j.key), j.press()
	j.ok("token", "state", j.fob.Serial, "REVOKED_TOKEN_LOST", "--reason", "left on a train")
	if verifier.verify("serial", j.fob.Serial, code) || verifier.verify("user", "alice", code) {
		t.Error("a lost token's code is accepted")
	}
	if out := j.ok("token", "show", j.fob.Serial); !strings.Contains(out, "left on a train") {
		t.Errorf("token show gives no reason:\n%s", out)
	}
	list := decode[wire.TokenList](j.server, "token", "list", "--state", "REVOKED_TOKEN_LOST")
	if len(list.Tokens) != 1 || list.Tokens[0].Serial != j.fob.Serial {
		t.Errorf("lost tokens: %+v", list.Tokens)
	}
	j.ok("token", "state", j.fob.Serial, "VALID")
	if !verifier.verify("serial", j.fob.Serial, code) {
		t.Error("the token is VALID again, and its code is refused")
	}
}

// delayAndUnlock makes three wrong codes delay the fob. The delay is one second,
// so on a slow machine it may be over when the right code comes: then it is
// tried again.
func (j *journey) delayAndUnlock() {
	t := j.t
	verifier := j.as(j.key)
	var code string
	eventually(t, "a right code is refused during a delay", func() bool {
		for _, wrong := range j.fob.wrong(t, j.next, 3) {
			if verifier.verify("serial", j.fob.Serial, wrong) {
				t.Fatal("a wrong code is accepted")
			}
		}
		code = j.press()
		return !verifier.verify("serial", j.fob.Serial, code)
	})
	if tok := j.token(j.fob.Serial); tok.Failures != 3 || tok.RetryAt == nil || tok.Locked {
		t.Errorf("after three wrong codes: %+v", tok)
	}
	if out := j.ok("audit", "list", "--serial", j.fob.Serial, "--limit", "1"); !strings.Contains(out, "delayed") {
		t.Errorf("the log does not say delayed:\n%s", out)
	}
	j.ok("token", "unlock", j.fob.Serial)
	if tok := j.token(j.fob.Serial); tok.Failures != 0 || tok.RetryAt != nil {
		t.Errorf("after unlock: %+v", tok)
	}
	if !verifier.verify("serial", j.fob.Serial, code) {
		t.Error("the code that a delay refused is used up")
	}
}

func (j *journey) anotherMachine() {
	t := j.t
	env := []string{"OSTIARY_API_KEY=" + j.server.key("admin", "admin")}
	remote := func(code int, args ...string) string {
		t.Helper()
		r := command(t, env, append(args, "--server", j.url)...)
		if r.code != code {
			t.Errorf("ostiary %q over the network ended with %d, want %d:\n%s%s", args, r.code, code, r.out, r.err)
		}
		return r.out + r.err
	}
	remote(0, "token", "list")
	remote(0, "token", "verify", j.fob.Serial, j.press())
	if out := remote(2, "key", "list"); !strings.Contains(out, "is not allowed to do this") {
		t.Errorf("an admin's key list says:\n%s", out)
	}
	j.ok("key", "revoke", "admin")
	if out := remote(2, "token", "list"); !strings.Contains(out, "API key") {
		t.Errorf("a revoked key is refused with:\n%s", out)
	}
}

func (j *journey) signIn() {
	t := j.t
	password := passwordIn(t, j.ok("root", "reset-password"))
	nobody := j.as("")
	sign := func(password string) answer {
		return nobody.json(http.MethodPost, "/api/v1/session", wire.SessionRequest{Name: "ROOT", Password: password})
	}
	if a := sign("not the password"); a.status != http.StatusUnauthorized {
		t.Errorf("a wrong password: %d %s", a.status, a.body)
	}
	session := into[wire.Session](t, sign(password))
	root := j.as(session.Token)
	if keys := into[wire.KeyList](t, root.json(http.MethodGet, "/api/v1/keys", nil)); len(keys.Keys) == 0 {
		t.Error("ROOT sees no keys")
	}
	if a := root.json(http.MethodDelete, "/api/v1/session", nil); a.status != http.StatusNoContent {
		t.Errorf("sign out: %d %s", a.status, a.body)
	}
	if a := root.json(http.MethodGet, "/api/v1/keys", nil); a.status != http.StatusUnauthorized {
		t.Errorf("after signing out: %d %s", a.status, a.body)
	}
}

func (j *journey) remove() {
	t := j.t
	if out := j.exits(2, "token", "delete", j.short.Serial); !strings.Contains(out, "--yes") {
		t.Errorf("delete without --yes says:\n%s", out)
	}
	j.ok("token", "delete", j.short.Serial, "--yes")
	j.exits(2, "token", "show", j.short.Serial)
	j.exits(1, "token", "verify", j.short.Serial, j.short.code(t, 1))
	// Imported again, it takes no code that it took before.
	j.server.imports(plain(t, j.short), 1)
	j.exits(1, "token", "verify", j.short.Serial, j.short.code(t, 0))
	j.exits(0, "token", "verify", j.short.Serial, j.short.code(t, 1))
	if out := j.exits(2, "user", "delete", "alice"); !strings.Contains(out, "tokens") {
		t.Errorf("deleting a user with tokens says:\n%s", out)
	}
	j.ok("token", "unassign", j.fob.Serial)
	j.ok("token", "unassign", j.card.Serial)
	if j.as(j.key).verify("user", "alice", j.press()) {
		t.Error("a user without tokens is let in")
	}
	j.ok("user", "delete", "alice")
	j.exits(2, "user", "show", "alice")
}

func (j *journey) audit() {
	t := j.t
	checkpoint := filepath.Join(t.TempDir(), "checkpoint.txt")
	writeTo(t, checkpoint, j.ok("audit", "checkpoint"))
	seen := map[string]bool{}
	list := decode[wire.AuditList](j.server, "audit", "list", "--limit", "1000")
	for _, e := range list.Entries {
		seen[e.Entry["action"].(string)] = true
	}
	for _, action := range []string{"server.started", "server.stopped", "code.verified", "token.resynchronised",
		"token.staged",
		"token.assigned", "token.unassigned", "token.state_changed", "token.unlocked", "token.deleted",
		"import.published",
		"user.added", "user.deleted", "user.unlocked", "key.created", "key.revoked", "session.started", "session.ended",
		"root.password_set"} {
		if !seen[action] {
			t.Errorf("the log holds no %s", action)
		}
	}
	j.auditOK()
	j.stop()
	j.server = start(t, j.data)
	j.ok("audit", "verify", "--checkpoint", checkpoint)
	other := start(t, newData(t))
	out := other.exits(2, "audit", "verify", "--checkpoint", checkpoint)
	if !strings.Contains(out, "is not signed by this server") {
		t.Errorf("another server's checkpoint:\n%s", out)
	}
}
