package codes_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"ostiary/activation"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/codes"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// multi is a token with three applications for one-time passwords: its own, of
// time and 6 digits; 2, of events and 8 digits; 5, of time, SHA-512 and 10 digits.
type multi struct {
	*testkit.Kit
	own, event, long *pskc.Key
}

func newMulti(t *testing.T) *multi {
	t.Helper()
	m := &multi{own: testkit.TOTP("M1"), event: testkit.Digits(testkit.HOTP("second of M1"), 8),
		long: testkit.Digits(testkit.Period(testkit.TOTP("fifth of M1"), 60), 10)}
	m.long.Hash = "SHA512"
	m.Kit = kit(t, m.own)
	m.User(t, "anna")
	m.Assign(t, "M1", "anna")
	m.apply(t)
	return m
}

// apply gives the token its applications, and more of them.
func (m *multi) apply(t *testing.T, more ...map[int]*pskc.Key) {
	t.Helper()
	all := map[int]*pskc.Key{2: m.event, 5: m.long}
	for _, keys := range more {
		maps.Copy(all, keys)
	}
	m.Apply(t, "M1", all)
}

// stands gives where the token and its applications 2 and 5 stand.
func (m *multi) stands(t *testing.T) [3]uint64 {
	t.Helper()
	return [3]uint64{m.Token(t, "M1").Condition.Next, m.Application(t, "M1", 2).Next, m.Application(t, "M1", 5).Next}
}

// tookIt checks which application the newest entry names; 0 for none.
func tookIt(t *testing.T, k *testkit.Kit, application int) {
	t.Helper()
	want := any(nil)
	if application != 0 {
		want = fmt.Sprint(application)
	}
	if e := k.LastEntry(t); e.Outcome != "accepted" || e.Subject["serial"] != "M1" || e.After["application"] != want {
		t.Errorf("the log says %s, want application %v", e.Raw, want)
	}
}

// A code of each application is one of the token, once.
func TestApplications(t *testing.T) {
	t.Parallel()
	m := newMulti(t)
	own, long := now(t, m.Kit, m.own), now(t, m.Kit, m.long)
	typed := map[int]string{0: testkit.Code(t, m.own, own), 2: testkit.Code(t, m.event, 0),
		5: testkit.Code(t, m.long, long)}
	for _, index := range []int{5, 0, 2} {
		accepted(t, m.Kit, "M1", typed[index], true)
		tookIt(t, m.Kit, index)
		for range 2 { // as it was accepted, and as the cache has it then
			accepted(t, m.Kit, "M1", typed[index], false)
			recorded(t, m.Kit, token.Replayed)
			logsIn(t, m.Kit, "anna", typed[index], false)
			recorded(t, m.Kit, token.Replayed)
			m.unlock(t)
		}
	}
	if got, want := m.stands(t), [3]uint64{own + 1, 1, long + 1}; got != want {
		t.Errorf("the token and its applications stand at %d, want %d", got, want)
	}
	m.Clock.Advance(time.Hour)
	logsIn(t, m.Kit, "anna", testkit.Code(t, m.event, 1), true)
	tookIt(t, m.Kit, 2)
	if e := m.LastEntry(t); e.Before["next"] != "1" || e.After["next"] != "2" || e.After["failures"] != "0" ||
		e.Subject["user"] != "anna" {
		t.Errorf("the log says %s", e.Raw)
	}
	if m.Token(t, "M1").Condition.LastUsed != m.Clock.Now().Truncate(time.Millisecond) {
		t.Error("a login by an application is no use of the token")
	}
	secretFree(t, m.Kit, []*pskc.Key{m.own, m.event, m.long}, slices.Collect(maps.Values(typed)))
}

