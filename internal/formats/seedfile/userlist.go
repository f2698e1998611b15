package seedfile

import (
	"fmt"
	"io"

	"ostiary/pskc"
)

// MaxUsers is how many rows a list of users may have.
const MaxUsers = 100_000

// ListedUser is a row of a list of users.
type ListedUser struct {
	Line int
	Name string // as written
}

// UserList is a list of users.
type UserList struct {
	Users   []ListedUser
	Refused []*pskc.KeyError // rows that make no sense, with line and cell
	// PassedOver are the titles of columns of which nothing is taken.
	PassedOver []string
}

// nameTitles are the titles of a column of names beside those of users in other tables.
var nameTitles = map[string]bool{"name": true, "samaccountname": true, "uid": true}

// ReadUsers reads a table of users, with titles, of which one names the column of user
// names. It holds no keys: a table with secrets is refused. An error is about the file as
// a whole.
func ReadUsers(r io.Reader) (list UserList, err error) {
	data, err := readAll(r)
	if err != nil {
		return list, err
	}
	defer clear(data)
	t := newTable(charsetOf(data).decode(data, false), false)
	first, err := t.next()
	if err != nil || first.bad != "" {
		return list, malformed(t.n, "the titles cannot be read")
	}
	at, width, err := list.readTitles(first)
	if err != nil {
		return list, err
	}
	for {
		r, err := t.next()
		switch {
		case err != nil:
			return list, nil
		case len(list.Users)+len(list.Refused) == MaxUsers:
			return list, &Error{Err: ErrLimit, Text: fmt.Sprintf("the file has more than %d rows", MaxUsers)}
		case r.bad != "":
			list.Refused = append(list.Refused, refuse(r.line, "", "%s", r.bad))
			continue
		}
		if why := beyond(r, width); why != "" {
			list.Refused = append(list.Refused, refuse(r.line, "", "%s", why))
		} else if name := string(r.cell(at)); name == "" {
			list.Refused = append(list.Refused, refuse(r.line, "", "cell %s should contain the user, but is empty",
				r.address(at)))
		} else {
			list.Users = append(list.Users, ListedUser{Line: r.line, Name: name})
		}
	}
}

// readTitles finds the column of names.
func (l *UserList) readTitles(r row) (at, width int, err error) {
	at, width = -1, len(r.cells)
	for width > 0 && len(r.cells[width-1]) == 0 {
		width--
	}
	const hint = "Its first line must have titles, one of them user, name, login, upn, uid or sAMAccountName."
	for i, cell := range r.cells[:width] {
		key := titleKey(cell)
		k, known := titles[key]
		switch {
		case known && k == colSecret:
			return at, width, &Error{Err: ErrMalformed, Line: r.line, Text: "column " + columnName(i) + " holds secrets",
				Hint: "Is it a seed file? Then: ostiary token import FILE --create-users."}
		case !(known && k == colUser) && !nameTitles[key]:
			l.PassedOver = append(l.PassedOver, string(cell))
		case at >= 0:
			return at, width, &Error{Err: ErrMalformed, Line: r.line, Text: fmt.Sprintf("columns %s and %s may both contain "+
				"the names of users", columnName(at), columnName(i)), Hint: "Keep only one of them in the file."}
		default:
			at = i
		}
	}
	if at < 0 {
		err = &Error{Err: ErrMalformed, Line: r.line, Text: "no title says which column holds the names of users",
			Hint: hint}
	}
	return at, width, err
}

// beyond says that a row has a cell that is in no column.
func beyond(r row, width int) string {
	for i := width; i < len(r.cells); i++ {
		if len(r.cells[i]) > 0 {
			return "cell " + r.address(i) + " is outside the columns"
		}
	}
	return ""
}
