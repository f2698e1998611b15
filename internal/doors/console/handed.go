package console

import (
	"strings"

	"ostiary/internal/doors/look"
	"ostiary/internal/formats/qr"
)

// handed is a page that shows what is shown this once: codes, links and passwords. It is the
// answer to a form (see onces), and is kept nowhere.
type handed struct {
	About    string
	Warnings []look.Note
	Items    []item
	Password string // of an activation; it stands apart from the codes
	Means    string // what is to be done now
	Next     []look.Link
}

// item is what is handed out for one token or user.
type item struct {
	Title  string
	Page   string // of the token; empty for none
	Values []value
	QR     look.Image
}

type value struct{ Label, Text string }

// add adds an item, also one whose QR code cannot be drawn: it cannot be had again.
func (h *handed) add(i item, err error) {
	if err != nil {
		h.Warnings = append(h.Warnings, look.Note{Tone: look.Warning, What: "The QR code cannot be drawn"})
	}
	h.Items = append(h.Items, i)
}

// hand shows what is shown this once.
func (v *visit) hand(title string, h handed) {
	v.show(look.Page{Name: "handed", Title: title, Dialog: true, Body: h})
}

// drawn is a QR code as a picture in the page. alt says what it is, and nothing of what it says.
func drawn(text, alt string) (look.Image, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = code.SVG(&b, qr.SVGOptions{Title: alt})
	return look.Drawn(b.String()), err
}
