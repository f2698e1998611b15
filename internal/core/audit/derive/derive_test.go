package derive

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
)

var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// fold is a Fold that entries are added to.
type fold struct {
	*testing.T
	*Fold
}

func newFold(t *testing.T) *fold { return &fold{t, New()} }

func (f *fold) add(e audit.Entry) {
	if e.Time.IsZero() {
		e.Time = at
	}
	f.Add(f.Next(), e.Canonical())
}

func field(name string, value any) audit.Field { return audit.Field{Name: name, Value: value} }

func subject(serial string) audit.Subject { return audit.Subject{Type: "hotp", Serial: serial} }

func (f *fold) made(serial string, run int64) {
	f.add(audit.Entry{Action: audit.TokenStaged, Subject: subject(serial),
		After: append(audit.ConditionFields(token.Condition{Epoch: 1}, ""), field("run", run))})
}

func (f *fold) found(want ...string) {
	f.Helper()
	r := f.Fold.Result()
	if r.Count != len(want) || len(r.Findings) != len(want) {
		f.Fatalf("found %v, want %q", r.Findings, want)
	}
	for i, says := range want {
		if got := r.Findings[i].String(); !strings.Contains(got, says) {
			f.Errorf("finding %d: %s, want %q", i, got, says)
		}
	}
}

// The tokens of a run count once it is published; those of an abandoned one are gone.
func TestRuns(t *testing.T) {
	t.Parallel()
	f := newFold(t)
	f.made("1", 7)
	f.add(audit.Entry{Action: audit.UserStaged, Subject: audit.Subject{User: "anna"}, After: []audit.Field{field("run",
		int64(7))}})
	f.Token(token.Token{Identity: token.Identity{Type: "hotp", Serial: "1"}, Condition: token.Condition{Epoch: 1}}, nil)
	f.found("token hotp 1: no entry created it")
	f.add(audit.Entry{Action: audit.ImportAbandoned, Before: []audit.Field{field("run", int64(7))}})
	f.made("1", 8)
	f.add(audit.Entry{Action: audit.ImportPublished, After: []audit.Field{field("run", int64(8))}})
	f.Token(token.Token{Identity: token.Identity{Type: "hotp", Serial: "1"}, Condition: token.Condition{Epoch: 1}}, nil)
	f.User(User{Name: "anna"})
	f.found("no entry created it", "user anna: no entry created the user")
}

// What entries of version 1 do not tell is taken on trust, and said; what a newer entry
// tells is followed from there on, and no older one stands behind a newer.
func TestEntriesOfAnOlderProgram(t *testing.T) {
	t.Parallel()
	f := newFold(t)
	old := func(text string) { f.Add(f.Next(), []byte(text)) }
	old(`{"action":"token.staged","after":{"next":0,"run":1},"subject":{"serial":"1","type":"hotp"},"v":1}`)
	old(`{"action":"import.published","after":{"run":1},"v":1}`)
	row := token.Token{Identity: token.Identity{Type: "hotp", Serial: "1"},
		Condition: token.Condition{Epoch: 1, Next: 5}}
	f.Token(row, nil)
	f.found()
	if r := f.Fold.Result(); r.Trusted != 1 {
		t.Errorf("%d rows on trust, want 1", r.Trusted)
	}
	f.add(audit.Entry{Action: audit.CodeVerified, Outcome: audit.Accepted, Subject: subject("1"),
		Before: []audit.Field{field("next", uint64(5))}, After: []audit.Field{field("next", uint64(7))}})
	f.Token(row, nil)
	old(`{"action":"user.added","subject":{"user":"eve"},"v":1}`)
	f.found("in the database the counter is 5, but according to the log 7", "follows one of version 2")
}

