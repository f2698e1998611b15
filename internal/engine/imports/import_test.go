package imports_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ostiary/internal/core/fault"
	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

func TestImportAccountsForEveryKey(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	old, changed := testkit.HOTP("old"), testkit.HOTP("changed")
	k.Import(t, old, changed)
	changed.Secret = testkit.SecretOf("something else")
	twice, otherSecret := testkit.HOTP("twice"), testkit.HOTP("twice")
	otherSecret.Secret = testkit.SecretOf("something else")
	src := testkit.NewSource(testkit.HOTP("1"), testkit.TOTP("2"), testkit.OCRA("3"), old, changed, twice, twice,
		otherSecret,
		&pskc.KeyError{Serial: "broken", ID: "b", Line: 9, Reason: "its secret has 4 bytes"})
	rep := testkit.Take(t, k, src, testkit.SkipBad)
	testkit.Ended(t, rep, store.RunCounts{Imported: 4, Duplicate: 2, Conflict: 2, Refused: 1})
	want := []struct{ serial, outcome, reason string }{
		{"", "imported", ""}, {"", "imported", ""}, {"", "imported", ""},
		{"old", "duplicate", "already here"}, {"changed", "conflict", "another secret"},
		{"", "imported", ""}, {"twice", "duplicate", "in the file twice"}, {"twice", "conflict", "in this file"},
		{"broken", "refused", "4 bytes"},
	}
	for i, w := range want {
		row := rep.Rows[i]
		if row.Serial != w.serial || string(row.Outcome) != w.outcome || !strings.Contains(row.Reason, w.reason) ||
			(w.reason == "" && row.Reason != "") {
			t.Errorf("row %d is %+v, want %+v", i, row, w)
		}
	}
	if row := rep.Rows[4]; row.Type != "hotp" || row.Manufacturer != testkit.Manufacturer || row.KeyID != "changed" ||
		row.Line != 5 {
		t.Errorf("row 4 is %+v", row)
	}
	if got := k.Serials(t, lifecycle.Filter{}); !slices.Equal(got, []string{"old", "changed", "1", "2", "3", "twice"}) {
		t.Errorf("the tokens are %v", got)
	}
	e := k.LastEntry(t)
	if e.Action != "import.published" || e.After["imported"] != "4" || e.After["duplicate"] != "2" ||
		e.After["conflict"] != "2" || e.After["refused"] != "1" ||
		e.Subject["other"] != "seeds.pskc" {
		t.Errorf("the log says %s", e.Raw)
	}
	staged := 0
	for _, e := range k.Log(t, 0) {
		if e.Action == "token.staged" && e.After["run"] == fmt.Sprint(rep.ID) {
			staged++
		}
	}
	if staged != 4 {
		t.Errorf("%d tokens are in the log, want 4", staged)
	}
}

// Without skip-bad a file is imported whole or not at all, and says why.
func TestImportAllOrNothing(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	bad := testkit.HOTP("bad")
	bad.Policy.HasTransactions = true
	k.Unchanged(t, func() {
		rep := testkit.Take(t, k, testkit.Keys(testkit.HOTP("1"), bad, testkit.HOTP("2")))
		testkit.Ended(t, rep, store.RunCounts{Refused: 1, HeldBack: 2})
		if !rep.Published.IsZero() || rep.Closed.IsZero() || rep.Failure != "" {
			t.Errorf("the run is %+v", rep.Run)
		}
		if rep.Rows[1].Outcome != "refused" || rep.Rows[1].Line != 2 {
			t.Errorf("row 1 is %+v", rep.Rows[1])
		}
	}, marks...)
	if e := k.LastEntry(t); e.Action != "import.abandoned" || !strings.Contains(e.Reason, ": 1 refused") ||
		!strings.Contains(e.Reason, "2 held back") {
		t.Errorf("the log says %s", e.Raw)
	}
	counts(t, testkit.Take(t, k, testkit.Keys(testkit.HOTP("1"), bad, testkit.HOTP("2")), testkit.SkipBad), 2, 0, 1)
	// The same again brings nothing, and that is no success in disguise.
	counts(t, testkit.Take(t, k, testkit.Keys(testkit.HOTP("1"), testkit.HOTP("2"))), 0, 2, 0)
}

