package audit

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What is skimmed is what a decoder reads, and what is not in canonical form is left
// to the decoder.
func TestSkimReadsWhatADecoderReads(t *testing.T) {
	t.Parallel()
	texts := []string{"", "1", "ü", "a b", "}", "{", ",", ":", "\"", "\\", "\n", "x\"y"}
	skimmed := 0
	for i := range 4000 {
		pick := func(n int) string { return texts[i/n%len(texts)] }
		e := Entry{Time: time.Unix(int64(i), 0), Action: Action(pick(1)), Outcome: Outcome(pick(3)),
			Origin:  Origin{Actor: pick(2), ActorID: pick(5), Request: pick(7)},
			Subject: Subject{Serial: pick(1), User: pick(11), Other: pick(3)}}
		if i%3 > 0 {
			e.Before = []Field{{"next", uint64(1 << 60)}, {"owner", pick(13)}, {"ready", true}}
			e.After = []Field{{"owner", pick(4)}, {"replaced_by", pick(6)}, {"serials", pick(9)},
				{"user", pick(8)}, {"z", int64(-1)}}
		}
		var fast, slow entryFacets
		raw := e.Canonical()
		if err := json.Unmarshal(raw, &slow); err != nil {
			t.Fatal(err)
		}
		if !fast.skim(raw) {
			continue
		}
		skimmed++
		if diff := cmp.Diff(slow, fast); diff != "" {
			t.Fatalf("%s (-decoded +skimmed):\n%s", raw, diff)
		}
	}
	if skimmed < 100 {
		t.Errorf("%d entries were skimmed", skimmed)
	}
	for _, raw := range []string{"", "{", "}", "[]", "{}x", `{"a"}`, `{"a":}`, `{"a":1`, `{"a":"b"`, `{"a":"b" }`,
		`{"a": 1}`, `{"a":[1]}`, `{"subject":{"a":{"b":1}}}`, `{"a":1,}`, `{"action":"a`, `{,}`} {
		var e entryFacets
		if e.skim([]byte(raw)) {
			t.Errorf("%s is skimmed", raw)
		}
		if f := FacetsOf([]byte(raw)); f.Action != "" {
			t.Errorf("%s has facets %+v", raw, f)
		}
	}
}

// A token is found by every serial that an entry names, a user as holder, too.
func TestFacets(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 5e6, time.UTC)
	e := Entry{Time: at, Action: TokenReplaced, Outcome: Done, Origin: Origin{Actor: "key:a", ActorID: "x"},
		Subject: Subject{Serial: "1", User: "alice", Other: "o"},
		Before:  []Field{{"owner", "bob"}}, After: []Field{{"owner", "alice"}, {"replaced_by", "2"},
			{"serials", "3 4"}}}
	want := Facets{Time: at, Action: TokenReplaced, Outcome: Done, Actor: "key:a", ActorID: "x",
		Serials: []string{"3", "4", "1", "2"}, Users: []string{"alice", "bob"}}
	if diff := cmp.Diff(want, FacetsOf(e.Canonical())); diff != "" {
		t.Errorf("facets (-want +got):\n%s", diff)
	}
	e = Entry{Subject: Subject{Other: "1", Type: "1", KeyID: "1"}, Reason: "1"}
	if got := FacetsOf(e.Canonical()); len(got.Serials) != 0 {
		t.Errorf("serials %v", got.Serials)
	}
}

// From is in, To is not; an entry without a time that can be read has none.
func TestFilterByTime(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	entry := Entry{Time: at}.Canonical()
	for _, c := range []struct {
		f    Filter
		want bool
	}{
		{Filter{From: at}, true}, {Filter{From: at.Add(1)}, false}, {Filter{To: at}, false},
		{Filter{To: at.Add(1)}, true},
		{Filter{From: at, To: at.Add(time.Millisecond)}, true},
	} {
		if got := c.f.Matcher()(entry); got != c.want {
			t.Errorf("%+v: %t", c.f, got)
		}
		if c.f.Matcher()([]byte("{}")) {
			t.Errorf("%+v finds an entry without a time", c.f)
		}
	}
}

// Whoever sees no serials gets no text that may hold one.
func TestHideTokens(t *testing.T) {
	t.Parallel()
	const serial = "SN12345678"
	for _, c := range []struct {
		entry Entry
		want  string
	}{
		{Entry{Action: CodeVerified, Outcome: Refused, Reason: "wrong_code",
			Subject: Subject{Type: "hotp", Manufacturer: "ACME", Serial: serial, KeyID: serial, User: "alice"},
			After:   []Field{{"failures", int64(3)}}},
			`{"action":"code.verified","after":{"failures":3},"hidden":true,"outcome":"refused","reason":"wrong_code","subject":{"user":"alice"}}`},
		{Entry{Action: TokenReplaced, Outcome: Done, Reason: "lost " + serial, Subject: Subject{Serial: serial},
			After: []Field{{"replaced_by", serial}, {"state", "VALID"}}},
			`{"action":"token.replaced","after":{"state":"VALID"},"hidden":true,"outcome":"done"}`},
		{Entry{Action: TokensExported, Outcome: Done, After: []Field{{"serials", serial + " 2"}, {"tokens", int64(2)}}},
			`{"action":"tokens.exported","after":{"tokens":2},"hidden":true,"outcome":"done"}`},
		{Entry{Action: ImportPublished, Outcome: Done, Subject: Subject{Other: serial + ".xml"}},
			`{"action":"import.published","hidden":true,"outcome":"done"}`},
		{Entry{Action: SeriesSet, Outcome: Done, Subject: Subject{Other: "app-totp"},
			After: []Field{{"next", serial}, {"whatever", serial}}},
			`{"action":"series.set","after":{},"hidden":true,"outcome":"done","subject":{"other":"app-totp"}}`},
		{Entry{Action: KeyCreated, Outcome: Done, Subject: Subject{Other: "radius"},
			After: []Field{{"role", "verifier"}}},
			`{"action":"key.created","after":{"role":"verifier"},"outcome":"done","subject":{"other":"radius"}}`},
	} {
		var e map[string]any
		if err := json.Unmarshal(c.entry.Canonical(), &e); err != nil {
			t.Fatal(err)
		}
		HideTokens(e)
		delete(e, "time")
		delete(e, "v")
		got, err := json.Marshal(e)
		if err != nil || string(got) != c.want {
			t.Errorf("%s\nwant %s, %v", got, c.want, err)
		}
	}
}
