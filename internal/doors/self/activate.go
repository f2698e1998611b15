package self

import (
	"encoding/json"
	"net/http"
	"strings"

	"ostiary/activation"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/look"
	"ostiary/internal/engine/activations"
	"ostiary/internal/engine/selfservice"
)

// showActivation shows what waits for the phone, or the form that begins it.
func (v *visit) showActivation(p *problem) {
	o, err := v.cfg.Service.Offer(v.r.Context(), v.session, v.serial())
	if err != nil {
		v.fail(err)
		return
	}
	anew := v.r.URL.Query().Get("anew") != "" && v.may(selfservice.Begin)
	b := body{Title: v.say("activate.title"), Problem: p, Links: v.back()}
	if o.Token.Condition.Proven() {
		b.Title = v.say("activate.again")
	}
	switch {
	case p != nil || anew:
		b.Cards = []card{v.beginCard(o.Token)}
	case o.Open && o.Taken.IsZero():
		err = v.offerCards(&b, o)
	case o.Open:
		b.Script, b.Watch = true, v.at("activate/state", v.serial())
		c := card{Title: v.say("activate.has"), Text: []string{v.say("activate.has-next")},
			Links: []link{{Label: v.say("activate.look"), Href: v.at("activate", v.serial()), Main: true}}}
		if o.Device != "" {
			c.Text = append(c.Text, v.say("activate.has-name", o.Device))
		}
		b.Cards = []card{c}
		v.addAnew(&b.Cards[0])
	case !o.Done.IsZero() && !o.Done.Before(v.session.Started):
		b.Note = &look.Note{Tone: look.Good, What: v.say("activate.done"), Means: v.say("activate.done-means")}
		b.Cards = []card{v.cardOf(o.Token)}
	case v.may(selfservice.Begin):
		b.Cards = []card{v.beginCard(o.Token)}
	default:
		b.Cards = []card{{Title: v.say("activate.wait"), Text: []string{v.say("activate.wait-next")}}}
	}
	if err != nil {
		v.fail(err)
		return
	}
	v.show(statusOf(p), b)
}

// addAnew leads to the form that begins another activation.
func (v *visit) addAnew(c *card) {
	if v.may(selfservice.Begin) {
		c.Links = append(c.Links, link{Label: v.say("activate.another"), Href: v.at("activate", v.serial(), "anew", "1")})
	}
}

// beginCard is the form that begins an activation, by a code of another token.
func (v *visit) beginCard(t token.Token) card {
	f := form{Action: v.root() + "me/activate", Hidden: map[string]string{"token": t.Identity.Serial},
		Button: v.say("activate.do")}
	c := v.cardOf(t)
	if t.Condition.Proven() {
		chosen := v.posted("reason")
		why := field{Field: look.Field{ID: "reason", Label: v.say("activate.why")}}
		for _, r := range []struct {
			reason activations.Reason
			id     string
		}{{activations.DeviceReplaced, "activate.new"}, {activations.PINForgotten, "activate.pin"},
			{activations.DeviceLost, "activate.lost"}} {
			why.Choices = append(why.Choices, choice{string(r.reason), v.say(r.id), chosen == string(r.reason)})
		}
		f.Fields = append(f.Fields, why)
		if t.Condition.State == token.Valid {
			c.Text = append(c.Text, v.say("activate.old"))
		}
	}
	f.Fields = append(f.Fields, codeField("code", v.say("activate.code"), v.say("activate.code-hint")))
	c.Forms = []form{f}
	return c
}

func (v *visit) activate() {
	err := v.cfg.Service.StartActivation(v.r.Context(), v.session, v.serial(), activations.Reason(v.posted("reason")),
		v.posted("code"), v.from.Source, v.from.Request)
	if err != nil {
		p, _ := v.problem(err, "code")
		v.showActivation(p)
		return
	}
	v.lead(pathOf("activate", v.serial()))
}

// offerCards show an offer for the phone. The password is never among them.
func (v *visit) offerCards(b *body, o activations.OwnOffer) error {
	b.Script, b.Watch = true, v.at("activate/state", v.serial())
	if o.Password {
		c := card{Title: v.say("activate.password")}
		switch {
		case o.PasswordSent:
			c.Text = []string{v.say("activate.pw-sent")}
		case v.cfg.Service.Policy().ShowPassword && o.Self && v.may(selfservice.Begin):
			c.Text = []string{v.say("activate.pw-about")}
			c.Forms = []form{{Action: v.root() + "me/activate/password", Hidden: map[string]string{"token": v.serial()},
				Button: v.say("activate.pw-show"), Quiet: true}}
		default:
			c.Text = []string{v.say("activate.pw-desk")}
		}
		b.Cards = append(b.Cards, c)
	}
	server := strings.TrimSuffix(v.cfg.PublicURL(), "/")
	c := card{Title: v.say("activate.scan"), Alt: v.say("activate.alt"),
		Text: []string{v.say("activate.expires", v.lang.Time(o.Expires))},
		Typed: &typed{Summary: v.say("activate.type"), Lines: []line{{v.say("activate.server"), server},
			{v.say("activate.registration"), activation.Group(string(o.Registration.Text()))}}},
		Links: []link{{Label: v.say("activate.look"), Href: v.at("activate", v.serial())}}}
	// An address that apps do not take is no reason to refuse: code and address can be typed.
	if payload, err := (activation.Offer{Server: server, Code: o.Registration}).Encode(); err == nil {
		m := activation.Message{Type: activation.TypeOffer, Payload: payload}
		text, _, err := m.QR()
		if err != nil {
			return err
		}
		paste, err := m.Paste()
		if err != nil {
			return err
		}
		c.Typed.Lines = append(c.Typed.Lines, line{v.say("activate.whole"), string(paste)})
		if c.QR, err = picture(string(text)); err != nil {
			return err
		}
	}
	v.addAnew(&c)
	b.Cards = append(b.Cards, c)
	return nil
}

// showPassword shows the activation password, this once in the log, on a page that has nothing
// else.
func (v *visit) showPassword() {
	password, err := v.cfg.Service.Password(v.r.Context(), v.session, v.serial(), v.from.Source, v.from.Request)
	if err != nil {
		v.fail(err)
		return
	}
	v.show(http.StatusOK, body{Title: v.say("activate.pw-title"), Cards: []card{{
		Text:  []string{v.say("activate.pw-about")},
		Big:   activation.Group(string(password.Bytes())),
		Links: []link{{Label: v.say("activate.pw-next"), Href: v.at("activate", v.serial()), Main: true}}}}})
}

// activationState tells a script how the activation stands, in one word.
func (v *visit) activationState() {
	o, err := v.cfg.Service.Offer(v.r.Context(), v.session, v.serial())
	if err != nil {
		v.fail(err)
		return
	}
	state := "waits"
	switch {
	case !o.Open:
		state = "over"
	case !o.Taken.IsZero():
		state = "taken"
	}
	v.w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(v.w).Encode(map[string]string{"state": state}) // the client has disconnected if this fails
}

// opened is an address for an app on the same device. It is ours.
func opened(label, uri string) *opening { return &opening{Label: label, Href: look.Address(uri)} }
