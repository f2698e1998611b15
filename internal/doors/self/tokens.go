package self

import (
	"net/http"
	"time"

	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/look"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/selfservice"
)

// kind is what a token is, in words that everybody knows.
func (v *visit) kind(t token.Token) string {
	switch {
	case t.Kind == token.Hardware:
		return v.say("kind.fob")
	case t.Profile != "":
		return v.say("kind.phone")
	}
	return v.say("kind.app")
}

// state is what a token is good for now.
func (v *visit) state(t token.Token) look.State {
	c, now := t.Condition, v.cfg.Now()
	square := func(id string, args ...any) look.State {
		return look.State{Shape: look.Square, Word: v.say(id, args...)}
	}
	switch c.State {
	case token.Valid:
	case token.Pending:
		if t.Profile != "" {
			return square("state.activation")
		}
		return square("state.first-code")
	case token.RevokedLost:
		return look.State{Shape: look.Ring, Word: v.say("state.lost")}
	case token.Moving:
		return square("state.moving")
	default:
		return look.State{Shape: look.Ring, Word: v.say("state.out")}
	}
	switch locked := v.cfg.Service.Locked(t); {
	case locked && c.RetryAt.After(now):
		return square("state.locked-by", v.lang.Time(c.RetryAt))
	case locked:
		return square("state.locked")
	case c.RetryAt.After(now):
		return square("state.waits", v.lang.Time(c.RetryAt))
	case c.Ended(now):
		return look.State{Shape: look.Ring, Word: v.say("state.ended", v.lang.Time(c.NotAfter))}
	case c.NotBefore.After(now):
		return square("state.before", v.lang.Time(c.NotBefore))
	case c.Fenced():
		return square("state.two")
	}
	return look.State{Shape: look.Disc, Word: v.say("state.works")}
}

// worrying is how many wrong codes in a row are more than a mistake.
const worrying = 3

// cardOf is a token without its actions.
func (v *visit) cardOf(t token.Token) card {
	state := v.state(t)
	c := card{Title: v.kind(t), Serial: t.Identity.Serial, State: &state}
	switch {
	case t.Condition.State == token.RevokedLost:
		c.Text = []string{v.say("token.lost-next")}
	case !t.Condition.LastUsed.IsZero():
		c.Used = v.say("token.used", v.lang.Time(t.Condition.LastUsed))
	default:
		c.Used = v.say("token.never")
	}
	if n := t.Condition.Failures; n >= worrying && t.Condition.State == token.Valid {
		c.Note = &look.Note{Tone: look.Warning, What: v.lang.Count("token.wrong", n), Means: v.say("token.wrong-next")}
	}
	return c
}

// did says what was done, on the page that a form leads to.
var did = map[string][2]string{"lost": {"lost.done", "lost.done-means"}, "fix": {"fix.done", ""}}

func (v *visit) showTokens() {
	all, err := v.cfg.Service.Tokens(v.r.Context(), v.session)
	if err != nil {
		v.fail(err)
		return
	}
	b := body{Title: v.say("self.title"), About: v.say("self.as", v.session.User.Name)}
	if done, ok := did[v.r.URL.Query().Get("done")]; ok {
		b.Note = &look.Note{Tone: look.Good, What: v.say(done[0])}
		if done[1] != "" {
			b.Note.Means = v.say(done[1])
		}
	}
	for _, t := range all {
		c := v.cardOf(t)
		c.Links = v.actions(t)
		b.Cards = append(b.Cards, c)
	}
	if len(all) == 0 {
		b.Cards = []card{{Text: []string{v.say("self.none"), v.say("self.none-next")}}}
	}
	if v.may(selfservice.App) && v.cfg.Service.Policy().AppType != "" {
		b.Links = append(b.Links, link{Label: v.say("app.title"), Href: v.root() + "me/app"})
	}
	b.Links = append(b.Links, link{Label: v.say("self.past"), Href: v.root() + "me/past"},
		link{Label: v.say("self.help"), Href: v.root() + "me/help"})
	v.show(http.StatusOK, b)
}

// actions are what can be done with a token now. The first of them is the main one.
func (v *visit) actions(t token.Token) (all []link) {
	state, serial := t.Condition.State, t.Identity.Serial
	add := func(id, what string) { all = append(all, link{Label: v.say(id), Href: v.at(what, serial)}) }
	activates := t.Profile != "" && (state == token.Valid || state == token.Pending || state == token.RevokedLost) &&
		v.may(selfservice.TakeUp)
	if activates && state != token.Valid {
		id := "activate.title"
		if t.Condition.Proven() {
			id = "activate.again"
		}
		add(id, "activate")
	}
	if state == token.Valid && v.may(selfservice.Try) && t.ID != v.session.Token {
		if t.Condition.Failures >= worrying || t.Condition.Fenced() {
			add("fix.title", "fix")
			add("try.title", "try")
		} else {
			add("try.title", "try")
			add("fix.title", "fix")
		}
	}
	if activates && state == token.Valid {
		add("activate.again", "activate")
	}
	if len(all) > 0 {
		all[0].Main = true
	}
	if (state == token.Valid || state == token.Pending) && v.may(selfservice.Lose) {
		add("lost.title", "lost")
	}
	return all
}

