package codes_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"ostiary/internal/core/token"
	"ostiary/internal/engine/codes"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
)

// renaming is a store on which something happens between the judgement on the first code
// and its write.
type renaming struct {
	store.DB
	once sync.Once
	do   func()
}

func (r *renaming) Attempt(ctx context.Context, a store.Attempt) (store.Outcome, error) {
	r.once.Do(r.do)
	return r.DB.Attempt(ctx, a)
}

func rename(t *testing.T, k *testkit.Kit, from, to string) {
	t.Helper()
	if _, err := k.Users.Rename(t.Context(), from, to, testkit.Origin); err != nil {
		t.Error(err)
	}
}

// Codes under a former name are those of an unknown user, also one that was under way
// while the user was renamed: it is not used up, not for whoever has the name now, and
// right once under the new one.
func TestCodeUnderWayWhileItsUserIsRenamed(t *testing.T) {
	t.Parallel()
	for _, further := range []bool{false, true} {
		key := testkit.HOTP("A1")
		k := kit(t, key, testkit.HOTP("B1"))
		k.User(t, "anna")
		k.User(t, "bob")
		k.Assign(t, "A1", "anna")
		k.Assign(t, "B1", "bob")
		code := testkit.Code(t, key, 0)
		db := &renaming{DB: k.DB, do: func() {
			rename(t, k, "anna", "berta")
			if further { // the name is bob's now
				rename(t, k, "bob", "anna")
			}
		}}
		e := k.NewEngine(t, db, codes.Policy{})
		valid, err := e.Verify(t.Context(), codes.Request{Lookup: store.Lookup{User: "anna"}, OTP: code,
			Authentication: true, Origin: testkit.Origin})
		if err != nil || valid {
			t.Errorf("under the former name: %t, %v", valid, err)
		}
		want, failures := string(token.Unknown), 0
		if further {
			want, failures = string(token.Wrong), 1
		}
		if entry := k.LastEntry(t); entry.Reason != want || entry.Subject["user"] != "anna" {
			t.Errorf("the log says %s", entry.Raw)
		}
		if got := k.Token(t, "B1").Condition.Failures; got != failures {
			t.Errorf("bob's token has %d failures, want %d", got, failures)
		}
		if c := k.Token(t, "A1").Condition; c.Next != 0 || c.Failures != 0 {
			t.Errorf("the token stands at %+v", c)
		}
		if !k.VerifyUser(t, "berta", code) || k.VerifyUser(t, "berta", code) {
			t.Error("under the new name the code is not right once")
		}
	}
}

// However many send one code under both names while the user is renamed to and fro, one
// is accepted.
func TestOneCodeUnderTwoNamesIsAcceptedOnce(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("A1")
	k := kit(t, key)
	k.User(t, "anna")
	k.Assign(t, "A1", "anna")
	names := []string{"anna", "berta"}
	for counter := range uint64(20) {
		code := testkit.Code(t, key, counter)
		var accepted atomic.Int64
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				valid, err := k.Engine.Verify(context.Background(), codes.Request{Lookup: store.Lookup{User: names[i%2]},
					OTP: code, Authentication: true, Origin: testkit.Origin})
				if err != nil {
					t.Error(err)
				}
				if valid {
					accepted.Add(1)
				}
			})
		}
		wg.Go(func() { rename(t, k, names[counter%2], names[(counter+1)%2]) })
		wg.Wait()
		if n := accepted.Load(); n > 1 || n != int64(k.Token(t, "A1").Condition.Next-counter) {
			t.Fatalf("code %d: %d accepted", counter, n)
		}
		k.Unlock(t, "A1")
		name := names[(counter+1)%2]
		if _, err := k.Users.Unlock(t.Context(), name, testkit.Origin); err != nil {
			t.Fatal(err)
		}
		if accepted.Load() == 0 && !k.VerifyUser(t, name, code) {
			t.Fatalf("code %d is not right under the name of now", counter)
		}
	}
}

// What a user has goes along: temporary codes, too, and the log follows.
func TestRenamedUserKeepsTemporaryCodes(t *testing.T) {
	t.Parallel()
	k := kit(t, testkit.HOTP("A1"))
	k.User(t, "anna")
	k.Assign(t, "A1", "anna")
	issued := issue(t, k, "anna", 2)
	if !k.VerifyUser(t, "anna", issued[0]) {
		t.Fatal("the first one is refused")
	}
	rename(t, k, "anna", "berta")
	k.User(t, "anna")
	if k.VerifyUser(t, "anna", issued[1]) {
		t.Error("whoever has the name now has the codes of who had it")
	}
	if k.VerifyUser(t, "berta", issued[0]) || !k.VerifyUser(t, "berta", issued[1]) {
		t.Error("the code that was left is not right, or the used one is")
	}
}
