package credentials

import (
	"time"

	"ostiary/internal/core/peer"
	"ostiary/internal/store"
)

// signIns slows down the guessing of passwords. A right password costs nothing. A wrong
// one counts against its source (see peer.Name), and against the name.
//
// Nobody closes a sign-in from outside: what all sources together spend under a name
// stops only sources that have sent a wrong password themselves. Those that have sent
// none lately share a reserve, which somebody with many addresses can use up, too. A
// source from which a right password came before is judged by its own wrong ones
// alone, under the name of that password. Whoever works on the server itself needs no password: the socket in the data
// directory asks for none.
//
// The counts are memos of the database, so that a guess is not cheaper at another node.
type signIns struct {
	source allowance // of each source
	name   allowance // under each name, of all sources
	spare  allowance // under each name, of sources without a wrong password
	right  time.Time // until when the source is known for a right password
}

// The memos, and what is allowed.
const (
	wrongSource = "wrong password of a source"
	wrongName   = "wrong passwords under a name"
	wrongSpare  = "wrong passwords under a name, each the first of its source"
	rightSource = "right password of a source"

	rightFor = 30 * 24 * time.Hour
)

// readSignIns reads what counts for a password from a source.
func readSignIns(r store.MemoReader, from, name string) (s signIns, err error) {
	s = signIns{source: allowance{what: wrongSource, who: from, burst: 5, every: time.Minute},
		name:  allowance{what: wrongName, who: name, burst: 20, every: time.Minute / 6},
		spare: allowance{what: wrongSpare, who: name, burst: 30, every: time.Minute / 30}}
	for _, a := range []*allowance{&s.source, &s.name, &s.spare} {
		m, err := r.Memo(a.what, "", a.who)
		if err != nil {
			return s, err
		}
		a.back = m.Until
	}
	right, err := r.Memo(rightSource, name, from)
	s.right = right.Until
	return s, err
}

// may reports whether a password is looked at.
func (s *signIns) may(now time.Time) bool {
	switch {
	case s.source.exhausted(now):
		return false
	case now.Before(s.right):
		return true
	case s.source.full(now):
		return !s.spare.exhausted(now)
	}
	return !s.name.exhausted(now)
}

// countSignIn counts a password that was looked at.
func countSignIn(tx store.Tx, source, name string, right bool, now time.Time) error {
	from := peer.Name(source)
	if right {
		return tx.SetMemo(store.Memo{What: rightSource, About: name, Who: from, Until: now.Add(rightFor)}, now)
	}
	s, err := readSignIns(tx, from, name)
	if err != nil {
		return err
	}
	spent := []*allowance{&s.source, &s.name}
	if s.source.full(now) {
		spent = append(spent, &s.spare)
	}
	for _, a := range spent {
		back := a.back
		if !a.exhausted(now) {
			back = a.spend(now)
		}
		if err := tx.SetMemo(store.Memo{What: a.what, Who: a.who, Until: back}, now); err != nil {
			return err
		}
	}
	return nil
}

// allowance is what somebody may spend: burst at once, and then one more after every so
// much time. It is kept as the time at which all that was spent is back.
type allowance struct {
	what, who string
	burst     int
	every     time.Duration
	back      time.Time
}

func (a *allowance) exhausted(now time.Time) bool {
	return a.back.Sub(now) > time.Duration(a.burst-1)*a.every
}

func (a *allowance) full(now time.Time) bool { return !now.Before(a.back) }

// spend gives the time at which all is back after one more was spent.
func (a *allowance) spend(now time.Time) time.Time {
	if a.full(now) {
		return now.Add(a.every)
	}
	return a.back.Add(a.every)
}
