package lifecycle_test

import (
	"context"
	"errors"
	"testing"

	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
)

// report is a run with what became of every key of its file.
type report struct {
	store.Run
	store.RunCounts
	Rows []store.RunRow
}

// take imports and returns the report.
func take(t *testing.T, k *testkit.Kit, keys lifecycle.KeySource, more ...func(*lifecycle.ImportRequest)) report {
	t.Helper()
	run, err := try(k, keys, more...)
	if err != nil {
		t.Fatalf("import: %v", err)
	}
	rep := report{Run: run, RunCounts: run.Counts}
	told, err := k.Lifecycle.ImportRows(context.Background(), run.ID, 0, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= run.Counts.Keys(); n++ {
		row := store.RunRow{N: n, Outcome: lifecycle.Imported}
		if len(told) > 0 && told[0].N == n {
			row, told = told[0], told[1:]
		}
		rep.Rows = append(rep.Rows, row)
	}
	if len(told) > 0 {
		t.Errorf("rows of keys that were not counted: %+v", told)
	}
	return rep
}

func try(k *testkit.Kit, keys lifecycle.KeySource, more ...func(*lifecycle.ImportRequest)) (store.Run, error) {
	r := lifecycle.ImportRequest{Keys: keys, Label: "seeds.pskc", Origin: testkit.Origin}
	for _, m := range more {
		m(&r)
	}
	return k.Lifecycle.Import(context.Background(), r)
}

func skipBad(r *lifecycle.ImportRequest)   { r.SkipBad = true }
func dryRun(r *lifecycle.ImportRequest)    { r.DryRun = true }
func replace(r *lifecycle.ImportRequest)   { r.Replace = true }
func makeUsers(r *lifecycle.ImportRequest) { r.CreateUsers = true }

// counts checks how many keys ended how.
func counts(t *testing.T, rep report, imported, duplicate, refused int) {
	t.Helper()
	ended(t, rep, store.RunCounts{Imported: imported, Duplicate: duplicate, Refused: refused})
}

func ended(t *testing.T, rep report, want store.RunCounts) {
	t.Helper()
	if rep.RunCounts != want {
		t.Errorf("the counts are %+v, want %+v: %+v", rep.RunCounts, want, rep.Rows)
	}
}

func isFault(t *testing.T, err error, kind fault.Kind, code string) {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != kind || f.Code != code {
		t.Errorf("the error is %v (%+v), want kind %d, code %s", err, f, kind, code)
	}
}

func selector(serial string) lifecycle.Selector { return lifecycle.Selector{Serial: serial} }

// list gives the serials of a filter.
func list(t *testing.T, k *testkit.Kit, f lifecycle.Filter) (serials []string) {
	t.Helper()
	for _, tok := range tokens(t, k, f) {
		serials = append(serials, tok.Identity.Serial)
	}
	return serials
}

func tokens(t *testing.T, k *testkit.Kit, f lifecycle.Filter) []token.Token {
	t.Helper()
	found, err := k.Lifecycle.List(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// unchanged runs do and checks that the database is as before, but for the
// tables named.
func unchanged(t *testing.T, k *testkit.Kit, do func(), except ...string) {
	t.Helper()
	before := k.Dump(t, except...)
	do()
	if after := k.Dump(t, except...); after != before {
		t.Errorf("the database changed:\n%s", testkit.Changes(before, after))
	}
}

// marks are what an import may leave behind when nothing of it is published:
// its story in the log, the numbers it used up, and the key of fingerprints.
var marks = []string{"audit_entry", "audit_head", "sqlite_sequence", "setting", "import_run", "import_row"}

// failing wraps a store so that its writes fail when they are told to.
type failing struct {
	store.DB
	fail func() error
}

func (f failing) Update(ctx context.Context, fn func(store.Tx) error) error {
	if err := f.fail(); err != nil {
		return err
	}
	return f.DB.Update(ctx, fn)
}
