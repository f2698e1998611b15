package self

import (
	"context"
	"net/http"
	"strconv"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/look"
	"ostiary/internal/doors/words"
	"ostiary/internal/engine/selfservice"
)

func (v *visit) showPast() {
	before, _ := strconv.ParseInt(v.r.URL.Query().Get("before"), 10, 64) // anything else is the beginning
	var events []selfservice.Event
	var next int64
	err := v.cfg.Rest.Turn(v.r.Context(), v.principal(), func(ctx context.Context) (err error) {
		events, next, err = v.cfg.Service.Past(ctx, v.session, max(before, 0))
		return err
	})
	if err != nil {
		v.fail(err)
		return
	}
	c := card{}
	for _, e := range events {
		what, ok := v.event(e)
		if !ok {
			continue
		}
		h := happened{What: what, Serial: e.Serial}
		if h.When, h.Machine = v.clock(e.Time); e.Source != "" {
			h.From = v.say("past.from", e.Source)
		}
		c.Events = append(c.Events, h)
	}
	if len(c.Events) == 0 {
		c.Text = []string{v.say("past.none")}
	}
	if next > 0 {
		c.Links = []link{{Label: v.say("past.older"), Href: v.at("past", "", "before", strconv.FormatInt(next, 10))}}
	}
	links := append([]link{{Label: v.say("past.not-me"), Href: v.root() + "me/disown"}}, v.back()...)
	v.show(http.StatusOK, body{Title: v.say("self.past"), About: v.say("past.about"), Cards: []card{c}, Links: links})
}

// event tells what happened in a sentence; ok is false for what says nothing to a user.
func (v *visit) event(e selfservice.Event) (text string, ok bool) {
	id := "event." + string(e.Action) + "." + string(e.Outcome)
	if e.Action == audit.TokenStateChanged {
		switch e.State {
		case token.RevokedLost.String():
			id = "event.token.lost"
		case token.Valid.String():
			id = "event.token.works"
		}
	}
	if !words.Has(id) {
		return "", false
	}
	return v.say(id), true
}

func (v *visit) showDisown(p *problem) {
	all, err := v.cfg.Service.Tokens(v.r.Context(), v.session)
	if err != nil {
		v.fail(err)
		return
	}
	which := field{Field: look.Field{ID: "token", Label: v.say("disown.token")}}
	for _, t := range all {
		if t.Condition.State == token.Valid || t.Condition.State == token.Pending {
			which.Choices = append(which.Choices, choice{Value: t.Identity.Serial,
				Label: v.kind(t) + " " + t.Identity.Serial})
		}
	}
	which.Choices = append(which.Choices, choice{Value: "", Label: v.say("disown.none")})
	v.show(statusOf(p), body{Title: v.say("disown.title"), About: v.say("disown.about"), Problem: p,
		Cards: []card{{Forms: []form{{Action: v.root() + "me/disown", Fields: []field{which}, Button: v.say("disown.do"),
			Danger: true}}}}, Links: v.back()})
}

func (v *visit) disown() {
	err := v.cfg.Service.Disown(v.r.Context(), v.session, v.serial(), v.from.Source, v.from.Request)
	if err != nil {
		v.tried(err, "", func(p *problem, _ *look.Note) { v.showDisown(p) })
		return
	}
	v.setCookie("")
	v.lead(pathOf("", "", "done", "disown"))
}
