package console

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/store"
)

// view is what a list shows: its filters, its order, its columns, and the page. It stands in
// the address bar, in one spelling (encode).
type view struct {
	User, Serial   string // what it begins with, or behind * what it contains
	Type, Maker    string
	Batch, Label   string
	Search         string
	State          string
	Locked         bool
	Stock, Held    bool // of nobody, of somebody
	Unused, Ending int  // days
	Sort           store.TokenSort
	Desc           bool
	Size           int
	Sized          bool   // the size stands in the address, also the usual one
	At             string // the cursor
	Columns        []string
}

var sizes = []int{10, 15, 20, 50, 100}

const usualSize = 20

// columns that are shown if they are chosen.
var moreColumns = []string{"manufacturer", "label", "drift", "expires"}

// readView reads the address of a list.
func readView(q url.Values) (f view, err error) {
	f = view{User: q.Get("user"), Serial: q.Get("serial"), Type: q.Get("type"), Maker: q.Get("manufacturer"),
		Batch: q.Get("batch"), Label: q.Get("label"), Search: q.Get("q"), State: q.Get("state"),
		Locked: q.Get("locked") != "", Stock: q.Get("stock") != "", Held: q.Get("held") != "", At: q.Get("at"),
		Size: usualSize, Sort: store.ByUser}
	for _, each := range q {
		for _, text := range each {
			if len(text) > 4096 {
				return view{}, fault.New(fault.Invalid, "filter_too_long", "A filter is too long.")
			}
		}
	}
	for name, at := range map[string]*int{"unused": &f.Unused, "expiring": &f.Ending} {
		if text := q.Get(name); text != "" {
			if *at, err = strconv.Atoi(text); err != nil || *at < 1 || *at > 36500 {
				return view{}, fault.New(fault.Invalid, "filter_days", "A number of days is 1 to 36500.")
			}
		}
	}
	if text := q.Get("sort"); text != "" {
		by, desc := strings.CutPrefix(text, "-")
		if f.Sort, f.Desc = store.TokenSort(by), desc; !slices.Contains(store.TokenSorts, f.Sort) {
			return view{}, fault.New(fault.Invalid, "sort", "There is no such order of tokens.")
		}
	}
	if n, err := strconv.Atoi(q.Get("size")); err == nil && slices.Contains(sizes, n) {
		f.Size = n
	}
	if f.State != "" {
		if _, err := token.ParseState(f.State); err != nil {
			return view{}, fault.New(fault.Invalid, "state", fault.Sentence(err.Error()))
		}
	}
	if f.Stock && (f.User != "" || f.Held) {
		return view{}, fault.New(fault.Invalid, "stock_and_user", "Tokens in stock have no user.").
			WithHint("Leave one of the two filters out.")
	}
	for _, name := range moreColumns {
		if slices.Contains(q["column"], name) {
			f.Columns = append(f.Columns, name)
		}
	}
	return f, nil
}

// encode gives the view as it stands in the address bar, without what is usual.
func (f view) encode() string {
	q := url.Values{}
	put := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	put("user", f.User)
	put("serial", f.Serial)
	put("type", f.Type)
	put("manufacturer", f.Maker)
	put("batch", f.Batch)
	put("label", f.Label)
	put("q", f.Search)
	put("state", f.State)
	put("at", f.At)
	for name, n := range map[string]int{"unused": f.Unused, "expiring": f.Ending, "size": f.Size} {
		if n > 0 && (name != "size" || n != usualSize || f.Sized) {
			q.Set(name, strconv.Itoa(n))
		}
	}
	for name, yes := range map[string]bool{"locked": f.Locked, "stock": f.Stock, "held": f.Held} {
		if yes {
			q.Set(name, "yes")
		}
	}
	if by := string(f.Sort); f.Desc {
		q.Set("sort", "-"+by)
	} else if f.Sort != store.ByUser {
		q.Set("sort", by)
	}
	if len(f.Columns) > 0 {
		q["column"] = f.Columns
	}
	return q.Encode()
}

// address is the list with this view.
func (f view) address(path string) string {
	if text := f.encode(); text != "" {
		return path + "?" + text
	}
	return path
}

// with gives another view, from its first page on.
func (f view) with(change func(*view)) view {
	f.At = ""
	change(&f)
	return f
}

// filtered says whether the view leaves tokens out.
func (f view) filtered() bool {
	return f.User != "" || f.Serial != "" || f.Type != "" || f.Maker != "" || f.Batch != "" || f.Label != "" ||
		f.Search != "" || f.State != "" || f.Locked || f.Stock || f.Held || f.Unused > 0 || f.Ending > 0
}

// unfiltered is the view with all tokens.
func (f view) unfiltered() view {
	return view{Sort: f.Sort, Desc: f.Desc, Size: f.Size, Sized: f.Sized, Columns: f.Columns}
}

// filter is the view as the engine understands it, of one kind of tokens.
func (c *Console) filter(f view, kind token.Kind) lifecycle.Filter {
	out := lifecycle.Filter{Kind: kind, Type: f.Type, Batch: f.Batch, LabelPart: f.Label, Contains: f.Search,
		Free: f.Stock, Held: f.Held, Expiring: time.Duration(f.Ending) * 24 * time.Hour, Limit: f.Size}
	if part, ok := strings.CutPrefix(f.Serial, "*"); ok {
		out.SerialPart = part
	} else {
		out.SerialPrefix = f.Serial
	}
	if part, ok := strings.CutPrefix(f.User, "*"); ok {
		out.UserPart = part
	} else {
		out.UserPrefix = f.User
	}
	if f.Maker != "" {
		out.Manufacturer = &f.Maker
	}
	if state, err := token.ParseState(f.State); err == nil && f.State != "" {
		out.State = &state
	}
	if f.Locked {
		out.Failures, out.Delayed = c.cfg.Verifier.Holds()
	}
	if f.Unused > 0 {
		out.UnusedSince = c.cfg.Now().Add(-time.Duration(f.Unused) * 24 * time.Hour)
	}
	return out
}
