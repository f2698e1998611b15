package serve

import (
	"context"
	"time"
)

const (
	sweepInterval  = time.Minute
	reportInterval = time.Hour
)

// tidyImports removes what imports have left that broke off while the database took no
// writes, and the rows of reports whose time is over, until ctx ends.
func (s *Server) tidyImports(ctx context.Context) {
	sweep, reports := time.NewTicker(sweepInterval), time.NewTicker(reportInterval)
	defer sweep.Stop()
	defer reports.Stop()
	s.removeReports(ctx)
	last := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-sweep.C:
			last = s.sweepImports(ctx, last)
		case <-reports.C:
			s.removeReports(ctx)
		}
	}
}

// sweepImports says what is wrong once, as long as it is the same as the last time.
func (s *Server) sweepImports(ctx context.Context, last string) (now string) {
	err := s.imports.SweepAbandoned(ctx)
	if err == nil || ctx.Err() != nil {
		return ""
	}
	if now = err.Error(); now != last {
		s.log.Error("remove the remains of an interrupted import; retried every minute", "error", err)
	}
	return now
}

func (s *Server) removeReports(ctx context.Context) {
	if s.cfg.KeepReports == 0 {
		return
	}
	now := time.Now
	if s.cfg.Now != nil {
		now = s.cfg.Now
	}
	n, err := s.imports.RemoveReports(ctx, now().Add(-s.cfg.KeepReports))
	if err != nil && ctx.Err() == nil {
		s.log.Error("remove old import reports", "error", err)
	}
	if n > 0 {
		s.log.Info("removed the rows of old import reports", "imports", n)
	}
}
