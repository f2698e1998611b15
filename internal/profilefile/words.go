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

func (m *mode) UnmarshalText(text []byte) error {
	return word(m, text, map[string]mode{"response-only": mode(activation.ResponseOnly),
		"challenge-response": mode(activation.ChallengeResponse), "signature": mode(activation.Signature)})
}

func (p *penalty) UnmarshalText(text []byte) error {
	return word(p, text, map[string]penalty{"erase": penalty(activation.Erase), "wrong-answers": penalty(activation.WrongAnswers)})
}

func (l *level) UnmarshalText(text []byte) error {
	return word(l, text, map[string]level{"none": level(activation.PINUnchecked), "hash": level(activation.PINHashed)})
}

func (f *format) UnmarshalText(text []byte) error {
	return word(f, text, map[string]format{"base32": format(activation.Base32), "decimal": format(activation.Decimal)})
}

func (s *suite) UnmarshalText(text []byte) error {
	parsed, err := activation.ParseSuite(string(text))
	*s = suite(parsed)
	return err
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
		return fmt.Errorf("it may be %s", strings.Join(known, ", "))
	}
	*v = value
	return nil
}
