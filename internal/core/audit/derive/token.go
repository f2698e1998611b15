package derive

import (
	"fmt"
	"strconv"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
)

// counter is where a token or an application stands, and the last entry about it.
// fenced says that a fence has moved it since (see fence.go).
type counter struct {
	next   uint64
	drift  int64
	last   int64
	fenced bool
}

// What is known of a token.
const (
	knowsCounter = 1 << iota
	knowsEpoch
	knowsFailures
	knowsState
	knowsOwner
	knowsDates
	knowsApps
	seen // in the database
	fenced
	countsEvents // known of tokens whose entries tell their algorithm

	knowsAll = seen - 1
)

// row is what was derived of a token, in 48 bytes: there may be a million.
type row struct {
	next     uint64
	last     int64  // the last entry about it
	owner    uint64 // the hash of a name
	run      int32
	epoch    int32
	failures int32
	drift    int32
	dates    uint32 // which of tokens.dates
	known    uint16
	apps     uint8 // bits: which further applications there are, beginning with 1
	state    token.State
}

// maxApps is how many further applications a token can have.
const maxApps = 8

func appBit(index int) uint8 { return 1 << (index - 1) }

// dates are from when and until when a token is valid, in milliseconds. Many tokens
// have the same.
type dates struct{ from, until int64 }

// tokens keeps rows in blocks, so that a map that grows moves numbers alone.
type tokens struct {
	at     map[uint64]uint32
	blocks [][]row
	free   []uint32
	n      uint32
	dates  []dates
	known  map[dates]uint32
	delays map[uint64]int64 // the ends of delays, where there are any, by token
}

func newTokens() tokens {
	return tokens{at: map[uint64]uint32{}, dates: []dates{{}}, known: map[dates]uint32{{}: 0},
		delays: map[uint64]int64{}}
}

// kept gives the number under which dates are kept.
func (t *tokens) kept(d dates) uint32 {
	n, ok := t.known[d]
	if !ok {
		n = uint32(len(t.dates))
		t.dates, t.known[d] = append(t.dates, d), n
	}
	return n
}

// delay keeps the end of a delay; 0 is none.
func (t *tokens) delay(id uint64, until int64) {
	if until == 0 {
		delete(t.delays, id)
		return
	}
	t.delays[id] = until
}

const blockRows = 4096

func (t *tokens) row(i uint32) *row { return &t.blocks[i/blockRows][i%blockRows] }

func (t *tokens) get(id uint64) *row {
	if i, ok := t.at[id]; ok {
		return t.row(i)
	}
	return nil
}

func (t *tokens) add(id uint64) *row {
	var i uint32
	if n := len(t.free); n > 0 {
		i, t.free = t.free[n-1], t.free[:n-1]
	} else {
		if i = t.n; int(i/blockRows) == len(t.blocks) {
			t.blocks = append(t.blocks, make([]row, blockRows))
		}
		t.n++
	}
	t.at[id] = i
	r := t.row(i)
	*r = row{}
	return r
}

func (f *Fold) dropToken(id uint64) {
	i, ok := f.tokens.at[id]
	if !ok {
		return
	}
	f.dropApps(id, f.tokens.row(i))
	*f.tokens.row(i) = row{}
	delete(f.tokens.at, id)
	delete(f.tokens.delays, id)
	delete(f.moving, id)
	delete(f.labels, id)
	f.tokens.free = append(f.tokens.free, i)
}

func (f *Fold) appKey(id uint64, index int) uint64 {
	return id ^ f.hash(anApplication, []byte{byte(index) + 1})
}

func (f *Fold) dropApps(id uint64, r *row) {
	for index := 1; index <= maxApps; index++ {
		if r.apps&appBit(index) != 0 {
			delete(f.apps, f.appKey(id, index))
		}
	}
	r.apps = 0
}

func (f *Fold) tokenKey(s *audit.ParsedSubject) uint64 {
	return f.hash(aToken, s.Type, s.Manufacturer, s.Serial, s.KeyID)
}

func tokenName(id token.Identity) string { return "token " + id.String() }

func subjectName(s *audit.ParsedSubject) string {
	return tokenName(token.Identity{Type: string(s.Type), Manufacturer: string(s.Manufacturer),
		Serial: string(s.Serial), KeyID: string(s.KeyID)})
}

// created folds an entry that a token comes: all that it does not tell is nothing.
func (f *Fold) created(a *act) {
	id := f.tokenKey(&a.Subject)
	run := intOf(a.After, "run")
	if old := f.tokens.get(id); old != nil {
		f.find(subjectName(&a.Subject), a.seq, "an entry creates it, but it already existed")
		f.dropToken(id)
	}
	r := f.tokens.add(id)
	r.run, r.last = int32(run), a.seq
	if run != 0 {
		f.stage(run, id, false)
	}
	if !a.old {
		r.known = knowsAll
		f.set(id, r, a, &a.ParsedChange)
		f.others(a) // its further applications
	}
}

