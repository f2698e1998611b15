package look_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"

	"ostiary/internal/doors/look"
	"ostiary/internal/test/browser"
)

// row is a token as the pattern page lists it.
type row struct {
	User, Serial, Badge, Type, Used, Drift string
	State                                  look.State
	Far, Picked                            bool
}

var (
	valid   = look.State{Shape: look.Disc, Word: "Valid"}
	pending = look.State{Shape: look.Square, Word: "Pending"}
	lost    = look.State{Shape: look.Ring, Word: "Lost"}
)

var list = struct {
	Pills []look.Pill
	Heads []look.Head
	Rows  []row
}{
	[]look.Pill{{Label: "Manufacturer", Value: "Feitian", Href: "tokens"},
		{Label: "Batch", Value: "2026-10", Href: "tokens"},
		{Label: "User", Href: "#"}, {Label: "State", Href: "#"}, {Label: "Serial", Href: "#"}, {Label: "Type", Href: "#"},
		{Label: "Unused since", Href: "#"}, {Label: "Locked", Href: "#"}},
	[]look.Head{{Label: "Assigned to", Href: "tokens?sort=-user", Sort: "ascending"},
		{Label: "Serial number", Href: "tokens?sort=serial"}, {Label: "State", Href: "tokens?sort=state"},
		{Label: "Token type", Href: "tokens?sort=type"}, {Label: "Last used", Href: "tokens?sort=used"},
		{Label: "Drift", Href: "tokens?sort=drift"}},
	[]row{
		{User: "anna.berg", Serial: "2600214508816", State: valid, Type: "TOTP", Used: "Today 08:41", Drift: "0"},
		{User: "dora.lind", Serial: "2600214508823", State: valid, Badge: "10 failures · locked", Type: "HOTP",
			Used: "12 Nov 16:02", Drift: "–", Picked: true},
		{User: "emil.kraus", Serial: "2600214508830", State: pending, Type: "TOTP", Drift: "–"},
		{User: "farid.haddad", Serial: "2600214508847", State: lost, Type: "TOTP", Used: "3 Nov 11:20", Drift: "+1"},
		{User: "greta.holm", Serial: "2600214508854", State: valid, Type: "TOTP", Used: "Yesterday", Drift: "+9", Far: true},
		{Serial: "2600214508861", State: valid, Type: "HOTP", Drift: "–"},
		{Serial: "2600214508878", State: valid, Type: "HOTP", Drift: "–"},
		{Serial: "2600214508885", State: valid, Type: "HOTP", Drift: "–"},
	},
}

func item(label, count string) look.Item {
	return look.Item{Link: look.Link{Label: label, Href: "/" + strings.ToLower(strings.ReplaceAll(label, " ", "-"))},
		Count: count}
}

func console() *look.Console {
	tokens := look.Item{Link: look.Link{Label: "Hardware tokens", Href: "/tokens"}, Current: true, Key: "t"}
	users := look.Item{Link: look.Link{Label: "Users", Href: "/form"}, Key: "u"}
	locked := item("Locked now", "3")
	locked.Warn = true
	return &look.Console{Site: "Northern office", Root: "/",
		Account: look.Account{Name: "abell", Initials: "AB", Role: "ADMIN", Page: "/account", SignOut: "/sign-out"},
		Groups: []look.Group{
			{Title: "Users & tokens", Items: []look.Item{tokens, item("Software tokens", ""), users, item("Batches", ""),
				item("Imports", "1 running"), item("Moves", "")}},
			{Title: "Activation", Items: []look.Item{item("Open activations", "14"), item("Licenses", ""),
				item("Profiles", "")}},
			{Title: "Insight", Items: []look.Item{item("Dashboard", ""), locked, item("Audit log", "")}},
			{Title: "System", Items: []look.Item{item("Administrators", ""), item("API keys", ""),
				item("RADIUS clients", ""), item("Settings", "")}},
		}}
}

var ahead = look.Note{Tone: look.Warning, What: "Not valid: 14 ahead of the window",
	Means: "The button was probably pressed without a login."}

