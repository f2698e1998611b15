package api

import (
	"context"
	"net/http"

	"ostiary/internal/core/authz"
	"ostiary/internal/doors/look"
	"ostiary/internal/doors/upload"
	"ostiary/internal/doors/wire"
)

// What a door of pages has in common with REST: it is served beside it, its lists take
// turns with those of REST, its codes are counted, and its errors have the same words.

// Mount serves pages beside REST, by their patterns of http.ServeMux.
func (a *API) Mount(pages map[string]look.Visited) {
	for pattern, page := range pages {
		a.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost {
				r.Body = http.NoBody // FormValue would read it, however long it is
			}
			c := callerOf(r.Context())
			page(w, r, look.Visit{Source: c.source, Request: c.request})
		})
	}
}

// Turn makes a list or a search when it is its caller's turn.
func (a *API) Turn(ctx context.Context, p authz.Principal, do func(context.Context) error) error {
	return a.browsing.turn(ctx, p.Name+" "+p.ID, do)
}

// Verified counts a code that was decided.
func (a *API) Verified(valid bool) { a.metrics.verified(valid) }

// Upload bounds the body of a request that brings a file, and asks for its pace.
func (a *API) Upload(w http.ResponseWriter, r *http.Request) *upload.Body {
	body := upload.NewBody(http.MaxBytesReader(w, r.Body, a.cfg.MaxUpload), http.NewResponseController(w).SetReadDeadline,
		a.cfg.Pace)
	r.Body = body
	return body
}

// MaxUpload is how large such a body may be, in bytes.
func (a *API) MaxUpload() int64 { return a.cfg.MaxUpload }

// Problem words an error for p, and logs what p does not see.
func (a *API) Problem(ctx context.Context, p authz.Principal, request string, err error) wire.Problem {
	return a.problem(ctx, caller{principal: p, known: true, request: request}, err).Problem
}
