package derive

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"ostiary/internal/core/audit"
)

// The lines of a state are what another Fold goes on from (Load) when the entries are
// gone that it follows from. They are in this order: the log, its findings, runs, the
// small tables; then names, users, temporary codes and tokens as they are met.
//
//	log      1 (form) · next place · began · strict · findings · open run · time of the last fence (seconds)
//	finding  row · entry · text
//	run      number · place of the entry that published it
//	key      id · name · role · mark · help desk · revoked · last · end (none of an older program)
//	root     mark · last
//	admin    id · name · last · (field · value)…
//	passkey  mark · id of the administrator · last
//	type     name · next · highest · issued · last · trusted · trusted time · (field · value)…
//	profile  name · fingerprint · last · since when retired · the six limits (none of an older program)
//	secret   mark · least counter · least second · lives elsewhere · fenced · last: of tokens that are gone
//	receipt  move · last
//	name     text: of an owner, the first of whom is number 1
//	user     name · failures · end of delay · known · run · last
//	code     user · mark · expires · used · last
//	token    type · manufacturer · serial · key id · next · drift · epoch · failures · end of delay ·
//	         state · owner's number or 0 · valid from · valid until · run · known (bits) · state
//	         before its move or -1 · last · (application · next · drift · fenced · last)…
//	label    type · manufacturer · serial · key id · text: behind its token
//
// last is the place of the last entry about the row; times are in milliseconds.
const lineForm = 1

// Keeper writes the state of a Fold as lines. A Fold knows rows by hashes alone, so
// their names are read again: from the lines that the Fold began with (Line), then
// from all entries that were added (Entry), in their order. A token is written when the
// last that speaks of it is met, the others when they are met first. The Fold is of no
// other use afterwards.
type Keeper struct {
	f      *Fold
	write  func(line []byte) error
	parser audit.Parser
	owners map[uint64]int64 // their numbers in the lines; 0 until they are written
	names  names            // at the place that was read last
	named  int64
	// What was written.
	tokens, users, codes int
}

// Keep begins to write the state of a fold.
func (f *Fold) Keep(write func(line []byte) error) (*Keeper, error) {
	k := &Keeper{f: f, write: write, owners: map[uint64]int64{}, names: newNames()}
	for _, i := range f.tokens.at {
		r := f.tokens.row(i)
		r.known &^= seen
		if r.owner != 0 {
			k.owners[r.owner] = 0
		}
	}
	return k, k.small()
}

// small writes all that has its name in the fold.
func (k *Keeper) small() error {
	f := k.f
	lines := []line{lineOf("log").number(lineForm).number(f.next).truth(f.began).truth(f.strict).
		number(int64(f.result.Count)).number(f.runs.open).number(f.fencedAt)}
	for _, d := range f.result.Findings {
		lines = append(lines, lineOf("finding").text(d.Row).number(d.Entry).text(d.Text))
	}
	for _, run := range slices.Sorted(maps.Keys(f.runs.published)) {
		lines = append(lines, lineOf("run").number(run).number(f.runs.published[run]))
	}
	for _, id := range slices.Sorted(maps.Keys(f.keys)) {
		a := f.keys[id]
		lines = append(lines, lineOf("key").text(id).text(a.name).text(a.role).text(a.mark).truth(a.helpDesk).
			truth(a.revoked).number(a.last).number(a.expires))
	}
	if f.root.there {
		lines = append(lines, lineOf("root").text(f.root.mark).number(f.root.last))
	}
	for _, id := range slices.Sorted(maps.Keys(f.admins)) {
		a := f.admins[id]
		l := lineOf("admin").text(id).text(a.name).number(a.last)
		for _, field := range slices.Sorted(maps.Keys(a.fields)) {
			l = l.text(field).text(a.fields[field])
		}
		lines = append(lines, l)
	}
	for _, mark := range slices.Sorted(maps.Keys(f.passkeys)) {
		p := f.passkeys[mark]
		lines = append(lines, lineOf("passkey").text(mark).text(p.admin).number(p.last))
	}
	for _, name := range slices.Sorted(maps.Keys(f.types)) {
		t := f.types[name]
		if t.last == NoEntry && !t.trusted {
			continue // as this program makes it
		}
		l := lineOf("type").text(name).count(t.next).count(t.highest).count(t.issued).number(t.last).
			truth(t.trusted).truth(t.trustedTime)
		for _, field := range slices.Sorted(maps.Keys(t.fields)) {
			l = l.text(field).text(t.fields[field])
		}
		lines = append(lines, l)
	}
	for _, name := range slices.Sorted(maps.Keys(f.sheets)) {
		s := f.sheets[name]
		l := lineOf("profile").text(name).text(s.mark).number(s.last).number(s.retired)
		for _, n := range s.limits {
			l = l.number(n)
		}
		lines = append(lines, l)
	}
	for _, mark := range f.Marks() {
		r := f.remains[mark]
		lines = append(lines, lineOf("secret").text(mark.String()).number(r.floor.Events).number(r.floor.Seconds).
			truth(r.away).truth(r.fenced).number(r.last))
	}
	for _, move := range f.Moves() {
		lines = append(lines, lineOf("receipt").text(move).number(f.receipts[move]))
	}
	for _, l := range lines {
		if err := k.write(l); err != nil {
			return err
		}
	}
	return nil
}

