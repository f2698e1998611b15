package serve

import (
	"fmt"
	"sync"
	"time"
)

// drainTime is how long a server that takes no codes any more goes on answering so, before it
// ends: a load balancer that asks it each second sends to others then.
const drainTime = 5 * time.Second

// overtaken tells when a newer version has brought the database further than this one may use
// it.
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
	s.log.Error("this server is too old for its database, takes no codes any more, and stops", "error", s.overtaken.err)
	select {
	case <-interrupted:
	case <-time.After(drainTime):
	}
	return s.overtaken.err
}
