package api

import (
	"errors"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"ostiary/internal/store"
)

// healthRoutes are for machines that watch the server. They need no key and
// tell nothing about tokens or users.
func (a *API) healthRoutes() {
	a.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if a.cfg.Degraded != nil && a.cfg.Degraded() {
			a.health(w, http.StatusOK, "degraded") // it serves, but somebody has to look
			return
		}
		a.health(w, http.StatusOK, "ok")
	})
	a.mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if a.cfg.Ready != nil {
			if err := a.cfg.Ready(r.Context()); err != nil {
				a.cfg.Log.WarnContext(r.Context(), "not ready", "error", err)
				a.health(w, http.StatusServiceUnavailable, "not ready", why(err))
				return
			}
		}
		a.health(w, http.StatusOK, "ready")
	})
	a.mux.Handle("GET /metrics", promhttp.HandlerFor(a.cfg.Metrics, promhttp.HandlerOpts{}))
}

// why says to everybody why the server takes no codes. The log has it in full.
func why(err error) string {
	if errors.Is(err, store.ErrTampered) {
		return "the database was changed by another program"
	}
	if errors.Is(err, store.ErrOvertaken) {
		return "a newer version of Ostiary has upgraded the database: this server stops"
	}
	return "the database does not answer, or takes no changes"
}

// health answers with lines, of which the first is for machines, and a line for each thing that
// the database lacks.
func (a *API) health(w http.ResponseWriter, status int, lines ...string) {
	if a.cfg.Lacks != nil {
		lines = append(lines, a.cfg.Lacks()...)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(strings.Join(lines, "\n") + "\n"))
}