// Each application has its own window.
func TestWindowsOfApplications(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		key    func(*multi) *pskc.Key
		ahead  int // counters or steps from where the application stands, or from now
		wide   bool
		want   bool
		reason token.Reason
	}{
		"the tenth event":             {(*multi).keyEvent, 9, false, true, ""},
		"the eleventh event":          {(*multi).keyEvent, 10, false, false, token.OutOfWindow},
		"the eleventh event, wide":    {(*multi).keyEvent, 10, true, true, ""},
		"the hundredth event, wide":   {(*multi).keyEvent, 99, true, true, ""},
		"one beyond, wide":            {(*multi).keyEvent, 100, true, false, token.OutOfWindow},
		"one minute ahead":            {(*multi).keyLong, 1, false, true, ""},
		"one minute behind":           {(*multi).keyLong, -1, false, true, ""},
		"two minutes ahead":           {(*multi).keyLong, 2, false, false, token.OutOfWindow},
		"two minutes behind":          {(*multi).keyLong, -2, false, false, token.TooOld},
		"twenty minutes ahead, wide":  {(*multi).keyLong, 20, true, true, ""},
		"twenty minutes behind, wide": {(*multi).keyLong, -20, true, true, ""},
		"two minutes ahead, wide":     {(*multi).keyLong, 2, true, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMulti(t)
			key, index, from := tt.key(m), 2, uint64(0)
			if key == m.long {
				index, from = 5, now(t, m.Kit, key)
			}
			counter := from + uint64(tt.ahead)
			if got := m.Present(t, codes.Request{Lookup: lookup("M1"), OTP: testkit.Code(t, key, counter),
				Wide: tt.wide}); got != tt.want {
				t.Fatalf("accepted: %v, want %v: %s", got, tt.want, m.LastEntry(t).Raw)
			}
			if !tt.want {
				recorded(t, m.Kit, tt.reason)
				return
			}
			tookIt(t, m.Kit, index)
			a := m.Application(t, "M1", index)
			if a.Next != counter+1 || key == m.long && a.Drift != int64(tt.ahead) {
				t.Errorf("the application stands at %d with drift %d after %d", a.Next, a.Drift, counter)
			}
			if c := m.Token(t, "M1").Condition; c.Next != 0 || c.Drift != 0 {
				t.Errorf("the token moved as well: %+v", c)
			}
		})
	}
}

func (m *multi) keyEvent() *pskc.Key { return m.event }
func (m *multi) keyLong() *pskc.Key  { return m.long }

// What an application has learned of the clock moves its window, and no other.
func TestDriftOfAnApplication(t *testing.T) {
	t.Parallel()
	m := newMulti(t)
	step := now(t, m.Kit, m.long)
	accepted(t, m.Kit, "M1", testkit.Code(t, m.long, step+1), true)
	accepted(t, m.Kit, "M1", testkit.Code(t, m.long, step+2), true) // as it was two ahead of now
	accepted(t, m.Kit, "M1", testkit.Code(t, m.own, now(t, m.Kit, m.own)+2), false)
	recorded(t, m.Kit, token.OutOfWindow)
}

// One code presented 64 times at once is accepted once, by whatever door; so is
// one that is right for two applications, over both.
func TestParallelUsesOfAnApplicationsCode(t *testing.T) {
	t.Parallel()
	m := newMulti(t)
	m.apply(t, map[int]*pskc.Key{7: m.event}) // the key of 2 once more
	for round := range uint64(5) {
		for _, lookup := range []store.Lookup{lookup("M1"), {User: "anna"}} {
			m.Clock.Advance(10 * time.Minute)
			p := &parallel{Kit: m.Kit, t: t, lookup: lookup}
			code := testkit.Code(t, m.long, now(t, m.Kit, m.long))
			if got := p.together(times(code, at64)); got != 1 {
				t.Errorf("round %d: 64 uses of one code: %d accepted", round, got)
			}
			m.unlock(t)
			code = testkit.Code(t, m.event, m.Application(t, "M1", 2).Next)
			if got := p.together(times(code, at64)); got != 1 {
				t.Errorf("round %d: 64 uses of a code of two applications: %d accepted", round, got)
			}
			m.unlock(t)
			if one, other := m.Application(t, "M1", 2).Next, m.Application(t, "M1", 7).Next; one != other {
				t.Errorf("round %d: two applications of one key stand at %d and %d", round, one, other)
			}
		}
	}
}

