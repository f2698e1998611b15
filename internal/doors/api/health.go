package api

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// healthRoutes are for machines that watch the server. They need no key and
// tell nothing about tokens or users.
func (a *API) healthRoutes() {
	a.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if a.cfg.Degraded != nil && a.cfg.Degraded() {
			plain(w, http.StatusOK, "degraded") // it serves, but somebody has to look
			return
		}
		plain(w, http.StatusOK, "ok")
	})
	a.mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if a.cfg.Ready != nil {
			if err := a.cfg.Ready(r.Context()); err != nil {
				a.cfg.Log.WarnContext(r.Context(), "not ready", "error", err)
				plain(w, http.StatusServiceUnavailable, "not ready")
				return
			}
		}
		plain(w, http.StatusOK, "ready")
	})
	a.mux.Handle("GET /metrics", promhttp.HandlerFor(a.cfg.Metrics, promhttp.HandlerOpts{}))
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}
