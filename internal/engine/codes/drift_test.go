package codes_test

import (
	"os"
	"testing"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/imports"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// table imports a table and gives its first key.
func table(t *testing.T, k *testkit.Kit, name string) *pskc.Key {
	t.Helper()
	open := func() *imports.File {
		file, err := os.Open("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = file.Close() }()
		f, err := imports.OpenFile(file, imports.FileOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	f := open()
	defer func() { _ = f.Close() }()
	key, err := f.Next()
	if err != nil {
		t.Fatal(err)
	}
	first := *key
	first.Secret = append(pskc.Secret(nil), key.Secret...)
	if first.Hash == "" {
		first.Hash = "SHA1"
	}
	again := open()
	defer func() { _ = again.Close() }()
	if rep := testkit.Take(t, k, again); rep.Imported != 2 {
		t.Fatalf("imported: %+v", rep)
	}
	return &first
}

// Whoever has codes of the future cannot walk a token away with them: what is learned
// of its clock moves with the time that has passed, and the true code goes on working.
func TestDriftDoesNotWalk(t *testing.T) {
	t.Parallel()
	for _, sign := range []int64{1, -1} {
		k := testkit.New(t)
		key := table(t, k, "t04-walk.csv")
		step := now(t, k, key)
		accepted(t, k, key.Serial, testkit.Code(t, key, step), true)
		k.Clock.Advance(time.Hour) // as long as 12 steps may be learned in
		from := int64(now(t, k, key))
		taken := 0
		for n := int64(1); n <= 130; n++ {
			k.Unlock(t, key.Serial)
			if k.Verify(t, key.Serial, testkit.Code(t, key, uint64(from+sign*n))) {
				taken++
			}
			k.Clock.Advance(20 * time.Millisecond)
		}
		if taken > 13 {
			t.Errorf("%d codes of %d steps further each are accepted within seconds", taken, sign)
		}
		if d := k.Token(t, key.Serial).Condition.Drift; d*sign > 12 {
			t.Errorf("a drift of %d is learned within seconds", d)
		}
	}
}

// A token that never was used may stand anywhere in reach; and two codes prove where
// it stands. But further than the bound it never stands, by whatever door.
func TestDriftIsBounded(t *testing.T) {
	t.Parallel()
	key := testkit.TOTP("1")
	k := kit(t, key)
	for n := uint64(1); n < 400; n++ {
		k.Unlock(t, "1")
		k.Clock.Advance(10 * aStep)
		k.Verify(t, "1", testkit.Code(t, key, now(t, k, key)+n))
	}
	if d := k.Token(t, "1").Condition.Drift; d != token.MaxDrift {
		t.Errorf("a token that creeps away stands at %d, want %d", d, token.MaxDrift)
	}
	steps := 120
	for _, far := range []uint64{150, 119} {
		centre := now(t, k, key) + 100
		ok, err := k.Engine.Resync(t.Context(), codes.ResyncRequest{Lookup: lookup("1"), Counter: &centre, Steps: steps,
			OTP1: testkit.Code(t, key, now(t, k, key)+far), OTP2: testkit.Code(t, key, now(t, k, key)+far+1),
			Origin: testkit.Origin})
		if err != nil || ok && far > token.MaxDrift {
			t.Errorf("two codes %d steps away: %v, %v", far, ok, err)
		}
		k.Unlock(t, "1")
	}
	file, _, err := testkit.Export(t, k)
	if err != nil {
		t.Fatal(err)
	}
	other := testkit.New(t)
	if rep := testkit.Take(t, other, testkit.OpenExport(t, file)); rep.Imported != 1 {
		t.Errorf("what is exported is not imported: %+v", rep)
	}
}

// A drift that was learned when there was no bound is taken for the bound, and leaves
// with it.
func TestDriftFromBefore(t *testing.T) {
	t.Parallel()
	key := testkit.TOTP("1")
	k := kit(t)
	k.Stage(t, token.Token{Kind: token.Hardware, Identity: token.Identity{Type: "totp", Serial: "1"},
		Spec:      token.Spec{Algorithm: token.TOTP, Hash: "SHA1", Digits: 6, Period: 30},
		Condition: token.Condition{Drift: 500}}, key.Secret)
	accepted(t, k, "1", testkit.Code(t, key, now(t, k, key)+500), false)
	file, _, err := testkit.Export(t, k)
	if err != nil {
		t.Fatal(err)
	}
	other := testkit.New(t)
	if rep := testkit.Take(t, other, testkit.OpenExport(t, file)); rep.Imported != 1 ||
		other.Token(t, "1").Condition.Drift != token.MaxDrift {
		t.Errorf("after a move: %+v", rep)
	}
	k.Unlock(t, "1")
	accepted(t, k, "1", testkit.Code(t, key, now(t, k, key)+token.MaxDrift), true)
}

// The log is evidence: a code that nobody used is too old, not replayed.
func TestTooOldIsNotReplayed(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	key := table(t, k, "t03-stale.csv")
	step := now(t, k, key)
	accepted(t, k, key.Serial, testkit.Code(t, key, step-4), false)
	recorded(t, k, token.TooOld)
	accepted(t, k, key.Serial, testkit.Code(t, key, step), true)
	accepted(t, k, key.Serial, testkit.Code(t, key, step), false)
	recorded(t, k, token.Replayed)
	accepted(t, k, key.Serial, testkit.Code(t, key, step-4), false)
	recorded(t, k, token.Replayed) // a code behind it was used
}

// A clock that was put forward and back leaves no delay longer than the policy has.
func TestClockForwardAndBack(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := holder(t, key)
	k.Clock.Advance(30 * 24 * time.Hour)
	for _, guess := range testkit.Wrong(t, key, 0, 3) {
		logsIn(t, k, "anna", guess, false)
	}
	if c := k.Token(t, "1").Condition; c.Failures != 3 || !c.RetryAt.After(k.Clock.Now()) {
		t.Fatalf("no delay was caused: %+v", c)
	}
	logsIn(t, k, "anna", testkit.Code(t, key, 0), false) // it holds as long as the clock stands there
	k.Clock.Advance(-30 * 24 * time.Hour)
	issued := issue(t, k, "anna", 1)
	logsIn(t, k, "anna", testkit.Code(t, key, 0), true)
	logsIn(t, k, "anna", issued[0], true)
	// The same for two codes, which say openly what holds.
	k.Clock.Advance(30 * 24 * time.Hour)
	for _, guess := range testkit.Wrong(t, key, 1, 4) {
		accepted(t, k, "1", guess, false)
	}
	k.Clock.Advance(-30 * 24 * time.Hour)
	resynced(t, k, key, 20, true)
}
