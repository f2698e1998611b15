// Package lru is a map of bounded size that forgets what was not used for the
// longest time. It is not safe for concurrent use: its users have a lock anyway.
package lru

import "container/list"

// Cache maps keys to values.
type Cache[K comparable, V any] struct {
	size    int
	entries map[K]*list.Element
	recent  *list.List // of entry[K, V], the most recently used first
	forget  func(K, V)
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

// New makes a cache of at most size entries, at least one. forget, if not nil,
// is told of every entry that leaves other than by being replaced.
func New[K comparable, V any](size int, forget func(K, V)) *Cache[K, V] {
	return &Cache[K, V]{size: max(size, 1), entries: map[K]*list.Element{}, recent: list.New(), forget: forget}
}

// Get gives the value of a key and counts as use.
func (c *Cache[K, V]) Get(key K) (value V, ok bool) {
	e, ok := c.entries[key]
	if !ok {
		return value, false
	}
	c.recent.MoveToFront(e)
	return e.Value.(*entry[K, V]).value, true
}

// Peek gives the value of a key and does not count as use.
func (c *Cache[K, V]) Peek(key K) (value V, ok bool) {
	e, ok := c.entries[key]
	if !ok {
		return value, false
	}
	return e.Value.(*entry[K, V]).value, true
}

// Add puts a value, in place of the one before.
func (c *Cache[K, V]) Add(key K, value V) {
	if e, ok := c.entries[key]; ok {
		e.Value.(*entry[K, V]).value = value
		c.recent.MoveToFront(e)
		return
	}
	if len(c.entries) == c.size {
		c.remove(c.recent.Back())
	}
	c.entries[key] = c.recent.PushFront(&entry[K, V]{key, value})
}

// Remove forgets a key.
func (c *Cache[K, V]) Remove(key K) {
	if e, ok := c.entries[key]; ok {
		c.remove(e)
	}
}

// Purge forgets everything.
func (c *Cache[K, V]) Purge() {
	for c.recent.Len() > 0 {
		c.remove(c.recent.Back())
	}
}

// Len is the number of entries.
func (c *Cache[K, V]) Len() int { return len(c.entries) }

func (c *Cache[K, V]) remove(e *list.Element) {
	kept := c.recent.Remove(e).(*entry[K, V])
	delete(c.entries, kept.key)
	if c.forget != nil {
		c.forget(kept.key, kept.value)
	}
}
