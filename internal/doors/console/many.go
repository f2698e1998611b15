package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/look"
	"ostiary/internal/engine/jobs"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/formats/seedfile"
)

// A change of many tokens is chosen in the list, or by a list of tokens and users. It is shown
// before it begins, and its form has all that names the tokens: the ticked ones, the view of
// the list, or the lines. Nothing is kept here between the two.

func (c *Console) manyPages() []page {
	return []page{
		{"POST /many", authz.JobView, "preview-job", (*visit).previewMany},
		{"POST /many/start", authz.JobView, "start-job", (*visit).startMany},
		{"GET /assign-list", authz.TokenAssign, "preview-job", func(v *visit) { v.showAssignList(nil, http.StatusOK) }},
		{"POST /assign-list", authz.TokenAssign, "preview-job", (*visit).previewList},
	}
}

// longForms are those that name many tokens, and their sizes in bytes.
var longForms = map[string]int64{"POST /many": 256 << 10, "POST /many/start": 8 << 20, "POST /assign-list": 4 << 20}

// typedFrom is the number of tokens beyond which it is typed.
const typedFrom = 50

// verbs of jobs: in the list, on the page, and on the button.
var verbs = []struct {
	kind  jobs.Kind
	label string
	title string // of so many tokens
	means string
}{
	{jobs.State, "Change status", "Change the status of %s", "Counters, users and counts of wrong codes stay."},
	{jobs.Label, "Label", "Label %s", "An empty label is none. The label before is in the audit log alone."},
	{jobs.Unassign, "Unassign", "Unassign %s", "The users can no longer use these tokens."},
	{jobs.Delete, "Delete", "Delete %s", "The tokens and their secrets are gone for good. To use one again, it has to be " +
		"imported again; its used codes stay used."},
	{jobs.Assign, "Assign", "Assign %s", "Each token goes to the user of its line."},
}

func verbOf(k jobs.Kind) (label, title, means string) {
	for _, each := range verbs {
		if each.kind == k {
			return each.label, each.title, each.means
		}
	}
	return string(k), string(k) + " %s", ""
}

// choice is a change that the list offers.
type choice struct{ Kind, Label string }

// choices are those that the administrator may make.
func (v *visit) choices() (all []choice) {
	for _, each := range verbs {
		if each.kind != jobs.Assign && v.may(authz.JobView) && v.may(each.kind.Needs()) {
			all = append(all, choice{string(each.kind), each.label})
		}
	}
	return all
}

// pick is how the list names a token in a form.
func pick(id token.Identity) string {
	return query("serial", id.Serial, "type", id.Type, "manufacturer", id.Manufacturer, "key_id", id.KeyID)
}

// chosen is what a form says of a change.
type chosen struct {
	jobs.Request
	picks []string // the ticked tokens
	view  string   // the view of the list, if all that match are meant
	lines string   // of a list
}

// chosen reads a form. Its buttons have the kind under two names: that of the ticked tokens,
// and that of all which match.
func (v *visit) chosen() (c chosen, err error) {
	form := v.r.PostForm
	c.Request = jobs.Request{Kind: jobs.Kind(form.Get("kind")), Reason: v.posted("reason"), Label: v.posted("label"),
		Origin: v.origin()}
	all := form.Get("all")
	if all != "" {
		c.Kind = jobs.Kind(all)
	}
	if c.Kind.Needs() == "" {
		return c, fault.New(fault.Invalid, "job_kind", "Choose what is to be done.")
	}
	if !v.may(c.Kind.Needs()) {
		return c, v.forbidden(c.Kind.Needs())
	}
	c.lines = form.Get("lines")
	switch {
	case c.Kind == jobs.Assign:
		d := json.NewDecoder(strings.NewReader(c.lines))
		d.DisallowUnknownFields()
		if err := d.Decode(&c.List); err != nil {
			return c, fault.New(fault.Invalid, "lines", "The list did not arrive as it was sent.").Because(err)
		}
	case all != "":
		q, err := url.ParseQuery(form.Get("view"))
		if err != nil {
			return c, fault.New(fault.Invalid, "view", "The view did not arrive as it was sent.").Because(err)
		}
		f, err := readView(q)
		if err != nil {
			return c, err
		}
		c.view = f.with(func(*view) {}).encode()
		c.Filter = new(v.filter(f, token.Hardware))
	default:
		if c.picks = form["token"]; len(c.picks) == 0 {
			return c, fault.New(fault.Invalid, "no_tokens", "No token is selected.").
				WithHint("Go back, and tick the tokens first.")
		}
		for _, each := range c.picks {
			q, err := url.ParseQuery(each)
			if err != nil {
				return c, fault.New(fault.Invalid, "token", "A token did not arrive as it was sent.").Because(err)
			}
			c.Tokens = append(c.Tokens, tokens.Selector{Serial: q.Get("serial"), Type: q.Get("type"),
				Manufacturer: new(q.Get("manufacturer")), KeyID: new(q.Get("key_id"))})
		}
	}
	return c, nil
}

