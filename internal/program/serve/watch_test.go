package serve

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/audit/derive"
	"ostiary/internal/engine/ledger"
)

// value reads a gauge.
func value(t *testing.T, g prometheus.Gauge) float64 {
	t.Helper()
	reg := prometheus.NewRegistry()
	reg.MustRegister(g)
	all, err := reg.Gather()
	if err != nil || len(all) != 1 {
		t.Fatalf("gathered %v, %v", all, err)
	}
	return all[0].GetMetric()[0].GetGauge().GetValue()
}

// What the verification beside the server finds is an error line, a metric and
// degraded health, until another one finds nothing.
func TestFindingsAreToldToWhoeverWatches(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	now := time.Unix(1_800_000_000, 0)
	s := &Server{log: slog.New(slog.NewTextHandler(&log, nil)), watch: newWatch(), newer: func() int { return 0 },
		cfg: Config{Now: func() time.Time { return now }}}
	found := ledger.Report{State: derive.Result{Count: 2, Findings: []derive.Finding{{Row: "token hotp 1", Entry: 7,
		Text: "the counter"}}}}
	broken := ledger.Report{Report: audit.Report{Problem: "entry 3 is missing"}}
	for _, c := range []struct {
		rep      ledger.Report
		err      error
		findings float64
		says     string
	}{
		{ledger.Report{}, nil, 0, "level=INFO"},
		{found, nil, 2, `level=ERROR msg="the state does not match the audit log" row="token hotp 1" entry=7`},
		{ledger.Report{}, errors.New("the disk"), 2, `level=ERROR msg="verify the audit log" error="the disk"`},
		{broken, nil, 1, `level=ERROR msg="the audit log is not intact" problem="entry 3 is missing"`},
		{ledger.Report{}, nil, 0, "findings=0"},
	} {
		log.Reset()
		s.verified(c.rep, c.err)
		if got := value(t, s.watch.findings); got != c.findings || s.watch.degraded.Load() != (c.findings > 0) {
			t.Errorf("%+v: the metric is %v, degraded %t", c.rep, got, s.watch.degraded.Load())
		}
		if !strings.Contains(log.String(), c.says) {
			t.Errorf("%+v: the log says %s, want %s", c.rep, log.String(), c.says)
		}
	}
	if at := value(t, s.watch.at); at != 1_800_000_000 {
		t.Errorf("verified at %v", at)
	}
}
