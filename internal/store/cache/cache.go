// Package cache keeps what lookups of codes found, for whichever database there is, so that a
// code can be judged without a query. It only proposes: whatever it says, the conditional
// write decides, and a proposal from an old row comes back Stale.
//
// Names is what a database has. Its parts are Caches: two maps, names to the lookups that
// name them, and token numbers to rows, sealed as they are in the database. Absence is
// never cached. generation guards against a reader that began before a change and would put
// an old row back after it.
//
// A database that others change besides this program starts anew with all of it (Forget) when
// it learns of a change. What was judged by what was kept before bears its number (store.Found).
package cache

import (
	"slices"
	"sync"

	"ostiary/internal/core/lru"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/decide"
	"ostiary/internal/store/tables"
)

// Cache keeps recently used tokens. It is safe for concurrent use.
type Cache struct {
	mu         sync.Mutex
	size       int // of tokens, and of names
	tokens     *lru.Cache[token.ID, *store.Candidate]
	lookups    *lru.Cache[string, []found]
	twins      map[token.Mark][]token.ID // those of tokens whose secret others hold, too
	generation uint64
	anew       uint64 // how often all was forgotten
}

// lookupKey is a store.Lookup that can be compared. Invalidation goes by the name.
type lookupKey struct {
	name   string // of the user, or the serial
	byUser bool
	narrowing
}

// narrowing is what narrows a lookup.
type narrowing struct {
	typ, manufacturer, keyID  string
	anyManufacturer, anyKeyID bool
}

var notNarrowed = narrowing{anyManufacturer: true, anyKeyID: true}

func keyOf(l store.Lookup) lookupKey {
	k := lookupKey{name: l.Serial, narrowing: notNarrowed}
	if l.User != "" {
		k.name, k.byUser = l.User, true
	}
	k.typ = l.Type
	if l.Manufacturer != nil {
		k.manufacturer, k.anyManufacturer = *l.Manufacturer, false
	}
	if l.KeyID != nil {
		k.keyID, k.anyKeyID = *l.KeyID, false
	}
	return k
}

// found is what a lookup found.
type found struct {
	user     *store.User // nil if the name is a serial
	narrowed *narrowing  // nil if it is not
	ids      []token.ID
}

// perName bounds how many lookups of one name are kept, of which nearly always there is one.
const perName = 4

func (f *found) by(key *lookupKey) bool {
	if (f.user != nil) != key.byUser {
		return false
	}
	if f.narrowed == nil {
		return key.narrowing == notNarrowed
	}
	return *f.narrowed == key.narrowing
}

// New makes a cache of so many tokens and names.
func New(size int) *Cache {
	c := &Cache{size: size, twins: map[token.Mark][]token.ID{}}
	c.tokens = lru.New(size, func(id token.ID, row *store.Candidate) { c.untwin(id, row) })
	c.lookups = lru.New[string, []found](size, nil)
	return c
}

// Get returns what a lookup found.
func (c *Cache) Get(l store.Lookup) (f store.Found, ok bool) {
	key := keyOf(l)
	c.mu.Lock()
	defer c.mu.Unlock()
	hits, _ := c.lookups.Get(key.name)
	at := slices.IndexFunc(hits, func(f found) bool { return f.by(&key) })
	if at < 0 {
		return f, false
	}
	hit := &hits[at]
	f.User, f.Kept = hit.user, c.anew+1
	f.Candidates = make([]store.Candidate, len(hit.ids))
	for i, id := range hit.ids {
		row, ok := c.tokens.Get(id)
		if !ok {
			return store.Found{}, false
		}
		f.Candidates[i] = copied(row)
	}
	return f, true
}

// Kept is the number of what is kept now (store.Found).
func (c *Cache) Kept() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.anew + 1
}

// Has reports whether a lookup is kept. It does not count as use.
func (c *Cache) Has(l store.Lookup) bool {
	key := keyOf(l)
	c.mu.Lock()
	defer c.mu.Unlock()
	hits, _ := c.lookups.Peek(key.name)
	return slices.ContainsFunc(hits, func(f found) bool { return f.by(&key) })
}

// HasRoom reports whether so many more tokens and lookups push nothing out.
func (c *Cache) HasRoom(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.len()+n <= c.size
}

