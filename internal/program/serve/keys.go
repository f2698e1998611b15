package serve

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ostiary/internal/engine/credentials"
)

// saveKeyUse saves when API keys were last used, every few minutes until ctx ends.
func (s *Server) saveKeyUse(ctx context.Context) {
	tick := time.NewTicker(credentials.SaveUseEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := s.keys.SaveUse(ctx); err != nil && ctx.Err() == nil {
				s.log.Warn("save when API keys were last used", "error", err)
			}
		}
	}
}

// keyExpiry says when the first API key ends. It names none: whoever reads metrics needs
// no key.
func keyExpiry(keys *credentials.Keys) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "ostiary_api_key_next_expiry_timestamp_seconds",
		Help: "Earliest expiry of the API keys that work, in seconds since 1970; 0 if none expires."},
		func() float64 {
			next := keys.NextExpiry()
			if next.IsZero() {
				return 0
			}
			return float64(next.Unix())
		})
}
