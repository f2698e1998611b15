package console

import (
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/doors/drafts"
	"ostiary/internal/doors/look"
	"ostiary/internal/doors/upload"
	"ostiary/internal/engine/imports"
	"ostiary/internal/store"
)

// Patterns of the pages that take files.
const (
	sendFile  = "POST /import-new"
	lookAgain = "POST /import-files/{id}"
)

// uploads says that a page reads its form itself, when it is known who sends it.
func (p page) uploads() bool { return p.pattern == sendFile || p.pattern == lookAgain }

func (c *Console) draftPages() []page {
	const op = "import-tokens"
	return []page{
		{"GET /import-new", authz.TokenImport, op, func(v *visit) { v.showSend(nil, nil, http.StatusOK) }},
		{sendFile, authz.TokenImport, op, (*visit).sendDraft},
		{"GET /import-files/{id}", authz.TokenImport, op, func(v *visit) { v.drafted(v.showDraft) }},
		{lookAgain, authz.TokenImport, op, func(v *visit) { v.drafted(v.lookAgain) }},
		{"POST /import-files/{id}/import", authz.TokenImport, op, func(v *visit) { v.drafted(v.importDraft) }},
		{"POST /import-files/{id}/discard", authz.TokenImport, op, func(v *visit) { v.drafted(v.discard) }},
	}
}

// importPage is the page of a file that is to be imported, or was.
type importPage struct {
	Head    string
	Links   []look.Link
	Errors  *look.Errors
	Note    *look.Note
	Live    *progress // it is under way
	Facts   []draftFact
	Sample  *sample
	Notes   []string
	Series  []store.RunSeries
	Rows    []store.RunRow
	More    string
	Next    []look.Link
	After   string
	Buttons []importButton
	Form    *importForm
}

type draftFact struct{ Name, Value string }

type importButton struct {
	Label, Action string
	Primary       bool
	Hidden        map[string]string
}

// progress is how far something is that goes on by itself.
type progress struct {
	Title string
	Words string
	Known bool
	Part  int // of a hundred
}

// of adds how much of its file was read.
func (p *progress) of(f *drafts.Draft) {
	s := f.Status()
	if p.Known = f.Size > 0; p.Known {
		p.Part = int(min(100, s.Read*100/f.Size))
	}
	if s.Counts.Keys() > 0 {
		p.Words = fault.Plural(s.Counts.Keys(), "key", "keys") + " so far"
	}
}

// sample is a code to be compared with a device.
type sample struct{ Serial, Code, When string }

// owner is whose drafts the administrator's are.
func (v *visit) owner() string { return v.session.Principal.Name + " " + v.session.Principal.ID }

func inBytes(n int64) string {
	for _, u := range []struct {
		size int64
		word string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= u.size {
			return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/float64(u.size)), ".0") + " " + u.word
		}
	}
	return fault.Plural(int(n), "byte", "bytes")
}

// showSend is the form by which a file is sent.
func (v *visit) showSend(e *look.Errors, values map[string]string, status int) {
	f := importFormOf(values, false)
	f.File, f.Action, f.Submit, f.Close = true, v.root()+"import-new", "Look at the file", v.root()+"imports"
	f.Most = "Drop it here, or choose it; up to " + inBytes(v.cfg.Rest.MaxUpload()) + ". You see what is in it before " +
		"anything is imported"
	v.show(look.Page{Name: "import", Status: status, Title: "Import a file", Failed: e != nil, Body: importPage{
		Head: "Import a file", Links: []look.Link{{Label: "All imports", Href: v.root() + "imports"}}, Errors: e, Form: &f}})
}

// sent is a form that arrived.
type sent struct {
	form   *upload.Form
	values map[string]string
	draft  *drafts.Draft // nil if it had no file
	wrong  error         // of one of its fields
	field  string
}

// maxParts is how many fields a form with a file has at most.
const maxParts = 64

