package derive

import (
	"cmp"
	"maps"
	"slices"

	"ostiary/internal/core/token"
)

// What is left of tokens that are gone: where their secrets stood, and which moves
// brought tokens here. A row of either that is missing or lower lets used codes work
// again.

// remains is what was remembered of a secret last, and the highest floors ever.
type remains struct {
	floor  token.Floor
	away   bool
	fenced bool
	last   int64
}

// retired folds what an entry tells of the secret of a token that is gone.
func (f *Fold) retired(a *act) {
	text, ok := a.After.Find("secret")
	if !ok {
		return
	}
	mark, err := token.ParseMark(string(text))
	if err != nil {
		f.find("", a.seq, "%v", err)
		return
	}
	r := f.remains[mark]
	r.floor.Events = max(r.floor.Events, intOf(a.After, "secret_events"))
	r.floor.Seconds = max(r.floor.Seconds, intOf(a.After, "secret_seconds"))
	r.away, r.last = textOf(a.After, "secret_moved_away") == "true", a.seq
	r.fenced = r.fenced || textOf(a.After, "secret_fenced") == "true"
	f.remains[mark] = r
}

// received folds that an import wrote a receipt for a move.
func (f *Fold) received(a *act) {
	if move := textOf(a.After, "move"); move != "" {
		f.receipts[move] = a.seq
	}
}

// Marks are those of the secrets of which something must be remembered, in their order.
func (f *Fold) Marks() []token.Mark {
	return slices.SortedFunc(maps.Keys(f.remains), cmp.Compare)
}

// Secret holds against the log what is remembered of a secret; there is false if nothing
// is. A floor may be higher than the entries tell, as codes move it, and never lower.
func (f *Fold) Secret(mark token.Mark, floor token.Floor, away, isFenced, there bool) {
	was := f.remains[mark]
	name := "secret " + mark.String()
	switch {
	case !there:
		f.find(name, was.last, "it is not in the database, so its used codes would work again")
	case floor.Events < was.floor.Events || floor.Seconds < was.floor.Seconds:
		f.find(name, was.last, "in the database its floor is counter %d and second %d, but according to the log at least %d and %d",
			floor.Events, floor.Seconds, was.floor.Events, was.floor.Seconds)
	case was.fenced && !isFenced:
		f.find(name, was.last, "in the database its fence is missing, so codes of the time that was lost would "+
			"work again")
	case away != was.away:
		f.find(name, was.last, "in the database it lives on another server: %t; by the log: %t", away, was.away)
	}
}

// Moves are those of which receipts must be kept, in their order.
func (f *Fold) Moves() []string { return slices.Sorted(maps.Keys(f.receipts)) }

// NoReceipt takes note that there is none of a move.
func (f *Fold) NoReceipt(move string) {
	f.find("receipt of move "+move, f.receipts[move], "it is not in the database, so its file would import its "+
		"tokens again")
}
