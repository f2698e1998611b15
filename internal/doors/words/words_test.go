package words

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestEveryTextInEveryLanguage: no text is empty, and its arguments are the same everywhere.
func TestEveryTextInEveryLanguage(t *testing.T) {
	t.Parallel()
	verb := regexp.MustCompile(`%[a-z]`)
	for id, all := range catalogue {
		for i, text := range all {
			if strings.TrimSpace(text) != text || text == "" {
				t.Errorf("%s in %s is %q", id, All()[i].Name, text)
			}
			if !slices.Equal(verb.FindAllString(text, -1), verb.FindAllString(all[0], -1)) {
				t.Errorf("%s in %s has other arguments: %q", id, All()[i].Name, text)
			}
		}
		if base, ok := strings.CutSuffix(id, ".one"); ok && !Has(base+".other") {
			t.Errorf("%s has no %s.other", id, base)
		}
	}
	if len(All()) != len(texts{}) {
		t.Error("a text has not as many places as there are languages")
	}
}

// TestIdsAreThere: what the doors ask for by a literal is in the catalogue, and what is in the
// catalogue is asked for.
func TestIdsAreThere(t *testing.T) {
	t.Parallel()
	id := regexp.MustCompile(`^[a-z-]+\.[a-z_.-]+$`)
	asked := map[string]bool{}
	for _, folder := range []string{"self", "enrol"} {
		names, err := filepath.Glob("../" + folder + "/*.go")
		if err != nil || len(names) == 0 {
			t.Fatal(folder, err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				lit, ok := n.(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					return true
				}
				if text, err := strconv.Unquote(lit.Value); err == nil && id.MatchString(text) {
					asked[text] = true
				}
				return true
			})
		}
	}
	pages, err := filepath.Glob("../enrol/page/*.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range pages {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`Say "([a-z.-]+)"`).FindAllSubmatch(text, -1) {
			asked[string(m[1])] = true
		}
	}
	for known := range catalogue {
		base := strings.TrimSuffix(strings.TrimSuffix(known, ".one"), ".other")
		made := strings.HasPrefix(known, "fault.") || strings.HasPrefix(known, "event.") // of a code or an action
		for _, form := range []string{"try", "fix", "lost"} {                            // by the name of a form
			made = made || known == form+".title" || known == form+".about"
		}
		if !asked[known] && !asked[base] && !made {
			t.Errorf("nobody asks for %s", known)
		}
	}
	prefixes := map[string]bool{}
	for known := range catalogue {
		prefix, _, _ := strings.Cut(known, ".")
		prefixes[prefix] = true
	}
	for text := range asked {
		prefix, _, _ := strings.Cut(text, ".")
		if prefixes[prefix] && !Has(text) && !Has(text+".one") && !strings.HasSuffix(text, ".") && text != "self.html" {
			t.Errorf("there is no text %s", text)
		}
	}
}

func TestLanguageOfARequest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		query, cookie, accept string
		want                  Lang
	}{
		{"", "", "", English}, {"", "", "de-AT,de;q=0.9,en;q=0.8", German}, {"", "", "fr, sv;q=0.5, en;q=0.4", Swedish},
		{"", "", "en;q=0.2,DE;q=0.3", German}, {"", "", "de;q=0", English}, {"", "", "de;q=x, sv;q=9", English},
		{"sv", "de", "en", Swedish}, {"", "de", "sv", German}, {"xx", "yy", "sv", Swedish},
	} {
		r := httptest.NewRequest(http.MethodGet, "/me?lang="+c.query, nil)
		r.Header.Set("Accept-Language", c.accept)
		if c.cookie != "" {
			r.AddCookie(&http.Cookie{Name: cookie, Value: c.cookie})
		}
		w := httptest.NewRecorder()
		if got := Of(w, r); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
		if kept := w.Header().Get("Set-Cookie"); (kept != "") != (c.query == "sv") {
			t.Errorf("%+v: keeps %q", c, kept)
		}
	}
}

func TestSay(t *testing.T) {
	t.Parallel()
	if got := German.Count("token.wrong", 1); got != "1 falscher Code seit dem letzten richtigen" {
		t.Error(got)
	}
	if got := English.Count("token.wrong", 3); got != "3 wrong codes since the last right one" {
		t.Error(got)
	}
	if got := Swedish.Say("self.as", `<b>%s`); got != "Inloggad som <b>%s" {
		t.Error(got)
	}
	at := time.Date(2026, 2, 3, 14, 5, 0, 0, time.Local)
	for l, want := range map[Lang]string{English: "3 Feb 2026, 14:05", German: "03.02.2026, 14:05",
		Swedish: "2026-02-03 14:05"} {
		if got := l.Time(at); got != want {
			t.Errorf("%s: %s", l, got)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("an unknown text is no defect")
		}
	}()
	English.Say("none.such")
}
