package credentials

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"ostiary/internal/core/fault"
	"ostiary/internal/core/printable"
	"ostiary/internal/store"
)

// Views of lists are kept for the administrator of a session. They are not in the log: they
// change nothing but what that administrator sees.

const (
	maxViews     = 50 // of one list
	maxViewList  = 32 // bytes, as the two below
	maxViewName  = 64
	maxViewQuery = 4096
)

// Views lists what the administrator of a session has kept of a list, by name.
func (a *Accounts) Views(ctx context.Context, s Session, list string) (all []store.View, err error) {
	if err := s.Opens(); err != nil {
		return nil, err
	}
	err = a.db.View(ctx, func(r store.Reader) error {
		all, err = r.Views(s.row.Admin, list)
		return err
	})
	return all, err
}

// KeepView keeps a view of a list for the administrator of a session, in the place of the one
// of its name. One without a name is how the list opens.
func (a *Accounts) KeepView(ctx context.Context, s Session, v store.View) error {
	for _, part := range []struct {
		what, text string
		most       int
	}{{"name of a view", v.Name, maxViewName}, {"name of a list", v.List, maxViewList}, {"view", v.Query, maxViewQuery}} {
		if bad := printable.Check(part.text, part.most); part.text != "" && bad != "" {
			return fault.New(fault.Invalid, "view", fmt.Sprintf("The %s is refused: %s.", part.what, bad))
		}
	}
	if v.List == "" {
		return fault.New(fault.Invalid, "view", "The list is not named.")
	}
	if err := s.Opens(); err != nil {
		return err
	}
	v.Admin = s.row.Admin
	return a.db.Update(ctx, func(tx store.Tx) error {
		all, err := tx.Views(v.Admin, v.List)
		if err != nil {
			return err
		}
		known := false
		for _, each := range all {
			known = known || each.Name == v.Name
		}
		if !known && len(all) >= maxViews {
			return fault.New(fault.Conflict, "too_many_views", "At most "+strconv.Itoa(maxViews)+" views of a list are kept.").
				WithHint("Remove one first.")
		}
		return tx.KeepView(v)
	})
}

// RemoveView removes a view that the administrator of a session has kept.
func (a *Accounts) RemoveView(ctx context.Context, s Session, list, name string) error {
	if err := s.Opens(); err != nil {
		return err
	}
	err := a.db.Update(ctx, func(tx store.Tx) error { return tx.RemoveView(s.row.Admin, list, name) })
	if errors.Is(err, store.ErrConflict) {
		err = fault.New(fault.NotFound, "view_not_found", "There is no such view.").Because(err)
	}
	return err
}
