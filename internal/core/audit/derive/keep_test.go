package derive

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
)

// history has entries of all kinds, so that each field of each row is something other
// than nothing at some place.
func history() (all [][]byte) {
	add := func(e audit.Entry) {
		e.Time = at
		all = append(all, e.Canonical())
	}
	old := func(text string) { all = append(all, []byte(text)) }
	old(`{"action":"token.staged","after":{"next":0,"run":1},"subject":{"serial":"0","type":"hotp"},"v":1}`)
	old(`{"action":"import.published","after":{"run":1},"v":1}`)
	old(`{"action":"user.added","subject":{"user":"old"},"v":1}`)
	old(`{"action":"type.retired","after":{"retired":true},"subject":{"other":"totp"},"v":1}`)
	old(`{"action":"series.set","after":{"number":7},"subject":{"other":"app-hotp"},"v":1}`)
	add(audit.Entry{Action: audit.RootPasswordSet, After: []audit.Field{field("hash", "00112233")}})
	add(audit.Entry{Action: audit.KeyCreated, Subject: audit.Subject{Other: "a\tkey\\"},
		After: []audit.Field{field("id", "1"), field("role", "operator"), field("hash", "aabbccdd"),
			field("help_desk", true), field("expires", audit.Stamp(at))}})
	add(audit.Entry{Action: audit.KeyRevoked, Subject: audit.Subject{Other: "a\tkey\\"},
		Before: []audit.Field{field("id", "1")}})
	of := audit.Subject{Other: "anna"}
	add(audit.Entry{Action: audit.AdminAdded, Subject: of,
		After: append(audit.AdminFields("operator", true, "00112233", true, time.Time{}), field("id", "a1"))})
	add(audit.Entry{Action: audit.AdminRoleSet, Subject: of, Before: []audit.Field{field("role", "operator")},
		After: []audit.Field{field("id", "a1"), field("role", "admin")}})
	for _, mark := range []string{"p1", "p2"} {
		add(audit.Entry{Action: audit.PasskeyAdded, Subject: of,
			After: []audit.Field{field("id", "a1"), field("passkey", mark)}})
	}
	add(audit.Entry{Action: audit.PasskeyRemoved, Subject: of, Before: []audit.Field{field("passkey", "p1")}})
	add(audit.Entry{Action: audit.ProfileCreated, Subject: audit.Subject{Other: "sheet"},
		After: []audit.Field{field("fingerprint", "1234")}})
	add(audit.Entry{Action: audit.ProfileRetired, Subject: audit.Subject{Other: "sheet"},
		Before: []audit.Field{audit.RetiredField(time.Time{})}, After: []audit.Field{audit.RetiredField(at)}})
	before, after := audit.Changed(audit.LimitFields(token.ActivationLimits{}), audit.LimitFields(token.ActivationLimits{
		Expiry: time.Hour, Tries: 2, Window: 48 * time.Hour, Successes: 3, Failures: 4, Interval: time.Minute}))
	add(audit.Entry{Action: audit.ProfileLimited, Subject: audit.Subject{Other: "sheet"}, Before: before, After: after})
	add(audit.Entry{Action: audit.TypeCreated, Subject: audit.Subject{Other: "ours"},
		After: audit.TypeFields(token.Type{Name: "ours", Start: 100})})
	add(audit.Entry{Action: audit.SeriesAdvanced, Subject: audit.Subject{Other: "ours"},
		Before: []audit.Field{field("number", uint64(100)), field("highest", uint64(0)), field("issued", uint64(0))},
		After:  []audit.Field{field("number", uint64(102)), field("highest", uint64(101)), field("issued", uint64(2))}})
	for _, user := range []string{"anna", "bob", "eve"} {
		add(audit.Entry{Action: audit.UserAdded, Subject: audit.Subject{User: user}})
	}
	made := func(serial, owner string, run int64, c token.Condition) {
		s := subject(serial)
		s.Manufacturer, s.KeyID = "Acme", "k"+serial
		add(audit.Entry{Action: audit.TokenStaged, Subject: s,
			After: append(audit.ConditionFields(c, owner), field("run", run))})
	}
	own := func(serial string) audit.Subject {
		s := subject(serial)
		s.Manufacturer, s.KeyID = "Acme", "k"+serial
		return s
	}
	made("1", "anna", 2, token.Condition{Epoch: 1, Next: 5, Drift: -2, Failures: 3, RetryAt: at, NotBefore: at,
		NotAfter: at.AddDate(1, 0, 0)})
	made("2", "", 2, token.Condition{Epoch: 1, State: token.RevokedLost})
	add(audit.Entry{Action: audit.ImportPublished, After: []audit.Field{field("run", int64(2))}})
	add(audit.Entry{Action: audit.TokenAssigned, Subject: own("2"), Before: []audit.Field{field("owner", "")},
		After: []audit.Field{field("owner", "bob")}})
	add(audit.Entry{Action: audit.ActivationConfirmed, Outcome: audit.Accepted, Subject: own("1"),
		Before: []audit.Field{field("epoch", int64(1))}, After: []audit.Field{field("epoch", int64(2))},
		Also: []audit.Change{{After: []audit.Field{field("application", int64(3)), field("next", uint64(9)),
			field("drift", int64(4))}}}})
	add(audit.Entry{Action: audit.CodesIssued, Subject: audit.Subject{User: "anna"},
		After: []audit.Field{field("codes", "0011 2233"), field("expires", audit.Stamp(at))}})
	add(audit.Entry{Action: audit.CodeVerified, Outcome: audit.Accepted, Subject: audit.Subject{User: "anna"},
		After: []audit.Field{field("temporary", true), field("code", "0011")}})
	add(audit.Entry{Action: audit.CodeVerified, Outcome: audit.Refused, Subject: audit.Subject{User: "bob"},
		After: []audit.Field{field("user_failures", int64(2)), field("user_retry_at", audit.Stamp(at))}})
	// What does not fit stays visible for ever.
	add(audit.Entry{Action: audit.TokenUnlocked, Subject: own("1"), Before: []audit.Field{field("failures", int64(7))},
		After: []audit.Field{field("failures", int64(1)), field("retry_at", audit.Stamp(at.AddDate(0, 0, 1)))}})
	made("5", "eve", 0, token.Condition{Epoch: 1})
	add(audit.Entry{Action: audit.TokenDeleted, Subject: own("5"), Before: []audit.Field{field("state", "VALID")},
		After: []audit.Field{field("secret", "00112233445566ff"), field("secret_events", int64(7)),
			field("secret_moved_away", true), field("secret_seconds", int64(8))}})
	add(audit.Entry{Action: audit.ImportPublished, After: []audit.Field{field("run", int64(3)), field("move", "m\t1")}})
	add(audit.Entry{Action: audit.UserDeleted, Subject: audit.Subject{User: "eve"}})
	made("3", "", 9, token.Condition{Epoch: 1})
	add(audit.Entry{Action: audit.UserStaged, Subject: audit.Subject{User: "staged"},
		After: []audit.Field{field("run", int64(9))}})
	add(audit.Entry{Action: audit.TokenStateChanged, Subject: own("2"),
		Before: []audit.Field{field("state", token.RevokedLost.String())},
		After:  []audit.Field{field("state", token.Moving.String()), field("algorithm", string(token.HOTP))}})
	add(audit.Entry{Action: audit.TokenLabelled, Subject: own("2"), Before: []audit.Field{field("label", "")},
		After: []audit.Field{field("label", "desk\t3")}})
	rename := func(from, to string) {
		add(audit.Entry{Action: audit.UserRenamed, Subject: audit.Subject{User: from},
			Before: []audit.Field{field("user", from)}, After: []audit.Field{field("user", to)}})
	}
	rename("anna", "anne")
	rename("bob", "anna")
	add(audit.Entry{Action: audit.UserAdded, Subject: audit.Subject{User: "bob"}})
	rename("bob", "carl")
	rename("anne", "bob")
	add(audit.Entry{Action: audit.CodesIssued, Subject: audit.Subject{User: "carl"},
		After: []audit.Field{field("codes", "4455"), field("expires", audit.Stamp(at))}})
	add(audit.Entry{Action: audit.TokenAssigned, Subject: own("1"), Before: []audit.Field{field("owner", "bob")},
		After: []audit.Field{field("owner", "carl")}})
	add(audit.Entry{Action: audit.DatabaseRestored, After: []audit.Field{field("fenced", true)}})
	return all
}

