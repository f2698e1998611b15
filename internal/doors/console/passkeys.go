package console

import (
	"net"
	"net/http"
	"strings"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/doors/look"
	"ostiary/internal/engine/credentials"
)

// A passkey answers a question that only scripts can ask: <o-passkey> fetches it from the
// address that the form names, has the browser answer, and sends the form with the answer.

func (c *Console) passkeyPages() []page {
	ask := func(question func(*visit) ([]byte, error)) func(*visit) {
		return func(v *visit) { v.question(question) }
	}
	toUse := func(v *visit) ([]byte, error) { return v.cfg.Accounts.AskForUse(v.r.Context(), v.session) }
	toCreate := func(v *visit) ([]byte, error) { return v.cfg.Accounts.AskForNew(v.r.Context(), v.session) }
	return []page{
		{"POST /sign-in/question", "", "ask-passkey", func(v *visit) { v.begun(func() { ask(toUse)(v) }) }},
		{"POST /sign-in/passkey", "", "prove-session-by-passkey", func(v *visit) { v.begun(v.provePasskey) }},
		{"GET /account/passkey-new", authz.SessionManage, "add-passkey", func(v *visit) {
			v.showNewPasskey(nil, http.StatusOK)
		}},
		{"POST /account/passkey-new", authz.SessionManage, "add-passkey", (*visit).addPasskey},
		{"POST /account/passkey-new/question", authz.SessionManage, "ask-passkey", ask(toCreate)},
		{"POST /account/passkeys", authz.SessionManage, "remove-passkey", (*visit).removePasskey},
	}
}

// question answers a script with a question for the browser, or says why there is none.
func (v *visit) question(ask func(*visit) ([]byte, error)) {
	asked, err := ask(v)
	h := v.w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if err != nil {
		p := v.cfg.Rest.Problem(v.r.Context(), v.session.Principal, v.from.Request, err)
		h.Set("Content-Type", "text/plain; charset=utf-8")
		v.w.WriteHeader(p.Status)
		_, _ = v.w.Write([]byte(strings.TrimSpace(p.Detail + " " + p.Hint)))
		return
	}
	h.Set("Content-Type", "application/json")
	_, _ = v.w.Write(asked)
}

// keyForm offers to use a passkey; nil if the account has none.
func (v *visit) keyForm(action string) (*look.Passkey, error) {
	all, err := v.cfg.Accounts.Passkeys(v.r.Context(), v.session)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &look.Passkey{Action: v.root() + action, Ask: v.root() + "sign-in/question", Instead: v.instead()}, nil
}

// instead says what to open, if browsers know no passkeys at the address of the request.
func (v *visit) instead() *look.Note {
	host, _, err := net.SplitHostPort(v.r.Host)
	if err != nil {
		host = v.r.Host
	}
	where, err := v.cfg.Accounts.PasskeysAt(host)
	if err != nil {
		f := fault.Of(err)
		return &look.Note{What: f.Text, Means: f.Hint}
	}
	if where == "" {
		return nil
	}
	return &look.Note{What: "Passkeys do not work at this address", Means: "Open " + where + " instead.",
		Next: &look.Link{Label: "Open it", Href: where}}
}

// answer is what a passkey answered; a browser without scripts sends none.
func (v *visit) answer() ([]byte, error) {
	text := v.r.PostForm.Get("answer")
	if text == "" {
		return nil, fault.New(fault.Invalid, "no_passkey_answer", "The browser gave no answer of a passkey.").
			WithHint("Passkeys need scripts, and a browser that knows passkeys.")
	}
	return []byte(text), nil
}

func (v *visit) provenByPasskey() (text string, after credentials.Session, err error) {
	answer, err := v.answer()
	if err != nil {
		return "", v.session, err
	}
	return v.cfg.Accounts.ProvePasskey(v.r.Context(), v.session, answer, v.origin())
}

func (v *visit) provePasskey() {
	if v.session.Factor != credentials.FactorNeeded {
		v.goOn("")
		return
	}
	text, after, err := v.provenByPasskey()
	if err != nil {
		e, status := v.wrong(err, "")
		v.showProof("code", &e, status)
		return
	}
	v.setCookie(text)
	v.session = after
	v.goOn("")
}

func (v *visit) showNewPasskey(e *look.Errors, status int) {
	if err := v.cfg.Accounts.MayAddPasskey(v.session); err != nil {
		v.fail(err)
		return
	}
	v.show(look.Page{Name: "passkey-new", Status: status, Title: "Add a passkey", Dialog: true, Failed: e != nil,
		Body: struct {
			Errors *look.Errors
			Form   look.Passkey
			Name   look.Field
			Close  string
		}{e, look.Passkey{Action: v.root() + "account/passkey-new", Ask: v.root() + "account/passkey-new/question",
			Instead: v.instead()},
			look.Field{ID: "name", Label: "Name", Hint: "Such as the device that has it", Value: v.r.FormValue("name"),
				Max: 64, Required: true}, v.root() + "account"}})
}

func (v *visit) addPasskey() {
	answer, err := v.answer()
	if err == nil {
		_, err = v.cfg.Accounts.AddPasskey(v.r.Context(), v.session, v.r.PostForm.Get("name"), answer, v.origin())
	}
	switch {
	case needsProof(err):
		v.fail(err)
	case err != nil:
		e, status := v.wrong(err, "name")
		v.showNewPasskey(&e, status)
	case v.session.Factor == credentials.FactorMissing: // and now has one, which it can use at once
		v.lead("proof?" + query("to", "account?done=passkey"))
	default:
		v.lead("account?done=passkey")
	}
}

func (v *visit) removePasskey() {
	if err := v.cfg.Accounts.RemovePasskey(v.r.Context(), v.session, v.r.PostForm.Get("passkey"), v.origin()); err != nil {
		v.fail(err)
		return
	}
	v.lead("account?done=removed")
}
