package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"ostiary/internal/test/cluster"
)

// A server moves to PostgreSQL and back by the commands of docs/cluster.md: codes that were used
// stay used, the next ones work, and no server starts with what was moved.
func TestStoreCopyByCommand(t *testing.T) {
	onlyOnce(t)
	t.Parallel()
	url := cluster.Schema(t)
	s := start(t, newData(t))
	d := hotp("14500001")
	s.imports(plain(t, d), 1)
	codes := d.codes(t, 0, 5)
	works := func(i int) {
		t.Helper()
		if r := s.run("token", "verify", d.Serial, codes[i-1]); i > 0 && r.code != 1 {
			t.Errorf("code %d is accepted again: %d %s", i-1, r.code, r.out)
		}
		s.ok("token", "verify", d.Serial, codes[i])
		s.auditOK()
	}
	s.ok("token", "verify", d.Serial, codes[0])
	if r := s.run("store", "copy", "--to", url, "--no-standby"); r.code != 2 || !strings.Contains(r.err, "is running on") {
		t.Errorf("store copy while the server runs ended with %d: %s", r.code, r.err)
	}
	s.stop()
	if r := s.run("store", "copy", "--to", url); r.code != 2 || !strings.Contains(r.err, "start with --no-standby") {
		t.Errorf("store copy without a standby ended with %d: %s", r.code, r.err)
	}
	if out := s.ok("store", "copy", "--to", url, "--no-standby"); !strings.Contains(out, "Start the server with: ") {
		t.Errorf("store copy prints:\n%s", out)
	}
	refusedStart(t, s.data, "The database was moved to "+url, "Start the server with that one")

	file := s.data
	databases.Store(file, url) // from now on with --database, in the same directory
	s = start(t, file)
	works(1)
	s.stop()
	back := filepath.Join(t.TempDir(), "back")
	s.ok("store", "copy", "--database", url, "--no-standby", "--to", back)
	refusedStart(t, file, "The database was moved to "+back)
	s = start(t, back)
	works(2)
	s.stop()
	out := s.ok("store", "fence", "--reason", "a standby was not in step")
	if !strings.Contains(out, "HOTP tokens that need two consecutive codes (ostiary token resync): 1") {
		t.Errorf("store fence prints:\n%s", out)
	}
	s = start(t, back)
	if r := s.run("token", "verify", d.Serial, codes[3]); r.code == 0 {
		t.Errorf("one code is enough after store fence: %d %s", r.code, r.out)
	}
	s.ok("token", "resync", d.Serial, codes[3], codes[4])
	s.auditOK()
}
