package oath

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

func newScanner(t testing.TB, key []byte, h Hash, digits int) *Scanner {
	t.Helper()
	s, err := NewScanner(key, h, digits)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// naiveCode is the code by crypto/hmac and text.
func naiveCode(h Hash, key []byte, counter uint64, digits int) string {
	text := strconv.FormatUint(uint64(naiveValue(h, key, counter)), 10)
	text = strings.Repeat("0", 10) + text
	return text[len(text)-digits:]
}

// naiveFind is the definition of Find, and of FindPair if second is not empty.
func naiveFind(h Hash, key []byte, digits int, first, second string, from uint64, n int) (uint64, bool) {
	for i := 0; i < n; i++ {
		c := from + uint64(i)
		if c < from || second != "" && c == math.MaxUint64 {
			break
		}
		if naiveCode(h, key, c, digits) == first &&
			(second == "" || naiveCode(h, key, c+1, digits) == second) {
			return c, true
		}
	}
	return 0, false
}

func TestScannerCodes(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for range 2000 {
		h, digits := hashes[r.IntN(3)], 6+r.IntN(5)
		key := randomBytes(r, 1+r.IntN(140))
		s := newScanner(t, key, h, digits)
		for range 3 {
			c := r.Uint64() >> r.IntN(64)
			want := naiveCode(h, key, c, digits)
			if got := s.Code(c); got != want {
				t.Fatalf("%v, %d digits, counter %d: Code = %q, want %q", h, digits, c, got, want)
			}
			if got := s.AppendCode([]byte("x"), c); string(got) != "x"+want {
				t.Fatalf("AppendCode = %q, want x%s", got, want)
			}
		}
	}
}

func TestFindWindow(t *testing.T) {
	const top = math.MaxUint64
	for _, h := range hashes {
		s := newScanner(t, testKey(h), h, 8)
		tests := []struct {
			name  string
			at    uint64
			from  uint64
			n     int
			found bool
		}{
			{"before the window", 9, 10, 5, false},
			{"behind the window", 15, 10, 5, false},
			{"does not wrap", 0, top - 2, 10, false},
			{"empty window", 10, 10, 0, false},
			{"first", 10, 10, 5, true},
			{"greatest window", top, top - 1, math.MaxInt, true},
			{"last", 14, 10, 5, true},
			{"last counter alone", top, top, 1, true},
			{"last counter, window cut", top, top - 3, 10, true},
			{"most negative window", 10, 10, math.MinInt, false},
			{"negative window", 10, 10, -1, false},
			{"one candidate", 10, 10, 1, true},
			{"upper half of counters", 1<<63 + 1, 1<<63 - 1, 5, true},
		}
		for _, tt := range tests {
			t.Run(h.String()+"/"+tt.name, func(t *testing.T) {
				want := tt.at
				if !tt.found {
					want = 0
				}
				got, found := s.Find(s.Code(tt.at), tt.from, tt.n)
				if got != want || found != tt.found {
					t.Errorf("Find = %d, %v; want %d, %v", got, found, want, tt.found)
				}
				if tt.at == top {
					return
				}
				got, found = s.FindPair(s.Code(tt.at), s.Code(tt.at+1), tt.from, tt.n)
				if got != want || found != tt.found {
					t.Errorf("FindPair = %d, %v; want %d, %v", got, found, want, tt.found)
				}
			})
		}
	}
}

func TestFindPairAtTheTop(t *testing.T) {
	const top = math.MaxUint64
	s := newScanner(t, testKey(SHA1), SHA1, 8)
	if c, ok := s.FindPair(s.Code(top-1), s.Code(top), top-5, 100); !ok || c != top-1 {
		t.Errorf("last pair: FindPair = %d, %v", c, ok)
	}
	if c, ok := s.FindPair(s.Code(top-1), s.Code(top), top-1, 1); !ok || c != top-1 {
		t.Errorf("last pair alone: FindPair = %d, %v", c, ok)
	}
	// No counter follows the last one, and the first does not.
	for _, n := range []int{1, 2, math.MaxInt} {
		if c, ok := s.FindPair(s.Code(top), s.Code(0), top, n); ok || c != 0 {
			t.Errorf("pair over the top: FindPair = %d, %v", c, ok)
		}
	}
}

// Two counters with one code: the lowest wins, from wherever the search starts.
func TestFindLowest(t *testing.T) {
	s := newScanner(t, testKey(SHA1), SHA1, 6)
	first := map[string]uint64{}
	pairs := 0
	for c := range uint64(8000) {
		code := s.Code(c)
		low, again := first[code]
		if !again {
			first[code] = c
			continue
		}
		pairs++
		if got, ok := s.Find(code, 0, 8000); !ok || got != low {
			t.Errorf("Find(%s) from 0 = %d, %v; want %d", code, got, ok, low)
		}
		if got, ok := s.Find(code, low+1, 8000); !ok || got != c {
			t.Errorf("Find(%s) from %d = %d, %v; want %d", code, low+1, got, ok, c)
		}
		// The pair decides, not its first code alone.
		if got, ok := s.FindPair(code, s.Code(c+1), 0, 8001); !ok || got != c {
			t.Errorf("FindPair at %d = %d, %v", c, got, ok)
		}
		if pairs == 5 {
			return
		}
	}
	t.Fatalf("%d codes come twice, too few to test", pairs)
}

func TestFindPairOrder(t *testing.T) {
	s := newScanner(t, testKey(SHA256), SHA256, 6)
	a, b, c := s.Code(100), s.Code(101), s.Code(102)
	for _, tt := range []struct{ name, first, second string }{
		{"gap", a, c}, {"reversed", b, a}, {"same twice", a, a}, {"second empty", a, ""}, {"first empty", "", b},
	} {
		if got, ok := s.FindPair(tt.first, tt.second, 0, 1000); ok || got != 0 {
			t.Errorf("%s: FindPair = %d, %v", tt.name, got, ok)
		}
	}
	if got, ok := s.FindPair(a, b, 0, 101); !ok || got != 100 {
		t.Errorf("FindPair = %d, %v; want 100", got, ok)
	}
	if _, ok := s.FindPair(a, b, 0, 100); ok {
		t.Error("FindPair found a counter behind the window")
	}
}

func TestFindRefusesOtherText(t *testing.T) {
	s := newScanner(t, []byte(rfcKey), SHA1, 6)
	for _, code := range []string{
		"", "7", "55224", "0755224", "7552240", " 755224", "755224 ", "755 224", "755-224", "+55224", "-55224",
		"75522a", "755224\n", "755224\x00", "75522\x00", "٧٥٥٢٢٤", "７５５２２４", "755,22", "0x7552", "75522/", "75522:",
		strings.Repeat("7", 1000), "5224", "755224287082",
	} {
		if c, ok := s.Find(code, 0, 10); ok || c != 0 {
			t.Errorf("Find(%q) = %d, %v", code, c, ok)
		}
		if c, ok := s.FindPair(code, "287082", 0, 10); ok || c != 0 {
			t.Errorf("FindPair(%q, …) = %d, %v", code, c, ok)
		}
		if c, ok := s.FindPair("755224", code, 0, 10); ok || c != 0 {
			t.Errorf("FindPair(…, %q) = %d, %v", code, c, ok)
		}
	}
	// Ten digits above 31 bits have no counter.
	s = newScanner(t, []byte(rfcKey), SHA1, 10)
	for _, code := range []string{"5579722520", "9999999999", "2147483648"} {
		if c, ok := s.Find(code, 0, 1000); ok || c != 0 {
			t.Errorf("Find(%q) = %d, %v", code, c, ok)
		}
	}
}

// Texts that stand for the right number but are not the code: the leading zero
// left out, and a character above 9 that carries.
func TestFindComparesTextNotNumber(t *testing.T) {
	s := newScanner(t, []byte(rfcKey), SHA1, 6)
	var short, carried int
	for c := range uint64(500) {
		code := s.Code(c)
		texts := []string{"0" + code}
		if code[0] == '0' {
			texts = append(texts, code[1:], " "+code[1:], "+"+code[1:])
			short++
		}
		if code[5] == '0' && code[4] != '0' {
			texts = append(texts, code[:4]+string([]byte{code[4] - 1, '9' + 1}))
			carried++
		}
		for _, text := range texts {
			if got, ok := s.Find(text, c, 1); ok {
				t.Errorf("Find(%q) = %d; the code is %q", text, got, code)
			}
		}
	}
	if short == 0 || carried == 0 {
		t.Errorf("%d and %d cases, too few to test", short, carried)
	}
}

// A scanner without a key must accept nothing, above all not the codes of a key
// of zeros, which anyone can compute.
func TestScannerWithoutKey(t *testing.T) {
	wiped := newScanner(t, []byte(rfcKey), SHA512, 6)
	wiped.Wipe()
	for name, s := range map[string]*Scanner{"zero": {}, "wiped": wiped} {
		if got := s.Code(0); got != "" {
			t.Errorf("%s: Code = %q", name, got)
		}
		if got := s.AppendCode([]byte("x"), 0); string(got) != "x" {
			t.Errorf("%s: AppendCode = %q", name, got)
		}
		for _, code := range []string{"", "000000", "755224"} {
			if c, ok := s.Find(code, 0, 1000); ok || c != 0 {
				t.Errorf("%s: Find(%q) = %d, %v", name, code, c, ok)
			}
			if c, ok := s.FindPair(code, code, 0, 1000); ok || c != 0 {
				t.Errorf("%s: FindPair(%q) = %d, %v", name, code, c, ok)
			}
		}
		s.Wipe()
	}
}

func TestNewScannerKeepsNoKey(t *testing.T) {
	for _, h := range hashes {
		key := testKey(h)
		s := newScanner(t, key, h, 8)
		want := s.Code(7)
		clear(key)
		if got := s.Code(7); got != want {
			t.Errorf("%v: the code changed with the caller's key", h)
		}
	}
}

func TestFindAllocatesNothing(t *testing.T) {
	for _, h := range hashes {
		s := newScanner(t, testKey(h), h, 6)
		dst := make([]byte, 0, 16)
		for name, f := range map[string]func(){
			"AppendCode": func() { s.AppendCode(dst, 1) },
			"Find":       func() { s.Find("123456", 0, 50) },
			"FindPair":   func() { s.FindPair("123456", "654321", 0, 50) },
		} {
			if n := testing.AllocsPerRun(20, f); n != 0 {
				t.Errorf("%v: %s allocates %v times", h, name, n)
			}
		}
	}
}

func TestFindAgainstNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for range 1500 {
		h, digits := hashes[r.IntN(3)], 6+r.IntN(5)
		key := randomBytes(r, 1+r.IntN(140))
		from := r.Uint64() >> r.IntN(64)
		if r.IntN(4) == 0 {
			from = math.MaxUint64 - r.Uint64N(20)
		}
		n := r.IntN(30) - 2
		at := from + r.Uint64N(35) - 3
		checkFind(t, h, key, digits, naiveCode(h, key, at, digits), naiveCode(h, key, at+1, digits), from, n)
	}
}

