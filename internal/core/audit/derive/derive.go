// Package derive computes the state of a server from its audit log, and holds the
// rows of the database against it.
//
// A Fold takes the entries in their order. Of each row it keeps what the entries
// say: where a token stands, its failures, state, owner and dates, and so on for
// users, API keys, types. What an entry says was before must be what was derived:
// so a counter that was set back in the database, used, and set forward again
// stays visible for ever. At the end the rows of the database are held against
// what was derived, and what is missing there is named.
//
// Entries of version 1 tell that a row came or went, but not all that was changed
// in it. What only they speak of is taken on trust: it is known from the first
// entry of version 2 on that tells it, and counted until then (Result.Trusted).
//
// Rows are found by a hash of 64 bits under a key that is drawn for each Fold, so
// that a million tokens take about 70 MB. Names are read from the entries again
// when something is to be said of them.
package derive

import (
	"fmt"
	"hash/maphash"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
)

// Shown bounds the findings that are kept; all are counted.
const Shown = 100

// NoEntry is the place of an entry where there is none.
const NoEntry = -1

// Finding is a row that does not follow from the entries.
type Finding struct {
	// Row names it, or is empty for an entry that stands for itself.
	Row string
	// Entry is the place of the entry that does not fit: the one whose state before
	// is another than the log's, or the last one about the row. NoEntry if there is
	// none.
	Entry int64
	Text  string
}

func (f Finding) String() string {
	switch {
	case f.Row == "":
		return fmt.Sprintf("entry %d: %s", f.Entry, f.Text)
	case f.Entry == NoEntry:
		return fmt.Sprintf("%s: %s", f.Row, f.Text)
	}
	return fmt.Sprintf("%s, entry %d: %s", f.Row, f.Entry, f.Text)
}

// Result is what a Fold found.
type Result struct {
	Entries int64
	Tokens  int // rows of tokens that were held against the log
	// Trusted are the rows of which something is taken on trust.
	Trusted  int
	Count    int // of all findings
	Findings []Finding
	// Unknown are the entries, behind the last seam, whose action this program does not know.
	// Each is a finding, and what it changed may be others.
	Unknown int
}

// Fold derives the state. The zero Fold is not usable; see New.
type Fold struct {
	seed   maphash.Seed
	parser audit.Parser
	result Result
	next   int64 // place of the next entry
	begin  int64 // place from which on it goes on from the lines of a state
	strict bool  // an entry of version 2 was there
	began  bool  // with entries of version 1

	tokens tokens
	moving map[uint64]token.State // of tokens on their way, the states before
	labels map[uint64]string      // of tokens whose labels were changed
	// fencedAt is the time of the last fence, in seconds.
	fencedAt int64
	apps     map[uint64]counter
	names    names
	users    map[uint64]*user
	codes    map[uint64]*code
	keys     map[string]*key
	admins   map[string]*admin  // by id
	passkeys map[string]passkey // by mark
	types    map[string]*kind
	sheets   map[string]sheet
	root     root
	runs     runs
	// What is left of tokens that are gone; receipts by move, with the place of the entry.
	remains  map[token.Mark]remains
	receipts map[string]int64
	// settled is the place from which on entries are of the time of the comparison.
	settled int64
}

// New makes a Fold for a log from its first entry on, or for one whose first entries
// are gone (Load).
func New() *Fold {
	f := &Fold{seed: maphash.MakeSeed(), settled: -1, moving: map[uint64]token.State{},
		labels:  map[uint64]string{},
		remains: map[token.Mark]remains{}, receipts: map[string]int64{},
		apps: map[uint64]counter{}, users: map[uint64]*user{}, codes: map[uint64]*code{}, keys: map[string]*key{},
		admins: map[string]*admin{}, passkeys: map[string]passkey{},
		types: map[string]*kind{}, sheets: map[string]sheet{}, runs: runs{published: map[int64]int64{}}}
	f.tokens, f.names = newTokens(), newNames()
	for _, t := range token.Types() {
		f.addType(t.Name, fieldsOf(audit.TypeFields(t)), NoEntry)
	}
	return f
}

