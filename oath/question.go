package oath

// questionSize is the length a question is filled up to, RFC 6287 section 5.1.
const questionSize = 128

// encodeQuestion puts a question, and behind it in a mutual exchange the
// responder's own, into dst, which is zero. The length the suite states is that
// of one question; two of 64 characters just fill the 128 bytes.
func (s Suite) encodeQuestion(dst *[questionSize]byte, question, own string) (reason string) {
	if question == "" {
		return "no question"
	}
	if len(question) > s.Length || len(own) > s.Length {
		return "question longer than the suite says"
	}
	var ok bool
	switch text := question + own; s.Format {
	case 'A':
		ok = putText(dst, text)
	case 'N':
		ok = putNumber(dst, text)
	default:
		ok = putHex(dst, text)
	}
	if !ok {
		return "question is not of the suite's format"
	}
	return ""
}

// putText stores printable ASCII. A zero byte could not be told from the filling.
func putText(dst *[questionSize]byte, text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	copy(dst[:], text)
	return true
}

// putHex stores hexadecimal digits from the left, so that an odd last digit is
// the upper half of its byte: the program of RFC 6287 appendix A fills up the
// text, not the bytes.
func putHex(dst *[questionSize]byte, text string) bool {
	for i := range len(text) {
		v, ok := hexDigit(text[i])
		if !ok {
			return false
		}
		putNibble(dst, i, v)
	}
	return true
}

// putNumber stores the hexadecimal digits of a decimal number from the left,
// without leading zeros; zero is all zeros either way.
func putNumber(dst *[questionSize]byte, text string) bool {
	// 10 to the power of 128, two questions of 64 digits, is below 2^432.
	var number [54]byte
	for i := range len(text) {
		carry := uint(text[i] - '0')
		if carry > 9 {
			return false
		}
		for j := len(number) - 1; j >= 0; j-- {
			carry += 10 * uint(number[j])
			number[j] = byte(carry)
			carry >>= 8
		}
	}
	n := 0
	for i := range 2 * len(number) {
		v := number[i/2] >> 4
		if i%2 == 1 {
			v = number[i/2] & 0x0f
		}
		if n > 0 || v != 0 {
			putNibble(dst, n, v)
			n++
		}
	}
	return true
}

// putNibble sets the i-th half byte, which is zero.
func putNibble(dst *[questionSize]byte, i int, v byte) {
	if i%2 == 0 {
		v <<= 4
	}
	dst[i/2] |= v
}
