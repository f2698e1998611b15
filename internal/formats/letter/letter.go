// Package letter prints activation letters as PDF, one page of A4 a token: what a
// user needs to make an app a token, on paper.
//
// A page is as secret as the activation code on it. The activation password is
// never there: it comes another way, and the page only says so.
package letter

import (
	"errors"
	"fmt"
	"io"
	"time"

	"ostiary/activation"
)

// MaxLetters is how many letters one document has at most. A document is made in
// memory, at about 50 KB a page.
const MaxLetters = 1000

// Letter is what stands on one page. Names longer than their place are wrapped, and
// then cut with an ellipsis; codes are refused instead. Accents that
// stand behind their letters are joined with them. Characters beyond Latin, Greek and
// Cyrillic, which the fonts lack, are printed as U+FFFD.
type Letter struct {
	Issuer  string            // who it is from
	Profile string            // name of the profile
	User    string            // whom it is for; may be empty
	Serial  string            // as the app knows it
	Here    string            // the serial on the server, if it is another one; else empty
	Code    activation.Secret // 30 or 45 characters without separators
	ERC     string            // digits; empty without
	// QRBody is the text of the QR code, as of [activation.QRBody.Encode].
	QRBody activation.Secret
	// Password: the app will ask for an activation password.
	Password bool
	// Binding: the app shows a derivation code that is typed with the first code.
	Binding bool
	// Pair: the app shows two codes, which are both typed.
	Pair bool
	// Texts is what the letter says; nil for English.
	Texts *Texts
	// Server is where the first code is typed, an address or a few words; may be empty.
	Server string
	// Expires is until when the code is good, printed in its own time zone; zero if
	// for ever.
	Expires time.Time
}

// Write writes letters, 1 to [MaxLetters], as one PDF document in their order. It is
// made at a time, which is printed and must not be zero. Equal input gives equal
// bytes; the document's properties name no person and no token. Nothing is written
// unless all letters can be.
func Write(w io.Writer, made time.Time, letters []Letter) error {
	if n := len(letters); n < 1 || n > MaxLetters {
		return fmt.Errorf("letter: %d letters; a document has 1 to %d", n, MaxLetters)
	}
	if made.IsZero() {
		return errors.New("letter: no date is given")
	}
	english, err := In(Languages[0])
	if err != nil {
		return err
	}
	for i := range letters {
		if letters[i].Texts == nil {
			letters[i].Texts = english
		}
	}
	doc, err := newDocument(made, letters[0].Texts.Language)
	if err != nil {
		return err
	}
	for i := range letters {
		if err := doc.add(&letters[i]); err != nil {
			return fmt.Errorf("letter: page %d: %w", i+1, err)
		}
	}
	if err := doc.pdf.Output(w); err != nil {
		return fmt.Errorf("letter: writing the document: %w", err)
	}
	return nil
}
