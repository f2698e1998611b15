package console

import (
	"bytes"
	"crypto/rand"
	"slices"
	"strconv"
	"strings"
	"time"

	"ostiary/activation"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/printable"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/look"
	"ostiary/internal/engine/activations"
	"ostiary/internal/formats/letter"
)

// letterFields ask what letters say beside what is the token's.
func letterFields() ([]look.Select, look.Field) {
	languages := []option{{Value: "en", Label: "English"}, {Value: "de", Label: "German"}, {Value: "sv", Label: "Swedish"}}
	return []look.Select{{ID: "language", Label: "Language of the letter", Options: languages}},
		look.Field{ID: "page", Label: "Where the user types the first code", Hint: "An address, or a few words", Max: 200}
}

// letterTexts reads what letters say.
func (v *visit) letterTexts() (texts *letter.Texts, page string, err error) {
	page, language := v.posted("page"), v.posted("language")
	if wrong := printable.Check(page, 200); page != "" && wrong != "" {
		return nil, "", fault.New(fault.Invalid, "page", "Where the user types the first code: "+wrong+".")
	}
	if !slices.Contains(letter.Languages, language) {
		return nil, "", fault.New(fault.Invalid, "language", "Choose the language of the letter.")
	}
	texts, err = letter.In(language)
	return texts, page, err
}

// letterForm brings the activation password with it, because its answer is a file: there is
// no page after it that could show one.
func letterForm(v *visit, t token.Token) form {
	o := v.stands(t)
	selects, page := letterFields()
	f := form{Whole: true, Submit: "Download the letter", Selects: append(selects, reasonField(t)),
		Means: "This begins an activation. The letter has the codes that the user types or scans: whoever " +
			"reads it can take the token.",
		Fields: []look.Field{page, daysField}}
	if o.Profile.Rules.Password {
		drawn, err := activation.NewPassword(rand.Reader)
		if err == nil {
			f.Secret = activation.Group(string(drawn))
		}
	}
	if counts(o.Profile) {
		f.Checks = []option{ercCheck}
	}
	return f
}

func (v *visit) letter(t token.Token) error {
	texts, page, err := v.letterTexts()
	if err != nil {
		return err
	}
	o, err := v.cfg.Activations.Show(v.r.Context(), exactly(t))
	if err != nil {
		return err
	}
	if o.Profile.Rules.Password && v.posted("password") == "" {
		return fault.New(fault.Invalid, "password", "The form has no activation password: nobody would know it.").
			WithHint("Write down the one that stands here now, and send the form again.")
	}
	s, err := v.begin(t, activations.Offline)
	if err != nil {
		return err
	}
	return v.sendLetters([]activations.Started{s}, texts, page)
}

// sendLetters answers with letters, a page for each activation.
func (v *visit) sendLetters(all []activations.Started, texts *letter.Texts, page string) error {
	letters := make([]letter.Letter, len(all))
	for i, s := range all {
		rules := s.Profile.Rules
		letters[i] = letter.Letter{Issuer: s.Profile.Issuer, Profile: s.Profile.Name, User: s.Token.OwnerName,
			Serial: s.Token.DeviceSerial(), Code: s.Code, ERC: s.ERC, QRBody: s.QRBody, Password: rules.Password,
			Binding: rules.DeviceBinding, Pair: s.Pair, Texts: texts, Server: page, Expires: s.Expires.Local()}
		if s.Token.Identity.Serial != letters[i].Serial {
			letters[i].Here = s.Token.Identity.Serial
		}
	}
	var pdf bytes.Buffer
	if err := letter.Write(&pdf, v.cfg.Now(), letters); err != nil {
		return fault.New(fault.Internal, "letter", "The letters cannot be printed. The activations have begun.").
			WithHint("Cancel them, or begin them again by another route.").Because(err)
	}
	h := v.w.Header()
	h.Set("Content-Type", "application/pdf")
	h.Set("Content-Disposition", `attachment; filename="letters.pdf"`)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	_, _ = v.w.Write(pdf.Bytes()) // the client has disconnected if this fails
	return nil
}

// How activations are handed out that are made ahead.
const (
	asLetters = "letters"
	asPage    = "page"
)

