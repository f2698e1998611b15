package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/audit/archive"
	"ostiary/internal/core/fault"
	"ostiary/internal/engine/ledger"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
)

// days lets so many days pass, on each of which somebody logs in and a checkpoint is
// signed twice.
func (w *town) days(n int, counter uint64) uint64 {
	w.t.Helper()
	for range n {
		for range 2 {
			w.login(counter)
			counter++
			if err := w.Ledger.Checkpoint(w.t.Context()); err != nil {
				w.t.Fatal(err)
			}
			w.Clock.Advance(12 * time.Hour)
		}
	}
	return counter
}

// whole demands that log and state fit, and gives the report.
func (w *town) whole(extra ...string) ledger.Report {
	w.t.Helper()
	rep, err := w.Ledger.Verify(w.t.Context(), extra...)
	if err != nil || !rep.Whole() {
		w.t.Fatalf("verify: %v, %s, %v", err, rep.Problem, rep.State.Findings)
	}
	return rep
}

// refuses demands that verification names a problem.
func (w *town) refuses(says string) {
	w.t.Helper()
	rep, err := w.Ledger.Verify(w.t.Context())
	if err != nil || !strings.Contains(rep.Problem, says) {
		w.t.Errorf("verify says %q (%v), want %q", rep.Problem, err, says)
	}
}

func take(t *testing.T, w *town, files ...[]byte) (a archive.Archive, err error) {
	t.Helper()
	chain, err := archive.NewChain(w.Ledger.VerifierKey())
	for _, f := range files {
		if err == nil {
			a, err = chain.Take(bytes.NewReader(f))
		}
	}
	return a, err
}