// kept gives the lines of a fold that took entries from place begin on, and lines
// before that.
func kept(t *testing.T, f *Fold, before [][]byte, entries [][]byte) (lines [][]byte) {
	t.Helper()
	k, err := f.Keep(func(line []byte) error {
		lines = append(lines, slices.Clone(line))
		return nil
	})
	for _, l := range before {
		if err == nil {
			err = k.Line(l)
		}
	}
	for seq := int(f.begin); seq < int(f.next) && err == nil; seq++ {
		err = k.Entry(int64(seq), entries[seq])
	}
	if err == nil {
		err = k.End()
	}
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// from makes a fold that goes on from lines, under the seed of another.
func from(t *testing.T, like *Fold, lines [][]byte) *Fold {
	t.Helper()
	f := New()
	f.seed = like.seed
	l := f.Load()
	for _, line := range lines {
		if err := l.Line(line); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	return f
}

// rowsOf are the rows of a fold, as they can be compared with those of another one of
// its seed.
func rowsOf(f *Fold) map[string]any {
	tokens, users, codes := map[uint64]any{}, map[string]any{}, map[string]int{}
	// Users have numbers of their own in each fold; their names are compared.
	called := map[uint64]string{0: ""}
	for _, name := range []string{"old", "anna", "bob", "eve", "staged", "anne", "carl"} {
		called[f.userKey([]byte(name))] = name
	}
	for id, u := range f.users {
		u.seen = false
		users[called[id]] = *u
	}
	for _, c := range f.codes {
		codes[fmt.Sprint(called[c.user], c.expires, c.used, c.last)]++
	}
	for id, i := range f.tokens.at {
		r := *f.tokens.row(i)
		d := f.tokens.dates[r.dates]
		r.dates, r.known = 0, r.known&^seen
		owner := called[r.owner]
		r.owner = 0
		tokens[id] = [3]any{r, d, owner}
	}
	slices.Sort(f.runs.staged)
	staged, stagedUsers := append([]uint64{}, f.runs.staged...), append([]uint64{}, f.runs.users...)
	if f.runs.open == 0 {
		staged, stagedUsers = nil, nil
	}
	return map[string]any{"tokens": tokens, "delays": f.tokens.delays, "apps": f.apps, "moving": f.moving,
		"labels": f.labels,
		"fenced": f.fencedAt, "remains": f.remains, "receipts": f.receipts, "users": users,
		"codes": codes,
		"keys":  f.keys, "admins": f.admins, "passkeys": f.passkeys, "types": f.types, "sheets": f.sheets, "root": f.root,
		"published": f.runs.published, "open": f.runs.open, "staged": staged, "staged users": stagedUsers,
		"next": f.next, "strict": f.strict, "began": f.began, "result": f.result}
}

// A state that goes on from its lines is that of all entries, wherever it was cut, and
// cut a second time.
func TestStateGoesOnFromItsLines(t *testing.T) {
	t.Parallel()
	entries := history()
	whole := New()
	for seq, e := range entries {
		whole.Add(int64(seq), e)
	}
	if whole.result.Count != 1 {
		t.Fatalf("the history has findings: %v", whole.result.Findings)
	}
	add := func(f *Fold, to int) {
		for seq := int(f.next); seq < to; seq++ {
			f.Add(int64(seq), entries[seq])
		}
	}
	want := rowsOf(whole)
	for first := range len(entries) + 1 {
		f := New()
		f.seed = whole.seed
		add(f, first)
		lines := kept(t, f, nil, entries)
		for second := first; second <= len(entries); second++ {
			f := from(t, whole, lines)
			add(f, second)
			again := kept(t, f, lines, entries)
			f = from(t, whole, again)
			add(f, len(entries))
			if got := rowsOf(f); !reflect.DeepEqual(got, want) {
				for name := range want {
					if !reflect.DeepEqual(got[name], want[name]) {
						t.Errorf("cut at %d and %d: %s are %+v, want %+v", first, second, name, got[name], want[name])
					}
				}
				t.FailNow()
			}
		}
	}
}

// The history is rich enough: each field of each kind of row is something in it. A
// field that is added must come into the history, and then into the lines.
func TestHistoryHasEveryField(t *testing.T) {
	t.Parallel()
	passing := map[string]bool{ // of a comparison
		"key.seen": true, "admin.seen": true, "passkey.seen": true, "user.seen": true, "code.seen": true, "kind.seen": true,
		"Fold.seed": true, "Fold.parser": true, "Fold.settled": true, "Fold.begin": true, // made anew
		"tokens.blocks": true, "tokens.free": true, "tokens.n": true, "Result.Entries": true,
		"Result.Tokens": true, "Result.Trusted": true, "Finding.Row": true,
		"Result.Unknown": true} // of the entries behind a seam
	met := map[string]bool{}
	var look func(v reflect.Value)
	look = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer:
			look(v.Elem())
		case reflect.Map:
			for _, k := range v.MapKeys() {
				look(v.MapIndex(k))
			}
		case reflect.Slice:
			for i := range v.Len() {
				look(v.Index(i))
			}
		case reflect.Struct:
			if v.Type().PkgPath() != reflect.TypeFor[Fold]().PkgPath() {
				return
			}
			for i := range v.NumField() {
				name := v.Type().Name() + "." + v.Type().Field(i).Name
				met[name] = met[name] || !v.Field(i).IsZero()
				look(v.Field(i))
			}
		}
	}
	f := New()
	for seq, e := range history() {
		f.Add(int64(seq), e)
		look(reflect.ValueOf(f).Elem())
	}
	for _, name := range slices.Sorted(maps.Keys(met)) {
		if !met[name] && !passing[name] {
			t.Errorf("no entry of the history makes %s anything: no test carries it over a seam", name)
		}
	}
}

