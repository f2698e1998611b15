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
		{"GET /search", authz.TokenView, "list-tokens", (*visit).search},
	}
}

// list is the page of hardware tokens.
type list struct {
	Done           *look.Note
	Count          string
	Pills          []look.Pill
	Clear          string // where all tokens are, if some are left out
	Filter, CSV    string
	Heads          []look.Head
	Rows           []row
	Sizes          []size
	Shown          string
	First          string // each empty where there is none
	Next, Previous string
	Empty          *look.Empty
	More           map[string]bool // chosen columns
}

type size struct {
	Label, Href string
	Here        bool
}

// row is a token in the list.
type row struct {
	shownToken
	Owner   string // the list of the user's tokens
	Menu    string // the id of the menu
	Verify  string
	Actions []look.Link
	Delete  *look.Link
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
	f, err := readView(q)
	if err != nil {
		v.fail(err)
		return f, false
	}
	for _, told := range []string{"did", "of", "was", "until"} {
		q.Del(told)
	}
	if q.Encode() != f.encode() {
		v.lead(f.address(strings.TrimPrefix(v.r.URL.Path, "/")))
		return f, false
	}
	return f, true
}

// page gives a page of the list, and the cursors around it.
func (v *visit) page(f view) (found []token.Token, next, previous *string, err error) {
	o, err := lifecycle.Continue(f.At, store.TokenOrder{By: f.Sort, Desc: f.Desc})
	if err != nil {
		return nil, nil, nil, err
	}
	err = v.cfg.Rest.Turn(v.r.Context(), v.session.Principal, func(ctx context.Context) error {
		var on *store.TokenPlace
		found, on, err = v.cfg.Lifecycle.List(ctx, v.filter(f), o)
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
		count, err = v.cfg.Lifecycle.Count(ctx, v.filter(f))
		return err
	}); err != nil {
		v.fail(err)
		return
	}
	l := list{Done: v.done(), Count: counted(count), Pills: v.pills(f), CSV: v.at(f.with(func(*view) {}), "tokens.csv"),
		Filter: v.at(f.with(func(*view) {}), "token-filter"), Heads: v.heads(f), More: map[string]bool{}}
	l.Shown = fmt.Sprintf("%d of %s", len(found), l.Count)
	if f.filtered() {
		l.Clear = v.at(f.unfiltered(), "tokens")
	}
	for _, name := range f.Columns {
		l.More[name] = true
	}
	for i, t := range found {
		l.Rows = append(l.Rows, v.row(t, f, i))
	}
	for _, n := range sizes {
		l.Sizes = append(l.Sizes, size{strconv.Itoa(n), v.at(f.with(func(f *view) { f.Size = n }), "tokens"), n == f.Size})
	}
	page := func(cursor *string) string {
		if cursor == nil {
			return ""
		}
		return v.at(f.with(func(f *view) { f.At = *cursor }), "tokens")
	}
	if l.Next, l.Previous = page(next), page(previous); f.At != "" {
		l.First = v.at(f.with(func(*view) {}), "tokens")
	}
	if len(found) == 0 && next == nil && previous == nil {
		l.Empty = v.nothing(f)
	}
	v.show(look.Page{Name: "tokens", Title: "Hardware tokens", Body: l}, v.undo(cmp.Or(f.encode(), usualView)))
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
		return &look.Empty{What: "No hardware token matches these filters.",
			Action: &look.Link{Label: "Show all tokens", Href: v.at(f.unfiltered(), "tokens")}}
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
			h.Href = v.at(f.with(func(n *view) { n.Sort, n.Desc = c.by, f.Sort == c.by && !f.Desc }), "tokens")
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
	{"unused", "Unused for", func(f view) string { return days(f.Unused) }, func(f *view) { f.Unused = 0 }},
	{"expiring", "Expiring within", func(f view) string { return days(f.Ending) }, func(f *view) { f.Ending = 0 }},
	{"q", "Search", func(f view) string { return f.Search }, func(f *view) { f.Search = "" }},
}

func (v *visit) pills(f view) (pills []look.Pill) {
	for _, each := range filters {
		p := look.Pill{Label: each.label, Value: each.value(f)}
		switch {
		case p.Value != "":
			p.Href = v.at(f.with(each.clear), "tokens")
		case each.id == "q": // is typed above
			continue
		default:
			p.Href = v.at(f.with(func(*view) {}), "token-filter") + "#" + each.id
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
	Hidden  map[string]string
	Action  string
	Close   string
}

type option struct {
	Value, Label string
	Chosen       bool
}

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
	p := filterPage{Locked: f.Locked, Stock: f.Stock, Action: v.root() + "tokens", Close: v.at(f, "tokens"),
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
	for _, t := range types {
		if t.Kind == token.Hardware {
			p.Types = append(p.Types, option{t.Name, t.Name, t.Name == f.Type})
		}
	}
	for s := token.Valid; s <= token.Moving; s++ {
		p.States = append(p.States, option{s.String(), stateWords[s].Word, s.String() == f.State})
	}
	for _, c := range columns {
		if c.name != "" {
			p.Columns = append(p.Columns, option{c.name, c.label, slices.Contains(f.Columns, c.name)})
		}
	}
	rest, _ := url.ParseQuery(view{Search: f.Search, Sort: f.Sort, Desc: f.Desc, Size: f.Size}.encode())
	for name := range rest {
		p.Hidden[name] = rest.Get(name)
	}
	v.show(look.Page{Name: "filter", Title: "Filters and columns", Dialog: true, Body: p})
}

func (v *visit) search() {
	v.lead(view{Search: strings.TrimSpace(v.r.URL.Query().Get("q")), Sort: store.ByUser}.address("tokens"))
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
	v.attach("text/csv; charset=utf-8", "hardware-tokens.csv")
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
