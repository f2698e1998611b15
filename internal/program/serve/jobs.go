package serve

import (
	"context"
	"time"
)

// tidyJobs removes the jobs whose time is over, until ctx ends.
func (s *Server) tidyJobs(ctx context.Context) {
	each := time.NewTicker(reportInterval)
	defer each.Stop()
	for {
		n, err := s.jobs.RemoveOld(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.Error("remove old jobs", "error", err)
		}
		if n > 0 {
			s.log.Info("removed old jobs", "jobs", n)
		}
		select {
		case <-ctx.Done():
			return
		case <-each.C:
		}
	}
}