// removed folds an entry that a token goes.
func (f *Fold) removed(a *act) {
	id := f.tokenKey(&a.Subject)
	if f.changed(a, &a.ParsedChange) != nil {
		f.dropToken(id)
	}
	f.retired(a)
}

// updated folds an entry that changes a token, and further rows perhaps.
func (f *Fold) updated(a *act) {
	f.changed(a, &a.ParsedChange)
	f.others(a)
	f.retired(a)
}

func (f *Fold) others(a *act) {
	for i := range a.Also {
		c := &a.Also[i]
		if c.Subject.Empty() {
			c.Subject = a.Subject
		}
		f.changed(a, c)
	}
}

// changed folds what an entry says of one token.
func (f *Fold) changed(a *act, c *audit.ParsedChange) *row {
	id := f.tokenKey(&c.Subject)
	r := f.tokens.get(id)
	if r == nil {
		f.find(subjectName(&c.Subject), a.seq, "the entry is about a token that no entry created")
		return nil
	}
	if a.old {
		f.dropApps(id, r)
		delete(f.moving, id)
		r.known, r.last = 0, a.seq // it does not tell all that it changed
		return r
	}
	f.check(id, r, a, c)
	f.set(id, r, a, c)
	return r
}

// check holds what an entry says was before against what was derived.
func (f *Fold) check(id uint64, r *row, a *act, c *audit.ParsedChange) {
	differs := func(name string, was []byte, derived any) {
		f.find(subjectName(&c.Subject), a.seq, "the entry says that %s was %s, but according to the earlier entries it was %v (the last "+
			"is %d): it was changed outside the log", name, was, derived, r.last)
	}
	for _, v := range c.Before {
		switch string(v.Name) {
		case "next":
			f.checkCounter(id, r, c, v.Text, differs)
		case "epoch":
			if r.known&knowsEpoch != 0 && string(v.Text) != strconv.FormatInt(int64(r.epoch), 10) {
				differs("the epoch", v.Text, r.epoch)
			}
			if r.known&knowsEpoch == 0 {
				r.epoch, r.known = int32(intOf(c.Before, "epoch")), r.known|knowsEpoch
			}
		case "failures":
			was, retry := int32(intOf(c.Before, "failures")), timeOf(c.Before, "retry_at")
			if r.known&knowsFailures != 0 && (was != r.failures || retry != f.tokens.delays[id]) {
				differs("the number of failures or the end of their delay", v.Text, r.failures)
			}
		case "state":
			if r.known&knowsState != 0 && string(v.Text) != r.state.String() {
				differs("the state", v.Text, r.state)
			}
		case "owner":
			if r.known&knowsOwner != 0 && f.ownerKey(v.Text) != r.owner {
				differs("the owner", quoted(v.Text), "another")
			}
		case "label":
			if label, known := f.labels[id]; known && string(v.Text) != label {
				differs("the label", quoted(v.Text), strconv.Quote(label))
			}
		case "valid_from", "valid_until":
			if was := datesOf(c.Before); r.known&knowsDates != 0 && was != f.tokens.dates[r.dates] {
				differs(string(v.Name), v.Text, "another")
			}
		}
	}
}

func quoted(s []byte) []byte { return strconv.AppendQuote(nil, string(s)) }

// checkCounter checks that of the token, or of the application that the change names.
func (f *Fold) checkCounter(id uint64, r *row, c *audit.ParsedChange, text []byte,
	differs func(string, []byte, any)) {
	next, _ := strconv.ParseUint(string(text), 10, 64)
	drift := intOf(c.Before, "drift")
	was, name, known := r.counter(), "the counter", r.known&knowsCounter != 0
	events := r.known&countsEvents != 0
	if index := intOf(c.After, "application"); index != 0 {
		was, known, events = f.apps[f.appKey(id, int(index))], r.known&knowsApps != 0, false
		name += fmt.Sprintf(" of application %d", index)
	}
	switch {
	case !known:
	case was.fenced:
		if why := was.notFenced(next, drift, events); why != "" {
			differs(name, text, fmt.Sprint(was.next, ", fenced: ", why))
		}
	case next != was.next:
		differs(name, text, was.next)
	case drift != was.drift:
		differs("the drift of "+name[len("the "):], strconv.AppendInt(nil, drift, 10), was.drift)
	}
}

