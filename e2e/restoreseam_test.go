package e2e

import (
	"path/filepath"
	"testing"
)

// A copy from before entries were archived, or from between two archives, is noticed
// and accepted as any older copy is: the log that it holds is verified, with the files
// that belong to it, and is archived again. No used code works.
func TestRestoreAcrossASeam(t *testing.T) {
	onlyFile(t)
	t.Parallel()
	s := start(t, newData(t))
	d := hotp("16000001")
	s.imports(plain(t, d), 1)
	codes := d.codes(t, 0, 12)
	use := func(n int) {
		for range n {
			s.ok("token", "verify", d.Serial, codes[0])
			codes = codes[1:]
		}
	}
	use(2)
	dir := t.TempDir()
	file, mark := filepath.Join(s.data, "ostiary.db"), filepath.Join(s.data, "kek.mark")
	archived := func(name string) string {
		t.Helper()
		name = filepath.Join(dir, name)
		s.ok("audit", "checkpoint")
		s.ok("audit", "archive", "--before", later, "--out", name)
		return name
	}
	s.stop()
	whole := read(t, file)
	s = start(t, s.data)
	use(2)
	first := archived("first")
	s.stop()
	between := read(t, file)
	s = start(t, s.data)
	use(2)
	used := d.codes(t, 0, 6)
	second := archived("second")
	s.ok("audit", "verify", "--archive", first, "--archive", second)
	s.stop()
	last := read(t, mark)
	for _, c := range []struct {
		name, copy string
		files      []string // that belong to the log of the copy
	}{{"before both", whole, nil}, {"between them", between, []string{"--archive", first}}} {
		writeTo(t, file, c.copy)
		writeTo(t, mark, last)
		refusedStart(t, s.data, "an older copy", "ostiary database accept")
		s.ok("database", "accept", "--reason", "disk failed", "--fence")
		s = start(t, s.data)
		s.ok(append([]string{"audit", "verify"}, c.files...)...)
		for _, code := range used {
			if r := s.run("token", "verify", d.Serial, code); r.code == 0 {
				t.Errorf("%s: a used code ended with %d: %s%s", c.name, r.code, r.out, r.err)
			}
		}
		s.ok("audit", "verify", "--archive", archived(c.name))
		s.stop()
	}
}

// The file of a database whose old entries were archived is made smaller by VACUUM, as
// docs/operate.md says, and is the same database.
func TestVacuumBesideASeam(t *testing.T) {
	onlyFile(t)
	t.Parallel()
	s := start(t, newData(t))
	d := hotp("16000002")
	s.imports(plain(t, append(hotps(16100001, 300), d)...), 301)
	codes := d.codes(t, 0, 3)
	s.ok("token", "verify", d.Serial, codes[0])
	s.ok("audit", "checkpoint")
	archive := filepath.Join(t.TempDir(), "archive")
	s.ok("audit", "archive", "--before", later, "--out", archive)
	s.stop()
	file := filepath.Join(s.data, "ostiary.db")
	before := len(read(t, file))
	sqlOn(t, s.data, "VACUUM")
	if after := len(read(t, file)); after >= before {
		t.Errorf("the file has %d bytes, and had %d", after, before)
	}
	s = start(t, s.data)
	s.ok("audit", "verify", "--archive", archive)
	s.ok("token", "verify", d.Serial, codes[1])
	s.ok("audit", "verify", "--archive", archive)
}
