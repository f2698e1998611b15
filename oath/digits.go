package oath

import "math"

// The code lengths of HOTP and TOTP. RFC 4226 section 5.3 asks for at least 6; a
// 31-bit value has 10 digits at most. OCRA goes down to 4.
const (
	minDigits = 6
	maxDigits = 10

	minSuiteDigits = 4
)

// noCode is a value no code has.
const noCode = math.MaxUint64

// lastDigits returns v modulo 10^digits, for 6 to 10 digits. The moduli are constants, so that the
// compiler divides by multiplying: quicker than the processor's division, whose
// time may also depend on v.
func lastDigits(v uint32, digits int) uint32 {
	switch digits {
	case 6:
		return v % 1e6
	case 7:
		return v % 1e7
	case 8:
		return v % 1e8
	case 9:
		return v % 1e9
	default:
		return v // a 31-bit value has no more than ten digits
	}
}

// appendDecimal appends the last digits of v with leading zeros.
func appendDecimal(dst []byte, v uint32, digits int) []byte {
	var buf [maxDigits]byte
	for i := digits - 1; i >= 0; i-- {
		buf[i] = byte('0' + v%10)
		v /= 10
	}
	return append(dst, buf[:digits]...)
}

// parseDecimal returns the value of a code of exactly that many ASCII digits, and
// noCode for any other text.
func parseDecimal(code string, digits int) uint64 {
	if len(code) != digits {
		return noCode
	}
	var v uint64
	for i := range len(code) {
		c := code[i] - '0'
		if c > 9 {
			return noCode
		}
		v = 10*v + uint64(c)
	}
	return v
}

// sameMask returns all ones if a equals b, otherwise zero, without a branch.
func sameMask(a, b uint64) uint64 {
	x := a ^ b
	return (x|-x)>>63 - 1
}

// appendHex appends the lower-case hexadecimal form of b. Package encoding/hex
// would bring fmt into the clients built on this package.
func appendHex(dst, b []byte) []byte {
	const digits = "0123456789abcdef"
	for _, v := range b {
		dst = append(dst, digits[v>>4], digits[v&0x0f])
	}
	return dst
}
