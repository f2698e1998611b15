package derive

import (
	"maps"
	"slices"
)

// Finish names what should be in the database and was not met there. Read gives the
// entry at a place.
func (f *Fold) Finish(read func(seq int64) ([]byte, error)) error {
	const text = "it is not in the database, and no entry took it away"
	named := func(name func(entry []byte) string, last int64) error {
		if f.result.Count >= Shown {
			f.result.Count++ // what it is called is not kept
			return nil
		}
		entry, err := read(last)
		if err != nil {
			return err
		}
		f.find(name(entry), last, text)
		return nil
	}
	if err := f.gone(func(id uint64, last int64) error {
		return named(func(entry []byte) string { return f.nameIn(id, entry) }, last)
	}); err != nil {
		return err
	}
	if err := f.goneUsers(func(last int64) error {
		return named(func(entry []byte) string {
			p, err := f.parser.Parse(entry)
			if err != nil {
				return "a user"
			}
			return userName(string(p.Subject.User))
		}, last)
	}); err != nil {
		return err
	}
	for _, c := range f.codes {
		if c.seen || f.fresh(c.last, 0) {
			continue
		}
		if err := named(func(entry []byte) string {
			p, err := f.parser.Parse(entry)
			if err != nil {
				return "a temporary code"
			}
			return "a temporary code of " + userName(string(p.Subject.User))
		}, c.last); err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(f.keys)) {
		if k := f.keys[id]; !k.seen && !f.fresh(k.last, 0) {
			f.find("API key "+k.name+" ("+id+")", k.last, text)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.types)) {
		if k := f.types[name]; !k.seen && !f.fresh(k.last, 0) {
			f.find(typeName(name), k.last, text)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.sheets)) {
		if s := f.sheets[name]; !f.fresh(s.last, 0) {
			f.find("profile "+name, s.last, text)
		}
	}
	return nil
}

// trusting tells whether the log begins with entries that do not tell all.
func (f *Fold) trusting() bool { return f.began }
