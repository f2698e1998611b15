package chart_test

import (
	"encoding/xml"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"ostiary/internal/doors/look/chart"
)

// read reads a drawing as XML, and gives its elements and its text.
func read(t *testing.T, drawing string) (elements []xml.StartElement, text string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(drawing))
	for {
		tok, err := d.Token()
		if err == io.EOF {
			return elements, text
		} else if err != nil {
			t.Fatalf("%v in %s", err, drawing)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			elements = append(elements, tok.Copy())
		case xml.CharData:
			text += string(tok) + "\n"
		}
	}
}

const hostile = "</text><script>x</script>\" onload=\"x\x00\x0b"

// Text of strangers stays text, and a drawing has no style and no handlers.
func TestHostileText(t *testing.T) {
	t.Parallel()
	for _, drawing := range []string{
		string(chart.Bars(hostile, []chart.Bar{{Label: hostile, Parts: []chart.Part{{N: 3}}, Text: hostile}})),
		string(chart.Columns(hostile, chart.Danger, []chart.Column{{Label: hostile, N: 3}})),
	} {
		elements, text := read(t, drawing)
		if !strings.Contains(text, `</text><script>x</script>" onload="x`+"\ufffd\ufffd") {
			t.Errorf("the text is not there: %q", text)
		}
		for _, e := range elements {
			if e.Name.Local == "script" {
				t.Errorf("a script is in %s", drawing)
			}
			for _, a := range e.Attr {
				if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "style" {
					t.Errorf("%s has %s", e.Name.Local, a.Name.Local)
				}
			}
		}
	}
}

// widths are those of the bars with a class.
func numbers(t *testing.T, drawing, name, class string) (all []float64) {
	t.Helper()
	for _, m := range regexp.MustCompile(`<rect class="`+class+`"[^>]* `+name+`="([0-9.]+)"`).FindAllStringSubmatch(drawing, -1) {
		n, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, n)
	}
	return all
}

// Bars are as long as their numbers say, the parts of one side by side; the smallest can be
// seen, and nothing has none.
func TestBars(t *testing.T) {
	t.Parallel()
	drawing := string(chart.Bars("Tokens", []chart.Bar{
		{Label: "many", Parts: []chart.Part{{N: 600}, {N: 200, Tone: chart.Warning}}},
		{Label: "half", Parts: []chart.Part{{N: 400}}},
		{Label: "one", Parts: []chart.Part{{N: 1}}, Text: "just one"},
		{Label: "none", Parts: []chart.Part{{N: 0}}},
	}))
	_, text := read(t, drawing)
	bars, parts := numbers(t, drawing, "width", "bar"), numbers(t, drawing, "width", "bar warning")
	if len(bars) != 3 || len(parts) != 1 || bars[0] != 1.5*bars[1] || bars[0] != 3*parts[0] || bars[2] < 1 {
		t.Errorf("bars %v, parts %v", bars, parts)
	}
	if at := numbers(t, drawing, "x", "bar warning"); at[0] != 126+bars[0] {
		t.Errorf("the second part is at %v, behind %v", at, bars[0])
	}
	for _, want := range []string{"\nmany\n", "\n800\n", "\njust one\n", "\n0\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %q", want, text)
		}
	}
	if !strings.Contains(drawing, `role="img" aria-label="Tokens"`) {
		t.Error("the drawing has no name")
	}
}

// The highest column reaches the top and bears its number, wherever it stands.
func TestColumns(t *testing.T) {
	t.Parallel()
	for at, anchor := range map[int]string{0: "start", 15: "middle", 29: "end"} {
		all := make([]chart.Column, 30)
		for i := range all {
			all[i] = chart.Column{Label: strconv.Itoa(i) + " May", N: 1}
		}
		all[at].N = 4711
		drawing := string(chart.Columns("Codes", chart.Danger, all))
		high := numbers(t, drawing, "height", "bar danger")
		if len(high) != 30 || high[at] != 112 || high[(at+1)%30] != 1 {
			t.Errorf("columns %v", high)
		}
		if !regexp.MustCompile(`text-anchor="` + anchor + `"[^>]*>4711<`).MatchString(drawing) {
			t.Errorf("the number of column %d does not stand at its %s: %s", at, anchor, drawing)
		}
		if _, text := read(t, drawing); !strings.Contains(text, "\n0 May\n") || !strings.Contains(text, "\n29 May\n") {
			t.Errorf("times in %q", text)
		}
	}
	for _, none := range [][]chart.Column{nil, {{Label: "today"}}} {
		if drawing := string(chart.Columns("Codes", chart.Accent, none)); strings.Contains(drawing, "number") {
			t.Errorf("of nothing: %s", drawing)
		}
	}
}
