package derive

import (
	"fmt"
	"strings"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
)

// Loader makes a Fold go on from the lines of a state.
type Loader struct {
	f      *Fold
	lines  int
	owners []uint64 // by their numbers
}

// Load begins to read a state into a fold that New made.
func (f *Fold) Load() *Loader { return &Loader{f: f, owners: []uint64{0}} }

// Line takes the next line. The error is for one that no Keeper of this program
// wrote.
func (l *Loader) Line(b []byte) error {
	f := l.f
	kind, in := readLine(b)
	if l.lines++; (kind == "log") != (l.lines == 1) {
		return errLine
	}
	switch kind {
	case "log":
		if in.number() != lineForm {
			return fmt.Errorf("%w: written by a newer program", errLine)
		}
		f.next = in.number()
		f.begin = f.next
		f.began, f.strict, f.result.Count, f.runs.open = in.truth(), in.truth(), int(in.number()), in.number()
		f.fencedAt = in.number()
	case "finding":
		f.result.Findings = append(f.result.Findings,
			Finding{string(in.text()), in.number(), string(in.text())})
	case "run":
		run := in.number()
		f.runs.published[run] = in.number()
	case "key":
		id := string(in.text())
		f.keys[id] = &key{name: string(in.text()), role: string(in.text()), mark: string(in.text()),
			helpDesk: in.truth(), revoked: in.truth(), last: in.number()}
		if in.more {
			f.keys[id].expires = in.number()
		}
	case "root":
		f.root = root{string(in.text()), true, in.number()}
	case "admin":
		id := string(in.text())
		a := &admin{name: string(in.text()), last: in.number(), fields: map[string]string{}}
		for in.more {
			field := string(in.text())
			a.fields[field] = string(in.text())
		}
		f.admins[id] = a
	case "passkey":
		mark := string(in.text())
		f.passkeys[mark] = passkey{admin: string(in.text()), last: in.number()}
	case "type":
		l.typ(in)
	case "profile":
		name := string(in.text())
		s := sheet{mark: string(in.text()), last: in.number()}
		if in.more {
			s.retired = in.number()
		}
		for i := 0; in.more && i < len(s.limits); i++ {
			s.limits[i] = in.number()
		}
		f.sheets[name] = s
	case "secret":
		mark, err := token.ParseMark(string(in.text()))
		in.bad = in.bad || err != nil
		f.remains[mark] = remains{floor: token.Floor{Events: in.number(), Seconds: in.number()}, away: in.truth(),
			fenced: in.truth(), last: in.number()}
	case "receipt":
		move := string(in.text())
		f.receipts[move] = in.number()
	case "name":
		l.owners = append(l.owners, f.ownerKey(in.text()))
	case "user":
		id := f.userKey(in.text())
		u := &user{failures: in.small(), retry: in.number(), known: in.truth(), run: in.number(), last: in.number()}
		f.users[id] = u
		if u.run != 0 && u.run == f.runs.open {
			f.stage(u.run, id, true)
		}
	case "code":
		name, mark := in.text(), in.text()
		user := f.userKey(name)
		f.codes[f.codeKey(user, string(mark))] = &code{user: user, expires: in.number(), used: in.truth(),
			last: in.number()}
	case "token":
		l.token(in)
	case "label":
		id := f.tokenKey(&audit.ParsedSubject{Type: in.text(), Manufacturer: in.text(), Serial: in.text(),
			KeyID: in.text()})
		f.labels[id] = string(in.text())
	default:
		return errLine
	}
	return in.done()
}

func (l *Loader) typ(in *fields) {
	name := string(in.text())
	k := &kind{fields: map[string]string{}, next: in.count(), highest: in.count(), issued: in.count(),
		last: in.number(), trusted: in.truth(), trustedTime: in.truth()}
	for in.more {
		field := string(in.text())
		k.fields[field] = string(in.text())
	}
	l.f.types[name] = k
}

func (l *Loader) token(in *fields) {
	f := l.f
	id := f.tokenKey(&audit.ParsedSubject{Type: in.text(), Manufacturer: in.text(), Serial: in.text(),
		KeyID: in.text()})
	r := f.tokens.add(id)
	r.next, r.drift, r.epoch, r.failures = in.count(), in.small(), in.small(), in.small()
	f.tokens.delay(id, in.number())
	r.state = token.State(in.small())
	if n := in.number(); n >= 0 && n < int64(len(l.owners)) {
		r.owner = l.owners[n]
	} else {
		in.bad = true
	}
	r.dates = f.tokens.kept(dates{in.number(), in.number()})
	r.run = in.small()
	known := in.number()
	in.bad = in.bad || known&^(knowsAll|fenced|countsEvents) != 0
	r.known = uint16(known)
	if before := in.number(); before >= 0 {
		f.moving[id] = token.State(before)
	}
	r.last = in.number()
	for in.more && !in.bad {
		index := in.number()
		if index < 1 || index > maxApps {
			in.bad = true
			return
		}
		r.apps |= appBit(int(index))
		f.apps[f.appKey(id, int(index))] = counter{next: in.count(), drift: in.number(), fenced: in.truth(),
			last: in.number()}
	}
	if r.run != 0 && int64(r.run) == f.runs.open {
		f.stage(int64(r.run), id, false)
	}
}

// nameOf names the row of a line, if it is among those that are wanted.
func (f *Fold) nameOf(b []byte, wanted map[uint64]int64) (name string, last int64, ok bool) {
	var id uint64
	switch kind, in := readLine(b); kind {
	case "token":
		s := audit.ParsedSubject{Type: in.text(), Manufacturer: in.text(), Serial: in.text(), KeyID: in.text()}
		id, name = f.tokenKey(&s), subjectName(&s)
	case "user":
		user := in.text()
		id, name = f.nameKey(user), userName(string(user)) // as it was called then
	case "code":
		user, mark := in.text(), in.text()
		id, name = f.codeKey(f.nameKey(user), string(mark)), "a temporary code of "+userName(string(user))
	}
	last, ok = wanted[id]
	return name, last, ok
}

// bytesFields are the words of a text.
func bytesFields(b []byte) func(func(string) bool) { return strings.FieldsSeq(string(b)) }
