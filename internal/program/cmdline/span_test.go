package cmdline

import (
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

func TestSpan(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"0": 0, "90s": 90 * time.Second, "30m": 30 * time.Minute,
		"48h": 48 * time.Hour, "3d": 72 * time.Hour, "0d": 0, "1d12h": 36 * time.Hour,
		"1d1m1s": 24*time.Hour + 61*time.Second,
		"1.5h":   90 * time.Minute, "106751d": 106751 * 24 * time.Hour} {
		got, err := ParseSpan(text)
		if err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
		if again, err := ParseSpan(FormatSpan(want)); err != nil || again != want {
			t.Errorf("%v is written %q, which is %v, %v", want, FormatSpan(want), again, err)
		}
	}
	for _, text := range []string{"", "d", "3", "3w", "-3d", "+3d", "-1h", "3d-1h", "3d+1h", "1.5d", "3d3d", "3 d", "3D",
		"106752d", "106751d24h", "99999999999d"} {
		if got, err := ParseSpan(text); err == nil || !strings.Contains(err.Error(), "30m, 12h, 3d") {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
	for d, want := range map[time.Duration]string{30 * time.Minute: "30m", 24 * time.Hour: "1d", 90 * time.Minute: "1h30m",
		36 * time.Hour: "1d12h", 2 * time.Hour: "2h", 90 * time.Second: "1m30s", 10 * time.Second: "10s"} {
		if got := FormatSpan(d); got != want {
			t.Errorf("%v is written %q, want %q", d, got, want)
		}
	}
}

func TestSpanVar(t *testing.T) {
	t.Parallel()
	var d time.Duration
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	SpanVar(flags, &d, "lock", 30*time.Minute, "`TIME` of a lock")
	if usage := flags.FlagUsages(); d != 30*time.Minute || !strings.Contains(usage, "--lock TIME ") ||
		!strings.Contains(usage, "default 30m)") {
		t.Errorf("%v, %s", d, usage)
	}
	if err := flags.Parse([]string{"--lock", "3d"}); err != nil || d != 72*time.Hour {
		t.Errorf("%v, %v", d, err)
	}
	if err := flags.Parse([]string{"--lock", "3 days"}); err == nil || !strings.Contains(err.Error(), "12h, 3d") {
		t.Errorf("%v", err)
	}
}
