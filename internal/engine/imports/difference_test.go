package imports_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/oath"
	"ostiary/pskc"
)

// only gives the one token that there is.
func only(t *testing.T, k *testkit.Kit) token.Token {
	t.Helper()
	all := k.List(t, lifecycle.Filter{})
	if len(all) != 1 {
		t.Fatalf("%d tokens, want one", len(all))
	}
	return all[0]
}

// A key with the secret of its token that makes other codes is a difference, named
// field by field, and nothing changes; a dry run foresees it.
func TestDifferenceIsNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		here, file *pskc.Key
		want       []string
	}{
		"period": {testkit.TOTP("a"), testkit.Period(testkit.TOTP("a"), 60), []string{"period: 30 here, 60 in the file"}},
		"digits": {testkit.HOTP("a"), testkit.Digits(testkit.HOTP("a"), 8), []string{"digits: 6 here, 8 in the file"}},
		"all": {testkit.TOTP("a"), hashed(testkit.Digits(testkit.Period(testkit.TOTP("a"), 60), 7), "SHA256"),
			[]string{"hash: SHA1 here, SHA256 in the file", "digits: 6 here, 7", "period: 30 here, 60"}},
		"kind": {testkit.HOTP("a"), kind(testkit.HOTP("a"), pskc.TOTP),
			[]string{"kind: HOTP here, TOTP in the file", "delete the token and import again"}},
		"under a poorer name": {testkit.TOTP("a"), poorer(testkit.Period(testkit.TOTP("a"), 60)),
			[]string{"period: 30 here, 60 in the file"}},
	} {
		k := testkit.New(t)
		k.Import(t, c.here)
		was := only(t, k)
		for _, dry := range []bool{true, false} {
			var rep testkit.Report
			k.Unchanged(t, func() {
				rep = testkit.Take(t, k, testkit.Keys(c.file), func(r *imports.Request) { r.DryRun = dry })
			}, marks...)
			testkit.Ended(t, rep, store.RunCounts{Difference: 1})
			for _, part := range c.want {
				if !strings.Contains(rep.Rows[0].Reason, part) || rep.Rows[0].Outcome != imports.Difference {
					t.Errorf("%s, dry %v: %+v, want %q", name, dry, rep.Rows[0], part)
				}
			}
		}
		if e := k.LastEntry(t); !strings.Contains(e.Reason, "of 1 key: 0 refused, 0 in conflict, 1 different") {
			t.Errorf("%s: the log says %s", name, e.Raw)
		}
		if now := only(t, k); now.Spec != was.Spec {
			t.Errorf("%s: %+v, was %+v", name, now.Spec, was.Spec)
		}
	}
}

func hashed(k *pskc.Key, hash string) *pskc.Key { k.Hash = hash; return k }

func kind(k *pskc.Key, kind pskc.Kind) *pskc.Key { k.Kind = kind; return k }

func poorer(k *pskc.Key) *pskc.Key { k.ID, k.Manufacturer = "", ""; return k }

// With --replace the token makes codes as the file says, and goes on where it stands:
// no code that was used counts again, also none that was used while the import ran.
func TestDifferenceReplaced(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	here := testkit.TOTP("a")
	k.Import(t, here)
	used := testkit.Code(t, here, testkit.Step(t, here, k.Clock.Now()))
	file := testkit.Digits(testkit.Period(testkit.TOTP("a"), 60), 8)
	now := func() string {
		code, err := oath.TOTP(file.Secret, k.Clock.Now().Unix(), 60, 0, oath.SHA1, 8)
		if err != nil {
			t.Fatal(err)
		}
		return code
	}
	rep := testkit.Take(t, k, testkit.Keys(file), testkit.DryRun, testkit.Replace)
	testkit.Ended(t, rep, store.RunCounts{Replaced: 1})
	if only(t, k).Spec.Period != 30 {
		t.Error("a dry run replaced")
	}
	file = testkit.Digits(testkit.Period(testkit.TOTP("a"), 60), 8)
	rep = testkit.Take(t, k, testkit.Keys(file), testkit.Replace, func(r *imports.Request) {
		r.Progress = func(store.RunCounts) { // the key is staged, and the run is not published
			if !k.Verify(t, "a", used) {
				t.Error("a code is refused while the import runs")
			}
			r.Progress = nil
		}
	})
	testkit.Ended(t, rep, store.RunCounts{Replaced: 1})
	if !strings.Contains(rep.Rows[0].Reason, "period: 30 here, 60 in the file") {
		t.Errorf("rows %+v", rep.Rows)
	}
	tok := only(t, k)
	if tok.Spec.Period != 60 || tok.Spec.Digits != 8 || tok.Condition.Epoch != 2 {
		t.Errorf("%+v", tok)
	}
	// The step of 60 seconds in which the code was used holds its moment, too.
	if k.Verify(t, "a", now()) {
		t.Error("the time of a code that was used counts again under another period")
	}
	k.Clock.Advance(time.Minute)
	if !k.Verify(t, "a", now()) {
		t.Error("a new code is refused")
	}
	for _, e := range k.Log(t, 0) {
		if e.Action == "token.rekeyed" {
			if e.Before["period"] != "30" || e.After["period"] != "60" || e.Before["digits"] != "6" ||
				e.After["digits"] != "8" || e.Before["hash"] != "SHA1" || e.After["epoch"] != "2" {
				t.Errorf("the log says %s", e.Raw)
			}
			return
		}
	}
	t.Error("the log says nothing")
}

