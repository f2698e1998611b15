package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/doors/look"
	"ostiary/internal/engine/credentials"
)

// A page that needs a fresh proof (authz.NeedsFresh) leads to /proof if the last one is too
// old, and /proof leads back. What was typed into a form comes back with it.

func (c *Console) proofPages() []page {
	return []page{
		{"GET /proof", authz.SessionManage, "prove-session", func(v *visit) { v.showAgain(nil, http.StatusOK) }},
		{"POST /proof", authz.SessionManage, "prove-session", (*visit).proveAgain},
		{"POST /proof/passkey", authz.SessionManage, "prove-session-by-passkey", (*visit).proveAgain},
	}
}

// kept are the fields of forms that come back after a proof. They stand in the address
// meanwhile, so a field is left out unless it is here: no code, password or file may be.
var kept = []string{"name", "role", "help_desk", "expires", "forget_passkeys", "label", "user", "reason", "state", "by",
	"from", "until", "number"}

// proveFirst leads to the page that asks for a proof, and from there back to the page that
// was asked for, or that has the form.
func (v *visit) proveFirst() {
	to := strings.TrimPrefix(v.r.URL.RequestURI(), "/")
	if v.r.Method == http.MethodPost {
		to = v.pageOfForm()
		q := url.Values{}
		if at, query, has := strings.Cut(to, "?"); has {
			to = at
			q, _ = url.ParseQuery(query)
		}
		for _, name := range kept {
			if given := v.r.PostForm[name]; len(given) > 0 {
				q[name] = given
			}
		}
		if len(q) > 0 {
			to += "?" + q.Encode()
		}
	}
	v.lead("proof?" + url.Values{"to": {to}}.Encode())
}

// pageOfForm is the page that has the form of a request: the same address, or what stands
// above it.
func (v *visit) pageOfForm() string {
	pages := v.pages()
	pattern := strings.TrimPrefix(v.pattern, "POST ")
	at, query := strings.TrimPrefix(v.r.URL.EscapedPath(), "/"), v.r.URL.RawQuery
	for strings.Count(pattern, "/") > 0 {
		if slices.ContainsFunc(pages, func(p page) bool { return p.pattern == "GET "+pattern }) {
			if query != "" {
				at += "?" + query
			}
			return at
		}
		pattern = pattern[:strings.LastIndex(pattern, "/")]
		at = at[:max(0, strings.LastIndex(at, "/"))]
	}
	return v.home()
}

// needsProof says whether an error is that the last proof is too old.
func needsProof(err error) bool {
	f, is := errors.AsType[*fault.Error](err)
	return is && f.Code == "proof_needed"
}

// again is the page that asks for a proof.
type again struct {
	Errors  *look.Errors
	To      string
	Code    *look.Field // nil for those who have no token or passkey
	Secret  *look.Field // and what they give instead
	Passkey *look.Passkey
	Action  string
	Close   string
}

func (v *visit) showAgain(e *look.Errors, status int) {
	keys, err := v.keyForm("proof/passkey")
	if err != nil {
		v.fail(err)
		return
	}
	p := again{Errors: e, To: local(v.r.FormValue("to")), Passkey: keys, Action: v.root() + "proof",
		Close: v.root() + v.home()}
	if keys != nil {
		keys.To = p.To
	}
	if v.session.Factor == credentials.FactorNone || v.session.Factor == credentials.FactorMissing {
		p.Secret = &look.Field{ID: "password", Label: "Password", Type: "password", Autocomplete: "current-password",
			Required: true}
	} else {
		p.Code = codeField()
	}
	v.show(look.Page{Name: "proof", Status: status, Title: "Prove that it is you", Dialog: true, Failed: e != nil,
		Body: p})
}

// codeField takes a code of one's own token.
func codeField() *look.Field {
	return &look.Field{ID: "otp", Label: "One-time password", Hint: "Of your own token", Max: 14, Required: true}
}

// proveAgain takes what the page asked for, and leads back.
func (v *visit) proveAgain() {
	field := "otp"
	var text string
	var err error
	switch {
	case strings.HasSuffix(v.pattern, "/passkey"):
		field = ""
		text, v.session, err = v.provenByPasskey()
	case v.r.PostForm.Has("password"):
		field = "password"
		v.session, err = v.cfg.Accounts.ProvePassword(v.r.Context(), v.session, v.r.PostForm.Get("password"), v.origin())
	default:
		text, v.session, err = v.cfg.Accounts.ProveCode(v.r.Context(), v.session, v.r.PostForm.Get("otp"), v.origin())
	}
	if err != nil {
		e, status := v.wrong(err, field)
		v.showAgain(&e, status)
		return
	}
	if text != "" {
		v.setCookie(text)
	}
	to := local(v.r.PostForm.Get("to"))
	if to == "" {
		to = v.home()
	}
	v.lead(to)
}
