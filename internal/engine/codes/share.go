package codes

import (
	"maps"
	"slices"
	"sync"
	"time"

	"ostiary/internal/core/lru"
	"ostiary/internal/core/peer"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// How many clients are remembered. A name that is pushed out by newer ones, and a client
// that is pushed out by newer ones of its name, begin anew.
const (
	sharedNames   = 8192 // names of each kind, known and unknown
	sharedClients = 16   // clients of a name
)

// firstClientLock is how long a client is locked first where locks of tokens do not end.
const firstClientLock = 30 * time.Minute

// shares counts the wrong codes of each client under each name, so that one client cannot
// use up all that lock a name. A client that has used up its share is locked under that
// name, as a token is after too many wrong codes: when the lock is over, one code is
// tried, and a wrong one locks for twice as long. The counts live in memory; where there are
// several nodes, they tell each other (exchange.go).
//
// A code holds a place in the share of its client from before it is tested until its
// verdict is known, so that codes presented at once are not tested beyond it.
type shares struct {
	most int                             // wrong codes that lock a client
	lock func(further int) time.Duration // how long, after so many further ones
	keep time.Duration                   // how long a count is kept after the last lock or wrong code
	each int                             // clients of a name that are remembered

	mu sync.Mutex
	// Names that nobody has are apart from the others, so that somebody who makes names up
	// pushes out none that exists.
	known, unknown *lru.Cache[subject, *clients]
	// untold is what other nodes are to know; nil where there are none. heard is from when on
	// theirs is read.
	untold map[counted]count
	heard  time.Time
}

// clients are those of one name, by what they are counted by.
type clients = lru.Cache[string, *share]

// subject is what codes under a name are tried against: a user, a token of nobody's, or
// what was looked up in vain. It is the same user by name and by the serial of a token.
type subject struct {
	user  int64
	token token.ID
	name  store.Lookup // with nothing but the serial or the user's name
}

// share is what a client has used of its share under one name.
type share struct {
	wrong   int       // codes
	testing int       // codes whose verdict is not known yet
	until   time.Time // end of the lock that the last wrong code began, or when that code came
}

func newShares(p Policy, names, each int) *shares {
	first := p.FirstLock
	if first == 0 {
		first = firstClientLock
	}
	return &shares{most: p.ClientShare, keep: p.LongestLock, each: each,
		lock:    func(further int) time.Duration { return p.doubled(first, further) },
		known:   lru.New[subject, *clients](names, nil),
		unknown: lru.New[subject, *clients](names, nil)}
}

// subjectOf says what a request is about, and whether that exists.
func subjectOf(l store.Lookup, found store.Found) (of subject, known bool) {
	switch {
	case found.User != nil:
		return subject{user: found.User.ID}, true
	case l.User != "" || len(found.Candidates) != 1:
		return subject{name: store.Lookup{User: l.User, Serial: l.Serial}}, false
	}
	t := found.Candidates[0].Token
	if t.Condition.Owner == 0 {
		return subject{token: t.ID}, true
	}
	return subject{user: t.Condition.Owner}, true
}

// turn is one code in the share of its client. The zero turn is of a request that names
// no client: it may always, and counts nothing.
type turn struct {
	shares  *shares
	kind    *lru.Cache[subject, *clients]
	subject subject
	client  string
	clients *clients
	share   *share
	locked  bool
	ended   bool
}

// begin takes a place in the share of the request's client, if there is one.
func (s *shares) begin(r Request, found store.Found, now time.Time) turn {
	if r.Client == "" {
		return turn{}
	}
	t := turn{shares: s, kind: s.unknown, client: peer.Name(r.Client)}
	var known bool
	if t.subject, known = subjectOf(r.Lookup, found); known {
		t.kind = s.known
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var ok bool
	if t.clients, ok = t.kind.Get(t.subject); !ok {
		t.clients = lru.New[string, *share](s.each, nil)
		t.kind.Add(t.subject, t.clients)
	}
	if t.share, ok = t.clients.Get(t.client); !ok {
		t.share = &share{}
		t.clients.Add(t.client, t.share)
	}
	if t.locked = !s.allows(t.share, now); t.locked {
		t.ended = true
		return t
	}
	t.share.testing++
	return t
}

// allows reports whether a client may present one more code now.
func (s *shares) allows(c *share, now time.Time) bool {
	if c.testing == 0 && now.After(c.until.Add(s.keep)) {
		c.wrong = 0
	}
	if c.wrong < s.most {
		return c.wrong+c.testing < s.most
	}
	return c.testing == 0 && !now.Before(c.until)
}

// may gives what the code may be tried against: of a client that is locked, nothing. Its
// code takes the road of a name that nobody has, whatever the name is.
func (t *turn) may(found store.Found) store.Found {
	if !t.locked {
		return found
	}
	in := &store.StandIn{}
	if found.StandIn != nil {
		*in = *found.StandIn
	}
	if found.User != nil {
		in.User = found.User.ID
	}
	if len(found.Candidates) > 0 {
		in.Candidate = found.Candidates[0]
	}
	return store.Found{Fresh: found.Fresh, StandIn: in}
}

// reason is why nothing was tested, with what is known of the client.
func (t *turn) reason(missing token.Reason) token.Reason {
	if t.locked {
		return token.ClientLocked
	}
	return missing
}

// decided tells what became of the code. A right one gives the client its share back. A
// wrong one uses up a part of it: one that counted as a failure, or that came under a name
// that nobody has. Whatever else was refused was not tested, and counts nothing.
func (t *turn) decided(o store.Outcome, reason token.Reason, now time.Time) {
	if t.ended || t.shares == nil {
		return
	}
	s, c := t.shares, t.share
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case o.Verdict == store.Accepted:
		if c.wrong > 0 {
			s.note(counted{t.subject, t.client}, true)
		}
		c.wrong = 0
	case o.Counted || reason == token.Unknown:
		s.note(counted{t.subject, t.client}, false)
		c.wrong++
		c.until = s.lockOf(c.wrong, now)
	}
	t.leave()
}

// lockOf is the end of the lock that the last of so many wrong codes begins; now if it begins
// none.
func (s *shares) lockOf(wrong int, now time.Time) time.Time {
	if wrong < s.most {
		return now
	}
	return now.Add(s.lock(wrong - s.most))
}

// end gives the place back that a code holds about which nothing was decided.
func (t *turn) end() {
	if t.ended || t.shares == nil {
		return
	}
	t.shares.mu.Lock()
	defer t.shares.mu.Unlock()
	t.leave()
}

// leave gives the place back, and forgets a client of which there is nothing to know.
// shares.mu is held.
func (t *turn) leave() {
	t.ended = true
	if t.share.testing--; t.share.testing > 0 || t.share.wrong > 0 {
		return
	}
	if c, ok := t.clients.Peek(t.client); ok && c == t.share {
		t.clients.Remove(t.client)
	}
	if c, ok := t.kind.Peek(t.subject); ok && c == t.clients && c.Len() == 0 {
		t.kind.Remove(t.subject)
	}
}

// ForgetClients unlocks all clients under the name of a user and the serial of a token,
// as when somebody unlocks these; 0 stands for none.
func (e *Engine) ForgetClients(user int64, id token.ID) {
	s := e.shares
	s.mu.Lock()
	defer s.mu.Unlock()
	of := []subject{{user: user}, {token: id}}
	s.known.Remove(of[0])
	s.known.Remove(of[1])
	maps.DeleteFunc(s.untold, func(c counted, _ count) bool { return slices.Contains(of, c.subject) })
}
