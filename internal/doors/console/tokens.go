package console

import (
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/printable"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/look"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/store"
)

func (c *Console) tokenPages() []page {
	return []page{
		{"GET /tokens", authz.TokenView, "list-tokens", (*visit).tokens},
		{"GET /tokens.csv", authz.TokenView, "list-tokens", (*visit).tokensCSV},
		{"GET /token-filter", authz.TokenView, "list-tokens", (*visit).filterForm},
		{"GET /software", authz.TokenView, "list-tokens", (*visit).tokens},
		{"GET /software.csv", authz.TokenView, "list-tokens", (*visit).tokensCSV},
		{"GET /software-filter", authz.TokenView, "list-tokens", (*visit).filterForm},
		{"GET /search", authz.TokenView, "list-tokens", (*visit).search},
	}
}

// list is the page of hardware tokens, or of software tokens.
type list struct {
	Done           *look.Note
	Count          string
	Pills          []look.Pill
	Clear          string // where all tokens are, if some are left out
	Filter, CSV    string
	Views          string
	New            []look.Link
	Heads          []look.Head
	Rows           []row
	Sizes          []size
	Shown          string
	First          string // each empty where there is none
	Next, Previous string
	Empty          *look.Empty
	More           map[string]bool // chosen columns
	Choices        []choice        // what can be done with many tokens
	Many, View     string          // where that is shown, and of which view
}

type size struct {
	Label, Href string
	Here        bool
}

// row is a token in the list.
type row struct {
	shownToken
	look.RowMenu
	Owner string // the page of the user
	Pick  string // how a form names it
}

// columns of the list: the head, and the order that it sorts by.
var columns = []struct {
	name, label string
	by          store.TokenSort
}{
	{"", "Assigned to", store.ByUser}, {"", "Serial number", store.BySerial}, {"", "State", store.ByState},
	{"", "Token type", store.ByType}, {"", "Last used", store.ByLastUsed},
	{"manufacturer", "Manufacturer", store.ByManufacturer}, {"label", "Label", ""}, {"drift", "Drift", store.ByDrift},
	{"expires", "Valid until", store.ByEnd},
}

// view reads the view of the address, and leads to its one spelling.
func (v *visit) view() (f view, ok bool) {
	q := v.r.URL.Query()
	asked, news := q.Encode(), url.Values{}
	own, err := v.usual()
	if err == nil && own != nil && !q.Has("column") && !q.Has("size") {
		q["column"], q["size"] = own["column"], own["size"]
	}
	if err == nil {
		f, err = readView(q)
	}
	if err != nil {
		v.fail(err)
		return f, false
	}
	f.Sized = own != nil // others may have another size
	for _, name := range told {
		if text := q.Get(name); text != "" {
			news.Set(name, text)
		}
	}
	if where := joined(f.encode(), news.Encode()); !sameQuery(where, asked) {
		if where != "" {
			where = "?" + where
		}
		v.lead(strings.TrimPrefix(v.r.URL.Path, "/") + where)
		return f, false
	}
	return f, true
}

// joined are two queries as one.
func joined(a, b string) string { return strings.Trim(a+"&"+b, "&") }

// sameQuery compares queries, whatever the order of their parts.
func sameQuery(a, b string) bool {
	of, err := url.ParseQuery(a)
	return err == nil && of.Encode() == b
}

// page gives a page of the list, and the cursors around it.
func (v *visit) page(f view) (found []token.Token, next, previous *string, err error) {
	o, err := lifecycle.Continue(f.At, store.TokenOrder{By: f.Sort, Desc: f.Desc})
	if err != nil {
		return nil, nil, nil, err
	}
	err = v.cfg.Rest.Turn(v.r.Context(), v.session.Principal, func(ctx context.Context) error {
		var on *store.TokenPlace
		found, on, err = v.cfg.Lifecycle.List(ctx, v.filter(f, v.kind()), o)
		next, previous = lifecycle.Around(found, on, o)
		return err
	})
	return found, next, previous, err
}

