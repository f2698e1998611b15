package imports_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// rekeyed is the key of a token with another secret than in stock.
func rekeyed(serial string) *pskc.Key {
	k := testkit.HOTP(serial)
	k.Secret = testkit.SecretOf("the second secret of " + serial)
	return k
}

// owned is a key whose file names a user.
func owned(serial, user string) *pskc.Key {
	k := testkit.HOTP(serial)
	k.KeyUserID = user
	return k
}

// A secret is replaced only on request; then the old one is worth nothing, and
// no code of either works twice.
func TestReplace(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	old := testkit.HOTP("1")
	k.Import(t, old, testkit.HOTP("2"))
	k.User(t, "anna")
	k.Assign(t, "1", "anna")
	if !k.Verify(t, "1", testkit.Code(t, old, 3)) || k.Verify(t, "1", "000000") {
		t.Fatal("the token does not work as it should")
	}
	k.Unchanged(t, func() {
		testkit.Ended(t, testkit.Take(t, k, testkit.Keys(rekeyed("1"), testkit.HOTP("3"))),
			store.RunCounts{Conflict: 1, HeldBack: 1})
	}, marks...)
	testkit.Ended(t, testkit.Take(t, k, testkit.Keys(rekeyed("1"), testkit.HOTP("3")), testkit.SkipBad),
		store.RunCounts{Conflict: 1, Imported: 1})
	if k.Verify(t, "1", testkit.Code(t, rekeyed("1"), 0)) {
		t.Error("a code of a secret in conflict is accepted")
	}

	before := k.Token(t, "1").Condition
	rep := testkit.Take(t, k, testkit.Keys(rekeyed("1"), rekeyed("1"), testkit.HOTP("4")), testkit.Replace,
		testkit.SkipBad)
	testkit.Ended(t, rep, store.RunCounts{Replaced: 1, Conflict: 1, Imported: 1})
	after := k.Token(t, "1")
	if c := after.Condition; c.Epoch != before.Epoch+1 || c.Next != 0 || c.Failures != 0 || !c.RetryAt.IsZero() ||
		after.OwnerName != "anna" || c.LastUsed != before.LastUsed {
		t.Errorf("the token is %+v", after)
	}
	for counter := range uint64(8) {
		if k.Verify(t, "1", testkit.Code(t, old, counter)) {
			t.Errorf("code %d of the replaced secret is accepted", counter)
		}
	}
	k.Unlock(t, "1")
	if code := testkit.Code(t, rekeyed("1"), 1); !k.Verify(t, "1", code) || k.Verify(t, "1", code) {
		t.Error("a code of the new secret is not accepted once")
	}
	found := false
	for _, e := range k.Log(t, 0) {
		if e.Action == "token.rekeyed" {
			found = e.Subject["serial"] == "1" && e.Before["next"] == "4" && e.After["run"] == fmt.Sprint(rep.ID)
		}
	}
	if !found {
		t.Error("the log does not tell of the replacement")
	}
	// Back to the old secret: it goes on where it stood.
	testkit.Ended(t, testkit.Take(t, k, testkit.Keys(testkit.HOTP("1")), testkit.Replace), store.RunCounts{Replaced: 1})
	k.Unlock(t, "1")
	if k.Verify(t, "1", testkit.Code(t, old, 3)) || !k.Verify(t, "1", testkit.Code(t, old, 4)) {
		t.Error("the old secret that came back does not stand where it stood")
	}
}

