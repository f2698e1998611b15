package derive

import "strconv"

// names says whose names are: by the hash of a name, the number of the user who has it.
// A user keeps the number whatever the name becomes, and it stands for the user in all
// rows: so what a user owns need not be looked for when the name changes. While nobody
// was renamed, numbers are the hashes.
type names struct {
	of map[uint64]uint64
	// now are the names that renamed users have now, by their numbers.
	now map[uint64]string
}

func newNames() names { return names{of: map[uint64]uint64{}, now: map[uint64]string{}} }

func (n *names) number(hash uint64) uint64 {
	if number, ok := n.of[hash]; ok {
		return number
	}
	return hash
}

// rename gives the number that stands for one name to another. Whoever gets the first
// one later is somebody else, under a fresh number.
func (n *names) rename(from, to, fresh uint64) (number uint64) {
	number = n.number(from)
	n.of[to], n.of[from] = number, fresh
	return number
}

// nameKey is the hash of a name.
func (f *Fold) nameKey(name []byte) uint64 { return f.hash(aUser, name) }

// freshKey is the number of whoever gets a name that the entry at a place took from
// somebody.
func (f *Fold) freshKey(name []byte, seq int64) uint64 {
	return f.hash(aUser, name, strconv.AppendInt(nil, seq, 10))
}

// userKey is the number of the user who has a name.
func (f *Fold) userKey(name []byte) uint64 { return f.names.number(f.nameKey(name)) }

// calledNow is the name of a user who had another one, perhaps, when name was read.
func (f *Fold) calledNow(number uint64, name []byte) string {
	if now, ok := f.names.now[number]; ok {
		return now
	}
	return string(name)
}

// userRenamed folds that a user has another name: all that is the user's stays so.
func (f *Fold) userRenamed(a *act) {
	u := f.userOf(a)
	from, to := a.Subject.User, []byte(textOf(a.After, "user"))
	if f.users[f.userKey(to)] != nil {
		f.find(userName(string(from)), a.seq, "the user is renamed to %s, but a user of that name already existed", to)
		delete(f.users, f.userKey(to))
	}
	f.names.now[f.names.rename(f.nameKey(from), f.nameKey(to), f.freshKey(from, a.seq))] = string(to)
	if u != nil {
		u.last = a.seq
	}
}
