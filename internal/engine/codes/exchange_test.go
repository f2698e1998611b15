package codes_test

import (
	"encoding/json"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/nodes"
	"ostiary/internal/store"
	"ostiary/internal/test/cluster"
	"ostiary/internal/test/testkit"
	"ostiary/internal/test/twonodes"
)

func TestMain(m *testing.M) { os.Exit(cluster.Run(m)) }

// two makes two nodes that decide codes on a kit's database.
func two(t *testing.T, k *testkit.Kit) [2]*codes.Engine {
	t.Helper()
	var engines [2]*codes.Engine
	for i := range engines {
		e, err := codes.New(codes.Config{Store: k.DB, Keys: k.Keys, Policy: codes.Policy{FirstLock: 30 * time.Minute},
			Temporary: k.Temporary, Shared: true, Now: k.Clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		engines[i] = e
	}
	return engines
}

func exchange(t *testing.T, db store.DB, engines ...*codes.Engine) {
	t.Helper()
	for _, e := range engines {
		if err := e.Exchange(t.Context(), db); err != nil {
			t.Fatal(err)
		}
	}
}

// A client that goes to two nodes in turn has one share at both together: in 15 hours it
// does not lock a user. Where the nodes do not tell each other, it does.
func TestOneClientCannotLockAUserAtTwoNodes(t *testing.T) {
	t.Parallel()
	for _, tell := range []bool{true, false} {
		key := testkit.HOTP("1")
		k := ending(t, key)
		engines := two(t, k)
		guess := testkit.Wrong(t, key, 0, 1)[0]
		for i := range 15 * 12 {
			k.Engine = engines[i%2]
			if from(t, k, attacker, anna, guess) {
				t.Fatal("a wrong code is accepted")
			}
			if tell {
				exchange(t, k.DB, engines[i%2], engines[(i+1)%2])
			}
			k.Clock.Advance(5 * time.Minute)
		}
		if n := k.FindUser(t, "anna").Failures; n >= codes.FailureLimit == tell {
			t.Errorf("the nodes tell each other: %t; the user has %d failures", tell, n)
		}
	}
}

// At the pace of the delays, with a second between two exchanges, a client gets no more than
// its share and one code.
func TestAFastClientAtTwoNodes(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := ending(t, key)
	engines := two(t, k)
	guess := testkit.Wrong(t, key, 0, 1)[0]
	for range 60 {
		for i := range 20 {
			k.Engine = engines[i%2]
			if from(t, k, attacker, anna, guess) {
				t.Fatal("a wrong code is accepted")
			}
		}
		k.Clock.Advance(time.Second)
		exchange(t, k.DB, engines[:]...)
	}
	if n := k.FindUser(t, "anna").Failures; n > 6 {
		t.Errorf("the user has %d failures", n)
	}
}

// The right code of a client, and an unlock, end the count at all nodes.
func TestACountEndsAtAllNodes(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := ending(t, key)
	engines := two(t, k)
	a, b := engines[0], engines[1]
	f := nodes.Follower{DB: k.DB, Now: k.Clock.Now, Unlocked: b.ForgetClients}
	right, guess := uint64(0), testkit.Wrong(t, key, 0, 1)[0]
	turn := func() {
		t.Helper()
		k.Clock.Advance(5 * time.Second)
		exchange(t, k.DB, a, b, a)
		if err := f.Turn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	wrong := func(e *codes.Engine, n int, why token.Reason) {
		t.Helper()
		k.Engine = e
		for range n {
			refusedFrom(t, k, attacker, anna, guess, why)
			k.Clock.Advance(4 * time.Second)
		}
	}
	accepted := func(e *codes.Engine) {
		t.Helper()
		k.Engine = e
		if !from(t, k, attacker, anna, testkit.Code(t, key, right)) {
			t.Errorf("a right code is refused: %s", k.LastEntry(t).Raw)
		}
		right++
	}
	wrong(a, 4, token.Wrong)
	turn()
	accepted(b) // node B knows of four
	turn()
	wrong(a, 4, token.Wrong)
	turn()
	wrong(b, 1, token.Wrong)
	turn()
	wrong(a, 1, token.ClientLocked)
	wrong(b, 1, token.ClientLocked)
	k.Engine = a // which is told at once
	if _, err := k.Users.Unlock(t.Context(), "anna", testkit.Origin); err != nil {
		t.Fatal(err)
	}
	turn()
	turn()
	accepted(b)
	accepted(a)
	turn()
	wrong(b, 4, token.Wrong) // nothing of before is left
}

// ghost presents a code under a name that nobody has, and tells why it was refused.
func ghost(t *testing.T, e *codes.Engine, db store.DB) (reason token.Reason) {
	t.Helper()
	valid, err := e.Verify(t.Context(), codes.Request{Lookup: store.Lookup{User: "ghost \"x\""}, OTP: "123456",
		Client: attacker, Authentication: true, Origin: testkit.Origin})
	if err != nil || valid {
		t.Fatalf("%t, %v", valid, err)
	}
	err = db.View(t.Context(), func(r store.Reader) error {
		rows, _, err := r.FindAudit(audit.Filter{}, 0, 1) // also of what has no place in the log yet
		if err != nil {
			return err
		}
		var e struct{ Reason token.Reason }
		err = json.Unmarshal(rows[0].Entry, &e)
		reason = e.Reason
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return reason
}

// What two nodes count and tell at once is added up, also under a name that nobody has. A node
// that starts later knows it. What could not be told is told later.
func TestCountsOfNodesAddUp(t *testing.T) {
	t.Parallel()
	twonodes.Run(t, func(t *testing.T, dbA, dbB store.DB) {
		k := testkit.New(t) // for its keys
		engine := func(db store.DB) *codes.Engine {
			e, err := codes.New(codes.Config{Store: db, Keys: k.Keys, Policy: codes.Policy{FirstLock: 30 * time.Minute},
				Shared: true, Now: k.Clock.Now})
			if err != nil {
				t.Fatal(err)
			}
			return e
		}
		a, b := engine(dbA), engine(dbB)
		want := func(e *codes.Engine, db store.DB, why token.Reason) {
			t.Helper()
			if got := ghost(t, e, db); got != why {
				t.Errorf("refused because %q, want %q", got, why)
			}
		}
		for range 2 {
			want(a, dbA, token.Unknown)
			want(b, dbB, token.Unknown)
		}
		want(a, dbA, token.Unknown)
		broken := testkit.Failing{DB: dbA, Fail: func() error { return store.ErrUnavailable }}
		if err := a.Exchange(t.Context(), broken); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Exchange = %v, want ErrUnavailable", err)
		}
		var both sync.WaitGroup
		both.Go(func() { exchange(t, dbA, a) })
		both.Go(func() { exchange(t, dbB, b) })
		both.Wait()
		exchange(t, dbA, a)
		exchange(t, dbB, b)
		want(a, dbA, token.ClientLocked)
		want(b, dbB, token.ClientLocked)
		later := engine(dbB)
		want(later, dbB, token.Unknown) // before it has asked
		later = engine(dbB)
		exchange(t, dbB, later)
		want(later, dbB, token.ClientLocked)
	})
}
