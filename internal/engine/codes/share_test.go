package codes_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/codes"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

const (
	attacker = "198.51.100.7"
	home     = "203.0.113.20"
)

// from presents a code as the client of a gateway.
func from(t *testing.T, k *testkit.Kit, client string, l store.Lookup, otp string) bool {
	t.Helper()
	return k.Present(t, codes.Request{Lookup: l, OTP: otp, Client: client, Authentication: true, Origin: testkit.Origin})
}

var anna = store.Lookup{User: "anna"}

// refusedFrom checks that a code is refused, and why.
func refusedFrom(t *testing.T, k *testkit.Kit, client string, l store.Lookup, otp string, why token.Reason) {
	t.Helper()
	if from(t, k, client, l, otp) {
		t.Errorf("a code of %s is accepted, want %q", client, why)
	}
	recorded(t, k, why)
}

// wasted uses up the share of a client: five wrong codes under anna's name, past all delays.
func wasted(t *testing.T, k *testkit.Kit, client string, guess string) {
	t.Helper()
	for range 5 {
		refusedFrom(t, k, client, anna, guess, token.Wrong)
		k.Clock.Advance(4 * time.Second)
	}
}

// Somebody at one client guesses for 15 hours, under the user's name and by the serial of
// the user's token in turn. Neither is locked, and the user, elsewhere, signs in at once.
// Without a client, the same locks both.
func TestOneClientCannotLockAUser(t *testing.T) {
	t.Parallel()
	for _, client := range []string{attacker, ""} {
		key := testkit.HOTP("1")
		k := ending(t, key)
		guess := testkit.Wrong(t, key, 0, 1)[0]
		for i := range 15 * 12 {
			if from(t, k, client, []store.Lookup{anna, lookup("1")}[i%2], guess) {
				t.Fatal("a wrong code is accepted")
			}
			k.Clock.Advance(5 * time.Minute)
		}
		locked := k.Engine.Locked
		user, tok := k.FindUser(t, "anna"), k.Token(t, "1").Condition
		if got := locked(user.Failures, user.RetryAt) || locked(tok.Failures, tok.RetryAt); got != (client == "") {
			t.Errorf("client %q: locked %v; the user has %d failures, the token %d", client, got, user.Failures, tok.Failures)
		}
		if client == "" {
			continue
		}
		if !from(t, k, home, anna, testkit.Code(t, key, 0)) {
			t.Errorf("the user is locked out at home: %s", k.LastEntry(t).Raw)
		}
		userFailures(t, k, 0)
		failures(t, k, "1", 0)
		// That was the user's right code, not the attacker's: it gives the attacker nothing.
		refusedFrom(t, k, attacker, anna, testkit.Code(t, key, 1), token.ClientLocked)
	}
}

// One client that guesses whenever it may needs 15 and a half hours to lock a user who signs
// in nowhere meanwhile; docs/codes.md says so.
func TestOneClientNeedsLongToLockAUser(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := ending(t, key)
	guess := testkit.Wrong(t, key, 0, 1)[0]
	begun := k.Clock.Now()
	for u := k.FindUser(t, "anna"); !k.Engine.Locked(u.Failures, u.RetryAt); u = k.FindUser(t, "anna") {
		k.Clock.Advance(5 * time.Minute)
		if from(t, k, attacker, anna, guess) {
			t.Fatal("a wrong code is accepted")
		}
		if k.Clock.Now().Sub(begun) > 24*time.Hour {
			t.Fatal("a day was not enough")
		}
	}
	if took := k.Clock.Now().Sub(begun); took < 15*time.Hour+30*time.Minute || took > 16*time.Hour+30*time.Minute {
		t.Errorf("it took %s", took)
	}
}