// receive reads a form with a file. What is wrong with its fields is not the end of it: the
// file need not be sent again.
func (v *visit) receive(file bool) (s sent, err error) {
	s = sent{form: &upload.Form{}, values: map[string]string{}}
	v.cfg.Rest.Upload(v.w, v.r)
	parts, err := v.r.MultipartReader()
	if err != nil {
		return s, fault.New(fault.Invalid, "not_multipart", "The form did not arrive as one with a file.").Because(err)
	}
	for n := 1; ; n++ {
		part, err := parts.NextPart()
		switch {
		case n > maxParts:
			return s, fault.New(fault.Invalid, "form_part", "The form has too many fields.")
		case errors.Is(err, io.EOF):
			return s, nil
		case err != nil:
			return s, upload.Malformed(err)
		case part.FormName() != "file":
			err = s.take(part)
		case part.FileName() == "": // none was chosen
		case !file || s.draft != nil:
			err = fault.New(fault.Invalid, "form_part", "The form has one file too many.")
		default:
			s.draft, err = v.cfg.Drafts.Receive(v.owner(), part.FileName(), upload.File{Reader: part})
		}
		if err != nil {
			return s, err
		}
	}
}

// take takes a field. One that is empty was left so.
func (s *sent) take(part *multipart.Part) error {
	value, err := upload.Value(part)
	if err != nil || len(value) == 0 {
		return err
	}
	name := part.FormName()
	if !upload.Secret(name) && part.FileName() == "" {
		s.values[name] = string(value)
	}
	if err := s.form.Set(name, value); err != nil && s.wrong == nil {
		s.wrong, s.field = err, name
	}
	return nil
}

// drop forgets what arrived.
func (v *visit) drop(s sent) {
	s.form.Wipe()
	if s.draft != nil {
		v.cfg.Drafts.Drop(s.draft)
	}
}

func (v *visit) sendDraft() {
	s, err := v.receive(true)
	field := "file"
	switch {
	case err != nil:
	case s.draft == nil:
		err = fault.New(fault.Invalid, "no_file", "Choose a file.")
	case s.wrong != nil:
		err, field = s.wrong, s.field
		err = fault.New(fault.Of(err).Kind, fault.Of(err).Code, fault.Of(err).Text).WithHint(
			"Choose the file again, too: a browser does not do that by itself.")
	default:
		err = s.draft.Begin(drafts.Work{Form: s.form, Values: s.values, Dry: true, Origin: v.origin()})
	}
	if err != nil {
		v.drop(s)
		e, status := v.wrong(err, field)
		v.showSend(&e, s.values, status)
		return
	}
	v.settled(s.draft)
}

// settled leads to where a draft is, a moment later: most work has ended then.
func (v *visit) settled(f *drafts.Draft) {
	f.Wait(v.r.Context(), time.Second)
	v.lead(v.placeOfDraft(f, f.Status()))
}

// placeOfDraft is the page of a draft: that of its import, once there is one that keeps it.
func (v *visit) placeOfDraft(f *drafts.Draft, s drafts.Status) string {
	if !s.Dry && s.Run > 0 && (s.Working || s.Err == nil) {
		return strings.TrimPrefix(v.runAt(s.Run, ""), v.root())
	}
	return "import-files/" + f.ID
}

// drafted finds the draft of the address.
func (v *visit) drafted(do func(*drafts.Draft)) {
	f, ok := v.cfg.Drafts.Find(v.owner(), v.r.PathValue("id"))
	if !ok {
		v.fail(drafts.GoneError())
		return
	}
	do(f)
}

func (v *visit) draftAt(f *drafts.Draft, what string) string {
	return v.root() + "import-files/" + f.ID + what
}

// showDraft is the page of a file: what is in it, or why that cannot be seen.
func (v *visit) showDraft(f *drafts.Draft) {
	s := f.Status()
	if where := v.placeOfDraft(f, s); !strings.HasPrefix(where, "import-files/") {
		v.lead(where)
		return
	}
	v.showFile(f, s, nil, http.StatusOK)
}

