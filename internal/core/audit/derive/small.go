package derive

import (
	"maps"
	"slices"
	"strconv"

	"ostiary/internal/core/audit"
)

// The rows of the small tables.

// key is what was derived of an API key.
type key struct {
	name, role, mark  string
	helpDesk, revoked bool
	expires           int64 // in milliseconds; 0 for never
	last              int64
	seen              bool
}

func (f *Fold) keyCreated(a *act) {
	f.keys[textOf(a.After, "id")] = &key{name: string(a.Subject.Other), role: textOf(a.After, "role"),
		mark: textOf(a.After, "hash"), helpDesk: textOf(a.After, "help_desk") == "true",
		expires: timeOf(a.After, "expires"), last: a.seq}
}

func (f *Fold) keyRevoked(a *act) {
	if k := f.keys[textOf(a.Before, "id")]; k != nil {
		k.revoked, k.last = true, a.seq
		return
	}
	f.find("API key "+string(a.Subject.Other), a.seq, "the entry is about a key that no entry created")
}

// Key is an API key as the database has it. Expires is in milliseconds; 0 for never.
type Key struct {
	ID, Name, Role, Mark string
	HelpDesk, Revoked    bool
	Expires              int64
}

// Key holds a row of the database against what was derived.
func (f *Fold) Key(is Key) {
	name := "API key " + is.Name + " (" + is.ID + ")"
	k := f.keys[is.ID]
	if k == nil {
		f.find(name, NoEntry, "no entry created it")
		return
	}
	k.seen = true
	for _, d := range []struct{ what, is, log string }{{"the name", is.Name, k.name}, {"the role", is.Role, k.role},
		{"that it has the help-desk set", strconv.FormatBool(is.HelpDesk), strconv.FormatBool(k.helpDesk)},
		{"its end", strconv.FormatInt(is.Expires, 10), strconv.FormatInt(k.expires, 10)},
		{"that it is revoked", strconv.FormatBool(is.Revoked), strconv.FormatBool(k.revoked)}} {
		if d.is != d.log {
			f.find(name, k.last, "in the database %s is %s, but according to the log %s", d.what, d.is, d.log)
		}
	}
	switch {
	case k.mark == "":
		f.result.Trusted++ // made by an older program, whose entry does not tell
	case !is.Revoked && k.mark != is.Mark:
		f.find(name, k.last, "the hash of the secret in the database is not the one in the log")
	}
}

// begunAnew forgets how stored hashes began: they are keyed from here on.
func (f *Fold) begunAnew(*act) {
	for _, k := range f.keys {
		k.mark = ""
	}
	f.root.mark = ""
}

// restored folds that an older database was accepted. With the fence every counter was
// put where no used code can work, and unused temporary codes were taken away.
func (f *Fold) restored(a *act) {
	if fenced, _ := a.After.Find("fenced"); string(fenced) != "true" {
		return
	}
	at, err := audit.ParseStamp(a.Time)
	if err != nil {
		f.find("", a.seq, "the time of a fence cannot be read: %v", err)
	}
	f.fence(at / 1000)
	for id, c := range f.codes {
		if !c.used {
			delete(f.codes, id)
		}
	}
}

// root is ROOT's password.
type root struct {
	mark  string
	there bool
	last  int64
}

func (f *Fold) rootSet(a *act) { f.root = root{textOf(a.After, "hash"), true, a.seq} }

// Root holds the stored hash of ROOT's password against what was derived; an empty
// mark is none.
func (f *Fold) Root(mark string) {
	const name = "the password of ROOT"
	switch {
	case f.root.there != (mark != ""):
		f.find(name, f.last(), "in the database it is set: %t; by the log: %t", mark != "", f.root.there)
	case f.root.there && f.root.mark == "":
		f.result.Trusted++
	case f.root.mark != mark:
		f.find(name, f.root.last, "the hash in the database is not the one in the log")
	}
}

func (f *Fold) last() int64 {
	if f.root.there {
		return f.root.last
	}
	return NoEntry
}

// kind is what was derived of a token type: its fields, and its series.
type kind struct {
	fields          map[string]string
	next            uint64
	highest, issued uint64
	last            int64
	trusted         bool // of the series
	trustedTime     bool // since when it is retired
	seen            bool
}

