package typedcode

import (
	"bytes"
	"errors"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestCanonical(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typed, base32, decimal string // "!" where it is refused
	}{
		{"", "", ""},
		{"01234-56789", "0123456789", "0123456789"},
		{" 012 34--5 ", "012345", "012345"},
		{"abcde-fghjk-mnpqr-stvwx-yz", "ABCDEFGHJKMNPQRSTVWXYZ", "!"},
		{"oOiIlL", "001111", "!"},
		{"U", "!", "!"},
		{"u", "!", "!"},
		{"12\t34", "!", "!"},
		{"12\u00a034", "!", "!"},
		{"12–34", "!", "!"}, // a dash
		{"１２", "!", "!"},
		{"1.2", "!", "!"},
		{strings.Repeat("1", 1025), "!", "!"},
	} {
		for name, read := range map[string]struct {
			f    func(string) (string, error)
			want string
		}{"base32": {CanonicalBase32, c.base32}, "decimal": {CanonicalDecimal, c.decimal}} {
			got, err := read.f(c.typed)
			switch {
			case read.want == "!" && !errors.Is(err, ErrCharacter):
				t.Errorf("%s of %.40q is %q, %v", name, c.typed, got, err)
			case read.want != "!" && (got != read.want || err != nil):
				t.Errorf("%s of %q is %q, %v; want %q", name, c.typed, got, err, read.want)
			}
		}
	}
}

func TestGroup(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "", "12345": "12345", "123456": "12345-6",
		"1234567890ABC": "12345-67890-ABC"} {
		if got := Group(in); got != want {
			t.Errorf("%q is %q", in, got)
		}
	}
}

// Known from Crockford's page: the symbols stand for 0 to 31 in order.
func TestBase32(t *testing.T) {
	t.Parallel()
	for code, bits := range map[string][]byte{
		"":         {},
		"0":        {0},
		"Z":        {0xf8},
		"ZZZZZZZZ": {0xff, 0xff, 0xff, 0xff, 0xff},
		"00000001": {0, 0, 0, 0, 1},
		"04HMASW":  {0x01, 0x23, 0x45, 0x67, 0x80}, // 35 bits: five zeros are left over
	} {
		if got := string(AppendBase32(nil, bits, len(code))); got != code {
			t.Errorf("%x is written %s, want %s", bits, got, code)
		}
		if got := DecodeBase32(code); !bytes.Equal(got, bits) {
			t.Errorf("%s is read %x, want %x", code, got, bits)
		}
	}
}

func TestBase32AgainstBigIntegers(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		n := 1 + r.IntN(40)
		bits := make([]byte, (5*n+7)/8)
		for i := range bits {
			bits[i] = byte(r.Uint32())
		}
		if spare := 8*len(bits) - 5*n; spare > 0 {
			bits[len(bits)-1] &^= 1<<spare - 1
		}
		number := new(big.Int).SetBytes(bits)
		number.Rsh(number, uint(8*len(bits)-5*n))
		want := make([]byte, n)
		for i := n - 1; i >= 0; i-- {
			want[i] = alphabet[new(big.Int).And(number, big.NewInt(31)).Int64()]
			number.Rsh(number, 5)
		}
		code := AppendBase32([]byte("x"), bits, n)
		if string(code) != "x"+string(want) {
			t.Fatalf("%x: %s, want %s", bits, code, want)
		}
		if got := DecodeBase32(string(want)); !bytes.Equal(got, bits) {
			t.Fatalf("%s: %x, want %x", want, got, bits)
		}
	}
}

func TestDecimalAgainstBigIntegers(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		number := make([]byte, 16)
		for i := range number {
			number[i] = byte(r.Uint32())
		}
		if r.IntN(4) == 0 {
			clear(number[:r.IntN(16)])
		}
		want := new(big.Int).SetBytes(number).String()
		want = strings.Repeat("0", 39-len(want)) + want
		if got := string(AppendDecimal([]byte("x"), number, 39)); got != "x"+want {
			t.Fatalf("%x: %s, want %s", number, got, want)
		}
		if got, ok := DecodeDecimal(want, 16); !ok || !bytes.Equal(got, number) {
			t.Fatalf("%s: %x, want %x", want, got, number)
		}
	}
}

func TestDecimalBound(t *testing.T) {
	t.Parallel()
	most := new(big.Int).Lsh(big.NewInt(1), 128)
	if _, ok := DecodeDecimal(most.String(), 16); ok {
		t.Error("2^128 fits into 16 bytes")
	}
	if got, ok := DecodeDecimal(most.Sub(most, big.NewInt(1)).String(), 16); !ok ||
		!bytes.Equal(got, bytes.Repeat([]byte{0xff}, 16)) {
		t.Errorf("2^128-1 is %x, %v", got, ok)
	}
	if _, ok := DecodeDecimal(strings.Repeat("9", 39), 16); ok {
		t.Error("10^39-1 fits into 16 bytes")
	}
}

// What is read is canonical, and reading it again changes nothing.
func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"", "abcde-fghjk", "oil 01", "12345-67890"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		for _, read := range []func(string) (string, error){CanonicalBase32, CanonicalDecimal} {
			code, err := read(typed)
			if err != nil {
				continue
			}
			again, err := read(Group(code))
			if len(Group(code)) > maxTyped && err != nil {
				again, err = read(code) // the hyphens made it longer than what is read
			}
			if err != nil || again != code {
				t.Errorf("%q is read as %q and then as %q, %v", typed, code, again, err)
			}
			bits := DecodeBase32(code)
			if got := string(AppendBase32(nil, bits, len(code))); got != code {
				t.Errorf("%q has the bits %x, which are %q", code, bits, got)
			}
		}
	})
}
