package console

import (
	"net/http"
	"strconv"
	"strings"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/look"
	"ostiary/internal/engine/lifecycle"
)

func (c *Console) softwarePages() []page {
	return []page{
		{"GET /software-new", authz.TokenCreate, "create-tokens", func(v *visit) {
			v.showTitled(v.newForm(), nil, http.StatusOK)
		}},
		{"POST /software-new", authz.TokenCreate, "create-tokens", func(v *visit) { v.send(v.newForm, v.create) }},
		{"GET /software-letters", authz.ActivationAhead, "activate-ahead", func(v *visit) {
			v.showTitled(v.aheadForm(), nil, http.StatusOK)
		}},
		{"POST /software-letters", authz.ActivationAhead, "activate-ahead", func(v *visit) { v.send(v.aheadForm, v.ahead) }},
	}
}

// titledForm is a page with a form that is about no single token.
type titledForm struct {
	form
	Title string
}

// showTitled shows a form, with what is wrong with it.
func (v *visit) showTitled(s titledForm, e *look.Errors, status int) {
	s.Errors, s.Once = e, v.onces.make()
	if s.Action == "" {
		s.Action = v.root() + strings.TrimPrefix(v.r.URL.Path, "/")
	}
	v.show(look.Page{Name: "action", Status: status, Title: s.Title, Failed: e != nil, Dialog: !s.Whole, Body: s})
}

// send does what a form asks, once. Its fields keep what was typed.
func (v *visit) send(make func() titledForm, do func() error) {
	err := v.onces.use(v.posted("once"), do)
	if err == nil {
		return
	}
	s := make()
	v.keep(&s.form)
	e, status := v.wrong(err, s.first())
	v.showTitled(s, &e, status)
}

// maxNew is how many software tokens a form makes: each has a link on the page that answers.
const maxNew = 100

// maxDrawn is how many links are drawn as QR codes.
const maxDrawn = 10

// typeOptions are the types of software tokens that can be made, as they can be chosen.
func (v *visit) typeOptions(activated bool) (all []option) {
	types, err := v.cfg.Lifecycle.Types(v.r.Context())
	if err != nil {
		return nil // the form says that there is none, and sending it says why
	}
	for _, t := range types {
		if t.Kind == token.Software && t.Retired.IsZero() && (!activated || t.Activation == token.OneStep) {
			all = append(all, option{Value: t.Name, Label: t.Name})
		}
	}
	return all
}

// profileOptions are the profiles for new tokens, as they can be chosen.
func (v *visit) profileOptions() []option {
	all := []option{{Label: "That of the type"}}
	if !v.may(authz.ProfileView) {
		return all
	}
	found, _ := v.cfg.Profiles.List(v.r.Context()) // without them the type's own is left
	for _, p := range found {
		if p.Retired.IsZero() {
			all = append(all, option{Value: p.Name, Label: p.Name})
		}
	}
	return all
}

func (v *visit) newForm() titledForm {
	q := v.r.URL.Query()
	s := titledForm{Title: "Create software tokens", form: form{Submit: "Create", Close: v.root() + "software",
		Means: "A new token is pending until its first code.",
		Selects: []look.Select{{ID: "type", Label: "Token type", Options: v.typeOptions(false)},
			{ID: "profile", Label: "Profile", Hint: "Of types with an activation", Options: v.profileOptions()}},
		Fields: []look.Field{
			{ID: "count", Label: "How many", Hint: "1 to " + strconv.Itoa(maxNew), Type: "number", Value: "1", Required: true},
			{ID: "user", Label: "User", Hint: "Empty: for nobody yet", Value: q.Get("user"), Max: 128},
			{ID: "label", Label: "Label", Max: 128}},
		Checks: []option{{Value: "reveal", Label: "Show the key now in place of a link, for one token"}}}}
	choose(s.Selects[0].Options, q.Get("type"))
	return s
}

// whole reads a number; an empty field is 0.
func (v *visit) whole(name, label string, most int) (int, error) {
	text := v.posted(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, fault.New(fault.Invalid, name, label+" is a number from 1 to "+strconv.Itoa(most)+".")
	}
	return n, nil
}

