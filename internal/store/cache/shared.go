package cache

import (
	"slices"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/decide"
)

// raise puts the floor that a code has moved into all cached tokens of the secret.
func (c *Cache) raise(changed *decide.Changed) {
	shared := &changed.Condition.Shared
	if shared.Mark == 0 || changed.Advanced == (token.Spec{}) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range c.twins[shared.Mark] {
		row, ok := c.tokens.Peek(id)
		if !ok || row.Token.Spec.Timed() != changed.Advanced.Timed() {
			continue
		}
		if now := &row.Token.Condition; now.Shared.Floor < shared.Floor {
			now.Shared.Floor = shared.Floor
			now.Next = max(now.Next, row.Token.Spec.First(shared.Floor))
		}
	}
}

// add keeps a row, and whose secret it shares.
func (c *Cache) add(row *store.Candidate) {
	id := row.Token.ID
	if before, ok := c.tokens.Peek(id); ok {
		c.untwin(id, before)
	}
	c.tokens.Add(id, row)
	if mark := row.Token.Condition.Shared.Mark; mark != 0 {
		c.twins[mark] = append(c.twins[mark], id)
	}
}

// untwin forgets whose secret a row shares.
func (c *Cache) untwin(id token.ID, row *store.Candidate) {
	mark := row.Token.Condition.Shared.Mark
	if mark == 0 {
		return
	}
	ids := slices.DeleteFunc(c.twins[mark], func(other token.ID) bool { return other == id })
	if len(ids) == 0 {
		delete(c.twins, mark)
		return
	}
	c.twins[mark] = ids
}
