package activation

import (
	"strings"

	"ostiary/internal/codec/typedcode"
	"ostiary/internal/core/printable"
)

// QRBody is the content of an activation code image. It is not encrypted, and only
// Serial, Code and ERC are protected by the check symbols of the code: UserID and
// Challenge are shown to the user, who is asked about them.
type QRBody struct {
	Serial    string // as issued
	Code      Secret // the activation code
	ERC       string // digits; empty without
	UserID    string // user label, at most 40 bytes; empty without
	Challenge string // 1 to 64 letters and digits; empty without
}

const maxQRBody = 1024 // bytes

// elements are the elements in the order in which they are written.
var elements = [...]string{"SN", "AC", "ERC", "USERID", "CHALLENGE"}

const required = 2 // SN and AC

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// entities are the five that XML names.
var entities = map[string]string{"amp": "&", "lt": "<", "gt": ">", "quot": `"`, "apos": "'"}

// Encode writes the body, at most 1024 bytes. The error is [ErrSerial], one of
// [ErrCodeEmpty], [ErrCodeCharacter], [ErrCodeLength], [ErrERCCharacter],
// [ErrERCLength], [ErrUserID], [ErrChallenge].
func (b QRBody) Encode() (Secret, error) {
	b, err := b.canonical()
	if err != nil {
		return nil, err
	}
	var out strings.Builder
	out.WriteString("<QRCode>")
	for i, content := range [...]string{b.Serial, string(b.Code), b.ERC, b.UserID, b.Challenge} {
		if content != "" {
			out.WriteString("<" + elements[i] + ">" + escaper.Replace(content) + "</" + elements[i] + ">")
		}
	}
	out.WriteString("</QRCode>")
	return Secret(out.String()), nil
}

// canonical checks the fields and returns them as they are written.
func (b QRBody) canonical() (QRBody, error) {
	if !validSerial(b.Serial) {
		return QRBody{}, ErrSerial
	}
	code, err := typedcode.CanonicalBase32(string(b.Code))
	if len(code) == decimalCode { // in which O, I and L are no digits
		code, err = typedcode.CanonicalDecimal(string(b.Code))
	}
	switch {
	case err != nil:
		return QRBody{}, ErrCodeCharacter
	case code == "":
		return QRBody{}, ErrCodeEmpty
	case len(code) != base32Code && len(code) != decimalCode:
		return QRBody{}, ErrCodeLength
	}
	b.Code = Secret(code)
	if b.ERC != "" {
		if b.ERC, err = typedcode.CanonicalDecimal(b.ERC); err != nil {
			return QRBody{}, ErrERCCharacter
		}
		if n := len(b.ERC) - 2; n < counterDigits || n > maxApplications*counterDigits || n%counterDigits != 0 {
			return QRBody{}, ErrERCLength
		}
	}
	if b.UserID != "" && printable.Check(b.UserID, maxUserID) != "" {
		return QRBody{}, ErrUserID
	}
	if b.Challenge != "" && !validChallenge(b.Challenge) {
		return QRBody{}, ErrChallenge
	}
	return b, nil
}

func validChallenge(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < '0' || '9' < c) && (c < 'A' || 'Z' < c) && (c < 'a' || 'z' < c) {
			return false
		}
	}
	return 1 <= len(text) && len(text) <= 64
}

// ReadQRBody reads the body: elements in any order, each once, SN and AC present.
// Serial and codes are returned in canonical form. Anything that Encode would not
// write, but for order, white space between the elements, and how codes are
// grouped, is [ErrQRBody] with the reason, or one of the errors of Encode.
func ReadQRBody(text string) (QRBody, error) {
	content, reason := scanQRBody(text)
	if reason != "" {
		return QRBody{}, &detail{ErrQRBody, reason}
	}
	return QRBody{content[0], Secret(content[1]), content[2], content[3], content[4]}.canonical()
}

// scanQRBody returns the content of the elements.
func scanQRBody(text string) (content [len(elements)]string, reason string) {
	if len(text) > maxQRBody {
		return content, "longer than 1024 bytes"
	}
	rest, opened := strings.CutPrefix(text, "<QRCode>")
	rest, closed := strings.CutSuffix(rest, "</QRCode>")
	if !opened || !closed {
		return content, "the text must be one element QRCode"
	}
	for {
		rest = strings.TrimLeft(rest, " \t\r\n")
		if rest == "" {
			break
		}
		i, inner, after := cutElement(rest)
		switch {
		case i < 0:
			return content, "unknown or broken element"
		case content[i] != "":
			return content, "an element is repeated"
		}
		var ok bool
		if content[i], ok = unescape(inner); !ok || content[i] == "" {
			return content, "an element is empty, or contains more than text"
		}
		rest = after
	}
	for _, c := range content[:required] {
		if c == "" {
			return content, "SN or AC is missing"
		}
	}
	return content, ""
}

// cutElement cuts one element off and returns its index, or -1.
func cutElement(text string) (index int, inner, rest string) {
	for i, name := range elements {
		after, ok := strings.CutPrefix(text, "<"+name+">")
		if !ok {
			continue
		}
		if inner, rest, ok = strings.Cut(after, "</"+name+">"); ok {
			return i, inner, rest
		}
	}
	return -1, "", ""
}

// unescape replaces the entities in text that has no other markup in it.
func unescape(text string) (string, bool) {
	if strings.ContainsAny(text, "<>") {
		return "", false
	}
	head, rest, more := strings.Cut(text, "&")
	for more {
		var name string
		var ok bool
		if name, rest, ok = strings.Cut(rest, ";"); !ok || entities[name] == "" {
			return "", false
		}
		head += entities[name]
		var plain string
		plain, rest, more = strings.Cut(rest, "&")
		head += plain
	}
	return head, true
}
