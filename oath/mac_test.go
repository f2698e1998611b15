package oath

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"hash"
	"math/rand/v2"
	"reflect"
	"testing"
)

var standard = map[Hash]func() hash.Hash{SHA1: sha1.New, SHA256: sha256.New, SHA512: sha512.New}

// naiveMAC is HMAC by crypto/hmac.
func naiveMAC(h Hash, key, msg []byte) []byte {
	m := hmac.New(standard[h], key)
	m.Write(msg)
	return m.Sum(nil)
}

// naiveValue is the 31-bit value of RFC 4226 section 5.3, straight from the text.
func naiveValue(h Hash, key []byte, counter uint64) uint32 {
	sum := naiveMAC(h, key, binary.BigEndian.AppendUint64(nil, counter))
	offset := sum[len(sum)-1] & 0xf
	return binary.BigEndian.Uint32(sum[offset:]) & 0x7fffffff
}

// randomBytes is a reproducible source of test inputs.
func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func checkMAC(t *testing.T, h Hash, key, msg []byte, counter uint64) {
	t.Helper()
	var m mac
	if err := m.init(key, h); err != nil {
		t.Fatalf("init with %d bytes: %v", len(key), err)
	}
	want := naiveMAC(h, key, msg)
	for range 2 { // the second time with the state put back
		if got := m.appendSum(nil, msg); !bytes.Equal(got, want) {
			t.Fatalf("%v, key of %d, message of %d: got %x, want %x", h, len(key), len(msg), got, want)
		}
		if got, want := m.truncated(counter), naiveValue(h, key, counter); got != want {
			t.Fatalf("%v, key of %d, counter %d: got %d, want %d", h, len(key), counter, got, want)
		}
	}
	if m.key != [maxBlock]byte{} {
		t.Fatal("key block left behind")
	}
	md, inner := m.md, m.inner
	m.wipe()
	if !reflect.ValueOf(m).IsZero() || !bytes.Equal(inner, make([]byte, len(inner))) {
		t.Fatal("state left behind")
	}
	// The hash is an object of its own, with the state and the last block in it.
	if !reflect.DeepEqual(md, newHash(h)) {
		t.Fatal("state left behind in the hash")
	}
}

// Every key length around the blocks with every message length around them.
func TestMACLengths(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, h := range hashes {
		for _, keyLen := range []int{1, 19, 20, 21, 32, 63, 64, 65, 127, 128, 129, 130, 300} {
			key := randomBytes(r, keyLen)
			for n := range 260 {
				checkMAC(t, h, key, randomBytes(r, n), r.Uint64())
			}
		}
	}
}

func TestMACRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for range 20000 {
		h := hashes[r.IntN(3)]
		checkMAC(t, h, randomBytes(r, 1+r.IntN(150)), randomBytes(r, r.IntN(800)), r.Uint64())
	}
}

func FuzzMAC(f *testing.F) {
	f.Add([]byte(rfcKey), []byte("message"), uint64(0), uint8(0))
	f.Add(bytes.Repeat([]byte{0xaa}, 131), []byte{}, uint64(1)<<63, uint8(1))
	f.Add([]byte{0}, bytes.Repeat([]byte{0xff}, 64), ^uint64(0), uint8(2))
	f.Fuzz(func(t *testing.T, key, msg []byte, counter uint64, h uint8) {
		if len(key) == 0 {
			key = []byte{0}
		}
		checkMAC(t, hashes[h%3], key, msg, counter)
	})
}
