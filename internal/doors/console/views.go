package console

import (
	"net/http"
	"net/url"
	"strings"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/doors/look"
	"ostiary/internal/store"
)

// An administrator keeps views of a list under names, and the columns and the size with which
// it opens (store.View). The address bar holds the view all the same: an address that names
// neither columns nor size leads to one with the kept ones, and all others mean the same to
// everybody.

// tokenList is the name of the list of hardware tokens.
const tokenList = "tokens"

func (c *Console) viewPages() []page {
	return []page{
		{"GET /token-views", authz.TokenView, "list-views", func(v *visit) { v.showViews(nil, http.StatusOK) }},
		{"POST /token-views", authz.TokenView, "keep-view", (*visit).keepView},
		{"POST /token-views/remove", authz.TokenView, "remove-view", (*visit).removeView},
	}
}

// told are the parts of an address that say what was done, and belong to no view.
var told = []string{"did", "of", "was", "until"}

// usual gives the columns and the size with which the list opens, if any are kept.
func (v *visit) usual() (own url.Values, err error) {
	all, err := v.cfg.Accounts.Views(v.r.Context(), v.session, tokenList)
	if err != nil || len(all) == 0 || all[0].Name != "" {
		return nil, err
	}
	kept, err := url.ParseQuery(all[0].Query)
	if err != nil {
		return nil, nil //nolint:nilerr,nilnil // kept by a version with other views: none is usual
	}
	return url.Values{"column": kept["column"], "size": kept["size"]}, nil
}

// viewsPage is the page of the views that are kept.
type viewsPage struct {
	Errors *look.Errors
	Views  []look.Link
	Name   look.Field
	View   string // that it was opened from
	Usual  bool   // the list opens in a way of its own
	Action string
	Remove string
	Close  string
}

func (v *visit) showViews(e *look.Errors, status int) {
	f, err := v.viewOfForm()
	if err != nil {
		v.fail(err)
		return
	}
	all, err := v.cfg.Accounts.Views(v.r.Context(), v.session, tokenList)
	if err != nil {
		v.fail(err)
		return
	}
	p := viewsPage{Errors: e, View: f.encode(), Action: v.root() + "token-views", Remove: v.root() + "token-views/remove",
		Close: v.at(f, "tokens"), Name: look.Field{ID: "name", Label: "Name of this view", Value: v.r.FormValue("name"),
			Max: 64, Required: true}}
	for _, each := range all {
		q, err := url.ParseQuery(each.Query)
		switch {
		case each.Name == "":
			p.Usual = true
		case err == nil:
			p.Views = append(p.Views, look.Link{Label: each.Name, Href: v.root() + "tokens?" + q.Encode()})
		}
	}
	v.show(look.Page{Name: "views", Status: status, Title: "Views", Dialog: true, Failed: e != nil, Body: p})
}

// viewOfForm is the view that the page was opened from, from its first page on.
func (v *visit) viewOfForm() (f view, err error) {
	q := v.r.URL.Query()
	if v.r.Method == http.MethodPost {
		if q, err = url.ParseQuery(v.r.PostForm.Get("view")); err != nil {
			return f, fault.New(fault.Invalid, "view", "The view cannot be read.")
		}
	}
	f, err = readView(q)
	f.Sized = true // so that it means the same to everybody
	return f.with(func(*view) {}), err
}

func (v *visit) keepView() {
	f, err := v.viewOfForm()
	name := v.posted("name")
	switch usual := v.r.PostForm.Has("usual"); {
	case err != nil:
	case usual:
		name, f = "", view{Sort: store.ByUser, Columns: f.Columns, Size: f.Size, Sized: true}
	case name == "":
		err = fault.New(fault.Invalid, "view", "Enter a name for the view.")
	}
	if err == nil {
		err = v.cfg.Accounts.KeepView(v.r.Context(), v.session, store.View{List: tokenList, Name: name, Query: f.encode()})
	}
	if err != nil {
		e, status := v.wrong(err, "name")
		v.showViews(&e, status)
		return
	}
	v.toList()
}

func (v *visit) removeView() {
	if err := v.cfg.Accounts.RemoveView(v.r.Context(), v.session, tokenList, v.r.PostForm.Get("name")); err != nil {
		v.fail(err)
		return
	}
	v.toList()
}

// toList leads to the list with the view that a form was opened from.
func (v *visit) toList() {
	q, err := url.ParseQuery(v.r.PostForm.Get("view"))
	if v.r.PostForm.Has("reset") {
		q.Del("column")
		q.Del("size")
	}
	if err != nil || len(q) == 0 {
		v.lead("tokens")
		return
	}
	v.lead(strings.TrimSuffix("tokens?"+q.Encode(), "?"))
}