// What happens to a token between staging and publishing decides.
func TestReplaceOvertaken(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(*testkit.Kit){
		"deleted": func(k *testkit.Kit) {
			if _, err := k.Lifecycle.Delete(context.Background(), testkit.Serial("1"), testkit.Origin); err != nil {
				t.Error(err)
			}
		},
		"used": func(k *testkit.Kit) {
			if !k.Verify(t, "1", testkit.Code(t, testkit.HOTP("1"), 5)) {
				t.Error("the old secret is refused before the run is published")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := testkit.New(t)
			k.Import(t, testkit.HOTP("1"))
			keys := []*pskc.Key{rekeyed("1")}
			for i := range 2300 {
				keys = append(keys, testkit.HOTP(fmt.Sprintf("x%04d", i)))
			}
			src := testkit.Keys(keys...) // so many that the first chunk is staged before the last key
			src.Before = func(n int) {
				if n == 2300 {
					meanwhile(k)
				}
			}
			_, err := testkit.Try(k, src, testkit.Replace)
			if name == "deleted" {
				testkit.IsFault(t, err, fault.Conflict, "import_overtaken")
				if left := k.Serials(t, lifecycle.Filter{}); len(left) != 0 {
					t.Errorf("tokens %v are there", left)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			// The old secret is remembered where it stood at the end.
			testkit.Ended(t, testkit.Take(t, k, testkit.Keys(testkit.HOTP("1")), testkit.Replace),
				store.RunCounts{Replaced: 1})
			if k.Verify(t, "1", testkit.Code(t, testkit.HOTP("1"), 5)) ||
				!k.Verify(t, "1", testkit.Code(t, testkit.HOTP("1"), 6)) {
				t.Error("a code used while the import ran works again")
			}
		})
	}
}

// Tokens come with their owners; what prevents it is said and loses no token.
func TestImportWithUsers(t *testing.T) {
	t.Parallel()
	files := func() *testkit.Source {
		dn := testkit.HOTP("dn")
		dn.DeviceUserID = "CN=Anna Berg,UID=Anna,DC=example,DC=com"
		keys := []*pskc.Key{owned("1", "Anna"), owned("2", "nobody@example.com"), owned("3", "nobody@example.com"),
			owned("4", " blank"), dn, testkit.HOTP("free"), owned("old", "anna")}
		for i := range store.MaxCandidates {
			keys = append(keys, owned(fmt.Sprintf("many%02d", i), "many"))
		}
		return testkit.Keys(append(keys, owned("toomany", "many"))...)
	}
	for _, create := range []bool{false, true} {
		k := testkit.New(t)
		k.Import(t, testkit.HOTP("old"))
		k.User(t, "anna")
		k.User(t, "many")
		choose := func(r *imports.Request) { r.CreateUsers = create }
		dry := testkit.Take(t, k, files(), choose, testkit.DryRun)
		src := files()
		src.Before = func(int) {
			if users, _, err := k.Users.List(context.Background(), store.UserFilter{Limit: 100}); err != nil || len(users) != 2 {
				t.Errorf("users %v, %v during the import", users, err)
			}
		}
		rep := testkit.Take(t, k, src, choose)
		if diff := cmp.Diff([]any{rep.RunCounts, rep.Rows}, []any{dry.RunCounts, dry.Rows}); diff != "" {
			t.Errorf("create %v: the dry run differs (-real +dry):\n%s", create, diff)
		}
		want := store.RunCounts{Imported: 7 + store.MaxCandidates, Duplicate: 1, Assigned: 2 + store.MaxCandidates}
		if create {
			want.Assigned, want.Users = want.Assigned+2, 1
		}
		testkit.Ended(t, rep, want)
		got := map[string]string{}
		for _, tok := range k.List(t, lifecycle.Filter{}) {
			if !strings.HasPrefix(tok.Identity.Serial, "many") {
				got[tok.Identity.Serial] = tok.OwnerName
			}
		}
		owners := map[string]string{"1": "anna", "2": "", "3": "", "4": "", "dn": "anna", "free": "", "old": "",
			"toomany": ""}
		if create {
			owners["2"], owners["3"] = "nobody@example.com", "nobody@example.com"
		}
		if diff := cmp.Diff(owners, got); diff != "" {
			t.Errorf("create %v: owners (-want +got):\n%s", create, diff)
		}
		if !create && !strings.Contains(rep.Rows[1].Reason, "no user nobody@example.com") {
			t.Errorf("row 1 is %+v", rep.Rows[1])
		}
		if last := rep.Rows[len(rep.Rows)-1]; !strings.Contains(last.Reason, "has 32 tokens") {
			t.Errorf("the last row is %+v", last)
		}
		if !k.VerifyUser(t, "anna", testkit.Code(t, testkit.HOTP("1"), 0)) {
			t.Error("the user's code is refused")
		}
	}
}

// Users made by a run that is not published are not there, and their names are
// free again.
func TestUsersOfAnAbandonedRun(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	k.Unchanged(t, func() {
		rep := testkit.Take(t, k,
			testkit.NewSource(owned("1", "new"), &pskc.KeyError{Serial: "x", Line: 2, Reason: "broken"}),
			makeUsers)
		testkit.Ended(t, rep, store.RunCounts{Refused: 1, HeldBack: 1})
	}, marks...)
	k.User(t, "new")
	testkit.Ended(t, testkit.Take(t, k, testkit.Keys(owned("1", "new")), makeUsers),
		store.RunCounts{Imported: 1, Assigned: 1})
}

// A delivery is listed and revoked as a whole, whatever its files.
func TestBatch(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	batch := func(name, supplier, note string) func(*imports.Request) {
		return func(r *imports.Request) { r.Batch, r.Supplier, r.Note = name, supplier, note }
	}
	k.Import(t, testkit.HOTP("before"))
	testkit.Take(t, k, testkit.Keys(testkit.HOTP("1"), testkit.HOTP("2")), batch("order 1", "ACME", "first box"))
	testkit.Take(t, k, testkit.Keys(testkit.HOTP("3")), batch("order 1", "ACME", "second box"))
	testkit.Take(t, k, testkit.Keys(testkit.HOTP("4")), batch("order 2", "", ""))
	testkit.Take(t, k, testkit.Keys(testkit.HOTP("5")), batch("order 3", "", ""), testkit.DryRun)
	if got := k.Serials(t, lifecycle.Filter{Batch: "order 1"}); !slices.Equal(got, []string{"1", "2", "3"}) {
		t.Errorf("the batch holds %v", got)
	}
	batches, err := k.Lifecycle.Batches(t.Context(), "", 10)
	if err != nil || len(batches) != 2 || batches[0].Name != "order 1" || batches[0].Tokens != 3 ||
		batches[0].Runs != 2 ||
		batches[0].Supplier != "ACME" || batches[0].Note != "second box" || batches[1].Tokens != 1 {
		t.Errorf("the batches are %+v, %v", batches, err)
	}
	k.SetState(t, "2", token.RevokedBroken)
	size := len(k.Log(t, 0))
	changed, err := k.Lifecycle.SetBatchState(t.Context(), "order 1", token.RevokedLost, "stolen on the way",
		testkit.Origin)
	if err != nil || changed != 3 || len(k.Log(t, 0)) != size+3 {
		t.Errorf("%d changed, %v, %d entries", changed, err, len(k.Log(t, 0))-size)
	}
	for serial, want := range map[string]token.State{"1": token.RevokedLost, "2": token.RevokedLost,
		"3": token.RevokedLost, "4": token.Valid, "before": token.Valid} {
		if got := k.Token(t, serial); got.Condition.State != want || want == token.RevokedLost &&
			got.StateReason != "stolen on the way" {
			t.Errorf("token %s is %s because %q", serial, got.Condition.State, got.StateReason)
		}
	}
	if changed, err = k.Lifecycle.SetBatchState(t.Context(), "order 1", token.RevokedLost, "",
		testkit.Origin); err != nil || changed != 0 {
		t.Errorf("again: %d changed, %v", changed, err)
	}
	_, err = k.Lifecycle.SetBatchState(t.Context(), "order 3", token.RevokedLost, "", testkit.Origin)
	testkit.IsFault(t, err, fault.NotFound, "batch_not_found")
	_, err = testkit.Try(k, testkit.Keys(testkit.HOTP("6")), batch("", "ACME", ""))
	testkit.IsFault(t, err, fault.Invalid, "import_batch")
}

// A large delivery is revoked chunk by chunk, and no token is left out.
func TestLargeBatch(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	var keys []*pskc.Key
	for i := range 700 {
		keys = append(keys, testkit.HOTP(fmt.Sprintf("%04d", i)))
	}
	testkit.Take(t, k, testkit.Keys(keys...), func(r *imports.Request) { r.Batch = "large" })
	if changed, err := k.Lifecycle.SetBatchState(t.Context(), "large", token.RevokedOther, "",
		testkit.Origin); err != nil || changed != 700 {
		t.Errorf("%d changed, %v", changed, err)
	}
	state := token.RevokedOther
	if n := len(k.Serials(t, lifecycle.Filter{Batch: "large", State: &state})); n != 700 {
		t.Errorf("%d are revoked", n)
	}
}

// An import can be looked at by its number, while it runs and for ever after.
func TestImportRuns(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	var keys []any
	for i := range 600 {
		keys = append(keys, testkit.HOTP(fmt.Sprintf("%04d", i)),
			&pskc.KeyError{Serial: fmt.Sprintf("bad%04d", i), Line: i, Reason: "broken"})
	}
	src := testkit.NewSource(keys...)
	var id int64
	var told []int
	looked := false
	src.Before = func(n int) {
		if n != 1199 {
			return
		}
		run, err := k.Imports.Run(t.Context(), id)
		if looked = true; err != nil || !run.Published.IsZero() || !run.Closed.IsZero() || run.Label != "seeds.pskc" ||
			run.Counts.Keys() > 1000 {
			t.Errorf("under way: %+v, %v", run, err)
		}
	}
	rep := testkit.Take(t, k, src, testkit.SkipBad, func(r *imports.Request) {
		r.Begun = func(run int64) { id = run }
		r.Progress = func(c store.RunCounts) { told = append(told, c.Keys()) }
	})
	testkit.Ended(t, rep, store.RunCounts{Imported: 600, Refused: 600})
	if !looked || id != rep.ID || !slices.Equal(told, []int{1000, 1200}) {
		t.Errorf("run %d, told %v", id, told)
	}
	page, err := k.Imports.Rows(t.Context(), id, 500, 10)
	if err != nil || len(page) != 10 || page[0].N != 502 || page[0].Serial != "bad0250" || page[9].N != 520 {
		t.Errorf("rows %+v, %v", page, err)
	}
	runs, err := k.Imports.Runs(t.Context(), 0, 10)
	if err != nil || len(runs) != 1 || runs[0].ID != id {
		t.Errorf("runs %+v, %v", runs, err)
	}
	_, err = k.Imports.Run(t.Context(), 4711)
	testkit.IsFault(t, err, fault.NotFound, "import_not_found")
}
