package profilefile

import (
	"fmt"
	"slices"
	"strings"

	"ostiary/activation"
)

// What a file says in a word. The reader adds the line to an error.
type (
	mode    activation.Mode
	penalty activation.Penalty
	level   activation.PINLevel
	format  activation.CodeFormat
	suite   activation.Suite
)

var (
	modes = map[string]mode{"response-only": mode(activation.ResponseOnly),
		"challenge-response": mode(activation.ChallengeResponse), "signature": mode(activation.Signature)}
	penalties = map[string]penalty{"erase": penalty(activation.Erase),
		"wrong-answers": penalty(activation.WrongAnswers)}
	levels  = map[string]level{"none": level(activation.PINUnchecked), "hash": level(activation.PINHashed)}
	formats = map[string]format{"base32": format(activation.Base32), "decimal": format(activation.Decimal)}
)

// ModeWord gives the word for what an application is for.
func ModeWord(m activation.Mode) string { return wordOf(modes, mode(m)) }

// PenaltyWord gives the word for what follows the last wrong PIN.
func PenaltyWord(p activation.Penalty) string { return wordOf(penalties, penalty(p)) }

// LevelWord gives the word for whether a device can tell a wrong PIN.
func LevelWord(l activation.PINLevel) string { return wordOf(levels, level(l)) }

// CodeWord gives the word for how activation codes are written.
func CodeWord(f activation.CodeFormat) string { return wordOf(formats, format(f)) }

func (m *mode) UnmarshalText(text []byte) error    { return word(m, text, modes) }
func (p *penalty) UnmarshalText(text []byte) error { return word(p, text, penalties) }
func (l *level) UnmarshalText(text []byte) error   { return word(l, text, levels) }
func (f *format) UnmarshalText(text []byte) error  { return word(f, text, formats) }

func (s *suite) UnmarshalText(text []byte) error {
	parsed, err := activation.ParseSuite(string(text))
	*s = suite(parsed)
	return err
}

// wordOf is the word of a value, or "" for one that has none.
func wordOf[T comparable](words map[string]T, value T) string {
	for w, v := range words {
		if v == value {
			return w
		}
	}
	return ""
}

// word sets a value by its word.
func word[T any](v *T, text []byte, words map[string]T) error {
	value, ok := words[string(text)]
	if !ok {
		var known []string
		for w := range words {
			known = append(known, w)
		}
		slices.Sort(known)
		return fmt.Errorf("it must be %s", strings.Join(known, ", "))
	}
	*v = value
	return nil
}
