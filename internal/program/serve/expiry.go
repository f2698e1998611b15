package serve

import (
	"context"
	"time"
)

const expiryInterval = time.Hour

// expire revokes the tokens that ended, and ends the activations whose time is over.
func (s *Server) expire(ctx context.Context) {
	n, err := s.lifecycle.ExpireTokens(ctx)
	if err != nil && ctx.Err() == nil {
		s.log.Error("revoke expired tokens", "error", err)
	}
	if n > 0 {
		s.log.Info("revoked expired tokens", "count", n)
	}
	if n, err = s.activations.Expire(ctx); err != nil && ctx.Err() == nil {
		s.log.Error("end expired activations", "error", err)
	}
	if n > 0 {
		s.log.Info("ended expired activations", "count", n)
	}
}

// expireHourly does so every hour, until ctx ends.
func (s *Server) expireHourly(ctx context.Context) {
	tick := time.NewTicker(expiryInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.expire(ctx)
		}
	}
}
