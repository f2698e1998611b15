package console

import "ostiary/internal/core/authz"

// PageOf is a row of the table, for tests.
type PageOf struct {
	Pattern string
	Needs   authz.Operation
	Rest    string
}

// Table gives all pages.
func Table() (all []PageOf) {
	for _, p := range (&Console{}).pages() {
		all = append(all, PageOf{p.pattern, p.needs, p.rest})
	}
	return all
}
