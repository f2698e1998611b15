package seedfile

import (
	"bytes"
	"encoding/xml"
	"slices"
	"strings"
)

// HeadBytes is how much of a file Detect wants to see. More is not looked at.
const HeadBytes = 64 << 10

// Detect recognises the format of a file by how it begins. It gives "" for
// content it does not know, and names outside [Formats] for formats that are
// recognised only to be refused.
func Detect(b []byte) Format {
	b = b[:min(len(b), HeadBytes)]
	if f := detectForeign(b); f != "" {
		return f
	}
	h := readHead(b)
	if len(h.text) == 0 {
		return fEmpty
	}
	for i := range formats {
		if formats[i].recognise(h) {
			return formats[i].name
		}
	}
	switch {
	case h.html:
		return fHTML
	case h.text[0] == '{' || h.text[0] == '[':
		return fJSON
	}
	return ""
}

// head is how a file begins, as the rules of the formats see it.
type head struct {
	text []byte // from the first character that is no white space

	// Of XML: the outermost element, the first inside it, and whether this is a
	// web page, well formed or not.
	root, child string
	html        bool

	// Of other text: the first line that is neither empty nor a comment, in lower
	// case, and the same as a row, without cells if it is none. If titled, the
	// row holds titles, and cols says where the columns are that are known.
	line   string
	row    row
	titled bool
	cols   columns
}

func readHead(b []byte) *head {
	h := &head{text: bytes.TrimLeft(charsetOf(b).decode(b, true), " \t\r\n"), cols: positions()}
	if bytes.HasPrefix(h.text, []byte("<")) {
		h.readXML()
	} else {
		h.readTable()
	}
	return h
}

func (h *head) readXML() {
	for d := newXML(bytes.NewReader(h.text)); h.child == ""; {
		tok, err := d.RawToken()
		if err != nil {
			lower := bytes.ToLower(h.text)
			h.html = h.html || h.root == "" &&
				(bytes.Contains(lower, []byte("<html")) || bytes.HasPrefix(lower, []byte("<!doctype html")))
			return
		}
		e, ok := tok.(xml.StartElement)
		switch {
		case !ok:
		case h.root == "":
			h.root = e.Name.Local
			h.html = strings.EqualFold(h.root, "html")
		default:
			h.child = e.Name.Local
		}
	}
}

func (h *head) readTable() {
	t := newTable(h.text, true)
	r, err := t.next()
	h.line = strings.ToLower(strings.TrimSpace(string(t.line)))
	if err != nil || r.bad != "" {
		return
	}
	h.row = r
	h.cols, err = readHeader(r, func(column) bool { return true })
	h.titled = err == nil || h.cols.known >= 2 || r.looksTitles(h.cols.known)
}

// hasSecrets tells whether a title, known or not, speaks of secrets.
func (h *head) hasSecrets() bool {
	return h.cols.has(colSecret) || slices.ContainsFunc(h.row.cells, func(cell []byte) bool {
		key := titleKey(cell)
		return strings.Contains(key, "secret") || strings.Contains(key, "seed") || strings.Contains(key, "key")
	})
}

// looksSecret tells whether a cell may be a secret, even a damaged one.
func looksSecret(cell []byte) bool {
	if isScientific(cell) {
		return true
	}
	c := classify(cell)
	return len(cell) >= 16 && (c.hex || c.base32 || c.base64 || c.oddHex)
}
