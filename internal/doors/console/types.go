package console

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/look"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/tokens"
)

func (c *Console) typePages() []page {
	return []page{
		{"GET /types", authz.TypeView, "list-types", (*visit).types},
		{"GET /type-new", authz.TypeManage, "create-type", func(v *visit) { v.showNewType(nil) }},
		{"POST /type-new", authz.TypeManage, "create-type", (*visit).createType},
		{"GET /types/{type}", authz.TypeView, "show-type", (*visit).tokenType},
		{"GET /types/{type}/change", authz.TypeManage, "change-type", func(v *visit) { v.showTypeChange(nil) }},
		{"POST /types/{type}/change", authz.TypeManage, "change-type", (*visit).changeType},
		{"POST /types/{type}/retire", authz.TypeManage, "retire-type", (*visit).retireType},
		{"POST /types/{type}/restore", authz.TypeManage, "restore-type", (*visit).restoreType},
		{"GET /series", authz.SeriesView, "list-series", (*visit).series},
		{"GET /series/{type}/next", authz.SeriesManage, "set-series", func(v *visit) { v.showSeriesForm(nil) }},
		{"POST /series/{type}/next", authz.SeriesManage, "set-series", (*visit).setSeries},
	}
}

func (v *visit) typeAt(name string) string { return v.root() + "types/" + url.PathEscape(name) }

// allTypes gives the types by name.
func (v *visit) allTypes() (types []token.Type, err error) {
	err = v.cfg.Rest.Turn(v.r.Context(), v.session.Principal, func(ctx context.Context) (err error) {
		types, err = v.cfg.Lifecycle.Types(ctx)
		return err
	})
	return types, err
}

// inUse says whether new tokens of a type, or by a profile, can be made.
func inUse(retired bool) look.Cell {
	if retired {
		return look.Cell{State: &look.State{Shape: look.Ring, Word: "Retired"}}
	}
	return look.Cell{State: &look.State{Shape: look.Disc, Word: "In use"}}
}

// computed is how the tokens of a type compute codes, in short.
func computed(t token.Type) string {
	parts := []string{string(t.Algorithm)}
	for _, part := range []string{t.Hash, t.Suite} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if t.Digits > 0 {
		parts = append(parts, fault.Plural(t.Digits, "digit", "digits"))
	}
	if t.Period > 0 {
		parts = append(parts, fmt.Sprintf("%d s", t.Period))
	}
	return strings.Join(parts, " · ")
}

func (v *visit) types() {
	types, err := v.allTypes()
	if err != nil {
		v.fail(err)
		return
	}
	s := record{Figures: []look.Link{{Label: fault.Plural(len(types), "type", "types")}}}
	if v.may(authz.TypeManage) {
		s.Actions = []look.Act{{Link: look.Link{Label: "New type", Href: v.root() + "type-new"}, Dialog: true, Primary: true}}
	}
	t := look.TableOf("Token types", "Name", "Kind", "Codes", "Profile", "Serials", "State")
	for _, of := range types {
		serials := look.Cell{}
		if of.Kind == token.Software {
			serials = look.Cell{Text: of.Serial(of.Start), More: "and on", Mono: true}
		}
		profile := look.Cell{Text: of.Profile}
		if of.Profile != "" && v.may(authz.ProfileView) {
			profile.Href = v.profileAt(of.Profile)
		}
		t.Add(nil, look.Cell{Text: of.Name, Href: v.typeAt(of.Name), Open: true}, look.Cell{Text: string(of.Kind)},
			look.Cell{Text: computed(of)}, profile, serials, inUse(!of.Retired.IsZero()))
	}
	s.Tables = []look.Table{t}
	v.showRecord("Token types", s)
}

var typeDone = map[string]string{"create": "The type is made", "change": "The type is changed",
	"retire": "The type is retired: there are no new tokens of it", "restore": "New tokens of the type can be made again"}