// aheadForm asks for tokens with activations that are given to users later.
func (v *visit) aheadForm() titledForm {
	selects, page := letterFields()
	return titledForm{Title: "Letters ahead", form: form{Whole: true, Submit: "Create", Close: v.root() + "software",
		Means:  "New tokens of nobody yet, each with an open activation to be given out later.",
		Legend: "How they are handed out", Radio: "as", Radios: []option{
			{Value: asLetters, Label: "Letters, a PDF; of profiles without an activation password", Chosen: true},
			{Value: asPage, Label: "Codes and activation passwords on a page"}},
		Selects: append([]look.Select{{ID: "type", Label: "Token type", Options: v.typeOptions(true)},
			{ID: "profile", Label: "Profile", Options: v.profileOptions()}}, selects...),
		Fields: []look.Field{
			{ID: "count", Label: "How many", Hint: "1 to " + strconv.Itoa(activations.MaxBatch), Type: "number", Value: "1"},
			{ID: "serials", Label: "Or new codes for serials", Max: 4000,
				Hint: "Of tokens made here before whose codes nobody has; leave “How many” empty"},
			{ID: "label", Label: "Label", Max: 128},
			{ID: "days", Label: "Open for", Hint: "Days; empty: 90", Type: "number"}, page}}}
}

func (v *visit) ahead() error {
	count, err := v.whole("count", "How many", activations.MaxBatch)
	if err != nil {
		return err
	}
	days, err := v.whole("days", "Open for", 365)
	if err != nil {
		return err
	}
	texts, page, err := v.letterTexts()
	if err != nil {
		return err
	}
	as := v.posted("as")
	if as == asLetters {
		err = v.lettersFit()
	} else if as != asPage {
		err = fault.New(fault.Invalid, "as", "Choose how the activations are handed out.")
	}
	if err != nil {
		return err
	}
	var serials []string // nil if there are none
	if text := v.posted("serials"); text != "" {
		serials = strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' || r == ';' })
	}
	made, err := v.cfg.Activations.Ahead(v.r.Context(), activations.BatchRequest{Type: v.posted("type"),
		Profile: v.posted("profile"), Count: count, Label: v.posted("label"), Serials: serials,
		Expiry: time.Duration(days) * 24 * time.Hour, By: v.session.Principal, Origin: v.origin()})
	if err != nil {
		return err
	}
	if as == asLetters && made.Why == nil {
		return v.sendLetters(made.Started, texts, page)
	}
	v.showAhead(made)
	return nil
}

// lettersFit refuses letters, before anything is made, where there are passwords: a file
// alone could not hand them out apart.
func (v *visit) lettersFit() error {
	name := v.posted("profile")
	if name == "" {
		t, err := v.cfg.Lifecycle.Type(v.r.Context(), v.posted("type"))
		if err != nil {
			return err
		}
		if name = t.Profile; name == "" {
			return nil // the service says what is wrong
		}
	}
	p, err := v.cfg.Profiles.Show(v.r.Context(), name)
	if err != nil {
		return err
	}
	if p.Vector.Profile().Rules.Password {
		return fault.New(fault.Invalid, "as", "The profile "+name+" has activation passwords, which no letter shows.").
			WithHint("Choose the page, or write both to files: ostiary activation batch.")
	}
	return nil
}

// showAhead shows activations that were made ahead, and apart from their codes the passwords.
func (v *visit) showAhead(made activations.Batch) {
	h := handed{About: fault.Plural(len(made.Started), "activation has", "activations have") + " begun",
		Means: "Assign each token to the user who gets its code.",
		Next:  []look.Link{{Label: "Software tokens", Href: v.root() + "software"}}}
	if made.Why != nil {
		e, _ := v.wrong(made.Why, "")
		h.Warnings = append(h.Warnings, look.Note{Tone: look.Danger, Means: e.Wrong[0].What,
			What: fault.Plural(made.Missing, "activation was", "activations were") + " not begun"})
	}
	passwords := item{Title: "Activation passwords, to be sent another way"}
	for _, s := range made.Started {
		i := item{Title: s.Token.Identity.Serial, Page: v.tokenAt(s.Token, "", ""), Values: codesOf(s)}
		if h.Items = append(h.Items, i); len(s.Password) > 0 {
			passwords.Values = append(passwords.Values, value{s.Token.Identity.Serial, activation.Group(string(s.Password))})
		}
	}
	if passwords.Values != nil {
		h.Items = append(h.Items, passwords)
	}
	v.hand("Activations", h)
}
