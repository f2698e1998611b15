package console

import (
	"net/http"
	"strings"

	"ostiary/internal/core/authz"
	"ostiary/internal/doors/look"
	"ostiary/internal/engine/credentials"
)

func (c *Console) accountPages() []page {
	return []page{
		{"GET /account", authz.SessionManage, "list-admin-sessions", func(v *visit) { v.showAccount(nil, http.StatusOK) }},
		{"POST /account/password", authz.SessionManage, "change-password", (*visit).ownPassword},
		{"POST /account/sessions", authz.SessionManage, "end-admin-session", (*visit).endSession},
		{"POST /account/display", authz.SessionManage, "", (*visit).display},
	}
}

// account is the page of one's own account.
type account struct {
	Errors   *look.Errors
	Done     *look.Note
	Name     string
	Role     string
	Factor   string
	IsRoot   bool
	Password []look.Field
	Sessions []stay
	Passkeys []passkey
	Root     string
}

// passkey is one in the list.
type passkey struct {
	credentials.Passkey
	Created, Used moment
}

// stay is a session in the list.
type stay struct {
	credentials.Session
	Here                  bool
	Began, LastUsed, Ends moment
	Place, What           string
}

// accountDone says what was done, on the page that a form leads to.
var accountDone = map[string]string{"password": "Your password is changed, and your other sessions have ended",
	"session": "The session has ended", "passkey": "The passkey is added", "removed": "The passkey is removed",
	"display": "The choice is kept in this browser"}

func (v *visit) showAccount(e *look.Errors, status int) {
	all, err := v.cfg.Accounts.Sessions(v.r.Context(), v.name())
	if err != nil {
		v.fail(err)
		return
	}
	a := account{Errors: e, Name: v.name(), Role: roleWords(v.session.Principal), Factor: factorWords[v.session.Factor],
		IsRoot: v.session.Principal.Role == authz.Root, Password: passwordFields(), Root: v.root()}
	if words, ok := accountDone[v.r.URL.Query().Get("done")]; ok && e == nil {
		a.Done = &look.Note{Tone: look.Good, What: words}
	}
	keys, err := v.cfg.Accounts.Passkeys(v.r.Context(), v.session)
	if err != nil {
		v.fail(err)
		return
	}
	for _, k := range keys {
		a.Passkeys = append(a.Passkeys, passkey{k, at(k.Created), at(k.Used)})
	}
	a.Sessions = v.stays(all)
	v.show(look.Page{Name: "account", Status: status, Title: "My account", Failed: e != nil, Body: a})
}

// browserOf is the browser that a name means, most special first: each also names others.
func browserOf(agent string) string {
	for _, b := range []struct{ part, name string }{{"Firefox/", "Firefox"}, {"Edg/", "Edge"}, {"Chrome/", "Chrome"},
		{"Safari/", "Safari"}} {
		if strings.Contains(agent, b.part) {
			return b.name
		}
	}
	return "A browser"
}

var factorWords = map[credentials.Factor]string{
	credentials.FactorNone:    "ROOT has no second factor",
	credentials.FactorMissing: "None yet",
	credentials.FactorCode:    "A code of your token",
	credentials.FactorPasskey: "A passkey",
}

func (v *visit) ownPassword() {
	if err := v.changePassword(); err != nil {
		e, status := v.wrong(err, "before")
		v.showAccount(&e, status)
		return
	}
	v.lead("account?done=password")
}

func (v *visit) endSession() {
	session := v.r.PostForm.Get("session")
	if session == "" {
		v.lead("account")
		return
	}
	_, err := v.cfg.Accounts.EndSessions(v.r.Context(), v.session.Principal, v.name(), session, v.origin())
	if err != nil {
		v.fail(err)
		return
	}
	v.lead("account?done=session")
}

// display keeps how the pages look, in the cookies that the scripts keep, too.
func (v *visit) display() {
	keep := func(name, value string) {
		c := &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: 365 * 24 * 60 * 60,
			SameSite: http.SameSiteStrictMode, Secure: v.r.TLS != nil}
		if value == "" {
			c.MaxAge = -1
		}
		http.SetCookie(v.w, c)
	}
	theme, keys := v.r.PostForm.Get("theme"), "off"
	if theme != "light" && theme != "dark" {
		theme = ""
	}
	if v.r.PostForm.Get("keys") == "on" {
		keys = ""
	}
	keep("theme", theme)
	keep("keys", keys)
	v.lead("account?done=display")
}