// manyPage is a change that is shown before it begins.
type manyPage struct {
	About, Means string
	Errors       *look.Errors
	Kind         string
	All          bool
	View, Lines  string
	Picks        []string
	Number       int
	Digest       string
	States       []stateCount
	Radios       []option
	Fields       []look.Field
	First        []plannedToken
	Assigns      bool
	Refused      []jobRow
	RefusedOf    string
	Submit       string
	Danger       bool
	Action       string
	Close        string
}

type stateCount struct {
	State look.State
	N     string
}

type plannedToken struct {
	Serial, Type, User, Gets string
	State                    look.State
}

func (v *visit) previewMany() {
	c, err := v.chosen()
	if err == nil {
		c.Reason, c.Label = "", ""
		err = v.showMany(c, nil, http.StatusOK)
	}
	if err != nil {
		v.fail(err)
	}
}

// grouped is a number with its thousands apart.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func tokensOf(n int) string {
	if n == 1 {
		return "1 token"
	}
	return grouped(n) + " tokens"
}

// showMany shows a change as it would be now.
func (v *visit) showMany(c chosen, wrong *look.Errors, status int) error {
	var p jobs.Preview
	if err := v.cfg.Rest.Turn(v.r.Context(), v.session.Principal, func(ctx context.Context) (err error) {
		p, err = v.cfg.Jobs.Preview(ctx, c.Request)
		return err
	}); err != nil {
		return err
	}
	_, title, means := verbOf(c.Kind)
	m := manyPage{About: "The tokens that you selected.", Means: means, Errors: wrong, Kind: string(c.Kind),
		All: c.Filter != nil, View: c.view, Lines: c.lines, Picks: c.picks, Number: p.Number, Digest: p.Digest,
		Assigns: c.Kind == jobs.Assign, Danger: c.Kind == jobs.Delete, Action: v.root() + "many/start",
		Close: v.root() + "tokens", RefusedOf: grouped(p.RefusedOf), Refused: shownRows(p.Refused)}
	if p.RefusedOf == 0 {
		m.RefusedOf = ""
	}
	switch {
	case c.Filter != nil:
		m.About, m.Close = "All tokens that match: "+v.filterWords(c.view)+".", v.root()+"tokens?"+c.view
	case m.Assigns:
		m.About, m.Close = "The tokens of the list.", v.root()+"assign-list"
	}
	m.Submit = fmt.Sprintf(title, tokensOf(p.Number))
	for _, s := range p.States {
		m.States = append(m.States, stateCount{stateWords[s.State], grouped(s.N)})
	}
	for _, t := range p.First {
		m.First = append(m.First, plannedToken{t.Token.Identity.Serial, t.Token.Identity.Type, t.Token.OwnerName, t.User,
			stateWords[t.Token.Condition.State]})
	}
	v.fieldsOf(&m, c)
	v.show(look.Page{Name: "many", Status: status, Title: m.Submit, Failed: wrong != nil, Body: m})
	return nil
}

// fieldsOf is what is typed for a change, with what was typed but for the number.
func (v *visit) fieldsOf(m *manyPage, c chosen) {
	switch c.Kind {
	case jobs.State:
		for s := token.Valid; s <= token.RevokedOther; s++ {
			m.Radios = append(m.Radios, option{Value: s.String(), Label: stateWords[s].Word,
				Chosen: s.String() == v.r.PostForm.Get("state")})
		}
		m.Fields = []look.Field{{ID: "reason", Label: "Reason", Hint: "It stands in the log", Max: tokens.MaxReason,
			Value: c.Reason}}
	case jobs.Label:
		m.Fields = []look.Field{{ID: "label", Label: "Label", Max: tokens.MaxText, Value: c.Label}}
	}
	if m.typed() {
		m.Fields = append(m.Fields, look.Field{ID: "typed", Label: "Number of tokens", Required: true, Max: 10,
			Hint: "Type " + grouped(m.Number) + " to say that you mean so many"})
	}
}