// Two archives, one after the other: each begins where the last one ended, the log
// goes on from it, and its last note of each day is kept, proved and taken.
func TestArchiveOverArchive(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	counter := w.days(3, 3)
	var notes []string
	if err := w.DB.View(t.Context(), func(r store.Reader) error {
		all, err := r.Checkpoints()
		for _, n := range all {
			notes = append(notes, n.Text)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	before := w.whole()
	first := w.ArchiveBefore(t, w.Clock.Now())
	rep := w.whole()
	if rep.Root == before.Root || rep.Entries != before.Entries+1 || rep.First != before.Entries {
		t.Errorf("the first archive: %+v, before it %+v", rep, before)
	}
	w.Recorded(t, before.Entries, "audit.archived", fmt.Sprintf(`done "" map[] map[] map[before:%s entries:%d file:%s `+
		`from:0 state:%s to:%d until:2026-03-04T00:00:15Z]`, w.Clock.Now().Format(time.RFC3339), before.Entries,
		w.Log(t, before.Entries)[0].After["file"], w.Log(t, before.Entries)[0].After["state"], before.Entries))
	// Of the notes of a day the last is kept; the others need the archive.
	rep = w.whole(notes...)
	if want := "[1 3]"; fmt.Sprint(rep.Archived) != want || len(notes) != 6 {
		t.Errorf("of %d notes %v need the archive, want %s", len(notes), rep.Archived, want)
	}
	chain, err := archive.NewChain(w.Ledger.VerifierKey(), notes...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chain.Take(bytes.NewReader(first)); err != nil || len(chain.Unmet()) > 0 {
		t.Errorf("the archive does not prove all notes: %v, %v", err, chain.Unmet())
	}

	counter = w.days(2, counter)
	second := w.ArchiveBefore(t, w.Clock.Now())
	if rep = w.whole(notes...); len(rep.Archived) != 2 {
		t.Errorf("behind two archives %v need one", rep.Archived)
	}
	if a, err := take(t, w, first, second); err != nil || a.From != before.Entries {
		t.Errorf("the files in a row: %+v, %v", a, err)
	}
	for name, files := range map[string][][]byte{"in the wrong order": {second, first}, "one twice": {first, first}} {
		if _, err := take(t, w, files...); err == nil {
			t.Errorf("files %s are taken", name)
		}
	}
	all, err := w.Ledger.Archives(t.Context())
	if err != nil || len(all) != 2 || all[1].From != all[0].To {
		t.Errorf("archives %+v, %v", all, err)
	}
	w.Reopen(t)
	w.whole()
	w.days(1, counter)
	if _, err := w.Ledger.RemoveArchived(t.Context(), ledger.Removal{To: all[1].To, Before: w.Clock.Now(),
		File: all[1].File}); err != nil {
		t.Errorf("the removal, asked for again: %v", err)
	}
	rows, next, err := w.Ledger.List(t.Context(), audit.Filter{}, 0, 1000)
	if err != nil || next != 0 || len(rows) == 0 || rows[len(rows)-1].Seq != all[1].To {
		t.Errorf("the list ends at %+v, %d, %v", rows[len(rows)-1], next, err)
	}
}

// What was wrong before a seam stays visible behind it.
func TestFindingsStayBehindTheSeam(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.PastLog()
	w.Exec(t, "UPDATE condition SET next = 1 WHERE token = (SELECT id FROM token WHERE serial = '1')")
	w.Reopen(t)
	w.login(1)
	w.names("token hotp 1 of Acme", "code.verified", "the counter was 1")
	w.Archive(t)
	rep := w.verify()
	if rep.State.Count != 1 || !strings.Contains(rep.State.Findings[0].Text, "the counter was 1") {
		t.Errorf("behind the seam: %v", rep.State.Findings)
	}
}

// A row that was set back behind the seam is named, with its last entry.
func TestStateIsHeldAcrossTheSeam(t *testing.T) {
	t.Parallel()
	for name, query := range map[string]string{
		"token hotp 1 of Acme":          "UPDATE condition SET next = 1 WHERE token = (SELECT id FROM token WHERE serial = '1')",
		"token totp 2 of Acme":          "DELETE FROM token WHERE serial = '2'",
		"user bob":                      "UPDATE user SET failures = 3 WHERE name = 'bob'",
		"user anna":                     "UPDATE temporary_code SET used = 0",
		"a temporary code of user anna": "DELETE FROM temporary_code WHERE used > 0",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTown(t)
			w.PastLog()
			w.Archive(t)
			w.whole()
			w.Exec(t, query)
			if rep := w.verify(); rep.State.Count != 1 || rep.State.Findings[0].Row != name {
				t.Errorf("found %v", rep.State.Findings)
			}
		})
	}
}

// Somebody with the file of the database alone changes what stands at the seam.
func TestTamperedSeamIsNoticed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ query, start, verify string }{
		"more entries removed": {"DELETE FROM audit_entry WHERE seq < (SELECT max(size) + 1 FROM audit_seam)",
			"the first entry of the audit log", "is gone"},
		"the seam moved": {"UPDATE audit_seam SET size = size + 1 WHERE size = (SELECT max(size) FROM audit_seam)",
			"a setting, a key", "a setting, a key"},
		"the last seam removed": {"DELETE FROM audit_seam WHERE size = (SELECT max(size) FROM audit_seam)",
			"a setting, a key", "a setting, a key"},
		"all seams removed": {"DELETE FROM audit_seam", "a setting, a key", "a setting, a key"},
		"another file": {"UPDATE audit_seam SET file = zeroblob(32)", "a setting, a key",
			"in the entry that records"},
		"a line of the state changed": {"UPDATE seam_state SET line = CAST(replace(CAST(line AS TEXT), 'bob', 'eve') " +
			"AS BLOB)", "", "the state that was saved"},
		"a line of the state removed": {"DELETE FROM seam_state WHERE n = (SELECT max(n) FROM seam_state)", "",
			"the state that was saved"},
		"a line of the state and its digest changed": {"UPDATE seam_state SET line = CAST(replace(CAST(line AS TEXT), " +
			"'bob', 'eve') AS BLOB); UPDATE audit_seam SET state = zeroblob(32)", "a setting, a key",
			"the state that was saved"},
		"a kept checkpoint removed": {"DELETE FROM checkpoint WHERE proof IS NOT NULL", "there are",
			"there are"},
		"a proof changed": {"UPDATE checkpoint SET proof = zeroblob(32) WHERE proof IS NOT NULL", "",
			"does not begin with"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTown(t)
			w.PastLog()
			counter := w.days(2, 3)
			w.ArchiveBefore(t, w.Clock.Now())
			w.days(2, counter)
			w.ArchiveBefore(t, w.Clock.Now())
			w.whole()
			w.Exec(t, c.query)
			w.refuses(c.verify)
			err := w.TryReopen(t)
			if (err != nil) != (c.start != "") || err != nil && !strings.Contains(err.Error(), c.start) {
				t.Errorf("the start: %v, want %q", err, c.start)
			}
		})
	}
}

