package serve

import (
	"context"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"ostiary/internal/core/audit"
	"ostiary/internal/engine/ledger"
	"ostiary/internal/store"
)

// alarms are what the database finds forged while it runs: each row is told once, in
// the log of the server and in the audit log, and the server's health is degraded
// from then on.
type alarms struct {
	log  *slog.Logger
	todo chan store.Alarm

	mu   sync.Mutex
	rows map[string]bool
}

// maxForged bounds how many rows are told of.
const maxForged = 1000

func newAlarms(log *slog.Logger) *alarms {
	return &alarms{log: log, todo: make(chan store.Alarm, maxForged), rows: map[string]bool{}}
}

// raise is called by the database, inside transactions.
func (a *alarms) raise(alarm store.Alarm) {
	a.mu.Lock()
	defer a.mu.Unlock()
	name := alarm.Table + " " + alarm.Row
	if a.rows[name] || len(a.rows) == maxForged {
		return
	}
	a.rows[name] = true
	if alarm.Table == "" {
		a.log.Error("the database was changed by another program; no more codes are accepted", "error", alarm.Err)
		return
	}
	a.log.Error("a row of the database is forged", "table", alarm.Table, "row", alarm.Row)
	a.todo <- alarm
}

// degraded reports whether anything was found.
func (a *alarms) degraded() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.rows) > 0
}

func (a *alarms) gauge() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "ostiary_forged_rows",
		Help: "Rows of the database that another program wrote, found since the start."},
		func() float64 {
			a.mu.Lock()
			defer a.mu.Unlock()
			return float64(len(a.rows))
		})
}

// record writes entries of what was found, until ctx ends.
func (a *alarms) record(ctx context.Context, l *ledger.Ledger) {
	for {
		select {
		case <-ctx.Done():
			return
		case alarm := <-a.todo:
			err := l.Record(ctx, audit.Entry{Action: audit.RowForged, Outcome: audit.Refused, Origin: system(),
				Subject: audit.Subject{Other: alarm.Table + " " + alarm.Row}})
			if err != nil && ctx.Err() == nil {
				a.log.Error("audit log", "error", err)
			}
		}
	}
}
