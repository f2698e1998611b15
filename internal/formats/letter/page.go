package letter

import (
	"errors"
	"slices"
	"strings"

	"ostiary/activation"
	"ostiary/internal/formats/qr"
)

// Where things stand, in mm from the upper left corner of the page.
const (
	top   = 24.0 // baseline of the first line
	left  = 25.0
	right = 185.0
	width = right - left

	qrSide = 52.0 // without the quiet zone, which the space around it is
	column = 98.0 // beside the QR code
	indent = 8.0  // of steps, behind the number
	inset  = 6.0  // of the panel

	groups = 6    // of a code in one line
	ascent = 0.75 // where the baseline is in a line, from above
)

var (
	sender  = style{bold, 13, 5.5, black}
	note    = style{regular, 9, 4.3, grey}
	title   = style{bold, 23, 9, black}
	body    = style{regular, 11, 5.3, black}
	strong  = style{bold, 11, 5.3, black}
	typed   = style{mono, 18, 8, black}
	counted = style{mono, 15, 6.7, black} // the event counter code, which may be long
)

// The longest codes of package activation, which are never cut.
const (
	maxSerial = 18
	maxCode   = 45
	maxERC    = 82
)

// add adds the page of a letter.
func (d *document) add(l *Letter) error {
	switch {
	case l.Serial == "" || len(l.Code) == 0:
		return errors.New("the serial or the activation code is missing")
	case len(l.Serial) > maxSerial || len(l.Code) > maxCode || len(l.ERC) > maxERC:
		return errors.New("the serial, the activation code or the event counter code is too long")
	}
	code, err := qr.Encode(string(l.QRBody), qr.M)
	if err != nil {
		return err
	}
	d.pdf.AddPage()
	y := d.heading(l)
	d.drawQR(code, right-qrSide, y)
	d.caption(l.Texts.Scan, y+qrSide)
	y = max(d.steps(l, y), y+qrSide+12)
	y = d.panel(l, y+2)
	d.ending(l, y+11)
	return d.pdf.Error()
}

// heading says who the letter is from and for, and returns where what follows begins.
func (d *document) heading(l *Letter) float64 {
	date := d.printable(l.Texts.dated(d.made))
	d.use(note)
	d.pdf.Text(right-d.pdf.GetStringWidth(date), top, date)
	y := d.lines(sender, left, top, d.wrap(sender, width-40, 2, l.Issuer))
	y = d.lines(note, left, y, d.wrap(note, width-40, 1, l.Profile))
	d.rule(y)
	y += 15
	y = d.lines(title, left, y, d.wrap(title, width, 1, l.Texts.Title))
	if l.User != "" {
		y = d.lines(body, left, y, d.wrap(body, width, 1, put(l.Texts.For, "user", l.User)))
	}
	return y + 6
}

// rule draws a line across the page.
func (d *document) rule(y float64) {
	d.pdf.SetDrawColor(int(light), int(light), int(light))
	d.pdf.SetLineWidth(0.3)
	d.pdf.Line(left, y, right, y)
}

// drawQR draws a code as one area, so that no seams show between its modules.
func (d *document) drawQR(code *qr.Code, x0, y0 float64) {
	n := code.Size()
	module := qrSide / float64(n)
	for row := range n {
		for col := 0; col < n; col++ {
			first := col
			for code.Black(col, row) {
				col++
			}
			if col > first {
				d.bar(x0+float64(first)*module, y0+float64(row)*module, float64(col-first)*module, module)
			}
		}
	}
	d.pdf.SetFillColor(int(black), int(black), int(black))
	d.pdf.DrawPath("F")
}

// bar adds a box to the area that is filled next.
func (d *document) bar(x, y, w, h float64) {
	d.pdf.MoveTo(x, y)
	d.pdf.LineTo(x+w, y)
	d.pdf.LineTo(x+w, y+h)
	d.pdf.LineTo(x, y+h)
	d.pdf.ClosePath()
}

// caption stands under the QR code, beyond its quiet zone.
func (d *document) caption(words string, bottom float64) {
	words = d.wrap(note, qrSide, 1, words)[0]
	d.use(note)
	d.pdf.Text(right-(qrSide+d.pdf.GetStringWidth(words))/2, bottom+9.5, words)
}

// steps says what to do, in order, beside the QR code.
func (d *document) steps(l *Letter, y float64) float64 {
	y += 3.5 // the first line is as high as the QR code
	for i, step := range instructions(l) {
		d.line(strong, left, y, string(rune('1'+i)))
		y = d.lines(body, left+indent, y, d.wrap(body, column-indent, 6, step)) + 2.6
	}
	return y
}

// instructions are the steps in words.
func instructions(l *Letter) []string {
	t := l.Texts
	add, first := t.Add, t.First
	if l.ERC != "" {
		add = t.AddERC
	}
	switch {
	case l.Pair && l.Binding:
		first = t.TwoDerivation
	case l.Pair:
		first = t.Two
	case l.Binding:
		first = t.FirstDerivation
	}
	if l.Server != "" {
		first += " " + put(t.Page, "server", l.Server)
	}
	steps := []string{t.Install, add}
	if l.Password {
		steps = append(steps, t.Password)
	}
	return append(steps, t.PIN, first, t.Done)
}

// entry is a line of the panel, or several.
type entry struct {
	name  string
	style style
	lines []string
}

// panel holds what may be typed, and returns its lower edge.
func (d *document) panel(l *Letter, upper float64) float64 {
	serial := l.Texts.Serial
	if l.Here != "" {
		serial += " (Server: " + l.Here + ")" // a word of all the languages
	}
	entries := []entry{
		{serial, typed, []string{d.printable(l.Serial)}},
		{l.Texts.Code, typed, grouped(d.printable(string(l.Code)))},
	}
	if l.ERC != "" {
		entries = append(entries, entry{l.Texts.ERC, counted, grouped(d.printable(l.ERC))})
	}
	const between = 3.5
	height := 2*inset - between
	for _, e := range entries {
		height += note.lead + e.style.lead*float64(len(e.lines)) + between
	}
	d.pdf.SetFillColor(int(pale), int(pale), int(pale))
	d.pdf.SetDrawColor(int(light), int(light), int(light))
	d.pdf.SetLineWidth(0.3)
	d.pdf.Rect(left, upper, width, height, "FD")
	y := upper + inset
	for _, e := range entries {
		d.line(note, left+inset, y+ascent*note.lead, d.wrap(note, width-2*inset, 1, e.name)[0])
		y += note.lead
		d.lines(e.style, left+inset, y+ascent*e.style.lead, e.lines)
		y += e.style.lead*float64(len(e.lines)) + between
	}
	return upper + height
}

// grouped prints a code in groups, in lines of about equal length.
func grouped(code string) (lines []string) {
	all := strings.Split(activation.Group(code), "-")
	rows := (len(all) + groups - 1) / groups
	for part := range slices.Chunk(all, (len(all)+rows-1)/rows) {
		lines = append(lines, strings.Join(part, "-"))
	}
	return lines
}

// ending says until when the letter is good, and how it is to be kept.
func (d *document) ending(l *Letter, y float64) {
	if !l.Expires.IsZero() {
		d.lines(strong, left, y, d.wrap(strong, width, 1, put(l.Texts.Until, "date", l.Texts.dated(l.Expires), "time",
			l.Expires.Format("15:04 MST"))))
		y += 7
	}
	keep := l.Texts.Keep
	if l.Password {
		keep = l.Texts.KeepPassword
	}
	d.lines(note, left, y, d.wrap(note, width, 3, keep))
}
