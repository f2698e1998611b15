package seedfile

import (
	"bytes"
	"encoding/xml"
	"io"
	"strings"
)

// HeadBytes is how much of a file Detect wants to see. More is not looked at.
const HeadBytes = 64 << 10

// Detect recognises the format of a file by how it begins. It gives "" for
// content it does not know, and names outside [Formats] for formats that are
// recognised only to be refused.
func Detect(head []byte) Format {
	if len(head) > HeadBytes {
		head = head[:HeadBytes]
	}
	if f := detectForeign(head); f != "" {
		return f
	}
	text, _ := toUTF8(head, true)
	text = bytes.TrimLeft(text, " \t\r\n")
	if len(text) == 0 {
		return fEmpty
	}
	if text[0] == '<' {
		f, _ := detectXML(text)
		return f
	}
	return detectText(text)
}

// detectXML goes by the outermost element, and gives its name too.
func detectXML(b []byte) (Format, string) {
	d := newXML(b)
	var root string
	for {
		tok, err := d.RawToken()
		if err != nil {
			if lower := bytes.ToLower(b); root == "" && (bytes.Contains(lower, []byte("<html")) || bytes.HasPrefix(lower, []byte("<!doctype html"))) {
				return fHTML, "html"
			}
			return "", root
		}
		e, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		switch name := e.Name.Local; {
		case root == "data" && name == "header":
			return DualShield, root
		case root != "":
			return "", root
		case name == "KeyContainer", name == "SecretContainer":
			return PSKC, name
		case name == "tokenList":
			return DualShieldV3, name
		case name == "Tokens":
			return SafeNet, name
		case strings.EqualFold(name, "html"):
			return fHTML, name
		default:
			root = name
		}
	}
}

// detectText goes by the first line that says something.
func detectText(b []byte) Format {
	t := newTable(b, true)
	r, err := t.next()
	if err == io.EOF {
		return "" // comments only
	}
	line := strings.ToLower(strings.TrimSpace(string(t.line)))
	switch {
	case strings.HasPrefix(line, "otpauth://"):
		return OTPAuth
	case strings.HasPrefix(line, "otpauth-migration:"):
		return OTPAuthMigration
	case err != nil:
		return ""
	}
	if isYubico(r) {
		return YubicoCSV
	}
	if cols, err := readHeader(r, allColumns); err == nil || cols.known >= 2 {
		switch {
		case cols.has(colLogin) && cols.has(colSerial) && !cols.has(colSecret):
			return DualShieldAssignments
		case !cols.has(colSerial) || !cols.has(colSecret):
			return ""
		case cols.has(colType) || cols.has(colCounter):
			return OATHCSV
		case cols.has(colPeriod) || cols.has(colUser):
			return EntraCSV
		}
		return OATHCSV
	}
	if len(r.cells) >= 2 && len(r.cells) <= 6 && len(r.cells[0]) > 0 && looksSecret(r.cells[1]) {
		return OATHCSV
	}
	return ""
}

// looksSecret tells whether a cell may be a secret, even a damaged one.
func looksSecret(cell []byte) bool {
	if isScientific(cell) {
		return true
	}
	c := classify(cell)
	return len(cell) >= 16 && (c.hex || c.base32 || c.base64 || c.oddHex)
}
