// Package enrol is the door for whoever holds an enrolment link: the page behind it,
// which is the same for all. What stands behind the # of the link stays in the
// browser until the user asks; then the page's script (web/console/enrol.ts) speaks to
// REST, which needs no more than the link itself. The texts are those of package words; the
// script finds its own in the page.
package enrol

import (
	"embed"
	"net/http"

	"ostiary/internal/doors/look"
	"ostiary/internal/doors/words"
)

//go:embed page
var files embed.FS

// Pages gives a handler for each pattern of http.ServeMux that this door answers.
func Pages() map[string]http.Handler {
	book := look.Open(files, "page")
	return map[string]http.Handler{
		"GET /enrol": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			l := words.Of(w, r)
			book.Show(w, r, look.Page{Name: "enrol", Title: l.Say("enrol.title"), Lang: string(l), Body: l})
		}),
	}
}
