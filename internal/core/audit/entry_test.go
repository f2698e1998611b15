package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"ostiary/internal/core/token"
)

var at = time.Date(2026, 3, 1, 12, 30, 45, 678_900_000, time.FixedZone("elsewhere", 3600))

// The stored form of entries is hashed for good. These do not change.
func TestCanonicalVectors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		entry Entry
		want  string
	}{
		{"empty", Entry{}, `{"time":"0001-01-01T00:00:00.000Z","v":2}`},
		{"everything", Entry{
			Time: at, Action: CodeVerified, Outcome: Accepted, Reason: "because",
			Origin: Origin{Actor: "key:radius", Role: "verifier", Source: "10.0.0.1:4711", Request: "r-1"},
			Subject: Subject{Type: "hotp", Manufacturer: "ACME", Serial: "123", KeyID: "k", User: "alice",
				Other: "other"},
			Before: []Field{{"failures", int64(2)}, {"next", uint64(7)}},
			After:  []Field{{"authentication", true}, {"drift", int64(-3)}, {"state", "VALID"}},
		}, `{"action":"code.verified","actor":"key:radius","after":{"authentication":true,"drift":-3,"state":"VALID"},` +
			`"before":{"failures":2,"next":7},"outcome":"accepted","reason":"because","request":"r-1","role":"verifier",` +
			`"source":"10.0.0.1:4711","subject":{"key_id":"k","manufacturer":"ACME","other":"other","serial":"123","type":"hotp","user":"alice"},` +
			`"time":"2026-03-01T11:30:45.678Z","v":2}`},
		{"part of a subject", Entry{Time: at, Subject: Subject{User: "bob"}},
			`{"subject":{"user":"bob"},"time":"2026-03-01T11:30:45.678Z","v":2}`},
		{"unsorted fields", Entry{Time: at, After: []Field{{"b", "2"}, {"a", "1"}, {"aa", ""}, {"B", false}}},
			`{"after":{"B":false,"a":"1","aa":"","b":"2"},"time":"2026-03-01T11:30:45.678Z","v":2}`},
		{"no fields", Entry{Time: at, After: []Field{}}, `{"time":"2026-03-01T11:30:45.678Z","v":2}`},
		{"numbers at their ends",
			Entry{Time: at, After: []Field{{"a", int64(math.MinInt64)}, {"b", int64(math.MaxInt64)},
				{"c", uint64(math.MaxUint64)}, {"d", uint64(0)}}},
			`{"after":{"a":-9223372036854775808,"b":9223372036854775807,"c":18446744073709551615,"d":0},"time":"2026-03-01T11:30:45.678Z","v":2}`},
		{"further rows", Entry{Time: at, Also: []Change{
			{Before: []Field{{"next", uint64(3)}}, After: []Field{{"next", uint64(4)}, {"application", int64(2)}}},
			{Subject: Subject{Type: "totp", Serial: "9"}, After: []Field{{"failures", int64(1)}}}, {}}},
			`{"also":[{"after":{"application":2,"next":4},"before":{"next":3}},` +
				`{"after":{"failures":1},"subject":{"serial":"9","type":"totp"}},{}],` +
				`"time":"2026-03-01T11:30:45.678Z","v":2}`},
		{"whole second", Entry{Time: at.Truncate(time.Second)}, `{"time":"2026-03-01T11:30:45.000Z","v":2}`},
	} {
		if got := string(tt.entry.Canonical()); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

// RFC 8785, section 3.2.2.2.
func TestEscaping(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`"`: `\"`, `\`: `\\`, "/": "/", "'": "'", "<>&": "<>&",
		"\b": `\b`, "\t": `\t`, "\n": `\n`, "\f": `\f`, "\r": `\r`,
		"\x00": `\u0000`, "\x0b": `\u000b`, "\x1f": `\u001f`, "\x7f": "\x7f",
		"é": "é", "€": "€", "😀": "😀", "\u2028\u2029": "\u2028\u2029", "\uFFFD": "\uFFFD",
		"\xff": "\uFFFD", "a\xffb": "a\uFFFDb", "\xc3": "\uFFFD", "\xc3\x28": "\uFFFD(", "\xe2\x82": "\uFFFD\uFFFD",
		"\xed\xa0\x80": "\uFFFD\uFFFD\uFFFD", // half of a surrogate pair
		"a\"\nb\\":     `a\"\nb\\`,
	} {
		got := string(Entry{Reason: in}.Canonical())
		if want := `{"reason":"` + want + `","time":"0001-01-01T00:00:00.000Z","v":2}`; got != want {
			t.Errorf("%q:\n got %s\nwant %s", in, got, want)
		}
	}
}

