package console

import (
	"strings"

	"ostiary/internal/core/token"
	"ostiary/internal/doors/look"
)

// shelf is a list of tokens of one kind: its addresses and its words.
type shelf struct {
	kind              token.Kind
	path, filter, csv string
	title, file       string
	lacks             []string // the filters that say nothing about its tokens
}

// shelves are the two lists. A token is in one of them, and its pages are below that one.
var shelves = map[token.Kind]shelf{
	token.Hardware: {token.Hardware, "tokens", "token-filter", "tokens.csv", "Hardware tokens",
		"hardware-tokens.csv", nil},
	token.Software: {token.Software, "software", "software-filter", "software.csv", "Software tokens",
		"software-tokens.csv", []string{"manufacturer", "batch"}},
}

// kind is that of the tokens which the pages of an address are about.
func (v *visit) kind() token.Kind {
	if strings.HasPrefix(v.r.URL.Path, "/"+shelves[token.Software].path) {
		return token.Software
	}
	return token.Hardware
}

// shelf is the list that a page belongs to.
func (v *visit) shelf() shelf { return shelves[v.kind()] }

// link leads to the whole list.
func (s shelf) link(root string) look.Link {
	return look.Link{Label: "All " + strings.ToLower(s.title), Href: root + s.path}
}

// has says whether a filter is of use in the list.
func (s shelf) has(filter string) bool {
	for _, each := range s.lacks {
		if each == filter {
			return false
		}
	}
	return true
}
