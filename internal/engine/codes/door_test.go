package codes_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/codes"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
)

// door stands between the engine and the store: it counts queries and writes
// and can do something between the look and the write.
type door struct {
	codes.Store
	mu      sync.Mutex
	calls   []string
	between func()
	refuse  error

	temporary int // bytes of the newest attempt's fingerprint of a temporary code
}

func (d *door) Candidates(ctx context.Context, l store.Lookup, fresh bool) (store.Found, error) {
	found, err := d.Store.Candidates(ctx, l, fresh)
	if found.Fresh {
		d.note("query")
	}
	return found, err
}

func (d *door) Attempt(ctx context.Context, a store.Attempt) (store.Outcome, error) {
	d.temporary = len(a.Temporary)
	d.note(fmt.Sprintf("attempt quiet=%v", a.QuietFor != ""))
	if d.refuse != nil {
		return store.Outcome{}, d.refuse
	}
	if do := d.between; do != nil {
		d.between = nil
		do()
	}
	return d.Store.Attempt(ctx, a)
}

func (d *door) note(call string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls = append(d.calls, call)
}

func (d *door) taken() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	calls := d.calls
	d.calls = nil
	return calls
}

// through makes the kit's engine go through a door.
func through(t *testing.T, k *testkit.Kit, p codes.Policy) *door {
	t.Helper()
	d := &door{Store: k.DB}
	k.Engine = k.NewEngine(t, d, p)
	return d
}

// Whatever is wrong, the store is asked the same questions and writes once.
func TestRefusalsTakeTheSameRoad(t *testing.T) {
	t.Parallel()
	key, lost, locked := testkit.HOTP("1"), testkit.HOTP("lost"), testkit.HOTP("locked")
	other := testkit.HOTP("two")
	other.ID = "second"
	k := kit(t, key, lost, locked, testkit.OCRA("ocra"), testkit.HOTP("two"), other)
	k.User(t, "anna")
	k.SetState(t, "lost", token.RevokedLost)
	for _, guess := range testkit.Wrong(t, locked, 0, 10) {
		accepted(t, k, "locked", guess, false)
		k.Clock.Advance(time.Hour)
	}
	d := through(t, k, codes.Policy{})
	// Two rounds: the first fills the cache with what can be found.
	for range 2 {
		sameRoad(t, k, d, testkit.Wrong(t, key, 0, 1)[0])
	}
}

func sameRoad(t *testing.T, k *testkit.Kit, d *door, guess string) {
	t.Helper()
	want := []string{"query", "attempt quiet=false"}
	for _, l := range []store.Lookup{lookup("1"), lookup("nobody's"), lookup("lost"), lookup("locked"), lookup("ocra"),
		lookup("two"),
		{User: "nobody"}, {User: "anna"}} {
		size := k.LogSize(t)
		if k.Present(t, codes.Request{Lookup: l, OTP: guess}) {
			t.Errorf("%+v is accepted", l)
		}
		if calls := d.taken(); !slices.Equal(calls, want) {
			t.Errorf("%+v: the store was called by %v, want %v", l, calls, want)
		}
		if k.LogSize(t) != size+1 {
			t.Errorf("%+v: %d entries, want 1", l, k.LogSize(t)-size)
		}
	}
}

