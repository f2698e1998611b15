package tokens

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// What a token may have.
const (
	MaxText   = 128     // characters of a serial, manufacturer, key id, model, issuer or label
	MaxReason = 500     // characters of a reason or a note
	MaxPeriod = 172_800 // seconds; the longest time step seen in manufacturers' files
)

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
			return fmt.Errorf("its %s holds a character that does not print", name)
		}
	}
	return nil
}
