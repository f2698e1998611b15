package audit

import (
	"encoding/hex"
	"time"

	"ostiary/internal/core/token"
)

// CounterFields are where the counter of a token or an application stands. A drift of
// 0 is left out. Of a secret that several tokens hold, it is the token's own.
func CounterFields(c token.Condition) []Field {
	f := []Field{{Name: "next", Value: c.Own()}}
	if c.Drift != 0 {
		f = append(f, Field{Name: "drift", Value: c.Drift})
	}
	return f
}

// FailureFields are the failures of a condition, and the end of the delay that they
// caused, if there is one.
func FailureFields(c token.Condition) []Field {
	f := []Field{{Name: "failures", Value: int64(c.Failures)}}
	if !c.RetryAt.IsZero() {
		f = append(f, Field{Name: "retry_at", Value: Stamp(c.RetryAt)})
	}
	return f
}

// DateFields are when a token is valid.
func DateFields(c token.Condition) []Field {
	return []Field{{Name: "valid_from", Value: Stamp(c.NotBefore)}, {Name: "valid_until", Value: Stamp(c.NotAfter)}}
}

// ConditionFields are all that the log follows of a token, its owner by name. What
// is nothing is left out, but for the epoch, the counter and the state.
func ConditionFields(c token.Condition, owner string) []Field {
	f := append(CounterFields(c), Field{Name: "epoch", Value: c.Epoch},
		Field{Name: "state", Value: c.State.String()})
	if owner != "" {
		f = append(f, Field{Name: "owner", Value: owner})
	}
	if c.Failures != 0 || !c.RetryAt.IsZero() {
		f = append(f, FailureFields(c)...)
	}
	if !c.NotBefore.IsZero() || !c.NotAfter.IsZero() {
		f = append(f, DateFields(c)...)
	}
	return f
}

// AlgorithmField tells what a token counts, which decides what a fence makes of it.
func AlgorithmField(t token.Token) Field {
	return Field{Name: "algorithm", Value: string(t.Spec.Algorithm)}
}

// TypeFields is a token type as the log has it.
func TypeFields(t token.Type) []Field {
	return []Field{{Name: "activation", Value: string(t.Activation)},
		{Name: "algorithm", Value: string(t.Algorithm)}, {Name: "digits", Value: int64(t.Digits)},
		{Name: "hash", Value: t.Hash}, {Name: "kind", Value: string(t.Kind)},
		{Name: "lifetime_days", Value: int64(t.Lifetime)},
		{Name: "manufacturer", Value: t.Manufacturer}, {Name: "max_per_user", Value: int64(t.MaxPerUser)},
		{Name: "period", Value: t.Period},
		{Name: "product", Value: t.Product}, {Name: "profile", Value: t.Profile},
		{Name: "retired", Value: !t.Retired.IsZero()}, {Name: "retired_since", Value: Stamp(t.Retired)},
		{Name: "serial_prefix", Value: t.Prefix}, {Name: "serial_width", Value: int64(t.Width)},
		{Name: "series_start", Value: t.Start},
		{Name: "suite", Value: t.Suite}}
}

// LimitFields are the limits of a profile's activations, times in seconds; 0 for one
// that is the server's.
func LimitFields(l token.ActivationLimits) []Field {
	seconds := func(d time.Duration) int64 { return int64(d / time.Second) }
	return []Field{{Name: "expiry_seconds", Value: seconds(l.Expiry)},
		{Name: "reactivation_failures", Value: int64(l.Failures)},
		{Name: "reactivation_interval_seconds", Value: seconds(l.Interval)},
		{Name: "reactivation_window_seconds", Value: seconds(l.Window)},
		{Name: "reactivations", Value: int64(l.Successes)},
		{Name: "tries", Value: int64(l.Tries)}}
}

// Changed leaves out the fields that are the same before and after. Both sides have the
// same names in the same order.
func Changed(before, after []Field) (was, is []Field) {
	for i := range before {
		if before[i] != after[i] {
			was, is = append(was, before[i]), append(is, after[i])
		}
	}
	return was, is
}

// RetiredField tells since when something is retired.
func RetiredField(since time.Time) Field { return Field{Name: "retired_since", Value: Stamp(since)} }

// Mark shortens a stored hash to what an entry tells it apart by.
func Mark(hash []byte) string { return hex.EncodeToString(hash[:min(4, len(hash))]) }

// TokenUnlock is the entry of a token whose failures are forgotten, but for its time
// and origin.
func TokenUnlock(t token.Token) Entry {
	return Entry{Action: TokenUnlocked, Outcome: Done, Subject: SubjectOf(t), Before: FailureFields(t.Condition),
		After: []Field{{Name: "failures", Value: int64(0)}}}
}

// AdminFields is the account of an administrator as the log has it; mark tells the stored
// password.
func AdminFields(role string, helpDesk bool, mark string, mustChange bool, disabled time.Time) []Field {
	return []Field{{Name: "disabled", Value: Stamp(disabled)}, {Name: "hash", Value: mark},
		{Name: "help_desk", Value: helpDesk}, {Name: "must_change", Value: mustChange}, {Name: "role", Value: role}}
}