func (f *Fold) addType(name string, fields map[string]string, seq int64) {
	start, _ := strconv.ParseUint(fields["series_start"], 10, 64)
	f.types[name] = &kind{fields: fields, next: start, last: seq}
}

func typeName(name string) string { return "type " + name }

func (f *Fold) typeOf(a *act) *kind {
	k := f.types[string(a.Subject.Other)]
	if k == nil {
		f.find(typeName(string(a.Subject.Other)), a.seq, "the entry is about a type that no entry created")
	}
	return k
}

func (f *Fold) typeCreated(a *act) {
	fields := map[string]string{}
	for _, v := range a.After {
		fields[string(v.Name)] = string(v.Text)
	}
	if a.old {
		fields["retired_since"] = audit.None
	}
	f.addType(string(a.Subject.Other), fields, a.seq)
}

// definition are the fields with which a series begins anew.
var definition = []string{"activation", "algorithm", "digits", "hash", "period", "serial_prefix", "serial_width",
	"series_start", "suite"}

func (f *Fold) typeChanged(a *act) {
	k := f.typeOf(a)
	if k == nil {
		return
	}
	for _, v := range a.Before {
		if was := k.fields[string(v.Name)]; was != string(v.Text) && !a.old {
			f.find(typeName(string(a.Subject.Other)), a.seq, "the entry says that %s was %q, but according to the earlier "+
				"entries it was "+
				"%q (the last is %d): it was changed outside the log", v.Name, v.Text, was, k.last)
		}
	}
	anew := false
	for _, v := range a.After {
		k.fields[string(v.Name)] = string(v.Text)
		anew = anew || slices.Contains(definition, string(v.Name))
	}
	if a.old && len(a.After) > 0 {
		if _, ok := a.After.Find("retired"); ok {
			k.trustedTime = true
		}
	} else if _, ok := a.After.Find("retired_since"); ok {
		k.trustedTime = false
	}
	if anew {
		k.next, _ = strconv.ParseUint(k.fields["series_start"], 10, 64)
	}
	k.last = a.seq
}

// Type holds a row of the database against what was derived.
func (f *Fold) Type(name string, fields []audit.Field) {
	k := f.types[name]
	if k == nil {
		f.find(typeName(name), NoEntry, "no entry created it")
		return
	}
	k.seen = true
	is := fieldsOf(fields)
	for _, field := range slices.Sorted(maps.Keys(is)) {
		if field == "retired_since" && k.trustedTime {
			f.result.Trusted++
			continue
		}
		if is[field] != k.fields[field] {
			f.find(typeName(name), k.last, "in the database %s is %q, but according to the log %q", field, is[field],
				k.fields[field])
		}
	}
}

func (f *Fold) seriesMoved(a *act) {
	k := f.typeOf(a)
	if k == nil {
		return
	}
	number := func(v audit.Values, name string) uint64 {
		text, _ := v.Find(name)
		n, _ := strconv.ParseUint(string(text), 10, 64)
		return n
	}
	if a.old {
		k.trusted = true
		return
	}
	if next, highest, issued := number(a.Before, "number"), number(a.Before, "highest"), number(a.Before,
		"issued"); !k.trusted && (next != k.next || highest != k.highest || issued != k.issued) {
		f.find("series "+string(a.Subject.Other), a.seq,
			"the entry says that the next number, the highest and the count were "+
				"%d, %d, %d, but according to the earlier entries they were %d, %d, %d: they were changed outside the log", next,
			highest,
			issued, k.next, k.highest, k.issued)
	}
	k.next, k.highest, k.issued = number(a.After, "number"), number(a.After, "highest"), number(a.After, "issued")
	k.trusted, k.last = false, a.seq
}

// Series holds a row of the database against what was derived.
func (f *Fold) Series(typ string, next, highest, issued uint64) {
	k := f.types[typ]
	switch {
	case k == nil:
		f.find("series "+typ, NoEntry, "no entry created it")
	case k.trusted:
		f.result.Trusted++
	case next != k.next || highest != k.highest || issued != k.issued:
		f.find("series "+typ, k.last, "in the database the next number, the highest and the count are %d, %d, "+
			"%d, but according to "+
			"the log %d, %d, %d", next, highest, issued, k.next, k.highest, k.issued)
	}
}
