package look

import "html/template"

// Tone says what a part's colour says.
type Tone string

// The tones; the zero one has no colour.
const (
	Neutral Tone = ""
	Good    Tone = "good"
	Warning Tone = "warning"
	Danger  Tone = "danger"
)

// Shape is a state's own shape, which says it without colour.
type Shape string

// The shapes.
const (
	Disc   Shape = "disc"   // valid
	Square Shape = "square" // pending, locked
	Ring   Shape = "ring"   // revoked, lost, replaced
)

// State is a state's word and shape. The part is "state".
type State struct {
	Shape Shape
	Word  string
}

// Link is a word that leads somewhere.
type Link struct {
	Label string
	Href  string
}

// Note says what happened, in bold, and what it means. The part is "note".
type Note struct {
	Tone  Tone
	What  string
	Means string
	Next  *Link // a button
}

// Wrong is what is wrong with a field, and where the field is.
type Wrong struct {
	Field string // its id
	What  string
}

// Errors is the summary of what is wrong with a form. The part is "errors"; it takes the
// focus, and each line leads to its field.
type Errors struct {
	Wrong   []Wrong
	Hint    string
	Request string // its id, to look for in the log
}

// Field is a field of a form. The part is "field", and "code" for a field that takes a
// one-time password. What was typed stays; a code never does.
type Field struct {
	ID           string // also its name
	Label        string
	Hint         string
	Wrong        string
	Type         string // text by default
	Value        string
	Autocomplete string // off by default
	Required     bool
	Max          int // characters; zero is no limit
	Focus        bool
}

// Option is one of a few that can be chosen.
type Option struct {
	Value, Label string
	Chosen       bool
}

// Select is a field in which one of a few is chosen. The part is "select".
type Select struct {
	ID, Label, Hint string
	Options         []Option
}

// Described names what describes the field to those who hear the page.
func (f Field) Described() string {
	switch {
	case f.Hint != "" && f.Wrong != "":
		return f.ID + "-hint " + f.ID + "-wrong"
	case f.Wrong != "":
		return f.ID + "-wrong"
	case f.Hint != "":
		return f.ID + "-hint"
	}
	return ""
}

// Passkey is a form that a passkey answers, in place of a code. <o-passkey> asks for the
// question and sends the answer. The part is "passkey", and "passkey-parts" is what any form
// in an <o-passkey> has.
type Passkey struct {
	Action string // where the form goes
	Ask    string // where the question is
	To     string // where it leads then
	// Instead says what to open, if browsers know no passkeys at this address.
	Instead *Note
}

// Pill is a filter. One that is set has a value, and leads to the view without it. The
// part is "pill".
type Pill struct {
	Label string
	Value string
	Href  string
}

// Head is a column's head. One that can be sorted by leads to the view sorted by it. The
// part is "head".
type Head struct {
	Label  string
	Href   string
	Sort   string // ascending or descending, if the rows are sorted by it
	Number bool
}

// RowMenu is what can be done with the thing of a row: the usual action as a word, the rest
// in a menu, what cannot be taken back at its end. The part is "row-menu".
type RowMenu struct {
	Of      string // whose menu it is
	Menu    string // its id
	Verify  string // where a code is checked; empty if none is
	Actions []Link
	Delete  *Link
}

// Image is an SVG image that stands in a page.
type Image = template.HTML

// Drawn makes an image of an SVG image that this program has drawn. No text of strangers is
// in it but as what says what it is, escaped by who drew it.
func Drawn(svg string) Image { return Image(svg) } //nolint:gosec // see above

// Empty stands where a list has nothing: what this is, the first thing to do, and where
// to read about it. The part is "empty".
type Empty struct {
	What   string
	Action *Link
	Read   *Link
}

// Undo is the bar that sets a change back, for some seconds. The part is "undo".
type Undo struct {
	What    string
	Action  string // where the form goes
	Fields  map[string]string
	Seconds int
}
