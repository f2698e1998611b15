package oath

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

func mustSuite(t testing.TB, text string) Suite {
	t.Helper()
	s, err := ParseSuite(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

// naiveQuestion is the question's 128 bytes by the way of the program in RFC 6287
// appendix A: to a text of hexadecimal digits, filled up with zeros on the right.
func naiveQuestion(t testing.TB, format byte, text string) []byte {
	t.Helper()
	switch format {
	case 'A':
		text = hex.EncodeToString([]byte(text))
	case 'N':
		n, ok := new(big.Int).SetString(text, 10)
		if !ok {
			t.Fatalf("not a number: %q", text)
		}
		text = n.Text(16)
	}
	b, err := hex.DecodeString(text + strings.Repeat("0", 256-len(text)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// naiveResponse is RFC 6287 section 5 with crypto/hmac and text.
func naiveResponse(t testing.TB, suite string, s Suite, key []byte, in Input) string {
	t.Helper()
	msg := append([]byte(suite), 0)
	if s.Counter {
		msg = binary.BigEndian.AppendUint64(msg, in.Counter)
	}
	msg = append(msg, naiveQuestion(t, s.Format, in.Question+in.Own)...)
	if s.PIN != 0 {
		if pin := in.PIN.Bytes(); pin != nil {
			h := standard[s.PIN]()
			h.Write(pin)
			msg = h.Sum(msg)
		}
		msg = append(msg, in.PINHash.Bytes()...)
	}
	msg = append(msg, bytes.Repeat([]byte{0}, s.Session-len(in.Session))...)
	msg = append(msg, in.Session...)
	if s.Period != 0 {
		msg = binary.BigEndian.AppendUint64(msg, in.Step)
	}
	sum := naiveMAC(s.Hash, key, msg)
	if s.Digits == 0 {
		return hex.EncodeToString(sum)
	}
	o := sum[len(sum)-1] & 0xf
	text := strconv.Itoa(int(binary.BigEndian.Uint32(sum[o:]) & 0x7fffffff))
	text = strings.Repeat("0", 10) + text
	return text[len(text)-s.Digits:]
}

// randomSuite returns a suite of any shape, and an input that fits it.
func randomSuite(r *rand.Rand) (Suite, Input) {
	s := Suite{
		Hash:    hashes[r.IntN(3)],
		Digits:  []int{0, 4, 5, 6, 7, 8, 9, 10}[r.IntN(8)],
		Counter: r.IntN(2) == 0,
		Format:  "ANH"[r.IntN(3)],
		Length:  4 + r.IntN(61),
	}
	alphabet := map[byte]string{
		'A': " !09AZaz~%:/-_ABCdef123", 'N': "0123456789", 'H': "0123456789abcdefABCDEF",
	}[s.Format]
	question := func() string {
		b := make([]byte, 1+r.IntN(s.Length))
		for i := range b {
			b[i] = alphabet[r.IntN(len(alphabet))]
		}
		return string(b)
	}
	in := Input{Question: question()}
	if r.IntN(2) == 0 {
		in.Own = question()
	}
	if s.Counter {
		in.Counter = r.Uint64() >> r.IntN(64)
	}
	switch s.PIN = Hash(r.IntN(4)); {
	case s.PIN == 0:
	case r.IntN(2) == 0:
		in.PIN = NewSecret(randomBytes(r, 1+r.IntN(20)))
	default:
		in.PINHash = NewSecret(randomBytes(r, s.PIN.Size()))
	}
	if r.IntN(2) == 0 {
		s.Session = 1 + r.IntN(512)
		in.Session = randomBytes(r, 1+r.IntN(s.Session))
	}
	if r.IntN(2) == 0 {
		s.Period = []int64{1 + r.Int64N(59), 60 * (1 + r.Int64N(59)), 3600 * (1 + r.Int64N(48))}[r.IntN(3)]
		in.Step = r.Uint64() >> r.IntN(64)
	}
	return s, in
}

func TestOCRAAgainstNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for range 5000 {
		s, in := randomSuite(r)
		if back, err := ParseSuite(s.String()); err != nil || back != s {
			t.Fatalf("%s reads back as %+v, %v", s, back, err)
		}
		key := randomBytes(r, 1+r.IntN(140))
		want := naiveResponse(t, s.String(), s, key, in)
		if got, err := s.Response(key, in); err != nil || got != want {
			t.Fatalf("%s: Response = %q, %v; want %q", s, got, err, want)
		}
	}
}

func TestQuestionEncoding(t *testing.T) {
	tests := []struct {
		name, suite, question, own string
		want                       string // hexadecimal, before the filling
	}{
		{"A, mixed", "QA08", "a Z~", "", "61205a7e"},
		{"A, two of 64", "QA64", strings.Repeat("a", 64), strings.Repeat("b", 64), strings.Repeat("61", 64) +
			strings.Repeat("62", 64)},
		{"H, even", "QH08", "aBcD", "", "abcd"},
		{"H, odd", "QH08", "12345", "", "12345"},
		{"H, odd joined with odd", "QH08", "123", "456", "123456"},
		{"H, one nibble", "QH08", "f", "", "f"},
		{"H, two of 64", "QH64", strings.Repeat("9", 64), strings.Repeat("e", 64), strings.Repeat("9", 64) +
			strings.Repeat("e", 64)},
		{"N, all zeros", "QN08", "00000000", "", ""},
		{"N, eight ones", "QN08", "11111111", "", "a98ac7"},
		{"N, leading zeros", "QN08", "00000255", "", "ff"},
		{"N, odd nibbles", "QN08", "4095", "", "fff"},
		{"N, joined", "QN08", "40", "95", "fff"},
		{"N, 2^64", "QN64", "18446744073709551616", "", "10000000000000000"},
		{"N, 64 nines", "QN64", strings.Repeat("9", 64), "", bigHex(strings.Repeat("9", 64))},
		{"N, two of 64", "QN64", strings.Repeat("9", 64), strings.Repeat("9", 64), bigHex(strings.Repeat("9", 128))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := mustSuite(t, "OCRA-1:HOTP-SHA1-6:"+tt.suite)
			var got [questionSize]byte
			if reason := s.encodeQuestion(&got, tt.question, tt.own); reason != "" {
				t.Fatal(reason)
			}
			if want := tt.want + strings.Repeat("0", 256-len(tt.want)); hex.EncodeToString(got[:]) != want {
				t.Errorf("got  %x\nwant %s", got, want)
			}
			if !bytes.Equal(got[:], naiveQuestion(t, s.Format, tt.question+tt.own)) {
				t.Error("differs from the way of appendix A")
			}
		})
	}
}

func bigHex(decimal string) string {
	n, _ := new(big.Int).SetString(decimal, 10)
	return n.Text(16)
}

// A PIN and its ready-made hash are the same input, for each hash.
func TestPINHash(t *testing.T) {
	for _, h := range hashes {
		s := mustSuite(t, "OCRA-1:HOTP-SHA256-8:QN08-P"+h.String())
		sum := appendDigest(nil, h, []byte("1234"))
		text, err1 := s.Response(testKey(SHA256), Input{Question: "12345678", PIN: NewSecret([]byte("1234"))})
		made, err2 := s.Response(testKey(SHA256), Input{Question: "12345678", PINHash: NewSecret(sum)})
		if err1 != nil || err2 != nil || text != made {
			t.Errorf("%v: %q, %v; %q, %v", h, text, err1, made, err2)
		}
	}
}

func TestOCRARefusedInput(t *testing.T) {
	pin := NewSecret([]byte("1234"))
	hash20 := NewSecret(make([]byte, 20))
	tests := []struct {
		name, suite string
		in          Input
	}{
		{"A, control character", "QA08", Input{Question: "ab\ncd"}},
		{"A, not ASCII", "QA08", Input{Question: "grün"}},
		{"A, zero byte", "QA08", Input{Question: "ab\x00"}},
		{"H, not hexadecimal", "QH08", Input{Question: "12g4"}},
		{"N, hexadecimal", "QN08", Input{Question: "12a4"}},
		{"N, in own", "QN08", Input{Question: "1234", Own: "12a4"}},
		{"N, sign", "QN08", Input{Question: "-1234"}},
		{"N, space", "QN08", Input{Question: "1234 "}},
		{"PIN and PIN hash", "QN08-PSHA1", Input{Question: "1", PIN: pin, PINHash: hash20}},
		{"PIN empty", "QN08-PSHA1", Input{Question: "1", PIN: NewSecret(nil)}},
		{"PIN hash too short", "QN08-PSHA256", Input{Question: "1", PINHash: hash20}},
		{"PIN hash unasked", "QN08", Input{Question: "1", PINHash: hash20}},
		{"PIN missing", "QN08-PSHA1", Input{Question: "1"}},
		{"PIN unasked", "QN08", Input{Question: "1", PIN: pin}},
		{"counter unasked", "QN08", Input{Question: "1", Counter: 1}},
		{"own too long", "QN08", Input{Question: "1", Own: "123456789"}},
		{"question empty", "QN08", Input{}},
		{"question empty, own given", "QN08", Input{Own: "12345678"}},
		{"question too long", "QN08", Input{Question: "123456789"}},
		{"session missing", "QN08-S064", Input{Question: "1"}},
		{"session too long", "QN08-S064", Input{Question: "1", Session: make([]byte, 65)}},
		{"session unasked", "QN08", Input{Question: "1", Session: []byte("x")}},
		{"step unasked", "QN08", Input{Question: "1", Step: 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := mustSuite(t, "OCRA-1:HOTP-SHA1-6:"+tt.suite)
			if got, err := s.Response([]byte(rfcKey), tt.in); got != "" || !errors.Is(err, ErrInput) {
				t.Errorf("Response = %q, %v; want ErrInput", got, err)
			}
			if at, ok, err := s.Find([]byte(rfcKey), tt.in, "000000", 1000, 1000); at != (Match{}) || ok ||
				!errors.Is(err, ErrInput) {
				t.Errorf("Find = %v, %v, %v; want ErrInput", at, ok, err)
			}
		})
	}
}

func TestOCRARefusedSuiteAndKey(t *testing.T) {
	good := mustSuite(t, "OCRA-1:HOTP-SHA1-6:QN08")
	if _, err := good.Response(nil, Input{Question: "1"}); !errors.Is(err, ErrKeyLength) {
		t.Errorf("empty key: %v", err)
	}
	if _, err := good.TimeStep(0); !errors.Is(err, ErrSuite) {
		t.Errorf("TimeStep without T: %v", err)
	}
	if _, err := mustSuite(t, "OCRA-1:HOTP-SHA1-6:QN08-T1M").TimeStep(-1); !errors.Is(err, ErrTime) {
		t.Errorf("TimeStep before 1970: %v", err)
	}
	bad := map[string]func(*Suite){
		"digits 3":           func(s *Suite) { s.Digits = 3 },
		"format":             func(s *Suite) { s.Format = 'n' },
		"hash":               func(s *Suite) { s.Hash = 0 },
		"length 3":           func(s *Suite) { s.Length = 3 },
		"length 65":          func(s *Suite) { s.Length = 65 },
		"negative period":    func(s *Suite) { s.Period = -60 },
		"period of 49 hours": func(s *Suite) { s.Period = 49 * 3600 },
		"period of 61 s":     func(s *Suite) { s.Period = 61 },
		"period of 61 min":   func(s *Suite) { s.Period = 61 * 60 },
		"pin hash":           func(s *Suite) { s.PIN = 9 },
		"session 513":        func(s *Suite) { s.Session = 513 },
		"session negative":   func(s *Suite) { s.Session = -1 },
		"zero":               func(s *Suite) { *s = Suite{} },
	}
	for name, spoil := range bad {
		s := good
		spoil(&s)
		if s.String() != "invalid" {
			t.Errorf("%s: String = %q", name, s)
		}
		if _, err := s.Response([]byte(rfcKey), Input{Question: "1"}); !errors.Is(err, ErrSuite) {
			t.Errorf("%s: Response: %v", name, err)
		}
		if _, _, err := s.Find([]byte(rfcKey), Input{Question: "1"}, "1", 1, 1); !errors.Is(err, ErrSuite) {
			t.Errorf("%s: Find: %v", name, err)
		}
		if _, err := s.TimeStep(0); !errors.Is(err, ErrSuite) {
			t.Errorf("%s: TimeStep: %v", name, err)
		}
	}
}

func TestOCRAFindWindow(t *testing.T) {
	const top = math.MaxUint64
	s := mustSuite(t, "OCRA-1:HOTP-SHA256-8:C-QN08-T1M")
	key := testKey(SHA256)
	tests := []struct {
		name                  string
		counter, step         uint64 // where the response is from
		fromCounter, fromStep uint64
		counters, steps       int
		found                 bool
	}{
		{"before, counter", 9, 5, 10, 5, 3, 1, false},
		{"before, step", 10, 4, 10, 5, 3, 3, false},
		{"behind, counter", 13, 5, 10, 5, 3, 1, false},
		{"behind, step", 10, 8, 10, 5, 3, 3, false},
		{"corner", 12, 7, 10, 5, 3, 3, true},
		{"does not wrap, counter", 0, 5, top, 5, 3, 1, false},
		{"does not wrap, step", 10, 0, 10, top, 1, 3, false},
		{"empty, counters", 10, 5, 10, 5, 0, 1, false},
		{"empty, steps", 10, 5, 10, 5, 1, 0, false},
		{"exact", 10, 5, 10, 5, 1, 1, true},
		{"negative", 10, 5, 10, 5, -1, math.MinInt, false},
		{"top", top, top, top - 1, top - 1, 100, 100, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := Input{Question: "1234", Counter: tt.counter, Step: tt.step}
			response, err := s.Response(key, in)
			if err != nil {
				t.Fatal(err)
			}
			in.Counter, in.Step = tt.fromCounter, tt.fromStep
			want := Match{}
			if tt.found {
				want = Match{tt.counter, tt.step}
			}
			at, ok, err := s.Find(key, in, response, tt.counters, tt.steps)
			if err != nil || ok != tt.found || at != want {
				t.Errorf("Find = %+v, %v, %v; want %+v, %v", at, ok, err, want, tt.found)
			}
		})
	}
}

// With four digits there are twins: the lowest counter wins, then the lowest step.
func TestOCRAFindLowest(t *testing.T) {
	s := mustSuite(t, "OCRA-1:HOTP-SHA1-4:C-QN08-T30S")
	key := testKey(SHA1)
	in := Input{Question: "1234", Counter: 100, Step: 100}
	const n = 50
	first := map[string]Match{}
	twins := map[string]Match{}
	for c := range uint64(n) {
		for step := range uint64(n) {
			at := Match{in.Counter + c, in.Step + step}
			response, err := s.Response(key, Input{Question: "1234", Counter: at.Counter, Step: at.Step})
			if err != nil {
				t.Fatal(err)
			}
			if low, again := first[response]; again {
				twins[response] = low
			} else {
				first[response] = at
			}
		}
	}
	if len(twins) < 20 {
		t.Fatalf("%d twins in the window, too few to test", len(twins))
	}
	checked := 0
	for response, want := range twins {
		if at, ok, err := s.Find(key, in, response, n, n); err != nil || !ok || at != want {
			t.Errorf("Find(%s) = %+v, %v, %v; want %+v", response, at, ok, err, want)
		}
		if checked++; checked == 20 {
			break
		}
	}
}

// Digits 0 is the whole HMAC.
func TestOCRANoTruncation(t *testing.T) {
	for _, h := range hashes {
		s := mustSuite(t, "OCRA-1:HOTP-"+h.String()+"-0:QN08")
		got, err := s.Response(testKey(h), Input{Question: "12345678"})
		if err != nil || len(got) != 2*h.Size() || got != strings.ToLower(got) {
			t.Errorf("%v: Response = %q, %v", h, got, err)
		}
		if _, ok, _ := s.Find(testKey(h), Input{Question: "12345678"}, strings.ToUpper(got), 1, 1); ok {
			t.Errorf("%v: upper case was found", h)
		}
	}
}
