package qr

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"rsc.io/qr/coding"

	"ostiary/internal/formats/qr/scan"
)

const (
	digits = "0123456789"
	base45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:" // RFC 9285, the alphanumeric mode
	ascii  = "otpauth://totp/a?secret=GEZDGNBV"
)

// long is a text of n of the characters of set.
func long(set string, n int) string { return strings.Repeat(set, n/len(set)+1)[:n] }

func encode(t *testing.T, text string, level Level) *Code {
	t.Helper()
	c, err := Encode(text, level)
	if err != nil {
		t.Fatalf("%d bytes at level %s: %v", len(text), level, err)
	}
	return c
}

// The capacities are those of ISO/IEC 18004:2015 table 7: a code of the version
// holds so many characters, and one more takes the next version.
func TestSmallestVersion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		set     string
		level   Level
		max     int
		version int
	}{
		{digits, L, 41, 1}, {digits, M, 34, 1}, {digits, Q, 27, 1}, {digits, H, 17, 1},
		{base45, L, 25, 1}, {base45, M, 20, 1}, {base45, Q, 16, 1}, {base45, H, 10, 1},
		{ascii, L, 17, 1}, {ascii, M, 14, 1}, {ascii, Q, 11, 1}, {ascii, H, 7, 1},
		{digits, M, 432, 9}, {base45, M, 262, 9}, {ascii, M, 180, 9},
		{digits, M, 513, 10}, {base45, M, 311, 10}, {ascii, M, 213, 10},
		{digits, L, 3283, 26}, {base45, L, 1990, 26}, {ascii, L, 1367, 26},
		{digits, L, 3517, 27}, {base45, L, 2132, 27}, {ascii, L, 1465, 27},
	} {
		for n, version := range map[int]int{c.max: c.version, c.max + 1: c.version + 1} {
			if got := encode(t, long(c.set, n), c.level).Size(); got != 17+4*version {
				t.Errorf("%d of %q at level %s: %d modules, want version %d", n, c.set, c.level, got, version)
			}
		}
	}
}

// A message of 133 bytes is 200 characters of base45. In capitals it takes version
// 8; in bytes, as the same in small letters shows, it would take version 10.
func TestMessageIsAlphanumeric(t *testing.T) {
	t.Parallel()
	message := "OST1:" + long(base45, 200)
	if got := encode(t, message, M).Size(); got != 17+4*8 {
		t.Errorf("%d modules, want version 8", got)
	}
	if got := encode(t, strings.ToLower(message), M).Size(); got != 17+4*10 {
		t.Errorf("in small letters: %d modules, want version 10", got)
	}
}

func TestTooLong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		set   string
		level Level
		max   int
	}{
		{digits, L, 7089}, {digits, M, 5596}, {digits, Q, 3993}, {digits, H, 3057},
		{base45, L, 4296}, {base45, M, 3391}, {base45, Q, 2420}, {base45, H, 1852},
		{ascii, L, 2953}, {ascii, M, 2331}, {ascii, Q, 1663}, {ascii, H, 1273},
		{"ä", L, 2952}, // two bytes each, and less 12 bits to say so
	} {
		if got := encode(t, long(c.set, c.max), c.level).Size(); got != 177 {
			t.Errorf("%d of %q at level %s: %d modules", c.max, c.set, c.level, got)
		}
		text := long(c.set, c.max+len(c.set))
		_, err := Encode(text, c.level)
		e, ok := errors.AsType[*TooLongError](err)
		if !ok || e.Max != c.max || e.Bytes != len(text) || e.Level != c.level {
			t.Errorf("%d of %q at level %s: %v, want at most %d", len(text), c.set, c.level, err, c.max)
			continue
		}
		want := fmt.Sprintf("qr: the text has %d bytes, but at level %s the maximum is %d", len(text), c.level, c.max)
		if e.Error() != want {
			t.Errorf("error %q, want %q", e, want)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"empty": "", "not UTF-8": "caf\xe9"} {
		if _, err := Encode(text, M); !errors.Is(err, ErrText) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Encode("text", H+1); err == nil {
		t.Error("a level beyond H is accepted")
	}
}

// Every version, filled to the last byte, is read by a decoder that is not ours.
func TestEveryVersionIsRead(t *testing.T) {
	t.Parallel()
	for v := 1; v <= 40; v++ {
		level := Level(v % 4)
		header := 4 + 8 // mode and length in bits
		if v > 9 {
			header = 4 + 16
		}
		n := (8*coding.Version(v).DataBytes(coding.Level(level)) - header) / 8
		text := long(ascii, n)
		c := encode(t, text, level)
		if c.Size() != 17+4*v {
			t.Errorf("version %d level %s: %d modules", v, level, c.Size())
		}
		if got, err := scan.Decode(raster(t, c, 3)); got != text {
			t.Errorf("version %d level %s: %v", v, level, err)
		}
	}
}

// The bit maps of other texts would show in what is printed.
func TestPrintsNothing(t *testing.T) {
	t.Parallel()
	c := encode(t, long(base45, 500), M)
	for _, value := range []any{c, *c, struct{ Code *Code }{c}, []Code{*c}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			if got := fmt.Sprintf(verb, value); len(got) > 120 {
				t.Errorf("%s of %T prints %d bytes", verb, value, len(got))
			}
		}
	}
	//lint:ignore SA9005 that nothing comes of it is what is tested
	if b, err := json.Marshal(c); err != nil || string(b) != "{}" {
		t.Errorf("JSON %s, %v", b, err)
	}
}

func TestLinePenalty(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]int{
		"0101010101":     0,
		"1111":           0,
		"11111":          3,
		"01111110":       3 + 1,
		"000001111111":   3 + 3 + 2,
		"1011101":        40 + 40, // between the quiet zones
		"11011101000011": 40,      // four light ones after it
		"11000010111011": 40,      // four light ones before it
		"110111010001":   0,       // three are too few
	} {
		if got := linePenalty(len(line), func(i int) bool { return line[i] == '1' }); got != want {
			t.Errorf("%q: %d, want %d", line, got, want)
		}
	}
}

// Under the first mask a run of f gives a plain area, where a camera loses count.
func TestMaskBreaksPlainAreas(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("f", 200)
	c := encode(t, text, M)
	plan, err := coding.NewPlan(coding.Version((c.Size()-17)/4), coding.M, 0)
	if err != nil {
		t.Fatal(err)
	}
	first, err := plan.Encode(coding.String(text))
	if err != nil {
		t.Fatal(err)
	}
	if chosen, plain := penalty(c.matrix()), penalty(first); 3*chosen > plain {
		t.Errorf("the mask chosen has a penalty of %d, the first one %d", chosen, plain)
	}
}

// Half of a matrix is dark, or all of it.
func TestSharePenalty(t *testing.T) {
	t.Parallel()
	checkers := func(dark func(x, y int) bool) *coding.Code {
		c := &coding.Code{Size: 20, Stride: 3, Bitmap: make([]byte, 60)}
		for y := range 20 {
			for x := range 20 {
				if dark(x, y) {
					c.Bitmap[y*3+x/8] |= 0x80 >> (x % 8)
				}
			}
		}
		return c
	}
	even := func(x, y int) bool { return (x+y)%2 == 0 }
	if got := penalty(checkers(even)); got != 0 {
		t.Errorf("a chessboard: %d, want 0", got)
	}
	all := penalty(checkers(func(int, int) bool { return true }))
	if want := 2*20*(3+15) + 19*19*3 + 10*10; all != want {
		t.Errorf("all dark: %d, want %d", all, want)
	}
}
