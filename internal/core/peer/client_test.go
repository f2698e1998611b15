package peer

import (
	"strings"
	"testing"
)

// A client is written in one way only, whatever way a gateway writes it: who could be
// written in two ways would be two clients.
func TestClientHasOneSpelling(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"192.0.2.7":               "192.0.2.7",
		"192.0.2.7:4711":          "192.0.2.7",
		"::ffff:192.0.2.7":        "192.0.2.7",
		"::FFFF:c000:207":         "192.0.2.7",
		"[::ffff:192.0.2.7]:80":   "192.0.2.7",
		"2001:DB8:0:0::1":         "2001:db8::1",
		"[2001:db8::1]":           "2001:db8::1",
		"[2001:db8::1]:443":       "2001:db8::1",
		"fe80::1%eth0":            "fe80::1",
		"00-11-22-33-44-55":       "00-11-22-33-44-55",
		"00:11:22:33:44:55":       "00:11:22:33:44:55",
		"branch office, Zürich":   "branch office, Zürich",
		"192.0.2.07":              "192.0.2.07",
		"192.0.2.7/32":            "192.0.2.7/32",
		strings.Repeat("a", 64):   strings.Repeat("a", 64),
		`{"a":"b"}<script>\u0000`: `{"a":"b"}<script>\u0000`,
	} {
		if got, err := Client(text); err != nil || got != want {
			t.Errorf("%q is client %q (%v), want %q", text, got, err, want)
		}
	}
	for _, a := range []string{"2001:db8:1:2::1", "[2001:db8:1:2:ffff::9]:80"} {
		if c, err := Client(a); err != nil || Name(c) != "2001:db8:1:2::/64" {
			t.Errorf("%s is counted by %s (%v)", a, Name(c), err)
		}
	}
}

// Nothing that could break a line of a log or hide in it is a client.
func TestWhatIsNoClient(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", " ", "a ", " 192.0.2.7", "a\nb", "a\x00", "\x1b[31m", "a\u202eb", "a\u200b",
		"\ufeffa", "\xff", "fe80::1%\n", strings.Repeat("a", 65), strings.Repeat("ü", 33)} {
		if c, err := Client(text); err == nil {
			t.Errorf("%q is client %q", text, c)
		}
	}
}
