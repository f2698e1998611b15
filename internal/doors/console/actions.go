package console

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/look"
	"ostiary/internal/engine/activations"
	"ostiary/internal/engine/tokens"
)

// action is what can be done with a token of the list: a page with a form.
type action struct {
	verb  string
	label string // in the menu, and the form's title
	done  string // what is said when it was done
	needs authz.Operation
	rest  string
	kind  token.Kind             // empty: both
	fits  func(token.Token) bool // nil: any token
	// stands says whether it fits what was activated before. It is offered on the token's
	// page alone, where that is known.
	stands func(activations.Overview) bool
	form   func(*visit, token.Token) form
	// do does it. A note is a verdict that stays in the form.
	do func(*visit, token.Token) (n *look.Note, next string, err error)
	// give does it in place of do, and answers with what is shown this once. It has not
	// answered if there is an error.
	give func(*visit, token.Token) error
}

// form is a page of an action.
type form struct {
	Serial, About string
	Means         string // what follows from it
	Errors        *look.Errors
	Note          *look.Note
	Next          *look.Link
	Legend        string
	Radio         string // the name of the radio buttons
	Radios        []option
	Codes         []look.Field
	Selects       []look.Select
	Fields        []look.Field
	Checks        []option // each is a field with the value yes
	Once          string   // see onces
	Secret        string   // an activation password that is sent with the form, and shown
	Submit        string
	Danger        bool
	Seen          string // see asSeen
	Whole         bool   // a page alone: its answer is a file, which no dialog can show
	Action, Close string
}

// choose marks what was chosen.
func choose(options []option, value string) {
	for i := range options {
		options[i].Chosen = options[i].Value == value
	}
}

// actions are all of them, in the order of the menu.
func actions() []action {
	held := func(t token.Token) bool { return t.OwnerName != "" }
	proven := func(t token.Token) bool { return t.Condition.State != token.Pending }
	return slices.Concat(activationActions(), []action{
		{verb: "verify", label: "Verify", needs: authz.Verify, rest: "verify", fits: proven, form: verifyForm,
			do: (*visit).verify},
		{verb: "state", label: "Change status", done: "The state is changed", needs: authz.TokenMarkLost,
			rest: "set-token-state", form: stateForm, do: (*visit).setState},
		{verb: "resync", label: "Resynchronize", done: "The token is in step again", needs: authz.TokenResync,
			rest: "resync-token", fits: proven, form: resyncForm, do: (*visit).resync},
		{verb: "unlock", label: "Unlock", done: "The failures are cleared", needs: authz.TokenUnlock, rest: "unlock-token",
			fits: func(t token.Token) bool { return t.Condition.Failures > 0 }, form: unlockForm, do: (*visit).unlock},
		{verb: "assign", label: "Assign", done: "The token is assigned", needs: authz.TokenAssign, rest: "assign-token",
			fits: func(t token.Token) bool { return !held(t) }, form: assignForm, do: (*visit).assign},
		{verb: "unassign", label: "Unassign", done: "The token is in stock again", needs: authz.TokenAssign,
			rest: "unassign-token", fits: held, form: unassignForm, do: (*visit).unassign},
		{verb: "replace", label: "Replace", done: "The user has the other token", needs: authz.TokenReplace,
			rest: "replace-token", kind: token.Hardware, fits: held, form: replaceForm, do: (*visit).replace},
		{verb: "replace", label: "Replace", done: "The user has the other token", needs: authz.TokenReplace,
			rest: "replace-token", kind: token.Software, fits: held, form: replaceForm, give: (*visit).replaceSoftware},
		{verb: "dates", label: "Dates", done: "The dates are changed", needs: authz.TokenDates, rest: "set-token-dates",
			form: datesForm, do: (*visit).setDates},
		{verb: "history", label: "History", needs: authz.AuditSerials, rest: "list-audit"},
		{verb: "delete", label: "Delete", done: "The token is deleted", needs: authz.TokenDelete, rest: "delete-token",
			form: deleteForm, do: (*visit).deleteToken},
	})
}

func actionOf(verb string) (action, bool) {
	for _, a := range actions() {
		if a.verb == verb {
			return a, true
		}
	}
	return action{}, false
}

func (c *Console) actionPages() (all []page) {
	for _, s := range shelves {
		all = append(all, page{"GET /" + s.path + "/{serial}", authz.TokenView, "show-token", (*visit).token})
		for _, a := range actions() {
			where := " /" + s.path + "/{serial}/" + a.verb
			switch {
			case a.kind != "" && a.kind != s.kind:
			case a.form == nil:
				all = append(all, page{"GET" + where, a.needs, a.rest, (*visit).history})
			default:
				all = append(all, page{"GET" + where, a.needs, a.rest, func(v *visit) { v.showAction(a) }},
					page{"POST" + where, a.needs, a.rest, func(v *visit) { v.act(a) }})
			}
		}
	}
	return all
}

// actionLink leads to an action.
type actionLink struct {
	look.Link
	verb string
	Main bool
}

// actions are what the administrator may do with a token, and the token is fit for, the most
// usual one first. o is
// how its activations stand; nil if that was not asked for.
func (v *visit) actions(t token.Token, o *activations.Overview, back string) (all []actionLink) {
	for _, a := range actions() {
		if v.may(a.needs) && a.suits(t) && (a.stands == nil || o != nil && a.stands(*o)) {
			link := actionLink{look.Link{Label: a.label, Href: v.tokenAt(t, a.verb, back)}, a.verb, a.verb == firstVerb(t)}
			if link.Main {
				all = slices.Insert(all, 0, link)
			} else {
				all = append(all, link)
			}
		}
	}
	return all
}

