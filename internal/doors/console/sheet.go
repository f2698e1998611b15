package console

import (
	"net/http"
	"time"

	"ostiary/internal/core/fault"
	"ostiary/internal/doors/look"
)

// sheet is a form that changes one thing of the system. It opens as a dialog.
type sheet struct {
	Subject, About string // what it changes
	Errors         *look.Errors
	Means          string // what follows from it
	Fields         []look.Field
	Legend, Group  string // of the radio buttons, and their name
	Radios         []option
	Checks         []option // Value is the name
	Hidden         map[string]string
	Submit         string
	Danger         bool
	Action, Close  string
}

// sheetPage is a form with what it does.
type sheetPage struct {
	title string
	form  func(*visit) (sheet, error)
	do    func(*visit) error // answers by itself if it succeeds
}

// get shows the form, with what its address or a failed try has.
func (p sheetPage) get(v *visit) { p.show(v, nil, http.StatusOK) }

func (p sheetPage) show(v *visit, e *look.Errors, status int) {
	s, err := p.form(v)
	if err != nil {
		v.fail(err)
		return
	}
	_ = v.r.ParseForm() // what cannot be read of the address is not filled in
	for i, f := range s.Fields {
		if v.r.Form.Has(f.ID) {
			s.Fields[i].Value = v.r.FormValue(f.ID)
		}
	}
	for i := range s.Radios {
		if v.r.Form.Has(s.Group) {
			s.Radios[i].Chosen = s.Radios[i].Value == v.r.FormValue(s.Group)
		}
	}
	for i, c := range s.Checks {
		s.Checks[i].Chosen = c.Chosen && e == nil || v.r.Form.Has(c.Value)
	}
	if s.Errors = e; e != nil && len(s.Fields) == 0 {
		for i := range e.Wrong {
			e.Wrong[i].Field = ""
		}
	}
	v.show(look.Page{Name: "sheet", Status: status, Title: p.title, Dialog: true, Failed: e != nil, Body: s})
}

// post does what the form asks. What was typed comes back with an error.
func (p sheetPage) post(v *visit) {
	err := p.do(v)
	switch {
	case needsProof(err):
		v.fail(err)
	case err != nil:
		e, status := v.wrong(err, "name")
		p.show(v, &e, status)
	}
}

// once is a page with a secret that is shown this once, in the answer to the form that asked
// for it: nothing keeps it, so no other page could show it.
type once struct {
	Subject string
	Label   string
	Secret  string
	Means   string
	Warning *look.Note
	Close   string
}

func (v *visit) showOnce(title string, o once) {
	v.show(look.Page{Name: "once", Title: title, Dialog: true, Body: o})
}

// day reads a field with the last day of something, in the zone of the server; the zero time
// for none.
func (v *visit) day(name string) (time.Time, error) {
	text := v.posted(name)
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.ParseInLocation(time.DateOnly, text, time.Local)
	if err != nil {
		return at, fault.New(fault.Invalid, "date", "A date is written such as 2027-01-31.")
	}
	return at.AddDate(0, 0, 1), nil
}
