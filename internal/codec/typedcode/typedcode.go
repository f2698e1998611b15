// Package typedcode writes codes that people type, and reads what they typed: in
// Crockford's base32 without padding and check symbol, and in decimal digits.
//
// Both are printed in groups of five joined by hyphens. Read, case, spaces and
// hyphens do not matter, and in base32 O stands for 0, I and L for 1.
package typedcode

import "errors"

// ErrCharacter means a character that the code cannot hold.
var ErrCharacter = errors.New("character not allowed in a code")

// maxTyped bounds what is looked at: no code is near it, with all its separators.
const maxTyped = 1024

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// symbol is the value of a character in base32 and 1 more, or 0 for none.
var symbol = func() (table [256]byte) {
	for v := range len(alphabet) {
		c := alphabet[v]
		table[c] = byte(v + 1)
		if c >= 'A' {
			table[c+'a'-'A'] = byte(v + 1)
		}
	}
	for from, to := range map[byte]byte{'O': '0', 'o': '0', 'I': '1', 'i': '1', 'L': '1', 'l': '1'} {
		table[from] = table[to]
	}
	return table
}()

// CanonicalBase32 returns a typed code as it was made: upper case, corrected,
// without separators. It looks at the characters alone, not at how many there are.
func CanonicalBase32(typed string) (string, error) {
	return canonical(typed, func(c byte) (byte, bool) {
		v := symbol[c]
		if v == 0 {
			return 0, false
		}
		return alphabet[v-1], true
	})
}

// CanonicalDecimal does the same for decimal digits, which are not corrected.
func CanonicalDecimal(typed string) (string, error) {
	return canonical(typed, func(c byte) (byte, bool) { return c, '0' <= c && c <= '9' })
}

func canonical(typed string, read func(byte) (byte, bool)) (string, error) {
	if len(typed) > maxTyped {
		return "", ErrCharacter
	}
	b := make([]byte, 0, len(typed))
	for i := range len(typed) {
		c := typed[i]
		if c == ' ' || c == '-' {
			continue
		}
		c, ok := read(c)
		if !ok {
			return "", ErrCharacter
		}
		b = append(b, c)
	}
	return string(b), nil
}

// Group returns a code in groups of five joined by hyphens.
func Group(code string) string {
	const size = 5
	b := make([]byte, 0, len(code)+len(code)/size)
	for i := range len(code) {
		if i > 0 && i%size == 0 {
			b = append(b, '-')
		}
		b = append(b, code[i])
	}
	return string(b)
}

// AppendBase32 appends n characters for the first 5n bits of a string of bits, the
// most significant first.
func AppendBase32(dst, bits []byte, n int) []byte {
	for i := range n {
		at := 5 * i
		v := uint16(bits[at/8]) << 8
		if at/8+1 < len(bits) {
			v |= uint16(bits[at/8+1])
		}
		dst = append(dst, alphabet[v>>(11-at%8)&31])
	}
	return dst
}

// DecodeBase32 returns the bits of a canonical code from the left, in the fewest
// bytes, the bits left over zero.
func DecodeBase32(code string) []byte {
	bits := make([]byte, (5*len(code)+7)/8)
	for i := range len(code) {
		at := 5 * i
		v := uint16(symbol[code[i]]-1) << (11 - at%8)
		bits[at/8] |= byte(v >> 8)
		if byte(v) != 0 {
			bits[at/8+1] |= byte(v)
		}
	}
	return bits
}

// AppendDecimal appends a number, given in big-endian bytes, in exactly so many
// decimal digits, which must be enough for it.
func AppendDecimal(dst, number []byte, digits int) []byte {
	n := append([]byte(nil), number...)
	start := len(dst)
	dst = append(dst, make([]byte, digits)...)
	for i := len(dst) - 1; i >= start; i-- {
		rest := uint16(0)
		for j, v := range n {
			rest = rest<<8 | uint16(v)
			n[j] = byte(rest / 10)
			rest %= 10
		}
		dst[i] = byte('0' + rest)
	}
	return dst
}

// DecodeDecimal returns the number of a canonical decimal code in size big-endian
// bytes. One that does not fit into them is not ok.
func DecodeDecimal(code string, size int) (number []byte, ok bool) {
	number = make([]byte, size)
	for i := range len(code) {
		carry := uint16(code[i] - '0')
		for j := size - 1; j >= 0; j-- {
			carry += 10 * uint16(number[j])
			number[j] = byte(carry)
			carry >>= 8
		}
		if carry != 0 {
			return nil, false
		}
	}
	return number, true
}
