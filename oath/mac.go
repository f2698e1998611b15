package oath

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"hash"
)

const (
	maxSize  = 64  // the longest HMAC, that of SHA-512
	maxBlock = 128 // the longest hash block, that of SHA-512

	ipad = 0x36 // RFC 2104 section 2
	opad = 0x5c
)

// maxState holds the marshalled state of any of the hashes. A longer one would
// still be right: it would only cost an allocation.
const maxState = 208

// resumable is what the hashes of the standard library offer beyond hash.Hash:
// their state can be taken and put back.
type resumable interface {
	hash.Hash
	AppendBinary(b []byte) ([]byte, error)
	UnmarshalBinary(data []byte) error
}

// mac is HMAC (RFC 2104) under one key. It keeps the hash states after the inner
// and after the outer key block, so that a message of one block costs two
// compressions and no allocation, which crypto/hmac does not promise, and so
// that the key can be wiped. The hash of a zero or wiped mac is 0; such a mac
// must not be asked.
type mac struct {
	hash           Hash
	md             resumable
	inner, outer   []byte // states after the key blocks, in the buffers below
	innerB, outerB [maxState]byte
	msg            [8]byte
	tag            [maxSize]byte
	key            [maxBlock]byte // scratch of init, zero after it
}

// init sets the key, which is not kept.
func (m *mac) init(key []byte, h Hash) error {
	if err := h.check(); err != nil {
		return err
	}
	if len(key) == 0 {
		return ErrKeyLength
	}
	md, ok := newHash(h).(resumable)
	if !ok {
		return ErrHash
	}
	m.hash, m.md = h, md
	pad := m.key[:h.blockSize()]
	if len(key) > len(pad) {
		appendDigest(pad[:0], h, key)
	} else {
		copy(pad, key)
	}
	err := m.setStates(pad)
	clear(pad)
	if err != nil {
		m.wipe()
	}
	return err
}

// setStates takes the states after the key block xor ipad and xor opad, and
// leaves the block changed.
func (m *mac) setStates(block []byte) (err error) {
	for i := range block {
		block[i] ^= ipad
	}
	if m.inner, err = m.after(m.innerB[:0], block); err != nil {
		return err
	}
	for i := range block {
		block[i] ^= ipad ^ opad
	}
	m.outer, err = m.after(m.outerB[:0], block)
	return err
}

// after returns the hash state after one key block.
func (m *mac) after(dst, block []byte) ([]byte, error) {
	m.md.Reset()
	if _, err := m.md.Write(block); err != nil {
		return nil, ErrHash
	}
	state, err := m.md.AppendBinary(dst)
	if err != nil {
		return nil, ErrHash
	}
	// That a state can be put back is seen here once, and relied on in sum.
	if err := m.md.UnmarshalBinary(state); err != nil {
		return nil, ErrHash
	}
	return state, nil
}

// truncated computes the HMAC of counter, eight bytes big-endian, and returns
// the 31-bit value of dynamic truncation (RFC 4226 section 5.3).
func (m *mac) truncated(counter uint64) uint32 {
	binary.BigEndian.PutUint64(m.msg[:], counter)
	return truncate(m.sum(m.msg[:]))
}

// appendSum appends the HMAC of msg to dst.
func (m *mac) appendSum(dst, msg []byte) []byte { return append(dst, m.sum(msg)...) }

// sum returns the HMAC of msg in m.tag. None of the calls can fail: the states
// have been put back once before, and writing to a hash never fails.
func (m *mac) sum(msg []byte) []byte {
	_ = m.md.UnmarshalBinary(m.inner)
	_, _ = m.md.Write(msg)
	inner := m.md.Sum(m.tag[:0])
	_ = m.md.UnmarshalBinary(m.outer)
	_, _ = m.md.Write(inner)
	return m.md.Sum(m.tag[:0])
}

// wipe forgets the key.
func (m *mac) wipe() {
	if md := m.md; md != nil {
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

// newHash returns the hash function. The caller has checked h.
func newHash(h Hash) hash.Hash {
	switch h {
	case SHA1:
		return sha1.New()
	case SHA256:
		return sha256.New()
	default:
		return sha512.New()
	}
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
