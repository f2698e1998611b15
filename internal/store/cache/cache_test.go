package cache

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/decide"
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
		c := New(10)
		key := store.Lookup{Serial: "A"}
		generation := c.Now()
		c.Forget(change)
		c.Put(key, store.Found{Candidates: []store.Candidate{candidate(1, "A")}}, generation)
		if _, ok := c.Get(key); ok {
			t.Errorf("a change %s: an old row was put back", name)
		}
		c.Put(key, store.Found{Candidates: []store.Candidate{candidate(1, "A")}}, c.Now())
		if _, ok := c.Get(key); !ok {
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
		c := New(10)
		key := store.Lookup{Serial: "A"}
		c.Put(key, store.Found{Candidates: []store.Candidate{tt.there}}, 0)
		c.Put(key, store.Found{Candidates: []store.Candidate{tt.read}}, 0)
		got, _ := c.Get(key)
		if diff := cmp.Diff([]store.Candidate{tt.want}, got.Candidates); diff != "" {
			t.Errorf("a code %s (-want +got):\n%s", name, diff)
		}
	}
}

// The same holds for a row that is not there any more, or goes with the code: nothing else can
// tell that one which was read before it is behind.
func TestCachePutAfterACodeOfARowThatIsNotThere(t *testing.T) {
	t.Parallel()
	code := decide.Changed{ID: 1, Condition: token.Condition{Next: 6}}
	twinned := code
	twinned.Condition.Shared.Mark = token.Mark(77)
	for name, tt := range map[string]struct {
		there bool
		code  decide.Changed
	}{"pushed out": {false, code}, "with a twin since": {true, twinned}} {
		c := New(10)
		key := store.Lookup{Serial: "A"}
		read := store.Found{Candidates: []store.Candidate{candidate(1, "A")}}
		if tt.there {
			c.Put(key, read, c.Now())
		}
		generation := c.Now()
		c.set(&tt.code)
		c.Put(key, read, generation)
		if f, ok := c.Get(key); ok {
			t.Errorf("%s: an old row was put back: %+v", name, f)
		}
	}
}

// However many lookups there are, what the cache keeps about them is bounded.
func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	const size = 10
	c := New(size)
	for i := range token.ID(1000) {
		serial := fmt.Sprint("S", i)
		for _, l := range []store.Lookup{{Serial: serial}, {Serial: serial, Type: "hotp"}} {
			c.Put(l, store.Found{Candidates: []store.Candidate{candidate(i, serial)}}, c.Now())
		}
		if i%3 == 0 {
			c.Forget(tables.Touched{Names: []string{serial}})
		}
	}
	if c.tokens.Len() > size || c.lookups.Len() > size {
		t.Errorf("%d tokens and %d names are kept by a cache of %d", c.tokens.Len(), c.lookups.Len(), size)
	}
	for i := range 100 {
		l := store.Lookup{Serial: "one", Type: fmt.Sprint(i)}
		c.Put(l, store.Found{Candidates: []store.Candidate{candidate(1, "one")}}, c.Now())
		if _, ok := c.Get(l); !ok {
			t.Error("the last lookup of a name is not kept")
		}
	}
	if hits, _ := c.lookups.Peek("one"); len(hits) > perName {
		t.Errorf("%d lookups of one name are kept", len(hits))
	}
}

func TestCacheKeepsNoAbsence(t *testing.T) {
	t.Parallel()
	c := New(10)
	key := store.Lookup{User: "alice"}
	c.Put(key, store.Found{User: &store.User{ID: 1}}, c.Now())
	if _, ok := c.Get(key); ok {
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
