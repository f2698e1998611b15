package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// refusedStart runs a server that must be refused for its database: exit status 3,
// and a message that says what is wrong and what to do.
func refusedStart(t *testing.T, data string, says ...string) {
	t.Helper()
	s := launch(t, nil, data, "--listen", "127.0.0.1:0")
	if code := s.wait(); code != 3 {
		t.Errorf("the start ended with status %d, want 3:\n%s%s", code, s.out.String(), s.log.String())
	}
	if found, _ := filepath.Glob(filepath.Join(data, "ostiary.db-*")); len(found) > 0 {
		t.Errorf("a refused start leaves %q", found)
	}
	for _, text := range says {
		if !strings.Contains(s.log.String(), text) {
			t.Errorf("the start does not say %q:\n%s", text, s.log.String())
		}
	}
}

// sqlOn changes the database of a stopped server.
func sqlOn(t *testing.T, data, query string) {
	t.Helper()
	db := openBeside(t, data, "rw")
	if _, err := db.Exec(query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// A database that is put back to an older copy is noticed at the start; accepting it
// is a command, which the log tells. With --fence no code works that was used since.
func TestRestoredDatabaseIsNoticed(t *testing.T) {
	onlyFile(t)
	t.Parallel()
	s := start(t, newData(t))
	events, timed := hotp("14000001"), hotp("14000002")
	s.imports(plain(t, events, timed), 2)
	s.ok("user", "add", "alice")
	s.ok("token", "assign", events.Serial, "alice")
	s.ok("user", "code", "alice")
	s.stop()
	file, mark := filepath.Join(s.data, "ostiary.db"), filepath.Join(s.data, "kek.mark")
	early := read(t, file)
	s = start(t, s.data)
	used := events.codes(t, 0, 3)
	for _, code := range used {
		s.ok("token", "verify", events.Serial, code)
	}
	s.stop()

	writeTo(t, file, early)
	refusedStart(t, s.data, "an older copy", "ostiary database accept")
	if r := s.run("database", "accept"); r.code != 2 || !strings.Contains(r.err, "--reason") {
		t.Errorf("accept without a reason ended with %d: %s", r.code, r.err)
	}
	for _, fence := range []bool{false, true} {
		writeTo(t, file, early)
		args := []string{"database", "accept", "--reason", "disk failed"}
		if fence {
			args = append(args, "--fence")
		}
		before := read(t, mark)
		out := s.ok(args...)
		if !strings.Contains(out, "Lost: at least") || strings.Contains(out, "Fenced, ") != fence {
			t.Errorf("accept %t says:\n%s", fence, out)
		}
		if fence {
			if r := s.run(args...); r.code != 2 || !strings.Contains(r.err, "Nothing was lost, and nothing was changed") {
				t.Errorf("accept with --fence again ended with %d: %s%s", r.code, r.out, r.err)
			}
		}
		s = start(t, s.data)
		if list := s.ok("audit", "list", "--json"); !strings.Contains(list, "database.restored") ||
			!strings.Contains(list, "disk failed") {
			t.Errorf("the log does not tell of it:\n%s", list)
		}
		s.ok("audit", "verify")
		if fence {
			if r := s.run("token", "verify", events.Serial, used[2]); r.code == 0 {
				t.Error("a used code works after a restore with --fence")
			}
			next := events.codes(t, 3, 3)
			if r := s.run("token", "verify", events.Serial, next[0]); r.code == 0 {
				t.Error("one code is enough after --fence")
			}
			if list := s.ok("audit", "list", "--limit", "1"); !strings.Contains(list, "two_codes") {
				t.Errorf("the try of that code is not in the log:\n%s", list)
			}
			if list := s.ok("token", "list", "--fenced"); !strings.Contains(list, events.Serial) ||
				!strings.Contains(list, timed.Serial) {
				t.Errorf("token list --fenced shows:\n%s", list)
			}
			if shown := s.ok("token", "show", events.Serial); !strings.Contains(shown, "needs two consecutive codes") {
				t.Errorf("token show does not say that it is fenced:\n%s", shown)
			}
			s.ok("token", "resync", events.Serial, next[0], next[1])
			if list := s.ok("token", "list", "--fenced"); strings.Contains(list, events.Serial) {
				t.Errorf("token list --fenced still shows:\n%s", list)
			}
			if shown := s.ok("token", "show", events.Serial); strings.Contains(shown, "Fenced") {
				t.Errorf("token show still says that it is fenced:\n%s", shown)
			}
			s.ok("token", "verify", events.Serial, next[2])
		} else {
			s.ok("token", "verify", events.Serial, used[2])
		}
		if r := s.run("user", "code", "alice", "--revoke"); (r.code == 0) == fence {
			t.Errorf("fence %t: revoking temporary codes ended with %d", fence, r.code)
		}
		s.stop()
		writeTo(t, mark, before)
	}
}

// A mark that is lost, another database, and a new one in the place of the old one
// are refused; nothing of the kind is made anew in silence.
func TestWhatIsMissingIsRefused(t *testing.T) {
	onlyFile(t)
	t.Parallel()
	s := start(t, newData(t))
	d := hotp("14000003")
	s.imports(plain(t, d), 1)
	s.ok("token", "verify", d.Serial, d.codes(t, 0, 1)[0])
	s.stop()
	file, mark := filepath.Join(s.data, "ostiary.db"), filepath.Join(s.data, "kek.mark")
	whole, marked := read(t, file), read(t, mark)

	for name, query := range map[string]string{
		"signing key":   "DELETE FROM setting WHERE name = 'audit_signing_key'",
		"verifier key":  "DELETE FROM setting WHERE name = 'audit_verifier_key'",
		"password":      "DELETE FROM setting WHERE name = 'root_password'",
		"data key":      "DELETE FROM data_key",
		"integrity key": "DELETE FROM key_wrapping",
		"checkpoints":   "DELETE FROM checkpoint",
		"record":        "UPDATE audit_head SET record = NULL, mac = NULL",
		"limit":         "UPDATE profile SET limit_tries = 99 WHERE name = 'mobile-totp'",
		"key put in": "INSERT INTO api_key (id, name, role, help_desk, hash, created) VALUES ('aaaaaaaaaa', 'x', " +
			"'super_admin', 0, x'00', 1)",
	} {
		sqlOn(t, s.data, query)
		t.Log(name)
		says := "Keep this copy, find out who changed it"
		if name == "record" {
			says = "Put the right files back" // as if an older version had written it
		}
		refusedStart(t, s.data, says)
		if r := s.run("database", "accept", "--reason", "trying"); r.code != 3 {
			t.Errorf("%s: accept ended with %d: %s%s", name, r.code, r.out, r.err)
		}
		if found, _ := filepath.Glob(file + "-*"); len(found) > 0 {
			t.Errorf("%s: database accept leaves %q", name, found)
		}
		writeTo(t, file, whole)
		writeTo(t, mark, marked)
	}

	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	refusedStart(t, s.data, "there is no ostiary.db", "--database")
	if _, err := os.Lstat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a refused start made a database: %v", err)
	}
	writeTo(t, file, whole)

	if err := os.Remove(mark); err != nil {
		t.Fatal(err)
	}
	refusedStart(t, s.data, "kek.mark", "ostiary database accept")
	s.ok("database", "accept", "--reason", "lost")
	s = start(t, s.data)
	s.stop()
	if r := s.run("database", "accept", "--reason", "again"); r.code != 2 ||
		!strings.Contains(r.err, "nothing to accept") {
		t.Errorf("accept without need ended with %d: %s", r.code, r.err)
	}
	s = start(t, s.data)
	s.stop()
}
