package derive

import (
	"encoding/binary"
	"strings"
)

// user is what was derived of a user.
type user struct {
	retry, run, last int64
	failures         int32
	known            bool
	seen             bool
}

func userName(name string) string { return "user " + name }

func (f *Fold) userAdded(a *act) {
	name := a.Subject.User
	id := f.userKey(name)
	if f.users[id] != nil {
		f.find(userName(string(name)), a.seq, "an entry creates the user, but the user already existed")
	}
	run := intOf(a.After, "run")
	f.users[id] = &user{run: run, last: a.seq, known: !a.old}
	if run != 0 {
		f.stage(run, id, true)
	}
}

// userOf finds the user that an entry is about.
func (f *Fold) userOf(a *act) *user {
	u := f.users[f.userKey(a.Subject.User)]
	if u == nil {
		f.find(userName(string(a.Subject.User)), a.seq, "the entry is about a user whom no entry created")
		return nil
	}
	if a.old {
		u.known = false
	}
	return u
}

func (f *Fold) userDeleted(a *act) {
	if u := f.userOf(a); u != nil {
		f.userWas(a, u, "failures", "retry_at")
		delete(f.users, f.userKey(a.Subject.User))
		f.dropCodes(a.Subject.User, nil)
	}
}

func (f *Fold) userUnlocked(a *act) {
	if u := f.userOf(a); u != nil {
		f.userWas(a, u, "failures", "retry_at")
		u.failures, u.retry, u.known, u.last = 0, 0, !a.old, a.seq
	}
}

// userTried folds what a code changed of the user under whose name it came.
func (f *Fold) userTried(a *act) {
	if _, ok := a.After.Find("user_failures"); !ok {
		return
	}
	u := f.userOf(a)
	if u == nil {
		return
	}
	f.userWas(a, u, "user_failures", "user_retry_at")
	u.failures, u.retry = int32(intOf(a.After, "user_failures")), timeOf(a.After, "user_retry_at")
	u.known, u.last = true, a.seq
}

// userWas holds what an entry says was before against what was derived.
func (f *Fold) userWas(a *act, u *user, failures, retry string) {
	if !u.known || a.old {
		return
	}
	if was := int32(intOf(a.Before, failures)); was != u.failures || timeOf(a.Before, retry) != u.retry {
		f.find(userName(string(a.Subject.User)), a.seq, "the entry says that the failures were %d, or the end of their delay "+
			"another, but according to the earlier entries they were %d (the last is %d): they were changed outside the log",
			was, u.failures, u.last)
	}
}

// User is a user as the database has one. RetryAt is in milliseconds; 0 for none.
type User struct {
	Name     string
	Failures int
	RetryAt  int64
}

// User holds a row of the database against what was derived.
func (f *Fold) User(is User) {
	u := f.users[f.userKey([]byte(is.Name))]
	if u == nil || !f.counts(u.run) {
		f.find(userName(is.Name), NoEntry, "no entry created the user")
		return
	}
	u.seen = true
	switch {
	case !u.known:
		f.result.Trusted++
	case is.Failures != int(u.failures):
		f.find(userName(is.Name), u.last, "in the database the number of failures is %d, but according to the log %d",
			is.Failures,
			u.failures)
	case is.RetryAt != u.retry:
		f.find(userName(is.Name), u.last, "in the database the end of the delay is %d, but according to the log %d", is.RetryAt,
			u.retry)
	}
}

// code is a temporary code: its user, and whether it was used.
type code struct {
	user    uint64
	expires int64
	last    int64
	used    bool
	seen    bool
}

// codeKey is the key of a code of the user of a number.
func (f *Fold) codeKey(user uint64, mark string) uint64 {
	return f.hash(aCode, binary.BigEndian.AppendUint64(nil, user), []byte(mark))
}

// dropCodes forgets the codes of a user that were not used, or all if used is nil.
func (f *Fold) dropCodes(name []byte, used *bool) {
	owner := f.userKey(name)
	for id, c := range f.codes {
		if c.user == owner && (used == nil || c.used == *used) {
			delete(f.codes, id)
		}
	}
}

func (f *Fold) codesIssued(a *act) {
	f.codesRevoked(a)
	user, expires := f.userKey(a.Subject.User), timeOf(a.After, "expires")
	for mark := range strings.FieldsSeq(textOf(a.After, "codes")) {
		f.codes[f.codeKey(user, mark)] = &code{user: user, expires: expires, last: a.seq}
	}
}

func (f *Fold) codesRevoked(a *act) {
	unused := false
	f.dropCodes(a.Subject.User, &unused)
}

func (f *Fold) codeUsed(a *act) {
	if a.old {
		return
	}
	mark := textOf(a.After, "code")
	c := f.codes[f.codeKey(f.userKey(a.Subject.User), mark)]
	switch {
	case c == nil && f.trusting():
	case c == nil:
		f.find(userName(string(a.Subject.User)), a.seq, "the entry says that the temporary code %s was used, which no entry "+
			"issued", mark)
	case c.used:
		f.find(userName(string(a.Subject.User)), a.seq, "the entry says that the temporary code %s was used, which was used "+
			"before, at entry %d: it was changed outside the log", mark, c.last)
	default:
		c.used, c.last = true, a.seq
	}
}

// Code is a temporary code as the database has it.
type Code struct {
	User, Mark string
	Expires    int64
	Used       bool
}

// Code holds a row of the database against what was derived.
func (f *Fold) Code(is Code) {
	c := f.codes[f.codeKey(f.userKey([]byte(is.User)), is.Mark)]
	name := userName(is.User)
	if c != nil {
		c.seen = true
	}
	switch {
	case c == nil && f.trusting():
		f.result.Trusted++
	case c == nil:
		f.find(name, NoEntry, "the temporary code %s is in the database, but no entry issued it", is.Mark)
	case c.used != is.Used:
		f.find(name, c.last, "in the database the temporary code %s has been used: %t; by the log: %t", is.Mark,
			is.Used,
			c.used)
	case c.expires != is.Expires:
		f.find(name, c.last, "in the database the temporary code %s ends at %d, but according to the log at %d", is.Mark,
			is.Expires, c.expires)
	}
}

// goneUsers are the users who should be in the database and were not met there.
func (f *Fold) goneUsers(tell func(id uint64, entry int64) error) error {
	for id, u := range f.users {
		if u.seen || !f.counts(u.run) || f.fresh(u.last, u.run) {
			continue
		}
		if err := tell(id, u.last); err != nil {
			return err
		}
	}
	return nil
}