func (v *visit) showFile(f *drafts.Draft, s drafts.Status, e *look.Errors, status int) {
	p := importPage{Head: "Import a file", Errors: e,
		Links: []look.Link{{Label: "All imports", Href: v.root() + "imports"}}}
	switch {
	case s.Working:
		p.Live = &progress{Title: shownName(f.Name), Words: "It waits for its turn"}
		p.Live.of(f)
	case e == nil && s.Err != nil:
		wrong, _ := v.wrong(s.Err, fieldOf(s.Err))
		wrong.Hint = inWords.Replace(wrong.Hint)
		p.Errors = &wrong
		p.Facts = []draftFact{{"File", shownName(f.Name)}, {"Size", inBytes(f.Size)}}
	case s.Err == nil:
		if err := v.report(&p, s.Result); err != nil {
			v.fail(err)
			return
		}
		v.foundIn(&p, f, s)
	}
	if !s.Working {
		form := importFormOf(f.Values(), s.Keys)
		form.Title, form.Action, form.Submit = "Look at it again", v.draftAt(f, ""), "Look again"
		p.Form = &form
	}
	if s.Dry || !s.Working {
		p.Buttons = append(p.Buttons, importButton{Label: "Discard the file", Action: v.draftAt(f, "/discard")})
	}
	if !s.Working {
		p.After = "The server keeps the file until you discard it, or for " + fault.Span(drafts.Kept) + " after its last use."
	}
	v.show(look.Page{Name: "import", Status: status, Title: p.Head, Failed: p.Errors != nil, Body: p})
}

// foundIn says what a look at a file has found, and offers to import it.
func (v *visit) foundIn(p *importPage, f *drafts.Draft, s drafts.Status) {
	p.Note = verdict(s.Result)
	p.Facts = append(p.Facts, draftFact{"Protection", protection(s.Protection)})
	if t := s.Sample; t != nil {
		p.Sample = &sample{Serial: t.Serial, Code: t.Code, When: "at the time " + t.Time.Local().Format("15:04:05 MST")}
		if t.Counter != nil {
			p.Sample.When = fmt.Sprintf("for the counter %d", *t.Counter)
		}
	}
	c := s.Result.Counts
	b := importButton{Action: v.draftAt(f, "/import"), Primary: true}
	switch {
	case c.Imported+c.Replaced > 0:
		b.Label = "Import " + fault.Plural(c.Imported+c.Replaced, "token", "tokens")
	case c.HeldBack > 0:
		b.Label = "Import the good keys alone: " + fault.Plural(c.HeldBack, "token", "tokens")
		b.Hidden = map[string]string{"skip_bad": "true"}
	default:
		return
	}
	p.Buttons = append(p.Buttons, b)
}

// protection words how a file is protected.
func protection(p imports.Protection) string {
	var words []string
	if p.Key != "" {
		words = append(words, "encrypted under a "+p.Key)
		for _, more := range []string{p.Derivation, p.Cipher, p.MAC} {
			if more != "" {
				words = append(words, more)
			}
		}
	} else {
		words = append(words, "none: the secrets are open")
	}
	if p.Signer != "" {
		words = append(words, "signed by "+p.Signer)
	} else if p.Signature {
		words = append(words, "a signature that was not verified")
	}
	return strings.Join(words, ", ")
}

// fieldOf is the field that an error of a file is about.
func fieldOf(err error) string {
	switch fault.Of(err).Code {
	case "key_needed", "wrong_key", "key_length", "key_not_wanted", "key_or_passphrase":
		return "passphrase"
	}
	return ""
}

// lookAgain reads a file anew, with another form.
func (v *visit) lookAgain(f *drafts.Draft) {
	s, err := v.receive(false)
	field := s.field
	if err == nil {
		err = s.wrong
	}
	if err == nil {
		err = f.Begin(drafts.Work{Form: s.form, Values: s.values, Dry: true, Origin: v.origin()})
	}
	if err != nil {
		s.form.Wipe()
		e, status := v.wrong(err, field)
		v.showFile(f, f.Status(), &e, status)
		return
	}
	v.settled(f)
}

// importDraft imports a file that was looked at.
func (v *visit) importDraft(f *drafts.Draft) {
	s := f.Status()
	if !s.Dry && (s.Working || s.Err == nil) { // sent twice
		v.settled(f)
		return
	}
	var err error
	if s.Working || s.Dry && (s.Err != nil || s.Result.Counts.Keys() == 0) {
		err = fault.New(fault.Conflict, "not_looked_at", "Look at the file first: nothing good was found in it yet.")
	} else {
		err = f.Begin(drafts.Work{SkipBad: v.r.PostForm.Get("skip_bad") == "true", Origin: v.origin()})
	}
	if err != nil {
		e, status := v.wrong(err, "")
		v.showFile(f, f.Status(), &e, status)
		return
	}
	v.settled(f)
}

func (v *visit) discard(f *drafts.Draft) {
	v.cfg.Drafts.Drop(f)
	v.lead("imports")
}
