package codes

// RememberClients bounds how many names of each kind are remembered, and clients of each.
// It forgets those of before.
func (e *Engine) RememberClients(names, each int) { e.shares = newShares(e.policy, names, each) }

// Compared is with how many codes others were compared so far.
func (e *Engine) Compared() int64 { return e.compared.Load() }
