package derive

import (
	"maps"
	"slices"
)

const gone = "it is not in the database, and no entry deleted it"

// Source gives what the fold follows from, to name rows by it.
type Source struct {
	// Entry gives the entry at a place.
	Entry func(seq int64) ([]byte, error)
	// Lines gives the lines of the state that the fold began with, if it did.
	Lines func(func(line []byte) error) error
}

// Finish names what should be in the database and was not met there.
func (f *Fold) Finish(src Source) error {
	kept := map[uint64]int64{} // rows that only the lines of the state name
	missing := func(id uint64, last int64, name func(entry []byte) string) error {
		switch {
		case f.result.Count+len(kept) >= Shown:
			f.result.Count++ // what it is called is not kept
			return nil
		case last < f.begin:
			kept[id] = last
			return nil
		}
		entry, err := src.Entry(last)
		if err != nil {
			return err
		}
		f.find(name(entry), last, gone)
		return nil
	}
	if err := f.gone(func(id uint64, last int64) error {
		return missing(id, last, func(entry []byte) string { return f.nameIn(id, entry) })
	}); err != nil {
		return err
	}
	userIn := func(user uint64, before, without string) func(entry []byte) string {
		return func(entry []byte) string {
			p, err := f.parser.Parse(entry)
			if err != nil {
				return without
			}
			return before + userName(f.calledNow(user, p.Subject.User))
		}
	}
	if err := f.goneUsers(func(id uint64, last int64) error {
		return missing(id, last, userIn(id, "", "a user"))
	}); err != nil {
		return err
	}
	for id, c := range f.codes {
		if c.seen || f.fresh(c.last, 0) {
			continue
		}
		if err := missing(id, c.last, userIn(c.user, "a temporary code of ", "a temporary code")); err != nil {
			return err
		}
	}
	if err := f.nameKept(src, kept); err != nil {
		return err
	}
	f.goneSmall()
	return nil
}

// nameKept finds rows by the lines that name them.
func (f *Fold) nameKept(src Source, kept map[uint64]int64) error {
	if len(kept) == 0 {
		return nil
	}
	return src.Lines(func(b []byte) error {
		if name, last, ok := f.nameOf(b, kept); ok {
			f.find(name, last, gone)
		}
		return nil
	})
}

// goneSmall names what is missing in the small tables.
func (f *Fold) goneSmall() {
	for _, id := range slices.Sorted(maps.Keys(f.keys)) {
		if k := f.keys[id]; !k.seen && !f.fresh(k.last, 0) {
			f.find("API key "+k.name+" ("+id+")", k.last, gone)
		}
	}
	f.goneAdmins()
	for _, name := range slices.Sorted(maps.Keys(f.types)) {
		if k := f.types[name]; !k.seen && !f.fresh(k.last, 0) {
			f.find(typeName(name), k.last, gone)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.sheets)) {
		if s := f.sheets[name]; !f.fresh(s.last, 0) {
			f.find("profile "+name, s.last, gone)
		}
	}
}

// trusting tells whether the log begins with entries that do not tell all.
func (f *Fold) trusting() bool { return f.began }
