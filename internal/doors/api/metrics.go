package api

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts requests and verdicts. It does not count the reasons of
// refusals: whoever can read metrics could tell an unknown serial by them.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	accepted prometheus.Counter
	refused  prometheus.Counter
	decided  atomic.Int64 // both
}

func newMetrics(reg *prometheus.Registry) *metrics {
	verdicts := prometheus.NewCounterVec(
		prometheus.CounterOpts{Name: "ostiary_codes_total", Help: "Codes decided, by verdict."}, []string{"verdict"})
	m := &metrics{
		requests: prometheus.NewCounterVec(
			prometheus.CounterOpts{Name: "ostiary_http_requests_total",
				Help: "Requests answered, by route and status."}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(
			prometheus.HistogramOpts{Name: "ostiary_http_request_seconds", Help: "Time to answer, by route.",
				Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 30}}, []string{"route"}),
		accepted: verdicts.WithLabelValues("accepted"), refused: verdicts.WithLabelValues("refused"),
	}
	reg.MustRegister(verdicts, m.requests, m.seconds)
	return m
}

func (m *metrics) verified(valid bool) {
	m.decided.Add(1)
	if valid {
		m.accepted.Inc()
		return
	}
	m.refused.Inc()
}

// observe counts a request under its route's pattern, never under its path,
// which holds serials and names.
func (m *metrics) observe(r *http.Request, status int, took time.Duration) {
	route := r.Pattern
	if route == "" {
		route = "none"
	}
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
}