func (v *visit) tokenType() {
	t, err := v.cfg.Lifecycle.Type(v.r.Context(), v.r.PathValue("type"))
	if err != nil {
		v.fail(err)
		return
	}
	s := record{About: t.Name, Figures: []look.Link{{Label: "All types", Href: v.root() + "types"}},
		Notes: v.told(typeDone)}
	if t.Kind == token.Hardware && v.may(authz.TokenView) {
		s.Figures = append(s.Figures, look.Link{Label: "Its tokens", Href: v.root() + "tokens?" + query("type", t.Name)})
	}
	for _, warning := range lifecycle.TypeWarnings(t) {
		s.Notes = append(s.Notes, look.Note{Tone: look.Warning, What: warning})
	}
	if v.may(authz.TypeManage) {
		s.Actions = []look.Act{{Link: look.Link{Label: "Change", Href: v.typeAt(t.Name) + "/change"}, Dialog: true,
			Primary: true}}
		end := look.Link{Label: "Retire", Href: v.typeAt(t.Name) + "/retire"}
		if !t.Retired.IsZero() {
			end = look.Link{Label: "Restore", Href: v.typeAt(t.Name) + "/restore"}
		}
		s.Actions = append(s.Actions, look.Act{Link: end, Post: true})
	}
	state := inUse(!t.Retired.IsZero())
	if !t.Retired.IsZero() {
		state.More = "since " + at(t.Retired).Text
	}
	built := ""
	if token.BuiltIn(t.Name) {
		built = "built in"
	}
	profile := orDash(t.Profile)
	if t.Profile != "" && v.may(authz.ProfileView) {
		profile.Href = v.profileAt(t.Profile)
	}
	s.Facts = []fact{{"Name", look.Cell{Text: t.Name, More: built}}, {"State", state},
		{"Kind", look.Cell{Text: string(t.Kind)}}, {"Codes", look.Cell{Text: computed(t)}}}
	if t.Kind == token.Software {
		s.Facts = append(s.Facts, fact{"Serials",
			look.Cell{Text: t.Serial(t.Start) + " to " + t.Serial(t.Last()), Mono: true}},
			fact{"Activation", look.Cell{Text: string(t.Activation)}}, fact{"Profile", profile})
	}
	limit, life := "no limit", "no limit"
	if t.MaxPerUser > 0 {
		limit = strconv.Itoa(t.MaxPerUser)
	}
	if t.Lifetime > 0 {
		life = days(t.Lifetime)
	}
	s.Facts = append(s.Facts, fact{"Manufacturer", orDash(t.Manufacturer)}, fact{"Product", orDash(t.Product)},
		fact{"Tokens of one user", look.Cell{Text: limit}}, fact{"A new token is valid for", look.Cell{Text: life}})
	v.showRecord("Token type", s)
}

func (v *visit) retireType() {
	_, err := v.cfg.Lifecycle.RetireType(v.r.Context(), v.r.PathValue("type"), v.origin())
	v.typeWas("retire", err)
}

func (v *visit) restoreType() {
	_, err := v.cfg.Lifecycle.RestoreType(v.r.Context(), v.r.PathValue("type"), v.origin())
	v.typeWas("restore", err)
}

// typeWas leads to the page of the type of the address.
func (v *visit) typeWas(done string, err error) {
	if err != nil {
		v.fail(err)
		return
	}
	v.leadTo(v.typeAt(v.r.PathValue("type")) + "?" + query("done", done))
}

// leadTo is lead, with an address from the root on.
func (v *visit) leadTo(where string) { v.lead(strings.TrimPrefix(where, v.root())) }

func (v *visit) series() {
	var all []tokens.Series
	err := v.cfg.Rest.Turn(v.r.Context(), v.session.Principal, func(ctx context.Context) (err error) {
		all, err = v.cfg.Lifecycle.Series(ctx)
		return err
	})
	if err != nil {
		v.fail(err)
		return
	}
	t := look.TableOf("Series", "Type", "Next serial", "Highest there is", "Made here", "Left")
	for _, of := range all {
		var acts []look.Act
		if v.may(authz.SeriesManage) {
			acts = []look.Act{{Link: look.Link{Label: "Set the next", Href: v.seriesAt(of.Name)}, Dialog: true}}
		}
		name := look.Cell{Text: of.Name}
		if v.may(authz.TypeView) {
			name.Href = v.typeAt(of.Name)
		}
		next := look.Cell{Text: of.Next(), Mono: true}
		if next.Text == "" {
			next = look.Cell{Text: "–", Badge: "at its end"}
		}
		t.Add(acts, name, next, look.Cell{Text: of.Present(), Mono: true},
			look.Cell{Text: strconv.FormatUint(of.At.Issued, 10), Number: true},
			look.Cell{Text: strconv.FormatUint(of.Left(), 10), Number: true})
	}
	if len(all) == 0 {
		t.Empty = &look.Empty{What: "A series gives the serials of a software type. There is no software type yet."}
	}
	v.showRecord("Series", record{Figures: []look.Link{{Label: "Where the serials of software tokens come from"}},
		Notes: v.told(map[string]string{"next": "The next serial is set"}), Tables: []look.Table{t}})
}

func (v *visit) seriesAt(name string) string {
	return v.root() + "series/" + url.PathEscape(name) + "/next"
}

func (v *visit) showSeriesForm(err error) {
	name := v.r.PathValue("type")
	var found *tokens.Series
	all, listErr := v.cfg.Lifecycle.Series(v.r.Context())
	for i := range all {
		if all[i].Name == name {
			found = &all[i]
		}
	}
	if listErr == nil && found == nil {
		listErr = fault.New(fault.NotFound, "no_series", "There is no series of a type "+name+".").
			WithHint("The page Series lists all of them.")
	}
	if listErr != nil {
		v.fail(listErr)
		return
	}
	a := ask{Title: "Set the next serial", About: name, Submit: "Set", Action: v.seriesAt(name),
		Close: v.root() + "series",
		Means: "A serial is never used twice: the next one is above all that were made or came in.",
		Inputs: []input{{Field: look.Field{ID: "next", Label: "Next serial", Hint: "A serial of the type, or its number",
			Value: found.Next(), Required: true, Max: 32}}}}
	if err != nil {
		v.failed(&a, err)
	}
	v.showAsk(a)
}

func (v *visit) setSeries() {
	if _, err := v.cfg.Lifecycle.SetSeries(v.r.Context(), v.r.PathValue("type"), v.posted("next"),
		v.origin()); err != nil {
		v.showSeriesForm(err)
		return
	}
	v.lead("series?done=next")
}
