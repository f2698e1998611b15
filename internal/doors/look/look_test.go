package look

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

// TestBundlesAreCurrent makes the bundles anew: they are what web/console says.
func TestBundlesAreCurrent(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if out, err := exec.Command("../../../tools/web", folder).CombinedOutput(); err != nil {
		t.Fatalf("tools/web: %v\n%s", err, out)
	}
	made, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil || len(made) != 5 {
		t.Fatalf("tools/web made %q, %v", made, err)
	}
	for _, name := range made {
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(assets[filepath.Base(name)].body, want) {
			t.Errorf("static/%s is not what web/console makes; run tools/web", filepath.Base(name))
		}
	}
}

// TestBudget: scripts and style together are small.
func TestBudget(t *testing.T) {
	t.Parallel()
	const most = 40 << 10
	size := 0
	for name, a := range assets {
		if ext := filepath.Ext(name); ext == ".js" || ext == ".css" {
			size += len(a.compressed)
		}
	}
	t.Logf("scripts and style have %d bytes, compressed", size)
	if size > most || size < 1<<10 {
		t.Errorf("scripts and style have %d bytes, compressed, and %d are the most", size, most)
	}
}

func get(t *testing.T, h http.Handler, path string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

// text reads a body as a browser does.
func text(t *testing.T, r *http.Response) string {
	t.Helper()
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(body)
		if err != nil {
			t.Fatal(err)
		}
		body = z
	}
	all, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

// TestAssets: a file is kept for good under its name, which changes with its content.
func TestAssets(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	for pattern, h := range Assets() {
		mux.Handle(pattern, h)
	}
	for name, kind := range map[string]string{"style.css": "text/css", "console.js": "text/javascript",
		"enrol.js": "text/javascript", "passkey.js": "text/javascript",
		"icons.svg": "image/svg+xml", "mark.svg": "image/svg+xml"} {
		where, err := address(name)
		if err != nil || !regexp.MustCompile(`^look/[a-z]+-[0-9a-f]{16}\.`).MatchString(where) {
			t.Fatalf("%s is at %q, %v", name, where, err)
		}
		for _, encoding := range []string{"gzip", ""} {
			a := get(t, mux, "/"+where, "Accept-Encoding", encoding)
			if a.StatusCode != http.StatusOK || !strings.HasPrefix(a.Header.Get("Content-Type"), kind) ||
				a.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" ||
				a.Header.Get("Content-Encoding") != encoding || a.Header.Get("Vary") != "Accept-Encoding" ||
				a.Header.Get("X-Content-Type-Options") != "nosniff" ||
				!strings.HasPrefix(a.Header.Get("Content-Security-Policy"), "default-src 'none'") {
				t.Errorf("%s as %q: %d %v", name, encoding, a.StatusCode, a.Header)
			}
			if text(t, a) != string(assets[name].body) {
				t.Errorf("%s as %q has another content", name, encoding)
			}
		}
	}
	if a := get(t, mux, "/look/style.css"); a.StatusCode != http.StatusNotFound {
		t.Errorf("a name without its hash: %d", a.StatusCode)
	}
	if _, err := address("none.css"); err == nil {
		t.Error("a file that is not there has an address")
	}
}

func TestTakesGzip(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{"gzip": true, "br, GZIP;q=0.5, x": true, "": false, "br": false,
		"gzip;q=0": false, "gzip; q=0.0": false, "gzip;q=x": false, "gzipped": false, "identity, gzip ; q=1": true} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept-Encoding", value)
		if got := takesGzip(r); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
}

var page = fstest.MapFS{
	"p/one.html":    {Data: []byte(`{{define "main"}}<h1>{{.Title}}</h1><p title="{{.Body}}">{{.Body}}</p>{{end}}`)},
	"p/broken.html": {Data: []byte(`{{define "main"}}{{.Asset "none.css"}}{{end}}`)},
}

func shown(t *testing.T, p Page, path string, header ...string) *http.Response {
	t.Helper()
	book := Open(page, "p")
	return get(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { book.Show(w, r, p) }), path, header...)
}