// Above its share a client is refused before anything is tested, its right code, too, and
// nothing is counted. When its lock is over, one code is tried: a wrong one locks it for
// twice as long, up to a day, a right one gives it its share back.
func TestClientLock(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := holder(t, key)
	k.Engine = k.NewEngine(t, k.DB, codes.Policy{FirstLock: time.Hour, FailureLimit: 100, ClientShare: 5,
		FreeFailures: 100})
	right, guess := testkit.Code(t, key, 0), testkit.Wrong(t, key, 0, 1)[0]
	for range 4 {
		refusedFrom(t, k, attacker, anna, guess, token.Wrong)
	}
	for i, hours := range []int{1, 2, 4, 8, 16, 24, 24} {
		refusedFrom(t, k, attacker, anna, guess, token.Wrong)
		for range 2 {
			refusedFrom(t, k, attacker, anna, right, token.ClientLocked)
			refusedFrom(t, k, attacker, anna, guess, token.ClientLocked)
			k.Clock.Advance(time.Duration(hours)*time.Hour/2 - time.Millisecond)
		}
		refusedFrom(t, k, attacker, anna, right, token.ClientLocked)
		userFailures(t, k, 5+i)
		failures(t, k, "1", 5+i)
		next(t, k, "1", 0)
		k.Clock.Advance(2 * time.Millisecond)
	}
	if !from(t, k, attacker, anna, right) {
		t.Fatalf("the right code after the lock: %s", k.LastEntry(t).Raw)
	}
	userFailures(t, k, 0)
	for range 5 {
		refusedFrom(t, k, attacker, anna, guess, token.Wrong)
	}
	refusedFrom(t, k, attacker, anna, guess, token.ClientLocked)
	// A day after the lock nothing is remembered.
	k.Clock.Advance(25*time.Hour + time.Millisecond)
	for range 5 {
		refusedFrom(t, k, attacker, anna, guess, token.Wrong)
	}
	refusedFrom(t, k, attacker, anna, guess, token.ClientLocked)
}

// A right code gives a share back that is used in part.
func TestRightCodeGivesAClientItsShareBack(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := ending(t, key)
	guess := noneOf(t, 1, key)[0]
	for c := range uint64(3) {
		for range 4 {
			refusedFrom(t, k, home, anna, guess, token.Wrong)
			k.Clock.Advance(4 * time.Second)
		}
		if !from(t, k, home, anna, testkit.Code(t, key, c)) {
			t.Fatalf("a right code is refused: %s", k.LastEntry(t).Raw)
		}
	}
}

// Of guesses that one client presents at once no more are tested than its share, and when
// its lock is over, one.
func TestParallelGuessesOfOneClient(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := holder(t, key)
	k.Engine = k.NewEngine(t, k.DB, codes.Policy{FailureLimit: 100, ClientShare: 5, FreeFailures: 100})
	for i, want := range []int{5, 1, 1} {
		size := k.LogSize(t)
		var all sync.WaitGroup
		for i, guess := range testkit.Wrong(t, key, 0, 64) {
			all.Go(func() {
				if from(t, k, attacker, []store.Lookup{anna, lookup("1")}[i%2], guess) {
					t.Error("a wrong code is accepted")
				}
			})
		}
		all.Wait()
		failures(t, k, "1", 5+i)
		reasons := map[string]int{}
		for _, e := range k.Log(t, size) {
			reasons[e.Reason]++
		}
		if reasons[string(token.Wrong)] != want || want+reasons[string(token.ClientLocked)] != int(k.LogSize(t)-size) {
			t.Errorf("the log has %v, want %d that were tested", reasons, want)
		}
		k.Clock.Advance(30 * time.Minute << i)
	}
}

// One right code that comes 64 times at once from one client is accepted once.
func TestParallelUsesOfOneCodeByOneClient(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := holder(t, key)
	for c := range uint64(20) {
		var all sync.WaitGroup
		var mu sync.Mutex
		n := 0
		for range 64 {
			all.Go(func() {
				if from(t, k, home, anna, testkit.Code(t, key, c)) {
					mu.Lock()
					n++
					mu.Unlock()
				}
			})
		}
		if all.Wait(); n != 1 {
			t.Fatalf("code %d is accepted %d times", c, n)
		}
		if _, err := k.Users.Unlock(t.Context(), "anna", testkit.Origin); err != nil {
			t.Fatal(err)
		}
	}
}

