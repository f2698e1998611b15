package console

import (
	"net/http"
	"net/url"
	"strings"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/doors/look"
	"ostiary/internal/engine/credentials"
)

// visit is one request, and who makes it.
type visit struct {
	*Console
	w       http.ResponseWriter
	r       *http.Request
	from    look.Visit
	pattern string              // of the page
	session credentials.Session // zero for pages of those who are not signed in
}

// cookie has the token of a session. Its name makes browsers keep it only from this host,
// over TLS or on the machine itself, and for all of its paths.
const cookie = "__Host-session"

func (v *visit) setCookie(text string) {
	c := &http.Cookie{Name: cookie, Value: text, Path: "/", Secure: true, HttpOnly: true,
		SameSite: http.SameSiteStrictMode}
	if text == "" {
		c.MaxAge = -1
	}
	http.SetCookie(v.w, c)
}

// identify finds the session of the cookie. It has answered if there is none.
func (v *visit) identify() (known bool) {
	c, err := v.r.Cookie(cookie)
	if err == nil {
		v.session, known, err = v.cfg.Accounts.Session(v.r.Context(), c.Value, credentials.Page)
	} else {
		err = nil // no cookie
	}
	switch {
	case known: // an error is of prolonging alone
	case err != nil:
		v.fail(err)
	default:
		v.toSignIn()
	}
	return known
}

// enter lets those pass who have a session that opens pages, and the right; it has answered
// if they do not.
func (v *visit) enter(needs authz.Operation) bool {
	if !v.identify() {
		return false
	}
	switch {
	case v.session.Factor == credentials.FactorNeeded:
		v.lead("sign-in/code")
	case v.session.MustChange:
		v.lead("sign-in/password")
	case !v.may(needs):
		v.fail(v.forbidden(needs))
	default:
		if err := v.cfg.Accounts.MayNow(v.session, needs, 1); err != nil {
			v.fail(err)
			return false
		}
		return true
	}
	return false
}

func (v *visit) may(op authz.Operation) bool { return authz.Allows(v.session.Principal, op) }

func (v *visit) forbidden(op authz.Operation) error {
	return fault.New(fault.Forbidden, "forbidden", "The role "+roleWords(v.session.Principal)+
		" is not allowed to do this ("+string(op)+").")
}

func (v *visit) origin() audit.Origin {
	p := v.session.Principal
	return audit.Origin{Actor: p.Name, ActorID: p.ID, Role: p.Role.String(), Source: v.from.Source,
		Request: v.from.Request}
}

// lead answers with another page of this server.
func (v *visit) lead(where string) {
	v.w.Header().Set("Location", v.root()+where)
	v.w.WriteHeader(http.StatusSeeOther)
}

// toSignIn asks to sign in, and leads back to a page that was asked for.
func (v *visit) toSignIn() {
	where := "sign-in"
	if v.r.Method == http.MethodGet && v.r.URL.Path != "/" {
		where += "?" + url.Values{"to": {strings.TrimPrefix(v.r.URL.RequestURI(), "/")}}.Encode()
	}
	v.lead(where)
}

// refuse answers those whom the frame of the console cannot be shown.
func (v *visit) refuse(status int, title, detail, hint string) {
	look.Fail(v.w, v.r, look.Trouble{Status: status, Title: title, Detail: detail, Hint: hint,
		Request: v.from.Request})
}

// fail answers with an error in the console's frame, or in the plain one to those who are
// not signed in. If the error is that a proof is too old, it leads to the page that asks for
// one.
func (v *visit) fail(err error) {
	if needsProof(err) {
		v.proveFirst()
		return
	}
	p := v.cfg.Rest.Problem(v.r.Context(), v.session.Principal, v.from.Request, err)
	if v.session.Name == "" {
		v.refuse(p.Status, "Something went wrong", p.Detail, p.Hint)
		return
	}
	v.show(look.Page{Name: "trouble", Status: p.Status, Title: "This was not done", Dialog: true,
		Body: look.Trouble{Detail: p.Detail, Hint: p.Hint, Request: p.Instance}})
}

// wrong words an error for the form that it is about: beside the field, and above.
func (v *visit) wrong(err error, field string) (e look.Errors, status int) {
	p := v.cfg.Rest.Problem(v.r.Context(), v.session.Principal, v.from.Request, err)
	return look.Errors{Wrong: []look.Wrong{{Field: field, What: p.Detail}}, Hint: p.Hint, Request: p.Instance}, p.Status
}

// show answers with a page in the console's frame, and with what can be undone there.
func (v *visit) show(p look.Page, undo ...*look.Undo) {
	p.Console, p.Forms = v.frame(), true
	if len(undo) > 0 {
		p.Console.Undo = undo[0]
	}
	v.book.Show(v.w, v.r, p)
}

// frame is what stands around each page: only what there is, and the administrator may see.
func (v *visit) frame() *look.Console {
	root, p := v.root(), v.session.Principal
	f := &look.Console{Root: root, NoSearch: !v.may(authz.TokenView), Search: v.r.URL.Query().Get("q"),
		Account: look.Account{Name: v.name(),
			Initials: initials(v.name()), Role: roleWords(p), Page: root + "account", SignOut: root + "sign-out"}}
	f.Groups = v.groups()
	if v.session.Factor == credentials.FactorMissing {
		f.Notes = append(f.Notes, look.Note{Tone: look.Warning, What: "You have no second factor yet",
			Means: "Your password alone opens this console. Add a passkey, or have a token assigned to the user " +
				v.name() + " and sign in again with its code.",
			Next: &look.Link{Label: "Add a passkey", Href: root + "account/passkey-new"}})
	}
	return f
}

// name is the name under which the administrator signs in.
func (v *visit) name() string { return strings.TrimPrefix(v.session.Principal.Name, "account:") }

func initials(name string) string {
	letters := []rune(strings.ToUpper(name))
	return string(letters[:min(2, len(letters))])
}

func roleWords(p authz.Principal) string {
	word := strings.ToUpper(p.Role.String())
	if p.HelpDesk {
		word += " with help desk"
	}
	return word
}
