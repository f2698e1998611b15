package self

import (
	"net/http"

	"ostiary/internal/core/fault"
	"ostiary/internal/doors/look"
	"ostiary/internal/engine/selfservice"
)

// showSignIn is the first page. The name stays after an error, and a code never does.
func (v *visit) showSignIn(name string, p *problem, status int) {
	b := body{Title: v.say("sign-in.title"), About: v.say("sign-in.about"), Problem: p}
	switch {
	case !look.KeepsCookies(v.r, v.cfg.PublicURL()):
		b.Note = &look.Note{Tone: look.Warning, What: v.say("self.cookie"), Means: v.say("self.cookie-next")}
	case v.r.URL.Query().Get("done") == "disown":
		b.Note = &look.Note{Tone: look.Good, What: v.say("disown.done"), Means: v.say("disown.next")}
	}
	b.Cards = []card{{Foot: v.say("sign-in.locks"), Forms: []form{{Action: v.root() + "me/sign-in",
		Fields: []field{
			{Field: look.Field{ID: "name", Label: v.say("sign-in.name"), Value: name, Autocomplete: "username", Max: 128,
				Required: true}},
			codeField("code", v.say("sign-in.code"), v.say("sign-in.code-hint")),
		}, Button: v.say("sign-in.do")}}}}
	b.Links = []link{{Label: v.say("self.help"), Href: v.root() + "me/help"}}
	v.show(status, b)
}

func (v *visit) signIn() {
	name := v.posted("name")
	text, _, err := v.cfg.Service.SignIn(v.r.Context(), selfservice.SignIn{User: name, Code: v.posted("code"),
		Source: v.from.Source, Request: v.from.Request})
	if err == nil || fault.Of(err).Kind == fault.Unauthenticated { // otherwise nothing was decided
		v.cfg.Rest.Verified(err == nil)
	}
	if err != nil {
		p, status := v.problem(err, "name")
		v.known = false
		v.showSignIn(name, p, status)
		return
	}
	v.setCookie(text)
	v.lead("me")
}

func (v *visit) signOut() {
	if v.known {
		if err := v.cfg.Service.SignOut(v.r.Context(), v.session, v.from.Source, v.from.Request); err != nil {
			v.fail(err)
			return
		}
	}
	v.setCookie("")
	v.lead("me")
}

// showLink is the page behind a link of the help desk. Opening it uses nothing up.
func (v *visit) showLink(p *problem) {
	status := http.StatusOK
	if p != nil {
		status = http.StatusNotFound
	}
	v.show(status, body{Title: v.say("link.title"), About: v.say("link.about"), Problem: p, Script: true,
		Cards: []card{{Forms: []form{{Action: v.root() + "me/link", Link: true, Button: v.say("link.do"),
			Fields: []field{{Field: look.Field{ID: "link", Label: v.say("link.field"), Hint: v.say("link.hint"), Max: 64,
				Required: true}}}}}}}})
}

func (v *visit) useLink() {
	text, session, err := v.cfg.Service.UseLink(v.r.Context(), v.posted("link"), v.from.Source, v.from.Request)
	if err != nil {
		p, _ := v.problem(err, "")
		v.showLink(p)
		return
	}
	v.setCookie(text)
	v.session = session
	v.toPurpose()
}

func (v *visit) showHelp() {
	desk := v.cfg.Help
	if desk == "" {
		desk = v.say("help.ask")
	}
	b := body{Title: v.say("self.help"), Cards: []card{
		{Title: v.say("help.desk"), Text: []string{desk}},
		{Text: []string{v.say("help.about"), v.say("sign-in.locks")}}}}
	if b.Links = v.back(); !v.known {
		b.Links = []link{{Label: v.say("help.sign-in"), Href: v.root() + "me"}}
	}
	v.show(http.StatusOK, b)
}
