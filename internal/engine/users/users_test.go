package users

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/sqlite"
)

func TestCanonical(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"alice": "alice", "Alice": "alice", "ALICE": "alice", "alice.smith@example.com": "alice.smith@example.com",
		"DOMAIN\\Alice": "domain\\alice", "Ünal": "ünal", "ÉMILE": "émile", "ΣΊΣΥΦΟΣ": "σίσυφοσ",
		"two words": "two words",
		"a":         "a", "1": "1", "名前": "名前", "o'neil": "o'neil", strings.Repeat("A", 128): strings.Repeat("a", 128),
		strings.Repeat("Ü", 128): strings.Repeat("ü", 128), "😀": "😀", "a\u0301": "\u00e1", "A\u0301": "\u00e1",
		"\uff21\uff4c\uff49\uff43\uff45": "alice", "Mu\u0308ller": "m\u00fcller", "\u212bngstro\u0308m": "\u00e5ngstr\u00f6m",
	} {
		if got, err := Canonical(in); err != nil || got != want {
			t.Errorf("Canonical(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
	for name, in := range map[string]string{
		"empty":                   "",
		"one blank":               " ",
		"blank before":            " alice",
		"blank behind":            "alice ",
		"tab behind":              "alice\t",
		"line feed behind":        "alice\n",
		"wide blank behind":       "alice\u3000",
		"unbreakable blank":       "a\u00a0b",
		"unbreakable blank first": "\u00a0a",
		"zero byte":               "al\x00ice",
		"tab":                     "al\tice",
		"line feed":               "al\nice",
		"escape":                  "al\x1bice",
		"delete":                  "al\x7fice",
		"C1 control":              "al\u0085ice",
		"zero width":              "al\u200bice",
		"right to left override":  "al\u202eice",
		"byte order mark":         "\ufeffalice",
		"line separator":          "al\u2028ice",
		"private use":             "al\ue000ice",
		"too long":                strings.Repeat("a", 129),
		"too long in characters":  strings.Repeat("ü", 129),
		"bad UTF-8":               "al\xffice",
		"half a character":        "alice\xc3",
		"surrogate":               "al\xed\xa0\x80ice",
	} {
		got, err := Canonical(in)
		if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.Invalid || f.Code != "user_name" ||
			got != "" {
			t.Errorf("%s: %q, %v, want Invalid", name, got, err)
		}
	}
}

// What Canonical gives is canonical, prints, and is the same for every case.
func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"alice", "ALICE", "İstanbul", "ǅ", "ẞ", "K", " x", "\xff", "ﬀ", "ΑΣ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got, err := Canonical(name)
		if err != nil {
			return
		}
		if got == "" || !utf8.ValidString(got) || strings.TrimSpace(got) != got ||
			strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("Canonical(%q) = %q", name, got)
		}
		if again, err := Canonical(got); err != nil || again != got {
			t.Errorf("Canonical(%q) = %q, which becomes %q, %v", name, got, again, err)
		}
	})
}

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var origin = audit.Origin{Actor: "key:console", Role: "admin", Source: "10.0.0.1:4711", Request: "r-1"}

func open(t *testing.T) (*Users, *sqlite.DB) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "ostiary.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return New(db, func() time.Time { return now }, func(int64) {}), db
}