// A line that is not as a Keeper writes it is refused.
func TestLinesOfAStrangerAreRefused(t *testing.T) {
	t.Parallel()
	entries := history()
	f := New()
	for seq, e := range entries {
		f.Add(int64(seq), e)
	}
	lines := kept(t, f, nil, entries)
	for i, good := range lines {
		for _, bad := range []string{string(good) + "\t", "x" + string(good), string(good[:len(good)-1]) + `\`,
			strings.Replace(string(good), "\t", "", 1)} {
			l := New().Load()
			err := error(nil)
			for _, before := range lines[:i] {
				if err = l.Line(before); err != nil {
					t.Fatal(err)
				}
			}
			kind, _, _ := strings.Cut(bad, "\t")
			text := slices.Contains([]string{"name", "type", "finding", "label"}, kind) // may hold anything
			if err = l.Line([]byte(bad)); err == nil && !text {
				t.Errorf("%q is taken", bad)
			}
		}
	}
	for _, token := range []string{"0\t0\t0\t0\t128\t-1\t1", "1\t0\t0\t0\t0\t-1\t1",
		"0\t0\t0\t0\t0\t-1\t1\t9\t1\t0\t0\t1"} {
		l := New().Load()
		err := l.Line(lines[0])
		if err == nil {
			err = l.Line([]byte("token\thotp\tAcme\t9\t9\t1\t0\t1\t0\t0\t0\t" + token))
		}
		if err == nil {
			t.Errorf("a token %q is taken", token)
		}
	}
	for _, bad := range []string{"", "name\tanna", "log\t2\t0\t0\t0\t0\t0\t0"} {
		if err := New().Load().Line([]byte(bad)); err == nil {
			t.Errorf("%q is taken as the first line", bad)
		}
	}
}

// A row whose name no entry tells cannot be kept, and is not passed over.
func TestNoRowIsLeftBehind(t *testing.T) {
	t.Parallel()
	entries := history()
	for leave := range entries {
		f := New()
		for seq, e := range entries {
			f.Add(int64(seq), e)
		}
		k, err := f.Keep(func([]byte) error { return nil })
		for seq, e := range entries {
			if seq != leave && err == nil {
				err = k.Entry(int64(seq), e)
			}
		}
		missed := k.tokens < len(f.tokens.at) || k.users < len(f.users) || k.codes < len(f.codes)
		if err == nil {
			err = k.End()
		}
		if missed != (err != nil) {
			t.Errorf("without entry %d: %v", leave, err)
		}
	}
}

// What is missing in the database is named, also when only the lines of the state
// know its name.
func TestMissingRowsAreNamedAcrossTheSeam(t *testing.T) {
	t.Parallel()
	entries := history()
	f := New()
	for seq, e := range entries {
		f.Add(int64(seq), e)
	}
	lines := kept(t, f, nil, entries)
	f = from(t, New(), lines)
	f.Settle()
	err := f.Finish(Source{Entry: func(seq int64) ([]byte, error) { return nil, fmt.Errorf("entry %d is gone", seq) },
		Lines: func(fn func([]byte) error) error {
			for _, l := range lines {
				if err := fn(l); err != nil {
					return err
				}
			}
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, d := range f.Result().Findings {
		all = append(all, d.Row)
	}
	text := strings.Join(all, ", ")
	for _, want := range []string{"token hotp 1 of Acme", "token hotp 2 of Acme", "user anna",
		"a temporary code of user bob", "API key a\tkey\\ (1)", "type ours", "profile sheet"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not named: %s", want, text)
		}
	}
}
