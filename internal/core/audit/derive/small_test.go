package derive

import (
	"testing"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
)

// An API key ends when the log says; that of an older program, which tells no end, never.
func TestKeyEndsWhenTheLogSays(t *testing.T) {
	t.Parallel()
	made := func(fields ...audit.Field) *fold {
		f := newFold(t)
		f.add(audit.Entry{Action: audit.KeyCreated, Subject: audit.Subject{Other: "radius"},
			After: append([]audit.Field{field("id", "1"), field("role", "verifier"), field("hash", "aabbccdd"),
				field("help_desk", false)}, fields...)})
		return f
	}
	is := Key{ID: "1", Name: "radius", Role: "verifier", Mark: "aabbccdd"}
	f := made()
	f.Key(is)
	f.found()
	is.Expires = at.UnixMilli()
	f = made(field("expires", audit.Stamp(at)))
	f.Key(is)
	f.found()
	f = made()
	f.Key(is)
	f.found("in the database its end is " + "1772366400000, but according to the log 0")
	f = made(field("expires", audit.Stamp(at.Add(time.Hour))))
	f.Key(is)
	f.found("in the database its end is 1772366400000, but according to the log 1772370000000")

	// A line of an older program has no end.
	old := New()
	l := old.Load()
	for _, line := range []string{"log\t1\t9\t0\t1\t0\t0\t0", "key\t1\tradius\tverifier\taabbccdd\t0\t0\t3"} {
		if err := l.Line([]byte(line)); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
	}
	is.Expires = 0
	old.Key(is)
	if r := old.Result(); r.Count != 0 {
		t.Errorf("found %v", r.Findings)
	}
}

// A profile has the limits that the log says. An entry that tells others before it than
// the entries do stays visible, and so does a row that nobody was told of.
func TestLimitsOfAProfileFollowFromTheLog(t *testing.T) {
	t.Parallel()
	limited := token.ActivationLimits{Expiry: time.Hour, Tries: 2, Window: 48 * time.Hour, Successes: 3, Failures: 4,
		Interval: time.Minute}
	set := func(f *fold, from, to token.ActivationLimits) {
		before, after := audit.Changed(audit.LimitFields(from), audit.LimitFields(to))
		f.add(audit.Entry{Action: audit.ProfileLimited, Subject: audit.Subject{Other: "bank"}, Before: before, After: after})
	}
	made := func() *fold {
		f := newFold(t)
		f.add(audit.Entry{Action: audit.ProfileCreated, Subject: audit.Subject{Other: "bank"},
			After: []audit.Field{field("fingerprint", "1234")}})
		return f
	}
	is := Profile{Name: "bank", Fingerprint: "1234"}
	f := made()
	set(f, token.ActivationLimits{}, limited)
	back := limited
	back.Expiry = 0
	set(f, limited, back) // one of them is the server's again
	is.Limits = back
	f.Profile(is)
	f.found()

	f = made()
	set(f, token.ActivationLimits{}, limited)
	f.Profile(is)
	f.found("in the database the limit expiry_seconds is 0, but according to the log 3600")

	f = made()
	other := limited
	other.Tries = 9
	set(f, other, limited) // an entry that says that it was 9
	is.Limits = token.ActivationLimits{Tries: 2}
	f.Profile(is)
	f.found("the entry says that tries was 9, but according to the earlier entries 0 (the last is 0): it was changed outside the log")

	f = newFold(t)
	set(f, token.ActivationLimits{}, limited)
	f.found("the entry is about a profile that no entry created")

	// A line of an older program has none.
	old := New()
	l := old.Load()
	for _, line := range []string{"log\t1\t9\t0\t1\t0\t0\t0", "profile\tbank\t1234\t3\t0"} {
		if err := l.Line([]byte(line)); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
	}
	is.Limits = token.ActivationLimits{}
	old.Profile(is)
	if r := old.Result(); r.Count != 0 {
		t.Errorf("found %v", r.Findings)
	}
}
