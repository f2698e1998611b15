package oath

import "testing"

var hashes = []Hash{SHA1, SHA256, SHA512}

// testKey returns a key as long as the hash, the digits of RFC 6238 appendix B.
func testKey(h Hash) []byte {
	key := make([]byte, h.Size())
	for i := range key {
		key[i] = '0' + byte((i+1)%10)
	}
	return key
}

// BenchmarkScan is the cost of one candidate in a window search.
func BenchmarkScan(b *testing.B) {
	for _, h := range hashes {
		b.Run(h.String(), func(b *testing.B) {
			s, err := NewScanner(testKey(h), h, 6)
			if err != nil {
				b.Fatal(err)
			}
			const window = 1000
			b.ReportAllocs()
			b.ResetTimer()
			for left := b.N; left > 0; left -= window {
				s.Find("none", 0, min(left, window))
			}
		})
	}
}

// BenchmarkNewScanner is the cost of keying.
func BenchmarkNewScanner(b *testing.B) {
	for _, h := range hashes {
		b.Run(h.String(), func(b *testing.B) {
			key := testKey(h)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := NewScanner(key, h, 6); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkVerify is a whole check of one code: keying, eleven candidates, wiping.
func BenchmarkVerify(b *testing.B) {
	for _, h := range hashes {
		b.Run(h.String(), func(b *testing.B) {
			key := testKey(h)
			b.ReportAllocs()
			for b.Loop() {
				s, err := NewScanner(key, h, 6)
				if err != nil {
					b.Fatal(err)
				}
				s.Find("123456", 1000, 11)
				s.Wipe()
			}
		})
	}
}
