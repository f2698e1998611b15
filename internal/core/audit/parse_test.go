package audit

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestParse(t *testing.T) {
	t.Parallel()
	e := Entry{Time: at, Action: CodeVerified, Outcome: Accepted, Reason: "a \"reason\"",
		Origin:  Origin{Actor: "key:radius", Role: "verifier", Source: "s", Request: "r"},
		Subject: Subject{Type: "hotp", Manufacturer: "A\nB", Serial: "1", KeyID: "k", User: "alice", Other: "o"},
		Before:  []Field{{"next", uint64(7)}, {"state", "VALID"}}, After: []Field{{"ok", true}, {"drift", int64(-3)}},
		Also: []Change{{Subject: Subject{Serial: "2"}, Before: []Field{{"next", uint64(1)}}}, {}}}
	var p Parser
	for range 2 { // with the memory of the first
		got, err := p.Parse(e.Canonical())
		if err != nil {
			t.Fatal(err)
		}
		said := fmt.Sprintf("%d %s %s %s %s", got.Version, got.Action, got.Outcome, got.Time, values(got.ParsedChange))
		for _, c := range got.Also {
			said += " | " + values(c)
		}
		if want := "2 code.verified accepted 2026-03-01T11:30:45.678Z [hotp A\nB 1 k alice o] next=7 state=VALID " +
			"> drift=-3 " +
			"ok=true | [  2   ] next=1 > | [     ] >"; said != want {
			t.Errorf("parsed as\n%q, want\n%q", said, want)
		}
	}
}

func values(c ParsedChange) string {
	s := c.Subject
	var b strings.Builder
	fmt.Fprintf(&b, "[%s %s %s %s %s %s]", s.Type, s.Manufacturer, s.Serial, s.KeyID, s.User, s.Other)
	for _, v := range c.Before {
		fmt.Fprintf(&b, " %s=%s", v.Name, v.Text)
	}
	b.WriteString(" >")
	for _, v := range c.After {
		fmt.Fprintf(&b, " %s=%s", v.Name, v.Text)
	}
	return b.String()
}

// Entries of version 1 are read on; what Canonical does not write is not.
func TestParseIsClosed(t *testing.T) {
	t.Parallel()
	good := []string{`{"v":1}`, `{"v":2}`, `{"after":{},"v":2}`, `{"also":[{}],"v":2}`,
		`{"action":"é\u0001","v":1}`, `{"after":{"a":18446744073709551615},"v":2}`}
	bad := []string{``, `{`, `{}x`, `[]`, ` {"v":2}`, `{"v": 2}`, `{"v":3}`, `{"v":0}`, `{"v":"2"}`, `{"v":02}`,
		`{"more":1,"v":2}`, `{"v":2,"action":"a"}`, `{"v":2,"v":2}`, `{"after":{"b":1,"a":1},"v":2}`,
		`{"after":{"a":1,"a":1},"v":2}`, `{"after":{"a":1.5},"v":2}`, `{"after":{"a":null},"v":2}`,
		`{"after":{"a":[]},"v":2}`, `{"subject":{"x":"1"},"v":2}`, `{"subject":"x","v":2}`, `{"also":[],"v":2}`,
		`{"also":{},"v":2}`, `{"also":[{"action":"a"}],"v":2}`, `{"action":"a`, `{"action":"\`, `{"action":"\x","v":2}`,
		"{\"action\":\"\n\",\"v\":2}", `{"after":{"a":-},"v":2}`, `{"after":{"a":--1},"v":2}`, `{"v":2}{"v":2}`}
	var p Parser
	for _, text := range good {
		if _, err := p.Parse([]byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range bad {
		if got, err := p.Parse([]byte(text)); err == nil {
			t.Errorf("%s is parsed as %+v", text, got)
		}
	}
}

func TestStamp(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{{}, at, at.Truncate(time.Second), time.UnixMilli(1).UTC(), time.UnixMilli(-1)} {
		want := int64(0)
		if !at.IsZero() {
			want = at.UnixMilli()
		}
		if got, err := ParseStamp([]byte(Stamp(at))); err != nil || got != want {
			t.Errorf("%s: %d, %v, want %d", Stamp(at), got, err, want)
		}
	}
	if got := Stamp(at); got != "2026-03-01T11:30:45.678Z" {
		t.Errorf("written %s", got)
	}
}

// What the parser reads is JSON: Verify asks nobody else about it. Each byte of an entry is
// each byte in turn, is left out, and stands twice.
func TestWhatIsParsedIsJSON(t *testing.T) {
	t.Parallel()
	for _, entry := range []string{
		`{"action":"code.verified","after":{"a":true,"next":-8},"also":[{"after":{"a":false}},{}],"v":2}`,
		`{"action":"a\u0001é\"\\","subject":{"serial":"1","user":""},"time":"2026-03-01T11:30:45Z","v":1}`, `{}`,
	} {
		read := 0
		var p Parser
		try := func(e []byte) {
			if _, err := p.Parse(e); err != nil {
				return
			}
			if read++; !json.Valid(e) {
				t.Errorf("%q is parsed, and is no JSON", e)
			}
		}
		try([]byte(entry))
		for i := range entry {
			for c := range 256 {
				try([]byte(entry[:i] + string([]byte{byte(c)}) + entry[i+1:]))
				try([]byte(entry[:i] + string([]byte{byte(c)}) + entry[i:]))
			}
			try([]byte(entry[:i] + entry[i+1:]))
			try([]byte(entry[:i]))
		}
		if read == 0 {
			t.Errorf("nothing of %s is read", entry)
		}
	}
}

// What the parser reads is JSON, and says the same to encoding/json.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"action":"code.verified","after":{"next":8},"also":[{"after":{"a":true}}],"subject":{"serial":"1"},"v":2}`))
	f.Add([]byte(`{"action":"a\u0001é","v":1}`))
	f.Fuzz(func(t *testing.T, entry []byte) {
		var p Parser
		got, err := p.Parse(entry)
		if err != nil {
			return
		}
		if !json.Valid(entry) {
			t.Fatalf("%q is parsed, and is no JSON", entry)
		}
		if !utf8.Valid(entry) {
			return
		}
		var same struct {
			Action  string
			V       int
			Subject struct{ Serial string }
			After   map[string]any
		}
		d := json.NewDecoder(strings.NewReader(string(entry)))
		d.UseNumber()
		if err := d.Decode(&same); err != nil {
			t.Fatalf("%q is parsed, and is no JSON: %v", entry, err)
		}
		if string(got.Action) != same.Action || got.Version != same.V || len(got.After) != len(same.After) {
			t.Errorf("%q is parsed as %+v, want %+v", entry, got, same)
		}
	})
}
