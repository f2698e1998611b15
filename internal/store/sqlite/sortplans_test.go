package sqlite

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/tables"
)

// A list that may not sort what it chooses goes by the index of its order, whatever the
// filter: nothing is sorted but the few tokens of one user, and no table is read without
// a bound.
func TestASortedListGoesByTheIndexOfItsOrder(t *testing.T) {
	t.Parallel()
	db := open(t, Config{Listed: 1})
	tokens(t, db, 3)
	valid, lost, acme := token.Valid, token.RevokedLost, "ACME"
	order := map[store.TokenSort]string{store.ByUser: "SCAN u USING INDEX sqlite_autoindex_user_1",
		store.BySerial: "SCAN t USING COVERING INDEX sqlite_autoindex_token_1", store.ByEnd: "condition_ending (not_after>?",
		store.ByArrival: "", store.ByState: "condition_by_state", store.ByType: "token_by_type",
		store.ByManufacturer: "token_by_manufacturer"}
	walks := 0
	for name, f := range map[string]store.TokenFilter{"all": {}, "kind": {Kind: token.Software}, "type": {Type: "hotp"},
		"manufacturer": {Manufacturer: &acme}, "lost": {State: &lost}, "valid": {State: &valid}, "twins": {Twins: true},
		"fenced": {Fenced: true}, "free": {Free: true}, "locked": {Failures: 5}, "run": {Run: 1}, "batch": {Batch: "a"},
		"holding": {Contains: "a"}, "several": {Free: true, Kind: token.Hardware, State: &valid, Contains: "a"},
		"ending": {EndsAfter: time.Unix(1, 0), EndsBy: time.Unix(2, 0)}, "prefix": {SerialPrefix: "a"},
		"owners": {OwnerPrefix: "a"}, "part": {SerialPart: "a", LabelPart: "a", OwnerPart: "a"}, "held": {Held: true},
		"unused": {UnusedSince: time.Unix(1, 0)}, "never used": {NeverUsed: true}} {
		for by, index := range order {
			for _, desc := range []bool{false, true} {
				for _, after := range []*store.TokenPlace{nil, {User: "a", ID: 1, At: time.Unix(1, 0)}, {Last: true, ID: 1}} {
					what := fmt.Sprintf("%s by %s, descending: %t, after %+v", name, by, desc, after)
					f.Limit = 10
					for _, line := range plansOf(t, db, func(r store.Reader) error {
						_, _, err := r.(*tables.Reader).Walk(f, store.TokenOrder{By: by, Desc: desc, After: after})
						return err
					}) {
						if strings.Contains(line, "TEMP B-TREE FOR ORDER BY") ||
							strings.Contains(line, "TEMP B-TREE") && by != store.ByUser {
							t.Errorf("%s: %s", what, line)
						}
						if index != "" && strings.Contains(line, index) {
							walks++
						}
					}
				}
			}
		}
	}
	if walks < 15*3 {
		t.Errorf("only %d walks began by the index of their order", walks)
	}
	// What is counted to know whether it is little is found by an index, too.
	for name, f := range map[string]store.TokenFilter{"free": {Free: true}, "locked": {Failures: 5}} {
		all := strings.Join(plansOf(t, db, func(r store.Reader) error {
			_, err := r.(*tables.Reader).Few(f)
			return err
		}), "\n")
		if want := "condition_" + map[string]string{"free": "free", "locked": "failing"}[name]; !strings.Contains(
			all, want) {
			t.Errorf("%s does not go by %s: %s", name, want, all)
		}
	}
}

// The time of use has no index, so that no code has to write one: what is too much to be
// sorted is refused, and what is little is sorted.
func TestTooManyTokensAreNotSorted(t *testing.T) {
	t.Parallel()
	db := open(t, Config{Listed: 3})
	tokens(t, db, 4)
	for name, c := range map[string]struct {
		f    store.TokenFilter
		want error
	}{"all": {store.TokenFilter{}, store.ErrTooMany}, "those of a serial": {store.TokenFilter{Serial: "x"}, nil},
		"none of a type": {store.TokenFilter{Type: "none"}, nil}} {
		c.f.Limit = 1
		err := db.Browse(t.Context(), func(r store.Reader) error {
			_, _, err := r.SortedTokens(c.f, store.TokenOrder{By: store.ByLastUsed})
			return err
		})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
