package testkit

import (
	"cmp"
	"context"
	"errors"
	"testing"

	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/store"
)

// Report is a run with what became of every key of its file.
type Report struct {
	store.Run
	store.RunCounts
	Rows []store.RunRow
}

// Take imports and returns the report.
func Take(t testing.TB, k *Kit, keys imports.KeySource, more ...func(*imports.Request)) Report {
	t.Helper()
	run, err := Try(k, keys, more...)
	if err != nil {
		t.Fatalf("import: %v", err)
	}
	rep := Report{Run: run, RunCounts: run.Counts}
	told, err := k.Imports.Rows(context.Background(), run.ID, 0, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= run.Counts.Keys(); n++ {
		row := store.RunRow{N: n, Outcome: imports.Imported}
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

// Try imports.
func Try(k *Kit, keys imports.KeySource, more ...func(*imports.Request)) (store.Run, error) {
	r := imports.Request{Keys: keys, Label: "seeds.pskc", Origin: Origin}
	for _, m := range more {
		m(&r)
	}
	return k.Imports.Import(context.Background(), r)
}

// SkipBad, DryRun and Replace ask an import for what their field says.
func SkipBad(r *imports.Request) { r.SkipBad = true }

// DryRun is described at SkipBad.
func DryRun(r *imports.Request) { r.DryRun = true }

// Replace is described at SkipBad.
func Replace(r *imports.Request) { r.Replace = true }

// Ended checks how many keys ended how.
func Ended(t testing.TB, rep Report, want store.RunCounts) {
	t.Helper()
	if rep.RunCounts != want {
		t.Errorf("the counts are %+v, want %+v: %+v", rep.RunCounts, want, rep.Rows)
	}
}

// IsFault checks what people are told.
func IsFault(t testing.TB, err error, kind fault.Kind, code string) {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != kind || f.Code != code {
		t.Errorf("the error is %v (%+v), want kind %d, code %s", err, f, kind, code)
	}
}

// Serial names a token by its serial alone.
func Serial(serial string) tokens.Selector { return tokens.Selector{Serial: serial} }

// List gives the tokens that a filter chooses, in the order of their arrival: as many as
// its limit says, or all.
func (k *Kit) List(t testing.TB, f lifecycle.Filter) (all []token.Token) {
	t.Helper()
	limit := f.Limit
	o := store.TokenOrder{By: store.ByArrival}
	for {
		f.Limit = cmp.Or(limit, 1000)
		page, next, err := k.Lifecycle.List(t.Context(), f, o)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page...)
		if next == nil || limit > 0 && len(all) >= limit {
			return all
		}
		o.After = next
	}
}

// Serials gives the serials of the tokens that a filter chooses.
func (k *Kit) Serials(t testing.TB, f lifecycle.Filter) (serials []string) {
	t.Helper()
	for _, tok := range k.List(t, f) {
		serials = append(serials, tok.Identity.Serial)
	}
	return serials
}

// Unchanged runs do and checks that the database is as before, but for the
// tables named.
func (k *Kit) Unchanged(t testing.TB, do func(), except ...string) {
	t.Helper()
	before := k.Dump(t, except...)
	do()
	if after := k.Dump(t, except...); after != before {
		t.Errorf("the database changed:\n%s", Changes(before, after))
	}
}

// Failing wraps a store so that its writes fail when they are told to.
type Failing struct {
	store.DB
	Fail func() error
}

// Update fails, or is that of the store.
func (f Failing) Update(ctx context.Context, fn func(store.Tx) error) error {
	if err := f.Fail(); err != nil {
		return err
	}
	return f.DB.Update(ctx, fn)
}
