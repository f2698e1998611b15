package e2e

import (
	"strings"
	"testing"
)

// TestTamperedState edits the rows of a stopped server and leaves its log alone:
// audit verify names the row and the entry that it does not follow from, for people
// and as JSON, and ends with status 1.
func TestTamperedState(t *testing.T) {
	onlyFile(t)
	t.Parallel()
	s := start(t, newData(t))
	d := hotp("14000001")
	s.imports(plain(t, d), 1)
	for _, code := range d.codes(t, 0, 3) {
		s.ok("token", "verify", d.Serial, code)
	}
	if says := s.ok("audit", "verify"); !strings.Contains(says, "\nThe state matches it: 1 token.\n") {
		t.Fatalf("before: %s", says)
	}
	s.stop()
	db := openBeside(t, s.data, "rw")
	if _, err := db.Exec("UPDATE condition SET next = 0"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s = start(t, s.data)
	for _, c := range []struct {
		args []string
		says []string
	}{
		{nil, []string{"The log is intact", "The state does NOT match it: 1 finding.",
			"token hotp 14000001 of Acme, entry ", "in the database the counter is 0, but according to the log 3"}},
		{[]string{"--json"}, []string{`{"ok":false,`, `"findings":1,"rows":[{"row":"token hotp 14000001`, `"entry":`}},
	} {
		r := s.run(append([]string{"audit", "verify"}, c.args...)...)
		if r.code != 1 {
			t.Errorf("audit verify %v ended with %d, want 1", c.args, r.code)
		}
		for _, says := range c.says {
			if !strings.Contains(r.out, says) {
				t.Errorf("audit verify %v says %q, want %q in it", c.args, r.out, says)
			}
		}
	}
	// The code that was used before is accepted again by such a file; that it was stays
	// visible.
	s.ok("token", "verify", d.Serial, d.codes(t, 0, 1)[0])
	r := s.run("audit", "verify")
	if r.code != 1 || !strings.Contains(r.out, "the entry says that the counter was 0, but according to the earlier entries it was 3") {
		t.Errorf("after the use: status %d, %s", r.code, r.out)
	}
	s.stop()
}