// What an attack makes of entries is said, and nothing of it ends the program.
func TestEntriesThatDoNotFit(t *testing.T) {
	t.Parallel()
	code := audit.Entry{Action: audit.CodeVerified, Outcome: audit.Accepted, Subject: subject("1"),
		Before: []audit.Field{field("next", uint64(0))}, After: []audit.Field{field("next", uint64(1))}}
	user := audit.Entry{Action: audit.UserAdded, Subject: audit.Subject{User: "a"}}
	created := audit.Entry{Action: audit.TokenCreated, Subject: subject("1")}
	lost := created
	lost.After = []audit.Field{field("state", "REVOKED_TOKEN_LOST")}
	unlocked := audit.Entry{Action: audit.UserUnlocked, Subject: audit.Subject{User: "eve"}}
	revoked := audit.Entry{Action: audit.KeyRevoked, Before: []audit.Field{field("id", "x")}}
	series := audit.Entry{Action: audit.SeriesSet, Subject: audit.Subject{Other: "x"}}
	for says, entries := range map[string][]audit.Entry{
		"about a token that no entry created":                               {code},
		"the action \"token.evil\" is unknown":                              {{Action: "token.evil"}},
		"about a user whom no entry created":                                {unlocked},
		"about a key that no entry created":                                 {revoked},
		"about a type that no entry created":                                {series},
		"an entry creates the user":                                         {user, user},
		"an entry creates it, but it already existed":                       {created, created},
		"according to the earlier entries the token was REVOKED_TOKEN_LOST": {lost, code},
		"temporary code 01 was used, which no entry issued": {user, {Action: audit.CodeVerified,
			Outcome: audit.Accepted, Subject: user.Subject,
			After: []audit.Field{field("code", "01"), field("temporary", true)}}},
	} {
		f := newFold(t)
		for _, e := range entries {
			f.add(e)
		}
		f.found(says)
	}
	f := newFold(t)
	f.Add(0, []byte(`{"action":"user.added" }`))
	f.found("entry 0: byte")
}

// Of many findings the first are kept and all are counted.
func TestFindingsAreBounded(t *testing.T) {
	t.Parallel()
	f := newFold(t)
	for range 3 * Shown {
		f.add(audit.Entry{Action: "evil"})
	}
	if r := f.Fold.Result(); r.Count != 3*Shown || len(r.Findings) != Shown || r.Findings[0].Entry != 0 {
		t.Errorf("%d findings, %d kept", r.Count, len(r.Findings))
	}
}

// A row may come after its place was passed: it is not called missing.
func TestRowsThatComeDuringTheComparison(t *testing.T) {
	t.Parallel()
	f := newFold(t)
	f.made("1", 0)
	f.made("2", 9)
	f.Settle()
	f.add(audit.Entry{Action: audit.ImportPublished, After: []audit.Field{field("run", int64(9))}})
	f.made("3", 0)
	entries := map[int64][]byte{0: audit.Entry{Action: audit.TokenStaged, Subject: subject("1"), Time: at}.Canonical()}
	for _, typ := range token.Types() {
		f.Type(typ.Name, audit.TypeFields(typ))
	}
	if err := f.Finish(Source{Entry: func(seq int64) ([]byte, error) { return entries[seq], nil }}); err != nil {
		t.Fatal(err)
	}
	f.found("token hotp 1, entry 0: it is not in the database")
}

// A million tokens stay far below the 256 MiB that a verification may take.
func TestMemoryOfAMillionTokens(t *testing.T) {
	const n = 200_000
	entry := func(i int) []byte {
		return audit.Entry{Time: at, Action: audit.TokenCreated, Subject: subject(fmt.Sprint(i)),
			After: []audit.Field{field("state", "VALID")}}.Canonical()
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f := New()
	for i := range n {
		f.Add(int64(i), entry(i))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	per := float64(after.HeapAlloc-before.HeapAlloc) / n
	t.Logf("%.0f bytes a token", per)
	if per > 100 {
		t.Errorf("%.0f bytes a token, so %.0f MiB a million", per, per*1e6/(1<<20))
	}
	runtime.KeepAlive(f)
}
