package oath

import "encoding/binary"

// macSHA1 is HMAC-SHA-1 on the compression function of this package. Messages of
// eight bytes, which are all that HOTP and TOTP have, are laid out as words.
type macSHA1 struct {
	inner, outer [5]uint32  // states after the key blocks
	msg, fin     [16]uint32 // the padded blocks of a counter and of an inner hash
}

// setInner sets the state after key xor ipad.
func (m *macSHA1) setInner(pad []byte) {
	m.inner = sha1Init
	sha1Bytes(&m.inner, pad)
}

// setOuter sets the state after key xor opad, and the fixed words of both blocks:
// the end mark and the length in bits, the key block counted (FIPS 180-4 5.1.1).
func (m *macSHA1) setOuter(pad []byte) {
	m.outer = sha1Init
	sha1Bytes(&m.outer, pad)
	m.msg[2], m.msg[15] = 1<<31, 8*(64+8)
	m.fin[5], m.fin[15] = 1<<31, 8*(64+20)
}

// truncated is mac.truncated for SHA-1.
func (m *macSHA1) truncated(counter uint64) uint32 {
	m.msg[0], m.msg[1] = uint32(counter>>32), uint32(counter)
	h := m.inner
	sha1Block(&h, &m.msg)
	h = m.finish(h)

	// The four bytes from the offset on lie in two neighbouring words.
	o := h[4] & 0x0f
	w := uint64(h[o/4])<<32 | uint64(h[o/4+1])
	return uint32(w>>(32-8*(o%4))) & 0x7fffffff
}

// finish is the outer hash of the inner hash h.
func (m *macSHA1) finish(h [5]uint32) [5]uint32 {
	copy(m.fin[:5], h[:])
	out := m.outer
	sha1Block(&out, &m.fin)
	return out
}

// appendSum is mac.appendSum for SHA-1.
func (m *macSHA1) appendSum(dst, msg []byte) []byte {
	length := uint64(64+len(msg)) * 8
	h := m.inner
	whole := len(msg) &^ 63
	sha1Bytes(&h, msg[:whole])

	var tail [128]byte
	n := copy(tail[:], msg[whole:])
	tail[n] = 0x80
	end := 64
	if n+1+8 > end {
		end = 128
	}
	binary.BigEndian.PutUint64(tail[end-8:end], length)
	sha1Bytes(&h, tail[:end])

	for _, w := range m.finish(h) {
		dst = append(dst, byte(w>>24), byte(w>>16), byte(w>>8), byte(w))
	}
	return dst
}

// sha1Bytes folds whole blocks into h.
func sha1Bytes(h *[5]uint32, p []byte) {
	var w [16]uint32
	for ; len(p) >= 64; p = p[64:] {
		for i := range w {
			w[i] = uint32(p[4*i])<<24 | uint32(p[4*i+1])<<16 | uint32(p[4*i+2])<<8 | uint32(p[4*i+3])
		}
		sha1Block(h, &w)
	}
	clear(w[:])
}
