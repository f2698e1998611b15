package codes

// NobodysSearches is how often a code was searched for under a key of nobody's.
func (e *Engine) NobodysSearches() int64 { return e.decoy.searched.Load() }

// RememberClients bounds how many names of each kind are remembered, and clients of each.
// It forgets those of before.
func (e *Engine) RememberClients(names, each int) { e.shares = newShares(e.policy, names, each) }
