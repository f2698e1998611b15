// Package cbor writes and reads the part of CBOR that the activation protocols
// use: RFC 8949 core deterministic encoding (section 4.2.1) of unsigned integers,
// byte and text strings, arrays, maps with unsigned keys, true and false.
//
// It goes into the software authenticator, where every kilobyte is fetched by a
// phone: there is no reflection. What is written is appended piece by piece, the
// keys of a map in rising order. What is read is asked for piece by piece with a
// [Decoder], which refuses whatever was not asked for.
package cbor

// MaxDepth is how deep arrays and maps may be nested.
const MaxDepth = 6

// The major types of RFC 8949 section 3.1, in the upper three bits of an item's
// first byte.
const (
	majorUint   = 0 << 5
	majorBytes  = 2 << 5
	majorText   = 3 << 5
	majorArray  = 4 << 5
	majorMap    = 5 << 5
	majorSimple = 7 << 5
)

const (
	itemFalse = majorSimple | 20
	itemTrue  = majorSimple | 21
)

// AppendUint appends an unsigned integer.
func AppendUint(b []byte, v uint64) []byte { return appendHead(b, majorUint, v) }

// AppendBytes appends a byte string.
func AppendBytes(b, v []byte) []byte {
	return append(appendHead(b, majorBytes, uint64(len(v))), v...)
}

// AppendText appends a text string, which must be UTF-8.
func AppendText(b []byte, v string) []byte {
	return append(appendHead(b, majorText, uint64(len(v))), v...)
}

// AppendBool appends true or false.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, itemTrue)
	}
	return append(b, itemFalse)
}

// AppendArray begins an array; n items follow.
func AppendArray(b []byte, n int) []byte { return appendHead(b, majorArray, uint64(n)) }

// AppendMap begins a map; n pairs of key and value follow, the keys unsigned
// integers in rising order.
func AppendMap(b []byte, n int) []byte { return appendHead(b, majorMap, uint64(n)) }

// appendHead appends the first bytes of an item in their shortest form.
func appendHead(b []byte, major byte, v uint64) []byte {
	switch {
	case v < 24:
		return append(b, major|byte(v))
	case v < 1<<8:
		return append(b, major|24, byte(v))
	case v < 1<<16:
		return append(b, major|25, byte(v>>8), byte(v))
	case v < 1<<32:
		return append(b, major|26, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
	}
	return append(b, major|27, byte(v>>56), byte(v>>48), byte(v>>40), byte(v>>32), byte(v>>24), byte(v>>16), byte(v>>8),
		byte(v))
}
