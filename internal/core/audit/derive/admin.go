package derive

import (
	"maps"
	"slices"

	"ostiary/internal/core/audit"
)

// admin is what was derived of an administrator: its fields (audit.AdminFields).
type admin struct {
	name   string
	fields map[string]string
	last   int64
	seen   bool
}

// passkey is one of an administrator, who is named by id.
type passkey struct {
	admin string
	last  int64
	seen  bool
}

func adminName(name string) string { return "administrator " + name }

func (f *Fold) adminAdded(a *act) {
	is := &admin{name: string(a.Subject.Other), fields: map[string]string{}, last: a.seq}
	for _, v := range a.After {
		is.fields[string(v.Name)] = string(v.Text)
	}
	delete(is.fields, "id")
	f.admins[textOf(a.After, "id")] = is
}

// adminOf gives the administrator whom an entry is about.
func (f *Fold) adminOf(a *act) *admin {
	is := f.admins[textOf(a.After, "id")]
	if is == nil {
		f.find(adminName(string(a.Subject.Other)), a.seq, "the entry is about an administrator whom no entry added")
	}
	return is
}

func (f *Fold) adminChanged(a *act) {
	is := f.adminOf(a)
	if is == nil {
		return
	}
	for _, v := range a.Before {
		if was := is.fields[string(v.Name)]; was != string(v.Text) {
			f.find(adminName(is.name), a.seq, "the entry says that %s was %q, but according to the earlier entries it was %q "+
				"(the last is %d): it was changed outside the log", v.Name, v.Text, was, is.last)
		}
	}
	for _, v := range a.After {
		if string(v.Name) != "id" {
			is.fields[string(v.Name)] = string(v.Text)
		}
	}
	is.last = a.seq
}

// Admin holds the row of an administrator against what was derived.
func (f *Fold) Admin(id, name string, fields []audit.Field) {
	a := f.admins[id]
	if a == nil {
		f.find(adminName(name), NoEntry, "no entry added the account")
		return
	}
	a.seen = true
	if name != a.name {
		f.find(adminName(name), a.last, "in the database the name is %q, but according to the log %q", name, a.name)
	}
	is := fieldsOf(fields)
	for _, field := range slices.Sorted(maps.Keys(is)) {
		if is[field] != a.fields[field] {
			f.find(adminName(name), a.last, "in the database %s is %q, but according to the log %q", field, is[field],
				a.fields[field])
		}
	}
}

func (f *Fold) passkeyAdded(a *act) {
	if f.adminOf(a) != nil {
		f.passkeys[textOf(a.After, "passkey")] = passkey{admin: textOf(a.After, "id"), last: a.seq}
	}
}

func (f *Fold) passkeyRemoved(a *act) {
	mark := textOf(a.Before, "passkey")
	if _, ok := f.passkeys[mark]; !ok {
		f.find("a passkey of "+adminName(string(a.Subject.Other)), a.seq, "the entry is about a passkey that no entry added")
	}
	delete(f.passkeys, mark)
}

// Passkey holds the row of a passkey against what was derived. Mark tells it and its key
// from others; admin and name are of the account that it is said to open.
func (f *Fold) Passkey(mark, admin, name string) {
	p, ok := f.passkeys[mark]
	if !ok || p.admin != admin {
		f.find("a passkey of "+adminName(name), NoEntry, "no entry added it")
		return
	}
	p.seen = true
	f.passkeys[mark] = p
}

// goneAdmins names what is missing of administrators.
func (f *Fold) goneAdmins() {
	for _, id := range slices.Sorted(maps.Keys(f.admins)) {
		if a := f.admins[id]; !a.seen && !f.fresh(a.last, 0) {
			f.find(adminName(a.name), a.last, gone)
		}
	}
	for _, mark := range slices.Sorted(maps.Keys(f.passkeys)) {
		if p := f.passkeys[mark]; !p.seen && !f.fresh(p.last, 0) {
			name := p.admin
			if a := f.admins[p.admin]; a != nil {
				name = a.name
			}
			f.find("a passkey of "+adminName(name), p.last, gone)
		}
	}
}