// A caller who causes many refusals that change nothing is only counted from
// some point on, so that nobody fills the log; what changes something is always
// recorded, and other callers are not concerned.
func TestQuietRefusals(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := kit(t, key)
	d := through(t, k, codes.Policy{QuietAfter: 5, QuietPerMinute: 6})
	// What is counted as a failure does not count here.
	for _, guess := range testkit.Wrong(t, key, 0, 2) {
		accepted(t, k, "1", guess, false)
	}
	accepted(t, k, "1", testkit.Code(t, key, 0), true)
	d.taken()
	size := k.LogSize(t)
	for range 20 {
		accepted(t, k, "nobody's", "123456", false)
	}
	if n := k.LogSize(t) - size; n != 5 {
		t.Errorf("%d refusals are recorded, want 5", n)
	}
	if calls := d.taken(); len(calls) != 40 {
		t.Errorf("%d calls of the store for 20 refusals, want 40: a counted one is written as well", len(calls))
	}
	accepted(t, k, "1", testkit.Wrong(t, key, 0, 1)[0], false)
	recorded(t, k, token.Wrong)
	failures(t, k, "1", 1)
	accepted(t, k, "1", testkit.Code(t, key, 1), true)
	if e := k.LastEntry(t); e.Outcome != "accepted" {
		t.Errorf("the acceptance is not recorded: %s", e.Raw)
	}
	elsewhere := codes.Request{Lookup: lookup("nobody's"), OTP: "123456",
		Origin: audit.Origin{Actor: "key:test", Source: "192.0.2.2:99"}}
	if k.Present(t, elsewhere); k.LastEntry(t).Source != "192.0.2.2:99" {
		t.Error("a caller from elsewhere is not recorded")
	}
	// Six a minute: after 20 seconds there are two more.
	k.Clock.Advance(20 * time.Second)
	size = k.LogSize(t)
	for range 5 {
		accepted(t, k, "nobody's", "123456", false)
	}
	if n := k.LogSize(t) - size; n != 2 {
		t.Errorf("%d refusals are recorded after a pause, want 2", n)
	}
	if err := k.Ledger.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	e := k.LastEntry(t)
	if e.Action != "refusals.suppressed" || e.After["count"] != "18" || e.Subject["other"] != "key:test@192.0.2.1" {
		t.Errorf("the sum reads %s, want 18 of key:test@192.0.2.1", e.Raw)
	}
	if err := k.Ledger.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again := k.LastEntry(t); again.Seq != e.Seq {
		t.Errorf("summed up twice: %s", again.Raw)
	}
}

// Between the look at the rows and the write they change. The write decides by
// what is there then.
func TestChangesBetweenLookAndWrite(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	for name, c := range map[string]struct {
		change func(*testing.T, *testkit.Kit, *codes.Engine)
		user   bool
		want   bool
		reason token.Reason
	}{
		"revoked": {change: func(t *testing.T, k *testkit.Kit,
			_ *codes.Engine) {
			k.SetState(t, "1", token.RevokedLost)
		}, reason: token.Revoked},
		"used by another": {change: func(t *testing.T, _ *testkit.Kit, e *codes.Engine) {
			use(t, e, testkit.Code(t, key, 0), true)
		}, reason: token.Replayed},
		"passed by another": {change: func(t *testing.T, _ *testkit.Kit, e *codes.Engine) {
			use(t, e, testkit.Code(t, key, 7), true)
		}, reason: token.Replayed},
		"failed by another": {change: func(t *testing.T, _ *testkit.Kit, e *codes.Engine) {
			use(t, e, testkit.Wrong(t, key, 0, 1)[0], false)
		}, want: true},
		"delayed": {change: func(t *testing.T, _ *testkit.Kit, e *codes.Engine) {
			for _, guess := range testkit.Wrong(t, key, 0, 3) {
				use(t, e, guess, false)
			}
		}, reason: token.Delayed},
		"deleted": {change: func(t *testing.T, k *testkit.Kit, _ *codes.Engine) {
			if _, err := k.Lifecycle.Delete(t.Context(), selector("1"), testkit.Origin); err != nil {
				t.Fatal(err)
			}
		}, reason: token.Unknown},
		"unassigned": {user: true, change: func(t *testing.T, k *testkit.Kit, _ *codes.Engine) {
			if _, err := k.Lifecycle.Unassign(t.Context(), selector("1"), testkit.Origin); err != nil {
				t.Fatal(err)
			}
		}, reason: token.Unassigned},
		"reassigned": {user: true, change: func(t *testing.T, k *testkit.Kit, _ *codes.Engine) {
			if _, err := k.Lifecycle.Unassign(t.Context(), selector("1"), testkit.Origin); err != nil {
				t.Fatal(err)
			}
			k.Assign(t, "1", "bert")
		}, reason: token.Unassigned},
		"user delayed": {user: true, change: func(t *testing.T, k *testkit.Kit, e *codes.Engine) {
			for _, guess := range testkit.Wrong(t, key, 0, 3) {
				valid, err := e.Verify(t.Context(), codes.Request{Lookup: store.Lookup{User: "anna"}, OTP: guess,
					Origin: testkit.Origin})
				if valid || err != nil {
					t.Errorf("a guess: %v, %v", valid, err)
				}
			}
			k.Unlock(t, "1")
		}, reason: token.UserDelayed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := holder(t, key)
			k.User(t, "bert")
			straight := k.Engine
			d := through(t, k, codes.Policy{})
			// Fill the cache, which is what grows old.
			for _, l := range []store.Lookup{lookup("1"), {User: "anna"}} {
				if _, err := k.DB.Candidates(t.Context(), l, false); err != nil {
					t.Fatal(err)
				}
			}
			d.between = func() { c.change(t, k, straight) }
			l := lookup("1")
			if c.user {
				l = store.Lookup{User: "anna"}
			}
			if got := k.Present(t, codes.Request{Lookup: l, OTP: testkit.Code(t, key, 0)}); got != c.want {
				t.Errorf("accepted %v, want %v: %s", got, c.want, k.LastEntry(t).Raw)
			}
			if !c.want {
				recorded(t, k, c.reason)
			}
		})
	}
}

