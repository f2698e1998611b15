package oath

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"hash"
)

// maxState holds the marshalled state of any SHA-2. A longer one would still be
// right: it would only cost an allocation.
const maxState = 208

// resumable is what the hashes of the standard library offer beyond hash.Hash:
// their state can be taken and put back.
type resumable interface {
	hash.Hash
	AppendBinary(b []byte) ([]byte, error)
	UnmarshalBinary(data []byte) error
}

// macSHA2 is HMAC-SHA-256 and HMAC-SHA-512 on the standard library.
type macSHA2 struct {
	md             resumable
	inner, outer   []byte // states after the key blocks, in the buffers below
	innerB, outerB [maxState]byte
	msg            [8]byte
	tag            [maxSize]byte
}

// setInner takes the hash function and sets the state after key xor ipad.
func (m *macSHA2) setInner(h Hash, pad []byte) error {
	var md hash.Hash
	if h == SHA256 {
		md = sha256.New()
	} else {
		md = sha512.New()
	}
	r, ok := md.(resumable)
	if !ok {
		return ErrHash
	}
	m.md = r
	var err error
	m.inner, err = m.after(m.innerB[:0], pad)
	return err
}

// setOuter sets the state after key xor opad.
func (m *macSHA2) setOuter(pad []byte) error {
	var err error
	m.outer, err = m.after(m.outerB[:0], pad)
	return err
}

// after returns the hash state after one key block.
func (m *macSHA2) after(dst, pad []byte) ([]byte, error) {
	m.md.Reset()
	if _, err := m.md.Write(pad); err != nil {
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

// truncated is mac.truncated for SHA-2.
func (m *macSHA2) truncated(counter uint64) uint32 {
	binary.BigEndian.PutUint64(m.msg[:], counter)
	return truncate(m.sum(m.msg[:]))
}

// sum returns the HMAC of msg in m.tag. None of the calls can fail: the states
// have been put back once before, and writing to a hash never fails.
func (m *macSHA2) sum(msg []byte) []byte {
	_ = m.md.UnmarshalBinary(m.inner)
	_, _ = m.md.Write(msg)
	inner := m.md.Sum(m.tag[:0])
	_ = m.md.UnmarshalBinary(m.outer)
	_, _ = m.md.Write(inner)
	return m.md.Sum(m.tag[:0])
}
