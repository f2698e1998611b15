package sqlite

import (
	"slices"
	"sync"

	"ostiary/internal/core/lru"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/decide"
	"ostiary/internal/store/tables"
)

// cache keeps recently used tokens, sealed as they are in the database, so that
// a code can be judged without a query. It only proposes: whatever it says, the
// conditional write decides, and a proposal from an old row comes back Stale.
//
// Two maps: lookups to token numbers, and token numbers to rows. Absence is
// never cached. generation guards against a reader that began before a change
// and would put an old row back after it.
type cache struct {
	mu         sync.Mutex
	tokens     *lru.Cache[token.ID, *store.Candidate]
	lookups    *lru.Cache[lookupKey, found]
	byName     map[string][]lookupKey    // user or serial to the lookups that name it
	twins      map[token.Mark][]token.ID // those of tokens whose secret others hold, too
	generation uint64
}

// lookupKey is a store.Lookup that can be compared.
type lookupKey struct {
	user, serial, typ, manufacturer, keyID string
	anyManufacturer, anyKeyID              bool
}

func keyOf(l store.Lookup) lookupKey {
	k := lookupKey{user: l.User, serial: l.Serial, typ: l.Type, anyManufacturer: true, anyKeyID: true}
	if l.Manufacturer != nil {
		k.manufacturer, k.anyManufacturer = *l.Manufacturer, false
	}
	if l.KeyID != nil {
		k.keyID, k.anyKeyID = *l.KeyID, false
	}
	return k
}

// name is what invalidation goes by: the user or the serial.
func (k lookupKey) name() string {
	if k.user != "" {
		return k.user
	}
	return k.serial
}

type found struct {
	user *store.User
	ids  []token.ID
}

func newCache(size int) *cache {
	c := &cache{byName: map[string][]lookupKey{}, twins: map[token.Mark][]token.ID{}}
	c.tokens = lru.New(size, func(id token.ID, row *store.Candidate) { c.untwin(id, row) })
	c.lookups = lru.New(size, func(key lookupKey, _ found) { c.unname(key) })
	return c
}

func (c *cache) unname(key lookupKey) {
	name := key.name()
	keys := slices.DeleteFunc(c.byName[name], func(k lookupKey) bool { return k == key })
	if len(keys) == 0 {
		delete(c.byName, name)
		return
	}
	c.byName[name] = keys
}

// get returns what a lookup found, and the generation to put under if it is not
// there.
func (c *cache) get(key lookupKey) (f store.Found, generation uint64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	hit, ok := c.lookups.Get(key)
	if !ok {
		return f, c.generation, false
	}
	f.User = hit.user
	f.Candidates = make([]store.Candidate, len(hit.ids))
	for i, id := range hit.ids {
		row, ok := c.tokens.Get(id)
		if !ok {
			return store.Found{}, c.generation, false
		}
		f.Candidates[i] = copied(row)
	}
	return f, c.generation, true
}

// copied is a row that shares nothing with the cache that changes.
func copied(row *store.Candidate) store.Candidate {
	c := *row
	c.Applications = slices.Clone(c.Applications)
	return c
}

// put keeps what a query found, unless anything was invalidated since the
// generation that get returned.
func (c *cache) put(key lookupKey, f store.Found, generation uint64) {
	if len(f.Candidates) == 0 {
		return
	}
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
	if _, there := c.lookups.Peek(key); !there {
		c.byName[key.name()] = append(c.byName[key.name()], key)
	}
	c.lookups.Add(key, hit)
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
func (c *cache) set(changed decide.Changed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	row, ok := c.tokens.Peek(changed.ID)
	if !ok {
		return
	}
	now, cond := &row.Token.Condition, changed.Condition
	if now.Shared.Mark != cond.Shared.Mark { // it got a twin since it was read
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

func (c *cache) forget(t tables.Touched) {
	if len(t.Tokens) == 0 && len(t.Names) == 0 && !t.All {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	if t.All {
		c.tokens.Purge()
		c.lookups.Purge()
		clear(c.byName)
		clear(c.twins)
		return
	}
	for _, id := range t.Tokens {
		c.tokens.Remove(id)
	}
	for _, name := range t.Names {
		for _, key := range slices.Clone(c.byName[name]) {
			c.lookups.Remove(key)
		}
	}
}
