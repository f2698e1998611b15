package audit

import (
	"slices"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/token"
)

func names(fields []Field) (all []string) {
	for _, f := range fields {
		all = append(all, f.Name)
	}
	return all
}

// An entry of a change tells what is another, before and after, and nothing else.
func TestChangedTellsWhatIsAnother(t *testing.T) {
	t.Parallel()
	before := token.ActivationLimits{Expiry: time.Hour, Tries: 3, Failures: 4}
	after := token.ActivationLimits{Expiry: time.Hour, Tries: 2, Interval: 90 * time.Second, Failures: 4}
	was, is := Changed(LimitFields(before), LimitFields(after))
	want := []Field{{Name: "reactivation_interval_seconds", Value: int64(0)}, {Name: "tries", Value: int64(3)}}
	if !slices.Equal(was, want) {
		t.Errorf("before: %v, want %v", was, want)
	}
	want = []Field{{Name: "reactivation_interval_seconds", Value: int64(90)}, {Name: "tries", Value: int64(2)}}
	if !slices.Equal(is, want) {
		t.Errorf("after: %v, want %v", is, want)
	}
	if was, is := Changed(LimitFields(after), LimitFields(after)); len(was)+len(is) > 0 {
		t.Errorf("no change is told as %v and %v", was, is)
	}
}

// Each part of a definition changes a field of its own, and names are in their order, as
// the canonical form demands.
func TestEachPartOfATypeIsTold(t *testing.T) {
	t.Parallel()
	empty := TypeFields(token.Type{})
	if !slices.IsSorted(names(empty)) {
		t.Errorf("the fields are not in order: %q", names(empty))
	}
	for want, change := range map[string]func(*token.Type){
		"activation":            func(t *token.Type) { t.Activation = "one-step" },
		"algorithm":             func(t *token.Type) { t.Algorithm = token.TOTP },
		"digits":                func(t *token.Type) { t.Digits = 8 },
		"hash":                  func(t *token.Type) { t.Hash = "SHA256" },
		"kind":                  func(t *token.Type) { t.Kind = token.Software },
		"lifetime_days":         func(t *token.Type) { t.Lifetime = 30 },
		"manufacturer":          func(t *token.Type) { t.Manufacturer = "ACME" },
		"max_per_user":          func(t *token.Type) { t.MaxPerUser = 2 },
		"period":                func(t *token.Type) { t.Period = 60 },
		"product":               func(t *token.Type) { t.Product = "Card" },
		"profile":               func(t *token.Type) { t.Profile = "bank" },
		"serial_prefix":         func(t *token.Type) { t.Prefix = "AB" },
		"serial_width":          func(t *token.Type) { t.Width = 8 },
		"series_start":          func(t *token.Type) { t.Start = 7 },
		"suite":                 func(t *token.Type) { t.Suite = "OCRA-1" },
		"retired retired_since": func(t *token.Type) { t.Retired = time.Unix(1, 0) },
	} {
		var changed token.Type
		change(&changed)
		if _, is := Changed(empty, TypeFields(changed)); strings.Join(names(is), " ") != want {
			t.Errorf("%s: the entry tells of %q", want, names(is))
		}
	}
}

// What is nothing of a token is left out, but for what every token has.
func TestConditionTellsWhatThereIs(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]token.Condition{
		"next epoch state":                             {Epoch: 1},
		"next drift epoch state":                       {Drift: -2},
		"next epoch state owner":                       {Owner: 7},
		"next epoch state failures":                    {Failures: 1},
		"next epoch state failures retry_at":           {RetryAt: time.Unix(5, 0)},
		"next epoch state valid_from valid_until":      {NotAfter: time.Unix(9, 0)},
		"next epoch state valid_from valid_until more": {NotBefore: time.Unix(9, 0)},
	} {
		owner := ""
		if c.Owner != 0 {
			owner = "anna"
		}
		if got := strings.Join(names(ConditionFields(c, owner)), " "); got != strings.TrimSuffix(want, " more") {
			t.Errorf("%+v is told by %q, want %q", c, got, want)
		}
	}
}

// A text that is no verifier key is refused before anything is held against it.
func TestVerifierKeyIsChecked(t *testing.T) {
	t.Parallel()
	key := signer(t, "ostiary-test").VerifierKey()
	if err := CheckVerifierKey(key); err != nil {
		t.Errorf("a verifier key is refused: %v", err)
	}
	for _, text := range []string{"", "ostiary-test", key[:len(key)-1], "x" + key} {
		if CheckVerifierKey(text) == nil {
			t.Errorf("%q is taken for a verifier key", text)
		}
	}
}
