// Package api is the REST face: it decodes a request, knows the caller, asks
// authz, calls the engine, and words the answer. What is decided is decided
// elsewhere.
//
// Every operation is registered through register, which ties it to a row of the
// permission matrix; New fails on one that has none. Errors leave as problem
// documents (RFC 9457), made in one place. The OpenAPI description at
// /api/v1/openapi.json is made from the same registrations; openapi.json beside
// this file is its golden copy.
package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/peer"
	"ostiary/internal/doors/look"
	"ostiary/internal/doors/upload"
	"ostiary/internal/doors/wire"
	"ostiary/internal/engine/activations"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/engine/events"
	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/jobs"
	"ostiary/internal/engine/ledger"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/overview"
	"ostiary/internal/engine/profiles"
	"ostiary/internal/engine/selfservice"
	"ostiary/internal/engine/tempcodes"
	"ostiary/internal/engine/users"
	"ostiary/internal/store"
)

// Verifier decides codes; *codes.Engine is one.
type Verifier interface {
	Explain(ctx context.Context, r codes.Request) (codes.Verdict, error)
	Resync(ctx context.Context, r codes.ResyncRequest) (valid bool, err error)
	Confirm(ctx context.Context, r codes.ConfirmRequest) (valid bool, err error)
	Policy() codes.Policy
	Locked(failures int, retryAt time.Time) bool
	// Holds says which failures lock now, for lists; see codes.Engine.Holds.
	Holds() (failures int, delay store.Span)
}

// Config holds what the API stands on. All fields are required, but Ready,
// Settings, PublicURL, Pages and MaxUpload.
type Config struct {
	Version     string
	Verifier    Verifier
	Lifecycle   *lifecycle.Service
	Imports     *imports.Service
	Jobs        *jobs.Service
	Activations *activations.Service
	Profiles    *profiles.Service
	Users       *users.Users
	Temporary   *tempcodes.Codes
	SelfService *selfservice.Service
	Keys        *credentials.Keys
	Root        *credentials.Root
	Accounts    *credentials.Accounts
	Ledger      *ledger.Ledger
	Overview    *overview.Service
	Events      *events.Outbox
	Log         *slog.Logger
	Metrics     *prometheus.Registry
	// Ready reports whether requests can be served; nil means always.
	Ready func(context.Context) error
	// Degraded reports whether forged rows were found, or the last verification found what
	// does not fit; nil means never.
	Degraded func() bool
	// Lacks says what the database lacks to keep what it confirms, in words for everybody.
	Lacks func() []string
	// Settings are those that the server was started with.
	Settings []wire.Setting
	// PublicURL is where users reach this server, for enrolment links, such as
	// https://tokens.example.com; empty until Listening says it.
	PublicURL string
	// Proxies are those that are believed when they say for whom they speak.
	Proxies peer.Proxies
	// Pages are what other doors show to browsers, by the pattern of http.ServeMux.
	Pages map[string]http.Handler
	// MaxUpload bounds a seed file in bytes; zero means 1 GiB.
	MaxUpload int64
	// Pace is asked of uploads; zero means upload.DefaultPace.
	Pace upload.Pace
}

// API serves HTTP.
type API struct {
	cfg     Config
	huma    huma.API
	mux     *http.ServeMux
	used    []authz.Operation
	metrics *metrics
	ids     requestIDs

	browsing *browsing
}

