package printable

import (
	"testing"
	"unicode"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for text, good := range map[string]bool{
		"a": true, "Bank of Examples": true, "Zürich 銀行 😀": true, "a\u00a0b": true, "\u2027\u2070": true,
		"a\u202f\u205fb": true, "e\u0301": true, "\u2801": true,
		"0123456789abcdefghijklmnopqrstuv": true,
		"":                                 false, "0123456789abcdefghijklmnopqrstuvw": false, "a\xff": false,
		"\xed\xa0\x80": false,
		"a\x00":        false, "a\nb": false, "\x1f": false, "\x7f": false, "\u0080": false, "\u009f": false,
		"\u061c": false, "\u200b": false, "\u200f": false,
		"\u2028": false, "\u202e": false, "\u2060": false, "\u206f": false, "\ufeff": false, "\U000e0000": false,
		"\U000e007f": false,
		"A\u3164":    false, "\u3164": false, "A\uffa0": false, "A\u115fB": false, "A\u1160": false, "A\ufe0f": false,
		"❤\ufe0f": false, "A\u00adB": false, "A\u034fB": false, "A\u180e": false, "A\U000e0100": false,
		"A\u17b4": false, "A\ufffb": false, "A\U0001d173": false,
		"A ": false, " A": false, "A\u00a0": false, "\u3000A": false, "A\u2007": false, "\u2800": false, "A\u2800": false,
		" ": false,
	} {
		if reason := Check(text, 32); (reason == "") != good {
			t.Errorf("%q: %q", text, reason)
		}
	}
}

// Whatever Unicode says is ignorable when it is shown, is not shown text; and so is no
// space at an end.
func TestWhatIsNotToBeSeenIsRefused(t *testing.T) {
	t.Parallel()
	n := 0
	for _, table := range []*unicode.RangeTable{unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector,
		unicode.Cf, unicode.Cc, unicode.Zl, unicode.Zp} {
		for r := rune(0); r <= unicode.MaxRune; r++ {
			// Marks of numbers in Arabic, Syriac, Kaithi and Egyptian are seen.
			seen := unicode.In(r, unicode.Prepended_Concatenation_Mark) || 0x13430 <= r && r <= 0x1343f
			if unicode.Is(table, r) && !seen {
				if n++; Check("a"+string(r)+"b", 32) == "" {
					t.Errorf("%U may be shown", r)
				}
			}
		}
	}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if unicode.Is(unicode.Zs, r) && (!Blank("a"+string(r)) || !Blank(string(r)+"a") || Blank("a"+string(r)+"a")) {
			t.Errorf("%U at an end", r)
		}
	}
	if n < 300 {
		t.Errorf("only %d characters were looked at", n)
	}
}

// What was stored under the former rules is still read.
func TestCheckKept(t *testing.T) {
	t.Parallel()
	for text, good := range map[string]bool{"A ": true, "❤\ufe0f": true, "A\u3164": true, "a\u202eb": false, "": false,
		"a\x00": false} {
		if reason := CheckKept(text, 32); (reason == "") != good {
			t.Errorf("%q: %q", text, reason)
		}
	}
}

// What a spreadsheet would compute is text there.
func TestCell(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "", "a=b": "a=b", "1": "1", "=1": "'=1", "+1": "'+1", "-1": "'-1",
		"@a": "'@a", "\t=1": "'\t=1", "\r=1": "'\r=1", "'=1": "'=1"} {
		if got := Cell(text); got != want {
			t.Errorf("%q is the cell %q, want %q", text, got, want)
		}
	}
}
