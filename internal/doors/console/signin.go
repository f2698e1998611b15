package console

import (
	"net/http"
	"net/url"
	"strings"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/doors/look"
	"ostiary/internal/engine/credentials"
)

func (c *Console) signInPages() []page {
	return []page{
		{"GET /sign-in", "", "", func(v *visit) { v.showSignIn(signIn{To: v.r.FormValue("to")}, http.StatusOK) }},
		{"POST /sign-in", "", "start-session", (*visit).signIn},
		{"GET /sign-in/code", "", "", func(v *visit) { v.begun(v.showCode) }},
		{"POST /sign-in/code", "", "prove-session", func(v *visit) { v.begun(v.proveCode) }},
		{"GET /sign-in/password", "", "", func(v *visit) { v.begun(v.showFirst) }},
		{"POST /sign-in/password", "", "change-password", func(v *visit) { v.begun(v.changeFirst) }},
		{"POST /sign-out", authz.SessionManage, "end-session", (*visit).signOut},
	}
}

// signIn is the first form. The name stays after an error.
type signIn struct {
	Errors   *look.Errors
	Note     *look.Note
	Name     look.Field
	Password look.Field
	To       string
}

func (v *visit) showSignIn(f signIn, status int) {
	f.To = local(f.To)
	f.Name.ID, f.Name.Label, f.Name.Autocomplete, f.Name.Max, f.Name.Required = "name", "Name", "username", 128, true
	f.Password = look.Field{ID: "password", Label: "Password", Type: "password", Autocomplete: "current-password",
		Required: true}
	if !look.KeepsCookies(v.r, v.cfg.PublicURL()) {
		f.Note = &look.Note{Tone: look.Warning, What: "Your browser will keep no session here",
			Means: "Open this page by https, or on the machine itself at http://localhost."}
	}
	v.plain(look.Page{Name: "sign-in", Status: status, Title: "Sign in", Failed: f.Errors != nil, Body: f})
}

// plain answers with a page of those who are not signed in, or not yet whole.
func (v *visit) plain(p look.Page) {
	p.Forms = true
	v.book.Show(v.w, v.r, p)
}

// local is a page of this server below its root, or none.
func local(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || strings.HasPrefix(to, "/") || strings.ContainsAny(to, "\\\r\n\t") {
		return ""
	}
	return to
}

func (v *visit) signIn() {
	f := signIn{Name: look.Field{Value: v.r.PostForm.Get("name")}, To: v.r.PostForm.Get("to")}
	text, s, err := v.cfg.Accounts.SignIn(v.r.Context(), credentials.SignIn{Name: f.Name.Value,
		Password: v.r.PostForm.Get("password"), Kind: credentials.Page, Agent: v.r.UserAgent()}, v.origin())
	if err != nil {
		e, status := v.wrong(err, "name")
		f.Errors = &e
		v.showSignIn(f, status)
		return
	}
	v.setCookie(text)
	v.session = s
	v.goOn(local(f.To))
}

// goOn leads to what is next: the second factor, a password of one's own, or the page that
// was asked for.
func (v *visit) goOn(to string) {
	switch {
	case v.session.Factor == credentials.FactorNeeded:
		v.lead("sign-in/code")
	case v.session.MustChange:
		v.lead("sign-in/password")
	case to != "":
		v.lead(to)
	default:
		v.lead(v.home())
	}
}

// begun does what a session that opens nothing yet may do.
func (v *visit) begun(do func()) {
	if v.identify() {
		do()
	}
}

// proof is a form of a session that opens nothing yet.
type proof struct {
	Errors *look.Errors
	Name   string
	Fields []look.Field
	Code   *look.Field
	// Passkey is offered beside the code; nil for an account without one.
	Passkey *look.Passkey
	Root    string
}

func (v *visit) showCode() {
	if v.session.Factor != credentials.FactorNeeded {
		v.goOn("")
		return
	}
	v.showProof("code", nil, http.StatusOK)
}

func (v *visit) showProof(name string, e *look.Errors, status int) {
	f := proof{Errors: e, Name: v.name(), Root: v.root()}
	title := "Choose a password"
	if name == "code" {
		title = "Enter a code"
		f.Code = codeField()
		var err error
		if f.Passkey, err = v.keyForm("sign-in/passkey"); err != nil {
			v.fail(err)
			return
		}
	} else {
		f.Fields = passwordFields()
	}
	v.plain(look.Page{Name: name, Status: status, Title: title, Failed: e != nil, Body: f})
}

func (v *visit) proveCode() {
	if v.session.Factor != credentials.FactorNeeded {
		v.goOn("")
		return
	}
	text, after, err := v.cfg.Accounts.ProveCode(v.r.Context(), v.session, v.r.PostForm.Get("otp"), v.origin())
	if err != nil {
		e, status := v.wrong(err, "otp")
		v.showProof("code", &e, status)
		return
	}
	v.setCookie(text)
	v.session = after
	v.goOn("")
}

func (v *visit) showFirst() {
	if !v.session.MustChange || v.session.Factor == credentials.FactorNeeded {
		v.goOn("")
		return
	}
	v.showProof("password", nil, http.StatusOK)
}

func (v *visit) changeFirst() {
	if !v.session.MustChange || v.session.Factor == credentials.FactorNeeded {
		v.goOn("")
		return
	}
	if err := v.changePassword(); err != nil {
		e, status := v.wrong(err, "password")
		v.showProof("password", &e, status)
		return
	}
	v.goOn("")
}

// passwordFields are those of a form that changes one's password.
func passwordFields() []look.Field {
	return []look.Field{
		{ID: "before", Label: "Password now", Type: "password", Autocomplete: "current-password", Required: true},
		{ID: "password", Label: "New password", Hint: "Several unrelated words are good", Type: "password",
			Autocomplete: "new-password", Required: true},
		{ID: "again", Label: "New password, once more", Type: "password", Autocomplete: "new-password", Required: true},
	}
}

// changePassword does what a form with passwordFields asks, and keeps the new session.
func (v *visit) changePassword() error {
	form := v.r.PostForm
	if form.Get("password") != form.Get("again") {
		return fault.New(fault.Invalid, "password_again", "The new password is not the same in both fields.")
	}
	text, after, err := v.cfg.Accounts.ChangePassword(v.r.Context(), v.session, form.Get("before"), form.Get("password"),
		v.origin())
	if err != nil {
		return err
	}
	v.setCookie(text)
	v.session = after
	return nil
}

func (v *visit) signOut() {
	if err := v.cfg.Accounts.SignOut(v.r.Context(), v.session, v.origin()); err != nil {
		v.fail(err)
		return
	}
	v.setCookie("")
	v.lead("sign-in")
}
