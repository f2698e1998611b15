// Package look is what everything that a browser shows has in common: the style sheet,
// the scripts, the icons and the mark, the frames of pages, and the headers under which
// pages are served. A door that has pages opens a Book of its templates and shows them.
//
// There are two frames. The plain one is for the pages of people with a phone in the
// hand (enrolment, self-service) and for errors; the console's has the side bar and the
// search. Both have their parts in templates/parts.html, whose data are the types of
// parts.go: a page names a part, and the part has its look.
//
// What a page loads has the hash of its content in its name, so that a browser may keep
// it for good, and a new version is never mixed with an old one. It is compressed once,
// when the program starts. The scripts and the style sheet are bundled from web/console
// by tools/web, and are checked in: the program builds without Node.js.
//
// Every page works under a policy that lets it load from this server alone, run no
// script and apply no style that stands in the page, and turn no text into elements but
// by the one policy of Trusted Types that the scripts have. No template has a style
// attribute or a handler of events; a test looks.
package look

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

//go:embed static
var static embed.FS

// asset is a file that pages load.
type asset struct {
	name       string // with the hash in it
	body       []byte
	compressed []byte
}

// assets are the files by the names that templates know them by.
var assets = load()

func load() map[string]asset {
	entries, err := static.ReadDir("static")
	if err != nil {
		panic(err) // it is in the program
	}
	all := map[string]asset{}
	for _, e := range entries {
		body, err := static.ReadFile("static/" + e.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(body)
		ext := path.Ext(e.Name())
		hashed := strings.TrimSuffix(e.Name(), ext) + "-" + hex.EncodeToString(sum[:8]) + ext
		all[e.Name()] = asset{name: hashed, body: body, compressed: compress(body, gzip.BestCompression)}
	}
	return all
}

func compress(body []byte, level int) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	if err == nil {
		_, err = w.Write(body)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err) // the level is a constant, and memory does not fail
	}
	return b.Bytes()
}

// address is where a file is, from the root of the server.
func address(name string) (string, error) {
	a, ok := assets[name]
	if !ok {
		return "", fmt.Errorf("look: there is no file %s", name)
	}
	return "look/" + a.name, nil
}

// Assets gives a handler for each pattern of http.ServeMux that this package answers.
func Assets() map[string]http.Handler {
	all := map[string]http.Handler{}
	for _, a := range assets {
		all["GET /look/"+a.name] = a
	}
	return all
}

// ServeHTTP sends the file. The image formats among the files are pages of their own when
// somebody opens them, so they have a policy, too.
func (a asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Vary", "Accept-Encoding")
	body := a.body
	if takesGzip(r) {
		h.Set("Content-Encoding", "gzip")
		body = a.compressed
	}
	http.ServeContent(w, r, a.name, time.Time{}, bytes.NewReader(body))
}

// takesGzip says whether a client asks for gzip.
func takesGzip(r *http.Request) bool {
	for value := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, weight, weighed := strings.Cut(value, ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(weight), "q="), 64)
		return !weighed || err == nil && q > 0
	}
	return false
}

// policy is what a page may do. Forms are sent to this server, or, on a page without
// forms, nowhere.
func policy(forms bool) string {
	action := "'none'"
	if forms {
		action = "'self'"
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
		"form-action " + action + "; base-uri 'none'; frame-ancestors 'none'; " +
		"require-trusted-types-for 'script'; trusted-types ostiary"
}

// secure sets the headers of a page.
func secure(h http.Header, forms bool) {
	h.Set("Content-Security-Policy", policy(forms))
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}