// Line takes a line that the fold began with: a row of it that nothing has changed
// since is written as it was, but for the number of its owner.
func (k *Keeper) Line(b []byte) error {
	kind, in := readLine(b)
	switch kind {
	case "name":
		name := in.text()
		return errors.Join(in.done(), k.name(name))
	case "user":
		return k.user(in.text())
	case "code":
		user, mark := in.text(), in.text()
		return k.code(user, string(mark))
	case "token":
		return k.token(&audit.ParsedSubject{Type: in.text(), Manufacturer: in.text(), Serial: in.text(),
			KeyID: in.text()}, k.f.begin)
	}
	return nil
}

// Entry takes an entry that was added at a place.
func (k *Keeper) Entry(seq int64, entry []byte) error {
	p, err := k.parser.Parse(entry)
	if err != nil {
		return nil // the fold has a finding of it
	}
	all := []*audit.ParsedChange{&p.ParsedChange}
	for i := range p.Also {
		all = append(all, &p.Also[i])
	}
	for _, c := range all {
		if owner, ok := c.After.Find("owner"); ok {
			if err := k.name(owner); err != nil {
				return err
			}
		}
	}
	for _, c := range all {
		if err := k.token(&c.Subject, seq+1); err != nil {
			return err
		}
	}
	user := p.Subject.User
	if len(user) == 0 {
		return nil
	}
	if err := k.user(user); err != nil {
		return err
	}
	if string(p.Action) == string(audit.UserRenamed) {
		to, _ := p.After.Find("user")
		k.names.rename(k.f.nameKey(user), k.f.nameKey(to), k.f.freshKey(user, seq))
		return nil
	}
	marks, _ := p.After.Find("codes")
	for mark := range bytesFields(marks) {
		if err := k.code(user, mark); err != nil {
			return err
		}
	}
	if mark, ok := p.After.Find("code"); ok {
		return k.code(user, string(mark))
	}
	return nil
}

// userKey is the number of the user who has a name at the place that is read.
func (k *Keeper) userKey(name []byte) uint64 { return k.names.number(k.f.nameKey(name)) }

// name writes the name of an owner who is needed.
func (k *Keeper) name(name []byte) error {
	if len(name) == 0 {
		return nil
	}
	id := k.userKey(name)
	if number, needed := k.owners[id]; !needed || number > 0 {
		return nil
	}
	k.named++
	k.owners[id] = k.named
	return k.write(lineOf("name").text(k.f.calledNow(id, name)))
}

func (k *Keeper) user(name []byte) error {
	id := k.userKey(name)
	u := k.f.users[id]
	if u == nil || u.seen {
		return nil
	}
	u.seen = true
	k.users++
	return k.write(lineOf("user").text(k.f.calledNow(id, name)).number(int64(u.failures)).number(u.retry).truth(u.known).
		number(u.run).number(u.last))
}

func (k *Keeper) code(user []byte, mark string) error {
	id := k.userKey(user)
	c := k.f.codes[k.f.codeKey(id, mark)]
	if c == nil || c.seen {
		return nil
	}
	c.seen = true
	k.codes++
	return k.write(lineOf("code").text(k.f.calledNow(id, user)).text(mark).number(c.expires).truth(c.used).number(c.last))
}

// token writes a token once nothing behind the place beyond speaks of it: then the name
// of its owner was met, too.
func (k *Keeper) token(s *audit.ParsedSubject, beyond int64) error {
	f := k.f
	id := f.tokenKey(s)
	r := f.tokens.get(id)
	if r == nil || r.known&seen != 0 || r.last >= beyond {
		return nil
	}
	owner := int64(0)
	if r.owner != 0 {
		if owner = k.owners[r.owner]; owner == 0 {
			return fmt.Errorf("%s: no entry before %d names its owner", subjectName(s), r.last)
		}
	}
	before := int64(-1)
	if was, ok := f.moving[id]; ok {
		before = int64(was)
	}
	d := f.tokens.dates[r.dates]
	l := lineOf("token").text(string(s.Type)).text(string(s.Manufacturer)).text(string(s.Serial)).
		text(string(s.KeyID)).count(r.next).number(int64(r.drift)).number(int64(r.epoch)).number(int64(r.failures)).
		number(f.tokens.delays[id]).number(int64(r.state)).number(owner).number(d.from).number(d.until).
		number(int64(r.run)).number(int64(r.known)).number(before).number(r.last)
	for index := 1; index <= maxApps; index++ {
		if r.apps&appBit(index) != 0 {
			app := f.apps[f.appKey(id, index)]
			l = l.number(int64(index)).count(app.next).number(app.drift).truth(app.fenced).number(app.last)
		}
	}
	r.known |= seen
	k.tokens++
	err := k.write(l)
	if label, ok := f.labels[id]; ok && err == nil {
		err = k.write(lineOf("label").text(string(s.Type)).text(string(s.Manufacturer)).text(string(s.Serial)).
			text(string(s.KeyID)).text(label))
	}
	return err
}

// End demands that every row was written.
func (k *Keeper) End() error {
	if k.tokens != len(k.f.tokens.at) || k.users != len(k.f.users) || k.codes != len(k.f.codes) {
		return fmt.Errorf("the state cannot be saved: tokens %d, users %d, temporary codes %d; with names in the "+
			"entries %d, %d and %d", len(k.f.tokens.at), len(k.f.users), len(k.f.codes), k.tokens, k.users, k.codes)
	}
	return nil
}