// set takes over what an entry says is afterwards.
func (f *Fold) set(id uint64, r *row, a *act, c *audit.ParsedChange) {
	r.last = a.seq
	for _, v := range c.After {
		switch string(v.Name) {
		case "next":
			f.setCounter(id, r, a, c, v.Text)
		case "epoch":
			r.epoch, r.known = int32(intOf(c.After, "epoch")), r.known|knowsEpoch
		case "failures":
			r.failures, r.known = int32(intOf(c.After, "failures")), r.known|knowsFailures
			f.tokens.delay(id, timeOf(c.After, "retry_at"))
		case "state":
			state, err := token.ParseState(string(v.Text))
			if err != nil {
				f.find(subjectName(&c.Subject), a.seq, "%v", err)
			}
			f.moves(id, r, a, c, state)
			r.state, r.known = state, r.known|knowsState
		case "owner":
			r.owner, r.known = f.ownerKey(v.Text), r.known|knowsOwner
		case "algorithm":
			r.known &^= countsEvents
			if string(v.Text) == string(token.HOTP) {
				r.known |= countsEvents
			}
		case "label":
			if string(a.Action) == string(audit.TokenLabelled) { // others name too many to be kept
				f.labels[id] = string(v.Text)
			}
		case "valid_from", "valid_until":
			r.dates, r.known = f.tokens.kept(datesOf(c.After)), r.known|knowsDates
		}
	}
}

// moves follows a token that goes on its way to another server, and comes back from it
// as what it was: nothing but the end of a move changes its state meanwhile.
func (f *Fold) moves(id uint64, r *row, a *act, c *audit.ParsedChange, to token.State) {
	if r.known&knowsState == 0 || r.state == to {
		return
	}
	if was, ok := f.moving[id]; ok && r.state == token.Moving && was != to {
		f.find(subjectName(&c.Subject), a.seq, "its move was cancelled and its state is %s, but it was %s when it left: that was "+
			"changed outside the log", to, was)
	}
	delete(f.moving, id)
	if to == token.Moving {
		f.moving[id] = r.state
	}
}

func (f *Fold) setCounter(id uint64, r *row, a *act, c *audit.ParsedChange, text []byte) {
	next, _ := strconv.ParseUint(string(text), 10, 64)
	now := counter{next: next, drift: intOf(c.After, "drift"), last: a.seq}
	if index := intOf(c.After, "application"); index > 0 && index <= maxApps {
		r.apps |= appBit(int(index))
		f.apps[f.appKey(id, int(index))] = now
		return
	}
	r.next, r.drift, r.known = now.next, int32(now.drift), r.known&^fenced|knowsCounter
	if now.drift == token.TwoCodes { // it came fenced
		r.drift, r.known = 0, r.known|fenced|countsEvents
		return
	}
	if int64(r.drift) != now.drift {
		r.known &^= knowsCounter // no clock is off by so much
	}
}

func (f *Fold) ownerKey(name []byte) uint64 {
	if len(name) == 0 {
		return 0
	}
	return f.userKey(name)
}

// coded folds a code that was tried.
func (f *Fold) coded(a *act) {
	if !a.old && len(a.Subject.User) > 0 {
		f.userTried(a)
	}
	if _, ok := a.After.Find("temporary"); ok {
		f.codeUsed(a)
		return
	}
	if len(a.After) == 0 || len(a.Subject.Type) == 0 {
		return // nothing was changed
	}
	f.takes(a, &a.ParsedChange)
	f.changed(a, &a.ParsedChange)
	for i := range a.Also {
		c := &a.Also[i]
		if c.Subject.Empty() {
			c.Subject = a.Subject
		}
		f.takes(a, c)
		f.changed(a, c)
	}
}

// takes holds against the log that a token took a code, as only a VALID one does. A
// first code names the states itself.
func (f *Fold) takes(a *act, c *audit.ParsedChange) {
	r := f.tokens.get(f.tokenKey(&c.Subject))
	if r == nil || !a.accepted() || string(a.Action) == string(audit.TokenConfirmed) || r.known&knowsState == 0 {
		return
	}
	if r.state != token.Valid {
		f.find(subjectName(&c.Subject), a.seq, "a code was accepted, but according to the earlier entries the token "+
			"was %s (the "+
			"last is %d): it was changed outside the log", r.state, r.last)
	}
}

// activated folds a confirmation; a right one replaces all applications.
func (f *Fold) activated(a *act) {
	if !a.accepted() {
		return
	}
	id := f.tokenKey(&a.Subject)
	if r := f.changed(a, &a.ParsedChange); r != nil && !a.old {
		f.dropApps(id, r)
		r.known |= knowsApps
		f.others(a)
	}
}

func datesOf(v audit.Values) dates { return dates{timeOf(v, "valid_from"), timeOf(v, "valid_until")} }

func (d dates) String() string { return fmt.Sprint(d.from, " to ", d.until) }

func millis(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.UnixMilli()
}