func use(t *testing.T, e *codes.Engine, otp string, want bool) {
	t.Helper()
	valid, err := e.Verify(t.Context(), codes.Request{Lookup: lookup("1"), OTP: otp, Authentication: true,
		Origin: testkit.Origin})
	if err != nil || valid != want {
		t.Errorf("the other caller: %v, %v, want %v", valid, err, want)
	}
}

// A resynchronisation that loses against a login on the same codes is refused.
func TestResyncLosesAgainstVerify(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := kit(t, key)
	straight := k.Engine
	d := through(t, k, codes.Policy{})
	d.between = func() { use(t, straight, testkit.Code(t, key, 5), true) }
	if ok, err := resync(k, "1", testkit.Code(t, key, 4), testkit.Code(t, key, 5)); ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
	next(t, k, "1", 6)
	recorded(t, k, token.NotConsecutive)
}

// After a commit whose outcome nobody knows nothing is accepted, and nobody is told
// that the code is not used.
func TestOutcomeUnknownDoesNotPromiseThatTheCodeIsUnused(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := kit(t, key)
	d := through(t, k, codes.Policy{})
	d.refuse = fmt.Errorf("%w: sync", store.ErrUncertain)
	valid, err := k.Engine.Verify(t.Context(), codes.Request{Lookup: lookup("1"), OTP: testkit.Code(t, key, 0),
		Origin: testkit.Origin})
	if valid {
		t.Error("accepted without a commit")
	}
	isFault(t, err, fault.Uncertain, "outcome_unknown")
	if strings.Contains(err.Error(), "not used") || !strings.Contains(err.Error(), "may be used up") {
		t.Errorf("the error says %v", err)
	}
}

// A database that does not answer accepts nothing and says that it may be
// tried again; the cause stays inside.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := kit(t, key)
	d := through(t, k, codes.Policy{})
	d.refuse = fmt.Errorf("%w: disk full at /secret/path", store.ErrUnavailable)
	valid, err := k.Engine.Verify(t.Context(), codes.Request{Lookup: lookup("1"), OTP: testkit.Code(t, key, 0),
		Origin: testkit.Origin})
	if valid {
		t.Error("accepted without a write")
	}
	isFault(t, err, fault.Unavailable, "unavailable")
	if !errors.Is(err, store.ErrUnavailable) || strings.Contains(err.Error(), "secret") {
		t.Errorf("the error is %v", err)
	}
	d.refuse = nil
	accepted(t, k, "1", testkit.Code(t, key, 0), true)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if valid, err := k.Engine.Verify(ctx, codes.Request{Lookup: lookup("1"), OTP: testkit.Code(t, key, 1),
		Origin: testkit.Origin}); valid || err == nil {
		t.Errorf("with a caller who is gone: %v, %v", valid, err)
	}
}

// Each entry begins where the one before it ended.
func TestLogTellsOneStory(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := kit(t, key)
	guesses := testkit.Wrong(t, key, 0, 2)
	for range 20 {
		c := k.Token(t, "1").Condition.Next
		p := &parallel{Kit: k, t: t, key: key, lookup: lookup("1")}
		p.together([]string{guesses[0], testkit.Code(t, key, c), guesses[1], testkit.Code(t, key, c+1),
			testkit.Code(t, key, c+2)})
		k.Clock.Advance(time.Hour)
	}
	at, count := "0", "0"
	for _, e := range k.Log(t, 0) {
		if e.Action != "code.verified" || e.Before == nil {
			continue
		}
		if e.Before["failures"] != count || (e.Before["next"] != nil && e.Before["next"] != at) {
			t.Errorf("before is counter %s, %s failures: %s", at, count, e.Raw)
		}
		count = fmt.Sprint(e.After["failures"])
		if next, ok := e.After["next"]; ok {
			at = fmt.Sprint(next)
		}
	}
}

func TestNewNeedsItsParts(t *testing.T) {
	t.Parallel()
	if _, err := codes.New(codes.Config{}); err == nil {
		t.Error("an engine without a store is made")
	}
}
