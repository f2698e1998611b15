package pskc

import "math"

// integer is a magnitude; overflow means that it did not fit 64 bits.
type integer struct {
	n        uint64
	overflow bool
}

// parseDecimal reads decimal text with an optional sign.
func parseDecimal(b []byte) (v integer, neg, ok bool) {
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		neg = b[0] == '-'
		b = b[1:]
	}
	if len(b) == 0 {
		return v, false, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return v, false, false
		}
		d := uint64(c - '0')
		if v.n > (math.MaxUint64-d)/10 {
			v.overflow = true
			continue
		}
		v.n = v.n*10 + d
	}
	return v, neg && v.n != 0, true
}

// Sizes at which big-endian bytes are a full machine word, so that the first
// bit may be a sign.
const (
	intBytes  = 4
	longBytes = 8
	// shortText is from which length on printable bytes are text: as a number they
	// would be above two million.
	shortText = 3
)

// decodeInteger reads the bytes of an integer that was encrypted or encoded in
// base64: decimal text, else big-endian bytes. Bytes that are all digits are taken
// as text. RFC 6030 means big-endian words, some writers put text or leave out the
// zeros, and these cannot be told apart; as bytes the text would be implausibly large
// numbers. For the same reason other text, such as 0x2A, is no number.
func decodeInteger(b []byte, signed bool) (v integer, neg, ok bool) {
	if v, neg, ok := parseDecimal(b); ok {
		return v, neg, true
	}
	if len(b) == 0 || len(b) >= shortText && isText(b) {
		return v, false, false
	}
	if signed && (len(b) == intBytes || len(b) == longBytes) && b[0]&0x80 != 0 {
		v.n = math.MaxUint64
		for _, c := range b {
			v.n = v.n<<8 | uint64(c)
		}
		v.n = -v.n
		return v, true, true
	}
	for _, c := range b {
		if v.n>>56 != 0 {
			v.overflow = true
		}
		v.n = v.n<<8 | uint64(c)
	}
	return v, false, true
}

// isText tells whether bytes are all printable ASCII.
func isText(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// signed gives the value as an int64.
func (v integer) signed(neg bool) (int64, bool) {
	switch {
	case v.overflow:
		return 0, false
	case neg && v.n == 1<<63:
		return math.MinInt64, true
	case v.n > math.MaxInt64:
		return 0, false
	case neg:
		return -int64(v.n), true
	}
	return int64(v.n), true
}
