package printable

import "testing"

func TestCheck(t *testing.T) {
	t.Parallel()
	for text, good := range map[string]bool{
		"a": true, "Bank of Examples": true, "Zürich 銀行 😀": true, "\u00a0": true, "\u2027\u202f\u205f\u2070": true,
		"0123456789abcdefghijklmnopqrstuv": true,
		"":                                 false, "0123456789abcdefghijklmnopqrstuvw": false, "a\xff": false,
		"\xed\xa0\x80": false,
		"a\x00":        false, "a\nb": false, "\x1f": false, "\x7f": false, "\u0080": false, "\u009f": false,
		"\u061c": false, "\u200b": false, "\u200f": false,
		"\u2028": false, "\u202e": false, "\u2060": false, "\u206f": false, "\ufeff": false, "\U000e0000": false,
		"\U000e007f": false,
	} {
		if reason := Check(text, 32); (reason == "") != good {
			t.Errorf("%q: %q", text, reason)
		}
	}
}
