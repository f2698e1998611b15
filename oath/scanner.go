package oath

import "math"

// Scanner holds the keyed HMAC state of one key, ready to compute and to search
// codes: making one costs about as much as two codes, and each code after that
// two compressions of the hash and no allocation.
//
// A Scanner must not be used from several goroutines at once and must not be
// copied. The zero Scanner and one after Wipe have no key: their codes are empty
// and they find nothing.
type Scanner struct {
	mac    mac
	digits int
}

// NewScanner prepares key for codes of the given length, 6 to 10 digits. The key
// is not kept, and the caller may wipe it at once. It may be longer than the
// block of the hash (HMAC hashes it first, RFC 2104 section 2); the least length
// an organisation accepts is the caller's rule, here only the empty key is
// refused. The error is ErrHash, ErrDigits or ErrKeyLength.
func NewScanner(key []byte, h Hash, digits int) (*Scanner, error) {
	if digits < minDigits || digits > maxDigits {
		return nil, ErrDigits
	}
	s := &Scanner{digits: digits}
	if err := s.mac.init(key, h); err != nil {
		return nil, err
	}
	return s, nil
}

// Code returns the HOTP value (RFC 4226 section 5.3) of counter.
func (s *Scanner) Code(counter uint64) string {
	var buf [maxDigits]byte
	return string(s.AppendCode(buf[:0], counter))
}

// AppendCode appends the HOTP value of counter to dst.
func (s *Scanner) AppendCode(dst []byte, counter uint64) []byte {
	if s.mac.hash == 0 {
		return dst
	}
	return appendDecimal(dst, s.mac.truncated(counter), s.digits)
}

// Find searches code among the n counters from, from+1, … and returns the lowest
// that has it. Counters end at 2^64-1: the window is cut there and never wraps. A
// window with n below 1 is empty.
//
// Every candidate is computed and compared without a branch on the result, so
// that the time says neither whether nor where the code was found. A code that is
// not exactly the scanner's number of ASCII digits is never found, and takes as
// long.
//
// Find remembers nothing. That a counter is accepted once is the caller's to
// keep, by starting above the last accepted one and by letting one conditional
// write decide. Nothing comes above 2^64-1: the token that used it is at its end,
// and adding 1 would start it afresh.
func (s *Scanner) Find(code string, from uint64, n int) (counter uint64, found bool) {
	if s.mac.hash == 0 {
		return 0, false
	}
	want := parseDecimal(code, s.digits)
	var seen uint64 // all ones from the first match on
	for i := range clip(from, n, math.MaxUint64) {
		c := from + i
		hit := sameMask(s.value(c), want)
		counter |= c & hit &^ seen
		seen |= hit
	}
	return counter, seen != 0
}

// FindPair searches two codes that follow each other: it returns the lowest
// counter c of the n from, from+1, … for which first is the code of c and second
// that of c+1. It is the search of a resynchronisation (RFC 4226 section 7.4 and
// appendix E.4): the caller takes both codes as spent, that is, c+1 as the last
// accepted counter.
//
// Each candidate is computed once, so the cost is that of n+1 codes; all else is
// as with Find. The highest counter for c is 2^64-2.
func (s *Scanner) FindPair(first, second string, from uint64, n int) (counter uint64, found bool) {
	if s.mac.hash == 0 {
		return 0, false
	}
	length := clip(from, n, math.MaxUint64-1)
	if length == 0 {
		return 0, false
	}
	want1, want2 := parseDecimal(first, s.digits), parseDecimal(second, s.digits)
	before := sameMask(s.value(from), want1)
	var seen uint64
	for i := range length {
		c := from + i
		next := s.value(c + 1)
		hit := before & sameMask(next, want2)
		counter |= c & hit &^ seen
		seen |= hit
		before = sameMask(next, want1)
	}
	return counter, seen != 0
}

// Wipe overwrites the keyed state. Copies that the compiler or the runtime may
// have made are out of reach.
func (s *Scanner) Wipe() {
	s.mac.wipe()
	s.digits = 0
}

// value is the code of counter as a number.
func (s *Scanner) value(counter uint64) uint64 {
	return uint64(lastDigits(s.mac.truncated(counter), s.digits))
}

// clip returns how many of the n counters starting at from are not above last.
func clip(from uint64, n int, last uint64) uint64 {
	if n < 1 || from > last {
		return 0
	}
	return min(uint64(n)-1, last-from) + 1
}