// actions gives the entries of the log: action and user, and what was before.
func actions(t *testing.T, db *sqlite.DB) (all []string) {
	t.Helper()
	err := db.View(t.Context(), func(r store.Reader) error {
		rows, err := r.AuditEntries(0, 100)
		for _, row := range rows {
			var e struct {
				Action, Actor, Outcome, Request, Time string
				Subject                               struct{ User string }
				Before                                map[string]any
			}
			if err := json.Unmarshal(row.Entry, &e); err != nil {
				return err
			}
			if e.Actor != origin.Actor || e.Request != origin.Request || e.Outcome != "done" ||
				e.Time != "2026-03-01T12:00:00.000Z" {
				t.Errorf("entry %s", row.Entry)
			}
			text := e.Action + " " + e.Subject.User
			if f, ok := e.Before["failures"]; ok {
				text += " " + string(rune('0'+int(f.(float64))))
			}
			all = append(all, text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func kind(err error) (fault.Kind, string) {
	f := fault.Of(err)
	if f == nil {
		return 0, ""
	}
	return f.Kind, f.Code
}

func TestAddFindList(t *testing.T) {
	t.Parallel()
	users, db := open(t)
	added, err := users.Add(t.Context(), "Alice", origin)
	if err != nil || added.Name != "alice" || added.ID == 0 || !added.Created.Equal(now) {
		t.Fatalf("Add = %+v, %v", added, err)
	}
	for _, name := range []string{"alice", "ALICE"} {
		if _, err := users.Add(t.Context(), name, origin); err == nil {
			t.Errorf("%s was added twice", name)
		} else if k, code := kind(err); k != fault.Conflict || code != "user_exists" ||
			!errors.Is(err, store.ErrConflict) {
			t.Errorf("%s again: %v", name, err)
		}
		found, err := users.Find(t.Context(), name)
		if diff := cmp.Diff(added, found); err != nil || diff != "" {
			t.Errorf("Find(%s): %v (-want +got):\n%s", name, err, diff)
		}
	}
	for _, name := range []string{"carol", "BOB"} {
		if _, err := users.Add(t.Context(), name, origin); err != nil {
			t.Fatal(err)
		}
	}
	list := func(after string, limit int) (names []string) {
		all, _, err := users.List(t.Context(), store.UserFilter{After: after, Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range all {
			names = append(names, u.Name)
		}
		return names
	}
	if diff := cmp.Diff([]string{"alice", "bob", "carol"}, list("", 10)); diff != "" {
		t.Errorf("all (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"bob"}, list("alice", 1)); diff != "" {
		t.Errorf("one behind alice (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"user.added alice", "user.added carol", "user.added bob"},
		actions(t, db)); diff != "" {
		t.Errorf("audit log (-want +got):\n%s", diff)
	}
}

func TestRefusedNamesChangeNothing(t *testing.T) {
	t.Parallel()
	users, db := open(t)
	for name, do := range map[string]func(string) error{
		"add":    func(n string) error { _, err := users.Add(t.Context(), n, origin); return err },
		"find":   func(n string) error { _, err := users.Find(t.Context(), n); return err },
		"delete": func(n string) error { return users.Delete(t.Context(), n, origin) },
		"unlock": func(n string) error { _, err := users.Unlock(t.Context(), n, origin); return err },
	} {
		if k, code := kind(do(" bad\n")); k != fault.Invalid || code != "user_name" {
			t.Errorf("%s of a bad name: %d, %s", name, k, code)
		}
		if name == "add" {
			continue
		}
		err := do("nobody")
		if k, code := kind(err); k != fault.NotFound || code != "user_not_found" || !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s of nobody: %v", name, err)
		}
	}
	if got := actions(t, db); len(got) > 0 {
		t.Errorf("audit log %q", got)
	}
}

// hold gives the user a token with so many failures behind it.
func hold(t *testing.T, db *sqlite.DB, user store.User, failures int) (id token.ID) {
	t.Helper()
	var condition token.Condition
	err := db.Update(t.Context(), func(tx store.Tx) error {
		run, err := tx.BeginRun(store.Run{Opened: now, Label: "test"})
		if err != nil {
			return err
		}
		if id, err = tx.NextTokenID(1); err != nil {
			return err
		}
		condition.Owner = user.ID
		c := store.Candidate{Token: token.Token{ID: id, Kind: token.Hardware,
			Identity: token.Identity{Type: "hotp", Serial: "1"}, Condition: condition}, Sealed: []byte("x")}
		return errors.Join(tx.StageToken(run, c), tx.PublishRun(run, now))
	})
	if err != nil {
		t.Fatal(err)
	}
	for range failures {
		_, err := db.Attempt(
			t.Context(), store.Attempt{Now: now, Lock: token.Lock{Limit: 10}, UserID: user.ID,
				Delay:     func(int) time.Duration { return 0 },
				Proposals: []store.Proposal{{ID: id, Seen: condition, Tested: true}},
				Record: func(store.Outcome) []byte {
					return audit.Entry{Time: now, Action: audit.CodeVerified, Outcome: audit.Done,
						Origin: origin}.Canonical()
				}})
		if err != nil {
			t.Fatal(err)
		}
	}
	return id
}

func TestDelete(t *testing.T) {
	t.Parallel()
	users, db := open(t)
	alice, err := users.Add(t.Context(), "alice", origin)
	if err != nil {
		t.Fatal(err)
	}
	id := hold(t, db, alice, 0)
	err = users.Delete(t.Context(), "Alice", origin)
	if k, code := kind(err); k != fault.Conflict || code != "user_holds_tokens" ||
		!strings.Contains(err.Error(), "tokens (1)") {
		t.Errorf("with a token: %v", err)
	}
	if _, err := users.Find(t.Context(), "alice"); err != nil {
		t.Errorf("after a refusal: %v", err)
	}
	if err := db.Update(t.Context(), func(tx store.Tx) error { return tx.SetOwner(id, alice.ID, 0) }); err != nil {
		t.Fatal(err)
	}
	if err := users.Delete(t.Context(), "Alice", origin); err != nil {
		t.Fatal(err)
	}
	if k, _ := kind(users.Delete(t.Context(), "alice", origin)); k != fault.NotFound {
		t.Errorf("again: kind %d", k)
	}
	if diff := cmp.Diff([]string{"user.added alice", "user.deleted alice"}, actions(t, db)); diff != "" {
		t.Errorf("audit log (-want +got):\n%s", diff)
	}
}

// A user who is renamed is the same user; the new name is folded and refused as that of
// a new user is.
func TestRename(t *testing.T) {
	t.Parallel()
	users, db := open(t)
	alice, err := users.Add(t.Context(), "alice", origin)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := users.Add(t.Context(), "bob", origin); err != nil {
		t.Fatal(err)
	}
	hold(t, db, alice, 2)
	for name, tt := range map[string]struct {
		from, to string
		kind     fault.Kind
		code     string
	}{
		"a name that is taken":  {"alice", "BOB", fault.Conflict, "user_exists"},
		"the same in capitals":  {"Alice", "ALICE", fault.Conflict, "user_unchanged"},
		"nobody":                {"carol", "dave", fault.NotFound, "user_not_found"},
		"a bad name":            {"alice", " x", fault.Invalid, "user_name"},
		"a name seen in part":   {"alice", "ann\u3164", fault.Invalid, "user_name"},
		"a bad name of before":  {"al\nice", "ann", fault.Invalid, "user_name"},
		"an empty name":         {"alice", "", fault.Invalid, "user_name"},
		"a name of before gone": {"", "ann", fault.Invalid, "user_name"},
	} {
		_, err := users.Rename(t.Context(), tt.from, tt.to, origin)
		if k, code := kind(err); k != tt.kind || code != tt.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	renamed, err := users.Rename(t.Context(), "ALICE", "Mu\u0308ller", origin)
	if err != nil || renamed.ID != alice.ID || renamed.Name != "müller" || renamed.Tokens != 1 || renamed.Failures != 2 {
		t.Errorf("renamed %+v, %v", renamed, err)
	}
	found, err := users.Find(t.Context(), "MÜLLER")
	if diff := cmp.Diff(renamed, found); err != nil || diff != "" {
		t.Errorf("found: %v (-want +got):\n%s", err, diff)
	}
	if _, err := users.Find(t.Context(), "alice"); fault.Of(err).Kind != fault.NotFound {
		t.Errorf("under the former name: %v", err)
	}
	all := actions(t, db)
	if last := all[len(all)-1]; last != "user.renamed alice" {
		t.Errorf("entry %q", last)
	}
	if err := db.View(t.Context(), func(r store.Reader) error {
		rows, err := r.AuditEntries(int64(len(all)-1), 1)
		if err == nil && !strings.Contains(string(rows[0].Entry), `"after":{"user":"müller"},"before":{"user":"alice"}`) {
			t.Errorf("entry %s", rows[0].Entry)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestUnlock(t *testing.T) {
	t.Parallel()
	users, db := open(t)
	alice, err := users.Add(t.Context(), "alice", origin)
	if err != nil {
		t.Fatal(err)
	}
	hold(t, db, alice, 3)
	if u, err := users.Find(t.Context(), "alice"); err != nil || u.Failures != 3 || u.Tokens != 1 {
		t.Fatalf("before: %+v, %v", u, err)
	}
	unlocked, err := users.Unlock(t.Context(), "ALICE", origin)
	if err != nil || len(unlocked) != 1 || unlocked[0].Condition.Failures != 3 {
		t.Fatalf("unlocked %+v, %v", unlocked, err)
	}
	if u, err := users.Find(t.Context(), "alice"); err != nil || u.Failures != 0 || !u.RetryAt.IsZero() {
		t.Errorf("after: %+v, %v", u, err)
	}
	got := actions(t, db)
	if diff := cmp.Diff([]string{"token.unlocked alice 3", "user.unlocked alice 3"}, got[len(got)-2:]); diff != "" {
		t.Errorf("audit log (-want +got):\n%s", diff)
	}
	if unlocked, err = users.Unlock(t.Context(), "alice", origin); err != nil || len(unlocked) != 0 {
		t.Errorf("again: %+v, %v", unlocked, err)
	}
	if got := actions(t, db); got[len(got)-2] != "user.unlocked alice 3" {
		t.Errorf("a token without wrong codes has an entry: %q", got)
	}
}

// A new name looks like no other: what is not to be seen is refused. Users who have such
// a name from before are still found by it.
func TestNewNameIsSeenWhole(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ann\u3164", "ann\ufe0f", "an\uffa0n", "ann\u115f", "\u2800ann"} {
		if _, err := NewName(name); err == nil {
			t.Errorf("%q may be a new user", name)
		}
		if _, err := Canonical(name); err != nil {
			t.Errorf("%q is not found: %v", name, err)
		}
	}
	if name, err := NewName("Ann Müller"); err != nil || name != "ann müller" {
		t.Errorf("%q %v", name, err)
	}
}
