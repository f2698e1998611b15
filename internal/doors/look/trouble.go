package look

import (
	"net/http"
	"strings"
)

// Trouble is an error as people see it in a browser.
type Trouble struct {
	Status  int
	Title   string
	Detail  string
	Hint    string
	Request string // its id, to look for in the server's log
}

var troubles = Open(templates, "templates/pages")

// Browses says whether a request is a person's, with a browser, for a page. The API and
// what programs ask for speak JSON, whoever asks.
func Browses(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) &&
		!strings.HasPrefix(r.URL.Path, "/api/") && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// Fail answers with a page that says what went wrong.
func Fail(w http.ResponseWriter, r *http.Request, t Trouble) {
	troubles.Show(w, r, Page{Name: "trouble", Status: t.Status, Title: t.Title, Body: t})
}