// suits says whether a token is fit for an action.
func (a action) suits(t token.Token) bool {
	return (a.kind == "" || a.kind == t.Kind) && (a.fits == nil || a.fits(t))
}

// firstVerb is the most usual action with a token.
func firstVerb(t token.Token) string {
	switch {
	case t.Condition.State != token.Pending:
		return "verify"
	case t.Profile != "":
		return "activate"
	}
	return "prove"
}

// seen lets those pass who may see tokens: an action shows one.
func (v *visit) seen() (t token.Token, ok bool) {
	if !v.may(authz.TokenView) {
		v.fail(v.forbidden(authz.TokenView))
		return t, false
	}
	return v.find()
}

func (v *visit) showAction(a action) {
	if t, ok := v.seen(); ok {
		f := a.form(v, t)
		if a.give != nil {
			f.Once = v.onces.make()
		}
		v.showForm(a, t, f, http.StatusOK)
	}
}

func (v *visit) showForm(a action, t token.Token, f form, status int) {
	who := "in stock"
	if t.OwnerName != "" {
		who = t.OwnerName
	}
	f.Serial, f.About = t.Identity.Serial, who+" · "+t.Identity.Type+" · "+stateWords[t.Condition.State].Word
	f.Seen = tokens.Mark(t)
	f.Action, f.Close = v.tokenAt(t, a.verb, v.back()), v.closeAt(t)
	v.show(look.Page{Name: "action", Status: status, Title: a.label, Failed: f.Errors != nil, Dialog: !f.Whole, Body: f})
}

// act does what a form asks. Its fields keep what was typed, but for codes.
func (v *visit) act(a action) {
	t, ok := v.seen()
	if !ok {
		return
	}
	var note *look.Note
	var next string
	var err error
	if a.give != nil {
		if err = v.onces.use(v.posted("once"), func() error { return a.give(v, t) }); err == nil {
			return
		}
	} else if note, next, err = a.do(v, t); err == nil && note == nil {
		v.acted(a, t)
		return
	}
	f, status := a.form(v, t), http.StatusOK
	v.keep(&f)
	if a.give != nil {
		f.Once = v.onces.make()
	}
	if f.Note = note; err != nil {
		var e look.Errors
		e, status = v.wrong(err, f.first())
		f.Errors = &e
	}
	if n, ok := actionOf(next); ok && v.may(n.needs) && n.suits(t) {
		f.Next = &look.Link{Label: n.label, Href: v.tokenAt(t, n.verb, v.back())}
	}
	v.showForm(a, t, f, status)
}

// oneTime marks a field that takes a code which is not all digits.
const oneTime = "one-time-code"

// keep puts what was typed and chosen into a form again, but for codes and passwords.
func (v *visit) keep(f *form) {
	typed := v.r.PostForm
	for i := range f.Fields {
		if f.Fields[i].Autocomplete != oneTime {
			f.Fields[i].Value = typed.Get(f.Fields[i].ID)
		}
	}
	for _, s := range f.Selects {
		choose(s.Options, typed.Get(s.ID))
	}
	for i := range f.Checks {
		f.Checks[i].Chosen = typed.Get(f.Checks[i].Value) != ""
	}
	choose(f.Radios, typed.Get(f.Radio))
}

// first is the field that an error leads to.
func (f form) first() string {
	switch {
	case len(f.Codes) > 0:
		return f.Codes[0].ID
	case len(f.Fields) > 0:
		return f.Fields[0].ID
	}
	return ""
}

// acted leads to where it can be seen that something was done.
func (v *visit) acted(a action, t token.Token) {
	where := v.closeAt(t)
	if a.verb == "delete" && v.back() == "" {
		where = v.root() + v.shelf().path
	}
	told := query("did", a.verb, "of", t.Identity.Serial)
	if a.verb == "state" {
		told += "&" + query("was", t.Condition.State.String(), "until",
			strconv.FormatInt(v.cfg.Now().Add(undoFor).Unix(), 10))
	}
	sign := "?"
	if strings.Contains(where, "?") {
		sign = "&"
	}
	v.lead(strings.TrimPrefix(where, v.root()) + sign + told)
}

// exactly names the token that was found, and no other of its serial.
func exactly(t token.Token) tokens.Selector {
	return tokens.Selector{Serial: t.Identity.Serial, Type: t.Identity.Type, Manufacturer: &t.Identity.Manufacturer,
		KeyID: &t.Identity.KeyID}
}

// asSeen is exactly for a change of what a form showed: if another administrator has changed
// it meanwhile, this one is told.
func (v *visit) asSeen(t token.Token) tokens.Selector {
	s := exactly(t)
	s.Seen = v.r.PostForm.Get("seen")
	return s
}

// posted gives a field without the spaces around it.
func (v *visit) posted(name string) string { return strings.TrimSpace(v.r.PostForm.Get(name)) }

// localTime is how a field has a time: in the zone of the server.
const localTime = "2006-01-02T15:04"

// date reads a field of a date, and says whether it is another one than before.
func (v *visit) date(name string, before time.Time) (*time.Time, error) {
	text := v.posted(name)
	if text == fieldTime(before) {
		return nil, nil //nolint:nilnil // nil leaves the date as it is
	}
	if text == "" {
		return &time.Time{}, nil
	}
	at, err := time.ParseInLocation(localTime, text, time.Local)
	if err != nil {
		return nil, fault.New(fault.Invalid, "dates", "A date is written such as 2027-01-31T08:00.")
	}
	return &at, nil
}

func fieldTime(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Local().Format(localTime)
}
