// Package printable says which texts that come from elsewhere may be shown to people:
// none that could look like another, break out of its line, or turn it around.
package printable

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Check says why a text may not be shown, or returns "". It has 1 to most bytes of
// UTF-8, holds no character that is [Hidden], and neither begins nor ends with a space
// of any kind: "A" and "A " would be shown alike.
func Check(text string, most int) (reason string) {
	if reason := CheckKept(text, most); reason != "" {
		return reason
	}
	if strings.ContainsFunc(text, Hidden) {
		return "an invisible character"
	}
	if Blank(text) {
		return "a space at the beginning or the end"
	}
	return ""
}

// CheckKept is Check by the rules that it had at first, for what was stored under them:
// no control characters, line and paragraph separators, direction marks, and of the
// characters that are not to be seen the commonest.
func CheckKept(text string, most int) (reason string) {
	if text == "" || len(text) > most {
		return "not 1 to " + strconv.Itoa(most) + " bytes"
	}
	if !utf8.ValidString(text) {
		return "not UTF-8"
	}
	if strings.ContainsFunc(text, controls) {
		return "a character that cannot be shown"
	}
	return ""
}

// Blank reports whether a text begins or ends with a space of any kind.
func Blank(text string) bool { return Trim(text) != text }

// Trim takes away the spaces of any kind at both ends.
func Trim(text string) string { return strings.TrimFunc(text, space) }

// space are the characters of Unicode's category Zs, and U+2800, a pattern of no dots.
func space(r rune) bool {
	switch {
	case r == ' ', r == 0xa0, r == 0x1680, 0x2000 <= r && r <= 0x200a, r == 0x202f, r == 0x205f, r == 0x2800,
		r == 0x3000:
		return true
	}
	return false
}

// Hidden reports whether a character is not to be seen, or changes what stands beside
// it: control characters, separators, direction marks, fillers, variation selectors, and
// the rest of Unicode's Default_Ignorable_Code_Point, whether or not it is assigned.
// The ranges are written out, so that every version of every program agrees.
func Hidden(r rune) bool {
	switch {
	case controls(r), r == 0xad, r == 0x034f, 0x115f <= r && r <= 0x1160, 0x17b4 <= r && r <= 0x17b5, // fillers, joiners
		0x180b <= r && r <= 0x180f, r == 0x3164, 0xfe00 <= r && r <= 0xfe0f, r == 0xffa0, // selectors, fillers
		0xfff0 <= r && r <= 0xfffb, 0x1bca0 <= r && r <= 0x1bca3, 0x1d173 <= r && r <= 0x1d17a, // formats
		0xe0000 <= r && r <= 0xe0fff: // tags, selectors
		return true
	}
	return false
}

func controls(r rune) bool {
	switch {
	case r <= 0x1f, 0x7f <= r && r <= 0x9f, // control characters
		r == 0x061c, 0x200b <= r && r <= 0x200f, 0x2028 <= r && r <= 0x202e, // separators, direction marks
		0x2060 <= r && r <= 0x206f, r == 0xfeff, 0xe0000 <= r && r <= 0xe007f: // without width, tags
		return true
	}
	return false
}

// Cell gives a text as a cell of a table that a spreadsheet reads: what would be a formula
// there gets an apostrophe before it.
func Cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}
