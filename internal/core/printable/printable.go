// Package printable says which texts that come from elsewhere may be shown to people:
// none that could look like another, break out of its line, or turn it around.
package printable

import (
	"strconv"
	"unicode/utf8"
)

// Check says why a text may not be shown, or returns "". It has 1 to most bytes of
// UTF-8, and holds no control characters, line and paragraph separators, direction
// marks, or characters that are not to be seen.
func Check(text string, most int) (reason string) {
	if text == "" || len(text) > most {
		return "not 1 to " + strconv.Itoa(most) + " bytes"
	}
	if !utf8.ValidString(text) {
		return "not UTF-8"
	}
	for _, r := range text {
		if hidden(r) {
			return "a character that cannot be shown"
		}
	}
	return ""
}

func hidden(r rune) bool {
	switch {
	case r <= 0x1f, 0x7f <= r && r <= 0x9f, // control characters
		r == 0x061c, 0x200b <= r && r <= 0x200f, 0x2028 <= r && r <= 0x202e, // separators, direction marks
		0x2060 <= r && r <= 0x206f, r == 0xfeff, 0xe0000 <= r && r <= 0xe007f: // without width, tags
		return true
	}
	return false
}
