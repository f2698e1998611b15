package tokens

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"ostiary/internal/core/printable"
)

// What a token may have.
const (
	MaxText   = 128     // characters of a serial, manufacturer, key id, model, issuer or label
	MaxReason = 500     // characters of a reason or a note
	MaxPeriod = 172_800 // seconds; the longest time step seen in manufacturers' files
)

// CheckSerial is [CheckText] for a serial, which names the token: it refuses what looks
// like another serial as well, such as one with a space behind it.
func CheckSerial(serial string) error {
	if err := CheckKeptSerial(serial); err != nil {
		return err
	}
	switch {
	case strings.ContainsFunc(serial, printable.Hidden):
		return errors.New("its serial contains an invisible character")
	case printable.Blank(serial):
		return errors.New("its serial begins or ends with a space")
	}
	return nil
}

// CheckKeptSerial is CheckSerial by the rules that it had at first, for the tokens of
// another Ostiary.
func CheckKeptSerial(serial string) error { return CheckText("serial", serial, MaxText) }

// CheckText refuses text that cannot be shown or is too long.
func CheckText(name, s string, limit int) error {
	switch {
	case !utf8.ValidString(s):
		return fmt.Errorf("its %s is not UTF-8 text", name)
	case utf8.RuneCountInString(s) > limit:
		return fmt.Errorf("its %s is longer than %d characters", name, limit)
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("its %s contains a character that cannot be printed", name)
		}
	}
	return nil
}
