package lru

import (
	"slices"
	"testing"
)

func TestForgetsTheLeastRecentlyUsed(t *testing.T) {
	t.Parallel()
	var gone []string
	c := New(3, func(k string, _ int) { gone = append(gone, k) })
	for i, k := range []string{"a", "b", "c"} {
		c.Add(k, i)
	}
	c.Get("a")    // a is used again
	c.Peek("b")   // b is only looked at
	c.Add("c", 9) // c is replaced, which forgets nothing
	c.Add("d", 3) // and b goes
	if want := []string{"b"}; !slices.Equal(gone, want) {
		t.Fatalf("gone: %v, want %v", gone, want)
	}
	if v, ok := c.Get("c"); !ok || v != 9 {
		t.Errorf("c: %d %v, want its new value 9", v, ok)
	}
	if _, ok := c.Get("b"); ok || c.Len() != 3 {
		t.Errorf("b is still there, or the cache has %d entries", c.Len())
	}
	c.Remove("a")
	c.Remove("nothing")
	c.Purge()
	if want := []string{"b", "a", "d", "c"}; !slices.Equal(gone, want) || c.Len() != 0 {
		t.Errorf("gone: %v, want %v; %d entries", gone, want, c.Len())
	}
	c.Add("e", 1)
	if _, ok := c.Peek("e"); !ok {
		t.Error("a purged cache takes nothing more")
	}
}

func TestHoldsAtLeastOne(t *testing.T) {
	t.Parallel()
	c := New[int, int](0, nil)
	c.Add(1, 1)
	c.Add(2, 2)
	if _, ok := c.Get(2); !ok || c.Len() != 1 {
		t.Errorf("a cache of no size holds %d entries, and 2: %v", c.Len(), ok)
	}
}