func (v *visit) create() error {
	count, err := v.whole("count", "How many", maxNew)
	if err != nil {
		return err
	}
	made, err := v.cfg.Lifecycle.Create(v.r.Context(), lifecycle.CreateRequest{Type: v.posted("type"), Count: count,
		User: v.r.PostForm.Get("user"), Label: v.posted("label"), Profile: v.posted("profile"),
		Reveal: v.posted("reveal") != "", Origin: v.origin()})
	if err != nil {
		return err
	}
	v.showCreated("Created", made)
	return nil
}

const giveLink = "Give the link to the user. It works once, and shows the key; the app’s first code makes the token valid."

// showCreated shows new software tokens, with their links or what is to be done with them.
func (v *visit) showCreated(title string, made lifecycle.Creation) {
	h := handed{About: fault.Plural(len(made.Tokens), "token is", "tokens are") + " created",
		Next: []look.Link{{Label: "Software tokens", Href: v.root() + "software"}}}
	if made.Why != nil {
		e, _ := v.wrong(made.Why, "")
		h.Warnings = append(h.Warnings, look.Note{Tone: look.Danger, Means: e.Wrong[0].What,
			What: fault.Plural(made.Missing, "token was", "tokens were") + " not created"})
	}
	for _, c := range made.Tokens {
		h.add(v.created(c, len(made.Tokens) <= maxDrawn))
	}
	switch first := made.Tokens[0]; {
	case first.Token.Profile != "" && len(made.Tokens) == 1 && v.may(authz.ActivationStart):
		h.Means = "Next, activate the device of its user."
		h.Next = append([]look.Link{{Label: "Activate", Href: v.tokenAt(first.Token, "activate", "")}}, h.Next...)
	case first.Token.Profile != "":
		h.Means = "Each is activated on its page."
	case first.URI.Len() > 0:
		h.Means = "The app reads the QR code. Its first code makes the token valid: type it on the token’s page, under Prove."
	default:
		h.Means = giveLink
	}
	v.hand(title, h)
}

// created is what is handed out for a new token.
func (v *visit) created(c lifecycle.Created, draw bool) (i item, err error) {
	i = item{Title: c.Token.Identity.Serial, Page: v.tokenAt(c.Token, "", "")}
	text, alt := string(c.URI.Bytes()), "QR code with the key of the token"
	switch {
	case text != "":
		i.Values = []value{{"Key URI", text}}
	case c.Link.Len() > 0:
		e := v.cfg.Rest.Enrolment(c.Link, c.Expires)
		text, alt = e.URL, "QR code with the enrolment link"
		i.Values = []value{{"Link", e.URL}, {"Good until", at(e.Expires).Text}}
	}
	if text != "" && draw {
		i.QR, err = drawn(text, alt)
	}
	return i, err
}

// renew gives a pending token another enrolment link.
func (v *visit) renew(t token.Token) error {
	link, expires, err := v.cfg.Lifecycle.RenewLink(v.r.Context(), exactly(t), v.origin())
	if err != nil {
		return err
	}
	h := handed{About: "The token has a new link; the one before has ended", Means: giveLink,
		Next: []look.Link{{Label: "To the token", Href: v.tokenAt(t, "", "")}}}
	h.add(v.created(lifecycle.Created{Token: t, Link: link, Expires: expires}, true))
	v.hand("New link", h)
	return nil
}

// newLinks are where tokens of a list are made.
func (v *visit) newLinks() (all []look.Link) {
	if v.kind() != token.Software {
		return nil
	}
	if v.may(authz.ActivationAhead) {
		all = append(all, look.Link{Label: "Letters ahead", Href: v.root() + "software-letters"})
	}
	if v.may(authz.TokenCreate) {
		all = append(all, look.Link{Label: "Create", Href: v.root() + "software-new"})
	}
	return all
}

// noSoftware says what to do where there is no software token.
func (v *visit) noSoftware() *look.Empty {
	e := &look.Empty{What: "There are no software tokens yet. A software token is an app on a phone or a computer."}
	if v.may(authz.TokenCreate) {
		e.Action = &look.Link{Label: "Create a software token", Href: v.root() + "software-new"}
	}
	return e
}
