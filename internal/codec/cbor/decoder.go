package cbor

import "unicode/utf8"

// Error says why bytes were refused. It never holds a piece of them.
type Error string

// Error returns the reason.
func (e Error) Error() string { return "cbor: " + string(e) }

// The reasons.
const (
	ErrShort    Error = "cut off"
	ErrType     Error = "item of another type than expected"
	ErrForm     Error = "not in its shortest form, or of indefinite length"
	ErrText     Error = "text is not UTF-8"
	ErrLength   Error = "byte string of another length than expected"
	ErrKey      Error = "map key missing, unknown, repeated or out of order"
	ErrCount    Error = "array or map with more or fewer items than expected"
	ErrDepth    Error = "nested too deep"
	ErrTrailing Error = "bytes behind the end"
)

// Decoder reads one item, piece by piece. The first error stays: after it every
// call returns zero, so that only the end must look at it.
//
// Nothing is allocated by a length that the bytes only claim.
type Decoder struct {
	rest  []byte
	left  [MaxDepth + 1]int // items still to read at each depth; at the top, one
	depth int
	err   error
}

// NewDecoder begins to read.
func NewDecoder(b []byte) *Decoder {
	d := &Decoder{rest: b}
	d.left[0] = 1
	return d
}

// Uint reads an unsigned integer.
func (d *Decoder) Uint() uint64 { return d.item(majorUint) }

// Bytes reads a byte string and returns a copy of it.
func (d *Decoder) Bytes() []byte { return append([]byte(nil), d.content(majorBytes)...) }

// Fixed reads a byte string of exactly n bytes. After an error it returns nil.
func (d *Decoder) Fixed(n int) []byte {
	b := d.content(majorBytes)
	if d.err == nil && len(b) != n {
		d.Fail(ErrLength)
	}
	if d.err != nil {
		return nil
	}
	return append([]byte(nil), b...)
}

// Text reads a text string.
func (d *Decoder) Text() string {
	b := d.content(majorText)
	if !utf8.Valid(b) {
		d.Fail(ErrText)
		return ""
	}
	return string(b)
}

// Bool reads true or false.
func (d *Decoder) Bool() bool {
	v := d.item(majorSimple)
	if d.err == nil && v != itemFalse&0x1f && v != itemTrue&0x1f {
		d.Fail(ErrType)
	}
	return d.err == nil && v == itemTrue&0x1f
}

// Array opens an array and returns how many items it has; Close ends it. The
// number is no greater than that of the bytes left.
func (d *Decoder) Array() int { return d.open(majorArray, 1) }

// Map opens a map. Its keys are then asked for in rising order with Key and
// Optional, each followed by its value; Close ends it.
func (d *Decoder) Map() { d.open(majorMap, 2) }

// Key reads the next key of the open map, which must be k.
func (d *Decoder) Key(k uint64) {
	if d.Uint() != k {
		d.Fail(ErrKey)
	}
}

// Optional reads the next key of the open map if it is k.
func (d *Decoder) Optional(k uint64) bool {
	if d.err != nil || d.left[d.depth] == 0 {
		return false
	}
	ahead := *d
	if ahead.Uint() != k || ahead.err != nil {
		return false
	}
	*d = ahead
	return true
}

// Close ends the innermost open array or map.
func (d *Decoder) Close() {
	if d.err != nil {
		return
	}
	if d.depth == 0 || d.left[d.depth] != 0 {
		d.Fail(ErrCount)
		return
	}
	d.depth--
}

// End ends reading and returns the first error. Bytes behind the item are one, and
// so is an array or map left open.
func (d *Decoder) End() error {
	switch {
	case d.err != nil:
	case d.depth != 0 || d.left[0] != 0:
		d.err = ErrCount
	case len(d.rest) != 0:
		d.err = ErrTrailing
	}
	return d.err
}

// Err returns the first error so far.
func (d *Decoder) Err() error { return d.err }

// Fail ends reading with an error of the caller's, unless there is one already.
func (d *Decoder) Fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// open reads the head of an array or map whose entries have so many items each.
func (d *Decoder) open(major byte, each int) int {
	n := d.item(major)
	if d.err != nil {
		return 0
	}
	if d.depth == MaxDepth {
		d.Fail(ErrDepth)
		return 0
	}
	if n > uint64(len(d.rest)/each) { // each item has a byte at least
		d.Fail(ErrShort)
		return 0
	}
	d.depth++
	d.left[d.depth] = int(n) * each
	return int(n)
}

// content reads a string and returns its bytes, not copied.
func (d *Decoder) content(major byte) []byte {
	n := d.item(major)
	if d.err != nil {
		return nil
	}
	if n > uint64(len(d.rest)) {
		d.Fail(ErrShort)
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

// item reads the head of an item of a major type and returns its argument.
func (d *Decoder) item(major byte) uint64 {
	if d.err != nil {
		return 0
	}
	if d.left[d.depth] == 0 {
		d.Fail(ErrCount)
		return 0
	}
	if len(d.rest) == 0 {
		d.Fail(ErrShort)
		return 0
	}
	first := d.rest[0]
	if first&0xe0 != major {
		d.Fail(ErrType)
		return 0
	}
	v, size := uint64(first&0x1f), 0
	switch {
	case v < 24:
	case v <= 27:
		size = 1 << (v - 24)
	default: // reserved, or of indefinite length
		d.Fail(ErrForm)
		return 0
	}
	if len(d.rest) < 1+size {
		d.Fail(ErrShort)
		return 0
	}
	if size > 0 {
		v = 0
		for _, c := range d.rest[1 : 1+size] {
			v = v<<8 | uint64(c)
		}
		if least := [9]uint64{1: 24, 2: 1 << 8, 4: 1 << 16, 8: 1 << 32}[size]; v < least {
			d.Fail(ErrForm)
			return 0
		}
	}
	d.left[d.depth]--
	d.rest = d.rest[1+size:]
	return v
}
