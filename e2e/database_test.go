package e2e

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ostiary/internal/doors/wire"
	"ostiary/internal/test/cluster"
)

// A code is used once, whatever process asks the database; the data directory has no database
// beside it.
func TestDatabaseOfPostgres(t *testing.T) {
	onlyOnce(t)
	t.Parallel()
	s, d := start(t, newDataOnPostgres(t, cluster.Schema(t))), hotp("71000001")
	if s.password == "" {
		t.Error("the first start prints no password")
	}
	if log := s.log.String(); !strings.Contains(log, "there is no synchronous standby") {
		t.Errorf("the log does not warn of a standby that is not there:\n%s", log)
	}
	s.imports(plain(t, d), 1)
	first, second := d.code(t, 0), d.code(t, 1)
	if !s.local().verify("serial", d.Serial, first) {
		t.Error("a code is refused")
	}
	s = s.restart()
	if s.password != "" {
		t.Error("a later start prints a password")
	}
	if s.local().verify("serial", d.Serial, first) {
		t.Error("a used code is accepted after a restart")
	}
	if !s.local().verify("serial", d.Serial, second) {
		t.Error("the next code is refused")
	}
	s.auditOK()
	a := s.as("").raw(http.MethodGet, "/healthz", "", "")
	if text := string(a.body); !strings.HasPrefix(text, "ok\nPostgreSQL: there is no synchronous standby") {
		t.Errorf("the health page says %q", text)
	}
	s.stop()
	for name, want := range map[string]bool{"kek": true, "kek.mark": true, "lock": true, "ostiary.db": false,
		"ostiary.sock": false} {
		if _, err := os.Lstat(filepath.Join(s.data, name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What cannot be a database, or not this server's, is refused by name.
func TestRefusedDatabases(t *testing.T) {
	onlyOnce(t)
	t.Parallel()
	server := cluster.Start(t)
	url := server.Schema(t)
	server.Do(t, "CREATE ROLE guarded SUPERUSER LOGIN PASSWORD 'the right one'")
	server.Admit(t, "local all guarded scram-sha-256")
	guarded := strings.Replace(url, cluster.User+"@", "guarded@", 1)
	right, wrong := writeFile(t, "right", "the right one\n"), writeFile(t, "wrong", "a wrong one\n")
	bare, file := newData(t), newData(t)
	refused := func(data string, args []string, says ...string) {
		t.Helper()
		out := refusesToStart(t, data, args...)
		for _, part := range says {
			if !strings.Contains(out, part) || strings.Contains(out, "panic") || strings.Contains(out, "the right one") ||
				strings.Contains(out, "a wrong one") || strings.Contains(out, "ROOT password") {
				t.Errorf("%q: want %q in:\n%s", args, part, out)
			}
		}
	}
	on := func(url string, args ...string) []string { return append([]string{"--database", url}, args...) }
	refused(bare, on(strings.Replace(guarded, "guarded@", "guarded:the%20right%20one@", 1)), "has a password")
	refused(bare, on("postgres://ostiary@db1/ostiary?sslmode=require"), "sslmode=require", "db1")
	refused(bare, on(url), "there is no synchronous standby", "--no-standby")
	refused(bare, on(guarded, "--no-standby", "--database-file", wrong), "password authentication failed")
	refused(bare, on(guarded, "--no-standby", "--database-file", right+"x"), "no such file")
	refused(bare, []string{"--no-standby"}, "--no-standby needs a URL in --database")
	if _, err := os.Lstat(filepath.Join(bare, "kek")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a refused start made a key file: %v", err)
	}
	start(t, file).stop()
	refused(file, on(url, "--no-standby"), "each code would work twice")

	s := start(t, newData(t), on(guarded, "--no-standby", "--database-file", right)...)
	s.stop()
	// Another server of the database needs copies of the key file and of its mark.
	again := on(guarded, "--no-standby", "--database-file", right)
	second := newData(t)
	refused(second, again, "restore the key file")
	copied := func(name string) {
		t.Helper()
		writeTo(t, filepath.Join(second, name), read(t, filepath.Join(s.data, name)))
	}
	other := start(t, newDataOnPostgres(t, server.Schema(t)))
	other.stop()
	writeTo(t, filepath.Join(second, "kek"), read(t, filepath.Join(other.data, "kek")))
	refused(second, again, "does not belong to the database", "put the right key file back")
	copied("kek")
	refused(second, again, "copy kek.mark from its data directory", "mark_lost")
	copied("kek.mark")
	start(t, second, again...).stop()
}

// The server of the database is away for a while, in the middle of codes. Meanwhile nothing is
// accepted and the server is not ready; what was answered with 503 is not used, and nothing is
// accepted twice.
func TestDatabaseIsAway(t *testing.T) {
	onlyOnce(t)
	t.Parallel()
	db := cluster.Start(t)
	s := start(t, newDataOnPostgres(t, db.Schema(t)))
	const tokens, codes = 8, 400
	devices := hotps(72000001, tokens)
	s.imports(plain(t, devices...), tokens)
	key := s.key("v", "verifier")
	shown := make([][]string, tokens)
	for i, d := range devices {
		shown[i] = d.codes(t, 0, codes+1)
	}
	var mu sync.Mutex
	var accepted, unused, unknown int
	var wg sync.WaitGroup
	for i, d := range devices {
		wg.Go(func() {
			c := s.as(key)
			for n, doubted := 0, false; n < codes; {
				a, err := c.try(http.MethodPost, "/api/v1/verify", "application/json",
					encode(t, wire.VerifyRequest{Serial: d.Serial, OTP: shown[i][n]}))
				if err != nil {
					t.Errorf("token %s: %v", d.Serial, err)
					return
				}
				valid, verdict := a.verdict()
				mu.Lock()
				switch {
				case verdict == nil && (valid || doubted): // a doubted code may have been used
					accepted++
					n, doubted = n+1, false
				case verdict == nil:
					t.Errorf("token %s: the fresh code %d is refused", d.Serial, n)
					n++
				case a.status == http.StatusServiceUnavailable:
					unused++ // and tried again
				case a.status == http.StatusInternalServerError && strings.Contains(string(a.body), "outcome_unknown"):
					unknown++
					doubted = true
				default:
					t.Errorf("token %s: %v", d.Serial, verdict)
					n++
				}
				mu.Unlock()
				if verdict != nil {
					time.Sleep(20 * time.Millisecond) // as a gateway that tries again
				}
			}
		})
	}
	reached := func(what string, is func() bool) {
		t.Helper()
		eventually(t, what, func() bool { mu.Lock(); defer mu.Unlock(); return is() })
	}
	reached("codes are accepted", func() bool { return accepted > 50 })
	db.Stop(t)
	reached("codes are answered with 503", func() bool { return unused > 20 })
	if s.ready() {
		t.Error("the server is ready without its database")
	}
	db.Restart(t)
	eventually(t, "the server is ready again", s.ready)
	wg.Wait()
	t.Logf("%d codes accepted, %d answers with 503, %d without an outcome", accepted, unused, unknown)
	// Nothing that was accepted is accepted again, and the next code is.
	for i, d := range devices {
		s.ok("token", "unlock", d.Serial)
		if s.as(key).verify("serial", d.Serial, shown[i][codes-1]) {
			t.Errorf("token %s: its last code is accepted twice", d.Serial)
		}
		if !s.as(key).verify("serial", d.Serial, shown[i][codes]) {
			t.Errorf("token %s: its next code is refused", d.Serial)
		}
	}
	s.onceEach(devices)
	s.auditOK()
}

// onceEach looks in the log that no counter of a token was accepted twice.
func (s *server) onceEach(devices []device) {
	s.t.Helper()
	seen := map[string]bool{}
	for _, e := range s.entries("code.verified") {
		if name := acceptance(e); e["outcome"] == "accepted" && seen[name] {
			s.t.Errorf("the log accepts %s twice", name)
		} else if e["outcome"] == "accepted" {
			seen[name] = true
		}
	}
	if len(seen) < len(devices) {
		s.t.Errorf("the log accepts %d codes of %d tokens", len(seen), len(devices))
	}
}

// The standby of the database is gone: a commit waits for it, nobody is told that the code was
// accepted, and the server says what is missing. The code counts at most once.
func TestStandbyIsAway(t *testing.T) {
	onlyOnce(t)
	t.Parallel()
	db := cluster.Start(t)
	url := db.Schema(t)
	db.Set(t, map[string]string{"synchronous_standby_names": cluster.StandbyName})
	out := refusesToStart(t, newData(t), "--database", url)
	if !strings.Contains(out, "no synchronous standby is connected") {
		t.Errorf("without its standby:\n%s", out)
	}
	leave := db.Standby(t)
	db.Synchronised(t)
	s, d := start(t, newData(t), "--database", url), hotp("73000001")
	if strings.Contains(s.log.String(), "standby") {
		t.Errorf("with its standby the log says:\n%s", s.log.String())
	}
	s.imports(plain(t, d), 1)
	key := s.key("v", "verifier")
	leave()
	present := func(otp string) answer {
		return s.as(key).json(http.MethodPost, "/api/v1/verify", wire.VerifyRequest{Serial: d.Serial, OTP: otp})
	}
	waiting := make(chan answer, 1)
	go func() { waiting <- present(d.code(t, 0)) }()
	eventually(t, "the server is not ready", func() bool { return !s.ready() })
	if a := present(d.code(t, 1)); a.problem(t).Code != "unavailable" || a.status != http.StatusServiceUnavailable {
		t.Errorf("a code behind it: %d %s", a.status, a.body)
	}
	if a := <-waiting; a.problem(t).Code != "outcome_unknown" || a.status != http.StatusInternalServerError {
		t.Errorf("the code whose commit waits: %d %s", a.status, a.body)
	}
	db.Standby(t)
	s.recovers()
	if s.as(key).verify("serial", d.Serial, d.code(t, 0)) {
		t.Error("a code whose commit came to an end is accepted again")
	}
	if !s.as(key).verify("serial", d.Serial, d.code(t, 1)) {
		t.Error("a code that was answered with 503 is used")
	}
	s.auditOK()
}
