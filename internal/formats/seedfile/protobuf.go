package seedfile

// protobuf reads the wire format of protocol buffers, as much as the migration
// payload needs: numbers and byte strings. It is strict: a number has its
// shortest form and at most 64 bits, a string ends inside its message, groups and
// fixed numbers are refused.
type protobuf struct {
	b   []byte
	bad bool
}

// field is one field of a message.
type field struct {
	number uint64
	value  uint64 // of a number
	bytes  []byte // of a string; not nil
	raw    []byte // all of the field
}

// next gives the next field; false at the end, and if the message is bad.
func (p *protobuf) next() (f field, ok bool) {
	if p.bad || len(p.b) == 0 {
		return f, false
	}
	whole := p.b
	tag, ok := p.varint()
	f.number = tag >> 3
	read := func() []byte { return whole[:len(whole)-len(p.b)] }
	switch {
	case !ok || f.number == 0 || f.number > 1<<29-1:
	case tag&7 == 0:
		if f.value, ok = p.varint(); ok {
			f.raw = read()
			return f, true
		}
	case tag&7 == 2:
		if n, ok := p.varint(); ok && n <= uint64(len(p.b)) {
			f.bytes = p.b[:n:n]
			p.b = p.b[n:]
			f.raw = read()
			return f, true
		}
	}
	p.bad = true
	return field{}, false
}

func (p *protobuf) varint() (n uint64, ok bool) {
	for i, c := range p.b {
		if i == 9 && c > 1 {
			return 0, false
		}
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			p.b = p.b[i+1:]
			return n, i == 0 || c != 0
		}
	}
	return 0, false
}
