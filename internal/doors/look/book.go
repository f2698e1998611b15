package look

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed templates
var templates embed.FS

// Book is the pages of a door.
type Book struct{ pages map[string]*template.Template }

// Open reads a door's pages from a folder: each file is a page, and defines "main", which
// stands in the frame. It may define "scripts". A page that cannot be read is a defect of
// the program.
func Open(files fs.FS, folder string) *Book {
	names, err := fs.Glob(files, folder+"/*.html")
	if err != nil || len(names) == 0 {
		panic(fmt.Sprintf("look: no pages in %s: %v", folder, err))
	}
	frames := template.Must(template.New("").Funcs(template.FuncMap{"asset": address}).
		ParseFS(templates, "templates/*.html"))
	b := &Book{pages: map[string]*template.Template{}}
	for _, name := range names {
		t := template.Must(template.Must(frames.Clone()).ParseFS(files, name))
		b.pages[strings.TrimSuffix(path.Base(name), ".html")] = t
	}
	return b
}

// Page is a page to be shown.
type Page struct {
	Name   string // of its file
	Status int    // 200 by default
	Title  string
	Lang   string // en by default
	// Failed says that a form came back with errors; the title says so first.
	Failed bool
	// Forms says that the page has forms.
	Forms bool
	// Dialog says that the page can stand in a dialog over another one.
	Dialog bool
	// Console is its frame; nil is the plain one.
	Console *Console
	Body    any
}

// view is what a template sees.
type view struct {
	Page
	Theme   string // light, dark, or empty
	KeysOff bool
	Root    string
}

// Asset gives the address of a file for the page.
func (v view) Asset(name string) (string, error) {
	where, err := address(name)
	return v.Root + where, err
}

// Icon is an icon of the sprite, for the part "icon".
func (v view) Icon(name string) (string, error) {
	where, err := v.Asset("icons.svg")
	return where + "#" + name, err
}

// Show answers with a page. One that cannot be made is a defect of the program: Show
// panics, as any defect does, and has sent nothing by then.
func (b *Book) Show(w http.ResponseWriter, r *http.Request, p Page) {
	t, ok := b.pages[p.Name]
	if !ok {
		panic("look: there is no page " + p.Name)
	}
	if p.Status == 0 {
		p.Status = http.StatusOK
	}
	if p.Lang == "" {
		p.Lang = "en"
	}
	v := view{Page: p, Theme: chosen(r, "theme", "light", "dark"), KeysOff: chosen(r, "keys", "off") != "",
		Root: relative(r.URL.Path)}
	frame := "plain"
	if p.Console != nil {
		frame, v.Root = "console", p.Console.Root
	}
	h := w.Header()
	if p.Dialog {
		h.Add("Vary", partHeader)
		if r.Header.Get(partHeader) == "dialog" {
			frame = "main"
			h.Set(partHeader, "dialog")
		}
	}
	var body bytes.Buffer
	if err := t.ExecuteTemplate(&body, frame, v); err != nil {
		panic(fmt.Errorf("look: page %s: %w", p.Name, err))
	}
	secure(h, p.Forms)
	h.Set("Content-Type", "text/html; charset=utf-8")
	send(w, r, p.Status, body.Bytes())
}

// partHeader is how a script asks for a dialog's part of a page.
const partHeader = "Ostiary-Part"

// small is a page that is not worth compressing: it fits into one packet.
const small = 1200

// send sends a page, compressed if it is large. That is safe though pages hold what
// nobody else may know: pages of a session are asked for by its own origin alone
// (SameSite=Strict), so nobody else can try texts beside it and measure.
func send(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	h := w.Header()
	h.Add("Vary", "Accept-Encoding")
	if len(body) > small && takesGzip(r) {
		h.Set("Content-Encoding", "gzip")
		body = compress(body, gzip.BestSpeed)
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client has disconnected if this fails
}

// chosen gives a choice that a script kept in a cookie, if it is one of the known.
func chosen(r *http.Request, name string, known ...string) string {
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	for _, k := range known {
		if c.Value == k {
			return k
		}
	}
	return ""
}

// relative leads from a page to the root of the server, also behind a proxy that serves
// it below a path of its own.
func relative(page string) string {
	return strings.Repeat("../", max(0, strings.Count(page, "/")-1))
}
