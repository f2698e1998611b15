package imports_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ostiary/internal/core/fault"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// A part of the holders of a secret is not moved: it would live on two servers.
func TestMoveTakesAllHolders(t *testing.T) {
	t.Parallel()
	k, other := testkit.New(t), testkit.New(t)
	a := testkit.HOTP("A")
	k.Import(t, a, with(testkit.HOTP("B"), a.Secret))
	if !k.Verify(t, "A", testkit.Code(t, a, 6)) {
		t.Fatal("refused")
	}
	k.Unchanged(t, func() {
		_, _, err := testkit.Export(t, k, testkit.Move, func(r *lifecycle.ExportRequest) { r.Serials = []string{"A"} })
		testkit.IsFault(t, err, fault.Conflict, "shares_secret")
		if f := fault.Of(err); !strings.Contains(f.Text, ": B.") {
			t.Errorf("it says %q", f.Text)
		}
	})
	file, _, err := testkit.Export(t, k, testkit.Move)
	if err != nil {
		t.Fatal(err)
	}
	testkit.Ended(t, testkit.Take(t, other, testkit.OpenExport(t, file)), store.RunCounts{Imported: 2})
	// Both stand where their secret stood.
	if other.Verify(t, "B", testkit.Code(t, a, 6)) || !other.Verify(t, "B", testkit.Code(t, a, 7)) ||
		other.Verify(t, "A", testkit.Code(t, a, 7)) {
		t.Error("the secret moved without where it stood")
	}
}

// One export that was imported on two servers is told of once: the second receipt
// names the first.
func TestSecondReceipt(t *testing.T) {
	t.Parallel()
	for _, alike := range []bool{false, true} { // also of one import number, in one second
		secondReceipt(t, alike)
	}
}

func secondReceipt(t *testing.T, alike bool) {
	t.Helper()
	k, one, two := testkit.New(t), testkit.New(t), testkit.New(t)
	k.Import(t, testkit.HOTP("A"), testkit.HOTP("B"))
	file, _, err := testkit.Export(t, k, testkit.Move)
	if err != nil {
		t.Fatal(err)
	}
	if !alike {
		two.Import(t, testkit.HOTP("before"))
	}
	first := testkit.Take(t, one, testkit.OpenExport(t, file))
	second := testkit.Take(t, two, testkit.OpenExport(t, file))
	for range 2 { // the same once more changes nothing
		m, err := k.Lifecycle.ConfirmMove(t.Context(), one.Receipt(t, first.ID), testkit.Origin)
		if err != nil || m.Moved != 2 {
			t.Fatalf("the first receipt: %+v, %v", m, err)
		}
	}
	k.Unchanged(t, func() {
		_, err := k.Lifecycle.ConfirmMove(t.Context(), two.Receipt(t, second.ID), testkit.Origin)
		testkit.IsFault(t, err, fault.Conflict, "receipt_second")
		f := fault.Of(err)
		if !strings.Contains(f.Text, fmt.Sprintf("another receipt, of import %d", first.ID)) ||
			!strings.Contains(f.Hint, fmt.Sprintf("delete those that import %d brought there", second.ID)) {
			t.Errorf("it says %q, %q", f.Text, f.Hint)
		}
	})
}

