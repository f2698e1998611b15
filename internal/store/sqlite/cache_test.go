package sqlite

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/tables"
)

func candidate(id token.ID, serial string) store.Candidate {
	return store.Candidate{Token: token.Token{ID: id, Identity: token.Identity{Serial: serial}}}
}

// A reader that began before a change must not put an old row back after it.
func TestCachePutAfterAChange(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]tables.Touched{
		"of the token": {Tokens: []token.ID{1}},
		"of the name":  {Names: []string{"A"}},
		"of all":       {All: true},
	} {
		c := newCache(10)
		key := keyOf(store.Lookup{Serial: "A"})
		_, generation, ok := c.get(key)
		if ok {
			t.Fatal("found in an empty cache")
		}
		c.forget(change)
		c.put(key, store.Found{Candidates: []store.Candidate{candidate(1, "A")}}, generation)
		if _, generation, ok = c.get(key); ok {
			t.Errorf("a change %s: an old row was put back", name)
		}
		c.put(key, store.Found{Candidates: []store.Candidate{candidate(1, "A")}}, generation)
		if _, _, ok = c.get(key); !ok {
			t.Errorf("a change %s: nothing is kept after it", name)
		}
	}
}

// A row that was read before a code was accepted must not be put back after it,
// whichever key of the token the code was of.
func TestCachePutAfterACode(t *testing.T) {
	t.Parallel()
	row := func(next, application uint64) store.Candidate {
		c := candidate(1, "A")
		c.Token.Condition.Next = next
		c.Applications = []store.Application{{Index: 2, Next: 7}, {Index: 4, Next: application}}
		return c
	}
	for name, tt := range map[string]struct{ there, read, want store.Candidate }{
		"of the token":                       {row(6, 10), row(5, 10), row(6, 10)},
		"of an application":                  {row(5, 11), row(5, 10), row(5, 11)},
		"of an application, read before":     {row(5, 10), row(5, 11), row(5, 11)},
		"of the token, read before":          {row(5, 10), row(6, 10), row(6, 10)},
		"of the token as it was without any": {candidate(1, "A"), row(5, 10), row(5, 10)},
	} {
		c := newCache(10)
		key := keyOf(store.Lookup{Serial: "A"})
		c.put(key, store.Found{Candidates: []store.Candidate{tt.there}}, 0)
		c.put(key, store.Found{Candidates: []store.Candidate{tt.read}}, 0)
		got, _, _ := c.get(key)
		if diff := cmp.Diff([]store.Candidate{tt.want}, got.Candidates); diff != "" {
			t.Errorf("a code %s (-want +got):\n%s", name, diff)
		}
	}
}

// However many lookups there are, what the cache keeps about them is bounded.
func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	const size = 10
	c := newCache(size)
	for i := range token.ID(1000) {
		serial := fmt.Sprint("S", i)
		for _, l := range []store.Lookup{{Serial: serial}, {Serial: serial, Type: "hotp"}} {
			_, generation, _ := c.get(keyOf(l))
			c.put(keyOf(l), store.Found{Candidates: []store.Candidate{candidate(i, serial)}}, generation)
		}
		if i%3 == 0 {
			c.forget(tables.Touched{Names: []string{serial}})
		}
	}
	names := 0
	for _, keys := range c.byName {
		names += len(keys)
	}
	if c.tokens.Len() > size || c.lookups.Len() > size || names != c.lookups.Len() {
		t.Errorf("%d tokens, %d lookups, %d names of lookups are kept by a cache of %d", c.tokens.Len(),
			c.lookups.Len(), names, size)
	}
}

func TestCacheKeepsNoAbsence(t *testing.T) {
	t.Parallel()
	c := newCache(10)
	key := keyOf(store.Lookup{User: "alice"})
	_, generation, _ := c.get(key)
	c.put(key, store.Found{User: &store.User{ID: 1}}, generation)
	if _, _, ok := c.get(key); ok {
		t.Error("a lookup that found no token was kept")
	}
}

// Lookups that differ in any part are different lookups.
func TestLookupKeys(t *testing.T) {
	t.Parallel()
	empty, some := "", "x"
	seen := map[lookupKey]store.Lookup{}
	for _, l := range []store.Lookup{
		{}, {User: "x"}, {Serial: "x"}, {Serial: "x", Type: "x"}, {Serial: "x", Manufacturer: &empty},
		{Serial: "x", Manufacturer: &some},
		{Serial: "x", KeyID: &empty}, {Serial: "x", KeyID: &some}, {Serial: "x", KeyID: &some, Manufacturer: &empty},
	} {
		if before, ok := seen[keyOf(l)]; ok {
			t.Errorf("%+v and %+v have one key", before, l)
		}
		seen[keyOf(l)] = l
	}
}
