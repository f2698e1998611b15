package self

import (
	"net/http"
	"strings"

	"ostiary/internal/doors/look"
	"ostiary/internal/doors/words"
	"ostiary/internal/engine/selfservice"
	"ostiary/internal/formats/qr"
)

// body is a page.
type body struct {
	Title   string
	About   string
	Problem *problem
	Note    *look.Note
	Cards   []card
	Links   []link
	Script  bool
	Watch   string // an address that says how an activation stands

	// What stands on every page.
	Out      *form
	Until    string
	Desk     string
	Help     string
	LangWord string
	Langs    []tongue
}

// problem is what is wrong, and with which field.
type problem struct{ Title, What, Field, Desk, Request string }

// link is a button that leads somewhere.
type link struct {
	Label string
	Href  string
	Main  bool
}

// tongue is a language that the page can be read in.
type tongue struct {
	words.Named
	Href string
	Here bool
}

// card is one thing on a page.
type card struct {
	Title  string
	Serial string
	State  *look.State
	Used   string
	Note   *look.Note
	Text   []string
	QR     look.Address
	Alt    string
	Big    string
	Open   *opening
	Typed  *typed
	Events []happened
	Forms  []form
	Foot   string
	Links  []link
}

// opening is an address that an app on the same device takes.
type opening struct {
	Label string
	Href  look.Address
}

// typed is what can be typed where there is no camera.
type typed struct {
	Summary string
	Lines   []line
}

type line struct{ Label, Value string }

// happened is an event in words.
type happened struct{ What, When, Machine, Serial, From string }

// form is a form with one button.
type form struct {
	Action string
	Hidden map[string]string
	Fields []field
	Button string
	Danger bool
	Quiet  bool
	Link   bool // the text behind # goes into its field
}

// field is a field: of text, of a code, or of choices.
type field struct {
	look.Field
	Code    bool
	Choices []choice
}

type choice struct {
	Value, Label string
	Chosen       bool
}

// codeField is a field for a code. It never has a value.
func codeField(id, label, hint string) field {
	return field{Code: true, Field: look.Field{ID: id, Label: label, Hint: hint, Max: 14, Required: true}}
}

// show answers with a page.
func (v *visit) show(status int, b body) {
	b.LangWord, b.Help = v.say("self.lang"), v.say("self.help")
	for _, n := range words.All() {
		q := v.r.URL.Query()
		q.Set("lang", string(n.Lang))
		where := strings.TrimPrefix(v.r.URL.Path, "/")
		if v.r.Method != http.MethodGet {
			where = "me"
			q = map[string][]string{"lang": {string(n.Lang)}}
		}
		b.Langs = append(b.Langs, tongue{n, v.root() + where + "?" + q.Encode(), n.Lang == v.lang})
	}
	if v.known {
		b.Until = v.say("self.until", v.session.Until.Local().Format("15:04"))
		b.Out = &form{Action: v.root() + "me/sign-out", Button: v.say("self.out")}
	}
	if v.cfg.Help != "" {
		b.Desk = v.say("help.desk") + ": " + v.cfg.Help
		if b.Problem != nil {
			b.Problem.Desk = b.Desk
		}
	}
	title := b.Title
	if b.Problem != nil {
		title = v.say("self.failed", b.Title)
	}
	v.book.Show(v.w, v.r, look.Page{Name: "me", Status: status, Title: title, Lang: string(v.lang), Forms: true, Body: b})
}

// picture draws a QR code as the address of an image. The text is ours.
func picture(text string) (look.Address, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = code.SVG(&b, qr.SVGOptions{})
	return look.Picture(b.String()), err
}

// home shows the tokens, or what a link opened, or the sign-in.
func (v *visit) home() {
	switch {
	case !v.known:
		v.showSignIn("", nil, http.StatusOK)
	case v.may(selfservice.See):
		v.showTokens()
	default:
		v.toPurpose()
	}
}

// toPurpose leads to the one thing that a link is for.
func (v *visit) toPurpose() {
	if v.session.For == selfservice.ForApp {
		v.lead("me/app")
		return
	}
	v.lead(pathOf("activate", v.session.Serial))
}
