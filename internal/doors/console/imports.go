package console

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/printable"
	"ostiary/internal/doors/drafts"
	"ostiary/internal/doors/look"
	"ostiary/internal/engine/imports"
	"ostiary/internal/store"
)

func (c *Console) importPages() []page {
	return []page{
		{"GET /imports", authz.TokenImport, "list-imports", (*visit).imports},
		{"GET /imports/{id}", authz.TokenImport, "show-import", (*visit).importRun},
		{"GET /imports/{id}/report.csv", authz.TokenImport, "list-import-rows", (*visit).importCSV},
		{"GET /imports/{id}/remainder", authz.TokenImport, "list-import-rows", (*visit).remainder},
		{"POST /imports/{id}/cancel", authz.ImportCancel, "cancel-import", (*visit).cancelImport},
	}
}

// importList is the page of imports, the newest first.
type importList struct {
	New   string
	Rows  []importRow
	Next  string
	First string
	Empty *look.Empty
}

type importRow struct {
	ID      int64
	Page    string
	File    string
	State   look.State
	Dry     bool
	Result  string
	Batch   string
	Tokens  string // the batch's
	Actor   string
	Started moment
}

func (v *visit) imports() {
	before, err := placeOf(v.r.URL.Query().Get("before"))
	if err != nil {
		v.fail(err)
		return
	}
	var runs []store.Run
	err = v.cfg.Rest.Turn(v.r.Context(), v.session.Principal, func(ctx context.Context) (err error) {
		runs, err = v.cfg.Imports.Runs(ctx, before, usualSize+1)
		return err
	})
	if err != nil {
		v.fail(err)
		return
	}
	l := importList{New: v.root() + "import-new"}
	if len(runs) > usualSize {
		runs = runs[:usualSize]
		l.Next = v.root() + "imports?" + query("before", strconv.FormatInt(runs[usualSize-1].ID, 10))
	}
	if before > 0 {
		l.First = v.root() + "imports"
	}
	for _, r := range runs {
		row := importRow{ID: r.ID, Page: v.runAt(r.ID, ""), File: shownName(r.Label), State: runState(r), Dry: r.DryRun,
			Result: resultOf(r), Batch: r.Batch, Actor: r.Actor, Started: at(r.Opened)}
		if r.Batch != "" {
			row.Tokens = v.at(view{Batch: r.Batch, Sort: store.ByUser, Size: usualSize}, "tokens")
		}
		l.Rows = append(l.Rows, row)
	}
	if len(runs) == 0 && before == 0 {
		l.Empty = &look.Empty{What: "Nothing was imported yet. Hardware tokens come in by the file that their manufacturer " +
			"sends with them.", Action: &look.Link{Label: "Import a file", Href: l.New}}
	}
	v.show(look.Page{Name: "imports", Title: "Imports", Body: l})
}

// placeOf reads a number that an address has; 0 for none.
func placeOf(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, fault.New(fault.Invalid, "cursor", "The address is not from this server.")
	}
	return n, nil
}

func (v *visit) runAt(id int64, what string) string {
	where := v.root() + "imports/" + strconv.FormatInt(id, 10)
	if what != "" {
		where += "/" + what
	}
	return where
}

// shownName is the name of a file, without what could make it look like another.
func shownName(name string) string {
	return strings.Map(func(r rune) rune {
		if printable.Hidden(r) {
			return '\ufffd'
		}
		return r
	}, name)
}

func over(r store.Run) bool { return !r.Published.IsZero() || !r.Closed.IsZero() }

func runState(r store.Run) look.State {
	switch {
	case !over(r):
		return look.State{Shape: look.Square, Word: "Under way"}
	case r.Failure != "":
		return look.State{Shape: look.Ring, Word: "Failed"}
	}
	return look.State{Shape: look.Disc, Word: "Done"}
}

// outcome is how many keys ended in one way.
type outcome struct {
	n    int
	what string
}

// outcomes are those of a run that it has to tell: the first three always.
func outcomes(r store.Run) (all []outcome) {
	c, imported := r.Counts, "Imported"
	if r.DryRun {
		imported = "Would be imported"
	}
	for i, o := range []outcome{{c.Imported, imported}, {c.Duplicate, "Already here"}, {c.Refused, "Refused"},
		{c.Replaced, "Replaced"}, {c.Conflict, "Here with another secret"}, {c.Difference, "Here with other code settings"},
		{c.Twin, "Secret of another token"}, {c.HeldBack, "Good, held back"}, {c.Renumbered, "With a new serial"},
		{c.Assigned, "Assigned"}, {c.Users, "Users added"}} {
		if i < 3 || o.n > 0 {
			all = append(all, o)
		}
	}
	return all
}