// Len is how many tokens are kept, or lookups, if they are more.
func (c *Cache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.len()
}

func (c *Cache) len() int { return max(c.tokens.Len(), c.lookups.Len()) }

// TestOnlyHold has everybody who comes to the cache wait until release.
func (c *Cache) TestOnlyHold() (release func()) {
	c.mu.Lock()
	return c.mu.Unlock
}

// Now gives the generation under which to put what is read after it.
func (c *Cache) Now() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.generation
}

// copied is a row that shares nothing with the cache that changes.
func copied(row *store.Candidate) store.Candidate {
	c := *row
	c.Applications = slices.Clone(c.Applications)
	return c
}

// Put keeps what a query found, unless anything was invalidated since the
// generation that there was before it.
func (c *Cache) Put(l store.Lookup, f store.Found, generation uint64) {
	if len(f.Candidates) == 0 {
		return
	}
	key := keyOf(l)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation != generation {
		return
	}
	hit := found{user: f.User, ids: make([]token.ID, len(f.Candidates))}
	for i := range f.Candidates {
		row := copied(&f.Candidates[i])
		hit.ids[i] = row.Token.ID
		// A code may have been accepted since the query, and the row is further on.
		if there, ok := c.tokens.Peek(row.Token.ID); ok && ahead(there, &row) {
			continue
		}
		c.add(&row)
	}
	if n := key.narrowing; n != notNarrowed {
		hit.narrowed = &n
	}
	hits, _ := c.lookups.Peek(key.name)
	hits = slices.DeleteFunc(hits, func(f found) bool { return f.by(&key) })
	c.lookups.Add(key.name, append(hits[max(0, len(hits)+1-perName):], hit))
}

// ahead reports whether one row of a token has used a counter that the other has
// not. The applications of both are the same, or the row would be forgotten.
func ahead(one, other *store.Candidate) bool {
	if one.Token.Condition.Next > other.Token.Condition.Next {
		return true
	}
	for i := range min(len(one.Applications), len(other.Applications)) {
		if one.Applications[i].Next > other.Applications[i].Next {
			return true
		}
	}
	return false
}

// set brings what a code changes up to date after a commit. The rest of the
// condition stays: an administrator's change invalidates the row anyway.
func (c *Cache) set(changed *decide.Changed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	row, ok := c.tokens.Peek(changed.ID)
	if !ok {
		c.generation++ // put has no row to tell that one which was read before is behind
		return
	}
	now, cond := &row.Token.Condition, &changed.Condition
	if now.Shared.Mark != cond.Shared.Mark { // it got a twin since it was read
		c.generation++
		c.tokens.Remove(changed.ID)
		return
	}
	now.Shared = cond.Shared
	now.Next, now.Drift, now.Failures, now.RetryAt = cond.Next, cond.Drift, cond.Failures, cond.RetryAt
	now.LastUsed = cond.LastUsed
	if cond.Failures > 0 {
		c.generation++ // a reader that began before must not put the row back without them
	}
	if changed.Application == 0 {
		return
	}
	for i := range row.Applications {
		if app := &row.Applications[i]; app.Index == changed.Application {
			app.Next, app.Drift = changed.Next, changed.Drift
		}
	}
}

// Follow brings what a batch has changed up to date after its commit: the failures of users,
// by name, and tokens.
func (c *Cache) Follow(users []string, changed []decide.Changed) {
	c.Forget(tables.Touched{Names: users})
	for i := range changed {
		c.raise(&changed[i])
		if changed[i].Proven {
			c.Forget(tables.Touched{Tokens: []token.ID{changed[i].ID}})
			continue
		}
		c.set(&changed[i])
	}
}

// Forget forgets what a change has touched.
func (c *Cache) Forget(t tables.Touched) {
	if len(t.Tokens) == 0 && len(t.Names) == 0 && !t.All {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	if t.All {
		c.anew++
		c.tokens.Purge()
		c.lookups.Purge()
		clear(c.twins)
		return
	}
	for _, id := range t.Tokens {
		c.tokens.Remove(id)
	}
	for _, name := range t.Names {
		c.lookups.Remove(name)
	}
}