// A counter is never set back, whatever the file says.
func TestDifferenceKeepsTheCounter(t *testing.T) {
	t.Parallel()
	for _, file := range []uint64{0, 9} {
		k := testkit.New(t)
		here := testkit.HOTP("a")
		k.Import(t, here)
		if !k.Verify(t, "a", testkit.Code(t, here, 4)) {
			t.Fatal("refused")
		}
		other := testkit.Counter(testkit.Digits(testkit.HOTP("a"), 8), file)
		testkit.Ended(t, testkit.Take(t, k, testkit.Keys(other), testkit.Replace), store.RunCounts{Replaced: 1})
		if next := only(t, k).Condition.Next; next != max(5, file) {
			t.Errorf("it begins at %d, the file says %d", next, file)
		}
	}
}

// A token that shares its secret keeps its values: apart from the others it would take
// a code that they have taken.
func TestDifferenceOfASharedSecret(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	first, second := testkit.HOTP("a"), testkit.HOTP("b")
	second.Secret = testkit.SecretOf("a")
	k.Import(t, first, second)
	other := testkit.Digits(testkit.HOTP("a"), 8)
	rep := testkit.Take(t, k, testkit.Keys(other), testkit.Replace)
	if testkit.Ended(t, rep, store.RunCounts{Difference: 1}); !strings.Contains(rep.Rows[0].Reason,
		"other tokens have the same secret") {
		t.Errorf("rows %+v", rep.Rows)
	}
}

// One key twice in a file, with other values: nobody knows which are right.
func TestDifferenceInOneFile(t *testing.T) {
	t.Parallel()
	for _, dry := range []bool{true, false} {
		k := testkit.New(t)
		rep := testkit.Take(t, k, testkit.Keys(testkit.HOTP("a"), testkit.Digits(testkit.HOTP("a"), 8)),
			func(r *imports.Request) { r.DryRun = dry })
		if testkit.Ended(t, rep, store.RunCounts{Conflict: 1, HeldBack: 1}); !strings.Contains(rep.Rows[1].Reason,
			"twice, with other code settings") {
			t.Errorf("dry %v: rows %+v", dry, rep.Rows)
		}
	}
}

// The sample code is by the values that will count: those of the file, or of the token
// that stays as it is.
func TestSampleByWhatCounts(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	code := func(period, digits int64) string {
		c, err := oath.TOTP(testkit.SecretOf("a"), k.Clock.Now().Unix(), period, 0, oath.SHA1, int(digits))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	take := func(period uint64, more ...func(*imports.Request)) (s imports.Sample) {
		t.Helper()
		testkit.Take(t, k, testkit.Keys(testkit.Period(testkit.TOTP("a"), period)),
			append(more, func(r *imports.Request) { r.Sampled = func(got imports.Sample) { s = got } })...)
		return s
	}
	for _, c := range []struct {
		what string
		got  imports.Sample
		want string
	}{
		{"imported", take(30), code(30, 6)},
		{"a difference", take(60), code(30, 6)},
		{"replaced", take(60, testkit.Replace), code(60, 6)},
		{"a duplicate", take(60), code(60, 6)},
	} {
		if c.got.Code != c.want || c.got.Serial != "a" {
			t.Errorf("%s: %+v, want %s", c.what, c.got, c.want)
		}
	}
	var s imports.Sample
	other := testkit.TOTP("a")
	other.Secret = testkit.SecretOf("another")
	testkit.Take(t, k, testkit.Keys(other), func(r *imports.Request) { r.Sampled = func(got imports.Sample) { s = got } })
	want, err := oath.TOTP(other.Secret, k.Clock.Now().Unix(), 30, 0, oath.SHA1, 6)
	if err != nil || s.Code != want {
		t.Errorf("a conflict: %+v, want %s, %v", s, want, err)
	}
	h := testkit.HOTP("h")
	k.Import(t, h)
	k.Verify(t, "h", testkit.Code(t, h, 4))
	testkit.Take(t, k, testkit.Keys(testkit.HOTP("h")),
		func(r *imports.Request) { r.Sampled = func(got imports.Sample) { s = got } })
	if s.Counter == nil || fmt.Sprint(*s.Counter) != "5" || s.Code != testkit.Code(t, h, 5) {
		t.Errorf("of a duplicate: %+v", s)
	}
}
