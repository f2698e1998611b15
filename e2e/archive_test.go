package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ostiary/internal/doors/wire"
)

// later is after every checkpoint of a test.
const later = "2100-01-01"

// archiving begins the command that archives all into a file, under a wrapper perhaps.
func (s *server) archiving(file string, wrapper ...string) *exec.Cmd {
	s.t.Helper()
	line := append(wrapper, program, "audit", "archive", "--before", later, "--out", file)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env = append(environment(), "OSTIARY_DATA="+s.data)
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	return cmd
}

// TestArchiveKilled kills the server, the command, or the command that has the database
// of a stopped server open, at any moment of an archive. The same command then ends it;
// every entry is in a file or in the database, and all of it is proved.
func TestArchiveKilled(t *testing.T) {
	t.Parallel()
	s := start(t, newData(t))
	d := hotp("15000001")
	s.imports(plain(t, append(hotps(15100001, 400), d)...), 401)
	codes := d.codes(t, 0, 60)
	dir := t.TempDir()
	notes := []string{}
	verify := []string{"audit", "verify"}
	for round := range 12 {
		for range 5 {
			s.ok("token", "verify", d.Serial, codes[0])
			codes = codes[1:]
		}
		notes = append(notes, "--checkpoint", writeFile(t, fmt.Sprint("note", round), s.ok("audit", "checkpoint")))
		file := filepath.Join(dir, fmt.Sprint(round, ".archive"))
		stopped := round%3 == 2
		if stopped {
			s.stop()
		}
		cmd := s.archiving(file)
		time.Sleep(time.Duration(rand.Int64N(int64(150 * time.Millisecond))))
		if round%3 == 0 {
			s.kill()
		} else {
			_ = cmd.Process.Kill()
		}
		_ = cmd.Wait()
		if s.over() {
			s = start(t, s.data)
		}
		s.ok("audit", "verify")
		// All may have been done; then there is nothing but what came since.
		out := s.ok("audit", "archive", "--before", later, "--out", file)
		if !strings.Contains(out, "are in "+file) {
			t.Errorf("round %d: %s", round, out)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file: %v, %v", info, err)
		}
		verify = append(verify, "--archive", file)
		s.ok(append(verify, notes...)...)
	}
	key := jsonOf[wire.AuditReport](t, s.ok("audit", "verify", "--json")).VerifierKey
	s.stop()
	// Without a server, and without its data.
	if r := command(t, nil, append(append(verify, "--verifier-key", key), notes...)...); r.code != 0 ||
		strings.Count(r.out, "is intact") != 12 {
		t.Errorf("the files alone: %d\n%s%s", r.code, r.out, r.err)
	}
	if r := command(t, nil, append(verify[:2:2], append(verify[4:], "--verifier-key", key)...)...); r.code != 0 {
		t.Errorf("the files but for the first: %d\n%s%s", r.code, r.out, r.err)
	}
	if r := command(t, nil, append(append(verify[:4:4], verify[6:]...), "--verifier-key", key)...); r.code != 1 {
		t.Errorf("the files but for the second: %d\n%s%s", r.code, r.out, r.err)
	}
}

func jsonOf[T any](t *testing.T, text string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// TestArchiveThatCannotBeWritten: what is not whole on the disk removes nothing, and a
// file that is there is not overwritten.
func TestArchiveThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	s := start(t, newData(t))
	s.imports(plain(t, hotps(15200001, 100)...), 100)
	note := writeFile(t, "note", s.ok("audit", "checkpoint"))
	dir := t.TempDir()
	file := filepath.Join(dir, "log.archive")
	size := s.logSize()
	if err := s.archiving(file, "sh", "-c", `ulimit -f 8; exec "$@"`, "sh").Wait(); err == nil {
		t.Error("a file that cannot grow is said to be written")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	other := writeFile(t, "other", "somebody's file\n")
	s.exits(2, "audit", "archive", "--before", later, "--out", other)
	if read(t, other) != "somebody's file\n" {
		t.Error("a file was overwritten")
	}
	if rep := jsonOf[wire.AuditReport](t, s.ok("audit", "verify", "--json")); rep.First != 0 || rep.Entries < size {
		t.Errorf("entries were removed: %+v", rep)
	}
	s.ok("audit", "archive", "--before", later, "--out", file)
	s.ok("audit", "verify", "--checkpoint", note)

	// A file whose line was changed, and one of another server.
	text := read(t, file)
	bad := writeFile(t, "bad", strings.Replace(text, `"token.staged"`, `"token.stagec"`, 1))
	if r := s.run("audit", "verify", "--archive", bad); r.code != 1 || !strings.Contains(r.out, "NOT intact") {
		t.Errorf("a changed file: %d\n%s%s", r.code, r.out, r.err)
	}
	elsewhere := start(t, newData(t))
	elsewhere.ok("audit", "checkpoint")
	strange := filepath.Join(dir, "strange.archive")
	elsewhere.ok("audit", "archive", "--before", later, "--out", strange)
	if r := s.run("audit", "verify", "--archive", strange); r.code != 1 {
		t.Errorf("another server's file: %d\n%s%s", r.code, r.out, r.err)
	}
	s.exits(2, "audit", "archive", "--before", later, "--out", strange)
}
