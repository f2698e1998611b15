package codes_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/tempcodes"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
)

// issue gives a user temporary codes for a day.
func issue(t *testing.T, k *testkit.Kit, user string, n int) (typed []string) {
	t.Helper()
	issued, err := k.Temporary.Issue(
		t.Context(), tempcodes.Request{User: user, Count: n, Hours: 24, Origin: testkit.Origin})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range issued.Codes {
		typed = append(typed, string(c.Bytes()))
	}
	return typed
}

// logsIn checks the verdict on a code under a user's name.
func logsIn(t *testing.T, k *testkit.Kit, user, otp string, want bool) {
	t.Helper()
	if got := k.VerifyUser(t, user, otp); got != want {
		t.Errorf("verify of %s: %v, want %v (log: %s)", user, got, want, k.LastEntry(t).Raw)
	}
}

// otherCode is a code of the same form that none of these is.
func otherCode(typed ...string) string {
	for n := 0; ; n++ {
		code, free := fmt.Sprintf("%08d", n), true
		for _, c := range typed {
			free = free && c != code
		}
		if free {
			return code
		}
	}
}

// A user without any token logs in, once with each code, and by name only.
func TestTemporaryCode(t *testing.T) {
	t.Parallel()
	k := kit(t, testkit.HOTP("1"))
	k.User(t, "anna")
	typed := issue(t, k, "anna", 3)
	logsIn(t, k, "anna", typed[0], true)
	e := k.LastEntry(t)
	if e.Action != "code.verified" || e.Outcome != "accepted" || fmt.Sprint(e.Subject) != "map[user:anna]" ||
		e.After["authentication"] != "true" || e.After["temporary"] != "true" || len(fmt.Sprint(e.After["code"])) != 8 {
		t.Errorf("the log says %s", e.Raw)
	}
	logsIn(t, k, "anna", typed[0], false)
	recorded(t, k, token.Replayed)
	logsIn(t, k, "anna", typed[1], true)
	if f := k.FindUser(t, "anna").Failures; f != 0 {
		t.Errorf("the right code leaves %d failures", f)
	}
	accepted(t, k, "1", typed[2], false)
	for _, narrow := range []store.Lookup{{User: "anna", Type: "hotp"}, {User: "anna", KeyID: new("")},
		{User: "anna", Manufacturer: new("")}} {
		if k.Present(t, codes.Request{Lookup: narrow, OTP: typed[2]}) {
			t.Errorf("%+v asks for tokens, and a temporary code is accepted", narrow)
		}
	}
	k.Clock.Advance(24 * time.Hour)
	logsIn(t, k, "anna", typed[2], false)
	recorded(t, k, token.Expired)
	secretFree(t, k, nil, typed)
}

// Beside tokens: neither gets in the other's way, and what is refused counts as
// it does for tokens.
func TestTemporaryCodeBesideTokens(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := holder(t, key)
	typed := issue(t, k, "anna", 3)
	logsIn(t, k, "anna", testkit.Code(t, key, 0), true)
	logsIn(t, k, "anna", typed[0], true)
	failures(t, k, "1", 0)
	next(t, k, "1", 1)
	logsIn(t, k, "anna", testkit.Wrong(t, key, 1, 1)[0], false)
	recorded(t, k, token.Wrong)
	failures(t, k, "1", 1)
	logsIn(t, k, "anna", typed[1], true)
	failures(t, k, "1", 1)

	// A guess of another length than the token's counts on the user.
	wrong := otherCode(typed...)
	logsIn(t, k, "anna", wrong, false)
	recorded(t, k, token.Wrong)
	if e := k.LastEntry(t); e.After["user_failures"] != "1" || e.Before["user_failures"] != "0" {
		t.Errorf("the log says %s", e.Raw)
	}
	failures(t, k, "1", 1)
	for range 9 {
		k.Clock.Advance(time.Hour)
		logsIn(t, k, "anna", wrong, false)
	}
	k.Clock.Advance(time.Hour)
	logsIn(t, k, "anna", typed[2], false)
	recorded(t, k, token.UserLocked)
	if _, err := k.Users.Unlock(t.Context(), "anna", testkit.Origin); err != nil {
		t.Fatal(err)
	}
	// A lost token is what they are for; it stands in nobody's way.
	k.SetState(t, "1", token.RevokedLost)
	logsIn(t, k, "anna", typed[2], true)

	// Without codes, such a guess is none.
	logsIn(t, k, "anna", wrong, false)
	if f := k.FindUser(t, "anna").Failures; f != 0 {
		t.Errorf("%d failures, want 0", f)
	}
}