// TestShow: the frame, the headers, and strangers' text, which stays text.
func TestShow(t *testing.T) {
	t.Parallel()
	const strange = `"><script>alert(1)</script>`
	a := shown(t, Page{Name: "one", Title: "A & B", Failed: true, Body: strange}, "/a/b/c")
	body := text(t, a)
	if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != "text/html; charset=utf-8" ||
		a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("X-Frame-Options") != "DENY" {
		t.Errorf("%d %v", a.StatusCode, a.Header)
	}
	if strings.Contains(body, strange) || strings.Contains(body, "<script>") {
		t.Errorf("strangers' text is no text: %s", body)
	}
	for _, part := range []string{`<title>Error: A &amp; B · Ostiary</title>`, `href="../../look/style-`, `<body class="plain">`,
		`<html lang="en">`} {
		if !strings.Contains(body, part) {
			t.Errorf("the page lacks %s: %s", part, body)
		}
	}
	a = shown(t, Page{Name: "one", Status: http.StatusNotFound, Lang: "sv", Console: &Console{Root: "/tokens/"}}, "/a/b/c",
		"Cookie", "theme=dark; keys=off")
	body = text(t, a)
	for _, part := range []string{`<html lang="sv" data-theme="dark" class="keys-off">`, `href="/tokens/look/style-`,
		`action="/tokens/search"`} {
		if a.StatusCode != http.StatusNotFound || !strings.Contains(body, part) {
			t.Errorf("%d, the page lacks %s: %s", a.StatusCode, part, body)
		}
	}
	if body := text(t, shown(t, Page{Name: "one"}, "/", "Cookie", `theme="><b>`)); strings.Contains(body, "<b>") ||
		strings.Contains(body, "data-theme") {
		t.Errorf("a theme that is none is obeyed: %s", body)
	}
}

// TestDialogPart: a script gets the part of a page that can stand in a dialog, and is told
// that it is one; of another page it gets all.
func TestDialogPart(t *testing.T) {
	t.Parallel()
	for _, dialog := range []bool{true, false} {
		a := shown(t, Page{Name: "one", Title: "T", Dialog: dialog, Console: &Console{}}, "/", partHeader, "dialog")
		whole := strings.Contains(text(t, a), "<html")
		if whole == dialog || (a.Header.Get(partHeader) == "dialog") != dialog {
			t.Errorf("a page that is a dialog (%v) comes whole (%v), with %v", dialog, whole, a.Header)
		}
		if a.Header.Get("Content-Security-Policy") == "" {
			t.Error("it has no policy")
		}
	}
}

// TestPolicy: nothing from elsewhere, nothing inline, one policy of Trusted Types.
func TestPolicy(t *testing.T) {
	t.Parallel()
	for _, forms := range []bool{true, false} {
		got := shown(t, Page{Name: "one", Forms: forms}, "/").Header.Get("Content-Security-Policy")
		for _, rule := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'",
			"base-uri 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types ostiary",
			map[bool]string{true: "form-action 'self'", false: "form-action 'none'"}[forms]} {
			if !strings.Contains(got, rule) {
				t.Errorf("the policy %q lacks %q", got, rule)
			}
		}
		if strings.Contains(got, "unsafe") || strings.Contains(got, "*") || strings.Contains(got, "http") {
			t.Errorf("the policy is %q", got)
		}
	}
}

// TestDefects: a page that cannot be made is not sent in part.
func TestDefects(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"broken", "none"} {
		w := httptest.NewRecorder()
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			Open(page, "p").Show(w, httptest.NewRequest(http.MethodGet, "/", nil), Page{Name: name})
		}()
		if w.Body.Len() > 0 {
			t.Errorf("%s: %s was sent", name, w.Body)
		}
	}
}