// An older database is marked when it is opened, and what has one secret in it shares
// that from then on; marking may be cut off, and marks once.
func TestUpgradeMarksTokens(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	a := testkit.HOTP("A")
	b := with(testkit.HOTP("B"), a.Secret)
	k.Import(t, a, b, testkit.HOTP("C"))
	if !k.Verify(t, "A", testkit.Code(t, a, 3)) || !k.Verify(t, "B", testkit.Code(t, a, 8)) {
		t.Fatal("refused")
	}
	before := k.List(t, lifecycle.Filter{})
	if err := k.DB.Close(); err != nil {
		t.Fatal(err)
	}
	k.Exec(t, "DELETE FROM secret; UPDATE token SET mark = NULL; UPDATE condition SET twin = NULL")
	k.Former(t)
	k.Open(t)
	for _, want := range [][2]int{{3, 1}, {0, 0}} {
		marked, shared, err := k.Marks.Upgrade(t.Context(), k.DB, k.Keys, k.Clock.Now(), testkit.Origin)
		if err != nil || marked != want[0] || shared != want[1] {
			t.Errorf("%d marked, %d shared, %v, want %v", marked, shared, err, want)
		}
	}
	if e := k.LastEntry(t); e.Action != "secret.shared" || e.After["serials"] != "A B" ||
		e.After["secret"] != k.List(t, lifecycle.Filter{})[0].Mark.String() {
		t.Errorf("the log says %s", e.Raw)
	}
	for i, tok := range k.List(t, lifecycle.Filter{}) {
		if tok.Mark == 0 || (tok.Condition.Shared.Mark != 0) != (before[i].Condition.Shared.Mark != 0) {
			t.Errorf("the marks of %+v", tok)
		}
		// The marks are other ones, under another key.
		tok.Mark, tok.Condition.Shared.Mark = before[i].Mark, before[i].Condition.Shared.Mark
		if tok != before[i] {
			t.Errorf("%+v, want %+v", tok, before[i])
		}
	}
	if k.Verify(t, "A", testkit.Code(t, a, 8)) || !k.Verify(t, "A", testkit.Code(t, a, 9)) ||
		k.Verify(t, "B", testkit.Code(t, a, 9)) {
		t.Error("the secret is not shared")
	}
}

// Whatever records there are of a few secrets, each code of each is accepted once, and
// none below one that was.
func TestSecretsModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		k := testkit.New(t)
		var file []*pskc.Key
		for i := range rapid.IntRange(2, 7).Draw(rt, "keys") {
			serial, secret := fmt.Sprint("S", i), testkit.SecretOf(fmt.Sprint(rapid.IntRange(0, 2).Draw(rt, "secret")))
			key := with(testkit.HOTP(serial), secret)
			if rapid.Bool().Draw(rt, "timed") {
				key = testkit.Period(with(testkit.TOTP(serial), secret),
					rapid.SampledFrom([]uint64{30, 60}).Draw(rt, "period"))
			}
			file = append(file, testkit.Digits(key, rapid.IntRange(6, 8).Draw(rt, "digits")))
		}
		testkit.Ended(t, testkit.Take(t, k, testkit.Keys(file...)), store.RunCounts{Imported: len(file)})
		floors := map[string]int64{} // of secret and kind: a counter, or a second
		for range rapid.IntRange(1, 25).Draw(rt, "codes") {
			key := rapid.SampledFrom(file).Draw(rt, "key")
			k.Clock.Advance(time.Duration(rapid.IntRange(0, 90).Draw(rt, "seconds")) * time.Second)
			name := string(key.Kind) + string(key.Secret)
			var counter uint64
			var begins, ends int64
			if key.Kind == pskc.HOTP {
				counter = uint64(max(floors[name]+int64(rapid.IntRange(-3, 3).Draw(rt, "ahead")), 0))
				begins, ends = int64(counter), int64(counter)+1
			} else {
				counter = testkit.Step(t, key, k.Clock.Now()) + uint64(rapid.IntRange(0, 1).Draw(rt, "ahead"))
				begins = int64(counter) * int64(key.Interval)
				ends = begins + int64(key.Interval)
			}
			valid := k.Verify(t, key.Serial, testkit.Code(t, key, counter))
			if valid && begins < floors[name] {
				rt.Fatalf("%s %d is accepted below %d", key.Kind, counter, floors[name])
			}
			if !valid && key.Kind == pskc.HOTP && begins >= floors[name] {
				rt.Fatalf("%s %d is refused above %d: %s", key.Kind, counter, floors[name], k.LastEntry(t).Raw)
			}
			if valid {
				floors[name] = ends
			}
			k.Unlock(t, key.Serial)
		}
	})
}
