package ledger

import (
	"context"
	"encoding/json"
	"slices"

	"ostiary/internal/core/audit"
	"ostiary/internal/store"
)

// maxFormer bounds how many former names of a user are looked for.
const maxFormer = 20

// FormerNames gives the names that a user had before, the last one first, as far as the
// entries that are not archived tell: under these are the user's older entries. name is
// that of a user whom there is.
func (l *Ledger) FormerNames(ctx context.Context, name string) (former []string, err error) {
	err = l.db.Browse(ctx, func(r store.Reader) error {
		former = nil
		for before := int64(0); len(former) < maxFormer; {
			from, at, err := renamed(r, repaired(name), before)
			if err != nil || from == "" {
				return err
			}
			if !slices.Contains(former, from) {
				former = append(former, from)
			}
			name, before = from, at
		}
		return nil
	})
	return former, err
}

// renamed finds the last entry before a place by which somebody got a name, and gives
// the name of before, if the user was not made with this one.
func renamed(r store.Reader, name string, before int64) (from string, at int64, err error) {
	from, at, err = lastOf(r, audit.UserRenamed, name, before)
	if err != nil || from == "" {
		return "", 0, err
	}
	for _, made := range []audit.Action{audit.UserAdded, audit.UserStaged} {
		if _, began, err := lastOf(r, made, name, before); err != nil || began > at {
			return "", 0, err // another user had the name before
		}
	}
	return from, at, nil
}

// lastOf finds the last entry before a place (0: all) by which somebody got a name, and
// whom it is about; nobody if there is none.
func lastOf(r store.Reader, action audit.Action, name string, before int64) (user string, at int64, err error) {
	for {
		rows, next, err := r.FindAudit(audit.Filter{User: name, Action: action}, before, 10)
		if err != nil {
			return "", 0, err
		}
		for _, row := range rows {
			var e struct {
				Subject struct{ User string }
				After   struct{ User string }
			}
			if err := json.Unmarshal(row.Entry, &e); err != nil {
				return "", 0, err
			}
			if action != audit.UserRenamed || e.After.User == name {
				return e.Subject.User, row.Seq, nil
			}
		}
		if next == 0 {
			return "", 0, nil
		}
		before = next
	}
}
