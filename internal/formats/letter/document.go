package letter

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
)

// font is one of the faces of a document.
type font string

const (
	regular font = "regular"
	bold    font = "bold"
	mono    font = "mono"
)

// faces are the Go fonts, which have the same characters: those of Windows Glyph
// List 4, that is Latin, Greek and Cyrillic.
var faces = map[font][]byte{regular: goregular.TTF, bold: gobold.TTF, mono: gomono.TTF}

// missing is printed for a character that the fonts lack.
const missing = '\uFFFD'

// document is a PDF under way.
type document struct {
	pdf  *fpdf.Fpdf
	made time.Time
	font *sfnt.Font
	buf  sfnt.Buffer
}

func newDocument(made time.Time, language string) (*document, error) {
	pdf := fpdf.New("P", "mm", "A4", "")
	pdf.SetAutoPageBreak(false, 0)
	pdf.SetCellMargin(0)
	pdf.SetCreationDate(made.UTC())
	pdf.SetModificationDate(made.UTC())
	pdf.SetCatalogSort(true) // else its order is that of a map
	pdf.SetProducer("Ostiary", false)
	pdf.SetTitle("Activation letters", false)
	pdf.SetLang(language)
	for _, name := range []font{regular, bold, mono} {
		pdf.AddUTF8FontFromBytes(string(name), "", bytes.Clone(faces[name])) // the library writes into it
	}
	if err := pdf.Error(); err != nil {
		return nil, fmt.Errorf("letter: embedding the fonts: %w", err)
	}
	parsed, err := sfnt.Parse(goregular.TTF)
	if err != nil {
		return nil, fmt.Errorf("letter: reading the font: %w", err)
	}
	return &document{pdf: pdf, made: made, font: parsed}, nil
}

// shade is a level of grey.
type shade int

const (
	black shade = 0
	grey  shade = 95
	light shade = 200
	pale  shade = 246
)

// style is how a text is set.
type style struct {
	font  font
	size  float64 // points
	lead  float64 // from line to line, mm
	shade shade
}

func (d *document) use(s style) {
	d.pdf.SetFont(string(s.font), "", s.size)
	d.pdf.SetTextColor(int(s.shade), int(s.shade), int(s.shade))
}

// line sets one line whose baseline is at y.
func (d *document) line(s style, x, y float64, text string) {
	d.use(s)
	d.pdf.Text(x, y, text)
}

// lines sets lines from the baseline y on, and returns the baseline of the line after.
func (d *document) lines(s style, x, y float64, lines []string) float64 {
	for _, l := range lines {
		d.line(s, x, y, l)
		y += s.lead
	}
	return y
}

// wrap breaks a text into at most so many lines of a width in mm, and cuts what is
// longer.
func (d *document) wrap(s style, width float64, most int, text string) []string {
	d.use(s)
	lines := d.pdf.SplitText(d.printable(text), width)
	if len(lines) <= most {
		return lines
	}
	last := []rune(lines[most-1] + " " + lines[most]) // a long word may have gone to the next line whole
	for len(last) > 0 && d.pdf.GetStringWidth(string(last)+"…") > width {
		last = last[:len(last)-1]
	}
	return append(lines[:most-1], strings.TrimRight(string(last), " ")+"…")
}

// printable is a text with what the fonts lack replaced. The PDF library must not
// see it: it panics on some of it.
func (d *document) printable(text string) string {
	text = composed(text)
	return strings.Map(func(r rune) rune {
		if i, err := d.font.GlyphIndex(&d.buf, r); err != nil || i == 0 || unicode.IsControl(r) {
			return missing
		}
		return r
	}, text)
}
