package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestTamperedLog edits the log of a stopped server. Whoever can write the file can
// do so; audit verify or the next start must show it.
func TestTamperedLog(t *testing.T) {
	onlyFile(t)
	t.Parallel()
	s := start(t, newData(t))
	d := hotp("13000001")
	s.imports(plain(t, d), 1)
	s.stop()
	file, mark := filepath.Join(s.data, "ostiary.db"), filepath.Join(s.data, "kek.mark")
	early, earlyMark := read(t, file), read(t, mark)
	s = start(t, s.data)
	for _, code := range d.codes(t, 0, 3) {
		s.ok("token", "verify", d.Serial, code)
	}
	checkpoint := writeFile(t, "checkpoint.txt", s.ok("audit", "checkpoint"))
	s.ok("token", "unlock", d.Serial)
	s.stop()
	whole, marked := read(t, file), read(t, mark)

	const logNot, stateNot = "The log is NOT intact", "The state does NOT match it"
	for name, c := range map[string]struct{ query, says string }{
		"an entry changed": {"UPDATE audit_entry SET entry = CAST(replace(CAST(entry AS TEXT), 'accepted', " +
			"'refused') AS BLOB) WHERE seq = (SELECT max(seq) - 3 FROM audit_entry)", logNot},
		"an entry removed": {"DELETE FROM audit_entry WHERE seq = (SELECT max(seq) - 3 FROM audit_entry)", logNot},
		"two entries exchanged": {"UPDATE audit_entry SET entry = (SELECT entry FROM audit_entry WHERE seq = 1) " +
			"WHERE seq = 2", logNot},
		"a date changed": {"UPDATE condition SET not_after = 4102444800000", stateNot},
	} {
		writeTo(t, file, whole)
		writeTo(t, mark, marked)
		sqlOn(t, s.data, c.query)
		s = start(t, s.data)
		if r := s.run("audit", "verify"); r.code != 1 || !strings.Contains(r.out, c.says) {
			t.Errorf("%s: audit verify ended with %d:\n%s%s", name, r.code, r.out, r.err)
		}
		s.stop()
	}
	writeTo(t, file, whole)
	writeTo(t, mark, marked)
	sqlOn(t, s.data, "DELETE FROM audit_entry WHERE seq > (SELECT max(seq) - 3 FROM audit_entry)")
	refusedStart(t, s.data, "the audit log ends with entry")

	// Whoever puts the whole directory back, mark and all, is found out only by a
	// checkpoint that was kept elsewhere.
	for _, tt := range []struct {
		db, mark    string
		shows, with bool
	}{{whole, marked, true, true}, {early, earlyMark, true, false}} {
		writeTo(t, file, tt.db)
		writeTo(t, mark, tt.mark)
		s = start(t, s.data)
		for _, check := range []struct {
			args  []string
			whole bool
		}{{nil, tt.shows}, {[]string{"--checkpoint", checkpoint}, tt.with}} {
			code := 0
			if !check.whole {
				code = 1
			}
			if r := s.run(append([]string{"audit", "verify"}, check.args...)...); r.code != code {
				t.Errorf("audit verify %v ended with %d, want %d:\n%s%s", check.args, r.code, code, r.out, r.err)
			}
		}
		s.stop()
	}
}
