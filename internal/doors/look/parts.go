package look

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
