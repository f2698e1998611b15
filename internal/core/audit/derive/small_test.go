package derive

import (
	"testing"
	"time"

	"ostiary/internal/core/audit"
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
