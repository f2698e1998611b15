// Package lru is a map of bounded size that forgets what was not used for the
// longest time. It is not safe for concurrent use: its users have a lock anyway.
package lru

// Cache maps keys to values.
type Cache[K comparable, V any] struct {
	size    int
	entries map[K]*entry[K, V]
	ring    entry[K, V] // of all: behind it the most recently used, before it the one to forget
	forget  func(K, V)
}

type entry[K comparable, V any] struct {
	key          K
	value        V
	before, next *entry[K, V]
}

// New makes a cache of at most size entries, at least one. forget, if not nil,
// is told of every entry that leaves other than by being replaced.
func New[K comparable, V any](size int, forget func(K, V)) *Cache[K, V] {
	c := &Cache[K, V]{size: max(size, 1), entries: map[K]*entry[K, V]{}, forget: forget}
	c.ring.before, c.ring.next = &c.ring, &c.ring
	return c
}

// Get gives the value of a key and counts as use.
func (c *Cache[K, V]) Get(key K) (value V, ok bool) {
	e, ok := c.entries[key]
	if !ok {
		return value, false
	}
	c.used(e)
	return e.value, true
}

// Peek gives the value of a key and does not count as use.
func (c *Cache[K, V]) Peek(key K) (value V, ok bool) {
	e, ok := c.entries[key]
	if !ok {
		return value, false
	}
	return e.value, true
}

// Add puts a value, in place of the one before.
func (c *Cache[K, V]) Add(key K, value V) {
	if e, ok := c.entries[key]; ok {
		e.value = value
		c.used(e)
		return
	}
	if len(c.entries) == c.size {
		c.remove(c.ring.before)
	}
	e := &entry[K, V]{key: key, value: value}
	c.entries[key] = e
	c.insert(e)
}

// Remove forgets a key.
func (c *Cache[K, V]) Remove(key K) {
	if e, ok := c.entries[key]; ok {
		c.remove(e)
	}
}

// Purge forgets everything.
func (c *Cache[K, V]) Purge() {
	for len(c.entries) > 0 {
		c.remove(c.ring.before)
	}
}

// Len is the number of entries.
func (c *Cache[K, V]) Len() int { return len(c.entries) }

func (c *Cache[K, V]) remove(e *entry[K, V]) {
	e.takeOut()
	delete(c.entries, e.key)
	if c.forget != nil {
		c.forget(e.key, e.value)
	}
}

// used makes an entry the most recently used one.
func (c *Cache[K, V]) used(e *entry[K, V]) {
	if c.ring.next != e {
		e.takeOut()
		c.insert(e)
	}
}

func (c *Cache[K, V]) insert(e *entry[K, V]) {
	e.before, e.next = &c.ring, c.ring.next
	e.before.next, e.next.before = e, e
}

func (e *entry[K, V]) takeOut() { e.before.next, e.next.before = e.next, e.before }
