package pskc

import (
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
)

// Initial values of AES key wrap: RFC 3394 section 2.2.3.1, and RFC 5649
// section 3, where the length of the plain text follows.
const (
	wrapIV       = 0xa6a6a6a6a6a6a6a6
	paddedWrapIV = 0xa65959a6
)

// wrapChunk is the unit of AES key wrap in bytes, half a block.
const wrapChunk = 8

// unwrap undoes AES key wrap with padding (RFC 5649) or, unless only that is
// allowed, without (RFC 3394). Each carries a check of 64 or 32 bits and more,
// so that a wrong key or an altered byte shows.
func unwrap(block cipher.Block, b []byte, paddedOnly bool) ([]byte, bool) {
	n := len(b)/wrapChunk - 1
	if len(b)%wrapChunk != 0 || n < 1 || block.BlockSize() != 2*wrapChunk {
		return nil, false
	}
	var work [2 * wrapChunk]byte
	plain := make([]byte, n*wrapChunk)
	if n == 1 {
		block.Decrypt(work[:], b)
		copy(plain, work[wrapChunk:])
	} else {
		copy(work[:], b[:wrapChunk])
		copy(plain, b[wrapChunk:])
		for j := 5; j >= 0; j-- {
			for i := n; i >= 1; i-- {
				r := plain[(i-1)*wrapChunk : i*wrapChunk]
				a := binary.BigEndian.Uint64(work[:])
				binary.BigEndian.PutUint64(work[:], a^uint64(n*j+i))
				copy(work[wrapChunk:], r)
				block.Decrypt(work[:], work[:])
				copy(r, work[wrapChunk:])
			}
		}
	}
	a := binary.BigEndian.Uint64(work[:])
	clear(work[:])
	var want [wrapChunk]byte
	var got [wrapChunk]byte
	binary.BigEndian.PutUint64(want[:], wrapIV)
	binary.BigEndian.PutUint64(got[:], a)
	// RFC 3394 wraps no less than two chunks.
	if !paddedOnly && n >= 2 && subtle.ConstantTimeCompare(got[:], want[:]) == 1 {
		return plain, true
	}
	length, ok := paddedLength(a, plain)
	if !ok {
		clear(plain)
		return nil, false
	}
	return plain[:length:length], true
}

// paddedLength checks the initial value and the padding of RFC 5649. What is wrong
// is gathered, so that the time does not tell which of them it was.
func paddedLength(a uint64, plain []byte) (int, bool) {
	pad := uint64(len(plain)) - uint64(uint32(a)) // far above the chunk if it wraps around
	padding := int(pad % wrapChunk)
	var stray byte
	for i := 1; i < wrapChunk; i++ {
		stray |= plain[len(plain)-i] * byte(subtle.ConstantTimeLessOrEq(i, padding))
	}
	wrong := a>>32 ^ paddedWrapIV | pad/wrapChunk | uint64(stray)
	return len(plain) - padding, wrong == 0
}
