package lifecycle_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ostiary/internal/core/token"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/store"
)

// A cursor leads to where the page ended, in the order it was of, and to no other.
func TestCursors(t *testing.T) {
	t.Parallel()
	at := func(id token.ID, serial string) token.Token {
		return token.Token{ID: id, OwnerName: "user" + serial, Identity: token.Identity{Serial: serial, Type: "hotp",
			Manufacturer: "ACME", KeyID: "1"}}
	}
	page := []token.Token{at(7, "A"), at(8, "B"), at(9, "C")}
	for _, o := range []store.TokenOrder{{By: store.ByArrival}, {By: store.BySerial, Desc: true}, {By: store.ByUser}} {
		next, previous := lifecycle.Around(page, nil, o)
		if next != nil || previous != nil {
			t.Errorf("%s: the only page has cursors %v, %v", o.By, next, previous)
		}
		on := store.PlaceOf(page[2], o.By)
		on.At = time.UnixMilli(1_700_000_000_123)
		if next, previous = lifecycle.Around(page, &on, o); next == nil || previous != nil {
			t.Fatalf("%s: the first page has cursors %v, %v", o.By, next, previous)
		}
		second, err := lifecycle.Continue(*next, o)
		if diff := cmp.Diff(&on, second.After); err != nil || second.Back || diff != "" {
			t.Errorf("%s: %v, back %t (-want +got)\n%s", o.By, err, second.Back, diff)
		}
		// From the last page one leads back, before its first token.
		if next, previous = lifecycle.Around(page, nil, second); next != nil || previous == nil {
			t.Fatalf("%s: the last page has cursors %v, %v", o.By, next, previous)
		}
		back, err := lifecycle.Continue(*previous, o)
		if want := store.PlaceOf(page[0], o.By); err != nil || !back.Back || !cmp.Equal(&want, back.After) {
			t.Errorf("%s: back at %+v, %v", o.By, back.After, err)
		}
		// An empty page leads back to what it was behind.
		_, previous = lifecycle.Around(nil, nil, second)
		if back, err = lifecycle.Continue(*previous, o); err != nil || !back.After.Itself {
			t.Errorf("%s: back from nothing at %+v, %v", o.By, back.After, err)
		}
		other := o
		other.Desc = !o.Desc
		for text, o := range map[string]store.TokenOrder{*ahead(page, on, o): other, "e30": o, "%": o,
			*previous + "A": o} {
			if _, err := lifecycle.Continue(text, o); err == nil {
				t.Errorf("%s: cursor %q was taken for desc %t", o.By, text, o.Desc)
			}
		}
	}
	if o, err := lifecycle.Continue("", store.TokenOrder{By: store.BySerial}); err != nil || o.After != nil {
		t.Errorf("no cursor: %+v, %v", o, err)
	}
}

func ahead(page []token.Token, on store.TokenPlace, o store.TokenOrder) *string {
	next, _ := lifecycle.Around(page, &on, o)
	return next
}
