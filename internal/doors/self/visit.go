package self

import (
	"net/http"
	"net/url"
	"strings"

	"ostiary/internal/core/authz"
	"ostiary/internal/doors/look"
	"ostiary/internal/doors/words"
	"ostiary/internal/engine/selfservice"
)

// visit is one request, and who makes it.
type visit struct {
	*Self
	w       http.ResponseWriter
	r       *http.Request
	from    look.Visit
	lang    words.Lang
	session selfservice.Session
	known   bool // somebody is signed in
}

// cookie has the text of a session. Its name makes browsers keep it only from this host, over
// TLS or on the machine itself.
const cookie = "__Host-me"

func (v *visit) setCookie(text string) {
	c := &http.Cookie{Name: cookie, Value: text, Path: "/", Secure: true, HttpOnly: true,
		SameSite: http.SameSiteStrictMode}
	if text == "" {
		c.MaxAge = -1
	}
	http.SetCookie(v.w, c)
}

// identify finds the session of the cookie, if there is one.
func (v *visit) identify() error {
	c, err := v.r.Cookie(cookie)
	if err != nil {
		return nil //nolint:nilerr // there is no cookie
	}
	v.session, v.known, err = v.cfg.Service.Session(v.r.Context(), c.Value)
	if v.known {
		return nil // the error is of prolonging alone
	}
	return err
}

func (v *visit) say(id string, args ...any) string { return v.lang.Say(id, args...) }

// may reports whether the session may do something.
func (v *visit) may(d selfservice.Deed) bool { return v.session.May(d) }

// principal is whose turn it is to search.
func (v *visit) principal() authz.Principal {
	return authz.Principal{Name: "self-service", ID: v.session.User.Name}
}

// lead answers with another page of this server.
func (v *visit) lead(where string) {
	v.w.Header().Set("Location", v.root()+where)
	v.w.WriteHeader(http.StatusSeeOther)
}

// at is the address of a page about a token.
func (v *visit) at(what, serial string, more ...string) string {
	return v.root() + pathOf(what, serial, more...)
}

// pathOf is at without the root; more are pairs of its query.
func pathOf(what, serial string, more ...string) string {
	q := url.Values{}
	if serial != "" {
		q.Set("token", serial)
	}
	for i := 0; i+1 < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	if len(q) == 0 {
		return strings.TrimSuffix("me/"+what, "/")
	}
	return strings.TrimSuffix("me/"+what, "/") + "?" + q.Encode()
}

// serial is the token that a page or a form is about.
func (v *visit) serial() string { return v.r.FormValue("token") }

func (v *visit) posted(name string) string { return v.r.PostForm.Get(name) }

// fail answers with an error on a page of its own.
func (v *visit) fail(err error) {
	p, status := v.problem(err, "")
	v.show(status, body{Title: v.say("self.title"), Problem: p, Links: v.back()})
}

// refuse answers what is no proper request.
func (v *visit) refuse(status int, id string) {
	v.show(status, body{Title: v.say("self.title"), Problem: v.wrong(id, "")})
}

// problem words an error for the form that it is about. The words of the services are for
// administrators, so the code of the error chooses ours.
func (v *visit) problem(err error, field string) (p *problem, status int) {
	told := v.cfg.Rest.Problem(v.r.Context(), authz.Principal{}, v.from.Request, err)
	id := "fault." + told.Code
	switch {
	case words.Has(id):
	case told.Code == "outcome_unknown":
		id = "fault.uncertain"
	case told.Status >= http.StatusInternalServerError:
		id = "fault.server"
	default:
		id = "fault.other"
	}
	p = v.wrong(id, field)
	if told.Status >= http.StatusInternalServerError {
		p.Request = v.say("self.request", v.from.Request)
	}
	return p, told.Status
}

// wrong is a problem in words of the catalogue.
func (v *visit) wrong(id, field string) *problem {
	return &problem{Title: v.say("self.problem"), What: v.say(id), Field: field}
}

// back leads to the tokens, where the session may see them.
func (v *visit) back() []link {
	if !v.may(selfservice.See) {
		return nil
	}
	return []link{{Label: v.say("self.back"), Href: v.root() + "me"}}
}
