package imports_test

import (
	"errors"
	"testing"

	"ostiary/internal/core/audit"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
)

// fence does what "database accept --fence" does, and tells the log.
func fence(t *testing.T, k *testkit.Kit) {
	t.Helper()
	err := k.DB.Update(t.Context(), func(tx store.Tx) error {
		_, err := tx.Fence(k.Clock.Now())
		return errors.Join(err, tx.AppendAudit(audit.Entry{Time: k.Clock.Now(), Action: audit.DatabaseRestored,
			Outcome: audit.Done, Origin: testkit.Origin,
			After: []audit.Field{{Name: "fenced", Value: true}}}.Canonical()))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A fenced token takes no code before two in a row, also when it was deleted and comes
// again, when it got another secret and its own back, and on another server.
func TestFenceStaysWithTheSecret(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	for name, again := range map[string]func(*testing.T, *testkit.Kit) *testkit.Kit{
		"deleted": func(t *testing.T, k *testkit.Kit) *testkit.Kit {
			if _, err := k.Lifecycle.Delete(t.Context(), testkit.Serial("1"), testkit.Origin); err != nil {
				t.Fatal(err)
			}
			testkit.Ended(t, testkit.Take(t, k, testkit.Keys(key)), store.RunCounts{Imported: 1})
			return k
		},
		"replaced and back": func(t *testing.T, k *testkit.Kit) *testkit.Kit {
			other := testkit.HOTP("1")
			other.Secret = testkit.SecretOf("another")
			testkit.Ended(t, testkit.Take(t, k, testkit.Keys(other), testkit.Replace), store.RunCounts{Replaced: 1})
			testkit.Ended(t, testkit.Take(t, k, testkit.Keys(key), testkit.Replace), store.RunCounts{Replaced: 1})
			return k
		},
		"on another server": func(t *testing.T, k *testkit.Kit) *testkit.Kit {
			file, _, err := testkit.Export(t, k)
			if err != nil {
				t.Fatal(err)
			}
			there := testkit.New(t)
			testkit.Ended(t, testkit.Take(t, there, testkit.OpenExport(t, file)), store.RunCounts{Imported: 1})
			return there
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := testkit.New(t)
			k.Import(t, key)
			fence(t, k)
			k = again(t, k)
			if c := k.Token(t, "1").Condition; !c.Fenced() {
				t.Errorf("the token stands at %+v, without its fence", c)
			}
			if k.Verify(t, "1", testkit.Code(t, key, 0)) {
				t.Error("a code that may have been used is accepted")
			}
		})
	}
}

// What was deleted before a fence is fenced as well: it may have come again and been
// used in the time that was lost.
func TestFenceHoldsForWhatIsGone(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := testkit.New(t)
	k.Import(t, key)
	if _, err := k.Lifecycle.Delete(t.Context(), testkit.Serial("1"), testkit.Origin); err != nil {
		t.Fatal(err)
	}
	fence(t, k)
	k.Import(t, key)
	if k.Verify(t, "1", testkit.Code(t, key, 0)) {
		t.Error("a code that may have been used is accepted")
	}
}
