package codes

// Compared is with how many codes others were compared so far.
func (e *Engine) Compared() int64 { return e.compared.Load() }
