package e2e

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"ostiary/internal/test/cluster"
)

// sqlAt changes a database of PostgreSQL.
func sqlAt(t *testing.T, url, statement string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err == nil {
		_, err = c.Exec(t.Context(), statement)
	}
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	if err := c.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
}

// A newer program has brought the database further than the server may use it: the server is
// not ready and takes no code, says why, and ends by itself with an error. It does not start
// again, unless the newer program allows it.
func TestServerIsOvertaken(t *testing.T) {
	onlyOnce(t)
	t.Parallel()
	url := cluster.Schema(t)
	s, d := start(t, newDataOnPostgres(t, url)), hotp("73000001")
	s.imports(plain(t, d), 1)
	s.auditOK()
	newer := func(demands string) {
		t.Helper()
		sqlAt(t, url, "DELETE FROM schema_migration WHERE number = 1000; INSERT INTO schema_migration "+
			"(number, name, sum, applied, min_binary) VALUES (1000, 'next', 'x', '2030-01-01T00:00:00Z', "+demands+")")
	}
	newer("1000")
	const why = "a newer version of Ostiary has upgraded the database: this server stops"
	eventually(t, "the server is not ready", func() bool {
		a, err := s.as("").try(http.MethodGet, "/readyz", "", nil)
		if err != nil && !s.over() {
			return false
		}
		return err != nil || a.status == http.StatusServiceUnavailable && strings.Contains(string(a.body), why)
	})
	if r := s.run("token", "verify", d.Serial, d.code(t, 0)); r.code != 2 || strings.Contains(r.out, "valid") {
		t.Errorf("a code is answered with %d: %s%s", r.code, r.out, r.err)
	}
	if code := s.wait(); code != 2 {
		t.Errorf("the server ended with status %d", code)
	}
	for _, text := range []string{"takes no codes any more, and stops", "this server must not work on its database any more",
		"demands a program that knows schema 1000"} {
		if !strings.Contains(s.log.String(), text) {
			t.Errorf("the log does not say %q:\n%s", text, s.log.String())
		}
	}
	if out := refusesToStart(t, s.data, databaseOf(t, s.data)...); !strings.Contains(out, "use that version here, too") {
		t.Errorf("another start says:\n%s", out)
	}
	sqlAt(t, url, "DELETE FROM schema_migration WHERE number = 1000")
	s = start(t, s.data)
	s.auditOK()
	if !s.local().verify("serial", d.Serial, d.code(t, 0)) {
		t.Error("the code that was not taken does not work")
	}
	s.stop()
}

// Two servers start for the first time at once: one makes the database, once. The other is
// told to copy the mark, which no server makes by itself, or works.
func TestTwoFirstStarts(t *testing.T) {
	onlyOnce(t)
	t.Parallel()
	former := start(t, newData(t))
	former.stop()
	url := cluster.Schema(t)
	var all []*server
	for range 2 {
		data := newDataOnPostgres(t, url)
		if err := os.Mkdir(data, 0o700); err != nil {
			t.Fatal(err)
		}
		writeTo(t, filepath.Join(data, "kek"), read(t, filepath.Join(former.data, "kek")))
		all = append(all, launch(t, nil, data, "--listen", "127.0.0.1:0"))
	}
	var up, down []*server
	for _, s := range all {
		eventually(t, "a server listens or ends", func() bool {
			s.url, _ = s.out.after("Listening on ")
			return s.url != "" || s.over()
		})
		if s.over() {
			down = append(down, s)
		} else {
			up = append(up, s)
		}
	}
	if len(up) != 1 {
		t.Fatalf("%d servers listen:\n%s\n%s", len(up), all[0].log.String(), all[1].log.String())
	}
	first, second := up[0], down[0]
	if n := strings.Count(first.out.String()+second.out.String(), "ROOT password: "); n != 1 {
		t.Errorf("the password of ROOT is printed %d times", n)
	}
	if !strings.Contains(second.log.String(), "opy kek.mark from its data directory") {
		t.Errorf("the other one says:\n%s", second.log.String())
	}
	writeTo(t, filepath.Join(second.data, "kek.mark"), read(t, filepath.Join(first.data, "kek.mark")))
	start(t, second.data).auditOK()
	first.auditOK()
}

