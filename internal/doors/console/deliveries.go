package console

import (
	"context"
	"net/url"
	"strconv"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/look"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/store"
)

// deliveryPages are about tokens that came or go together.
func (c *Console) deliveryPages() []page {
	return []page{
		{"GET /batches", authz.TokenView, "list-batches", (*visit).batches},
		{"GET /batches/state", authz.TokenState, "set-batch-state", func(v *visit) { v.showBatchState(nil) }},
		{"POST /batches/state", authz.TokenState, "set-batch-state", (*visit).setBatchState},
		{"GET /moves", authz.TokenExport, "list-moves", (*visit).moves},
		{"GET /moves/{move}/cancel", authz.TokenExport, "cancel-move", (*visit).showCancelMove},
		{"POST /moves/{move}/cancel", authz.TokenExport, "cancel-move", (*visit).cancelMove},
	}
}

// cursor is where a page of a list begins: a name of at most so many bytes.
func (v *visit) cursor() (string, error) {
	after := v.r.URL.Query().Get("after")
	if len(after) > 4096 {
		return "", fault.New(fault.Invalid, "cursor", "The cursor is not from this server.")
	}
	return after, nil
}

func (v *visit) batches() {
	after, err := v.cursor()
	var all []store.Batch
	if err == nil {
		err = v.cfg.Rest.Turn(v.r.Context(), v.session.Principal, func(ctx context.Context) (err error) {
			all, err = v.cfg.Lifecycle.Batches(ctx, after, logPage+1)
			return err
		})
	}
	if err != nil {
		v.fail(err)
		return
	}
	t := look.TableOf("Batches", "Name", "Supplier", "Note", "Imports", "Tokens", "Newest import")
	if len(all) > logPage {
		all = all[:logPage]
		t.Next = v.root() + "batches?" + query("after", all[logPage-1].Name)
	}
	if after != "" {
		t.First = v.root() + "batches"
	}
	for _, b := range all {
		var acts []look.Act
		if v.may(authz.TokenState) && b.Tokens > 0 {
			acts = []look.Act{{Link: look.Link{Label: "Change status", Href: v.batchStateAt(b.Name)}, Dialog: true}}
		}
		t.Add(acts, look.Cell{Text: b.Name, Href: v.at(view{Batch: b.Name, Sort: store.ByUser, Size: usualSize}, "tokens"),
			Open: true}, look.Cell{Text: b.Supplier}, look.Cell{Text: b.Note},
			look.Cell{Text: strconv.Itoa(b.Runs), Number: true}, look.Cell{Text: strconv.Itoa(b.Tokens), Number: true},
			when(at(b.Newest)))
	}
	if len(all) == 0 {
		t.Empty = &look.Empty{What: "A batch is a delivery of tokens. An import gives it its name: " +
			"ostiary token import FILE --batch NAME"}
	}
	s := record{Figures: []look.Link{{Label: "Deliveries of tokens, by the names that imports gave them"}},
		Tables: []look.Table{t}}
	q := v.r.URL.Query()
	if n, err := strconv.Atoi(q.Get("changed")); err == nil && n >= 0 {
		s.Notes = []look.Note{{Tone: look.Good, What: "The state of " + fault.Plural(n, "token", "tokens") + " is changed",
			Means: "Those that have it already, or may not get it, stayed as they were."}}
	}
	v.showRecord("Batches", s)
}

func (v *visit) batchStateAt(name string) string {
	return v.root() + "batches/state?" + query("name", name)
}

// countedFrom is from which number of tokens on the number is typed to change them together.
const countedFrom = 51

func (v *visit) showBatchState(err error) {
	b, findErr := v.cfg.Lifecycle.Batch(v.r.Context(), v.r.URL.Query().Get("name"))
	if findErr != nil {
		v.fail(findErr)
		return
	}
	states := []string{}
	for s := token.Valid; s <= token.RevokedOther; s++ {
		states = append(states, s.String(), stateWords[s].Word)
	}
	many := fault.Plural(b.Tokens, "token", "tokens")
	a := ask{Title: "Change status", About: b.Name, Submit: "Change " + many, Danger: true, Action: v.batchStateAt(b.Name),
		Close: v.root() + "batches", Means: "The status of the " + many + " of this batch. Each change is in the log.",
		Inputs: []input{{Field: look.Field{ID: "state", Label: "Status"},
			Options: optionsWith(token.RevokedOther.String(), states...)},
			{Field: look.Field{ID: "reason", Label: "Reason", Hint: "It stands in the log", Max: tokens.MaxReason}}}}
	if b.Tokens >= countedFrom {
		a.Inputs = append(a.Inputs, input{Field: look.Field{ID: "number", Label: "How many tokens are changed?",
			Hint: "Type " + strconv.Itoa(b.Tokens), Required: true, Max: 12}})
	}
	if err != nil {
		v.failed(&a, err)
	}
	v.showAsk(a)
}