func TestUnknownFieldTypePanics(t *testing.T) {
	t.Parallel()
	for _, v := range []any{1, 1.5, nil, []byte("x"), uint32(1), time.Time{}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a field of type %T was written", v)
				}
			}()
			_ = Entry{After: []Field{{"f", v}}}.Canonical()
		}()
	}
}

func TestCanonicalLeavesItsFields(t *testing.T) {
	t.Parallel()
	fields := []Field{{"b", "2"}, {"a", "1"}}
	_ = Entry{After: fields}.Canonical()
	if fields[0].Name != "b" {
		t.Error("the caller's fields were sorted in place")
	}
}

func TestSubjectOf(t *testing.T) {
	t.Parallel()
	got := SubjectOf(token.Token{Identity: token.Identity{Type: "hotp", Manufacturer: "ACME", Serial: "1", KeyID: "k"},
		OwnerName: "alice"})
	if want := (Subject{Type: "hotp", Manufacturer: "ACME", Serial: "1", KeyID: "k", User: "alice"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// canonical is RFC 8785 for what an entry can hold, by another way: parse, sort
// by UTF-16 units, print. Numbers keep their digits.
func canonical(t *testing.T, v any) string {
	t.Helper()
	switch v := v.(type) {
	case string:
		var b strings.Builder
		for _, r := range v {
			switch short := strings.IndexRune("\b\t\n\f\r\"\\", r); {
			case short >= 0:
				b.WriteString(`\` + `btnfr"\`[short:short+1])
			case r < 0x20:
				fmt.Fprintf(&b, `\u%04x`, r)
			default:
				b.WriteRune(r)
			}
		}
		return `"` + b.String() + `"`
	case json.Number:
		return v.String()
	case bool:
		return fmt.Sprint(v)
	case map[string]any:
		var names []string
		for name := range v {
			names = append(names, name)
		}
		slices.SortFunc(
			names, func(a, b string) int { return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b))) })
		var members []string
		for _, name := range names {
			members = append(members, canonical(t, name)+":"+canonical(t, v[name]))
		}
		return "{" + strings.Join(members, ",") + "}"
	}
	t.Fatalf("an entry holds a %T", v)
	return ""
}

func FuzzCanonical(f *testing.F) {
	f.Add("", "", "", "", int64(0), uint64(0), false, int64(0))
	f.Add("code.verified", "key:radius", "123", "text", int64(-1), uint64(math.MaxUint64), true, at.UnixMilli())
	f.Add("\"\\\b\f\n\r\t", "\x00\x1f\x7f", "\xff\xc3(", "\u2028😀\uFFFD", int64(math.MinInt64), uint64(1), true,
		int64(-1))
	f.Add("{}", `","v":2`, "é", "<&>", int64(7), uint64(7), false, int64(253402300799999))
	f.Fuzz(func(t *testing.T, action, actor, serial, text string, i int64, u uint64, b bool, ms int64) {
		const year10000 = 253402300800000
		e := Entry{
			Time: time.UnixMilli(ms % year10000), Action: Action(action), Reason: text,
			Origin:  Origin{Actor: actor, Role: serial, Source: text, Request: action},
			Subject: Subject{Serial: serial, User: text, Other: actor},
			Before:  []Field{{"z", text}, {"a", i}, {"m", u}},
			After:   []Field{{"b", b}, {"s", serial}},
		}
		got := e.Canonical()
		if !json.Valid(got) || !utf8.Valid(got) {
			t.Fatalf("not JSON: %q", got)
		}
		if again := e.Canonical(); !bytes.Equal(again, got) {
			t.Errorf("not stable: %s, then %s", got, again)
		}
		d := json.NewDecoder(bytes.NewReader(got))
		d.UseNumber()
		var v map[string]any
		if err := d.Decode(&v); err != nil {
			t.Fatal(err)
		}
		if want := canonical(t, v); string(got) != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		valid := func(s string) string { return string([]rune(s)) }
		after := v["after"].(map[string]any)
		before := v["before"].(map[string]any)
		if before["z"] != valid(text) || after["s"] != valid(serial) || after["b"] != b ||
			before["a"] != json.Number(fmt.Sprint(i)) || before["m"] != json.Number(fmt.Sprint(u)) {
			t.Errorf("values %v and %v do not come back from %s", before, after, got)
		}
		if serial != "" && v["subject"].(map[string]any)["serial"] != valid(serial) {
			t.Errorf("serial %q does not come back from %s", serial, got)
		}
	})
}