// An administrator who is told openly of a wrong length may check a temporary
// code all the same.
func TestTemporaryCodeOfAnAdministrator(t *testing.T) {
	t.Parallel()
	k := holder(t, testkit.HOTP("1"))
	code := issue(t, k, "anna", 1)[0]
	r := codes.Request{Lookup: store.Lookup{User: "anna"}, OTP: code, MayList: true, Origin: testkit.Origin}
	if !k.Present(t, r) {
		t.Error("the code is refused")
	}
	if e := k.LastEntry(t); e.After["authentication"] != "false" {
		t.Errorf("the log says %s", e.Raw)
	}
	r.OTP = "1234567"
	_, err := k.Engine.Verify(t.Context(), r)
	isFault(t, err, fault.Invalid, "otp_length")
}

// Codes that are issued or revoked meanwhile, and users that are deleted, are
// seen at once.
func TestTemporaryCodesEnd(t *testing.T) {
	t.Parallel()
	k := kit(t)
	for _, user := range []string{"anna", "bert"} {
		k.User(t, user)
	}
	old := issue(t, k, "anna", 2)
	others := issue(t, k, "bert", 1)
	logsIn(t, k, "anna", others[0], false)
	fresh := issue(t, k, "anna", 2)
	logsIn(t, k, "anna", old[1], false)
	logsIn(t, k, "anna", fresh[0], true)
	if name, n, err := k.Temporary.Revoke(t.Context(), "ANNA", testkit.Origin); err != nil || n != 1 || name != "anna" {
		t.Errorf("revoked %d of %s, %v", n, name, err)
	}
	logsIn(t, k, "anna", fresh[1], false)
	logsIn(t, k, "bert", others[0], true)
	last := issue(t, k, "bert", 1)[0]
	k.Reopen(t) // the key is the same
	if err := k.Users.Delete(t.Context(), "bert", testkit.Origin); err != nil {
		t.Fatal(err)
	}
	logsIn(t, k, "bert", last, false)
	recorded(t, k, token.Unknown)
	k.User(t, "bert")
	logsIn(t, k, "bert", last, false)
	recorded(t, k, token.Unassigned)
}

// One code presented 64 times at once is accepted once.
func TestParallelUsesOfATemporaryCode(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := holder(t, key)
	k.User(t, "bert") // holds nothing
	for range 10 {
		for _, user := range []string{"anna", "bert"} {
			code := issue(t, k, user, 1)[0]
			var wg sync.WaitGroup
			var mu sync.Mutex
			n := 0
			for range at64 {
				wg.Go(func() {
					valid, err := k.Engine.Verify(
						t.Context(), codes.Request{Lookup: store.Lookup{User: user}, OTP: code, Authentication: true,
							Origin: testkit.Origin})
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						t.Errorf("verify: %v", err)
					}
					if valid {
						n++
					}
				})
			}
			wg.Wait()
			if n != 1 {
				t.Fatalf("%s: %d uses of one code are accepted, want 1", user, n)
			}
			if _, err := k.Users.Unlock(t.Context(), user, testkit.Origin); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Whether a user has temporary codes, none, or is no user: the store is asked
// the same, and the Attempt asks for the same write.
func TestTemporaryRefusalsTakeTheSameRoad(t *testing.T) {
	t.Parallel()
	k := kit(t)
	for _, user := range []string{"with", "without", "revoked"} {
		k.User(t, user)
	}
	typed := append(issue(t, k, "with", 2), issue(t, k, "revoked", 1)...)
	if _, _, err := k.Temporary.Revoke(t.Context(), "revoked", testkit.Origin); err != nil {
		t.Fatal(err)
	}
	d := through(t, k, codes.Policy{})
	for range 2 {
		for _, user := range []string{"with", "without", "revoked", "nobody"} {
			size := k.LogSize(t)
			logsIn(t, k, user, otherCode(typed...), false)
			if calls := fmt.Sprint(d.taken()); calls != "[query attempt quiet=false]" || k.LogSize(t) != size+1 {
				t.Errorf("%s: the store was called by %s, %d entries", user, calls, k.LogSize(t)-size)
			}
			if d.temporary != 32 {
				t.Errorf("%s: a fingerprint of %d bytes was asked for", user, d.temporary)
			}
		}
	}
}
