package cmdline

import "testing"

func TestPrintable(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain text":     "plain text",
		"Zürich 東京":      "Zürich 東京",
		"a\tb\nc":        `a\tb\nc`,
		"\x1b]0;x\x07":   `\x1b]0;x\a`,
		"\u202eevil":     `\u202eevil`,
		"\u009b31m":      `\u009b31m`,
		"not utf-8 \xff": `not utf-8 ` + "\uFFFD",
	} {
		if got := Printable(in); got != want {
			t.Errorf("%q: %q, not %q", in, got, want)
		}
	}
}

func TestShellQuote(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "''", "a-1.b": "a-1.b", "a b": "'a b'", "it's": `'it'\''s'`, "$x": "'$x'", "~": "'~'"} {
		if got := ShellQuote(in); got != want {
			t.Errorf("%q: %s, not %s", in, got, want)
		}
	}
}
