package serve

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ostiary/internal/doors/webhook"
	"ostiary/internal/engine/events"
)

// newOutbox makes what tells others. Without an address it tells nobody, and tidies up what
// an earlier start has left.
func (s *Server) newOutbox() (*events.Outbox, error) {
	cfg := events.Config{DB: s.db, Keys: s.database.Keys, Log: s.log, Now: s.cfg.Now}
	if s.cfg.NotifyURL != "" {
		hook, err := webhook.New(webhook.Config{URL: s.cfg.NotifyURL, Keys: s.cfg.NotifyKeys, Now: s.cfg.Now})
		if err != nil {
			return nil, fmt.Errorf("the address for events: %w", err)
		}
		cfg.Ways = append(cfg.Ways, hook)
	}
	return events.New(cfg)
}

// passwords is who tells users the passwords of their activations; nil for nobody.
func (s *Server) passwords() *events.Outbox {
	if s.cfg.NotifyPasswords {
		return s.outbox
	}
	return nil
}

// eventMetrics tells how the outbox does. What waits is of all servers of the database.
func eventMetrics(o *events.Outbox) []prometheus.Collector {
	gauge := func(name, help string, of func(events.Stats) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
			func() float64 { return of(o.Stats()) })
	}
	counter := func(name, help string, of func(events.Stats) int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
			func() float64 { return float64(of(o.Stats())) })
	}
	return []prometheus.Collector{
		gauge("ostiary_events_waiting", "Events that are still to be sent.",
			func(s events.Stats) float64 { return float64(s.Waiting) }),
		gauge("ostiary_events_dead", "Events that were given up.",
			func(s events.Stats) float64 { return float64(s.Dead) }),
		gauge("ostiary_events_oldest_seconds", "Age of the oldest event that is still to be sent.",
			func(s events.Stats) float64 {
				if s.Oldest.IsZero() {
					return 0
				}
				return time.Since(s.Oldest).Seconds()
			}),
		counter("ostiary_events_sent_total", "Events that the receiver took.",
			func(s events.Stats) int64 { return s.Sent }),
		counter("ostiary_events_failed_total", "Tries that the receiver did not take.",
			func(s events.Stats) int64 { return s.Failed }),
		counter("ostiary_events_dropped_total", "Events that were not kept, because too many waited.",
			func(s events.Stats) int64 { return s.Dropped }),
	}
}
