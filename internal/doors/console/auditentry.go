package console

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/doors/look"
)

// auditEntry is the page of one entry.
func (v *visit) auditEntry() {
	place, err := strconv.ParseInt(v.r.PathValue("entry"), 10, 64)
	if err != nil || place < 0 {
		v.fail(fault.New(fault.Invalid, "entry", "The number of an entry is a number."))
		return
	}
	row, err := v.cfg.Ledger.Entry(v.r.Context(), place)
	if err != nil {
		v.fail(err)
		return
	}
	e, err := v.readEntry(row)
	if err != nil {
		v.fail(err)
		return
	}
	s := record{About: fmt.Sprint(e.Seq), Figures: []look.Link{{Label: "Audit log", Href: v.root() + "audit"}}}
	if e.Hidden {
		s.Notes = append(s.Notes, look.Note{What: "Parts of this entry are hidden",
			Means: "They may tell a token’s serial number, which your role does not see."})
	}
	action := look.Cell{Text: e.Action, More: audit.Action(e.Action).Tells()}
	s.Facts = []fact{{"Time", when(e.At)}, {"Action", action}, {"Outcome", outcomeCell(e.Outcome)},
		{"Reason", orDash(e.Reason)}, {"By", look.Cell{Text: e.Actor, Href: v.root() + "audit?" + query("actor", e.Actor)}}}
	for _, more := range [][2]string{{"actor_id", "Key or account"}, {"role", "Role"}, {"source", "From"},
		{"client", "Client"}, {"request", "Request"}} {
		if text := said(e.all, more[0]); text != "" {
			s.Facts = append(s.Facts, fact{more[1], look.Cell{Text: text, Mono: more[0] != "role"}})
		}
	}
	if e.Serial != "" {
		s.Facts = append(s.Facts, fact{"Token", v.tokenCell(e.Serial)})
	}
	if e.User != "" {
		s.Facts = append(s.Facts, fact{"User", v.userCell(e.User)})
	}
	if t := changesOf(e.all); len(t.Rows) > 0 {
		s.Tables = append(s.Tables, t)
	}
	text, err := json.MarshalIndent(e.all, "", "  ")
	if err != nil {
		v.fail(err)
		return
	}
	s.Words = []words{{"The whole entry", string(text)}}
	v.showRecord("Entry", s)
}

// changesOf is what an entry says of before and after.
func changesOf(entry map[string]any) look.Table {
	t := look.TableOf("Before and after", "What", "Before", "After")
	before, _ := entry["before"].(map[string]any)
	after, _ := entry["after"].(map[string]any)
	names := slices.AppendSeq(slices.Collect(maps.Keys(before)), maps.Keys(after))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		t.Add(nil, look.Cell{Text: name}, orDash(said(before, name)), orDash(said(after, name)))
	}
	return t
}

// said is a value of an entry as text.
func said(of map[string]any, name string) string {
	switch value := of[name].(type) {
	case nil:
		return ""
	case string:
		return value
	case json.Number:
		return value.String()
	case bool:
		return strconv.FormatBool(value)
	default:
		text, _ := json.Marshal(value) // it was read from JSON
		return string(text)
	}
}