func (m *multi) unlock(t *testing.T) {
	t.Helper()
	m.Unlock(t, "M1")
	if _, err := m.Users.Unlock(t.Context(), "anna", testkit.Origin); err != nil {
		t.Fatal(err)
	}
}

// Different codes of one token at once are each accepted once.
func TestParallelUsesOfSeveralApplications(t *testing.T) {
	t.Parallel()
	m := newMulti(t)
	typed := []string{testkit.Code(t, m.own, now(t, m.Kit, m.own)), testkit.Code(t, m.event, 0),
		testkit.Code(t, m.long, now(t, m.Kit, m.long))}
	var wg sync.WaitGroup
	valid := make([]bool, len(typed))
	for i, code := range typed {
		wg.Go(func() { valid[i] = m.Verify(t, "M1", code) })
	}
	wg.Wait()
	if slices.Contains(valid, false) {
		t.Errorf("accepted: %v, want all", valid)
	}
	failures(t, m.Kit, "M1", 0)
}

// However many applications a wrong code is compared with, it is one failure, and
// the lock that follows holds for all of them.
func TestFailureOfApplications(t *testing.T) {
	t.Parallel()
	m := newMulti(t)
	short := testkit.HOTP("third of M1")
	m.apply(t, map[int]*pskc.Key{3: short})
	for n, guess := range testkit.Wrong(t, short, 0, 10) {
		logsIn(t, m.Kit, "anna", guess, false)
		failures(t, m.Kit, "M1", n+1)
		if u := m.FindUser(t, "anna"); u.Failures != n+1 {
			t.Errorf("after %d wrong codes the user has %d failures", n+1, u.Failures)
		}
		m.Clock.Advance(time.Hour)
	}
	for _, code := range []string{testkit.Code(t, m.event, 0), testkit.Code(t, short, 0),
		testkit.Code(t, m.own, now(t, m.Kit, m.own))} {
		accepted(t, m.Kit, "M1", code, false)
		recorded(t, m.Kit, token.Locked)
	}
	m.unlock(t)
	accepted(t, m.Kit, "M1", testkit.Code(t, short, 0), true)
	tookIt(t, m.Kit, 3)
	// The log has what tells the most: wrong for the token itself, replayed for 3.
	accepted(t, m.Kit, "M1", testkit.Code(t, short, 0), false)
	recorded(t, m.Kit, token.Replayed)
	accepted(t, m.Kit, "M1", testkit.Code(t, short, 60), false)
	recorded(t, m.Kit, token.OutOfWindow)
	failures(t, m.Kit, "M1", 2)
	if e := m.LastEntry(t); e.Before["failures"] != "1" || e.After["failures"] != "2" {
		t.Errorf("the log says %s", e.Raw)
	}
}

// A code that none of the keys can show is no try; one that some can is.
func TestLengthsOfApplications(t *testing.T) {
	t.Parallel()
	m := newMulti(t)
	for _, otp := range []string{"1234567", "123456789"} {
		unchangedToken(t, m.Kit, func() { accepted(t, m.Kit, "M1", otp, false) })
		recorded(t, m.Kit, token.Malformed)
		_, err := m.Engine.Verify(t.Context(), codes.Request{Lookup: lookup("M1"), OTP: otp, MayList: true,
			Origin: testkit.Origin})
		isFault(t, err, fault.Invalid, "otp_length")
		if f, ok := errors.AsType[*fault.Error](err); ok &&
			f.Text != fmt.Sprintf("The token shows codes of 6, 8 or 10 digits; this one has %d.", len(otp)) {
			t.Errorf("the error says %q", f.Text)
		}
	}
	for _, key := range []*pskc.Key{m.event, m.long, m.own} {
		near := uint64(0)
		if key != m.event {
			near = now(t, m.Kit, key)
		}
		valid, err := m.Engine.Verify(
			t.Context(), codes.Request{Lookup: lookup("M1"), OTP: testkit.Wrong(t, key, near, 1)[0], MayList: true,
				Origin: testkit.Origin})
		if valid || err != nil {
			t.Errorf("a wrong code of %d digits: %v, %v", key.Digits(), valid, err)
		}
		recorded(t, m.Kit, token.Wrong)
		m.Unlock(t, "M1")
	}
}