// The log of a stopped server is read from its database, also while another one of it runs.
func TestLogInPostgresIsReadWithoutServer(t *testing.T) {
	onlyOnce(t)
	t.Parallel()
	url := cluster.Schema(t)
	s, d := start(t, newDataOnPostgres(t, url)), hotp("74000001")
	s.imports(plain(t, d), 1)
	if !s.local().verify("serial", d.Serial, d.code(t, 0)) {
		t.Error("a code is refused")
	}
	s.stop()
	if r := s.run("audit", "verify"); r.code != 2 || !strings.Contains(r.err, "name it with --database") {
		t.Errorf("without --database: %d %s%s", r.code, r.out, r.err)
	}
	of := []string{"--database", url}
	reads := func(says ...string) {
		t.Helper()
		r := s.run(append([]string{"audit", "verify"}, of...)...)
		if r.code != 0 || !strings.Contains(r.err, "is stopped: its database is read") {
			t.Errorf("audit verify ended with %d: %s%s", r.code, r.out, r.err)
		}
		for _, text := range append(says, "The log is intact: ", "The state matches it: 1 token.") {
			if !strings.Contains(r.out, text) {
				t.Errorf("audit verify does not say %q:\n%s", text, r.out)
			}
		}
		if out := s.ok(append([]string{"audit", "list", "--serial", d.Serial, "--json"}, of...)...); !strings.Contains(out,
			`"action":"code.verified"`) {
			t.Errorf("audit list says:\n%s", out)
		}
	}
	reads()
	second := newDataOnPostgres(t, url)
	if err := os.Mkdir(second, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"kek", "kek.mark"} {
		writeTo(t, filepath.Join(second, name), read(t, filepath.Join(s.data, name)))
	}
	other := start(t, second)
	if !other.local().verify("serial", d.Serial, d.code(t, 1)) {
		t.Error("a code is refused")
	}
	reads()
	other.stop()

	// What somebody else changed is told, and nothing is written to find it.
	sqlAt(t, url, "UPDATE condition SET failures = 3")
	if r := s.run(append([]string{"audit", "verify"}, of...)...); r.code != 1 || !strings.Contains(r.out, d.Serial) {
		t.Errorf("audit verify of what was changed ended with %d: %s%s", r.code, r.out, r.err)
	}
	// Whoever names a database that is none, or a server that is elsewhere, is told so.
	for _, c := range []struct {
		says string
		args []string
	}{
		{"no server was started with it", []string{"--data", s.data, "--database", cluster.Schema(t)}},
		{"give --data DIR", []string{"--server", "http://127.0.0.1:1", "--database", url}},
		{"--database-file needs a URL in --database", []string{"--data", s.data, "--database-file", "x"}},
	} {
		if r := command(t, nil, append([]string{"audit", "verify"}, c.args...)...); r.code != 2 ||
			!strings.Contains(r.err, c.says) {
			t.Errorf("%q ended with %d: %s", c.args, r.code, r.err)
		}
	}
}

// A database of PostgreSQL that is put back to an older copy is noticed at the start, and
// accepted by the command, which the log tells. With --fence no code works that was used since.
func TestRestoredPostgresIsNoticed(t *testing.T) {
	onlyOnce(t)
	t.Parallel()
	url := cluster.Empty(t)
	s, d := start(t, newDataOnPostgres(t, url)), hotp("75000001")
	s.imports(plain(t, d), 1)
	s.stop()
	early := cluster.Dump(t, url)
	s = start(t, s.data)
	used := d.codes(t, 0, 3)
	for _, code := range used {
		s.ok("token", "verify", d.Serial, code)
	}
	s.stop()
	for _, fence := range []bool{false, true} {
		mark := read(t, filepath.Join(s.data, "kek.mark"))
		restored := cluster.Restore(t, early)
		databases.Store(s.data, restored)
		refusedStart(t, s.data, "an older copy", "ostiary database accept")
		args := []string{"database", "accept", "--database", restored, "--no-standby", "--reason", "disk failed"}
		if fence {
			args = append(args, "--fence")
		}
		if out := s.ok(args...); !strings.Contains(out, "Lost: at least") || strings.Contains(out, "Fenced, ") != fence {
			t.Errorf("accept %t says:\n%s", fence, out)
		}
		s = start(t, s.data)
		if list := s.ok("audit", "list", "--json"); !strings.Contains(list, "database.restored") ||
			!strings.Contains(list, "disk failed") {
			t.Errorf("the log does not tell of it:\n%s", list)
		}
		s.auditOK()
		if works := s.run("token", "verify", d.Serial, used[2]).code == 0; works == fence {
			t.Errorf("fence %t: a code that was used since works: %t", fence, works)
		}
		s.auditOK()
		s.stop()
		writeTo(t, filepath.Join(s.data, "kek.mark"), mark)
	}
}
