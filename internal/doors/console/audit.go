package console

import (
	"context"
	"encoding/csv"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/printable"
	"ostiary/internal/doors/look"
	"ostiary/internal/engine/ledger"
	"ostiary/internal/engine/users"
	"ostiary/internal/store"
)

func (c *Console) auditPages() []page {
	return []page{
		{"GET /audit", authz.AuditView, "list-audit", (*visit).auditLog},
		{"GET /audit.csv", authz.AuditView, "list-audit", (*visit).auditCSV},
		{"GET /audit-filter", authz.AuditView, "list-audit", (*visit).auditFilter},
		{"GET /audit/checkpoint", authz.AuditView, "latest-checkpoint", (*visit).checkpoint},
		{"GET /audit/entries/{entry}", authz.AuditView, "show-audit-entry", (*visit).auditEntry},
	}
}

// logView is what the log shows: its filters, and the page. It stands in the address bar.
type logView struct {
	values map[string]string
	before int64
}

// logFilters are in the order of the pills. from and to are times of the server's zone.
var logFilters = []struct {
	name, label, hint string
	serials           bool // for those who see serials
}{
	{"action", "Action", "", false}, {"outcome", "Outcome", "", false},
	{"reason", "Reason", "As the entry has it, such as wrong or replayed", false},
	{"actor", "By", "Such as account:anna, key:radius or system", false},
	{"serial", "Token", "The whole serial number", true}, {"user", "User", "The whole name", false},
	{"from", "From", "In the zone of the server", false}, {"to", "Before", "", false},
}

func (v *visit) readLog() (f logView, err error) {
	q := v.r.URL.Query()
	f.values = map[string]string{}
	for _, each := range logFilters {
		text := strings.TrimSpace(q.Get(each.name))
		if len(text) > 2048 {
			return f, fault.New(fault.Invalid, "filter_too_long", "A filter is too long.")
		}
		if text != "" {
			f.values[each.name] = text
		}
	}
	if text := q.Get("before"); text != "" {
		if f.before, err = strconv.ParseInt(text, 10, 64); err != nil || f.before < 1 {
			return f, fault.New(fault.Invalid, "cursor", "The cursor is not from this server.")
		}
	}
	return f, nil
}

