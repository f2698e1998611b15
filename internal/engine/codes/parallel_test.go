package codes_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// rounds is how often the parallel test runs: 100 times, or as the environment
// says.
func rounds(t *testing.T) int {
	text := os.Getenv("OSTIARY_SOAK_ROUNDS")
	if text == "" {
		return 100
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("OSTIARY_SOAK_ROUNDS is %q, not a number of rounds", text)
	}
	return n
}

// One code presented 64 times at once is accepted exactly once, wrong guesses
// among them or not; after the lock no code is, the right one neither; after
// the unlocking the token works again from where it stood.
func TestParallelUsesOfOneCode(t *testing.T) {
	n := rounds(t)
	for _, kind := range []pskc.Kind{pskc.HOTP, pskc.TOTP} {
		for _, door := range []string{"serial", "user"} {
			t.Run(fmt.Sprintf("%s by %s", kind, door), func(t *testing.T) {
				t.Parallel()
				k := testkit.New(t)
				keys := make([]*pskc.Key, n)
				for i := range keys {
					make := testkit.HOTP
					if kind == pskc.TOTP {
						make = testkit.TOTP
					}
					keys[i] = make(fmt.Sprintf("P%05d", i))
				}
				k.Import(t, keys...)
				for i, key := range keys {
					p := &parallel{Kit: k, t: t, key: key, lookup: store.Lookup{Serial: key.Serial}}
					if door == "user" {
						p.user = fmt.Sprintf("u%05d", i)
						p.lookup = store.Lookup{User: p.user}
						k.User(t, p.user)
						k.Assign(t, key.Serial, p.user)
					}
					p.round()
					if t.Failed() {
						return
					}
				}
			})
		}
	}
}

// parallel is one round on one token.
type parallel struct {
	*testkit.Kit
	t      *testing.T
	key    *pskc.Key
	user   string
	lookup store.Lookup
}

const at64 = 64

func (p *parallel) round() {
	t := p.t
	start := p.LogSize(t)
	code := testkit.Code(t, p.key, p.next())
	guesses := testkit.Wrong(t, p.key, p.next(), 16)

	// Two wrong guesses cause no delay, so the code must get through.
	if got := p.together(append(guesses[:2:2], times(code, at64)...)); got != 1 {
		t.Errorf("%d uses of one code at once: %d accepted, want 1", at64, got)
	}
	// The replays that followed have counted; on to one failure before the lock.
	for p.failures() < 9 {
		p.Clock.Advance(time.Hour)
		before := p.failures()
		if got := p.together(append(guesses[2:6:6], code, code)); got != 0 {
			t.Errorf("%d wrong or used codes accepted", got)
		}
		if after := p.failures(); after <= before || (before >= 3 && after != before+1) {
			t.Fatalf("failures went from %d to %d in a burst of wrong codes", before, after)
		}
	}
	// The last guess races with the right code: either may come first.
	p.Clock.Advance(time.Hour)
	code = testkit.Code(t, p.key, p.next())
	got := p.together(append(times(code, at64/2), guesses[6:14]...))
	if locked := p.failures() >= 10; got > 1 || locked == (got == 1) {
		t.Errorf("the code against the last guess: %d accepted, locked %v", got, locked)
	}
	for p.failures() < 10 {
		p.Clock.Advance(time.Hour)
		p.together(guesses[14:16])
	}
	stands := p.Token(t, p.key.Serial).Condition.Next

	p.Clock.Advance(24 * time.Hour)
	code = testkit.Code(t, p.key, p.next())
	if got := p.together(append(guesses[:2:2], times(code, at64)...)); got != 0 {
		t.Errorf("a locked token: %d accepted, want 0", got)
	}
	if c := p.Token(t, p.key.Serial).Condition; c.Next != stands || c.Failures != 10 {
		t.Errorf("a locked token moved: counter %d, was %d; %d failures, want 10", c.Next, stands, c.Failures)
	}

	p.unlock()
	if got := p.together(append(guesses[:2:2], times(code, at64)...)); got != 1 {
		t.Errorf("after the unlocking: %d accepted, want 1", got)
	}
	p.checkLog(start)
}

// next is the counter or time step whose code is right now.
func (p *parallel) next() uint64 {
	c := p.Token(p.t, p.key.Serial).Condition
	if p.key.Kind == pskc.HOTP {
		return c.Next
	}
	return testkit.Step(p.t, p.key, p.Clock.Now())
}

// failures is the count that locks first: the user's and the token's are the
// same, as the user has one token.
func (p *parallel) failures() int {
	n := p.Token(p.t, p.key.Serial).Condition.Failures
	if p.user != "" {
		if u := p.FindUser(p.t, p.user); u.Failures != n {
			p.t.Errorf("the user has %d failures, the only token %d", u.Failures, n)
		}
	}
	return n
}

func (p *parallel) unlock() {
	ctx := context.Background()
	if _, err := p.Lifecycle.Unlock(ctx, tokens.Selector{Serial: p.key.Serial}, testkit.Origin); err != nil {
		p.t.Fatal(err)
	}
	if p.user != "" {
		if _, err := p.Users.Unlock(ctx, p.user, testkit.Origin); err != nil {
			p.t.Fatal(err)
		}
	}
}

// together presents codes all at once and counts the acceptances.
func (p *parallel) together(typed []string) (accepted int) {
	var wg sync.WaitGroup
	valid := make([]bool, len(typed))
	gate := make(chan struct{})
	for i, code := range typed {
		wg.Go(func() {
			<-gate
			var err error
			valid[i], err = p.Engine.Verify(context.Background(),
				codes.Request{Lookup: p.lookup, OTP: code, Authentication: true, Origin: testkit.Origin})
			if err != nil {
				p.t.Errorf("verify: %v", err)
			}
		})
	}
	close(gate)
	wg.Wait()
	for _, v := range valid {
		if v {
			accepted++
		}
	}
	return accepted
}

func times(code string, n int) []string {
	typed := make([]string, n)
	for i := range typed {
		typed[i] = code
	}
	return typed
}

// checkLog reads the round's entries in order: no counter is accepted twice,
// counters only rise, and nothing is accepted between the lock and the unlock.
func (p *parallel) checkLog(from int64) {
	locked, last, accepted := false, uint64(0), 0
	for _, e := range p.Log(p.t, from) {
		switch {
		case e.Subject["serial"] != p.key.Serial:
		case e.Action == "token.unlocked":
			locked = false
		case e.Outcome == "accepted":
			next, err := strconv.ParseUint(fmt.Sprint(e.After["next"]), 10, 64)
			if err != nil {
				p.t.Fatal(err)
			}
			if locked {
				p.t.Errorf("accepted after the lock: %s", e.Raw)
			}
			if next <= last {
				p.t.Errorf("counter %d accepted after %d: %s", next, last, e.Raw)
			}
			last = next
			accepted++
		case e.After["failures"] == "10":
			locked = true
		}
	}
	if accepted < 2 || accepted > 3 {
		p.t.Errorf("%d acceptances in the log, want 2, or 3 if the code beat the last guess", accepted)
	}
}
