package oath

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
)

const (
	maxSize  = 64  // the longest HMAC, that of SHA-512
	maxBlock = 128 // the longest hash block, that of SHA-512

	ipad = 0x36 // RFC 2104 section 2
	opad = 0x5c
)

// mac is HMAC (RFC 2104) under one key. It keeps the hash states after the inner
// and after the outer key block, so that a message of one block costs two
// compressions and no allocation. SHA-1 goes its own way, see sha1Block. The
// hash of a zero or wiped mac is 0; such a mac must not be asked.
type mac struct {
	hash Hash
	one  macSHA1
	two  macSHA2
	key  [maxBlock]byte // scratch of init, zero after it
}

// init sets the key, which is not kept.
func (m *mac) init(key []byte, h Hash) error {
	if err := h.check(); err != nil {
		return err
	}
	if len(key) == 0 {
		return ErrKeyLength
	}
	pad := m.key[:h.blockSize()]
	if len(key) > len(pad) {
		appendDigest(pad[:0], h, key)
	} else {
		copy(pad, key)
	}
	for i := range pad {
		pad[i] ^= ipad
	}
	var err error
	if h == SHA1 {
		m.one.setInner(pad)
	} else {
		err = m.two.setInner(h, pad)
	}
	for i := range pad {
		pad[i] ^= ipad ^ opad
	}
	if h == SHA1 {
		m.one.setOuter(pad)
	} else if err == nil {
		err = m.two.setOuter(pad)
	}
	clear(pad)
	if err != nil {
		m.wipe()
		return err
	}
	m.hash = h
	return nil
}

// truncated computes the HMAC of counter, eight bytes big-endian, and returns
// the 31-bit value of dynamic truncation (RFC 4226 section 5.3).
func (m *mac) truncated(counter uint64) uint32 {
	if m.hash == SHA1 {
		return m.one.truncated(counter)
	}
	return m.two.truncated(counter)
}

// appendSum appends the HMAC of msg to dst.
func (m *mac) appendSum(dst, msg []byte) []byte {
	if m.hash == SHA1 {
		return m.one.appendSum(dst, msg)
	}
	return append(dst, m.two.sum(msg)...)
}

// wipe forgets the key.
func (m *mac) wipe() {
	if md := m.two.md; md != nil {
		// Reset keeps the bytes of the block begun; zeros take their place.
		md.Reset()
		_, _ = md.Write(m.key[:md.BlockSize()-1])
		md.Reset()
	}
	*m = mac{}
}

// truncate is dynamic truncation, RFC 4226 section 5.3, RFC 6287 section 5.2.
func truncate(sum []byte) uint32 {
	o := sum[len(sum)-1] & 0x0f
	return uint32(sum[o]&0x7f)<<24 | uint32(sum[o+1])<<16 | uint32(sum[o+2])<<8 | uint32(sum[o+3])
}

// appendDigest appends the hash of data to dst. The caller has checked h.
func appendDigest(dst []byte, h Hash, data []byte) []byte {
	switch h {
	case SHA1:
		d := sha1.Sum(data)
		return append(dst, d[:]...)
	case SHA256:
		d := sha256.Sum256(data)
		return append(dst, d[:]...)
	default:
		d := sha512.Sum512(data)
		return append(dst, d[:]...)
	}
}