// about finds the token that a page is about; it has answered if there is none.
func (v *visit) about(d selfservice.Deed) (t token.Token, ok bool) {
	t, err := v.cfg.Service.Token(v.r.Context(), v.session, d, v.serial())
	if err != nil {
		v.fail(err)
		return t, false
	}
	return t, true
}

// showForm shows a token with one form.
func (v *visit) showForm(t token.Token, name string, p *problem, status int, note *look.Note, f form) {
	f.Action, f.Hidden = v.root()+"me/"+name, map[string]string{"token": t.Identity.Serial}
	c := v.cardOf(t)
	if c.Forms = []form{f}; note != nil {
		c.Note = nil
	}
	v.show(status, body{Title: v.say(name + ".title"), About: v.say(name + ".about"), Problem: p, Note: note,
		Cards: []card{c}, Links: v.back()})
}

func (v *visit) showTry(p *problem, note *look.Note) {
	if t, ok := v.about(selfservice.Try); ok {
		v.showForm(t, "try", p, statusOf(p), note, form{Button: v.say("try.do"),
			Fields: []field{codeField("code", v.say("sign-in.code"), "")}})
	}
}

// statusOf is that of a form which came back.
func statusOf(p *problem) int {
	if p != nil {
		return http.StatusUnprocessableEntity
	}
	return http.StatusOK
}

func (v *visit) try() {
	verdict, err := v.cfg.Service.Try(v.r.Context(), v.session, v.serial(), v.posted("code"), v.from.Source,
		v.from.Request)
	if err != nil {
		v.tried(err, "code", v.showTry)
		return
	}
	v.cfg.Rest.Verified(verdict.Valid)
	v.showTry(nil, v.verdict(verdict))
}

// tried shows a form again, with what is wrong; where that is no mistake of the form, on a page
// of its own.
func (v *visit) tried(err error, field string, again func(*problem, *look.Note)) {
	if kind := fault.Of(err).Kind; kind != fault.Invalid && kind != fault.Conflict {
		v.fail(err)
		return
	}
	p, _ := v.problem(err, field)
	again(p, nil)
}

// verdict says what became of a code. Whoever holds the token may know why.
func (v *visit) verdict(d codes.Verdict) *look.Note {
	note := func(tone look.Tone, id, means string) *look.Note {
		return &look.Note{Tone: tone, What: v.say(id), Means: v.say(means)}
	}
	if d.Valid {
		return note(look.Good, "try.right", "try.right-means")
	}
	switch d.Reason {
	case token.Replayed:
		return note(look.Warning, "try.used", "try.used-next")
	case token.OutOfWindow, token.TooOld, token.NeedsTwo:
		n := note(look.Warning, "try.step", "try.step-next")
		n.Next = &look.Link{Label: v.say("fix.title"), Href: v.at("fix", v.serial())}
		return n
	case token.Locked, token.Delayed:
		return note(look.Danger, "try.locked", "try.locked-next")
	}
	return note(look.Danger, "try.wrong", "try.wrong-next")
}

func (v *visit) showFix(p *problem) {
	if t, ok := v.about(selfservice.Fix); ok {
		v.showForm(t, "fix", p, statusOf(p), nil, form{Button: v.say("fix.do"), Fields: []field{
			codeField("code", v.say("fix.first"), ""), codeField("next", v.say("fix.second"), v.say("fix.hint"))}})
	}
}

func (v *visit) fix() {
	valid, err := v.cfg.Service.Fix(v.r.Context(), v.session, v.serial(), v.posted("code"), v.posted("next"),
		v.from.Source, v.from.Request)
	switch {
	case err != nil:
		v.tried(err, "code", func(p *problem, _ *look.Note) { v.showFix(p) })
	case !valid:
		p := v.wrong("fix.wrong", "code")
		p.What += ". " + v.say("fix.wrong-next")
		v.showFix(p)
	default:
		v.lead(pathOf("", "", "done", "fix"))
	}
}

func (v *visit) showLost(p *problem) {
	if t, ok := v.about(selfservice.Lose); ok {
		v.showForm(t, "lost", p, statusOf(p), nil, form{Button: v.say("lost.do"), Danger: true})
	}
}

func (v *visit) lose() {
	err := v.cfg.Service.ReportLost(v.r.Context(), v.session, v.serial(), v.from.Source, v.from.Request)
	if err != nil {
		v.tried(err, "", func(p *problem, _ *look.Note) { v.showLost(p) })
		return
	}
	v.lead(pathOf("", "", "done", "lost"))
}

// clock is a time for a reader and for machines.
func (v *visit) clock(t time.Time) (text, machine string) {
	return v.lang.Time(t), t.UTC().Format(time.RFC3339)
}
