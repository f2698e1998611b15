package credentials

import (
	"sync"
	"time"

	"ostiary/internal/core/lru"
	"ostiary/internal/core/peer"
	"ostiary/internal/core/throttle"
)

// What is remembered of sources whose password was right.
const (
	rightSources = 256
	rightFor     = 30 * 24 * time.Hour
)

// signIns slows down the guessing of passwords. A right password costs nothing. A wrong
// one counts against its source (see peer.Name), and against the name.
//
// Nobody closes a sign-in from outside: what all sources together spend under a name
// stops only sources that have sent a wrong password themselves. Those that have sent
// none lately share a reserve, which somebody with many addresses can use up, too. A
// source from which a right password came before is judged by its own wrong ones
// alone. Whoever works on the server itself needs no password: the socket in the data
// directory asks for none.
type signIns struct {
	sources *throttle.Throttle // of each source
	names   *throttle.Throttle // under each name, of all sources
	reserve *throttle.Throttle // under each name, of sources without a wrong password

	mu    sync.Mutex
	right *lru.Cache[string, time.Time] // when a source was right, last
}

func newSignIns() *signIns {
	return &signIns{sources: throttle.New(5, 1), names: throttle.New(20, 6), reserve: throttle.New(30, 30),
		right: lru.New[string, time.Time](rightSources, nil)}
}

// may reports whether a password from source is looked at.
func (s *signIns) may(source, name string, now time.Time) bool {
	from := peer.Name(source)
	switch {
	case s.sources.Exhausted(from, now):
		return false
	case s.known(from, now):
		return true
	case s.sources.Full(from, now):
		return !s.reserve.Exhausted(name, now)
	}
	return !s.names.Exhausted(name, now)
}

// known reports whether a right password came from a source lately.
func (s *signIns) known(from string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.right.Get(from)
	return ok && now.Sub(at) < rightFor
}

// tell counts a password that was looked at.
func (s *signIns) tell(source, name string, right bool, now time.Time) {
	from := peer.Name(source)
	if right {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.right.Add(from, now)
		return
	}
	if s.sources.Full(from, now) {
		s.reserve.Spend(name, now)
	}
	s.sources.Spend(from, now)
	s.names.Spend(name, now)
}
