package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/doors/look"
	"ostiary/internal/engine/users"
	"ostiary/internal/store"
)

func (c *Console) userPages() []page {
	return []page{
		{"GET /users", authz.UserView, "list-users", (*visit).users},
		{"GET /user-new", authz.UserManage, "add-user", func(v *visit) { v.showNewUser(nil, http.StatusOK) }},
		{"POST /user-new", authz.UserManage, "add-user", (*visit).addUser},
	}
}

// userList is the page of users.
type userList struct {
	Done     *look.Note
	Count    string
	Search   string
	Action   string // where the search goes
	New      string // empty for who may add nobody
	Rows     []userRow
	Next     string
	Previous string
	First    string
	Empty    *look.Empty
}

type userRow struct {
	Name, Page, Tokens, Badge string
	Failures                  int
	Created                   moment
}

func (v *visit) users() {
	q := v.r.URL.Query()
	f := store.UserFilter{Contains: strings.TrimSpace(q.Get("q")), After: q.Get("after"), Before: q.Get("before"),
		Limit: usualSize}
	if len(f.Contains) > 1024 || len(f.After)+len(f.Before) > 4096 || f.After != "" && f.Before != "" {
		v.fail(fault.New(fault.Invalid, "filter_too_long", "A filter of users is too long."))
		return
	}
	var found []store.User
	var on string
	var count store.Count
	err := v.cfg.Rest.Turn(v.r.Context(), v.session.Principal, func(ctx context.Context) (err error) {
		if found, on, err = v.cfg.Users.List(ctx, f); err == nil {
			count, err = v.cfg.Users.Count(ctx, store.UserFilter{Contains: f.Contains})
		}
		return err
	})
	if err != nil {
		v.fail(err)
		return
	}
	at := func(name string, place *string) string {
		if place == nil {
			return ""
		}
		to := url.Values{name: {*place}}
		if f.Contains != "" {
			to.Set("q", f.Contains)
		}
		return v.root() + "users?" + to.Encode()
	}
	next, previous := users.Around(found, on, f)
	l := userList{Done: v.gone(), Count: counted(count), Search: f.Contains, Action: v.root() + "users",
		Next: at("after", next), Previous: at("before", previous)}
	if f.After != "" || f.Before != "" {
		l.First = v.root() + "users?" + query("q", f.Contains)
	}
	if v.may(authz.UserManage) {
		l.New = v.root() + "user-new"
	}
	for _, u := range found {
		l.Rows = append(l.Rows, v.userRow(u))
	}
	if len(found) == 0 && next == nil && previous == nil {
		l.Empty = &look.Empty{What: "There are no users yet. A token is assigned to a user."}
		if f.Contains != "" {
			l.Empty = &look.Empty{What: "No user’s name has this text.",
				Action: &look.Link{Label: "Show all users", Href: l.Action}}
		} else if l.New != "" {
			l.Empty.Action = &look.Link{Label: "Add a user", Href: l.New}
		}
	}
	v.show(look.Page{Name: "users", Title: "Users", Body: l})
}

func (v *visit) userRow(u store.User) userRow {
	r := userRow{Name: u.Name, Page: v.userAt(u.Name), Tokens: fmt.Sprint(u.Tokens), Failures: u.Failures,
		Created: at(u.Created)}
	if v.cfg.Verifier.Locked(u.Failures, u.RetryAt) {
		r.Badge = "locked"
	}
	return r
}

func (v *visit) userAt(name string) string { return v.root() + "users/" + url.PathEscape(name) }

func (v *visit) showNewUser(e *look.Errors, status int) {
	v.show(look.Page{Name: "user-new", Status: status, Title: "Add a user", Dialog: true, Failed: e != nil, Body: struct {
		Errors        *look.Errors
		Name          look.Field
		Action, Close string
	}{e, look.Field{ID: "name", Label: "Name", Hint: "As at the login", Value: v.r.PostForm.Get("name"), Max: 128,
		Required: true}, v.root() + "user-new", v.root() + "users"}})
}

func (v *visit) addUser() {
	u, err := v.cfg.Users.Add(v.r.Context(), v.r.PostForm.Get("name"), v.origin())
	if err != nil {
		e, status := v.wrong(err, "name")
		v.showNewUser(&e, status)
		return
	}
	v.lead(strings.TrimPrefix(v.userAt(u.Name), v.root()) + "?done=add")
}
