// Package enrol is the door for whoever holds an enrolment link: the page behind it,
// which is the same for all. What stands behind the # of the link stays in the
// browser until the user asks; then the page's script speaks to REST, which needs no
// more than the link itself.
package enrol

import (
	"embed"
	"net/http"
)

//go:embed page
var files embed.FS

// policy lets the page load what comes with it, show the QR code it was given, and
// speak to this server; nothing else, and nobody frames it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Pages gives a handler for each pattern of http.ServeMux that this door answers.
func Pages() map[string]http.Handler {
	return map[string]http.Handler{
		"GET /enrol":           page("enrol.html"),
		"GET /enrol/enrol.js":  page("enrol.js"),
		"GET /enrol/enrol.css": page("enrol.css"),
	}
}

func page(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		http.ServeFileFS(w, r, files, "page/"+name)
	})
}
