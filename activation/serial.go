package activation

import "strings"

const (
	maxPrefix = 3
	maxNumber = 15 // digits
)

// Serial reads a serial as it was typed: the whole of it, or the number without
// the prefix. Case, spaces and hyphens do not matter. It returns the serial as
// issued. The error is [ErrSerialEmpty], [ErrSerial] or [ErrPrefix].
//
// Where the prefix has digits only, a number that begins like it must be typed with
// the prefix.
func (v *Vector) Serial(typed string) (string, error) {
	if len(typed) > 4*(maxPrefix+maxNumber) { // room for separators
		return "", ErrSerial
	}
	text := strings.Map(func(r rune) rune {
		switch {
		case r == ' ' || r == '-':
			return -1
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		}
		return r
	}, typed)
	prefix := v.profile.Prefix
	number, has := strings.CutPrefix(text, prefix)
	switch {
	case text == "":
		return "", ErrSerialEmpty
	case has && validNumber(number):
		return text, nil
	case validNumber(text):
		return prefix + text, nil
	case validSerial(text):
		return "", ErrPrefix
	}
	return "", ErrSerial
}

// validSerial reports whether a text is a serial as issued, of whatever profile.
func validSerial(text string) bool {
	for n := 0; n <= min(maxPrefix, len(text)); n++ {
		if validPrefix(text[:n]) && validNumber(text[n:]) {
			return true
		}
	}
	return false
}

func validPrefix(text string) bool {
	for i := range len(text) {
		if c := text[i]; (c < 'A' || 'Z' < c) && (c < '0' || '9' < c) {
			return false
		}
	}
	return len(text) <= maxPrefix
}

func validNumber(text string) bool { return 1 <= len(text) && len(text) <= maxNumber && digits(text) }

// digits reports whether a text holds decimal digits only.
func digits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || '9' < text[i] {
			return false
		}
	}
	return true
}