// Whoever is locked as a client is refused on one road, whether or not the name exists and
// whatever is wrong with it: one query, one write, the same arithmetic, one entry of the
// same form; and only counted when the caller has caused too many.
func TestLockedClientsTakeTheSameRoad(t *testing.T) {
	t.Parallel()
	key, revoked := testkit.HOTP("1"), testkit.HOTP("lost")
	k := holder(t, key, revoked)
	k.SetState(t, "lost", token.RevokedLost)
	d := through(t, k, codes.Policy{ClientShare: 1, QuietAfter: 20})
	guess := noneOf(t, 1, key)[0]
	names := []store.Lookup{anna, lookup("1"), {User: "nobody"}, lookup("nobody's")}
	for _, l := range names[2:] {
		refusedFrom(t, k, attacker, l, guess, token.Unknown)
	}
	refusedFrom(t, k, attacker, anna, guess, token.Wrong) // and of token 1, which is anna's
	d.taken()
	compared := int64(0)
	for round := range 4 {
		for _, l := range names {
			size, before := k.LogSize(t), k.Engine.Compared()
			refusedFrom(t, k, attacker, l, guess, token.ClientLocked)
			if calls := fmt.Sprint(d.taken()); calls != "[query attempt quiet=false]" {
				t.Errorf("round %d, %+v: the store was called by %s", round, l, calls)
			}
			switch n := k.Engine.Compared() - before; {
			case compared == 0:
				compared = n
			case n != compared:
				t.Errorf("round %d, %+v: %d codes were compared, want %d", round, l, n, compared)
			}
			e := k.LastEntry(t)
			want := map[string]string{"user": l.User, "serial": l.Serial}
			for name, v := range want {
				if e.Subject[name] != v {
					t.Errorf("%+v: the entry is about %v", l, e.Subject)
				}
			}
			if len(e.Before) != 0 || len(e.After) != 1 || len(e.Subject) != 1 || k.LogSize(t) != size+1 {
				t.Errorf("%+v: the entry tells more than the others: %s", l, e.Raw)
			}
		}
	}
	// 2 unknown names and 16 locked ones were recorded in full; 2 more are.
	size := k.LogSize(t)
	for range 3 {
		for _, l := range names {
			if from(t, k, attacker, l, guess) {
				t.Error("accepted")
			}
		}
	}
	if n := k.LogSize(t) - size; n != 2 {
		t.Errorf("%d refusals are recorded in full, want 2", n)
	}
	if calls := d.taken(); len(calls) != 24 || calls[23] != "attempt quiet=true" {
		t.Errorf("the store was called by %v", calls)
	}
}

// A code that the user's or token's own lock or delay refuses, or their state, uses up
// nothing of the client's share: whoever tries the right code while somebody else's guesses
// delay it is not locked out by that.
func TestWhatIsNotTestedIsNotTheClients(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := holder(t, key)
	k.User(t, "bert")
	wasted(t, k, attacker, noneOf(t, 1, key)[0])
	k.Clock.Advance(-2 * time.Second)
	for range 10 {
		refusedFrom(t, k, home, anna, testkit.Code(t, key, 0), token.UserDelayed)
		refusedFrom(t, k, home, lookup("1"), testkit.Code(t, key, 0), token.Delayed)
		refusedFrom(t, k, home, store.Lookup{User: "bert"}, "123456", token.Unassigned)
	}
	k.Clock.Advance(2 * time.Second)
	for range 10 {
		refusedFrom(t, k, home, lookup("1"), "12345678", token.Malformed)
	}
	if !from(t, k, home, anna, testkit.Code(t, key, 0)) {
		t.Errorf("locked out by somebody else's guesses: %s", k.LastEntry(t).Raw)
	}
	// A user who is added after five tries in vain begins anew.
	carl := store.Lookup{User: "carl"}
	for range 5 {
		refusedFrom(t, k, home, carl, "123456", token.Unknown)
	}
	refusedFrom(t, k, home, carl, "123456", token.ClientLocked)
	k.User(t, "carl")
	refusedFrom(t, k, home, carl, "123456", token.Unassigned)
}

