package look

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"testing"
)

// tokens are the colours of the style sheet: light, then dark.
func tokens(t *testing.T) map[string][2]string {
	t.Helper()
	text, err := os.ReadFile("../../../web/console/tokens.css")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][2]string{}
	for _, m := range regexp.MustCompile(`--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);`).FindAllStringSubmatch(
		string(text), -1) {
		all[m[1]] = [2]string{m[2], m[3]}
	}
	return all
}

// contrast is that of WCAG 2.2.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	luminance := func(colour string) float64 {
		sum := 0.0
		for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
			n, err := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8)
			if err != nil {
				t.Fatalf("%s is no colour: %v", colour, err)
			}
			c := float64(n) / 255
			if c <= 0.04045 {
				c /= 12.92
			} else {
				c = math.Pow((c+0.055)/1.055, 2.4)
			}
			sum += weight * c
		}
		return sum
	}
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// TestContrast: whatever stands on something can be read, and what has a shape seen.
func TestContrast(t *testing.T) {
	t.Parallel()
	const text, shape = 4.5, 3
	grounds := []string{"ground", "surface", "sunken"}
	pairs := []struct {
		on    []string
		what  []string
		least float64
	}{
		{grounds, []string{"ink", "second", "third", "accent", "good", "warning", "danger"}, text},
		{[]string{"accent-soft"}, []string{"ink", "second", "accent", "good", "warning", "danger"}, text},
		{[]string{"good-soft"}, []string{"ink", "second", "good"}, text},
		{[]string{"warning-soft"}, []string{"ink", "second", "warning"}, text},
		{[]string{"danger-soft"}, []string{"ink", "second", "danger"}, text},
		{[]string{"accent"}, []string{"on-accent"}, text},
		{[]string{"danger"}, []string{"on-danger"}, text},
		{grounds, []string{"border"}, shape},
	}
	all, seen := tokens(t), map[string]bool{}
	for _, p := range pairs {
		for _, on := range p.on {
			for _, what := range p.what {
				for i, theme := range []string{"light", "dark"} {
					seen[on], seen[what] = true, true
					if got := contrast(t, all[on][i], all[what][i]); got < p.least {
						t.Errorf("%s: %s on %s has %.2f : 1, and %.1f are the least", theme, what, on, got, p.least)
					}
				}
			}
		}
	}
	for name := range all {
		if !seen[name] && name != "line" { // which is between things that do not need it
			t.Errorf("no pair has the colour %s", name)
		}
	}
}