// A dry run foresees the same rows and changes nothing.
func TestDryRun(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	old, changed := testkit.HOTP("old"), testkit.HOTP("changed")
	k.Import(t, old, changed)
	changed.Secret = testkit.SecretOf("something else")
	again := testkit.HOTP("again")
	other := testkit.HOTP("again")
	other.Secret = testkit.SecretOf("something else")
	badText := testkit.HOTP("bad\u0007")
	for name, items := range map[string][]any{
		"good":           {testkit.HOTP("1"), testkit.TOTP("2")},
		"duplicates":     {old, testkit.HOTP("1"), testkit.HOTP("1")},
		"conflicts":      {changed, again, other, again, testkit.TOTP("again")},
		"refused":        {testkit.HOTP("1"), badText, &pskc.KeyError{Serial: "x", Line: 3, Reason: "broken"}},
		"only duplicate": {old},
	} {
		for _, skip := range []bool{false, true} {
			choose := func(r *imports.Request) { r.SkipBad = skip }
			var dry testkit.Report
			k.Unchanged(t, func() { dry = testkit.Take(t, k, testkit.NewSource(items...), choose, testkit.DryRun) },
				"import_run",
				"import_row", "sqlite_sequence")
			if !dry.DryRun || !dry.Published.IsZero() {
				t.Errorf("%s: the report does not say that it was a dry run: %+v", name, dry)
			}
			real := testkit.New(t)
			real.Import(t, old, testkit.HOTP("changed"))
			rep := testkit.Take(t, real, testkit.NewSource(items...), choose)
			if diff := cmp.Diff([]any{rep.RunCounts, rep.Rows}, []any{dry.RunCounts, dry.Rows}); diff != "" {
				t.Errorf("%s, skip-bad %v: the dry run differs from the real one (-real +dry):\n%s", name, skip, diff)
			}
		}
	}
}

// A file that turns out broken leaves nothing visible, at any time.
func TestBrokenFile(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	var items []any
	for i := range 1200 {
		items = append(items, testkit.HOTP(fmt.Sprintf("%04d", i)))
	}
	items = append(items, fmt.Errorf("line 4711: %w", pskc.ErrMalformed))
	src := testkit.NewSource(items...)
	seen := 0
	src.Before = func(int) {
		if len(k.Serials(t, lifecycle.Filter{Limit: 1})) != 0 || k.Verify(t, "0000", "123456") {
			t.Error("a token of an import under way is visible")
		}
		seen++
	}
	k.Unchanged(t, func() {
		_, err := testkit.Try(k, src)
		testkit.IsFault(t, err, fault.Invalid, "malformed_file")
	}, append(marks, "quiet_refusal", "decoy_condition", "decoy_user")...)
	if seen != 1201 {
		t.Errorf("%d keys asked for, want 1201", seen)
	}
	e := k.LastEntry(t)
	if e.Action != "import.abandoned" || !strings.Contains(e.Reason, "4711") {
		t.Errorf("the log says %s", e.Raw)
	}
	k.Unchanged(t, func() {
		_, err := testkit.Try(k, testkit.NewSource(items...), testkit.DryRun)
		testkit.IsFault(t, err, fault.Invalid, "malformed_file")
	}, "import_run", "import_row", "sqlite_sequence")
	if _, err := testkit.Try(k, testkit.NewSource()); err == nil {
		t.Error("an empty file is imported")
	} else {
		testkit.IsFault(t, err, fault.Invalid, "no_keys")
	}
}

