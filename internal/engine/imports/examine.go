package imports

import (
	"cmp"
	"slices"
	"strings"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// Examination is what a file holds, as far as can be told without a server.
type Examination struct {
	// Keys counts by what they compute those keys that would be imported, if the
	// database has nothing against them.
	Keys []Group
	// PINs is how many keys are no tokens but the PINs of some.
	PINs int
	// Refused are the others.
	Refused []store.RunRow
}

// Group is how many keys are of one type and compute alike.
type Group struct {
	Type string
	Spec token.Spec
	Keys int
}

// Examine reads a file to its end without a server. If there is an error, which
// says what is wrong with the file as a whole, the examination is of what was read
// before.
func Examine(keys KeySource) (Examination, error) {
	var x Examination
	counts := map[Group]int{}
	err := newMapper(token.Types(), token.MaxDrift).readAll(keys, func(keys []staged) error {
		for _, k := range keys {
			switch {
			case k.row.Outcome == Refused:
				x.Refused = append(x.Refused, k.row)
			case k.isPIN:
				x.PINs++
			default:
				counts[Group{Type: k.row.Type, Spec: k.token.Spec}]++
			}
		}
		return nil
	})
	for g, n := range counts {
		g.Keys = n
		x.Keys = append(x.Keys, g)
	}
	slices.SortFunc(x.Keys, func(a, b Group) int {
		return cmp.Or(strings.Compare(a.Type, b.Type), cmp.Compare(a.Spec.Digits, b.Spec.Digits),
			cmp.Compare(a.Spec.Period, b.Spec.Period),
			strings.Compare(a.Spec.Hash, b.Spec.Hash), strings.Compare(a.Spec.Suite, b.Spec.Suite))
	})
	return x, err
}
