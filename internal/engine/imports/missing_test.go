package imports_test

import (
	"encoding/json"
	"slices"
	"testing"

	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
)

// A token that was deleted after its import would be on neither server once the receipt is
// handed in. So whoever fetches the receipt hears of it, by the serial that it has here; and
// it is back, and nobody is warned, when the file was imported again.
func TestReceiptTellsOfTokensThatAreGone(t *testing.T) {
	t.Parallel()
	a, b := testkit.New(t), testkit.New(t)
	software(t, a, "a", 10000001)
	software(t, b, "b", 10000001)
	a.Import(t, testkit.HOTP("1"), testkit.HOTP("2"))
	file, _, err := testkit.Export(t, a, testkit.Move)
	if err != nil {
		t.Fatal(err)
	}
	missing := func(run int64, want ...string) {
		t.Helper()
		r, got, err := b.Imports.Receipt(t.Context(), run)
		if err != nil || !slices.Equal(got, want) || len(r.Tokens) != 3 {
			t.Errorf("receipt of %d tokens, missing %q, %v; want 3 and %q", len(r.Tokens), got, err, want)
		}
	}
	deletes := func(serial string) {
		t.Helper()
		if _, err := b.Lifecycle.Delete(t.Context(), testkit.Serial(serial), testkit.Origin); err != nil {
			t.Fatal(err)
		}
	}
	first := testkit.Take(t, b, testkit.OpenExport(t, file), renumber)
	testkit.Ended(t, first, store.RunCounts{Imported: 3, Renumbered: 1})
	missing(first.ID)
	again := testkit.Take(t, b, testkit.OpenExport(t, file), renumber)
	testkit.Ended(t, again, store.RunCounts{Duplicate: 3})
	missing(again.ID)
	deletes("2")
	missing(first.ID, "2")
	missing(again.ID, "2")
	testkit.Ended(t, testkit.Take(t, b, testkit.OpenExport(t, file), renumber), store.RunCounts{Imported: 1, Duplicate: 2})
	missing(first.ID)
	renumbered := b.List(t, lifecycle.Filter{Run: first.ID, Type: "app-totp"})
	if len(renumbered) != 1 {
		t.Fatalf("renumbered are %+v", renumbered)
	}
	deletes(renumbered[0].Identity.Serial)
	missing(first.ID, renumbered[0].Identity.Serial)
}

// What an older version kept of a move is the receipt alone.
func TestReceiptOfAnOlderVersion(t *testing.T) {
	t.Parallel()
	a, b := testkit.New(t), testkit.New(t)
	a.Import(t, testkit.HOTP("1"))
	file, _, err := testkit.Export(t, a, testkit.Move)
	if err != nil {
		t.Fatal(err)
	}
	run := testkit.Take(t, b, testkit.OpenExport(t, file)).ID
	text, err := json.Marshal(b.Receipt(t, run))
	if err != nil {
		t.Fatal(err)
	}
	b.Exec(t, "UPDATE import_receipt SET receipt = CAST('"+string(text)+"' AS BLOB)")
	if m, err := a.Lifecycle.ConfirmMove(t.Context(), b.Receipt(t, run), testkit.Origin); err != nil || m.Moved != 1 {
		t.Errorf("confirmed: %+v, %v", m, err)
	}
}
