package console

import (
	"ostiary/internal/doors/look"
)

// record is a page of facts and tables: a list, or one thing of it.
type record struct {
	About   string // behind the title
	Figures []look.Link
	Actions []look.Act
	Notes   []look.Note
	Facts   []fact
	Tables  []look.Table
	Words   []words
}

// fact is a name and its value.
type fact struct {
	Name  string
	Value look.Cell
}

// words is text as it is to be copied, or as a machine wrote it.
type words struct{ Title, Text string }

func when(m moment) look.Cell { return look.Cell{Text: m.Text, Machine: m.Machine} }

// orDash shows that a value is missing.
func orDash(text string) look.Cell {
	if text == "" {
		text = "–"
	}
	return look.Cell{Text: text}
}

func (v *visit) showRecord(title string, s record) {
	v.show(look.Page{Name: "record", Title: title, Body: s})
}

// ask is a page with a form, which opens as a dialog.
type ask struct {
	Title   string
	About   string
	Means   string
	Errors  *look.Errors
	Inputs  []input
	Hidden  map[string]string
	Submit  string
	Danger  bool
	Action  string
	Close   string
	Problem int // its status, if it came back with an error
}

// input is a field; with options a list to choose from, with Lines a text of several lines.
type input struct {
	look.Field
	Options []option
	Lines   int
}

// typed puts what was typed back.
func (v *visit) typed(inputs []input) {
	for i := range inputs {
		in := &inputs[i]
		in.Value = v.r.PostForm.Get(in.ID)
		for j := range in.Options {
			in.Options[j].Chosen = in.Options[j].Value == in.Value
		}
	}
}

// failed puts an error into the form, and what was typed back.
func (v *visit) failed(a *ask, err error) {
	field := ""
	if len(a.Inputs) > 0 {
		field = a.Inputs[0].ID
	}
	e, status := v.wrong(err, field)
	a.Errors, a.Problem = &e, status
	v.typed(a.Inputs)
}

func (v *visit) showAsk(a ask) {
	v.show(look.Page{Name: "ask", Status: a.Problem, Title: a.Title, Failed: a.Errors != nil, Dialog: true, Body: a})
}

// optionsWith are options, of which one is.
func optionsWith(value string, pairs ...string) (all []option) {
	for i := 0; i+1 < len(pairs); i += 2 {
		all = append(all, option{Value: pairs[i], Label: pairs[i+1], Chosen: pairs[i] == value})
	}
	return all
}

// told is the note of what was done, by the word in the address.
func (v *visit) told(words map[string]string) []look.Note {
	if what, ok := words[v.r.URL.Query().Get("done")]; ok {
		return []look.Note{{Tone: look.Good, What: what}}
	}
	return nil
}