// New builds the API.
func New(cfg Config) (*API, error) {
	if cfg.Verifier == nil || cfg.Lifecycle == nil || cfg.Imports == nil || cfg.Activations == nil ||
		cfg.Profiles == nil || cfg.Users == nil || cfg.Temporary == nil || cfg.Keys == nil || cfg.Root == nil ||
		cfg.Accounts == nil || cfg.Jobs == nil || cfg.Ledger == nil || cfg.Overview == nil || cfg.Events == nil ||
		cfg.SelfService == nil || cfg.Log == nil || cfg.Metrics == nil {
		return nil, errors.New("api: a required part is missing")
	}
	if cfg.MaxUpload == 0 {
		cfg.MaxUpload = upload.DefaultMost
	}
	if cfg.Pace == (upload.Pace{}) {
		cfg.Pace = upload.DefaultPace
	}
	a := &API{cfg: cfg, mux: http.NewServeMux(), metrics: newMetrics(cfg.Metrics), ids: newRequestIDs()}
	a.browsing = newBrowsing(&a.metrics.decided)
	hc := huma.DefaultConfig("Ostiary", cfg.Version)
	hc.Info.Description = "Authentication-token server: tokens, their codes, and everything that happens to them. " +
		"Errors are problem documents (RFC 9457). 503 means that the server takes no changes at the moment and " +
		"that this one was not made; 500 with the code outcome_unknown, that it may have been made or not."
	hc.OpenAPIPath, hc.DocsPath, hc.SchemasPath = "/api/v1/openapi", "", ""
	hc.CreateHooks = nil // no $schema members in answers
	hc.Formats = map[string]huma.Format{"application/json": strictJSON, "json": strictJSON}
	hc.RejectUnknownQueryParameters = true
	hc.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"bearer": {Type: "http", Scheme: "bearer", Description: "An API key, or the token of a session."},
	}
	hc.Security = []map[string][]string{{"bearer": {}}}
	setFramework()
	a.huma = humago.New(a.mux, hc)
	a.routes()
	return a, authz.Check(a.used...)
}

func (a *API) routes() {
	a.verifyRoutes()
	a.tokenRoutes()
	a.creationRoutes()
	a.careRoutes()
	a.outboxRoutes()
	a.enrolmentRoutes()
	a.activationRoutes()
	a.deviceRoutes()
	a.selfServiceRoutes()
	a.typeRoutes()
	a.profileRoutes()
	a.profileLimitRoutes()
	a.seriesRoutes()
	a.importRoutes()
	a.exportRoutes()
	a.jobRoutes()
	a.moveRoutes()
	a.userRoutes()
	a.userListRoutes()
	a.codeRoutes()
	a.linkRoutes()
	a.keyRoutes()
	a.sessionRoutes()
	a.ownSessionRoutes()
	a.adminRoutes()
	a.settingRoutes()
	a.auditRoutes()
	a.archiveRoutes()
	a.overviewRoutes()
	a.healthRoutes()
	for _, pages := range []map[string]http.Handler{look.Assets(), a.cfg.Pages} {
		for pattern, page := range pages {
			a.mux.Handle(pattern, page)
		}
	}
	a.mux.HandleFunc("/", a.noRoute)
}

// OpenAPI gives the description of the API as JSON.
func (a *API) OpenAPI() ([]byte, error) { return a.huma.OpenAPI().MarshalJSON() }

// ServeHTTP serves a request that came over the network: its caller must bring
// an API key or a session's token.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	source := a.cfg.Proxies.Client(r.RemoteAddr, r.Header.Values("X-Forwarded-For"))
	a.serve(w, r, caller{source: source, request: a.ids.next()})
}

// Local serves requests that came through the socket in the data directory,
// which only the server's own user can open. Who names the caller.
func (a *API) Local(who func(*http.Request) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := authz.Principal{Name: "local:" + who(r), Role: authz.Root}
		a.serve(w, r, caller{principal: p, known: true, source: "local", request: a.ids.next()})
	})
}

// Header values that all answers have, so that they are made once.
var noStore, noSniff = []string{"no-store"}, []string{"nosniff"}

func (a *API) serve(w http.ResponseWriter, r *http.Request, c caller) {
	start := time.Now()
	rec := recorder{ResponseWriter: w}
	if !c.known {
		if err := c.identify(r, a.cfg); err != nil {
			a.cfg.Log.WarnContext(r.Context(), "the use of a key or a session could not be recorded", "error", err)
		}
	}
	defer func() {
		if p := recover(); p != nil {
			a.panicked(&rec, r, c, p)
		}
		a.done(r, c, rec.status, time.Since(start))
	}()
	h := rec.Header()
	h["X-Request-Id"] = []string{c.request}
	h["Cache-Control"], h["X-Content-Type-Options"] = noStore, noSniff
	if rest := a.answered(&rec, r, c); rest != nil {
		r = rest.WithContext(withCaller(r.Context(), c))
		a.mux.ServeHTTP(&rec, r)
	}
}