// Each kind of fault of a file has its own code and says what to do.
func TestFileFaults(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	for cause, code := range map[error]string{
		pskc.ErrKeyNeeded: "key_needed", pskc.ErrWrongKey: "wrong_key", pskc.ErrKeyLength: "key_length",
		pskc.ErrNoMAC:   "no_mac",
		pskc.ErrNotPSKC: "not_pskc", pskc.ErrMalformed: "malformed_file", pskc.ErrLimit: "file_limit",
		pskc.ErrUnsupported: "unsupported_file",
	} {
		_, err := testkit.Try(k, testkit.NewSource(fmt.Errorf("line 1: %w", cause)))
		testkit.IsFault(t, err, fault.Invalid, code)
		if !errors.Is(err, cause) {
			t.Errorf("%s lost its cause", code)
		}
	}
	if _, err := testkit.Try(k,
		testkit.NewSource(errors.New("the network broke"))); fault.Of(err).Kind != fault.Internal {
		t.Errorf("an unknown error is %v", err)
	}
	counts(t, testkit.Take(t, k, testkit.Keys(testkit.HOTP("1"))), 1, 0, 0)
}

func TestOneImportAtATime(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	src := testkit.Keys(testkit.HOTP("1"))
	src.Before = func(n int) {
		if n == 0 {
			_, err := testkit.Try(k, testkit.Keys(testkit.HOTP("2")))
			testkit.IsFault(t, err, fault.Conflict, "import_running")
			// A dry run writes nothing, so it needs not wait.
			counts(t, testkit.Take(t, k, testkit.Keys(testkit.HOTP("2")), testkit.DryRun), 1, 0, 0)
		}
	}
	counts(t, testkit.Take(t, k, src), 1, 0, 0)
	counts(t, testkit.Take(t, k, testkit.Keys(testkit.HOTP("2"))), 1, 0, 0)
}

