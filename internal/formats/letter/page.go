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

const dateForm = "2 January 2006"

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
	d.caption(y + qrSide)
	y = max(d.steps(l, y), y+qrSide+12)
	y = d.panel(l, y+2)
	d.ending(l, y+11)
	return d.pdf.Error()
}

// heading says who the letter is from and for, and returns where what follows begins.
func (d *document) heading(l *Letter) float64 {
	date := d.made.Format(dateForm)
	d.use(note)
	d.pdf.Text(right-d.pdf.GetStringWidth(date), top, date)
	y := d.lines(sender, left, top, d.wrap(sender, width-40, 2, l.Issuer))
	y = d.lines(note, left, y, d.wrap(note, width-40, 1, l.Profile))
	d.rule(y)
	y += 15
	d.line(title, left, y, "Set up your authenticator")
	y += title.lead
	if l.User != "" {
		y = d.lines(body, left, y, d.wrap(body, width, 1, "For "+l.User))
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
func (d *document) caption(bottom float64) {
	const words = "Scan this with the app"
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
	typing := "the serial number and the activation code"
	if l.ERC != "" {
		typing = "the serial number, the activation code and the event counter code"
	}
	steps := []string{
		"Install the authenticator app on your phone, if you do not have it yet, and open it.",
		"Add an account: scan the code on the right, or type " + typing + " that are printed below.",
	}
	if l.Password {
		steps = append(steps, "Type the activation password. It comes to you by another way and is not on this page.")
	}
	first := "Type the first code that the app shows"
	if l.Pair {
		first = "Type the two codes that the app shows"
	}
	if l.Binding {
		first += ", and the derivation code,"
	}
	if l.Server == "" {
		first += " into the page that asks you for it."
	} else {
		first += " here: " + l.Server
	}
	return append(steps,
		"Choose a PIN that nobody else knows. Do not write it down.",
		first,
		"When the code is accepted, you are done. Destroy this page.")
}

// entry is a line of the panel, or several.
type entry struct {
	name  string
	style style
	lines []string
}

// panel holds what may be typed, and returns its lower edge.
func (d *document) panel(l *Letter, upper float64) float64 {
	entries := []entry{
		{"Serial number", typed, []string{d.printable(l.Serial)}},
		{"Activation code", typed, grouped(d.printable(string(l.Code)))},
	}
	if l.ERC != "" {
		entries = append(entries, entry{"Event counter code", counted, grouped(d.printable(l.ERC))})
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
		d.line(note, left+inset, y+ascent*note.lead, e.name)
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
		d.line(strong, left, y, "Good until "+l.Expires.Format(dateForm+", 15:04 MST"))
		y += 7
	}
	what := "it"
	if l.Password {
		what = "it and the activation password"
	}
	d.lines(note, left, y, d.wrap(note, width, 3, "Keep this page to yourself: whoever has "+what+
		" could set up your authenticator in your place. If somebody opened the letter before you, tell the "+
		"sender at once."))
}
