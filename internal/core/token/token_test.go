package token

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/fault"
)

// The order of the cases is that of precedence: each condition below is spoilt
// by all that are spoilt before it as well.
func TestRefusal(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	const limit = 10
	before, after := now.Add(-time.Millisecond), now.Add(time.Millisecond)
	for _, tt := range []struct {
		name string
		c    Condition
		want Reason
	}{
		{"nothing against it", Condition{}, NoReason},
		{"lost", Condition{State: RevokedLost}, Revoked},
		{"broken", Condition{State: RevokedBroken}, Revoked},
		{"other", Condition{State: RevokedOther}, Revoked},
		{"pending", Condition{State: Pending}, NotProven},
		{"pending and all the rest", Condition{State: Pending, NotBefore: after, NotAfter: before, Failures: limit,
			RetryAt: after}, NotProven},
		{"moving and all the rest", Condition{State: Moving, NotBefore: after, NotAfter: before, Failures: limit,
			RetryAt: after}, OnItsWay},
		{"a state that does not exist", Condition{State: 77}, Revoked},
		{"starts later", Condition{NotBefore: after}, NotYetValid},
		{"starts now", Condition{NotBefore: now}, NoReason},
		{"started", Condition{NotBefore: before}, NoReason},
		{"ends later", Condition{NotAfter: after}, NoReason},
		{"ends now", Condition{NotAfter: now}, Expired},
		{"ended", Condition{NotAfter: before}, Expired},
		{"within its dates", Condition{NotBefore: before, NotAfter: after}, NoReason},
		{"failures below the limit", Condition{Failures: limit - 1}, NoReason},
		{"failures at the limit", Condition{Failures: limit}, Locked},
		{"failures above the limit", Condition{Failures: limit + 1}, Locked},
		{"delay running", Condition{Failures: 3, RetryAt: after}, Delayed},
		{"delay over", Condition{Failures: 3, RetryAt: now}, NoReason},
		{"delay long over", Condition{Failures: 3, RetryAt: before}, NoReason},
		{"revoked and all the rest", Condition{State: RevokedLost, NotBefore: after, NotAfter: before, Failures: limit,
			RetryAt: after}, Revoked},
		{"too early and all the rest", Condition{NotBefore: after, NotAfter: before, Failures: limit, RetryAt: after},
			NotYetValid},
		{"expired and all the rest", Condition{NotAfter: before, Failures: limit, RetryAt: after}, Expired},
		{"locked and delayed", Condition{Failures: limit, RetryAt: after}, Locked},
		{"counters do not matter", Condition{Epoch: 9, Next: MaxCounter, Drift: -99, Owner: 7, LastUsed: after},
			NoReason},
	} {
		if got := tt.c.Refusal(now, Lock{Limit: limit}); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		// The same instant in another zone is the same.
		if got := tt.c.Refusal(now.In(time.FixedZone("elsewhere", 3600)), Lock{Limit: limit}); got != tt.want {
			t.Errorf("%s, elsewhere: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// A first code is taken as any code is, but in the state PENDING alone.
func TestProofRefusal(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []Condition{{}, {NotBefore: now.Add(1)}, {NotAfter: now}, {Failures: 10}, {RetryAt: now.Add(1)},
		{Failures: 9, NotBefore: now}} {
		pending := c
		pending.State = Pending
		if got, want := pending.ProofRefusal(now, Lock{Limit: 10}), c.Refusal(now, Lock{Limit: 10}); got != want {
			t.Errorf("%+v: %q, want %q", pending, got, want)
		}
		for state, want := range map[State]Reason{Valid: AlreadyProven, RevokedLost: Revoked, RevokedBroken: Revoked,
			RevokedOther: Revoked, Moving: OnItsWay, 77: Revoked} {
			other := c
			other.State = state
			if got := other.ProofRefusal(now, Lock{Limit: 10}); got != want {
				t.Errorf("%+v: %q, want %q", other, got, want)
			}
		}
	}
	if (Condition{State: Valid}).Proven() || !(Condition{State: RevokedLost, Epoch: 1}).Proven() {
		t.Error("it is the epoch that tells whether a token was proven")
	}
}

// The numbers of the states are in databases, their words in scripts.
func TestStates(t *testing.T) {
	t.Parallel()
	states := []struct {
		number uint8
		state  State
		word   string
	}{
		{0, Valid, "VALID"}, {1, RevokedLost, "REVOKED_TOKEN_LOST"}, {2, RevokedBroken, "REVOKED_TOKEN_BROKEN"},
		{3, RevokedOther, "REVOKED_TOKEN_OTHER"},
		{4, Pending, "PENDING"}, {5, Moving, "MOVING"},
	}
	var words []string
	for _, s := range states {
		words = append(words, s.word)
		if uint8(s.state) != s.number || s.state.String() != s.word {
			t.Errorf("state %d is %q, want %d, %q", s.state, s.state, s.number, s.word)
		}
		for _, text := range []string{s.word, strings.ToLower(s.word)} {
			if got, err := ParseState(text); err != nil || got != s.state {
				t.Errorf("ParseState(%q) = %v, %v", text, got, err)
			}
		}
		// Every state may follow every other, and none itself; but nothing becomes
		// PENDING or MOVING, PENDING not VALID, and MOVING nothing else.
		for _, next := range states {
			want := s.number != next.number && next.number < 4 && s.number != 5 && (s.number != 4 || next.number != 0)
			if got := s.state.CanBecome(next.state); got != want {
				t.Errorf("%s can become %s: %t, want %t", s.state, next.state, got, want)
			}
		}
		if s.state.CanBecome(6) || State(6).CanBecome(s.state) {
			t.Errorf("%s can become what does not exist, or the other way", s.state)
		}
	}
	if got := strings.Join(StateNames(), " "); got != strings.Join(words, " ") {
		t.Errorf("StateNames = %s", got)
	}
	StateNames()[0] = "CHANGED"
	if Valid.String() != "VALID" {
		t.Error("StateNames gives away the table itself")
	}
	for _, text := range []string{"", "LOCKED", "VALID ", "REVOKED", "0", "PENDIN"} {
		_, err := ParseState(text)
		if err == nil || !strings.Contains(err.Error(), "REVOKED_TOKEN_LOST") {
			t.Errorf("ParseState(%q): %v, want an error that lists the states", text, err)
		}
	}
	if got := State(9).String(); got != "State(9)" {
		t.Errorf("State(9) is written %q", got)
	}
}

// The reasons go into the log, where people search for them.
func TestReasonsAreDistinct(t *testing.T) {
	t.Parallel()
	seen := map[Reason]bool{}
	for _, r := range []Reason{NoReason, Wrong, Replayed, OutOfWindow, Malformed, Locked, Delayed, Revoked, NotYetValid,
		Expired, Unknown,
		Unassigned, Ambiguous, NeedsChallenge, UserLocked, UserDelayed, ClientLocked, NotConsecutive, NotProven,
		AlreadyProven} {
		if seen[r] {
			t.Errorf("reason %q twice", r)
		}
		seen[r] = true
	}
}

func TestKinds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Kind{"hardware": Hardware, "Software": Software, "HARDWARE": Hardware} {
		if got, ok := ParseKind(text); !ok || got != want {
			t.Errorf("ParseKind(%q) = %q, %t", text, got, ok)
		}
	}
	for _, text := range []string{"", "hard", "hardware ", "token"} {
		if got, ok := ParseKind(text); ok || got != "" {
			t.Errorf("ParseKind(%q) = %q, %t", text, got, ok)
		}
	}
}

func TestIdentityString(t *testing.T) {
	t.Parallel()
	for want, id := range map[string]Identity{
		"hotp 1":                {Type: "hotp", Serial: "1"},
		"hotp 1 of ACME":        {Type: "hotp", Serial: "1", Manufacturer: "ACME", KeyID: "1"},
		"hotp 1 of ACME, key 2": {Type: "hotp", Serial: "1", Manufacturer: "ACME", KeyID: "2"},
		"totp 1, key 2":         {Type: "totp", Serial: "1", KeyID: "2"},
	} {
		if got := id.String(); got != want {
			t.Errorf("%+v is written %q, want %q", id, got, want)
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	err := NotFoundError("123")
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.NotFound || f.Code != "token_not_found" ||
		!strings.Contains(f.Text, "123") || f.Hint == "" {
		t.Errorf("not found: %#v", err)
	}
	ids := []Identity{{Type: "hotp", Manufacturer: "ACME", Serial: "1", KeyID: "a"},
		{Type: "totp", Serial: "1", KeyID: "b"}}
	err = AmbiguousError("1", ids)
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.Conflict || f.Code != "serial_ambiguous" ||
		fmt.Sprint(f.Details["candidates"]) != fmt.Sprint(ids) {
		t.Errorf("ambiguous: %#v", err)
	}
	for _, part := range []string{"2 tokens", "hotp", "totp", `"ACME"`, `"a"`, `"b"`} {
		if !strings.Contains(f.Text, part) {
			t.Errorf("%q does not say %s", f.Text, part)
		}
	}
}

// MaxCounter leaves room for every window in 63 bits.
func TestMaxCounter(t *testing.T) {
	t.Parallel()
	if got := int64(MaxCounter); got != 4611686018427387903 || got+1_000_000 < 0 {
		t.Errorf("MaxCounter is %d", got)
	}
}
