package seedfile

func newDualShield(*job) (parser, error)   { return nil, &Error{Err: ErrUnreadable} }
func newDualShieldV3(*job) (parser, error) { return nil, &Error{Err: ErrUnreadable} }
func newSafeNet(*job) (parser, error)      { return nil, &Error{Err: ErrUnreadable} }
func newYubico(*job) parser                { return nil }
func newURIs(*job) parser                  { return nil }
func isYubico(row) bool                    { return false }
