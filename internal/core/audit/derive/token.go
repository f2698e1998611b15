package derive

import (
	"fmt"
	"strconv"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
)

// counter is where a token or an application stands, and the last entry about it.
type counter struct {
	next  uint64
	drift int64
	last  int64
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

	knowsAll = 1<<iota - 1
)

// row is what was derived of a token. Times are milliseconds; the owner is the hash
// of a name.
type row struct {
	counter
	retry, from, until int64
	owner              uint64
	run                int64
	epoch              int32
	failures           int32
	state              token.State
	known              uint8
	apps               uint16 // bits: which further applications there are
	seen               bool   // in the database
}

// tokens keeps rows in blocks, so that a map that grows moves numbers alone.
type tokens struct {
	at     map[uint64]uint32
	blocks [][]row
	free   []uint32
	n      uint32
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
	f.tokens.free = append(f.tokens.free, i)
}

func (f *Fold) appKey(id uint64, index int) uint64 {
	return id ^ f.hash(anApplication, []byte{byte(index) + 1})
}

func (f *Fold) dropApps(id uint64, r *row) {
	for index := range 16 {
		if r.apps&(1<<index) != 0 {
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
		f.find(subjectName(&a.Subject), a.seq, "it is made although it is there since before")
		f.dropToken(id)
	}
	r := f.tokens.add(id)
	r.run, r.last = run, a.seq
	if run != 0 {
		f.stage(run, id, false)
	}
	if !a.old {
		r.known = knowsAll
		f.set(id, r, a, &a.ParsedChange)
	}
}

// removed folds an entry that a token goes.
func (f *Fold) removed(a *act) {
	id := f.tokenKey(&a.Subject)
	if f.changed(a, &a.ParsedChange) != nil {
		f.dropToken(id)
	}
}

// updated folds an entry that changes a token, and further rows perhaps.
func (f *Fold) updated(a *act) {
	f.changed(a, &a.ParsedChange)
	f.others(a)
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
		f.find(subjectName(&c.Subject), a.seq, "the entry is about a token that no entry made")
		return nil
	}
	if a.old {
		f.dropApps(id, r)
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
		f.find(subjectName(&c.Subject), a.seq, "it says that %s was %s, and by the entries before it was %v (the last "+
			"is %d): it was changed past the log", name, was, derived, r.last)
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
			if r.known&knowsFailures != 0 && (was != r.failures || retry != r.retry) {
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
		case "valid_from", "valid_until":
			from, until := timeOf(c.Before, "valid_from"), timeOf(c.Before, "valid_until")
			if r.known&knowsDates != 0 && (from != r.from || until != r.until) {
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
	was, name, known := r.counter, "the counter", r.known&knowsCounter != 0
	if index := intOf(c.After, "application"); index != 0 {
		was, known = f.apps[f.appKey(id, int(index))], r.known&knowsApps != 0
		name += fmt.Sprintf(" of application %d", index)
	}
	switch {
	case !known:
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
			r.failures, r.retry = int32(intOf(c.After, "failures")), timeOf(c.After, "retry_at")
			r.known |= knowsFailures
		case "state":
			state, err := token.ParseState(string(v.Text))
			if err != nil {
				f.find(subjectName(&c.Subject), a.seq, "%v", err)
			}
			r.state, r.known = state, r.known|knowsState
		case "owner":
			r.owner, r.known = f.ownerKey(v.Text), r.known|knowsOwner
		case "valid_from", "valid_until":
			r.from, r.until = timeOf(c.After, "valid_from"), timeOf(c.After, "valid_until")
			r.known |= knowsDates
		}
	}
}

func (f *Fold) setCounter(id uint64, r *row, a *act, c *audit.ParsedChange, text []byte) {
	next, _ := strconv.ParseUint(string(text), 10, 64)
	now := counter{next, intOf(c.After, "drift"), a.seq}
	if index := intOf(c.After, "application"); index > 0 && index < 16 {
		r.apps |= 1 << index
		f.apps[f.appKey(id, int(index))] = now
		return
	}
	r.counter, r.known = now, r.known|knowsCounter
}

func (f *Fold) ownerKey(name []byte) uint64 {
	if len(name) == 0 {
		return 0
	}
	return f.hash(aUser, name)
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
		f.find(subjectName(&c.Subject), a.seq, "a code was accepted, and by the entries before it the token was %s (the "+
			"last is %d): it was changed past the log", r.state, r.last)
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

// Application is where a further application of a token stands.
type Application struct {
	Index int
	Next  uint64
	Drift int64
}

// Token holds a row of the database against what was derived.
func (f *Fold) Token(t token.Token, apps []Application) {
	f.result.Tokens++
	id := t.Identity
	key := f.hash(aToken, []byte(id.Type), []byte(id.Manufacturer), []byte(id.Serial), []byte(id.KeyID))
	r := f.tokens.get(key)
	if r == nil || !f.counts(r.run) {
		f.find(tokenName(id), NoEntry, "no entry made it")
		return
	}
	r.seen = true
	if r.known != knowsAll {
		f.result.Trusted++
	}
	differs := func(last int64, name string, is, derived any) {
		f.find(tokenName(id), last, "in the database %s is %v, and by the log %v", name, is, derived)
	}
	c := t.Condition
	var retry, from, until int64
	for _, d := range []struct {
		to *int64
		at interface {
			IsZero() bool
			UnixMilli() int64
		}
	}{{&retry, c.RetryAt}, {&from, c.NotBefore}, {&until, c.NotAfter}} {
		if !d.at.IsZero() {
			*d.to = d.at.UnixMilli()
		}
	}
	if r.known&knowsCounter != 0 {
		if c.Next != r.next {
			differs(r.last, "the counter", c.Next, r.next)
		}
		if c.Drift != r.drift {
			differs(r.last, "the drift", c.Drift, r.drift)
		}
	}
	if r.known&knowsEpoch != 0 && c.Epoch != int64(r.epoch) {
		differs(r.last, "the epoch", c.Epoch, r.epoch)
	}
	if r.known&knowsFailures != 0 {
		if c.Failures != int(r.failures) {
			differs(r.last, "the number of failures", c.Failures, r.failures)
		} else if retry != r.retry {
			differs(r.last, "the end of the delay", retry, r.retry)
		}
	}
	if r.known&knowsState != 0 && c.State != r.state {
		differs(r.last, "the state", c.State, r.state)
	}
	if r.known&knowsOwner != 0 && f.ownerKey([]byte(t.OwnerName)) != r.owner {
		differs(r.last, "the owner", strconv.Quote(t.OwnerName), "another")
	}
	if r.known&knowsDates != 0 && (from != r.from || until != r.until) {
		differs(r.last, "the time of its validity", fmt.Sprint(from, " to ", until), fmt.Sprint(r.from, " to ", r.until))
	}
	if r.known&knowsApps != 0 {
		f.heldApps(key, id, r, apps)
	}
}

func (f *Fold) heldApps(key uint64, id token.Identity, r *row, apps []Application) {
	left := r.apps
	for _, app := range apps {
		was, ok := f.apps[f.appKey(key, app.Index)]
		left &^= 1 << app.Index
		switch {
		case !ok:
			f.find(tokenName(id), r.last, "application %d is in the database, and no entry made it", app.Index)
		case app.Next != was.next || app.Drift != was.drift:
			f.find(tokenName(id), was.last, "in the database application %d stands at %d, drift %d, and by the log at %d, "+
				"drift %d", app.Index, app.Next, app.Drift, was.next, was.drift)
		}
	}
	for index := range 16 {
		if left&(1<<index) != 0 {
			f.find(tokenName(id), r.last, "application %d is not in the database", index)
		}
	}
}

// gone are the tokens that should be in the database and were not met there, with
// the last entry about each.
func (f *Fold) gone(tell func(id uint64, entry int64) error) error {
	for id, i := range f.tokens.at {
		r := f.tokens.row(i)
		if r.seen || !f.counts(r.run) || f.fresh(r.last, r.run) {
			continue
		}
		if err := tell(id, r.last); err != nil {
			return err
		}
	}
	return nil
}

// nameIn reads the name of a token from an entry about it.
func (f *Fold) nameIn(id uint64, entry []byte) string {
	p, err := f.parser.Parse(entry)
	if err != nil {
		return "a token"
	}
	for i := range p.Also {
		if s := &p.Also[i].Subject; f.tokenKey(s) == id {
			return subjectName(s)
		}
	}
	return subjectName(&p.Subject)
}