func resultOf(r store.Run) string {
	var words []string
	for _, o := range outcomes(r) {
		if o.n > 0 {
			words = append(words, fmt.Sprintf("%d %s", o.n, strings.ToLower(o.what[:1])+o.what[1:]))
		}
	}
	if len(words) == 0 {
		return "–"
	}
	return strings.Join(words, ", ")
}

// run gives the import of the address; it has answered if there is none.
func (v *visit) run() (r store.Run, ok bool) {
	id, err := placeOf(v.r.PathValue("id"))
	if err == nil {
		r, err = v.cfg.Imports.Run(v.r.Context(), id)
	}
	if err != nil {
		v.fail(err)
	}
	return r, err == nil
}

// left are the outcomes that leave a key behind.
var left = []string{imports.Refused, imports.Conflict, imports.Difference, imports.Twin}

func leftBehind(c store.RunCounts) int { return c.Refused + c.Conflict + c.Difference + c.Twin }

// importRun is the page of an import, also of one under way.
func (v *visit) importRun() {
	r, ok := v.run()
	if !ok {
		return
	}
	draft, mine := v.cfg.Drafts.OfRun(v.owner(), r.ID)
	p := importPage{Head: fmt.Sprintf("Import %d", r.ID),
		Links: []look.Link{{Label: "All imports", Href: v.root() + "imports"}}}
	switch {
	case over(r):
		if err := v.report(&p, r); err != nil {
			v.fail(err)
			return
		}
		p.Note = verdict(r)
		if r.Counts.Imported+r.Counts.Replaced > 0 && !r.DryRun {
			p.Next = append(p.Next, look.Link{Label: "Check tokens", Href: v.root() + "check"})
			if r.Batch != "" {
				p.Next = append(p.Next, look.Link{Label: "Show the tokens",
					Href: v.at(view{Batch: r.Batch, Sort: store.ByUser, Size: usualSize}, "tokens")})
			}
		}
		if mine && !r.DryRun && r.Failure == "" && leftBehind(r.Counts) > 0 {
			p.Next = append(p.Next, look.Link{Label: "Remainder", Href: v.runAt(r.ID, "remainder")})
			p.After = "The remainder has the keys that were not imported, as they stand in the file. Once the reason is " +
				"removed, import it like any other file."
		}
	default:
		p.Live = &progress{Title: shownName(r.Label), Words: fault.Plural(r.Counts.Keys(), "key", "keys") + " so far"}
		if mine {
			p.Live.of(draft)
		}
		if v.may(authz.ImportCancel) {
			p.Buttons = append(p.Buttons, importButton{Label: "Cancel the import", Action: v.runAt(r.ID, "cancel")})
		}
	}
	v.show(look.Page{Name: "import", Title: p.Head, Body: p})
}

// verdict says in a sentence how an import ended.
func verdict(r store.Run) *look.Note {
	c := r.Counts
	good, bad := c.Imported+c.Replaced, leftBehind(c)
	switch {
	case r.Failure != "":
		return &look.Note{Tone: look.Danger, What: "The import failed",
			Means: inWords.Replace(r.Failure) + " Nothing was imported."}
	case r.DryRun && good > 0:
		n := &look.Note{Tone: look.Good,
			What: "Nothing is imported yet: " + fault.Plural(good, "token", "tokens") + " would be"}
		if bad > 0 {
			n.Tone, n.Means = look.Warning, fault.Plural(bad, "key", "keys")+" would be left out."
		}
		return n
	case good > 0:
		return &look.Note{Tone: look.Good, What: fault.Plural(good, "token is", "tokens are") + " imported",
			Means: "Imported tokens are valid at once."}
	case c.HeldBack > 0:
		return &look.Note{Tone: look.Warning, What: "Nothing is imported: " + fault.Plural(bad, "key", "keys") + " of " +
			strconv.Itoa(c.Keys()) + " cannot be", Means: "A file is imported completely, or the good keys alone if you say so."}
	case bad == 0:
		return &look.Note{Tone: look.Warning, What: "There is nothing to import", Means: "Every key of the file is here already."}
	}
	return &look.Note{Tone: look.Warning, What: "No key of the file can be imported", Means: "The rows below say why."}
}

const importRows = 100

