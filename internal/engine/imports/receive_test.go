package imports_test

import (
	"strings"
	"testing"

	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// What once left a server in a file does not come back by it: neither by a plain
// export from before a move, nor by the file of a move that was taken in.
func TestNothingComesBackByAnOldFile(t *testing.T) {
	t.Parallel()
	a, b := testkit.New(t), testkit.New(t)
	key := testkit.HOTP("1")
	a.Import(t, key)
	confirm := func(from, to *testkit.Kit, file []byte) {
		t.Helper()
		rep := testkit.Take(t, to, testkit.OpenExport(t, file))
		if testkit.Ended(t, rep, store.RunCounts{Imported: 1}); rep.Counts.Imported != 1 {
			t.FailNow()
		}
		if _, err := from.Lifecycle.ConfirmMove(t.Context(), to.Receipt(t, rep.ID), testkit.Origin); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(k *testkit.Kit, file []byte, why string) {
		t.Helper()
		for _, more := range [][]func(*imports.Request){{testkit.DryRun},
			{testkit.SkipBad, testkit.Replace, renumber}} {
			rep := testkit.Take(t, k, testkit.OpenExport(t, file), more...)
			if testkit.Ended(t, rep, store.RunCounts{Refused: 1}); !strings.Contains(rep.Rows[0].Reason, why) {
				t.Errorf("refused because %q, want %q", rep.Rows[0].Reason, why)
			}
		}
	}
	plain, _, err := testkit.Export(t, a)
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := testkit.Export(t, a, testkit.Move)
	if err != nil {
		t.Fatal(err)
	}
	confirm(a, b, out)
	refused(a, plain, "moved to another server")
	if _, err := testkit.Try(a, testkit.Keys(key), testkit.SkipBad); err != nil { // the manufacturer's own file
		t.Fatal(err)
	}
	if got := a.Serials(t, lifecycle.Filter{}); len(got) != 0 {
		t.Errorf("tokens %v are back", got)
	}
	home, _, err := testkit.Export(t, b, testkit.Move)
	if err != nil {
		t.Fatal(err)
	}
	confirm(b, a, home)
	refused(b, out, "already brought the token here")
	refused(b, plain, "moved to another server")
	code := testkit.Code(t, key, 0)
	if b.Verify(t, "1", code) || !a.Verify(t, "1", code) || a.Verify(t, "1", code) {
		t.Error("the code does not count once, where the token lives")
	}
	// While it lives there, a file of it brings a duplicate, as ever.
	for _, more := range [][]func(*imports.Request){{testkit.DryRun}, {}} {
		testkit.Ended(t, testkit.Take(t, a, testkit.OpenExport(t, plain), more...), store.RunCounts{Duplicate: 1})
	}
	// Once deleted where it lives, its old file brings it back there, as ever.
	if _, err := a.Lifecycle.Delete(t.Context(), testkit.Serial("1"), testkit.Origin); err != nil {
		t.Fatal(err)
	}
	testkit.Ended(t, testkit.Take(t, a, testkit.OpenExport(t, plain)), store.RunCounts{Imported: 1})
	if a.Verify(t, "1", code) {
		t.Error("a used code works again")
	}
}

// A copy that is on the other server already must not stand behind the token
// that moves there, or the codes used meanwhile would count again.
func TestMoveOntoAnOlderCopy(t *testing.T) {
	t.Parallel()
	a, b := testkit.New(t), testkit.New(t)
	key := testkit.HOTP("1")
	a.Import(t, key)
	b.Import(t, key)
	code := testkit.Code(t, key, 4)
	if !a.Verify(t, "1", code) {
		t.Fatal("the code is refused")
	}
	file, _, err := testkit.Export(t, a, testkit.Move)
	if err != nil {
		t.Fatal(err)
	}
	for _, more := range [][]func(*imports.Request){{testkit.DryRun, testkit.SkipBad},
		{testkit.SkipBad, testkit.Replace, renumber}} {
		rep := testkit.Take(t, b, testkit.OpenExport(t, file), more...)
		if testkit.Ended(t, rep, store.RunCounts{Conflict: 1}); !strings.Contains(rep.Rows[0].Reason, "earlier counter") {
			t.Errorf("in conflict because %q", rep.Rows[0].Reason)
		}
		if _, _, err := b.Imports.Receipt(t.Context(), rep.ID); err == nil {
			t.Error("a receipt for a token that was not taken in")
		}
	}
	if _, err := b.Lifecycle.Delete(t.Context(), testkit.Serial("1"), testkit.Origin); err != nil {
		t.Fatal(err)
	}
	testkit.Ended(t, testkit.Take(t, b, testkit.OpenExport(t, file)), store.RunCounts{Imported: 1})
	if b.Verify(t, "1", code) || !b.Verify(t, "1", testkit.Code(t, key, 5)) {
		t.Error("a code that was used before the move counts again")
	}
}

// A token on its way keeps its secret and how it makes codes: the other server has it so.
// That holds for a file that was compared with it before it left, too.
func TestMovingTokenIsNotReplaced(t *testing.T) {
	t.Parallel()
	rekeyed, digits := testkit.HOTP("1"), testkit.Digits(testkit.HOTP("1"), 8)
	rekeyed.Secret = testkit.SecretOf("another")
	for name, key := range map[string]*pskc.Key{"another secret": rekeyed, "other digits": digits} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := testkit.New(t), testkit.New(t)
			mine := testkit.HOTP("1")
			a.Import(t, mine)
			leaves := func() []byte {
				file, _, err := testkit.Export(t, a, testkit.Move)
				if err != nil {
					t.Fatal(err)
				}
				return file
			}
			var file []byte
			_, err := testkit.Try(a, testkit.Keys(key), testkit.Replace, func(r *imports.Request) {
				r.Progress = func(store.RunCounts) { file = leaves() }
			})
			testkit.IsFault(t, err, fault.Conflict, "import_overtaken")
			for _, more := range [][]func(*imports.Request){{testkit.DryRun}, {}} {
				rep := testkit.Take(t, a, testkit.Keys(key), append(more, testkit.Replace, testkit.SkipBad)...)
				if rep.Replaced != 0 || !strings.Contains(rep.Rows[0].Reason, "on its way to another server") {
					t.Errorf("%+v", rep.Rows)
				}
			}
			if got := a.Token(t, "1"); got.Condition.State != token.Moving || got.Spec.Digits != 6 {
				t.Errorf("the token is %+v", got)
			}
			rep := testkit.Take(t, b, testkit.OpenExport(t, file))
			if _, err := a.Lifecycle.ConfirmMove(t.Context(), b.Receipt(t, rep.ID), testkit.Origin); err != nil {
				t.Fatal(err)
			}
			if !b.Verify(t, "1", testkit.Code(t, mine, 0)) {
				t.Error("the token is refused where it is")
			}
		})
	}
}