func unchangedToken(t *testing.T, k *testkit.Kit, do func()) {
	t.Helper()
	before := k.Token(t, "M1").Condition
	do()
	if after := k.Token(t, "M1").Condition; after != before {
		t.Errorf("the token changed from %+v to %+v", before, after)
	}
}

// Applications that answer challenges or sign are kept, and nothing is tried
// against them, whatever their spec says.
func TestOtherModesAreNotTried(t *testing.T) {
	t.Parallel()
	for _, mode := range []activation.Mode{activation.ChallengeResponse, activation.Signature} {
		m := newMulti(t)
		a := m.Application(t, "M1", 2)
		a.Mode = mode
		m.SetApplications(t, "M1", []store.Application{a})
		unchangedToken(t, m.Kit, func() { accepted(t, m.Kit, "M1", testkit.Code(t, m.event, 0), false) })
		recorded(t, m.Kit, token.Malformed)
	}
}

// What the cache knows of applications ends with them.
func TestApplicationsAreReplaced(t *testing.T) {
	t.Parallel()
	m := newMulti(t)
	accepted(t, m.Kit, "M1", testkit.Code(t, m.event, 0), true)
	m.apply(t, map[int]*pskc.Key{2: testkit.Digits(testkit.HOTP("another"), 8)})
	accepted(t, m.Kit, "M1", testkit.Code(t, m.event, 1), false)
	recorded(t, m.Kit, token.Wrong)
	accepted(t, m.Kit, "M1", testkit.Code(t, testkit.Digits(testkit.HOTP("another"), 8), 0), true)
	m.Apply(t, "M1", nil)
	accepted(t, m.Kit, "M1", testkit.Code(t, testkit.Digits(testkit.HOTP("another"), 8), 1), false)
	recorded(t, m.Kit, token.Malformed)
}

// An application of a PENDING token takes no code, and proves nothing.
func TestApplicationsOfAPendingToken(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	own, event := k.Create(t, "app-hotp"), testkit.HOTP("event")
	k.Apply(t, own.Serial, map[int]*pskc.Key{2: event})
	accepted(t, k, own.Serial, testkit.Code(t, event, 0), false)
	recorded(t, k, token.NotProven)
	failures(t, k, own.Serial, 0)
	confirm := func(otp string) bool {
		valid, err := k.Engine.Confirm(t.Context(), codes.ConfirmRequest{Lookup: lookup(own.Serial), OTP: otp,
			Origin: testkit.Origin})
		if err != nil {
			t.Fatal(err)
		}
		return valid
	}
	if confirm(testkit.Code(t, event, 0)) {
		t.Error("a code of an application proves the token")
	}
	failures(t, k, own.Serial, 1)
	if !confirm(testkit.Code(t, own, 0)) {
		t.Error("the token's own code does not")
	}
	accepted(t, k, own.Serial, testkit.Code(t, event, 0), true)
}