// report puts what an import says of its file and of its keys on the page.
func (v *visit) report(p *importPage, r store.Run) error {
	rows, err := v.cfg.Imports.Rows(v.r.Context(), r.ID, 0, importRows+1)
	if err != nil {
		return err
	}
	p.Facts = append(p.Facts, draftFact{"File", shownName(r.Label)})
	if r.Format != "" {
		p.Facts = append(p.Facts, draftFact{"Format", r.Format})
	}
	for _, o := range outcomes(r) {
		p.Facts = append(p.Facts, draftFact{o.what, strconv.Itoa(o.n)})
	}
	for _, f := range []draftFact{{"Batch", r.Batch}, {"Supplier", r.Supplier}, {"Note", r.Note}, {"By", r.Actor},
		{"Begun", at(r.Opened).Text}} {
		if f.Value != "" {
			p.Facts = append(p.Facts, f)
		}
	}
	for _, text := range r.Remarks {
		p.Notes = append(p.Notes, inWords.Replace(text))
	}
	p.Series = r.Series
	if len(rows) > importRows {
		rows = rows[:importRows]
		p.More = fmt.Sprintf("The first %d. The report has all of them.", importRows)
	}
	for _, row := range rows {
		row.Reason = inWords.Replace(row.Reason)
		p.Rows = append(p.Rows, row)
	}
	switch {
	case !r.Removed.IsZero():
		p.More = "The rows were removed on " + at(r.Removed).Text + ", at the end of their retention period."
	case len(rows) > 0:
		p.Next = append(p.Next, look.Link{Label: "Report (CSV)", Href: v.runAt(r.ID, "report.csv")})
	}
	return nil
}

func (v *visit) cancelImport() {
	id, err := placeOf(v.r.PathValue("id"))
	if err == nil {
		_, err = v.cfg.Imports.Cancel(v.r.Context(), id, v.origin())
	}
	if err != nil {
		v.fail(err)
		return
	}
	v.lead(strings.TrimPrefix(v.runAt(id, ""), v.root()))
}

// eachRow gives the rows of an import one after another.
func (v *visit) eachRow(run int64, do func(store.RunRow)) error {
	for after := 0; ; {
		rows, err := v.cfg.Imports.Rows(v.r.Context(), run, after, maxPage)
		if err != nil {
			return err
		}
		for _, row := range rows {
			do(row)
			after = row.N
		}
		if len(rows) < maxPage {
			return nil
		}
	}
}

// attach sets the headers of a file that is kept, and not shown.
func (v *visit) attach(kind, name string) {
	h := v.w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
}

// cutOff ends an answer that cannot be ended well: what was sent must not look whole.
func (v *visit) cutOff(err error) {
	_, _ = v.wrong(err, "") // logs it
	panic(http.ErrAbortHandler)
}

func (v *visit) importCSV() {
	r, ok := v.run()
	if !ok {
		return
	}
	if !r.Removed.IsZero() {
		v.fail(fault.New(fault.NotFound, "rows_removed", fmt.Sprintf("The rows of import %d were removed, at the end of "+
			"their retention period.", r.ID)))
		return
	}
	v.attach("text/csv; charset=utf-8", fmt.Sprintf("import-%d.csv", r.ID))
	w := csv.NewWriter(v.w)
	w.UseCRLF = true
	_ = w.Write([]string{"key", "line", "serial", "key_id", "type", "manufacturer", "outcome", "reason"})
	cell := printable.Cell
	if err := v.eachRow(r.ID, func(row store.RunRow) {
		_ = w.Write([]string{strconv.Itoa(row.N), number(row.Line), cell(row.Serial), cell(row.KeyID), cell(row.Type),
			cell(row.Manufacturer), row.Outcome, cell(row.Reason)})
	}); err != nil {
		v.cutOff(err)
	}
	w.Flush()
}

// ending is the end of a file's name that is kept.
var ending = regexp.MustCompile(`^\.[A-Za-z0-9]{1,8}$`)

// remainder writes the keys that were not imported as a file of the same format, to whom
// sent the file.
func (v *visit) remainder() {
	r, ok := v.run()
	if !ok {
		return
	}
	draft, mine := v.cfg.Drafts.OfRun(v.owner(), r.ID)
	if !mine || !over(r) || r.DryRun {
		v.fail(drafts.GoneError())
		return
	}
	keep := map[int]bool{}
	if err := v.eachRow(r.ID, func(row store.RunRow) {
		if slices.Contains(left, row.Outcome) {
			keep[row.N] = true
		}
	}); err != nil {
		v.fail(err)
		return
	}
	if len(keep) == 0 {
		v.fail(fault.New(fault.NotFound, "no_remainder", "Nothing of the file was left over."))
		return
	}
	ext := path.Ext(draft.Name)
	if !ending.MatchString(ext) {
		ext = ".txt"
	}
	out := &lazyWriter{w: v.w, first: func() {
		v.attach("application/octet-stream", fmt.Sprintf("import-%d-remainder%s", r.ID, ext))
	}}
	if err := draft.Remainder(out, func(n int) bool { return keep[n] }); err != nil {
		if out.begun {
			v.cutOff(err)
		}
		v.fail(err)
	}
}

// lazyWriter does something before the first byte.
type lazyWriter struct {
	w     io.Writer
	first func()
	begun bool
}

func (l *lazyWriter) Write(b []byte) (int, error) {
	if !l.begun {
		l.begun = true
		l.first()
	}
	return l.w.Write(b)
}