// Next is the place of the entry that is to be added next.
func (f *Fold) Next() int64 { return f.next }

// Result gives what was found so far.
func (f *Fold) Result() Result {
	r := f.result
	r.Entries = f.next
	return r
}

func (f *Fold) find(row string, entry int64, format string, args ...any) {
	f.result.Count++
	if len(f.result.Findings) < Shown {
		f.result.Findings = append(f.result.Findings, Finding{row, entry, fmt.Sprintf(format, args...)})
	}
}

// Forged takes note of a row that does not carry its tag; an empty text is one that is
// only counted.
func (f *Fold) Forged(row, text string) {
	if text == "" {
		f.result.Count++
		return
	}
	f.find(row, NoEntry, "%s", text)
}

// act is one entry being folded.
type act struct {
	seq int64
	*audit.Parsed
	old bool // of version 1
}

func (a *act) accepted() bool { return string(a.Outcome) == string(audit.Accepted) }

// Add folds the next entry. parsed says that its parser read it: then it is JSON.
func (f *Fold) Add(seq int64, entry []byte) (parsed bool) {
	f.next = seq + 1
	p, err := f.parser.Parse(entry)
	if err != nil {
		f.find("", seq, "%v", err)
		return false
	}
	a := &act{seq: seq, Parsed: p, old: p.Version == 1}
	switch {
	case !a.old:
		f.strict = true
	case !f.strict:
		f.began = true
	default:
		f.find("", seq, "an entry of version 1 follows one of version 2: an older program wrote here")
	}
	rule, ok := rules[audit.Action(p.Action)]
	if !ok {
		f.result.Unknown++
		f.find("", seq, "the action %q is unknown", p.Action)
		return true
	}
	if rule.fold != nil {
		rule.fold(f, a)
	}
	return true
}

// hash is the key of a row in a map: of its parts, each with its end.
func (f *Fold) hash(kind byte, parts ...[]byte) uint64 {
	var h maphash.Hash
	h.SetSeed(f.seed)
	_ = h.WriteByte(kind)
	for _, p := range parts {
		_, _ = h.Write(p)
		_ = h.WriteByte(0) // no name holds one
	}
	return h.Sum64()
}

// The kinds of rows.
const (
	aToken byte = iota + 1
	anApplication
	aUser
	aCode
)

// runs are the imports: the tokens of one count once it is published.
type runs struct {
	published map[int64]int64 // by run, the place of the entry
	open      int64
	staged    []uint64 // tokens of the open run
	users     []uint64
}

func (f *Fold) stage(run int64, row uint64, isUser bool) {
	if f.runs.open != run {
		f.runs.open, f.runs.staged, f.runs.users = run, f.runs.staged[:0], f.runs.users[:0]
	}
	if isUser {
		f.runs.users = append(f.runs.users, row)
		return
	}
	f.runs.staged = append(f.runs.staged, row)
}

func (f *Fold) publish(a *act) {
	run := intOf(a.After, "run")
	f.runs.published[run] = a.seq
	f.received(a)
	if run == f.runs.open {
		f.runs.open, f.runs.staged, f.runs.users = 0, nil, nil
	}
}

// abandon forgets what a run staged.
func (f *Fold) abandon(a *act) {
	if run := intOf(a.Before, "run"); run != f.runs.open || run == 0 {
		return
	}
	for _, row := range f.runs.staged {
		f.dropToken(row)
	}
	for _, row := range f.runs.users {
		delete(f.users, row)
	}
	f.runs.open, f.runs.staged, f.runs.users = 0, nil, nil
}

// counts tells whether the rows of a run are visible.
func (f *Fold) counts(run int64) bool {
	_, ok := f.runs.published[run]
	return run == 0 || ok
}

// fresh tells whether a row came or changed since the comparison began, so that it
// may be missed by a comparison that passed its place before.
func (f *Fold) fresh(last, run int64) bool {
	return f.settled >= 0 && (last >= f.settled || run != 0 && f.runs.published[run] >= f.settled)
}

// Settle says that the comparison begins: rows that change from here on may be missed
// by it, and are not called missing.
func (f *Fold) Settle() { f.settled = f.next }