func (v *visit) tokens() {
	f, ok := v.view()
	if !ok {
		return
	}
	found, next, previous, err := v.page(f)
	if err != nil {
		v.fail(err)
		return
	}
	var count store.Count
	if err := v.cfg.Rest.Turn(v.r.Context(), v.session.Principal, func(ctx context.Context) error {
		count, err = v.cfg.Lifecycle.Count(ctx, v.filter(f, v.kind()))
		return err
	}); err != nil {
		v.fail(err)
		return
	}
	s := v.shelf()
	l := list{Done: v.done(), Count: counted(count), Pills: v.pills(f), CSV: v.at(f.with(func(*view) {}), s.csv),
		Filter: v.at(f.with(func(*view) {}), s.filter), Heads: v.heads(f), More: map[string]bool{}}
	l.Shown = fmt.Sprintf("%d of %s", len(found), l.Count)
	if l.New = v.newLinks(); f.filtered() {
		l.Clear = v.at(f.unfiltered(), v.shelf().path)
	}
	for _, name := range f.Columns {
		l.More[name] = true
	}
	for i, t := range found {
		l.Rows = append(l.Rows, v.row(t, cmp.Or(f.encode(), usualView), i))
	}
	if v.kind() == token.Hardware { // what many are changed by, and views, are of that list
		l.Choices, l.Many, l.View = v.choices(), v.root()+"many", f.with(func(*view) {}).encode()
		l.Views = v.at(f.with(func(*view) {}), "token-views")
	}
	for _, n := range sizes {
		l.Sizes = append(l.Sizes, size{strconv.Itoa(n), v.at(f.with(func(f *view) { f.Size = n }), s.path), n == f.Size})
	}
	page := func(cursor *string) string {
		if cursor == nil {
			return ""
		}
		return v.at(f.with(func(f *view) { f.At = *cursor }), s.path)
	}
	if l.Next, l.Previous = page(next), page(previous); f.At != "" {
		l.First = v.at(f.with(func(*view) {}), s.path)
	}
	if len(found) == 0 && next == nil && previous == nil {
		l.Empty = v.nothing(f)
	}
	v.show(look.Page{Name: "tokens", Title: s.title, Body: l}, v.undo(cmp.Or(f.encode(), usualView)))
}

// at is the address of a view, from the root on.
func (v *visit) at(f view, path string) string { return v.root() + f.address(path) }

func counted(c store.Count) string {
	if c.More {
		return strconv.Itoa(c.Number) + "+"
	}
	return strconv.Itoa(c.Number)
}

// nothing says what to do where a list has nothing.
func (v *visit) nothing(f view) *look.Empty {
	if f.filtered() {
		one := strings.ToLower(strings.TrimSuffix(v.shelf().title, "s"))
		return &look.Empty{What: "No " + one + " matches these filters.",
			Action: &look.Link{Label: "Show all tokens", Href: v.at(f.unfiltered(), v.shelf().path)}}
	}
	if v.kind() == token.Software {
		return v.noSoftware()
	}
	if !v.may(authz.TokenImport) {
		return &look.Empty{What: "There are no hardware tokens yet. An administrator with the role ADMIN imports them."}
	}
	return &look.Empty{What: "There are no hardware tokens yet. They come in by the file of their manufacturer.",
		Action: &look.Link{Label: "Import a file", Href: v.root() + "import-new"}}
}

func (v *visit) heads(f view) (heads []look.Head) {
	for _, c := range columns {
		if c.name != "" && !slices.Contains(f.Columns, c.name) {
			continue
		}
		h := look.Head{Label: c.label}
		if c.by != "" {
			h.Href = v.at(f.with(func(n *view) { n.Sort, n.Desc = c.by, f.Sort == c.by && !f.Desc }), v.shelf().path)
		}
		if c.by == f.Sort {
			h.Sort = "ascending"
			if f.Desc {
				h.Sort = "descending"
			}
		}
		heads = append(heads, h)
	}
	return heads
}

// filters are those of the list, as pills and as fields.
var filters = []struct {
	id, label string
	value     func(view) string
	clear     func(*view)
}{
	{"user", "User", func(f view) string { return f.User }, func(f *view) { f.User = "" }},
	{"serial", "Serial", func(f view) string { return f.Serial }, func(f *view) { f.Serial = "" }},
	{"state", "State", func(f view) string {
		if f.State == "" {
			return ""
		}
		s, _ := token.ParseState(f.State)
		return stateWords[s].Word
	}, func(f *view) { f.State = "" }},
	{"type", "Type", func(f view) string { return f.Type }, func(f *view) { f.Type = "" }},
	{"manufacturer", "Manufacturer", func(f view) string { return f.Maker }, func(f *view) { f.Maker = "" }},
	{"batch", "Batch", func(f view) string { return f.Batch }, func(f *view) { f.Batch = "" }},
	{"label", "Label", func(f view) string { return f.Label }, func(f *view) { f.Label = "" }},
	{"locked", "Locked", func(f view) string { return yes(f.Locked) }, func(f *view) { f.Locked = false }},
	{"stock", "In stock", func(f view) string { return yes(f.Stock) }, func(f *view) { f.Stock = false }},
	{"held", "Assigned", func(f view) string { return yes(f.Held) }, func(f *view) { f.Held = false }},
	{"unused", "Unused for", func(f view) string { return days(f.Unused) }, func(f *view) { f.Unused = 0 }},
	{"expiring", "Expiring within", func(f view) string { return days(f.Ending) }, func(f *view) { f.Ending = 0 }},
	{"q", "Search", func(f view) string { return f.Search }, func(f *view) { f.Search = "" }},
}

