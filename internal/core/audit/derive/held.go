package derive

import (
	"fmt"
	"strconv"

	"ostiary/internal/core/token"
)

// Application is where a further application of a token stands.
type Application struct {
	Index int
	Spec  token.Spec
	Next  uint64
	Drift int64
}

// Token holds a row of the database against what was derived.
func (f *Fold) Token(t token.Token, apps []Application) {
	f.result.Tokens++
	id := t.Identity
	key := f.hash(aToken, []byte(id.Type), []byte(id.Manufacturer), []byte(id.Serial), []byte(id.KeyID))
	r := f.tokens.get(key)
	if r == nil || !f.counts(int64(r.run)) {
		f.find(tokenName(id), NoEntry, "no entry created it")
		return
	}
	r.known |= seen
	if r.known&knowsAll != knowsAll {
		f.result.Trusted++
	}
	differs := func(last int64, name string, is, derived any) {
		f.find(tokenName(id), last, "in the database %s is %v, but according to the log %v", name, is, derived)
	}
	c := t.Condition
	if r.known&(knowsCounter|fenced) == knowsCounter|fenced {
		if why := f.notBeyond(r.counter(), t.Spec, c.Own(), c.Drift); why != "" {
			differs(r.last, "the counter", c.Own(), fmt.Sprint(r.next, ", fenced: ", why))
		}
	} else if r.known&knowsCounter != 0 {
		if c.Own() != r.next {
			differs(r.last, "the counter", c.Own(), r.next)
		}
		if c.Drift != int64(r.drift) {
			differs(r.last, "the drift", c.Drift, r.drift)
		}
	}
	if r.known&knowsCounter != 0 {
		if used := t.Spec.Used(c.Own()).Of(t.Spec); c.Shared.Mark != 0 && c.Shared.Floor < used {
			differs(r.last, "the floor of its secret", c.Shared.Floor, used)
		}
	}
	if r.known&knowsEpoch != 0 && c.Epoch != int64(r.epoch) {
		differs(r.last, "the epoch", c.Epoch, r.epoch)
	}
	if r.known&knowsFailures != 0 {
		if c.Failures != int(r.failures) {
			differs(r.last, "the number of failures", c.Failures, r.failures)
		} else if retry := millis(c.RetryAt); retry != f.tokens.delays[key] {
			differs(r.last, "the end of the delay", retry, f.tokens.delays[key])
		}
	}
	if r.known&knowsState != 0 && c.State != r.state {
		differs(r.last, "the state", c.State, r.state)
	}
	if r.known&knowsOwner != 0 && f.ownerKey([]byte(t.OwnerName)) != r.owner {
		differs(r.last, "the owner", strconv.Quote(t.OwnerName), "another")
	}
	if is, by := (dates{millis(c.NotBefore), millis(c.NotAfter)}), f.tokens.dates[r.dates]; r.known&knowsDates != 0 &&
		is != by {
		differs(r.last, "the time of its validity", is, by)
	}
	if label, known := f.labels[key]; known && t.Label != label {
		differs(r.last, "the label", strconv.Quote(t.Label), strconv.Quote(label))
	}
	if r.known&knowsApps != 0 {
		f.heldApps(key, id, r, apps)
	}
}

// Moving holds against the log what is kept of a token on its way: the state to which
// it returns if its move is cancelled, or that nothing is kept.
func (f *Fold) Moving(id token.Identity, before token.State, kept bool) {
	key := f.hash(aToken, []byte(id.Type), []byte(id.Manufacturer), []byte(id.Serial), []byte(id.KeyID))
	was, ok := f.moving[key]
	switch r := f.tokens.get(key); {
	case !ok: // it left by an entry that does not tell
	case !kept:
		f.find(tokenName(id), r.last, "it is moving to another server, but the row of its move is not in the database")
	case was != before:
		f.find(tokenName(id), r.last, "in the database the state before its move is %s, but according to the log %s", before, was)
	}
}

func (f *Fold) heldApps(key uint64, id token.Identity, r *row, apps []Application) {
	left := r.apps
	for _, app := range apps {
		was, ok := f.apps[f.appKey(key, app.Index)]
		if app.Index >= 1 && app.Index <= maxApps {
			left &^= appBit(app.Index)
		}
		switch {
		case !ok:
			f.find(tokenName(id), r.last, "application %d is in the database, but no entry created it", app.Index)
		case was.fenced:
			if why := f.notBeyond(was, app.Spec, app.Next, app.Drift); why != "" {
				f.find(tokenName(id), was.last, "in the database the counter of application %d is %d, but according to the log %d, "+
					"fenced: %s", app.Index, app.Next, was.next, why)
			}
		case app.Next != was.next || app.Drift != was.drift:
			f.find(tokenName(id), was.last, "in the database the counter of application %d is %d, drift %d, but "+
				"according to the log %d, "+
				"drift %d", app.Index, app.Next, app.Drift, was.next, was.drift)
		}
	}
	for index := 1; index <= maxApps; index++ {
		if left&appBit(index) != 0 {
			f.find(tokenName(id), r.last, "application %d is not in the database", index)
		}
	}
}

// gone are the tokens that should be in the database and were not met there, with
// the last entry about each.
func (f *Fold) gone(tell func(id uint64, entry int64) error) error {
	for id, i := range f.tokens.at {
		r := f.tokens.row(i)
		if r.known&seen != 0 || !f.counts(int64(r.run)) || f.fresh(r.last, int64(r.run)) {
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
