package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"ostiary/internal/engine/integrity"
	"ostiary/internal/store"
)

// What the command says of a database that it accepted is so in each case: nothing is called
// lost where nothing is, and a fence is not said to lack what is there.
func TestAcceptedSaysWhatIsSo(t *testing.T) {
	t.Parallel()
	at := time.Date(2027, 3, 3, 12, 0, 0, 0, time.UTC)
	behind := integrity.Restored{Marked: true, Behind: true, Entries: 10, MarkEntries: 12, MarkTime: at, Until: at}
	for name, c := range map[string]struct {
		restored integrity.Restored
		says     []string
		not      []string
	}{
		"an older copy": {behind, []string{"Lost: at least 2 entries, from ", "were used since then work again",
			"as they were then"}, []string{"fence"}},
		"a copy that went on": {integrity.Restored{Marked: true, Behind: true, Entries: 13, MarkEntries: 12, MarkTime: at},
			[]string{"not known what is lost: this copy is older"}, []string{"Lost:", "0 entries"}},
		"no mark": {integrity.Restored{Entries: 10}, []string{"not known what is lost, because the mark was lost",
			"as they were then"}, []string{"Nothing is lost"}},
		"an older copy, fenced": {func() integrity.Restored {
			r := behind
			r.Fenced = &store.Fenced{Time: 1, Events: 2}
			return r
		}(), []string{"\nThe fence does not cover the following:\n- Tokens that were imported after the copy was made",
			"\n- HOTP tokens of which", "token list --fenced"}, []string{"all the same", "work again: resynchronize"}},
		"taken back": {integrity.Restored{Marked: true, Entries: 10, MarkEntries: 10, MarkTime: at, From: "there",
			Fenced: &store.Fenced{Time: 1}}, []string{"It was moved to there, and is taken back. What happened there is lost.",
			"\nThe fence does not cover the following:", "as they were then"}, []string{"Nothing is lost", "all the same"}},
		"no HOTP tokens": {func() integrity.Restored {
			r := behind
			r.Fenced = &store.Fenced{Time: 1}
			return r
		}(), []string{"- Tokens that were imported"}, []string{"- HOTP tokens", "token list --fenced"}},
		"nothing lost": {integrity.Restored{Marked: true, Entries: 10, MarkEntries: 10, MarkTime: at,
			Fenced: &store.Fenced{Time: 1}}, []string{"Nothing is lost", "If this is an older copy all the same, because an " +
			"older mark was restored with it or it was accepted before, the fence does not cover"},
			[]string{"\nThe fence", "as they were then"}},
	} {
		var out bytes.Buffer
		a := &app{Env: &Env{Stdout: &out}}
		if err := a.tellRestored(c.restored); err != nil {
			t.Fatal(err)
		}
		for _, text := range c.says {
			if !strings.Contains(out.String(), text) {
				t.Errorf("%s: it does not say %q:\n%s", name, text, out.String())
			}
		}
		for _, text := range c.not {
			if strings.Contains(out.String(), text) {
				t.Errorf("%s: it says %q:\n%s", name, text, out.String())
			}
		}
	}
}