// A caller who goes away at the very end, or a database that fails at the
// publishing, leaves no run behind that would keep the next import out.
func TestPublishingFails(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	src := testkit.Keys(testkit.HOTP("1"))
	src.Before = func(n int) {
		if n == 1 {
			cancel()
		}
	}
	if _, err := k.Imports.Import(ctx, imports.Request{Keys: src, Origin: testkit.Origin}); !errors.Is(
		err, context.Canceled) {
		t.Errorf("the error is %v, want canceled", err)
	}
	counts(t, testkit.Take(t, k, testkit.Keys(testkit.HOTP("1"))), 1, 0, 0)

	writes := 0
	fails := func() error {
		if writes++; writes == 3 { // begin, stage, publish
			return store.ErrUnavailable
		}
		return nil
	}
	flaky, err := imports.New(imports.Config{Keys: k.Keys, Marks: k.Marks, Now: k.Clock.Now,
		DB: testkit.Failing{DB: k.DB, Fail: fails}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := flaky.Import(t.Context(), imports.Request{Keys: testkit.Keys(testkit.HOTP("2")),
		Origin: testkit.Origin}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("the error is %v, want unavailable", err)
	}
	if got := k.Serials(t, lifecycle.Filter{}); !slices.Equal(got, []string{"1"}) {
		t.Errorf("the tokens are %v", got)
	}
	counts(t, testkit.Take(t, k, testkit.Keys(testkit.HOTP("2"))), 1, 0, 0)
}

// What a crash leaves staged is invisible, and the next start removes it and
// says so.
func TestCrashInTheMiddle(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	k.Import(t, testkit.HOTP("before"))
	type stop struct{}
	func() {
		defer func() {
			if _, ok := recover().(stop); !ok {
				t.Fatal("the source was not asked far enough")
			}
		}()
		var keys []*pskc.Key
		for i := range 1200 {
			keys = append(keys, testkit.HOTP(fmt.Sprintf("%04d", i)))
		}
		src := testkit.Keys(keys...)
		src.Before = func(n int) {
			if n == 1150 {
				panic(stop{}) // as a crash does, it runs nothing that would tidy up
			}
		}
		_, _ = testkit.Try(k, src)
	}()
	k.Reopen(t)
	if got := k.Serials(t, lifecycle.Filter{}); !slices.Equal(got, []string{"before"}) {
		t.Errorf("the tokens are %v", got)
	}
	if rows := k.Dump(t); !strings.Contains(rows, "| 0999 |") {
		t.Error("nothing was staged, so that this test shows nothing")
	}
	if err := k.Imports.SweepAbandoned(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rows := k.Dump(t, "audit_entry", "import_row"); strings.Contains(rows, "| 0000 |") ||
		strings.Contains(rows, "| 0999 |") {
		t.Error("staged tokens are still there")
	}
	e := k.LastEntry(t)
	if e.Action != "import.abandoned" || e.Actor != "system" || !strings.Contains(e.Reason, "server stopped") {
		t.Errorf("the log says %s", e.Raw)
	}
	k.Unchanged(t, func() {
		if err := k.Imports.SweepAbandoned(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	counts(t, testkit.Take(t, k, testkit.Keys(testkit.HOTP("0001"))), 1, 0, 0)
}

// Codes are decided while an import of some thousand keys runs.
func TestVerifyDuringImport(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	user := testkit.HOTP("user")
	k.Import(t, user)
	var keys []*pskc.Key
	for i := range 2000 {
		keys = append(keys, testkit.HOTP(fmt.Sprintf("%05d", i)))
	}
	src := testkit.Keys(keys...)
	step := make(chan struct{})
	src.Before = func(n int) {
		if n%100 == 50 {
			step <- struct{}{}
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(step)
		counts(t, testkit.Take(t, k, src), 2000, 0, 0)
	})
	counter := uint64(0)
	for range step {
		if !k.Verify(t, "user", testkit.Code(t, user, counter)) {
			t.Errorf("code %d is refused during the import", counter)
		}
		counter++
	}
	wg.Wait()
	if counter != 20 {
		t.Errorf("%d codes were tried during the import, want 20", counter)
	}
	if !k.Verify(t, "01999", testkit.Code(t, keys[1999], 0)) {
		t.Error("an imported token does not work")
	}
}

// awaitedDB is a database whose transactions others wait for, or nobody does.
type awaitedDB struct {
	store.DB
	awaited bool
	updates *int
}

type awaitedTx struct {
	store.Tx
	awaited bool
}

func (tx awaitedTx) Awaited() bool { return tx.awaited }

func (db awaitedDB) Update(ctx context.Context, fn func(store.Tx) error) error {
	*db.updates++
	return db.DB.Update(ctx, func(tx store.Tx) error { return fn(awaitedTx{tx, db.awaited}) })
}

// An import lets others in between, and no key is lost or taken twice by that.
func TestImportLetsOthersIn(t *testing.T) {
	t.Parallel()
	const keys = 1400
	updates := map[bool]int{}
	for _, awaited := range []bool{false, true} {
		k := testkit.New(t)
		n := 0
		svc, err := imports.New(imports.Config{DB: awaitedDB{k.DB, awaited, &n}, Keys: k.Keys, Marks: k.Marks,
			Now: k.Clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		n, k.Imports = 0, svc
		var file []*pskc.Key
		for i := range keys {
			file = append(file, testkit.HOTP(fmt.Sprintf("s%04d", i)))
		}
		file = append(file, file[0], file[keys-1])
		counts(t, testkit.Take(t, k, testkit.Keys(file...)), keys, 2, 0)
		updates[awaited] = n
		if got := k.Serials(t, lifecycle.Filter{}); len(got) != keys || got[0] != "s0000" || got[keys-1] != "s1399" {
			t.Errorf("awaited %v: %d tokens", awaited, len(got))
		}
	}
	if updates[true] < updates[false]+4 {
		t.Errorf("%d transactions when others wait, %d when nobody does", updates[true], updates[false])
	}
}
