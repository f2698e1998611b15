package imports_test

import (
	"strconv"
	"testing"
	"time"

	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// What reports say of single keys is removed when its time is over, and says so; their
// sums stay.
func TestReportsAreKeptForATime(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	var bad []any
	for i := range 300 { // more than a transaction removes
		bad = append(bad, &pskc.KeyError{Serial: itoa(int64(i)), Reason: "of the test's own"})
	}
	old := testkit.Take(t, k, testkit.NewSource(append(bad, testkit.HOTP("1"))...), testkit.SkipBad)
	testkit.Ended(t, old, store.RunCounts{Imported: 1, Refused: 300})
	k.Clock.Advance(24 * time.Hour)
	young := testkit.Take(t, k, testkit.Keys(testkit.HOTP("1")))
	testkit.Ended(t, young, store.RunCounts{Duplicate: 1})

	remove := func(before time.Time, want int) {
		t.Helper()
		if n, err := k.Imports.RemoveReports(t.Context(), before); err != nil || n != want {
			t.Errorf("%d reports were removed, want %d: %v", n, want, err)
		}
	}
	k.Unchanged(t, func() { remove(testkit.Start, 0) })
	k.Unchanged(t, func() { remove(testkit.Start.Add(time.Hour), 1) }, "audit_entry", "audit_head", "import_row",
		"import_run")
	e := k.LastEntry(t)
	if e.Action != "import.rows_removed" || e.Outcome != "done" || e.Actor != "system" ||
		e.Subject["other"] != "seeds.pskc" || e.Before["run"] != itoa(old.ID) || e.Before["rows"] != "300" {
		t.Errorf("the log says %s", e.Raw)
	}
	run, err := k.Imports.Run(t.Context(), old.ID)
	if err != nil || run.Counts != old.Counts || !run.Removed.Equal(k.Clock.Now()) || run.Label != "seeds.pskc" {
		t.Errorf("the run is %+v, %v", run, err)
	}
	for id, want := range map[int64]int{old.ID: 0, young.ID: 1} {
		if rows, err := k.Imports.Rows(t.Context(), id, 0, 1000); err != nil || len(rows) != want {
			t.Errorf("import %d has %d rows, want %d: %v", id, len(rows), want, err)
		}
	}
	k.Unchanged(t, func() { remove(testkit.Start.Add(time.Hour), 0) })
	if k.Token(t, "1").Identity.Serial != "1" {
		t.Error("a token is gone")
	}
}
