package self

import (
	"net/http"
	"net/url"

	"ostiary/internal/doors/look"
)

func (v *visit) showApp(p *problem) {
	b := body{Title: v.say("app.title"), About: v.say("app.about"), Problem: p, Links: v.back()}
	if serial := v.r.URL.Query().Get("done"); serial != "" && p == nil {
		b.About = ""
		b.Note = &look.Note{Tone: look.Good, What: v.say("app.done"), Means: v.say("app.done-means", serial)}
		v.show(http.StatusOK, b)
		return
	}
	b.Cards = []card{{Forms: []form{{Action: v.root() + "me/app", Button: v.say("app.do")}}}}
	v.show(statusOf(p), b)
}

// createApp creates a token and shows its key, this once.
func (v *visit) createApp() {
	made, err := v.cfg.Service.NewApp(v.r.Context(), v.session, v.from.Source, v.from.Request)
	if err != nil {
		p, _ := v.problem(err, "")
		v.showApp(p)
		return
	}
	uri := string(made.URI.Bytes())
	image, err := picture(uri)
	if err != nil {
		v.fail(err)
		return
	}
	key := ""
	if u, err := url.Parse(uri); err == nil {
		key = u.Query().Get("secret")
	}
	serial := made.Token.Identity.Serial
	scan := card{Title: v.say("app.scan"), Text: []string{v.say("app.once")}, QR: image, Alt: v.say("app.alt"),
		Open: opened(v.say("app.open"), uri), Typed: &typed{Summary: v.say("activate.type"),
			Lines: []line{{v.say("app.key"), key}, {v.say("activate.whole"), uri}}}}
	v.show(http.StatusOK, body{Title: v.say("app.title"), Cards: []card{scan, v.proveCard(serial)}, Links: v.back()})
}

func (v *visit) proveCard(serial string) card {
	return card{Title: v.say("app.prove"), Forms: []form{{Action: v.root() + "me/app/confirm",
		Button: v.say("app.confirm"),
		Hidden: map[string]string{"token": serial}, Fields: []field{codeField("code", v.say("sign-in.code"), "")}}}}
}

func (v *visit) confirmApp() {
	serial := v.serial()
	valid, err := v.cfg.Service.ProveApp(v.r.Context(), v.session, serial, v.posted("code"), v.from.Source, v.from.Request)
	again := func(p *problem, _ *look.Note) {
		v.show(statusOf(p), body{Title: v.say("app.title"), Problem: p, Cards: []card{v.proveCard(serial),
			{Forms: []form{{Action: v.root() + "me/app", Button: v.say("activate.another"), Quiet: true}}}}, Links: v.back()})
	}
	switch {
	case err != nil:
		v.tried(err, "code", again)
	case !valid:
		p := v.wrong("app.wrong", "code")
		p.What += ". " + v.say("app.wrong-next")
		again(p, nil)
	default:
		v.lead(pathOf("app", "", "done", serial))
	}
}
