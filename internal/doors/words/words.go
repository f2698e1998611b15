// Package words is the catalogue of what pages say to people: each text has an id and stands
// in every language. Pages name ids and write no text of their own, so a language is added
// here, and nowhere else. Texts of strangers (names, serials, devices) come as arguments and
// stay as they are.
//
// The language is what the browser asks for, unless a person has chosen one: by ?lang= in an
// address, which a cookie keeps for the pages after it.
package words

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Lang is a language, as HTML names it.
type Lang string

// The languages. The first one is for browsers that ask for none of them.
const (
	English Lang = "en"
	German  Lang = "de"
	Swedish Lang = "sv"
)

// All lists the languages with their own names.
func All() []Named { return []Named{{English, "English"}, {German, "Deutsch"}, {Swedish, "Svenska"}} }

// Named is a language and what it calls itself.
type Named struct {
	Lang Lang
	Name string
}

// texts is a text in all languages, in the order of All.
type texts [3]string

// place is where a language stands in texts.
func (l Lang) place() int {
	switch l {
	case German:
		return 1
	case Swedish:
		return 2
	}
	return 0
}

// catalogue is all texts by id.
var catalogue = join(selfPages, selfErrors, selfEvents, enrolPage)

func join(parts ...map[string]texts) map[string]texts {
	all := map[string]texts{}
	for _, part := range parts {
		for id, t := range part {
			if _, twice := all[id]; twice {
				panic("words: " + id + " stands there twice")
			}
			all[id] = t
		}
	}
	return all
}

// Has reports whether there is a text.
func Has(id string) bool {
	_, ok := catalogue[id]
	return ok
}

// Say gives a text with its arguments. One that is not there is a defect of the program.
func (l Lang) Say(id string, args ...any) string {
	t, ok := catalogue[id]
	if !ok {
		panic("words: there is no text " + id)
	}
	if len(args) == 0 {
		return t[l.place()]
	}
	return fmt.Sprintf(t[l.place()], args...)
}

// Count gives the text for a number: id.one or id.other, whose argument is the number.
func (l Lang) Count(id string, n int) string { return l.Say(id+"."+l.plural(n), n) }

// plural is the form that a number takes. In all languages so far it is one or other.
func (l Lang) plural(n int) string {
	if n == 1 {
		return "one"
	}
	return "other"
}

// Time writes a moment in the zone of the server, as the language has it.
func (l Lang) Time(t time.Time) string {
	return t.Local().Format([...]string{"2 Jan 2006, 15:04", "02.01.2006, 15:04", "2006-01-02 15:04"}[l.place()])
}

// cookie keeps the choice of a language.
const cookie = "lang"

// Of gives the language for a request, and keeps a choice that its address makes.
func Of(w http.ResponseWriter, r *http.Request) Lang {
	if l, ok := known(r.URL.Query().Get("lang")); ok {
		http.SetCookie(w, &http.Cookie{Name: cookie, Value: string(l), Path: "/", MaxAge: 365 * 24 * 60 * 60,
			SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil})
		return l
	}
	if c, err := r.Cookie(cookie); err == nil {
		if l, ok := known(c.Value); ok {
			return l
		}
	}
	return accepted(r.Header.Get("Accept-Language"))
}

func known(name string) (Lang, bool) {
	for _, l := range All() {
		if string(l.Lang) == name {
			return l.Lang, true
		}
	}
	return English, false
}

// accepted is the language that a browser likes best (RFC 9110 section 12.5.4), among ours.
func accepted(header string) Lang {
	best, most := English, 0.0
	for part := range strings.SplitSeq(header, ",") {
		name, weight, weighed := strings.Cut(strings.TrimSpace(part), ";")
		q := 1.0
		if weighed {
			var err error
			if q, err = strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(weight), "q="), 64); err != nil {
				continue
			}
		}
		base, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(name)), "-")
		if l, ok := known(base); ok && q > most && q <= 1 {
			best, most = l, q
		}
	}
	return best
}