func (v *visit) pills(f view) (pills []look.Pill) {
	for _, each := range filters {
		p := look.Pill{Label: each.label, Value: each.value(f)}
		switch {
		case p.Value != "":
			p.Href = v.at(f.with(each.clear), v.shelf().path)
		case each.id == "q" || !v.shelf().has(each.id): // is typed above, or of no use
			continue
		default:
			p.Href = v.at(f.with(func(*view) {}), v.shelf().filter) + "#" + each.id
		}
		pills = append(pills, p)
	}
	return pills
}

// filterPage is the form of the filters and columns.
type filterPage struct {
	Fields  []look.Field
	Types   []option
	States  []option
	Columns []option
	Locked  bool
	Stock   bool
	Held    bool
	Hidden  map[string]string
	Action  string
	Close   string
}

type option = look.Option

func (v *visit) filterForm() {
	f, ok := v.view()
	if !ok {
		return
	}
	types, err := v.cfg.Lifecycle.Types(v.r.Context())
	if err != nil {
		v.fail(err)
		return
	}
	p := filterPage{Locked: f.Locked, Stock: f.Stock, Held: f.Held, Action: v.root() + v.shelf().path,
		Close:  v.at(f, v.shelf().path),
		Hidden: map[string]string{}, Fields: []look.Field{
			{ID: "user", Label: "User", Hint: "What the name begins with; * before it: contains", Value: f.User, Max: 128},
			{ID: "serial", Label: "Serial", Hint: "What it begins with; * before it: contains (slower)", Value: f.Serial,
				Max: 128},
			{ID: "manufacturer", Label: "Manufacturer", Value: f.Maker, Max: 128},
			{ID: "batch", Label: "Batch", Value: f.Batch, Max: 500},
			{ID: "label", Label: "Label", Value: f.Label, Max: 128},
			{ID: "unused", Label: "Unused for", Hint: "Days", Type: "number", Value: number(f.Unused)},
			{ID: "expiring", Label: "Expiring within", Hint: "Days", Type: "number", Value: number(f.Ending)},
		}}
	p.Fields = slices.DeleteFunc(p.Fields, func(f look.Field) bool { return !v.shelf().has(f.ID) })
	for _, t := range types {
		if t.Kind == v.kind() {
			p.Types = append(p.Types, option{Value: t.Name, Label: t.Name, Chosen: t.Name == f.Type})
		}
	}
	for s := token.Valid; s <= token.Moving; s++ {
		p.States = append(p.States, option{Value: s.String(), Label: stateWords[s].Word, Chosen: s.String() == f.State})
	}
	for _, c := range columns {
		if c.name != "" {
			p.Columns = append(p.Columns, option{Value: c.name, Label: c.label, Chosen: slices.Contains(f.Columns, c.name)})
		}
	}
	rest, _ := url.ParseQuery(view{Search: f.Search, Sort: f.Sort, Desc: f.Desc, Size: f.Size, Sized: f.Sized}.encode())
	for name := range rest {
		p.Hidden[name] = rest.Get(name)
	}
	v.show(look.Page{Name: "filter", Title: "Filters and columns", Dialog: true, Body: p})
}

// search leads to the list that has what is searched for, hardware tokens first.
func (v *visit) search() {
	f := view{Search: strings.TrimSpace(v.r.URL.Query().Get("q")), Sort: store.ByUser}
	var found store.Count
	for _, kind := range []token.Kind{token.Hardware, token.Software} {
		if err := v.cfg.Rest.Turn(v.r.Context(), v.session.Principal, func(ctx context.Context) (err error) {
			found, err = v.cfg.Lifecycle.Count(ctx, v.filter(f, kind))
			return err
		}); err != nil {
			v.fail(err)
			return
		}
		if found.Number > 0 {
			v.lead(f.address(shelves[kind].path))
			return
		}
	}
	v.lead(f.address(shelves[token.Hardware].path))
}

// tokensCSV writes the whole view, all of its pages, with all columns.
func (v *visit) tokensCSV() {
	f, ok := v.view()
	if !ok {
		return
	}
	f.Size, f.At = maxPage, ""
	found, next, _, err := v.page(f)
	if err != nil {
		v.fail(err)
		return
	}
	v.attach("text/csv; charset=utf-8", v.shelf().file)
	w := csv.NewWriter(v.w)
	w.UseCRLF = true
	_ = w.Write([]string{"user", "serial", "state", "type", "manufacturer", "last_used", "failures", "drift", "label",
		"valid_until"})
	for {
		for _, t := range found {
			c := t.Condition
			cell := printable.Cell
			_ = w.Write([]string{cell(t.OwnerName), cell(t.Identity.Serial), c.State.String(), cell(t.Identity.Type),
				cell(t.Identity.Manufacturer), at(c.LastUsed).Machine, strconv.Itoa(c.Failures), driftOf(t), cell(t.Label),
				at(c.NotAfter).Machine})
		}
		if next == nil {
			break
		}
		f.At = *next
		if found, next, _, err = v.page(f); err != nil {
			v.cutOff(err)
		}
	}
	w.Flush()
}

const maxPage = 1000
