package tables

import (
	"errors"
	"fmt"
	"slices"

	"ostiary/internal/store"
	"ostiary/internal/store/query"
)

// userRows are the users that a filter's index finds, from FROM on, and their order.
func (r *Reader) userRows(f store.UserFilter) (rows walked, order string) {
	index := UserNames
	var w where
	if f.After != "" {
		w.add("name > ?", f.After)
	}
	order = "name"
	if f.Before != "" {
		w.add("name < ?", f.Before)
		order = "name DESC"
	}
	if f.Failures > 0 {
		index = "user_failing"
		w.add("failures > 0")
	}
	return walked{" FROM \"user\" " + r.dialect.Indexed(index) + w.clause(), w.args}, order
}

// userWhere words what a filter chooses, but for its cursors.
func userWhere(d *Dialect, f store.UserFilter) where {
	w := where{conds: []string{PublishedUser}}
	if f.Failures > 0 {
		w.add("u.failures >= ?", f.Failures)
	}
	if f.Delayed != (store.Span{}) {
		w.add("u.retry_at > ? AND u.retry_at <= ?", query.Millis(f.Delayed.After), query.Millis(f.Delayed.Until))
	}
	if f.WithoutToken {
		w.add("NOT EXISTS (SELECT 1 FROM condition c JOIN import_run r ON r.id = c.run WHERE c.owner = u.id AND " +
			"r.published > 0)")
	}
	w.holds(d, f.Contains, "u.name")
	return w
}

// lookedUsers are the first so many of some rows, as user u.
func (r *Reader) lookedUsers(rows walked, most int) string {
	if r.dialect.Reordered {
		return fmt.Sprintf(" FROM (SELECT *%s LIMIT %d) u", rows.text, most)
	}
	return fmt.Sprintf(" FROM (SELECT id%s LIMIT %d) x %s \"user\" u ON u.id = x.id", rows.text, most, r.dialect.Then)
}

func (r *Reader) FindUsers(f store.UserFilter) (users []store.User, next string, err error) {
	rows, order := r.userRows(f)
	rows.text += " ORDER BY " + order
	w := userWhere(r.dialect, f)
	stmt := "SELECT " + userColumns + r.lookedUsers(rows, r.listed) + w.clause() +
		r.reordered([]string{"u.name"}, f.Before != "")
	users, err = query.All(r.ctx, r.q, ScanUser, fmt.Sprintf("%s LIMIT %d", stmt, f.Limit+1),
		slices.Concat(rows.args, w.args)...)
	switch {
	case err != nil:
		return nil, "", err
	case len(users) > f.Limit:
		users = users[:f.Limit]
		next = users[f.Limit-1].Name
	default:
		next, err = query.One(r.ctx, r.q, query.Value[string], fmt.Sprintf("SELECT name%s LIMIT 1 OFFSET %d", rows.text,
			r.listed-1), rows.args...)
		if errors.Is(err, store.ErrNotFound) {
			err = nil
		}
	}
	if f.Before != "" {
		slices.Reverse(users)
	}
	return users, next, err
}

func (r *Reader) CountUsers(f store.UserFilter) (store.Count, error) {
	f.After, f.Before = "", ""
	rows, _ := r.userRows(f)
	w, most := userWhere(r.dialect, f), countedOf*r.listed
	n, err := r.upTo(store.CountedTo, r.lookedUsers(rows, most)+w.clause(), slices.Concat(rows.args, w.args))
	count := counted(n)
	if err != nil || count.More {
		return count, err
	}
	looked, err := r.upTo(most, rows.text, rows.args)
	count.More = looked > most
	return count, err
}
