package users

import "ostiary/internal/store"

// Around gives the cursors of the pages behind and before one: After and Before of the
// filters for them.
func Around(page []store.User, on string, f store.UserFilter) (next, previous *string) {
	if on != "" {
		next = &on
	}
	switch {
	case f.After == "" && f.Before == "":
	case len(page) > 0 && f.Before == "":
		previous = &page[0].Name
	case len(page) > 0:
		previous = &page[len(page)-1].Name
	case on != "": // nobody matched of all who were looked at, also the last
		previous = &on
	case f.Before == "":
		previous = new(f.After + "\x01") // the user of that name, too: no name has such a character
	}
	if f.Before != "" {
		next, previous = previous, next
	}
	return next, previous
}
