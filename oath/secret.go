package oath

const redacted = "[redacted]"

// Secret is a key or a PIN inside a larger value. It has no useful text form on
// purpose: however the value around it is printed, logged or marshalled as text
// or JSON, "[redacted]" or an address comes out. Only Bytes gives the content. It
// is not comparable; the zero Secret is empty.
type Secret struct {
	// A closure is the one thing that package fmt with its odder verbs, and
	// whatever else looks into values by reflection, cannot follow.
	content func() *[]byte
}

// NewSecret wraps a copy of b.
func NewSecret(b []byte) Secret {
	return ownSecret(append([]byte(nil), b...))
}

// ownSecret wraps b itself.
func ownSecret(b []byte) Secret {
	p := &b
	return Secret{func() *[]byte { return p }}
}

// Bytes returns the content itself, not a copy. It is nil if there is none.
func (s Secret) Bytes() []byte {
	if s.content == nil {
		return nil
	}
	return *s.content()
}

// Wipe overwrites the content, for all copies of the Secret, and empties them.
func (s Secret) Wipe() {
	if s.content == nil {
		return
	}
	p := s.content()
	clear(*p)
	*p = nil
}

// String returns "[redacted]".
func (Secret) String() string { return redacted }

// GoString returns "[redacted]", for %#v.
func (Secret) GoString() string { return redacted }

// MarshalText returns "[redacted]", for JSON, logs and the like.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
