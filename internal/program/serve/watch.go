package serve

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"ostiary/internal/core/audit/derive"
	"ostiary/internal/engine/ledger"
)

// watch is what the verification beside the server found last.
type watch struct {
	findings prometheus.Gauge
	at       prometheus.Gauge
	degraded atomic.Bool
}

func newWatch() *watch {
	return &watch{
		findings: prometheus.NewGauge(prometheus.GaugeOpts{Name: "ostiary_audit_findings",
			Help: "Findings of the last verification of the log and the state; 0 before the first."}),
		at: prometheus.NewGauge(prometheus.GaugeOpts{Name: "ostiary_audit_verified_timestamp_seconds",
			Help: "When the log and the state were verified last; 0 before the first time."}),
	}
}

// verified takes note of a verification. Findings stand in the log of the server, too. Where a
// newer version has written entries that this one does not know, what is found in the state may
// follow from them; the log itself must be intact all the same.
func (s *Server) verified(rep ledger.Report, err error) {
	if err != nil {
		s.log.Error("verify the audit log", "error", err)
		return
	}
	if schema := s.newer(); schema > 0 && rep.State.Unknown > 0 {
		s.log.Info("a newer version writes to the log what this one does not know: a server of that version verifies the "+
			"state", "schema", schema, "entries", rep.State.Unknown)
		rep.State = derive.Result{Tokens: rep.State.Tokens}
	}
	count := rep.State.Count
	if rep.Problem != "" {
		count++
		s.log.Error("the audit log is not intact", "problem", rep.Problem)
	}
	for _, f := range rep.State.Findings {
		s.log.Error("the state does not match the audit log", "row", f.Row, "entry", f.Entry, "finding", f.Text)
	}
	s.watch.findings.Set(float64(count))
	s.watch.at.Set(float64(s.cfg.Now().Unix()))
	s.watch.degraded.Store(count > 0)
	s.log.Info("verified the audit log", "entries", rep.Entries, "tokens", rep.State.Tokens, "findings", count)
}
