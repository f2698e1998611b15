package serve

import (
	"log/slog"
	"sync/atomic"

	"ostiary/internal/store/postgres"
)

// lacks are what PostgreSQL lacks to keep what it confirms, as it was found last.
type lacks struct {
	log   *slog.Logger
	found atomic.Pointer[[]postgres.Lack]
}

// are is told when that has changed.
func (l *lacks) are(found []postgres.Lack) {
	l.found.Store(&found)
	for _, f := range found {
		if f.Allowed {
			l.log.Warn("PostgreSQL lacks something, which --no-standby allows", "what", f.What, "do", f.Do)
		} else {
			l.log.Error("PostgreSQL is not set up to keep what it confirms: a code may be accepted twice", "what", f.What,
				"do", f.Do)
		}
	}
	if len(found) == 0 {
		l.log.Info("PostgreSQL is set up to keep what it confirms")
	}
}

func (l *lacks) all() []postgres.Lack {
	if found := l.found.Load(); found != nil {
		return *found
	}
	return nil
}

// words are for everybody.
func (l *lacks) words() (words []string) {
	for _, f := range l.all() {
		words = append(words, "PostgreSQL: "+f.What)
	}
	return words
}

// degraded reports whether it lacks what it must not.
func (l *lacks) degraded() bool {
	for _, f := range l.all() {
		if !f.Allowed {
			return true
		}
	}
	return false
}