// pattern serves pages that have every part, with the data of the pictures of the look.
func pattern(t testing.TB) *httptest.Server {
	t.Helper()
	book := look.Open(os.DirFS("testdata"), "pages")
	mux := http.NewServeMux()
	for address, asset := range look.Assets() {
		mux.Handle(address, asset)
	}
	page := func(address string, make func(r *http.Request) look.Page) {
		mux.HandleFunc(address, func(w http.ResponseWriter, r *http.Request) { book.Show(w, r, make(r)) })
	}
	page("/tokens", func(*http.Request) look.Page {
		return look.Page{Name: "tokens", Title: "Hardware tokens", Forms: true, Console: console(), Body: list}
	})
	mux.HandleFunc("POST /verify", func(w http.ResponseWriter, r *http.Request) {
		if strings.ReplaceAll(r.FormValue("otp"), " ", "") == "755224" {
			http.Redirect(w, r, "/form", http.StatusSeeOther)
			return
		}
		book.Show(w, r, verify(ahead))
	})
	page("GET /verify", func(*http.Request) look.Page { return verify(look.Note{}) })
	page("/form", form)
	page("/me", func(*http.Request) look.Page {
		return look.Page{Name: "me", Title: "My tokens", Body: struct {
			State look.State
			Note  look.Note
		}{look.State{Shape: look.Square, Word: "locked until 14:05"}, look.Note{Tone: look.Warning,
			What: "Ten wrong codes in a row", Means: "If that was not you, report the fob as lost."}}}
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func verify(note look.Note) look.Page {
	return look.Page{Name: "verify", Title: "Verify a code", Forms: true, Dialog: true, Console: console(), Body: struct {
		Serial string
		Note   look.Note
		Code   look.Field
	}{"2600214508823", note, look.Field{ID: "otp", Label: "One-time password", Max: 14}}}
}

func form(*http.Request) look.Page {
	c := console()
	c.Groups[0].Items[0].Current = false
	c.Undo = &look.Undo{What: "dora.lind’s token is lost.", Action: "/tokens", Seconds: 15,
		Fields: map[string]string{"serial": "2600214508823"}}
	return look.Page{Name: "form", Title: "A form", Failed: true, Forms: true, Console: c, Body: struct {
		Errors look.Errors
		Fields []look.Field
		Empty  look.Empty
		Notes  []look.Note
		State  look.State
	}{
		look.Errors{Wrong: []look.Wrong{{Field: "name", What: "Enter a name"}},
			Hint: "Names are those of the directory.", Request: "k3v9-17"},
		[]look.Field{{ID: "name", Label: "Name", Hint: "As in the directory", Wrong: "Enter a name", Required: true},
			{ID: "password", Label: "Password", Type: "password", Autocomplete: "new-password"}},
		look.Empty{What: "A batch is a delivery of tokens. There is none yet.",
			Action: &look.Link{Label: "Import a file", Href: "/import"},
			Read:   &look.Link{Label: "How to import", Href: "/docs"}},
		[]look.Note{{What: "Nothing has changed", Means: "The file is the one that was imported before."},
			{Tone: look.Good, What: "1,240 tokens were imported", Next: &look.Link{Label: "Check tokens", Href: "/check"}},
			ahead, {Tone: look.Danger, What: "The token is gone", Means: "Nothing brings it back."}},
		lost,
	}}
}

// TestPatternInBrowser: every part, in Chromium: looked at by axe in both widths and
// themes, used with the mouse, and used with the keys alone.
func TestPatternInBrowser(t *testing.T) {
	t.Parallel()
	browser.Run(t, "pattern.mjs", pattern(t).URL)
}

// TestListIsSmall: a list of 100 rows, with a menu for each, is a small page.
func TestListIsSmall(t *testing.T) {
	t.Parallel()
	const most = 30 << 10
	long := list
	long.Rows = nil
	for i := range 100 {
		r := list.Rows[i%len(list.Rows)]
		r.Serial = strconv.Itoa(2600214508816 + 7*i*i)
		r.User += strconv.Itoa(i * i)
		long.Rows = append(long.Rows, r)
	}
	book := look.Open(os.DirFS("testdata"), "pages")
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/tokens", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	book.Show(w, r, look.Page{Name: "tokens", Title: "Hardware tokens", Console: console(), Body: long})
	t.Logf("100 rows have %d bytes, compressed", w.Body.Len())
	if w.Body.Len() > most || w.Body.Len() < 1<<10 || w.Header().Get("Content-Encoding") != "gzip" {
		t.Errorf("100 rows have %d bytes, compressed, and %d are the most", w.Body.Len(), most)
	}
}
