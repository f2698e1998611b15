// Package qr writes text as a QR code (ISO/IEC 18004, model 2) and draws it as
// SVG, as PNG and in a terminal.
//
// What such a code says is usually a secret: a key URI or an activation code.
// Nothing here repeats the text, in an error, a title or a comment; the drawing
// itself is as secret as its text.
package qr

import (
	"errors"
	"fmt"
	"sort"
	"unicode/utf8"

	"rsc.io/qr/coding"
)

// Level is how much of a code may be damaged before it cannot be read.
type Level uint8

// The levels: about 7, 15, 25 and 30 percent of the codewords can be restored.
const (
	L Level = iota
	M
	Q
	H
)

// String is the letter of the level.
func (l Level) String() string { return coding.Level(l).String() }

// QuietZone is the width in modules of the light border that every drawing has
// on each side.
const QuietZone = 4

// ErrText is an empty text, or one that is not valid UTF-8.
var ErrText = errors.New("qr: the text is empty or not UTF-8")

// TooLongError is a text that the largest code cannot hold.
type TooLongError struct {
	Bytes int // of the text
	Max   int // bytes that a text of the same characters may have
	Level Level
}

func (e *TooLongError) Error() string {
	return fmt.Sprintf("qr: the text has %d bytes, but at level %s the maximum is %d", e.Bytes, e.Level, e.Max)
}

// Code is a square of dark and light modules. However it is printed or logged,
// an address comes out and not its content.
type Code struct {
	// A closure is the one thing that package fmt with its odder verbs cannot
	// follow.
	matrix func() *coding.Code
}

// Encode writes a text, which must be UTF-8 and not empty, into the smallest code
// of a level that holds it, in the most compact of the modes: digits; digits,
// capitals and " $%*+-./:"; bytes. Other than ASCII is declared as UTF-8. A text
// too long for any code is a *TooLongError: at level L that is one of more than
// 7089 digits, 4296 characters of the second kind, or 2953 bytes.
func Encode(text string, level Level) (*Code, error) {
	if level > H {
		return nil, fmt.Errorf("qr: there is no level %d", level)
	}
	if text == "" || !utf8.ValidString(text) {
		return nil, ErrText
	}
	write := modeOf(text)
	for v := coding.Version(coding.MinVersion); v <= coding.MaxVersion; v++ {
		if parts := write(text); fits(parts, v, level) {
			return build(parts, v, level)
		}
	}
	longest := sort.Search(len(text), func(n int) bool { return !fits(write(text[:n+1]), coding.MaxVersion, level) })
	return nil, &TooLongError{Bytes: len(text), Max: longest, Level: level}
}

// Size is the number of modules on a side without the quiet zone, 21 to 177.
func (c *Code) Size() int { return c.matrix().Size }

// Black tells a dark module; x counts from the left, y from the top. Outside all
// modules are light.
func (c *Code) Black(x, y int) bool { return c.matrix().Black(x, y) }

// modeOf chooses the most compact mode (section 7.3) that can write a text.
func modeOf(text string) func(string) []coding.Encoding {
	switch {
	case coding.Num(text).Check() == nil:
		return func(s string) []coding.Encoding { return []coding.Encoding{coding.Num(s)} }
	case coding.Alpha(text).Check() == nil:
		return func(s string) []coding.Encoding { return []coding.Encoding{coding.Alpha(s)} }
	case isASCII(text):
		return func(s string) []coding.Encoding { return []coding.Encoding{coding.String(s)} }
	}
	return func(s string) []coding.Encoding { return []coding.Encoding{utf8Follows{}, coding.String(s)} }
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// utf8Follows is the header that declares the bytes after it to be UTF-8:
// Extended Channel Interpretation 26 (section 7.4.2). Without it readers guess,
// and some guess wrong.
type utf8Follows struct{}

func (utf8Follows) Check() error            { return nil }
func (utf8Follows) Bits(coding.Version) int { return 4 + 8 }

func (utf8Follows) Encode(b *coding.Bits, _ coding.Version) {
	b.Write(0b0111, 4)
	b.Write(26, 8)
}

func fits(parts []coding.Encoding, v coding.Version, level Level) bool {
	bits := 0
	for _, p := range parts {
		bits += p.Bits(v)
	}
	return bits <= 8*v.DataBytes(coding.Level(level))
}

// build writes parts into a code under each of the eight masks and takes the one
// that is easiest to read (section 7.8).
func build(parts []coding.Encoding, v coding.Version, level Level) (*Code, error) {
	var best *coding.Code
	lowest := 0
	for mask := coding.Mask(0); mask < 8; mask++ {
		plan, err := coding.NewPlan(v, coding.Level(level), mask)
		if err != nil {
			return nil, fmt.Errorf("qr: version %d: %w", v, err)
		}
		c, err := plan.Encode(parts...)
		if err != nil {
			// The library's error may quote the text.
			return nil, fmt.Errorf("qr: version %d cannot be written", v)
		}
		if p := penalty(c); best == nil || p < lowest {
			best, lowest = c, p
		}
	}
	return &Code{func() *coding.Code { return best }}, nil
}