// panicked answers for a defect without showing it.
func (a *API) panicked(rec *recorder, r *http.Request, c caller, p any) {
	if p == http.ErrAbortHandler {
		panic(p)
	}
	if err, ok := p.(error); ok && errors.Is(err, errGone) { // the framework panics when it cannot write
		a.cfg.Log.DebugContext(r.Context(), "the client has disconnected", "error", err, "request", c.request)
		panic(http.ErrAbortHandler)
	}
	a.cfg.Log.ErrorContext(r.Context(), "panic in a request", "panic", p, "path", r.URL.Path, "request", c.request)
	switch problem := newProblem(internalError(nil), c.request); {
	case rec.status != 0:
	case look.Browses(r):
		look.Fail(rec, r, look.Trouble{Status: problem.Status, Title: "Something went wrong",
			Detail: problem.Detail, Hint: problem.Hint, Request: c.request})
	default:
		problem.write(rec)
	}
}

func (a *API) done(r *http.Request, c caller, status int, took time.Duration) {
	a.metrics.observe(r, status, took)
	if a.cfg.Log.Enabled(r.Context(), slog.LevelDebug) {
		a.cfg.Log.DebugContext(r.Context(), "request", "method", r.Method, "path", r.URL.Path, "status", status,
			"took", took, "caller", c.principal.Name, "source", c.source, "request", c.request)
	}
}

// recorder remembers the status.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	if err != nil {
		err = fmt.Errorf("%w: %w", errGone, err)
	}
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// slowestBody, in bytes a second, is how slowly a body may come.
const slowestBody = 16 << 10

// register adds an operation that needs a right. op is completed with what all
// operations have in common.
func register[I, O any](a *API, needs authz.Operation, op huma.Operation, do func(context.Context, caller, *I) (
	*O, error)) {
	a.used = append(a.used, needs)
	if op.MaxBodyBytes == 0 {
		op.MaxBodyBytes = 16 << 10
	}
	if op.BodyReadTimeout == 0 {
		op.BodyReadTimeout = 5*time.Second + time.Duration(op.MaxBodyBytes)*time.Second/slowestBody
	}
	if len(op.Errors) == 0 {
		op.Errors = []int{http.StatusUnauthorized, http.StatusForbidden}
	}
	mayBeEmpty := func(string) bool { return false }
	if in, ok := any(new(I)).(interface{ mayBeEmpty(string) bool }); ok {
		mayBeEmpty = in.mayBeEmpty
	}
	op.Middlewares = append(op.Middlewares, a.gate(needs, mayBeEmpty))
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		c := callerOf(ctx)
		out, err := do(ctx, c, in)
		if err != nil {
			return nil, a.problem(ctx, c, err)
		}
		return out, nil
	})
}

// gate asks for the right before anything of the request is read, so that
// whoever has none learns nothing about its form, nor makes the server read it.
func (a *API) gate(needs authz.Operation, mayBeEmpty func(string) bool) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		c := callerOf(ctx.Context())
		err := c.may(needs)
		if err == nil {
			err = checkQuery(ctx.URL(), mayBeEmpty)
		}
		if err != nil {
			_, w := humago.Unwrap(ctx)
			a.problem(ctx.Context(), c, err).write(w)
			return
		}
		next(ctx)
	}
}

// checkQuery refuses a query that cannot be read to its end, or that gives a
// parameter twice, of which a proxy may have read the other one. It refuses an empty
// parameter, too: a script whose variable is not set would get more than it asked for.
func checkQuery(u url.URL, mayBeEmpty func(name string) bool) error {
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return fault.New(fault.Invalid, "malformed_query", "The query is malformed.").Because(err)
	}
	for name, values := range query {
		if len(values) > 1 {
			return fault.New(fault.Invalid, "duplicate_parameter", fmt.Sprintf("The query parameter %q is "+
				"given %d times.", name, len(values)))
		}
		if values[0] == "" && !mayBeEmpty(name) {
			return fault.New(fault.Invalid, "empty_parameter", fmt.Sprintf("The query parameter %q is empty.", name)).
				WithHint("Give it a value, or leave it out: an empty filter is not ignored.")
		}
	}
	return nil
}
