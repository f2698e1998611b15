package console

import (
	"net/http"
	"strings"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/printable"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/look"
	"ostiary/internal/engine/tokens"
)

func (c *Console) checkPages() []page {
	return []page{
		{"GET /check", authz.Verify, "verify", func(v *visit) {
			if !v.may(authz.TokenView) {
				v.fail(v.forbidden(authz.TokenView))
				return
			}
			v.showCheck(checkPage{}, false, http.StatusOK)
		}},
		{"POST /check", authz.Verify, "verify", (*visit).check},
	}
}

// checkPage checks a stack of tokens one after another. What was checked so far stands in
// the form itself: it is for who sits there, and the log has the codes.
type checkPage struct {
	Errors       *look.Errors
	Note         *look.Note
	Next         *look.Link
	Serial, Code look.Field
	Right, Wrong []string // serials
	Action       string
}

// maxChecked is how many serials of each kind are told.
const maxChecked = 100

func (v *visit) showCheck(p checkPage, again bool, status int) {
	p.Action = v.root() + "check"
	p.Serial.ID, p.Serial.Label, p.Serial.Max, p.Serial.Required = "serial", "Serial number", 128, true
	p.Serial.Hint, p.Serial.Focus = "As it stands on the token", !again
	p.Code = look.Field{ID: "otp", Label: "Code", Hint: "What the token shows", Max: 14, Required: true, Focus: again}
	v.show(look.Page{Name: "check", Status: status, Title: "Check tokens", Failed: p.Errors != nil, Body: p})
}

// check decides a code, which is used up as any other is.
func (v *visit) check() {
	if !v.may(authz.TokenView) {
		v.fail(v.forbidden(authz.TokenView))
		return
	}
	p := checkPage{Right: v.checked("right"), Wrong: v.checked("wrong")}
	serial := v.posted("serial")
	p.Serial.Value = serial
	t, err := v.checkable(serial)
	if err != nil {
		e, status := v.wrong(err, "serial")
		p.Errors = &e
		v.showCheck(p, false, status)
		return
	}
	note, next, err := v.verify(t)
	if err != nil {
		e, status := v.wrong(err, "otp")
		p.Errors = &e
		v.showCheck(p, true, status)
		return
	}
	valid := note.Tone == look.Good
	p.Wrong = without(p.Wrong, serial)
	if p.Right = without(p.Right, serial); valid {
		p.Right = append([]string{serial}, p.Right...)
		p.Note = &look.Note{Tone: look.Good, What: serial + ": right", Means: "Take the next token."}
		p.Serial.Value = ""
	} else {
		p.Wrong = append([]string{serial}, p.Wrong...)
		p.Note = &look.Note{Tone: note.Tone, What: serial + ": " + note.What, Means: note.Means}
		if a, ok := actionOf(next); ok && v.may(a.needs) && (a.fits == nil || a.fits(t)) {
			p.Next = &look.Link{Label: a.label, Href: v.tokenAt(t, a.verb, "")}
		}
	}
	p.Right, p.Wrong = p.Right[:min(len(p.Right), maxChecked)], p.Wrong[:min(len(p.Wrong), maxChecked)]
	v.showCheck(p, !valid, http.StatusOK)
}

// checkable finds a hardware token.
func (v *visit) checkable(serial string) (token.Token, error) {
	if serial == "" {
		return token.Token{}, fault.New(fault.Invalid, "serial", "Enter the serial number.")
	}
	t, err := v.cfg.Lifecycle.Show(v.r.Context(), tokens.Selector{Serial: serial})
	if err == nil && t.Kind != token.Hardware {
		err = token.NotFoundError(serial)
	}
	return t, err
}

// checked are serials that the form has.
func (v *visit) checked(name string) (all []string) {
	for serial := range strings.Lines(v.r.PostForm.Get(name)) {
		if serial = strings.TrimSpace(serial); printable.Check(serial, 128) == "" && len(all) < maxChecked {
			all = append(all, serial)
		}
	}
	return all
}

func without(all []string, one string) (rest []string) {
	for _, each := range all {
		if each != one {
			rest = append(rest, each)
		}
	}
	return rest
}