// TestLargePageIsCompressed: a page is as long as it is, however it is sent.
func TestLargePageIsCompressed(t *testing.T) {
	t.Parallel()
	p := Page{Name: "one", Body: strings.Repeat("token ", 5000)}
	packed, bare := shown(t, p, "/", "Accept-Encoding", "gzip"), shown(t, p, "/")
	if packed.Header.Get("Content-Encoding") != "gzip" || bare.Header.Get("Content-Encoding") != "" ||
		text(t, packed) != text(t, bare) {
		t.Errorf("compressed %v, and not %v", packed.Header, bare.Header)
	}
}

// TestTemplates: no template of any door has a script, a style or a handler of events in
// it, loads from elsewhere, or names an icon that the sprite has not.
func TestTemplates(t *testing.T) {
	t.Parallel()
	inline := regexp.MustCompile(`(?i)<style|\sstyle\s*=|\son[a-z]+\s*=|javascript:|<script(?:\s[^>]*)?>[^<]|` +
		`(?:src|href|action)="(?:https?:)?//`)
	icon := regexp.MustCompile(`\.Icon "([a-z0-9-]+)"`)
	names, icons := 0, 0
	err := filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(name) != ".html" {
			return err
		}
		names++
		body, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if found := inline.Find(body); found != nil {
			t.Errorf("%s has %q", name, found)
		}
		for _, m := range icon.FindAllSubmatch(body, -1) {
			icons++
			if !bytes.Contains(assets["icons.svg"].body, []byte(`<symbol id="`+string(m[1])+`"`)) {
				t.Errorf("%s: there is no icon %s", name, m[1])
			}
		}
		return nil
	})
	if err != nil || names < 5 || icons < 3 {
		t.Errorf("%d templates and %d icons were looked at, %v", names, icons, err)
	}
	for bad, want := range map[string]bool{`<p style="x">`: true, `<p onclick="x">`: true, `<script>x`: true,
		`<a href="//x">`: true, `<script src="{{.}}" defer></script>`: false, `<a href="/x">`: false} {
		if inline.MatchString(bad) != want {
			t.Errorf("the test sees %q as inline: %v", bad, !want)
		}
	}
}

// TestFail: people get a page, programs get what the API says.
func TestFail(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		method, path, accept string
		want                 bool
	}{
		{http.MethodGet, "/x", "text/html,*/*", true}, {http.MethodHead, "/", "text/html", true},
		{http.MethodGet, "/x", "*/*", false}, {http.MethodPost, "/x", "text/html", false},
		{http.MethodGet, "/api/v1/tokens", "text/html", false},
	} {
		r := httptest.NewRequest(c.method, c.path, nil)
		r.Header.Set("Accept", c.accept)
		if got := Browses(r); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	a := get(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Fail(w, r, Trouble{Status: http.StatusNotFound, Title: "No", Detail: "Nothing at <b>.", Request: "r1"})
	}), "/x")
	if body := text(t, a); a.StatusCode != http.StatusNotFound || !strings.Contains(body, "Nothing at &lt;b&gt;.") ||
		!strings.Contains(body, ">r1<") {
		t.Errorf("%d %s", a.StatusCode, body)
	}
}

// TestSecretsAreNotSentBack: what was typed stays in a form that comes back, but for codes
// and passwords.
func TestSecretsAreNotSentBack(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{"p/form.html": {Data: []byte(
		`{{define "main"}}{{range .Body}}{{template "field" .}}{{end}}{{template "code" index .Body 0}}{{end}}`)}}
	fields := []Field{{ID: "otp", Type: "password", Value: "299532"}, {ID: "name", Value: "dora"}}
	book := Open(files, "p")
	body := text(t, get(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		book.Show(w, r, Page{Name: "form", Body: fields})
	}), "/"))
	if strings.Contains(body, "299532") || !strings.Contains(body, `value="dora"`) {
		t.Errorf("the form is %s", body)
	}
}