func (v *visit) setBatchState() {
	name := v.r.URL.Query().Get("name")
	b, err := v.cfg.Lifecycle.Batch(v.r.Context(), name)
	if err != nil {
		v.fail(err)
		return
	}
	state, err := token.ParseState(v.posted("state"))
	switch {
	case err != nil || state > token.RevokedOther:
		err = fault.New(fault.Invalid, "state", "Choose a status.")
	case b.Tokens >= countedFrom && v.posted("number") != strconv.Itoa(b.Tokens):
		err = fault.New(fault.Invalid, "number", "The batch has "+
			fault.Plural(b.Tokens, "token", "tokens")+" now: type this number.").
			WithHint("Nothing was changed.")
	}
	changed := 0
	if err == nil {
		// What was begun goes on when the browser leaves.
		changed, err = v.cfg.Lifecycle.SetBatchState(context.WithoutCancel(v.r.Context()), name, state, v.posted("reason"),
			v.origin())
	}
	if err != nil {
		v.showBatchState(err)
		return
	}
	v.lead("batches?" + query("changed", strconv.Itoa(changed)))
}

func (v *visit) moves() {
	before, err := v.cursor()
	var all []store.Move
	if err == nil {
		err = v.cfg.Rest.Turn(v.r.Context(), v.session.Principal, func(ctx context.Context) (err error) {
			all, err = v.cfg.Lifecycle.Moves(ctx, before, logPage+1)
			return err
		})
	}
	if err != nil {
		v.fail(err)
		return
	}
	t := look.TableOf("Moves", "Move", "Begun", "By", "On their way", "Moved", "Taken back", "State")
	if len(all) > logPage {
		all = all[:logPage]
		t.Next = v.root() + "moves?" + query("after", all[logPage-1].ID)
	}
	if before != "" {
		t.First = v.root() + "moves"
	}
	for _, m := range all {
		var acts []look.Act
		state := look.State{Shape: look.Disc, Word: "Ended"}
		if m.Moving > 0 {
			state = look.State{Shape: look.Square, Word: "Open"}
			acts = []look.Act{{Link: look.Link{Label: "Cancel", Href: v.moveAt(m.ID)}, Dialog: true}}
		}
		count := func(n int) look.Cell { return look.Cell{Text: strconv.Itoa(n), Number: true} }
		t.Add(acts, look.Cell{Text: m.ID, Mono: true}, when(at(m.Opened)), look.Cell{Text: m.Actor}, count(m.Moving),
			count(m.Moved), count(m.Back), look.Cell{State: &state})
	}
	if len(all) == 0 {
		t.Empty = &look.Empty{What: "A move takes tokens to another server, so that each lives on one of them alone. It is " +
			"begun on the command line, which writes the file: ostiary token export FILE --passphrase-file FILE --move"}
	}
	s := record{Figures: []look.Link{{Label: "Tokens on their way to other servers"}}, Tables: []look.Table{t}}
	if v.r.URL.Query().Get("done") == "cancel" {
		s.Notes = append(s.Notes, look.Note{Tone: look.Good, What: "The move is cancelled",
			Means: "The tokens that were on their way are as they were before."})
	}
	if len(all) > 0 {
		s.Notes = append(s.Notes, look.Note{What: "The other server’s receipt ends a move",
			Means: "Hand it in on the command line: ostiary move confirm RECEIPT"})
	}
	v.showRecord("Moves", s)
}

func (v *visit) moveAt(id string) string { return v.root() + "moves/" + url.PathEscape(id) + "/cancel" }

func (v *visit) showCancelMove() {
	id := v.r.PathValue("move")
	v.showAsk(ask{Title: "Cancel the move", About: id, Submit: "Cancel the move", Danger: true, Action: v.moveAt(id),
		Close: v.root() + "moves",
		Means: "The tokens on their way work here again. Do it only if the file was not imported on the other server: " +
			"otherwise a code would be accepted on both. Delete the file."})
}

func (v *visit) cancelMove() {
	if _, err := v.cfg.Lifecycle.CancelMove(v.r.Context(), v.r.PathValue("move"), v.origin()); err != nil {
		v.fail(err)
		return
	}
	v.lead("moves?done=cancel")
}
