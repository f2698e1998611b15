// Package chart draws the charts of pages, as SVG that stands in the page. It only draws:
// what is counted, and the table that stands beside each chart, is the page's.
//
// A chart has no colours of its own and no style: its parts have classes, which the style
// sheet gives the colours of the look. Each bar bears its number and its name, so there is
// no legend. A chart is one picture to those who hear the page; its table says the rest.
//
// Labels are strangers' text, such as the name of a token type: they are escaped, and cut
// where they would cover something.
package chart

import (
	"fmt"
	"html"
	"html/template"
	"strings"
)

// Tone is what a bar's colour says. The zero one is the accent.
type Tone string

// The tones.
const (
	Accent  Tone = ""
	Good    Tone = "good"
	Warning Tone = "warning"
	Danger  Tone = "danger"
	Quiet   Tone = "quiet"
)

// Part is a part of a bar.
type Part struct {
	N    int64
	Tone Tone
}

// Bar is a number with its name.
type Bar struct {
	Label string
	Parts []Part
	// Text stands behind the bar; the sum of the parts if it is empty.
	Text string
}

func (b Bar) sum() (n int64) {
	for _, p := range b.Parts {
		n += max(p.N, 0)
	}
	return n
}

// The measures of charts. The width is that of a phone's page, so that text is never smaller
// than it is there.
const (
	width      = 336
	rowHeight  = 26
	labelWidth = 118
	textWidth  = 78 // behind a bar
	topSpace   = 18 // above columns, for the highest one's number
	columns    = 112
	footSpace  = 18
)

// Bars draws a bar for each number, one below the other. What is a chart of is its name.
func Bars(what string, bars []Bar) template.HTML {
	most := int64(1)
	for _, b := range bars {
		most = max(most, b.sum())
	}
	room := float64(width - labelWidth - 8 - textWidth)
	s := begin(what, max(len(bars), 1)*rowHeight)
	for i, b := range bars {
		y, x := i*rowHeight, float64(labelWidth+8)
		fmt.Fprintf(s, `<g><title>%s: %s</title>`, escaped(b.Label), escaped(b.text()))
		// An inner picture cuts what is wider than it.
		fmt.Fprintf(s, `<svg y="%d" width="%d" height="%d"><text x="0" y="17">%s</text></svg>`, y, labelWidth, rowHeight,
			escaped(b.Label))
		for _, p := range b.Parts {
			if p.N <= 0 {
				continue
			}
			wide := max(room*float64(p.N)/float64(most), 1)
			fmt.Fprintf(s, `<rect class="bar%s" x="%.1f" y="%d" width="%.1f" height="14"/>`, class(p.Tone), x, y+6, wide)
			x += wide
		}
		fmt.Fprintf(s, `<text class="number" x="%.1f" y="%d">%s</text></g>`, x+6, y+17, escaped(b.text()))
	}
	return end(s)
}

func (b Bar) text() string {
	if b.Text != "" {
		return b.Text
	}
	return fmt.Sprint(b.sum())
}

// Column is a number at a time.
type Column struct {
	Label string // the time
	N     int64
}

// Columns draws a column for each number, side by side; the highest bears its number, and
// the first and the last their times.
func Columns(what string, tone Tone, all []Column) template.HTML {
	most, highest := int64(0), -1
	for i, c := range all {
		if c.N > most {
			most, highest = c.N, i
		}
	}
	s := begin(what, topSpace+columns+footSpace)
	const base = topSpace + columns
	step := float64(width) / float64(max(len(all), 1))
	for i, c := range all {
		high := 0.0
		if c.N > 0 {
			high = max(float64(columns)*float64(c.N)/float64(most), 1)
		}
		fmt.Fprintf(s, `<g><title>%s: %d</title><rect class="area" x="%.1f" y="%d" width="%.1f" height="%d"/>`,
			escaped(c.Label), c.N, float64(i)*step, topSpace, step, columns)
		fmt.Fprintf(s, `<rect class="bar%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/></g>`, class(tone),
			float64(i)*step+step*0.1, base-high, step*0.8, high)
	}
	fmt.Fprintf(s, `<path class="axis" d="M0 %d.5h%d"/>`, base, width)
	if highest >= 0 {
		anchor, x := "middle", (float64(highest)+0.5)*step
		switch {
		case x < 40:
			anchor, x = "start", float64(highest)*step
		case x > width-40:
			anchor, x = "end", float64(highest+1)*step
		}
		fmt.Fprintf(s, `<text class="number" text-anchor="%s" x="%.1f" y="12">%d</text>`, anchor, x, most)
	}
	if n := len(all); n > 0 {
		fmt.Fprintf(s, `<text x="0" y="%d">%s</text>`, base+14, escaped(all[0].Label))
		fmt.Fprintf(s, `<text x="%d" y="%d" text-anchor="end">%s</text>`, width, base+14, escaped(all[n-1].Label))
	}
	return end(s)
}

func begin(what string, height int) *strings.Builder {
	s := &strings.Builder{}
	fmt.Fprintf(s, `<svg class="chart" viewBox="0 0 %d %d" role="img" aria-label="%s">`, width, height, escaped(what))
	return s
}

func end(s *strings.Builder) template.HTML {
	s.WriteString("</svg>")
	return template.HTML(s.String()) //nolint:gosec // all text in it went through escaped
}

func class(t Tone) string {
	if t == Accent {
		return ""
	}
	return " " + string(t)
}

// escaped is text as it stands in a document, also one of XML: what no document may have is
// replaced.
func escaped(text string) string {
	return html.EscapeString(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0xfffe || r == 0xffff {
			return '\ufffd'
		}
		return r
	}, text))
}