// typed says whether the number is to be typed.
func (m manyPage) typed() bool { return m.Number > typedFrom || m.Danger }

// filterWords are the filters of a view.
func (v *visit) filterWords(text string) string {
	q, _ := url.ParseQuery(text)
	f, _ := readView(q)
	var words []string
	for _, each := range filters {
		if value := each.value(f); value != "" {
			words = append(words, each.label+": "+value)
		}
	}
	if len(words) == 0 {
		return "all hardware tokens, without a filter"
	}
	return strings.Join(words, ", ")
}

func (v *visit) startMany() {
	c, err := v.chosen()
	if err != nil {
		v.fail(err)
		return
	}
	number, _ := strconv.Atoi(v.r.PostForm.Get("number"))
	field := "typed"
	asked := manyPage{Number: number, Danger: c.Kind == jobs.Delete}
	if c.Kind == jobs.State {
		if c.State, err = token.ParseState(v.r.PostForm.Get("state")); err != nil {
			err, field = fault.New(fault.Invalid, "state", "Choose a status."), "reason"
		}
	}
	typed := strings.NewReplacer(",", "", ".", "", " ", "", "\u00a0", "").Replace(v.r.PostForm.Get("typed"))
	if err == nil && asked.typed() && typed != strconv.Itoa(number) {
		err = fault.New(fault.Invalid, "typed", "The number that was typed is not that of the tokens.").
			WithHint("Type the number that stands on the button.")
	}
	if err == nil {
		err = v.cfg.Accounts.MayNow(v.session, c.Kind.Needs(), number)
	}
	if err == nil {
		if field, err = "", v.start(c, number); err == nil {
			return
		}
	}
	e, status := v.wrong(err, field)
	if err := v.showMany(c, &e, status); err != nil {
		v.fail(err)
	}
}

// start begins a change, and leads to it.
func (v *visit) start(c chosen, number int) error {
	return v.cfg.Rest.Turn(v.r.Context(), v.session.Principal, func(ctx context.Context) error {
		j, err := v.cfg.Jobs.Start(ctx, c.Request, number, v.r.PostForm.Get("digest"))
		if err == nil {
			v.lead("jobs/" + strconv.FormatInt(j.ID, 10))
		}
		return err
	})
}

// listPage is the form of a list.
type listPage struct {
	Errors *look.Errors
	Text   string
	Action string
	Close  string
}

func (v *visit) showAssignList(wrong *look.Errors, status int) {
	v.show(look.Page{Name: "assign-list", Status: status, Title: "Assign by a list", Failed: wrong != nil,
		Body: listPage{wrong, v.r.PostForm.Get("text"), v.root() + "assign-list", v.root() + "jobs"}})
}

// previewList reads a list that was chosen as a file, or typed.
func (v *visit) previewList() {
	c := chosen{Request: jobs.Request{Kind: jobs.Assign, Origin: v.origin()}}
	text, err := v.listText()
	if err == nil {
		c.List, err = readList(text)
	}
	if err == nil && len(c.List) == 0 {
		err = fault.New(fault.Invalid, "list", "The list has no line below its titles.")
	}
	if err == nil {
		lines, _ := json.Marshal(c.List) // texts and numbers always can
		c.lines = string(lines)
		err = v.showMany(c, nil, http.StatusOK)
	}
	if err != nil {
		e, status := v.wrong(err, "text")
		v.showAssignList(&e, status)
	}
}

func (v *visit) listText() ([]byte, error) {
	file, _, err := v.r.FormFile("file")
	if err != nil {
		return []byte(v.r.PostForm.Get("text")), nil // no file was chosen
	}
	text, err := io.ReadAll(file)
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	if len(text) == 0 && err == nil {
		return []byte(v.r.PostForm.Get("text")), nil
	}
	return text, err
}

// readList reads the table of the command line's assignment lists.
func readList(text []byte) (all []jobs.Line, err error) {
	list, bad, err := seedfile.ReadAssignments(bytes.NewReader(text), seedfile.Options{})
	if err != nil {
		return nil, fault.New(fault.Invalid, "list", fault.Sentence(err.Error())).
			WithHint("The first line has the titles loginName and serial.").Because(err)
	}
	for _, b := range bad {
		all = append(all, jobs.Line{Line: b.Line, Serial: b.Serial, Refused: b.Reason})
	}
	for _, a := range list {
		all = append(all, jobs.Line{Line: a.Line, Serial: a.Serial, Type: strings.ToLower(string(a.Kind)), User: a.User})
	}
	return all, nil
}