// A client is an address however it is written, and of IPv6 a network of 64 bits: a hop to
// another address of it brings nothing. Other networks are other clients, and two of them
// are enough to lock a name.
func TestClientsAreNetworks(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := ending(t, key)
	guess := noneOf(t, 1, key)[0]
	for i := range 5 {
		refusedFrom(t, k, fmt.Sprintf("2001:db8:1:2::%x", i+1), anna, guess, token.Wrong)
		k.Clock.Advance(64 * time.Second)
	}
	for i := range 20 {
		refusedFrom(t, k, fmt.Sprintf("2001:db8:1:2:%x::9", i), anna, guess, token.ClientLocked)
	}
	for range 5 {
		refusedFrom(t, k, "2001:db8:1:3::1", anna, guess, token.Wrong)
		k.Clock.Advance(64 * time.Second)
	}
	refusedFrom(t, k, home, anna, testkit.Code(t, key, 0), token.UserLocked)
}

// Somebody who unlocks a user or a token unlocks its clients. The name of the user does not
// matter, and a user's token is the user's.
func TestUnlockGivesClientsTheirShareBack(t *testing.T) {
	t.Parallel()
	key, free := testkit.HOTP("1"), testkit.HOTP("free")
	k := ending(t, key)
	k.Import(t, free)
	guess := noneOf(t, 1, key, free)[0]
	name, next := anna, uint64(0)
	for _, unlock := range []func(){
		func() {
			if _, err := k.Users.Unlock(t.Context(), name.User, testkit.Origin); err != nil {
				t.Fatal(err)
			}
		},
		func() { k.Unlock(t, "1") },
	} {
		for range 5 {
			refusedFrom(t, k, home, name, guess, token.Wrong)
			k.Clock.Advance(4 * time.Second)
		}
		if _, err := k.Users.Rename(t.Context(), name.User, "anna"+fmt.Sprint(next), testkit.Origin); err != nil {
			t.Fatal(err)
		}
		name.User = "anna" + fmt.Sprint(next)
		refusedFrom(t, k, home, name, testkit.Code(t, key, next), token.ClientLocked)
		refusedFrom(t, k, home, lookup("1"), testkit.Code(t, key, next), token.ClientLocked)
		unlock()
		if !from(t, k, home, name, testkit.Code(t, key, next)) {
			t.Errorf("still locked: %s", k.LastEntry(t).Raw)
		}
		next++
	}
	for range 5 {
		refusedFrom(t, k, home, lookup("free"), guess, token.Wrong)
		k.Clock.Advance(4 * time.Second)
	}
	refusedFrom(t, k, home, lookup("free"), testkit.Code(t, free, 0), token.ClientLocked)
	k.Unlock(t, "1")
	refusedFrom(t, k, home, lookup("free"), testkit.Code(t, free, 0), token.ClientLocked)
	k.Unlock(t, "free")
	if !from(t, k, home, lookup("free"), testkit.Code(t, free, 0)) {
		t.Errorf("still locked: %s", k.LastEntry(t).Raw)
	}
}

// What is remembered is bounded, and the oldest goes. Who makes names up pushes out none that
// exists, and who comes from many addresses only what is known of clients of that name.
func TestRememberedClientsAreBounded(t *testing.T) {
	t.Parallel()
	var keys []*pskc.Key
	for i := range 4 {
		keys = append(keys, testkit.HOTP(fmt.Sprint(i)))
	}
	k := kit(t, keys...)
	k.Engine = k.NewEngine(t, k.DB, codes.Policy{ClientShare: 1, FailureLimit: 100, FreeFailures: 100})
	k.Engine.RememberClients(3, 3)
	guess := noneOf(t, 1, keys...)[0]
	spent := func(serials ...string) {
		t.Helper()
		for _, s := range serials {
			refusedFrom(t, k, attacker, lookup(s), guess, token.Wrong)
		}
	}
	locked := func(serials ...string) {
		t.Helper()
		for _, s := range serials {
			refusedFrom(t, k, attacker, lookup(s), guess, token.ClientLocked)
		}
	}
	spent("0", "1", "2")
	for i := range 20 { // names that do not exist
		refusedFrom(t, k, attacker, lookup(fmt.Sprintf("made up %d", i)), guess, token.Unknown)
		refusedFrom(t, k, attacker, store.Lookup{User: fmt.Sprintf("made up %d", i)}, guess, token.Unknown)
	}
	locked("0", "1", "2")
	locked("0")
	spent("3") // in place of 1, which was not tried for the longest time
	locked("3", "2", "0")
	spent("1")
	// Three more clients of one name push out the first, of that name alone.
	for i := range 3 {
		refusedFrom(t, k, fmt.Sprintf("192.0.2.%d", i), lookup("1"), guess, token.Wrong)
	}
	locked("0")
	spent("1")
	// Codes that are right, and requests that name no client, leave nothing behind.
	for i := range uint64(5) {
		accepted(t, k, "3", testkit.Code(t, keys[3], 2*i), true)
		if !from(t, k, fmt.Sprintf("192.0.2.%d", i), lookup("3"), testkit.Code(t, keys[3], 2*i+1)) {
			t.Fatalf("refused: %s", k.LastEntry(t).Raw)
		}
		accepted(t, k, "2", guess, false)
	}
	locked("0", "1")
}

