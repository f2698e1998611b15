package letter

import (
	"strings"
	"testing"
	"time"
)

// Letters in English, German and Swedish say all that they have to, and nothing is cut.
func TestLettersInEveryLanguage(t *testing.T) {
	t.Parallel()
	for language, wants := range map[string][]string{
		"en": {"Set up your authenticator", "For Zoë", "1 March 2026", "Good until 8 March 2026, 12:00 UTC",
			"Activation code", "Event counter code"},
		"de": {"Richten Sie Ihren Authenticator ein", "Für Zoë", "1. März 2026", "Gültig bis 8. März 2026, 12:00 UTC",
			"Aktivierungscode", "Ereigniszähler-Code", "Vernichten Sie diese Seite."},
		"sv": {"Kom igång med din autentiserare", "Till Zoë", "1 mars 2026", "Gäller till 8 mars 2026, 12:00 UTC",
			"Aktiveringskod", "Händelseräknarkod", "Förstör den här sidan."},
	} {
		l := sample()
		l.User, l.Texts = "Zoë", must(In(language))
		all := l
		all.Password, all.Binding, all.Pair, all.ERC = true, true, true, "000000471119"
		file := written(t, all, l)
		page := textOf(t, file, "1")
		for _, want := range wants {
			if !strings.Contains(page, want) {
				t.Errorf("%s: %q is missing in\n%s", language, want, page)
			}
		}
		for _, n := range []string{"1", "2"} {
			if page := textOf(t, file, n); strings.ContainsAny(page, "…{}\uFFFD") {
				t.Errorf("%s: something is cut, or not put in:\n%s", language, page)
			}
		}
	}
}

// Accents that stand behind their letters are joined with them: the fonts have no others.
func TestDecomposedAccentsAreComposed(t *testing.T) {
	t.Parallel()
	l := sample()
	l.User, l.Issuer, l.Profile = "Zoe\u0308 Mu\u0308ller", "A\u030angstro\u0308m", "Cafe\u0301"
	page := textOf(t, written(t, l), "1")
	for _, want := range []string{"For Zoë Müller", "Ångström", "Café"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is missing in\n%s", want, page)
		}
	}
}

// The administrator changes the text; what could not stand on a letter is refused.
func TestTextIsTheAdministrators(t *testing.T) {
	t.Parallel()
	file := string(must(File("en")))
	change := func(from, to string) string {
		t.Helper()
		if !strings.Contains(file, from) {
			t.Fatalf("%q is not in the file", from)
		}
		return strings.Replace(file, from, to, 1)
	}
	l := sample()
	l.Texts = must(ReadTexts([]byte(change(`title = "Set up your authenticator"`, `title = "Welcome on board"`))))
	if page := textOf(t, written(t, l), "1"); !strings.Contains(page, "Welcome on board") {
		t.Error(page)
	}
	if got := l.Texts.dated(time.Date(2026, 12, 9, 0, 0, 0, 0, time.UTC)); got != "9 December 2026" {
		t.Error(got)
	}
	for want, text := range map[string]string{
		"tite is not a text of a letter":           change("title =", "tite ="),
		"title: the text is missing":               change(`title = "Set up your authenticator"`, ""),
		"for: {user} is missing":                   change("For {user}", "For you"),
		"title: {user} is not allowed here":        change("Set up your", "{user}, set up your"),
		"until: {dat} is not allowed here":         change("Good until {date}", "Good until {date} {dat}"),
		"months: instead of 12 names there are 11": change(`"January", `, ""),
		"months: the text is missing":              change(`"January"`, `""`),
		"done: 500 characters, but at most 240":    change("When the code is accepted, you are done. Destroy this page.", strings.Repeat("x", 500)),
		"title: a text must be one line":           change("Set up your", `Set up\nyour`),
		"not TOML":                                 "title",
	} {
		if _, err := ReadTexts([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := In("fr"); err == nil || !strings.Contains(err.Error(), "en, de, sv") {
		t.Errorf("%v", err)
	}
}
