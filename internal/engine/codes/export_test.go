package codes

// NobodysSearches is how often a code was searched for under a key of nobody's.
func (e *Engine) NobodysSearches() int64 { return e.decoy.searched.Load() }