// The log says which client it was, of what was refused and of what was accepted, and what
// a client is called breaks no entry.
func TestEntriesNameTheClient(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := holder(t, key)
	odd := `"},"outcome":"accepted","x":{"` + `\` + "é"
	for i, client := range []string{attacker, "00-11-22-33-44-55", odd} {
		refusedFrom(t, k, client, anna, noneOf(t, 1, key)[0], token.Wrong)
		e := k.LastEntry(t)
		if e.After["client"] != client || e.Source != testkit.Origin.Source || e.After["failures"] == nil {
			t.Errorf("of %q the log says %s", client, e.Raw)
		}
		if !from(t, k, client, anna, testkit.Code(t, key, uint64(i))) {
			t.Fatal("refused")
		}
		if e := k.LastEntry(t); e.After["client"] != client || e.Outcome != string(audit.Accepted) {
			t.Errorf("of %q the log says %s", client, e.Raw)
		}
	}
	byUser(t, k, noneOf(t, 1, key)[0], false)
	if e := k.LastEntry(t); strings.Contains(e.Raw, "client") {
		t.Errorf("without a client the log says %s", e.Raw)
	}
}

// A code about which nothing was decided gives its place back.
func TestUndecidedCodesAreNotTheClients(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := holder(t, key)
	d := through(t, k, codes.Policy{ClientShare: 1})
	r := codes.Request{Lookup: anna, OTP: testkit.Code(t, key, 0), Client: home, Origin: testkit.Origin}
	for _, err := range []error{store.ErrUnavailable, store.ErrUncertain, errors.New("other")} {
		d.refuse = err
		if valid, err := k.Engine.Verify(t.Context(), r); valid || err == nil {
			t.Fatalf("%v, %v without a database", valid, err)
		}
	}
	d.refuse = nil
	if !k.Present(t, r) {
		t.Errorf("the client is locked: %s", k.LastEntry(t).Raw)
	}
}

// An administrator who may see tokens is told no more than others about a locked client.
func TestLockedClientOfAnAdministrator(t *testing.T) {
	t.Parallel()
	one, two := testkit.HOTP("1"), testkit.TOTP("1")
	k := kit(t, one, two)
	k.Engine = k.NewEngine(t, k.DB, codes.Policy{ClientShare: 1})
	r := codes.Request{Lookup: store.Lookup{Serial: "1", Type: "hotp"}, OTP: noneOf(t, 1, one)[0], Client: home,
		MayList: true, Origin: testkit.Origin}
	for _, why := range []token.Reason{token.Wrong, token.ClientLocked, token.ClientLocked} {
		if k.Present(t, r) {
			t.Error("accepted")
		}
		recorded(t, k, why)
	}
}

func TestClientSharePolicy(t *testing.T) {
	t.Parallel()
	for share, ok := range map[int]bool{-1: false, 0: true, 1: true, 10: true, 11: false} {
		if err := (codes.Policy{ClientShare: share}).Check(); (err == nil) != ok {
			t.Errorf("a share of %d: %v", share, err)
		}
	}
	for limit, want := range map[int]int{0: 5, 1: 1, 2: 1, 3: 1, 7: 3} {
		k := kit(t)
		if got := k.NewEngine(t, k.DB, codes.Policy{FailureLimit: limit}).Policy().ClientShare; got != want {
			t.Errorf("of %d failures the share is %d, want %d", limit, got, want)
		}
	}
}