// A key that is still to come is no key that all know.
func TestKeysToCome(t *testing.T) {
	t.Parallel()
	m := newMulti(t)
	m.long.Secret = nil
	m.apply(t)
	guess := func(otp string) {
		t.Helper()
		for range 2 { // the cache knows it then
			unchangedToken(t, m.Kit, func() { accepted(t, m.Kit, "M1", otp, false) })
			recorded(t, m.Kit, token.NotProven)
		}
	}
	guess("0123456789")
	accepted(t, m.Kit, "M1", testkit.Code(t, m.event, 0), true)

	tok := m.Token(t, "M1")
	tok.ID, tok.OwnerName, tok.Condition.Owner = 0, "", 0
	tok.Identity.Serial = "empty"
	m.Stage(t, tok, nil)
	for range 2 {
		accepted(t, m.Kit, "empty", "012345", false)
		recorded(t, m.Kit, token.NotProven)
		failures(t, m.Kit, "empty", 0)
	}
	m.Apply(t, "empty", map[int]*pskc.Key{2: testkit.HOTP("short")})
	accepted(t, m.Kit, "empty", testkit.Code(t, testkit.HOTP("short"), 0), true)
	_, err := resync(m.Kit, "empty", "012345", "678901")
	isFault(t, err, fault.Conflict, "awaits_activation")
}

// A user's other token is asked for by leaving one out.
func TestExcept(t *testing.T) {
	t.Parallel()
	one, two := testkit.HOTP("1"), testkit.HOTP("2")
	k := kit(t, one, two)
	for _, user := range []string{"anna", "nobody's"} {
		k.User(t, user)
	}
	k.Assign(t, "1", "anna")
	k.Assign(t, "2", "anna")
	k.Apply(t, "1", map[int]*pskc.Key{2: testkit.Digits(testkit.HOTP("event"), 8)})
	temporaries := issue(t, k, "anna", 1)
	except := codes.Request{Lookup: store.Lookup{User: "anna"}, Except: k.Token(t, "1").ID}
	try := func(r codes.Request, otp string, want bool) {
		t.Helper()
		r.OTP = otp
		if got := k.Present(t, r); got != want {
			t.Errorf("%+v: %v, want %v: %s", r, got, want, k.LastEntry(t).Raw)
		}
	}
	logsIn(t, k, "anna", testkit.Code(t, one, 0), true) // into the cache
	try(except, testkit.Code(t, one, 1), false)
	recorded(t, k, token.Wrong)
	next(t, k, "1", 1)
	failures(t, k, "1", 0)
	failures(t, k, "2", 1)
	for _, otp := range []string{temporaries[0], testkit.Code(t, testkit.Digits(testkit.HOTP("event"), 8), 0)} {
		try(except, otp, false)
		recorded(t, k, token.Malformed)
	}
	try(except, testkit.Code(t, two, 0), true)
	if e := k.LastEntry(t); e.Subject["serial"] != "2" || e.Subject["user"] != "anna" {
		t.Errorf("the log says %s", e.Raw)
	}
	logsIn(t, k, "anna", temporaries[0], true)
	logsIn(t, k, "anna", testkit.Code(t, one, 1), true)

	// With nothing left it is as for a user without tokens.
	if _, err := k.Lifecycle.Unassign(t.Context(), selector("2"), testkit.Origin); err != nil {
		t.Fatal(err)
	}
	d := through(t, k, codes.Policy{})
	for range 2 {
		try(codes.Request{Lookup: store.Lookup{User: "nobody's"}, Except: except.Except}, "123456", false)
		recorded(t, k, token.Unassigned)
		want := d.taken()
		try(except, testkit.Code(t, one, 2), false)
		recorded(t, k, token.Unassigned)
		if e := k.LastEntry(t); fmt.Sprint(e.Subject) != "map[user:anna]" {
			t.Errorf("the log says %s", e.Raw)
		}
		if got := d.taken(); !slices.Equal(got, want) {
			t.Errorf("the store was called by %v, want %v", got, want)
		}
	}
	if u := k.FindUser(t, "anna"); u.Failures != 0 {
		t.Errorf("the user has %d failures, want none", u.Failures)
	}
	next(t, k, "1", 2)
}
