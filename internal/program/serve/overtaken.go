package serve

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"ostiary/internal/store"
)

// drainTime is how long a server that takes no codes any more goes on answering so, before it
// ends: a load balancer that asks it each second sends to others then.
const drainTime = 5 * time.Second

// overtaken tells when the database is not this server's any more: a newer version has brought
// it further than this one may use it, or it was moved to another database.
type overtaken struct {
	once sync.Once
	told chan struct{} // closed then
	err  error         // set before
}

func newOvertaken() *overtaken { return &overtaken{told: make(chan struct{})} }

// are is told so by the database.
func (o *overtaken) are(err error) {
	o.once.Do(func() {
		o.err = fmt.Errorf("this server must not work on its database any more: %w", err)
		close(o.told)
	})
}

// alarmed is told by the database what it found.
func (s *Server) alarmed(a store.Alarm) {
	if errors.Is(a.Err, store.ErrMoved) {
		s.overtaken.are(a.Err)
		return
	}
	s.alarms.raise(a)
}

func (o *overtaken) is() bool {
	select {
	case <-o.told:
		return true
	default:
		return false
	}
}

// drain lets the server answer that it takes nothing, for a while, and gives the error that
// it ends with.
func (s *Server) drain(interrupted <-chan struct{}) error {
	s.log.Error("this server takes no codes any more, and stops", "error", s.overtaken.err)
	select {
	case <-interrupted:
	case <-time.After(drainTime):
	}
	return s.overtaken.err
}