// A seam that somebody else made has no entry removed.
func TestForgedSeamRemovesNothing(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.PastLog()
	counter := w.days(2, 3)
	w.ArchiveBefore(t, w.Clock.Now())
	w.days(2, counter)
	w.Exec(t, "UPDATE audit_seam SET size = size + 2")
	w.refuses("a setting, a key")
	before := w.Dump(t, "checkpoint")
	if err := w.Ledger.Trim(t.Context()); err == nil {
		t.Error("entries behind a forged seam are removed")
	}
	if w.Dump(t, "checkpoint") != before {
		t.Error("the database changed")
	}
}

// An older seam, put back whole with all that belongs to it, is not the log's.
func TestAnOlderSeamPutBackIsNoticed(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.PastLog()
	counter := w.days(2, 3)
	w.ArchiveBefore(t, w.Clock.Now())
	aside := "ATTACH '" + filepath.Join(t.TempDir(), "aside.db") + "' AS aside; "
	w.Exec(t, aside+"CREATE TABLE aside.entry AS SELECT * FROM audit_entry; "+
		"CREATE TABLE aside.state AS SELECT * FROM seam_state; DETACH aside")
	w.days(2, counter)
	w.ArchiveBefore(t, w.Clock.Now())
	w.Exec(t, aside+"DELETE FROM audit_seam WHERE size = (SELECT max(size) FROM audit_seam); "+
		"INSERT OR IGNORE INTO audit_entry SELECT * FROM aside.entry; DELETE FROM seam_state; "+
		"INSERT INTO seam_state SELECT * FROM aside.state; DETACH aside")
	w.refuses("a setting, a key")
	if err := w.TryReopen(t); err == nil {
		t.Error("the server starts on it")
	}
}