// at is the address of the view.
func (f logView) at(path string) string {
	q := url.Values{}
	for name, value := range f.values {
		q.Set(name, value)
	}
	if f.before > 0 {
		q.Set("before", strconv.FormatInt(f.before, 10))
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// without is the view without a filter, from the newest entry on.
func (f logView) without(name string) logView {
	out := logView{values: map[string]string{}}
	for n, value := range f.values {
		if n != name {
			out.values[n] = value
		}
	}
	return out
}

// filter is the view as the ledger understands it.
func (v *visit) logFilter(f logView) (out audit.Filter, err error) {
	out = audit.Filter{Serial: f.values["serial"], Action: audit.Action(f.values["action"]),
		Outcome: audit.Outcome(f.values["outcome"]), Reason: f.values["reason"], Actor: f.values["actor"]}
	for name, to := range map[string]*time.Time{"from": &out.From, "to": &out.To} {
		if text := f.values[name]; text != "" {
			if *to, err = time.ParseInLocation(localTime, text, time.Local); err != nil {
				return out, fault.New(fault.Invalid, "dates", "A time is written such as 2027-01-31T08:00.")
			}
		}
	}
	if name := f.values["user"]; name != "" {
		if out.User, err = users.Canonical(name); err != nil {
			return out, err
		}
	}
	out, ok := ledger.For(v.session.Principal, out)
	if !ok {
		return out, v.forbidden(authz.AuditSerials)
	}
	return out, nil
}

const (
	logPage = 50
	// logRounds is how often a page goes on where much was looked at in vain.
	logRounds = 20
)

// logEntries gives a page of the log, and where the next one begins; 0 at the end.
func (v *visit) logEntries(f audit.Filter, before int64, limit int) (rows []store.AuditRow, next int64, err error) {
	err = v.cfg.Rest.Turn(v.r.Context(), v.session.Principal, func(ctx context.Context) error {
		next = before
		for range logRounds {
			some, on, err := v.cfg.Ledger.List(ctx, f, next, limit-len(rows))
			if err != nil {
				return err
			}
			rows, next = append(rows, some...), on
			if next == 0 || len(rows) >= limit {
				break
			}
		}
		return nil
	})
	return rows, next, err
}

// logEntry is an entry as pages show it.
type logEntry struct {
	Seq                            int64
	At                             moment
	Action, Outcome, Reason, Actor string
	Serial, User                   string
	Hidden                         bool
	all                            map[string]any
}

func (v *visit) readEntry(row store.AuditRow) (e logEntry, err error) {
	all, err := ledger.SeenBy(v.session.Principal, row)
	if err != nil {
		return e, err
	}
	e = logEntry{Seq: row.Seq, all: all, Action: said(all, "action"), Outcome: said(all, "outcome"),
		Reason: said(all, "reason"), Actor: said(all, "actor"), Hidden: all["hidden"] == true}
	if t, err := time.Parse(time.RFC3339, said(all, "time")); err == nil {
		e.At = at(t)
	}
	subject, _ := all["subject"].(map[string]any)
	e.Serial, e.User = said(subject, "serial"), said(subject, "user")
	return e, nil
}

// logList is the page of the log.
type logList struct {
	Pills       []look.Pill
	Filter, CSV string
	Clear       string
	Verified    look.Note
	Checkpoint  string
	Table       look.Table
}

func (v *visit) auditLog() {
	f, err := v.readLog()
	var filter audit.Filter
	if err == nil {
		filter, err = v.logFilter(f)
	}
	var rows []store.AuditRow
	var next int64
	if err == nil {
		rows, next, err = v.logEntries(filter, f.before, logPage)
	}
	l := logList{Filter: v.root() + f.without("").at("audit-filter"), CSV: v.root() + f.without("").at("audit.csv"),
		Checkpoint: v.root() + "audit/checkpoint",
		Table:      look.TableOf("Entries", "Time", "Action", "Outcome", "Reason", "By", "Token", "User")}
	if err == nil {
		l.Verified, err = v.verifiedTo()
	}
	if err != nil {
		v.fail(err)
		return
	}
	for _, each := range logFilters {
		p := look.Pill{Label: each.label, Value: f.values[each.name]}
		switch {
		case each.serials && !v.may(authz.AuditSerials):
			continue
		case p.Value != "":
			p.Href, l.Clear = v.root()+f.without(each.name).at("audit"), v.root()+"audit"
		default:
			p.Href = l.Filter + "#" + each.name
		}
		l.Pills = append(l.Pills, p)
	}
	t := &l.Table
	for _, row := range rows {
		e, err := v.readEntry(row)
		if err != nil {
			v.fail(err)
			return
		}
		token := v.tokenCell(e.Serial)
		if e.Hidden && e.Serial == "" {
			token.More = "hidden"
		}
		t.Add(nil, look.Cell{Text: e.At.Text, Href: v.entryAt(e.Seq), Open: true}, look.Cell{Text: e.Action},
			outcomeCell(e.Outcome), look.Cell{Text: e.Reason}, look.Cell{Text: e.Actor}, token, v.userCell(e.User))
	}
	if f.before > 0 {
		t.First = v.root() + f.without("").at("audit")
	}
	if next > 0 {
		f.before = next
		t.Next = v.root() + f.at("audit")
	}
	t.Foot = fault.Plural(len(rows), "entry", "entries") + " on this page, newest first"
	if len(rows) == 0 && next == 0 {
		t.Empty = &look.Empty{What: "No entry of the log matches these filters.",
			Action: &look.Link{Label: "Show all entries", Href: v.root() + "audit"}}
	}
	v.show(look.Page{Name: "audit", Title: "Audit log", Body: l})
}

func (v *visit) entryAt(seq int64) string {
	return v.root() + "audit/entries/" + strconv.FormatInt(seq, 10)
}

// tokenCell leads to what the log has of a token.
func (v *visit) tokenCell(serial string) look.Cell {
	if serial == "" {
		return look.Cell{}
	}
	return look.Cell{Text: serial, Mono: true, Href: v.root() + "audit?" + query("serial", serial)}
}

func (v *visit) userCell(name string) look.Cell {
	if name == "" {
		return look.Cell{}
	}
	return look.Cell{Text: name, Href: v.root() + "audit?" + query("user", name)}
}

func outcomeCell(outcome string) look.Cell {
	switch audit.Outcome(outcome) {
	case audit.Accepted:
		return look.Cell{State: &look.State{Shape: look.Disc, Word: outcome}}
	case audit.Refused:
		return look.Cell{State: &look.State{Shape: look.Ring, Word: outcome}}
	}
	return look.Cell{Text: outcome}
}

// verifiedTo says what the last verification of the log found.
func (v *visit) verifiedTo() (n look.Note, err error) {
	rows, _, err := v.cfg.Ledger.List(v.r.Context(), audit.Filter{Action: audit.Verified}, 0, 1)
	if err != nil {
		return n, err
	}
	if len(rows) == 0 {
		return look.Note{What: "The log was not verified yet",
			Means: "The server verifies it soon after its start and each night."}, nil
	}
	e, err := v.readEntry(rows[0])
	if err != nil {
		return n, err
	}
	after, _ := e.all["after"].(map[string]any)
	n = look.Note{Tone: look.Good, What: "Log verified up to entry " + said(after, "entries"),
		Means: "On " + e.At.Text + ", and the state follows from it."}
	if e.Outcome == string(audit.Refused) {
		n = look.Note{Tone: look.Danger, What: "The last verification found what does not fit",
			Means: "On " + e.At.Text + ". Find out what and why, with: ostiary audit verify",
			Next:  &look.Link{Label: "Show the entry", Href: v.entryAt(e.Seq)}}
	}
	return n, nil
}

func (v *visit) auditFilter() {
	f, err := v.readLog()
	if err != nil {
		v.fail(err)
		return
	}
	actions := []string{"", "Any"}
	for _, a := range audit.Actions() {
		actions = append(actions, string(a), string(a))
	}
	var inputs []input
	for _, each := range logFilters {
		if each.serials && !v.may(authz.AuditSerials) {
			continue
		}
		in := input{Field: look.Field{ID: each.name, Label: each.label, Hint: each.hint, Value: f.values[each.name],
			Max: 500}}
		switch each.name {
		case "action":
			in.Options = optionsWith(in.Value, actions...)
		case "outcome":
			in.Options = optionsWith(in.Value, "", "Any", "done", "done", "accepted", "accepted", "refused", "refused")
		case "from", "to":
			in.Type, in.Max = "datetime-local", 0
		}
		inputs = append(inputs, in)
	}
	v.show(look.Page{Name: "log-filter", Title: "Filters", Dialog: true, Body: struct {
		Inputs        []input
		Action, Close string
	}{inputs, v.root() + "audit", v.root() + f.at("audit")}})
}

// checkpoint sends the newest one, to be kept elsewhere.
func (v *visit) checkpoint() {
	note, _, err := v.cfg.Ledger.Latest(v.r.Context())
	if err != nil {
		v.fail(err)
		return
	}
	v.download("text/plain; charset=utf-8", "audit-checkpoint.txt")
	_, _ = v.w.Write([]byte(note)) // the client has disconnected if this fails
}

// download sets the headers of a file.
func (v *visit) download(kind, name string) {
	h := v.w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
}

// auditCSV writes the whole view, all of its pages.
func (v *visit) auditCSV() {
	f, err := v.readLog()
	var filter audit.Filter
	if err == nil {
		filter, err = v.logFilter(f)
	}
	var rows []store.AuditRow
	next := int64(0)
	if err == nil {
		rows, next, err = v.logEntries(filter, 0, maxPage)
	}
	if err != nil {
		v.fail(err)
		return
	}
	v.download("text/csv; charset=utf-8", "audit.csv")
	w := csv.NewWriter(v.w)
	w.UseCRLF = true
	_ = w.Write([]string{"entry", "time", "action", "outcome", "reason", "actor", "actor_id", "source", "request",
		"serial", "user"})
	for {
		for _, row := range rows {
			e, err := v.readEntry(row)
			if err != nil {
				_, _ = v.wrong(err, "") // logs it
				panic(http.ErrAbortHandler)
			}
			cell := printable.Cell
			_ = w.Write([]string{strconv.FormatInt(e.Seq, 10), said(e.all, "time"), cell(e.Action), cell(e.Outcome),
				cell(e.Reason), cell(e.Actor), cell(said(e.all, "actor_id")), cell(said(e.all, "source")),
				cell(said(e.all, "request")), cell(e.Serial), cell(e.User)})
		}
		if next == 0 {
			break
		}
		if rows, next, err = v.logEntries(filter, next, maxPage); err != nil {
			_, _ = v.wrong(err, "")     // logs it
			panic(http.ErrAbortHandler) // what was sent is no whole list, and must not look like one
		}
	}
	w.Flush()
}