// A token that comes back under another serial, before the receipt of the move that
// took it away was handed in, waits for that: its secret is here once.
func TestMoveBackUnderAnotherSerial(t *testing.T) {
	t.Parallel()
	a, b := testkit.New(t), testkit.New(t)
	software(t, a, "a", 10000001)
	software(t, b, "b", 10000001)
	out, _, err := testkit.Export(t, a, testkit.Move)
	if err != nil {
		t.Fatal(err)
	}
	there := testkit.Take(t, b, testkit.OpenExport(t, out), renumber)
	testkit.Ended(t, there, store.RunCounts{Imported: 1, Renumbered: 1})
	home, _, err := testkit.Export(t, b, testkit.Move,
		func(r *lifecycle.ExportRequest) { r.Serials = []string{"AT10000002"} })
	if err != nil {
		t.Fatal(err)
	}
	for _, more := range [][]func(*imports.Request){{testkit.DryRun, renumber}, {renumber},
		{testkit.SkipBad, renumber}} {
		rep := testkit.Take(t, a, testkit.OpenExport(t, home), more...)
		if testkit.Ended(t, rep, store.RunCounts{Twin: 1}); !strings.Contains(rep.Rows[0].Reason,
			"AT10000001 (app-totp), on its way") {
			t.Errorf("in conflict because %q", rep.Rows[0].Reason)
		}
	}
	if _, err := a.Lifecycle.ConfirmMove(t.Context(), b.Receipt(t, there.ID), testkit.Origin); err != nil {
		t.Fatal(err)
	}
	testkit.Ended(t, testkit.Take(t, a, testkit.OpenExport(t, home)), store.RunCounts{Imported: 1})
	if got := a.Serials(t, lifecycle.Filter{}); len(got) != 1 || got[0] != "AT10000002" {
		t.Errorf("tokens: %v", got)
	}
}
