package derive

import (
	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
)

// sheet is a profile by the fingerprint of its static vector.
type sheet struct {
	mark    string
	last    int64
	retired int64 // since when, in milliseconds; 0 if it is not
	limits  limits
}

// limits are those of a profile's activations, in the order of audit.LimitFields; 0 for
// one that is the server's.
type limits [6]int64

func limitsOf(l token.ActivationLimits) (values limits) {
	for i, f := range audit.LimitFields(l) {
		values[i], _ = f.Value.(int64)
	}
	return values
}

// limitNames are what the entries call them.
var limitNames = func() (names [len(limits{})]string) {
	for i, f := range audit.LimitFields(token.ActivationLimits{}) {
		names[i] = f.Name
	}
	return names
}()

func profileName(name string) string { return "profile " + name }

func (f *Fold) profileCreated(a *act) {
	f.sheets[string(a.Subject.Other)] = sheet{mark: textOf(a.After, "fingerprint"), last: a.seq}
}

// profileOf finds the profile that an entry is about.
func (f *Fold) profileOf(a *act) (s sheet, ok bool) {
	name := string(a.Subject.Other)
	if s, ok = f.sheets[name]; !ok {
		f.find(profileName(name), a.seq, "the entry is about a profile that no entry created")
	}
	return s, ok
}

// profileRetired folds that a profile is retired, or no more.
func (f *Fold) profileRetired(a *act) {
	name := string(a.Subject.Other)
	s, ok := f.profileOf(a)
	if !ok {
		return
	}
	if was := timeOf(a.Before, "retired_since"); was != s.retired {
		f.find(profileName(name), a.seq, "the entry says that it was retired at %d, but according to the earlier entries at %d (the last "+
			"is %d): it was changed outside the log", was, s.retired, s.last)
	}
	s.retired, s.last = timeOf(a.After, "retired_since"), a.seq
	f.sheets[name] = s
}

// profileLimited folds what of a profile's limits was set.
func (f *Fold) profileLimited(a *act) {
	name := string(a.Subject.Other)
	s, ok := f.profileOf(a)
	if !ok {
		return
	}
	for i, limit := range limitNames {
		if _, told := a.After.Find(limit); !told {
			continue
		}
		if was := intOf(a.Before, limit); was != s.limits[i] {
			f.find(profileName(name), a.seq, "the entry says that %s was %d, but according to the earlier entries %d (the last is %d): it "+
				"was changed outside the log", limit, was, s.limits[i], s.last)
		}
		s.limits[i] = intOf(a.After, limit)
	}
	s.last = a.seq
	f.sheets[name] = s
}

// Profile is a profile as the database has it. Retired is in milliseconds; 0 for none.
type Profile struct {
	Name, Fingerprint string
	Retired           int64
	Limits            token.ActivationLimits
}

// Profile holds a row of the database against what was derived.
func (f *Fold) Profile(is Profile) {
	was, ok := f.sheets[is.Name]
	row := profileName(is.Name)
	delete(f.sheets, is.Name)
	switch {
	case !ok:
		f.find(row, NoEntry, "no entry created it")
		return
	case was.mark != is.Fingerprint:
		f.find(row, was.last, "in the database its fingerprint is %s, but according to the log %s", is.Fingerprint, was.mark)
	case was.retired != is.Retired:
		f.find(row, was.last, "in the database it is retired at %d, but according to the log at %d", is.Retired, was.retired)
	}
	for i, n := range limitsOf(is.Limits) {
		if n != was.limits[i] {
			f.find(row, was.last, "in the database the limit %s is %d, but according to the log %d", limitNames[i], n, was.limits[i])
		}
	}
}
