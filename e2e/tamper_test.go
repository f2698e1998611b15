package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestTamperedLog edits the log of a stopped server. Whoever can write the file
// can do so; audit verify must show it, the last one only with a checkpoint that
// was kept elsewhere.
func TestTamperedLog(t *testing.T) {
	t.Parallel()
	s := start(t, newData(t))
	d := hotp("13000001")
	s.imports(plain(t, d), 1)
	s.stop()
	file := filepath.Join(s.data, "ostiary.db")
	early := read(t, file)
	s = start(t, s.data)
	for _, code := range d.codes(t, 0, 3) {
		s.ok("token", "verify", d.Serial, code)
	}
	checkpoint := writeFile(t, "checkpoint.txt", s.ok("audit", "checkpoint"))
	s.ok("token", "unlock", d.Serial)
	s.stop()
	whole := read(t, file)

	for _, forged := range []struct {
		name, query  string
		shows, later bool // audit verify alone, and with the checkpoint
	}{
		{"as it was", "", true, true},
		{"an entry changed", "UPDATE audit_entry SET entry = CAST(replace(CAST(entry AS TEXT), 'accepted', " +
			"'refused') AS BLOB) WHERE seq = (SELECT max(seq) - 3 FROM audit_entry)", false, false},
		{"an entry removed", "DELETE FROM audit_entry WHERE seq = (SELECT max(seq) - 3 FROM audit_entry)", false,
			false},
		{"the end removed", "DELETE FROM audit_entry WHERE seq > (SELECT max(seq) - 3 FROM audit_entry)", false, false},
		{"two entries exchanged", "UPDATE audit_entry SET entry = (SELECT entry FROM audit_entry WHERE seq = 1) " +
			"WHERE seq = 2", false, false},
		{"an earlier copy of the database", "restore", true, false},
	} {
		writeTo(t, file, whole)
		switch forged.query {
		case "":
		case "restore":
			writeTo(t, file, early)
		default:
			db := openFile(t, s.data, "rw")
			if _, err := db.Exec(forged.query); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
		s = start(t, s.data)
		for _, check := range []struct {
			args  []string
			whole bool
		}{{nil, forged.shows}, {[]string{"--checkpoint", checkpoint}, forged.later}} {
			code, says := 0, "The log is whole"
			if !check.whole {
				code, says = 1, "NOT whole"
			}
			r := s.run(append([]string{"audit", "verify"}, check.args...)...)
			if r.code != code || !strings.Contains(r.out, says) {
				t.Errorf("%s, audit verify %v ended with %d, want %d:\n%s%s", forged.name, check.args, r.code, code,
					r.out, r.err)
			}
		}
		s.stop()
	}
}