func checkFind(t *testing.T, h Hash, key []byte, digits int, first, second string, from uint64, n int) {
	t.Helper()
	s := newScanner(t, key, h, digits)
	got, ok := s.Find(first, from, n)
	want, wantOK := naiveFind(h, key, digits, first, "", from, n)
	if got != want || ok != wantOK {
		t.Fatalf("Find(%q, %d, %d) = %d, %v; want %d, %v", first, from, n, got, ok, want, wantOK)
	}
	if second == "" {
		return
	}
	got, ok = s.FindPair(first, second, from, n)
	want, wantOK = naiveFind(h, key, digits, first, second, from, n)
	if got != want || ok != wantOK {
		t.Fatalf("FindPair(%q, %q, %d, %d) = %d, %v; want %d, %v", first, second, from, n, got, ok, want, wantOK)
	}
}

func FuzzFind(f *testing.F) {
	f.Add([]byte(rfcKey), "755224", uint64(0), uint8(10), uint8(0), uint8(6), uint64(0))
	f.Add([]byte("k"), "", uint64(math.MaxUint64-3), uint8(9), uint8(1), uint8(10), uint64(math.MaxUint64))
	f.Add(bytes.Repeat([]byte{7}, 129), "12345678", uint64(1)<<32-2, uint8(5), uint8(2), uint8(8), uint64(1)<<32)
	f.Fuzz(func(t *testing.T, key []byte, code string, from uint64, n, h, digits uint8, at uint64) {
		if len(key) == 0 {
			key = []byte{0}
		}
		hash, length := hashes[h%3], 6+int(digits%5)
		window := int(n%40) - 2
		// The text as it comes, and a code that exists at a place near or far.
		first, second := naiveCode(hash, key, at, length), naiveCode(hash, key, at+1, length)
		checkFind(t, hash, key, length, code, second, from, window)
		checkFind(t, hash, key, length, first, second, from, window)
		checkFind(t, hash, key, length, first, second, at-2, window)
	})
}