// A file that is not what the server makes of the same entries removes none.
func TestOnlyTheRightFileRemovesEntries(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	w.days(2, 3)
	before := w.Clock.Now()
	var file bytes.Buffer
	if err := w.Ledger.WriteArchive(t.Context(), before, &file); err != nil {
		t.Fatal(err)
	}
	a, err := take(t, w, file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	entries := len(w.Log(t, 0))
	for name, c := range map[string]struct {
		r          ledger.Removal
		code, hint string
	}{
		"another digest": {ledger.Removal{To: a.To, Before: before, File: archive.Sum{1}}, "other_archive", "another one"},
		"no checkpoint": {ledger.Removal{To: a.To + 1, Before: before.Add(time.Hour), File: a.File}, "nothing_to_archive",
			"again when it has grown."},
		"a date before": {ledger.Removal{To: a.To, Before: testkit.Start, File: a.File}, "nothing_to_archive",
			"give a later date."},
	} {
		_, err := w.Ledger.RemoveArchived(t.Context(), c.r)
		if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != c.code || !strings.Contains(f.Hint, c.hint) {
			t.Errorf("%s: %v, want %s with %q", name, err, c.code, c.hint)
		}
	}
	if n := len(w.Log(t, 0)); n != entries {
		t.Errorf("%d entries are left of %d", n, entries)
	}
	w.whole()
	if err := w.Ledger.WriteArchive(t.Context(), testkit.Start, &file); err == nil {
		t.Error("an archive of nothing is written")
	}
}

// A file that is no archive says nothing of the log, and that is another answer than one
// which does not fit.
func TestWhatIsNoArchive(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	for text, foreign := range map[string]bool{"": true, "ostiary arch": true, "ostiary archive 1": true,
		"ostiary audit/1\n": true, "ostiary archive 2\n{}\n": true, "ostiary archive 1\n": false,
		"ostiary archive 1\n{}\n": false} {
		if _, err := take(t, w, []byte(text)); err == nil || errors.Is(err, archive.ErrForeign) != foreign {
			t.Errorf("%q: %v, want foreign %t", text, err, foreign)
		}
	}
}

// Every byte of a file counts, and every cut is noticed.
func TestTamperedFile(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	file := w.Archive(t)
	if _, err := take(t, w, file); err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(file); at += 7 {
		bad := bytes.Clone(file)
		bad[at] ^= 1
		if _, err := take(t, w, bad); err == nil && at < len(file)-4 {
			t.Errorf("byte %d of %d is changed, and the file is taken", at, len(file))
		}
		if _, err := take(t, w, file[:at]); err == nil {
			t.Errorf("a file that is cut off at byte %d is taken", at)
		}
	}
	if _, err := take(t, w, append(bytes.Clone(file), "more\n"...)); err == nil {
		t.Error("a file with more behind its end is taken")
	}
	lines := bytes.SplitAfter(file, []byte("\n"))
	for i := 2; i < len(lines)-6; i++ {
		without := append(bytes.Join(lines[:i], nil), bytes.Join(lines[i+1:], nil)...)
		if _, err := take(t, w, without); err == nil {
			t.Errorf("a file without line %d is taken", i+1)
		}
	}
	if _, err := take(t, newTown(t), file); err == nil {
		t.Error("another server's key opens the file")
	}
}

// A removal that was broken off goes on: by the same request, or by Trim at the next
// start. What is half removed is given to nobody, and logins go on.
func TestRemovalGoesOn(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	counter := w.days(2, 3)
	before := w.Clock.Now()
	var file bytes.Buffer
	if err := w.Ledger.WriteArchive(t.Context(), before, &file); err != nil {
		t.Fatal(err)
	}
	a, err := take(t, w, file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("killed")
	for step := 1; ; step++ {
		n := 0
		k, err := ledger.Open(t.Context(), testkit.Failing{DB: w.DB, Fail: func() error {
			if n++; n >= step {
				return broken
			}
			return nil
		}}, w.Keys, w.Clock.Now)
		if err != nil {
			t.Fatal(err)
		}
		_, err = k.RemoveArchived(t.Context(), ledger.Removal{To: a.To, Before: before, File: a.File,
			Origin: testkit.Origin})
		if err != nil && !errors.Is(err, broken) {
			t.Fatalf("step %d: %v", step, err)
		}
		w.login(counter)
		counter++
		rep := w.whole()
		if log := w.Log(t, 0); log[0].Seq != rep.First || rep.First != 0 && rep.First != a.To {
			t.Errorf("step %d: the log begins with %d, and by the report with %d", step, log[0].Seq, rep.First)
		}
		if err == nil {
			break
		}
	}
	if err := w.Ledger.Trim(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := w.Count(t, "SELECT count(*) FROM audit_entry WHERE seq < "+fmt.Sprint(a.To)); n != 0 {
		t.Errorf("%d entries are left", n)
	}
	if n := w.Count(t, "SELECT count(*) FROM (SELECT DISTINCT seam FROM seam_state)"); n != 1 {
		t.Errorf("%d states are left", n)
	}
	w.whole()
}

// Logins, verification and an archive go on together.
func TestArchiveTogetherWithLogins(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	counter := w.days(3, 3)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ; ctx.Err() == nil && counter < 200; counter++ {
			w.login(counter)
		}
	})
	wg.Go(func() {
		for ctx.Err() == nil {
			if rep, err := w.Ledger.Verify(t.Context()); err != nil || !rep.Whole() {
				t.Errorf("verify: %v, %s, %v", err, rep.Problem, rep.State.Findings)
				return
			}
		}
	})
	w.ArchiveBefore(t, w.Clock.Now())
	stop()
	wg.Wait()
	w.whole()
}

// The mark beside the key may name a checkpoint that goes with an archive.
func TestMarkBelowTheSeam(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	counter := w.days(1, 3)
	w.Reopen(t) // which writes no mark of a later checkpoint
	w.days(3, counter)
	w.ArchiveBefore(t, w.Clock.Now())
	w.Reopen(t)
	w.whole()
}
